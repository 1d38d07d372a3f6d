"""Faults planted in the real parts, each small and rare: the simulation has to find every one of them.

Each is a context in which the exchange is wrong. All are functions of the state alone, so that a replay goes wrong in
the same way and cannot find them.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final

import msgspec
import pytest

from gateway.exchange import Exchange
from gateway.intake import Intake
from gateway.sessions import GatewaySession
from gateway.wire import BYTES
from matching.book import BookSide
from matching.desk import OrderDesk
from matching.events import Event
from matching.order import Order
from matching.types import Side
from risk.engine import RiskEngine
from tests.sim.bugs_of_copies import BUGS_OF_COPIES, EXPECTED_OF_COPIES
from tests.sim.bugs_of_corrections import BUGS_OF_CORRECTIONS, EXPECTED_OF_CORRECTIONS
from tests.sim.bugs_of_quotes import BUGS_OF_QUOTES, EXPECTED_OF_QUOTES
from tests.sim.bugs_of_scopes import BUGS_OF_SCOPES, EXPECTED_OF_SCOPES


@contextmanager
def lost_cancel() -> Iterator[None]:
    """Of two cancels that a session sends in one turn, the second is forgotten."""
    take = Intake._message
    seen: dict[int, tuple[int, int]] = {}

    def message(
        self: Intake, session: GatewaySession, msg_seq_num: int, msg_type: str, poss_resend: bool, values: Any
    ) -> None:
        if msg_type == "F":
            turn = (session.session_id, self._pipeline.next_batch_seq)
            if seen.get(id(self)) == turn:
                return
            seen[id(self)] = turn
        take(self, session, msg_seq_num, msg_type, poss_resend, values)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Intake, "_message", message)
        yield


@contextmanager
def double_fill() -> Iterator[None]:
    """An aggressor that has taken two orders at once and is done trades the last time once more."""
    match = OrderDesk.match

    def match_again(self: OrderDesk, order: Order, opposite: BookSide, limit_key: int, out: list[Event]) -> None:
        before = self.last_trade_id
        match(self, order, opposite, limit_key, out)
        if self.last_trade_id == before + 2 and not order.leaves_qty:
            self.last_trade_id += 1
            for last in out[-2:]:
                self.last_exec_id += 1
                again = {"exec_id": self.last_exec_id, "trade_id": self.last_trade_id}
                out.append(msgspec.structs.replace(last, **again))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(OrderDesk, "match", match_again)
        yield


@contextmanager
def early_release() -> Iterator[None]:
    """Where three or more items wait for a commit and one is of a batch, they go just before it."""
    commit = Exchange._commit

    def release_first(self: Exchange, *, had_orders: bool) -> None:
        _, items = self._pipeline.committable()
        if len(items) >= 3 and any(item[0] == BYTES and item[3] for item in items):
            for item in items:
                self._wire.release(item[1], item[2])
        commit(self, had_orders=had_orders)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Exchange, "_commit", release_first)
        yield


@contextmanager
def wrong_priority() -> Iterator[None]:
    """An order that comes third at its price goes in front of the second."""
    append = BookSide.append

    def push_in(self: BookSide, order: Order) -> None:
        append(self, order)
        level = order.level
        assert level is not None
        second = order.previous
        if level.order_count == 3 and second is not None and second.previous is not None:
            first = second.previous
            first.next, order.previous = order, first
            order.next, second.previous = second, order
            second.next, level.tail = None, second

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BookSide, "append", push_in)
        yield


@contextmanager
def leaked_hold() -> Iterator[None]:
    """What a sell order of seven or more lots holds is given back but for one lot."""
    release = RiskEngine.release

    def keep_one(self: RiskEngine, exposure: int, side: Side, price: int, leaves_qty: int) -> None:
        release(self, exposure, side, price, leaves_qty)
        line = self.exposures[exposure]
        if side == "2" and line.is_spot and leaves_qty >= 7:
            line.position.held += 1

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RiskEngine, "release", keep_one)
        yield


BUGS: Final[Mapping[str, Callable[[], AbstractContextManager[None]]]] = {
    "lost cancel": lost_cancel,
    "double fill": double_fill,
    "early release": early_release,
    "wrong priority": wrong_priority,
    "leaked hold": leaked_hold,
    **BUGS_OF_SCOPES,
    **BUGS_OF_QUOTES,
    **BUGS_OF_CORRECTIONS,
    **BUGS_OF_COPIES,
}
EXPECTED: Final[Mapping[str, frozenset[str]]] = {
    "lost cancel": frozenset({"unanswered", "no rest"}),
    "double fill": frozenset({"quantities", "priority", "postings"}),
    "early release": frozenset({"early release", "record differs", "member numbers"}),
    "wrong priority": frozenset({"priority"}),
    "leaked hold": frozenset({"holds"}),
    **EXPECTED_OF_SCOPES,
    **EXPECTED_OF_QUOTES,
    **EXPECTED_OF_CORRECTIONS,
    **EXPECTED_OF_COPIES,
}
"""By bug: the judges that may object to it. Another objection is about something else."""
