"""Linked orders in an auction: one leg trades at most once; what follows from a fill waits until it is over."""

from typing import Any

import pytest

from matching import work
from matching.commands import EndTradingDay, NewOrderList, SetTradingPhase, TellIndicativePrice
from matching.events import Event, IndicativePrice
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


def test_worse_leg_takes_no_part_and_the_link_ends_with_the_auction(special: Harness) -> None:
    legs = sell("near", 10, 10_100, **OWN), sell("far", 10, 10_150, **OWN)
    special.apply(NewOrderList(1, 1, 7, "L1", "oco", legs), phase("volatility halt"))
    special.apply(buy("b", 20, 10_200, **OTHER))
    events = orders_of(special.finish(phase("continuous")))
    assert events == [("b", "F", "1", 10, 10), ("near", "F", "2", 0, 10), ("far", "4", "4", 0, 0)]
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


@pytest.mark.parametrize("steps", [1, 500])
@pytest.mark.parametrize("near_first", [True, False])
def test_link_stays_as_it_is_where_its_auction_does_not_reach_it(
    special: Harness, monkeypatch: pytest.MonkeyPatch, steps: int, near_first: bool
) -> None:
    monkeypatch.setattr(work, "ORDERS_PER_STEP_MAX", steps)
    near, far = sell("near", 10, 10_100, **OWN), sell("far", 10, 10_150, **OWN)
    legs = (near, far) if near_first else (far, near)
    special.apply(NewOrderList(1, 1, 7, "L1", "oco", legs), phase("volatility halt"))
    assert orders_of(special.finish(phase("continuous"))) == [], "nothing traded"
    special.apply(phase("volatility halt"), buy("b", 5, 10_000, **OTHER), sell("s", 5, 10_000))
    assert {row[0] for row in orders_of(special.finish(phase("continuous")))} == {"b", "s"}, "it traded below them"
    assert special.book() == ([], [(10_100, 10, 1), (10_150, 10, 1)])
    special.finish(buy("c", 10, 10_100, **OTHER))
    assert special.book() == ([], []), "they are linked as before"


@pytest.mark.parametrize("steps", [1, 2, 500])
def test_worse_leg_is_cut_behind_the_auction_to_what_is_left(
    special: Harness, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    monkeypatch.setattr(work, "ORDERS_PER_STEP_MAX", steps)
    legs = sell("far", 10, 10_150, **OWN), sell("near", 10, 10_100, **OWN)
    special.apply(NewOrderList(1, 1, 7, "L1", "oco", legs), phase("volatility halt"))
    special.apply(buy("b", 4, 10_200, **OTHER))
    events = orders_of(special.finish(phase("continuous")))
    assert events == [("b", "F", "2", 0, 4), ("near", "F", "1", 6, 4), ("far", "D", "0", 6, 0)]
    assert special.book() == ([], [(10_100, 6, 1), (10_150, 6, 1)])


@pytest.mark.parametrize("steps", [1, 2, 500])
def test_book_is_not_crossed_behind_an_auction_that_only_the_better_leg_took_part_in(
    special: Harness, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    """The worse leg stands before a plain order of its price, which trades without it, and could trade itself."""
    monkeypatch.setattr(work, "ORDERS_PER_STEP_MAX", steps)
    special.apply(phase("volatility halt"))
    special.apply(NewOrderList(1, 1, 7, "L1", "oco", (sell("far", 10, 10_150, **OWN), sell("near", 10, 10_100, **OWN))))
    special.apply(sell("plain", 5, 10_150), buy("b", 30, 10_200, **OTHER))
    events = orders_of(special.finish(phase("continuous")))
    assert [row[:2] for row in events] == [("b", "F"), ("near", "F"), ("b", "F"), ("plain", "F"), ("far", "4")]
    assert special.book() == ([(10_200, 15, 1)], [])


def test_indicative_price_counts_one_leg_of_a_link(special: Harness) -> None:
    special.apply(phase("volatility halt"))
    special.apply(NewOrderList(1, 1, 7, "L1", "oco", (sell("far", 10, 10_150, **OWN), sell("near", 10, 10_100, **OWN))))
    (told,) = special.apply(buy("b", 20, 10_200, **OTHER), TellIndicativePrice(1))[-1:]
    assert isinstance(told, IndicativePrice)
    assert (told.qty, told.surplus) == (10, 10)


def test_a_leg_at_the_close_that_its_entry_sizes_still_waits_for_the_close(special: Harness) -> None:
    entry, leg = buy("e", 10, 10_000, **OWN), sell("c", 10, 10_100, time_in_force="7", **OWN)
    special.apply(NewOrderList(1, 1, 7, "L1", "oto", (entry, leg)))
    events = orders_of(special.apply(sell("s", 4, 10_000, **OTHER)))
    assert events[-1] == ("c", "D", "0", 4, 0)
    assert special.book() == ([(10_000, 6, 1)], []), "it waits outside of the book"
    special.apply(buy("b", 10, 10_100, **OTHER))
    joined = orders_of(special.finish(phase("closing auction")))
    assert joined == [("c", "D", "0", 4, 0)]
    events = orders_of(special.finish(phase("closed")))
    assert ("c", "F", "2", 0, 4) in events


def cut_near_leg(special: Harness) -> None:
    """Two sells of 10 that end each other, the nearer one cut to 6 by self-match prevention; then a call."""
    terms = Terms(self_match_id="own", self_match_mode="decrement")
    legs = sell("near", 10, 10_100, terms=terms, **OWN), sell("far", 10, 10_150, **OWN)
    special.apply(NewOrderList(1, 1, 7, "L1", "oco", legs), buy("own", 4, 10_100, terms=terms, **OWN))
    assert special.book() == ([], [(10_100, 6, 1), (10_150, 10, 1)])


def test_a_leg_that_is_left_beyond_the_other_side_enters_behind_the_auction(special: Harness) -> None:
    cut_near_leg(special)
    special.apply(phase("volatility halt"), buy("b", 20, 10_200, **OTHER))
    events = orders_of(special.finish(phase("continuous")))
    assert events == [
        ("b", "F", "1", 14, 6),
        ("near", "F", "2", 0, 6),
        ("far", "D", "0", 4, 0),
        ("far", "D", "0", 4, 0),
        ("b", "F", "1", 10, 10),
        ("far", "F", "2", 0, 4),
    ]
    assert special.book() == ([(10_200, 10, 1)], [])


def test_a_leg_that_a_closing_auction_leaves_beyond_the_other_side_trades_when_the_market_opens(
    special: Harness,
) -> None:
    cut_near_leg(special)
    special.apply(phase("closing auction"), buy("b", 20, 10_200, time_in_force="1", **OTHER))
    assert orders_of(special.finish(phase("closed")))[-1] == ("far", "D", "0", 4, 0)
    assert special.book() == ([(10_200, 14, 1)], [(10_150, 4, 1)])
    events = orders_of(special.finish(phase("continuous")))
    assert events == [("b", "F", "1", 10, 10), ("far", "F", "2", 0, 4)]
    assert special.book() == ([(10_200, 10, 1)], [])


def test_a_leg_at_the_opening_does_not_enter_in_continuous_trading(special: Harness) -> None:
    """Its entry fills in the opening auction: too late for it, so that it waits until the day is over."""
    special.apply(phase("pre-open"))
    entry, leg = buy("e", 10, 10_000, **OWN), sell("o", 10, 10_100, time_in_force="2", **OWN)
    special.apply(NewOrderList(1, 1, 7, "L1", "oto", (entry, leg)), sell("s", 10, 10_000, **OTHER))
    events = orders_of(special.finish(phase("continuous")))
    assert [row[0] for row in events] == ["e", "s"]
    assert special.book() == ([], [])
    assert ("o", "C", "C", 0, 0) in orders_of(special.finish(EndTradingDay(20_260_102)))
