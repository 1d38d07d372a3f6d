"""The circuit breaker: where it stops an aggressor, what becomes of the rest, and how the market goes on."""

import msgspec
import pytest

from matching.commands import CancelOrder, SetTradingPhase
from matching.engine import Engine
from matching.events import CommandRefused, Event, Execution, TradingPhaseSet
from matching.terms import Terms
from matching.types import MARKET
from risk.engine import RiskEngine
from tests.matching.harness import AAPL, Harness, brief, buy, replace, sell

GUARDED = msgspec.structs.replace(AAPL, breaker_bp=100, breaker_static_bp=300, breaker_seconds=30)
"""One per cent around the last trade, three around the last auction; both begin at the reference price 100.00."""
END = 1_000_000_000_000 + 30_000_000_000
CONTINUE = SetTradingPhase(1, "continuous", "calendar", "")


@pytest.fixture
def guarded(exchange: Harness) -> Harness:
    """AAPL with a circuit breaker and asks at 100.00, 101.00 and 101.50."""
    exchange.apply(GUARDED, sell("s1", 10, 10_000), sell("s2", 10, 10_100), sell("s3", 10, 10_150))
    return exchange


def phase_of(exchange: Harness) -> str:
    return exchange.engine.instruments[1].phase


def fills(events: list[Event]) -> list[tuple[str, int, int]]:
    return [(e.cl_ord_id, e.last_qty, e.last_price) for e in events if isinstance(e, Execution) and e.exec_type == "F"]


def test_trade_at_the_bound_passes_and_one_beyond_it_halts(guarded: Harness) -> None:
    events = guarded.apply(buy("b", 25, 10_150))
    assert fills(events) == [("s1", 10, 10_000), ("b", 10, 10_000), ("s2", 10, 10_100), ("b", 10, 10_100)]
    halt = events[-1]
    assert isinstance(halt, TradingPhaseSet)
    assert (halt.phase, halt.until_ns) == ("volatility halt", END)
    assert halt.reason == "a trade at 101.5 would leave the range 99 to 101 of the circuit breaker"
    assert guarded.book() == ([(10_150, 5, 1)], [(10_150, 10, 1)])
    resumed = guarded.finish(CONTINUE)
    assert fills(resumed) == [("b", 5, 10_150), ("s3", 5, 10_150)]


@pytest.mark.parametrize("more", [{}, {"ord_type": MARKET}, {"time_in_force": "3"}])
def test_a_price_far_better_than_the_range_halts_as_well(exchange: Harness, more: dict[str, str]) -> None:
    exchange.apply(GUARDED, sell("cheap", 10, 9_200))
    events = exchange.apply(buy("b", 10, 0 if "ord_type" in more else 9_200, **more))
    assert fills(events) == []
    halt = next(event for event in events if isinstance(event, TradingPhaseSet))
    assert halt.reason == "a trade at 92 would leave the range 99 to 101 of the circuit breaker"
    assert phase_of(exchange) == "volatility halt"


def test_a_fill_or_kill_order_that_may_not_be_filled_halts_nothing(exchange: Harness) -> None:
    exchange.apply(GUARDED, sell("cheap", 10, 9_200))
    assert brief(exchange.apply(buy("b", 10, 9_200, time_in_force="4")))[-1] == ("b", "C", "C", 0, 0)
    assert phase_of(exchange) == "continuous"


def test_a_bid_far_above_the_range_halts_a_seller(exchange: Harness) -> None:
    exchange.apply(GUARDED, buy("dear", 10, 10_900))
    assert fills(exchange.apply(sell("s", 10, 10_000))) == []
    assert phase_of(exchange) == "volatility halt"


def test_an_order_with_terms_is_stopped_before_a_price_far_better_than_the_range(exchange: Harness) -> None:
    exchange.apply(GUARDED, sell("cheap", 10, 9_200, terms=Terms(display_qty=2)))
    assert fills(exchange.apply(buy("b", 10, 10_000, terms=Terms(display_qty=5)))) == []
    assert phase_of(exchange) == "volatility halt"


def test_next_order_is_measured_from_the_trade_before_it(guarded: Harness) -> None:
    guarded.apply(buy("b1", 20, 10_100))
    assert fills(guarded.apply(buy("b2", 5, 10_150))) == [("s3", 5, 10_150), ("b2", 5, 10_150)]


def test_static_range_stops_a_drift_of_small_steps(guarded: Harness) -> None:
    guarded.apply(buy("b1", 30, 10_150))
    guarded.finish(CONTINUE, sell("t1", 1, 10_240), sell("t2", 1, 10_340), sell("t3", 1, 10_440))
    static = guarded.engine.instruments[1].auction_price
    assert static == 10_150
    guarded.apply(buy("d1", 1, 10_240), buy("d2", 1, 10_340), buy("d3", 1, 10_440))
    assert phase_of(guarded) == "continuous"
    guarded.apply(sell("t4", 1, 10_500), buy("d4", 1, 10_500))
    assert phase_of(guarded) == "volatility halt"


def test_rest_of_an_order_that_may_not_rest_expires(guarded: Harness) -> None:
    events = guarded.apply(buy("b", 25, 10_150, time_in_force="3"))
    assert brief(events)[-2:] == [("TradingPhaseSet",), ("b", "C", "C", 0, 20)]


def test_market_order_is_stopped_too(guarded: Harness) -> None:
    events = guarded.apply(buy("b", 25, 0, ord_type=MARKET))
    assert brief(events)[-2:] == [("TradingPhaseSet",), ("b", "C", "C", 0, 20)]


def test_fill_or_kill_beyond_the_range_is_killed_and_halts_nothing(guarded: Harness) -> None:
    assert brief(guarded.apply(buy("b", 25, 10_150, time_in_force="4")))[-1] == ("b", "C", "C", 0, 0)
    assert phase_of(guarded) == "continuous"


def test_replaced_order_is_stopped_like_a_new_one(guarded: Harness) -> None:
    guarded.apply(buy("b", 25, 9_990))
    assert brief(guarded.apply(replace("r", "b", 25, 10_150)))[-1] == ("TradingPhaseSet",)
    assert guarded.book() == ([(10_150, 5, 1)], [(10_150, 10, 1)])


def test_sells_are_stopped_below(exchange: Harness) -> None:
    exchange.apply(GUARDED, buy("b1", 10, 9_900), buy("b2", 10, 9_899))
    assert fills(exchange.apply(sell("s", 20, 9_800))) == [("b1", 10, 9_900), ("s", 10, 9_900)]
    assert phase_of(exchange) == "volatility halt"


def test_limit_that_reaches_beyond_the_range_halts_nothing_while_nobody_is_there(guarded: Harness) -> None:
    guarded.apply(*(CancelOrder(3, 1, 7, f"c{n}", f"s{n}", 0, 1, "2") for n in (2, 3)))
    guarded.apply(buy("b", 25, 10_900))
    assert phase_of(guarded) == "continuous"
    assert guarded.book()[0] == [(10_900, 15, 1)]


def test_snapshot_keeps_the_range(guarded: Harness) -> None:
    guarded.apply(buy("b1", 20, 10_100))
    before = guarded.engine.desk.books[1].asks.stop_key
    other = Engine(RiskEngine())
    other.load(guarded.engine.snapshot())
    assert (before, other.desk.books[1].asks.stop_key) == (10_201, 10_201)


BAD = [
    ({"breaker_bp": 10_000, "breaker_seconds": 5}, "breaker_bp 10000 of AAPL is not within 0 to 9999"),
    ({"breaker_static_bp": -1, "breaker_seconds": 5}, "breaker_static_bp -1 of AAPL is not within"),
    ({"breaker_bp": 5, "breaker_seconds": 86_401}, "breaker_seconds 86401 of AAPL is not within"),
    ({"breaker_bp": 5}, "AAPL has a range of the circuit breaker without its time"),
    ({"breaker_seconds": 5}, "AAPL has a range of the circuit breaker without its time"),
]


@pytest.mark.parametrize(("values", "said"), BAD, ids=[said for _, said in BAD])
def test_bad_breaker_is_refused(exchange: Harness, values: dict[str, int], said: str) -> None:
    (event,) = exchange.apply(msgspec.structs.replace(AAPL, **values))
    assert isinstance(event, CommandRefused)
    assert said in event.text
