"""The extended volatility halt: an auction too far from the last trade is put off, and at last left to an operator."""

import random

import msgspec
import pytest

from matching.commands import Command, SetTradingPhase
from matching.events import AuctionEnded, CommandRefused, Event, Execution, TradingPhaseSet
from matching.types import BUY, SELL
from tests.matching.harness import AAPL, Harness, RestartingHarness, buy, cancel, order, replace, sell
from tests.matching.test_state_records import reload

SECOND = 1_000_000_000
GUARDED = msgspec.structs.replace(
    AAPL, breaker_bp=100, breaker_seconds=30, breaker_extended_bp=300, breaker_extensions=2
)
"""One per cent around the last trade halts; an auction outside of three, 97.00 to 103.00, is put off, twice."""
END = SetTradingPhase(1, "continuous", "circuit breaker", "end of the halt", may_extend=True)
RELEASE = SetTradingPhase(1, "continuous", "ops", "checked")


@pytest.fixture
def halted(exchange: Harness) -> Harness:
    """Last trade at 100.00, halted by a buy of 5 up to 104.00; a sell of 5 would trade with it there."""
    exchange.apply(GUARDED, sell("s1", 10, 10_000), sell("s2", 10, 10_400))
    exchange.apply(buy("b", 15, 10_400))
    assert exchange.engine.instruments[1].phase == "volatility halt"
    return exchange


def phases(events: list[Event]) -> list[tuple[str, str, int]]:
    return [(each.phase, each.reason, each.until_ns) for each in events if isinstance(each, TradingPhaseSet)]


def fills(events: list[Event]) -> list[tuple[str, int, int]]:
    return [(e.cl_ord_id, e.last_qty, e.last_price) for e in events if isinstance(e, Execution) and e.exec_type == "F"]


def test_call_is_extended_as_often_as_set_and_then_until_an_operator_ends_it(halted: Harness) -> None:
    said = "an auction at 104 would leave the extended range 97 to 103 of the circuit breaker"
    for number in (1, 2):
        halted.time_ns += 30 * SECOND
        until_ns = halted.time_ns + 30 * SECOND
        events = halted.finish(END)
        assert phases(events) == [("volatility halt", f"{said}, extension {number} of 2", until_ns)]
        assert fills(events) == []
    events = halted.finish(END)
    assert phases(events) == [("volatility halt", f"{said}, the call goes on until an operator ends it", 0)]
    # Orders and cancels are taken all the while.
    halted.apply(buy("more", 1, 9_900), cancel("x", "more"))
    events = halted.finish(RELEASE)
    assert fills(events) == [("b", 5, 10_400), ("s2", 5, 10_400)]
    assert phases(events) == [("continuous", "checked", 0)]


def test_operator_ends_it_at_any_time(halted: Harness) -> None:
    halted.finish(END)
    assert fills(halted.finish(RELEASE)) == [("b", 5, 10_400), ("s2", 5, 10_400)]


@pytest.mark.parametrize(("price", "is_extended"), [(10_300, False), (10_301, True), (9_700, False), (9_699, True)])
def test_price_at_the_bound_is_executed_and_one_tick_past_it_is_not(
    exchange: Harness, price: int, is_extended: bool
) -> None:
    exchange.apply(GUARDED, sell("s1", 1, 10_000), buy("b1", 1, 10_000))
    exchange.apply(SetTradingPhase(1, "volatility halt", "ops", "look", exchange.time_ns + SECOND))
    exchange.apply(buy("b", 5, price), sell("s", 5, price))
    events = exchange.finish(END)
    assert [phase for phase, _, _ in phases(events)] == ["volatility halt" if is_extended else "continuous"]
    assert bool(fills(events)) != is_extended


def test_prices_that_come_back_meanwhile_end_the_halt(halted: Harness) -> None:
    halted.finish(END)
    halted.apply(replace("b2", "b", 15, 9_990))
    events = halted.finish(END)
    assert [type(event) for event in events] == [AuctionEnded, TradingPhaseSet]
    assert halted.engine.instruments[1].extension_count == 0
    # The next halt may be extended as often again.
    halted.apply(buy("c", 5, 10_400))
    assert "extension 1 of 2" in phases(halted.finish(END))[0][1]


def test_without_an_extended_range_nothing_is_put_off(exchange: Harness) -> None:
    exchange.apply(msgspec.structs.replace(GUARDED, breaker_extended_bp=0, breaker_extensions=0))
    exchange.apply(sell("s1", 10, 10_000), sell("s2", 10, 10_400), buy("b", 15, 10_400))
    assert fills(exchange.finish(END)) == [("b", 5, 10_400), ("s2", 5, 10_400)]


def test_other_auctions_are_not_put_off(exchange: Harness) -> None:
    exchange.apply(GUARDED, SetTradingPhase(1, "pre-open", "c", ""), SetTradingPhase(1, "opening auction", "c", ""))
    exchange.apply(buy("b", 5, 10_900), sell("s", 5, 10_900))
    assert fills(exchange.finish(END)) == [("b", 5, 10_900), ("s", 5, 10_900)]


def test_price_is_looked_at_after_orders_that_take_no_part_have_left(exchange: Harness) -> None:
    exchange.apply(GUARDED, sell("s1", 10, 10_000), sell("s2", 10, 10_400), buy("b1", 10, 10_000))
    exchange.apply(SetTradingPhase(1, "volatility halt", "ops", "look", exchange.time_ns + SECOND))
    exchange.apply(buy("b", 15, 10_400), buy("m", 1, 0, ord_type="1"))
    # A band that has moved brings the market order before the limit orders first.
    exchange.apply(msgspec.structs.replace(GUARDED, reference_price=10_200))
    events = exchange.finish(END)
    assert phases(events)[-1][0] == "volatility halt"
    assert exchange.engine.instruments[1].auction is None
    assert not exchange.engine.has_work
    assert fills(exchange.finish(RELEASE))


def test_count_and_range_survive_a_reload(halted: Harness) -> None:
    halted.finish(END)
    other = reload(halted)
    assert other.engine.snapshot() == halted.engine.snapshot()
    for command in (END, END, RELEASE):
        assert other.finish(command) == halted.finish(command)


def test_a_state_without_it_has_the_bytes_that_it_always_had(exchange: Harness) -> None:
    before = exchange.engine.snapshot()
    exchange.apply(GUARDED)
    assert len(exchange.engine.snapshot()) > len(before)
    exchange.apply(AAPL)
    exchange.engine.seq -= 2
    assert exchange.engine.snapshot() == before


BAD = [
    ({"breaker_extended_bp": 10_000}, "breaker_extended_bp 10000 of AAPL is not within 0 to 9999"),
    ({"breaker_extended_bp": 100}, "breaker_extended_bp 100 of AAPL is not above breaker_bp 100"),
    ({"breaker_extensions": -1}, "breaker_extensions -1 of AAPL is not within 0 to 1000"),
    ({"breaker_extensions": 1_001}, "breaker_extensions 1001 of AAPL is not within 0 to 1000"),
    ({"breaker_extended_bp": 0}, "AAPL has extensions without an extended range"),
    ({"breaker_bp": 0, "breaker_seconds": 0}, "AAPL has an extended range without a circuit breaker"),
]


@pytest.mark.parametrize(("values", "said"), BAD, ids=[said for _, said in BAD])
def test_bad_extension_is_refused(exchange: Harness, values: dict[str, int], said: str) -> None:
    (event,) = exchange.apply(msgspec.structs.replace(GUARDED, **values))
    assert isinstance(event, CommandRefused)
    assert said in event.text


@pytest.mark.parametrize("seed", [2, 7, 8, 11])
def test_random_halts_are_the_same_from_snapshots(seed: int) -> None:
    plain, restarting = Harness(), RestartingHarness()
    chance = random.Random(seed)
    extended = 0
    for number in range(300):
        command = GUARDED if number == 0 else _random_command(chance, number, plain.time_ns)
        events = plain.finish(command)
        assert restarting.finish(command) == events
        extended += any("extended range" in reason for _, reason, _ in phases(events))
    assert extended
    assert plain.engine.state_hash() == restarting.engine.state_hash()


def _random_command(chance: random.Random, number: int, time_ns: int) -> Command:
    if chance.randrange(8) == 0:
        return RELEASE if chance.randrange(6) == 0 else END
    if chance.randrange(20) == 0:
        return SetTradingPhase(1, "volatility halt", "ops", "look", time_ns + SECOND)
    price = chance.choice((9_600, 9_900, 9_990, 10_000, 10_010, 10_090, 10_350, 10_500))
    account_id = chance.choice((1, 2, 3))
    return order(f"n{number}", chance.choice((BUY, SELL)), chance.randrange(1, 20), price, account_id=account_id)
