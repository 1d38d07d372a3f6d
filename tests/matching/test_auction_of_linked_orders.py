"""Linked orders in an auction: one leg trades at most once; what follows from a fill waits until it is over."""

from typing import Any

from matching.commands import NewOrderList, SetTradingPhase
from matching.events import Event
from matching.terms import Terms
from matching.types import STOP, TradingPhase
from tests.matching.harness import Harness, brief, buy, sell

OWN: dict[str, Any] = {"session_id": 1, "account_id": 1}
OTHER: dict[str, Any] = {"session_id": 3, "account_id": 3}


def phase(to: TradingPhase) -> SetTradingPhase:
    """An operator's command."""
    return SetTradingPhase(1, to, "ops", "test")


def orders_of(events: list[Event]) -> list[tuple[Any, ...]]:
    """What is said of orders: ClOrdID, ExecType, OrdStatus, LeavesQty and CumQty."""
    return [row[:5] for row in brief(events) if len(row) > 1]


def test_second_leg_takes_no_part_and_the_link_ends_with_the_auction(special: Harness) -> None:
    legs = sell("near", 10, 10_100, **OWN), sell("far", 10, 10_150, **OWN)
    special.apply(NewOrderList(1, 1, 7, "L1", "oco", legs), phase("volatility halt"))
    special.apply(buy("b", 20, 10_200, **OTHER))
    events = orders_of(special.finish(phase("continuous")))
    assert events == [("far", "4", "4", 0, 0), ("b", "F", "1", 10, 10), ("near", "F", "2", 0, 10)]
    assert special.book() == ([(10_200, 10, 1)], [])


def test_legs_of_an_entry_are_sized_when_its_auction_is_over(special: Harness) -> None:
    entry = buy("e", 10, 10_000, **OWN)
    legs = sell("tp", 10, 10_100, **OWN), sell("sl", 10, 0, ord_type=STOP, terms=Terms(stop_price=9_900), **OWN)
    special.apply(NewOrderList(1, 1, 7, "L1", "bracket", (entry, *legs)), phase("volatility halt"))
    special.apply(sell("s", 6, 10_000, **OTHER))
    events = orders_of(special.finish(phase("continuous")))
    sized = [row for row in events if row[1] == "D"]
    assert sized == [("tp", "D", "0", 6, 0), ("sl", "D", "0", 6, 0)]
    assert events.index(sized[0]) > max(index for index, row in enumerate(events) if row[1] == "F")
    assert special.book() == ([(10_000, 4, 1)], [(10_100, 6, 1)])
