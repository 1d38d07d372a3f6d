"""Reduce-only orders never open or enlarge a position: refused without one, cut to it, canceled when it is gone."""

from typing import Any

from matching import refusals
from matching.commands import NewOrder
from matching.events import Execution
from matching.terms import Terms
from matching.types import BUY, FILL_OR_KILL, SELL, STOP, Side
from tests.matching.harness import ACC1, ACC2, ACC3, MAKER, Harness, brief, order, replace

REDUCES = Terms(reduce_only=True)


def perp(cl_ord_id: str, side: Side, qty: int, price: int = 10_000, **more: Any) -> NewOrder:
    """An order of ACC2 in the perpetual."""
    return order(cl_ord_id, side, qty, price, **({"instrument_id": 2, "account_id": ACC2, "session_id": MAKER} | more))


def reduce(cl_ord_id: str, side: Side, qty: int, price: int = 10_000, **more: Any) -> NewOrder:
    """A reduce-only order of ACC1 in the perpetual."""
    return perp(cl_ord_id, side, qty, price, **({"account_id": ACC1, "session_id": 1, "terms": REDUCES} | more))


def long_of(exchange: Harness, qty: int) -> None:
    """Give ACC1 a long position, bought from ACC2."""
    exchange.apply(perp("open", SELL, qty), perp("opened", BUY, qty, account_id=ACC1, session_id=1))


def position(exchange: Harness) -> int:
    return exchange.risk.balance_of(ACC1, "BTC-PERP")[0]


def test_refused_without_a_position_and_on_its_own_side(special: Harness) -> None:
    for event in special.apply(reduce("a", SELL, 5), reduce("b", BUY, 5)):
        assert isinstance(event, Execution)
        assert event.code == refusals.REDUCE_ONLY_WITHOUT_POSITION
    long_of(special, 5)
    (event,) = special.apply(reduce("c", BUY, 5))
    assert isinstance(event, Execution)
    assert event.code == refusals.REDUCE_ONLY_WITHOUT_POSITION
    assert event.text.endswith("with a position of 0.005")


def test_more_than_the_position_is_cut_to_it(special: Harness) -> None:
    long_of(special, 5)
    rows = brief(special.apply(reduce("r", SELL, 9)))
    assert rows == [("r", "0", "0", 9, 0), ("r", "D", "0", 5, 0)]
    assert special.engine.depth(2, 0)[1] == [(10_000, 5, 1)]
    assert brief(special.apply(perp("b", BUY, 9)))[-1] == ("b", "F", "1", 4, 5, (5, 10_000))
    assert position(special) == 0


def test_position_that_shrinks_cuts_and_cancels_resting_orders(special: Harness) -> None:
    long_of(special, 10)
    special.apply(reduce("r1", SELL, 8, 10_100), reduce("r2", SELL, 3, 10_200))
    rows = brief(special.apply(perp("b", BUY, 8), reduce("x", SELL, 8, terms=None)))
    assert rows[-2:] == [("r1", "D", "0", 2, 0), ("r2", "D", "0", 2, 0)]
    assert special.engine.depth(2, 0)[1] == [(10_100, 2, 1), (10_200, 2, 1)]
    rows = brief(special.apply(perp("b2", BUY, 2), reduce("y", SELL, 2, terms=None)))
    assert rows[-2:] == [("r1", "4", "4", 0, 0), ("r2", "4", "4", 0, 0)]
    assert position(special) == 0


def test_sweep_through_two_reduce_only_orders_closes_and_does_not_turn_the_position(special: Harness) -> None:
    long_of(special, 5)
    special.apply(
        reduce("r1", SELL, 5, 10_001), reduce("r2", SELL, 5, 10_002), perp("s", SELL, 5, 10_003, account_id=ACC3)
    )
    rows = brief(special.apply(perp("b", BUY, 10, 10_003)))
    assert [row[:2] for row in rows if row[0] != "b"] == [("r1", "F"), ("r2", "4"), ("s", "F")]
    assert position(special) == 0


def test_aggressor_does_not_turn_the_position_either(special: Harness) -> None:
    long_of(special, 5)
    special.apply(perp("b", BUY, 20))
    rows = brief(special.apply(reduce("r", SELL, 20, time_in_force="3")))
    assert rows[:2] == [("r", "0", "0", 20, 0), ("r", "D", "0", 5, 0)]
    assert rows[-1] == ("r", "F", "2", 0, 5, (5, 10_000))
    assert position(special) == 0


def test_waiting_stop_needs_no_position_until_it_is_triggered(special: Harness) -> None:
    stop = Terms(stop_price=9_900, reduce_only=True)
    special.apply(reduce("st", SELL, 5, 0, ord_type=STOP, terms=stop))
    rows = brief(special.apply(perp("b", BUY, 1, 9_900, account_id=ACC3), perp("s", SELL, 1, 9_900)))
    assert rows[-2:] == [("st", "L", "0", 5, 0), ("st", "4", "4", 0, 0)]
    assert position(special) == 0


def test_fok_counts_no_resting_reduce_only_order(special: Harness) -> None:
    long_of(special, 5)
    special.apply(reduce("r", SELL, 5), perp("s", SELL, 5, account_id=ACC3))
    rows = brief(special.apply(perp("f", BUY, 6, time_in_force=FILL_OR_KILL)))
    assert rows[-1] == ("f", "C", "C", 0, 0)
    rows = brief(special.apply(perp("g", BUY, 5, time_in_force=FILL_OR_KILL)))
    assert rows[-1][:5] == ("g", "F", "2", 0, 5)
    assert special.book() == ([], [])


def test_order_may_not_become_reduce_only(special: Harness) -> None:
    special.apply(perp("a", BUY, 5, 9_000, account_id=ACC1, session_id=1))
    rows = brief(special.apply(replace("b", "a", 5, 9_000, instrument_id=2, terms=REDUCES)))
    assert rows == [("b", "9", "0", "2", 99)]


def test_replaced_reduce_only_order_is_cut_to_the_position(special: Harness) -> None:
    long_of(special, 5)
    special.apply(reduce("r", SELL, 3, 10_100))
    rows = brief(special.apply(replace("r2", "r", 9, 10_200, "2", instrument_id=2, terms=REDUCES)))
    assert rows == [("r2", "5", "0", 9, 0), ("r2", "D", "0", 5, 0)]
    assert special.engine.depth(2, 0)[1] == [(10_200, 5, 1)]
