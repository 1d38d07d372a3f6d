"""Sessions over their throttle are read later, and logged out when nothing of them is open any more."""

from typing import cast

from gateway.next_batch import NextBatch
from gateway.sessions import SessionBook
from gateway.throttled_sessions import LOGOUT_WAIT_NS, PAUSE_US_MAX, REFUSAL_PAUSE_US, ThrottledSessions
from gateway.wire import Wire
from matching.commands import CancelSessionOrders
from matching.events import SessionCut
from tests.support.sessions import gateway_session

SESSION = gateway_session().session_id


class NotingWire:
    """A wire that notes who is read later, and who is logged out."""

    def __init__(self) -> None:
        self.pauses: list[tuple[int, int]] = []
        self.logouts: list[tuple[int, str]] = []

    def pace(self, session_id: int, microseconds: int) -> None:
        self.pauses.append((session_id, microseconds))

    def logout(self, session_id: int, text: str) -> None:
        self.logouts.append((session_id, text))


class Gateway:
    """Sessions over their throttle, and what they touch; `open_sessions` have orders."""

    def __init__(self, *, is_sharded: bool = False, is_configured: bool = True) -> None:
        self.wire = NotingWire()
        self.session = gateway_session()
        self.session.logged_on = True
        self.next = NextBatch()
        self.open_sessions: set[int] = set()
        self.time_ns = 0
        self.throttled = ThrottledSessions(
            self.next,
            wire=cast("Wire", self.wire),
            sessions=SessionBook([self.session] if is_configured else []),
            clock=self,
            has_orders_of=self.open_sessions.__contains__,
            is_sharded=is_sharded,
        )

    def now_ns(self) -> int:
        """The time that the test has set."""
        return self.time_ns


def test_a_session_waits_by_what_was_refused_of_it_up_to_a_bound_and_once() -> None:
    gateway = Gateway()
    gateway.throttled.slow_down()
    for count in (1, 2, 1_000):
        for _ in range(count):
            gateway.throttled.refused(SESSION)
        gateway.throttled.slow_down()
        gateway.throttled.slow_down()
    pauses = [REFUSAL_PAUSE_US, 2 * REFUSAL_PAUSE_US, PAUSE_US_MAX]
    assert gateway.wire.pauses == [(SESSION, pause) for pause in pauses]


def test_a_session_that_is_gone_is_neither_waited_for_nor_logged_out() -> None:
    gateway = Gateway(is_configured=False)
    gateway.throttled.refused(SESSION)
    gateway.throttled.cut(SessionCut(SESSION, "too many"))
    gateway.throttled.slow_down()
    gateway.throttled.log_out()
    assert (gateway.wire.pauses, gateway.wire.logouts) == ([], [])
    assert not gateway.throttled.is_due()


def test_the_logout_waits_for_the_cancels_of_the_session_and_comes_once() -> None:
    gateway = Gateway()
    gateway.open_sessions.add(SESSION)
    gateway.throttled.cut(SessionCut(SESSION, "too many"))
    gateway.throttled.cut(SessionCut(SESSION, "too many again"))
    assert not gateway.throttled.is_due()
    gateway.throttled.log_out()
    assert gateway.wire.logouts == []
    gateway.open_sessions.clear()
    assert gateway.throttled.is_due()
    gateway.throttled.log_out()
    gateway.throttled.log_out()
    assert gateway.wire.logouts == [(SESSION, "too many")]
    assert gateway.next.commands == []


def test_the_logout_does_not_wait_for_ever() -> None:
    gateway = Gateway()
    gateway.open_sessions.add(SESSION)
    gateway.throttled.cut(SessionCut(SESSION, "too many"))
    gateway.time_ns = LOGOUT_WAIT_NS - 1
    gateway.throttled.log_out()
    assert gateway.wire.logouts == []
    gateway.time_ns = LOGOUT_WAIT_NS
    gateway.throttled.log_out()
    assert gateway.wire.logouts == [(SESSION, "too many")]


def test_a_session_that_has_left_is_not_logged_out_at_its_next_logon() -> None:
    gateway = Gateway()
    gateway.open_sessions.add(SESSION)
    gateway.throttled.cut(SessionCut(SESSION, "too many"))
    gateway.throttled.logged_out(SESSION)
    gateway.session.logged_on = False
    gateway.throttled.cut(SessionCut(SESSION, "too many"))
    gateway.session.logged_on = True
    gateway.open_sessions.clear()
    gateway.throttled.log_out()
    assert gateway.wire.logouts == []


def test_what_a_session_has_on_other_shards_is_canceled_before_it_is_logged_out() -> None:
    gateway = Gateway(is_sharded=True)
    gateway.throttled.cut(SessionCut(SESSION, "too many"))
    [command] = gateway.next.commands
    assert isinstance(command, CancelSessionOrders)
    assert (command.session_id, command.text) == (SESSION, "Canceled: too many")
    gateway.throttled.log_out()
    assert gateway.wire.logouts == []
    # The shards have been told, and have not answered yet.
    gateway.next.take_commands()
    gateway.open_sessions.add(SESSION)
    gateway.throttled.log_out()
    assert gateway.wire.logouts == []
    gateway.open_sessions.clear()
    gateway.throttled.log_out()
    assert gateway.wire.logouts == [(SESSION, "too many")]
