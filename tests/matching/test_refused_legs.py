"""A leg that cannot enter when its entry fills never takes the other exit of what was filled with it."""

from typing import Any

import pytest

from matching.commands import SetPermission, SetTradingPhase
from matching.events import Event, Execution
from matching.terms import Terms
from matching.types import GOOD_TILL_CANCEL
from tests.matching.harness import Harness, brief, buy, cancel, sell, text_of

BRACKET = Terms(take_profit=10_500, stop_loss=9_500)


def of(name: str, events: list[Event]) -> list[tuple[Any, ...]]:
    """What was said of one order, briefly."""
    return [row for row in brief(events) if row[0] == name]


def open_orders(harness: Harness) -> dict[str, int]:
    return {each.cl_ord_id: each.leaves_qty for each in harness.engine.desk.orders.values() if each.is_open()}


def phase(name: Any) -> SetTradingPhase:
    return SetTradingPhase(1, name, "operator", "")


def test_a_take_profit_that_is_refused_leaves_the_stop_loss_and_the_entry(special: Harness) -> None:
    special.apply(buy("e", 10, 10_000, terms=BRACKET), SetPermission(1, 1, "buy"))
    events = special.apply(sell("s1", 3, 10_000))
    assert of("e-TP", events) == [("e-TP", "4", "4", 0, 0)]
    assert "refused when its entry was filled" in text_of([each for each in events if is_of("e-TP", each)])
    assert open_orders(special) == {"e": 7, "e-SL": 3}
    special.apply(sell("s2", 3, 10_000))
    assert open_orders(special) == {"e": 4, "e-SL": 6}
    special.apply(sell("s3", 4, 10_000))
    assert open_orders(special) == {"e-SL": 10}
    assert of("e-SL", special.apply(cancel("c", "e-SL", "2"))) == []
    assert open_orders(special) == {}


def is_of(name: str, event: Event) -> bool:
    return isinstance(event, Execution) and event.cl_ord_id == name


def test_a_take_profit_that_could_not_grow_leaves_what_it_did_not_close_to_the_stop_loss(special: Harness) -> None:
    special.apply(buy("e", 10, 10_000, terms=BRACKET), sell("s1", 3, 10_000))
    special.limits(order_qty_max=5)
    special.apply(sell("s2", 7, 10_000))
    assert open_orders(special) == {"e-TP": 3, "e-SL": 10}
    special.apply(buy("b", 3, 10_500, account_id=2))
    assert open_orders(special) == {"e-SL": 7}


def test_a_take_profit_waits_for_a_phase_that_takes_orders(special: Harness) -> None:
    special.apply(buy("e", 10, 10_000, time_in_force=GOOD_TILL_CANCEL, terms=BRACKET))
    special.apply(phase("closing auction"), sell("s", 10, 10_000))
    events = special.finish(phase("closed"))
    assert of("e-TP", events) == []
    assert open_orders(special) == {"e-TP": 10, "e-SL": 10}
    assert special.book() == ([], [])
    assert of("e-TP", special.finish(phase("pre-open"))) == [("e-TP", "D", "0", 10, 0)]
    assert special.book() == ([], [(10_500, 10, 1)])
    special.finish(phase("continuous"))
    special.apply(buy("b", 10, 10_500, account_id=2))
    assert open_orders(special) == {}


@pytest.mark.parametrize("name", ["e-TP", "e-SL"])
def test_cancel_of_a_leg_still_ends_the_others(special: Harness, name: str) -> None:
    special.apply(buy("e", 10, 10_000, terms=BRACKET), sell("s1", 3, 10_000), cancel("c", name, "2"))
    assert open_orders(special) == {}


def test_a_stop_loss_that_is_refused_when_it_is_triggered_leaves_the_take_profit(special: Harness) -> None:
    special.apply(buy("e", 10, 10_000, terms=BRACKET), sell("s1", 10, 10_000), SetPermission(1, 1, "buy"))
    special.apply(sell("ps", 1, 9_500))
    events = special.apply(buy("pb", 1, 9_500, session_id=3, account_id=3))
    assert "refused when it was triggered" in text_of([each for each in events if is_of("e-SL", each)])
    assert open_orders(special) == {"e-TP": 10}
    assert special.risk.balance_of(1, "AAPL")[1] == 10
