"""Which orders work over a whole scope has: the open ones of the scope, found without a call for each order."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from matching import work
from matching.commands import CancelSessionOrders, DelistInstrument, MassCancel, RequestMassStatus, SetKillSwitch
from matching.events import WorkLeft
from matching.order import Order
from matching.work import Work
from tests.matching.harness import ACC1, ACC2, ACC3, MAKER, TRADER, TRADER_FIX42, Harness, buy, cancel, order
from tests.matching.test_state_records import reload


def _killed(scope: Any, target_id: int, name: str = "") -> SetKillSwitch:
    return SetKillSwitch(scope, target_id, True, "ops", "", name)


def _is_of_traders_perps(each: Order) -> bool:
    return each.session.session_id != MAKER and each.instrument_id == 2


SCOPES: dict[str, tuple[Work, Callable[[Order], bool]]] = {
    "session": (
        Work(kind="cancel session", target_id=TRADER, text="", order_ids=[]),
        lambda each: each.session.session_id == TRADER,
    ),
    "instrument": (
        Work(kind="cancel instrument", target_id=2, text="", order_ids=[]),
        lambda each: each.instrument_id == 2,
    ),
    "account": (
        Work(kind="cancel account", target_id=ACC3, text="", order_ids=[], request=_killed("account", ACC3)),
        lambda each: each.account_id == ACC3,
    ),
    "accounts": (
        Work(
            kind="cancel disconnected accounts",
            target_id=TRADER,
            text="",
            order_ids=[],
            request=CancelSessionOrders(TRADER, "gone", account_ids=(ACC1, ACC2)),
        ),
        lambda each: each.account_id in (ACC1, ACC2),
    ),
    "firm": (
        Work(kind="cancel firm", target_id=0, text="", order_ids=[], request=_killed("firm", 0, "FIRM")),
        lambda each: True,
    ),
    "another firm": (
        Work(kind="cancel firm", target_id=0, text="", order_ids=[], request=_killed("firm", 0, "NOBODY")),
        lambda each: False,
    ),
    "market": (
        Work(kind="cancel market", target_id=0, text="", order_ids=[], request=_killed("market", 0)),
        lambda each: True,
    ),
    "mass cancel": (
        Work(
            kind="mass cancel",
            target_id=0,
            text="",
            order_ids=[],
            request=MassCancel(TRADER, 1, 9, "q", "7", 0, "perpetual"),
        ),
        _is_of_traders_perps,
    ),
    "mass status": (
        Work(
            kind="mass status",
            target_id=0,
            text="",
            order_ids=[],
            request=RequestMassStatus(TRADER, 1, 9, "r", 2, "", "1", ACC3),
        ),
        lambda each: _is_of_traders_perps(each) and each.account_id == ACC3 and each.side == "1",
    ),
}


def _fill(exchange: Harness, count: int) -> None:
    """Enter `count` orders of all sessions, accounts and instruments that rest, every fifth of which is canceled."""
    for n in range(count):
        session_id = (TRADER, TRADER_FIX42, MAKER)[n % 3]
        names: dict[str, Any] = {
            "session_id": session_id,
            "account_id": 1 + n // 3 % 3,
            "instrument_id": 1 + n // 9 % 2,
        }
        side: Any = "12"[n // 2 % 2]
        exchange.apply(order(f"o{n}", side, 1, 9_900 if side == "1" else 10_100, **names))
        if n % 5 == 0:
            exchange.apply(cancel(f"c{n}", f"o{n}", side, session_id=session_id, instrument_id=names["instrument_id"]))


@pytest.mark.parametrize("is_restarted", [False, True], ids=["steady", "restarted"])
@pytest.mark.parametrize("scope", SCOPES)
def test_a_scope_has_its_open_orders_ascending(exchange: Harness, scope: str, *, is_restarted: bool) -> None:
    _fill(exchange, 54)
    if is_restarted:
        exchange = reload(exchange)
    orders = exchange.engine.desk.orders
    piece, is_of = SCOPES[scope]
    expected = [key for key, each in sorted(orders.items()) if each.is_open() and is_of(each)]
    assert bool(expected) == (scope != "another firm")
    assert list(exchange.engine.operations.steps._orders_of(piece)) == expected


@pytest.mark.parametrize("scope", SCOPES)
def test_no_function_is_called_for_each_order(exchange: Harness, scope: str) -> None:
    _fill(exchange, 36)
    few = _calls(exchange, SCOPES[scope][0])
    other = Harness()
    _fill(other, 144)
    assert _calls(other, SCOPES[scope][0]) == few


def _calls(exchange: Harness, piece: Work) -> int:
    """Count the calls of functions that finding the orders takes."""
    count = 0

    def note(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    steps = exchange.engine.operations.steps
    sys.setprofile(note)
    try:
        steps._orders_of(piece)
    finally:
        sys.setprofile(None)
    return count


def test_a_delisted_instrument_does_no_work_for_orders_that_have_closed(
    exchange: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "ORDERS_PER_STEP_MAX", 3)
    for n in range(8):
        exchange.apply(buy(f"a{n}", 1, 9_900), cancel(f"c{n}", f"a{n}"))
    exchange.apply(buy("open", 1, 9_900))
    events = exchange.apply(DelistInstrument(1, "ops", "merger"))
    assert not exchange.engine.has_work
    assert not [each for each in events if isinstance(each, WorkLeft)]
