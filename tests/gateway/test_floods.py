"""Sessions over their throttle are read later, by as much as was refused of them, and no others."""

from typing import cast

from gateway.floods import PAUSE_US_MAX, REFUSAL_PAUSE_US, Floods
from gateway.sessions import SessionBook
from gateway.wire import Wire
from tests.support.sessions import gateway_session


class Paces:
    """A wire that notes who is read later."""

    def __init__(self) -> None:
        self.pauses: list[tuple[int, int]] = []

    def pace(self, session_id: int, microseconds: int) -> None:
        self.pauses.append((session_id, microseconds))


def test_a_session_waits_by_what_was_refused_of_it_up_to_a_bound_and_once() -> None:
    session = gateway_session()
    wire = Paces()
    floods = Floods(cast("Wire", wire), SessionBook([session]))
    floods.slow_down()
    for count in (1, 2, 1_000):
        for _ in range(count):
            floods.refused(session.session_id)
        floods.slow_down()
        floods.slow_down()
    pauses = [REFUSAL_PAUSE_US, 2 * REFUSAL_PAUSE_US, PAUSE_US_MAX]
    assert wire.pauses == [(session.session_id, pause) for pause in pauses]


def test_a_session_that_is_gone_is_not_waited_for() -> None:
    wire = Paces()
    floods = Floods(cast("Wire", wire), SessionBook([]))
    floods.refused(7)
    floods.slow_down()
    assert wire.pauses == []
