"""Limits over all accounts of a firm: refusals, counts by step, overrides, snapshots; the harness audits each step."""

import random
from typing import Any

import pytest

from gateway.overrides import ended_overrides
from matching import refusals
from matching.commands import (
    Command,
    DefineAccount,
    Deposit,
    EndLimitOverride,
    NewOrderList,
    OverrideLimits,
    SetFirmLimits,
    SetKillSwitch,
    SetReferencePrice,
    SetTradingPhase,
)
from matching.events import CommandRefused, Execution, FirmLimitsSet, LimitOverrideEnded, LimitsOverridden
from matching.types import BUY, MARKET, SELL
from tests.matching.harness import (
    ACC1,
    ACC2,
    ACC3,
    MAKER,
    SHARES,
    TRADER_FIX42,
    Harness,
    RestartingHarness,
    brief,
    buy,
    cancel,
    order,
    replace,
    sell,
    text_of,
)
from tests.matching.test_state_records import reload
from tests.risk.test_overrides import code_of

SECOND = 1_000_000_000
USD = 1_000_000


def of_firm(instrument_id: int = 0, *, orders: int = 0, value: int = 0, position: int = 0) -> SetFirmLimits:
    """Limits of the firm that all accounts of the harness belong to."""
    return SetFirmLimits("FIRM", instrument_id, orders, value, position)


def override(instrument_id: int = 0, *, firm: str = "FIRM", until_ns: int = 0, **values: int) -> OverrideLimits:
    """An override of the firm's named limits."""
    names = ("order_qty_max", "order_value_max", "open_orders_max", "position_max", "rate", "burst")
    limits: dict[str, Any] = {name: values.get(name, -1) for name in names}
    more: dict[str, Any] = {"open_value_max": values.get("open_value_max", -1), "firm": firm}
    return OverrideLimits(0, instrument_id, **limits, sides="", until_ns=until_ns, by="ops", reason="news", **more)


def test_open_orders_of_all_accounts_are_counted_together(exchange: Harness) -> None:
    assert exchange.apply(of_firm(orders=2)) == [FirmLimitsSet("FIRM", 0)]
    exchange.apply(buy("a", 1, 9_900, account_id=ACC1), buy("b", 1, 9_900, account_id=ACC3))
    events = exchange.apply(buy("c", 1, 9_900, account_id=ACC2, instrument_id=2))
    assert code_of(events) == refusals.FIRM_OPEN_ORDERS_MAX
    assert text_of(events) == "open orders 3 would exceed open_orders_max 2 of firm FIRM over all its accounts"
    # A replace is no further order, and what closes makes room.
    assert code_of(exchange.apply(replace("b2", "b", 2, 9_800))) == 0
    exchange.apply(cancel("x", "a"))
    assert code_of(exchange.apply(buy("d", 1, 9_900, account_id=ACC2))) == 0


def test_value_of_what_is_open_at_the_bound_and_a_unit_past_it(exchange: Harness) -> None:
    exchange.apply(of_firm(value=1_990 * USD), buy("a", 10, 9_900))
    events = exchange.apply(sell("s", 10, 10_001))
    assert code_of(events) == refusals.FIRM_OPEN_VALUE_MAX
    assert text_of(events) == (
        "value of open orders 1990.1 USD would exceed open_value_max 1990 USD of firm FIRM over all its accounts"
    )
    assert code_of(exchange.apply(sell("s2", 10, 10_000))) == 0
    # A replace that raises the value is refused, one that lowers it passes, also where less than is open is allowed.
    assert code_of(exchange.apply(replace("r", "a", 11, 9_900))) == refusals.FIRM_OPEN_VALUE_MAX
    assert code_of(exchange.apply(replace("r1", "a", 10, 9_901))) == refusals.FIRM_OPEN_VALUE_MAX
    exchange.apply(of_firm(value=1))
    assert code_of(exchange.apply(replace("r2", "a", 10, 9_899))) == 0
    assert code_of(exchange.apply(buy("n", 1, 9_000))) == refusals.FIRM_OPEN_VALUE_MAX


def test_position_of_all_accounts_with_what_is_open(exchange: Harness) -> None:
    exchange.apply(of_firm(1, position=3 * SHARES + 10), buy("a", 6, 9_900, account_id=ACC1))
    events = exchange.apply(buy("b", 5, 9_900, account_id=ACC3))
    assert code_of(events) == refusals.FIRM_POSITION_MAX
    assert text_of(events) == (
        "long position 30011 with open orders would exceed position_max 30010 in AAPL "
        "of firm FIRM over all its accounts"
    )
    assert code_of(exchange.apply(buy("c", 4, 9_900, account_id=ACC3))) == 0
    assert code_of(exchange.apply(replace("a2", "a", 7, 9_900))) == refusals.FIRM_POSITION_MAX
    # A trade between two of its accounts changes nothing of it; another instrument is another position.
    exchange.apply(sell("s", 6, 9_900))
    assert code_of(exchange.apply(buy("d", 7, 9_900, account_id=ACC3))) == refusals.FIRM_POSITION_MAX
    assert code_of(exchange.apply(buy("p", 1, 10_000, instrument_id=2))) == 0
    # A deposit is position too, and so is what is withdrawn.
    exchange.apply(Deposit(ACC3, "AAPL", -100, "away"))
    assert code_of(exchange.apply(buy("e", 7, 9_900, account_id=ACC3))) == 0


def test_short_position_of_a_perpetual(exchange: Harness) -> None:
    exchange.apply(of_firm(2, position=5), buy("a", 3, 10_000, instrument_id=2))
    exchange.apply(order("s", SELL, 3, 10_000, session_id=MAKER, account_id=ACC2, instrument_id=2))
    exchange.apply(order("t", SELL, 5, 10_000, session_id=MAKER, account_id=ACC2, instrument_id=2))
    events = exchange.apply(order("u", SELL, 1, 10_000, session_id=MAKER, account_id=ACC3, instrument_id=2))
    assert text_of(events) == (
        "short position 0.006 with open orders would exceed position_max 0.005 in BTC-PERP "
        "of firm FIRM over all its accounts"
    )


def test_two_sessions_race_for_the_last_unit_and_one_has_it(exchange: Harness) -> None:
    exchange.apply(of_firm(orders=1))
    first = exchange.apply(buy("a", 1, 9_900, account_id=ACC1))
    second = exchange.apply(buy("b", 1, 9_900, account_id=ACC3, session_id=TRADER_FIX42))
    assert (code_of(first), code_of(second)) == (0, refusals.FIRM_OPEN_ORDERS_MAX)


def test_the_firms_check_comes_after_the_accounts_position_and_before_cash(exchange: Harness) -> None:
    exchange.limits(position_max=SHARES + 1)
    exchange.apply(of_firm(value=1))
    assert code_of(exchange.apply(buy("a", 2, 9_900))) == refusals.POSITION_MAX
    assert code_of(exchange.apply(buy("b", 100_000, 9_900, account_id=ACC2))) == refusals.FIRM_OPEN_VALUE_MAX


def test_orders_of_a_list_are_orders_like_any_other(exchange: Harness) -> None:
    exchange.apply(of_firm(orders=1))
    pair = (buy("l1", 1, 9_900), buy("l2", 1, 9_800))
    events = exchange.apply(NewOrderList(1, 1, 7, "LIST", "oco", pair, False))
    assert {getattr(event, "code", 0) for event in events} >= {refusals.FIRM_OPEN_ORDERS_MAX}
    assert exchange.risk.firms.by_name["FIRM"].open_orders == 0


def test_override_goes_before_the_configured_limit_and_ends_by_itself(exchange: Harness) -> None:
    until_ns = exchange.time_ns + SECOND
    exchange.apply(of_firm(orders=5))
    events = exchange.apply(override(open_orders_max=1, until_ns=until_ns), buy("a", 1, 9_900))
    assert events[0] == LimitsOverridden(0, 0, until_ns, "ops", "news", "FIRM")
    assert text_of(exchange.apply(buy("b", 1, 9_900))) == (
        "open orders 2 would exceed open_orders_max 1 of firm FIRM over all its accounts, as an operator has set it"
    )
    assert ended_overrides(exchange.risk, until_ns - 1) == []
    (ending,) = ended_overrides(exchange.risk, until_ns)
    assert ending == EndLimitOverride(0, 0, "timer", "the time of the override is over", "FIRM")
    ended = LimitOverrideEnded(0, 0, "timer", "the time of the override is over", "FIRM")
    assert exchange.apply(ending) == [ended]
    assert code_of(exchange.apply(buy("c", 1, 9_900))) == 0
    assert isinstance(exchange.apply(ending)[0], CommandRefused)


def test_a_firm_that_gets_its_first_limit_is_counted_with_what_it_has_open(exchange: Harness) -> None:
    exchange.apply(buy("a", 10, 9_900), sell("s", 10, 10_000))
    assert exchange.risk.exposures[0].firm is None
    exchange.apply(override(open_value_max=1_990 * USD))
    assert code_of(exchange.apply(buy("b", 1, 9_000))) == refusals.FIRM_OPEN_VALUE_MAX
    exchange.apply(EndLimitOverride(0, 0, "ops", "over", "FIRM"))
    assert exchange.risk.exposures[0].firm is None
    assert exchange.risk.firms.by_name == {}


def test_an_account_that_changes_its_firm_takes_what_it_has_open_along(exchange: Harness) -> None:
    exchange.apply(of_firm(orders=2), buy("a", 1, 9_900), buy("b", 1, 9_900, account_id=ACC3))
    assert code_of(exchange.apply(buy("c", 1, 9_900))) == refusals.FIRM_OPEN_ORDERS_MAX
    exchange.apply(DefineAccount(ACC3, "ACC3", "OTHER"))
    assert code_of(exchange.apply(buy("d", 1, 9_900))) == 0
    exchange.apply(SetFirmLimits("OTHER", 0, 1, 0, 0))
    assert code_of(exchange.apply(buy("e", 1, 9_900, account_id=ACC3))) == refusals.FIRM_OPEN_ORDERS_MAX
    # Back again: over its limit the firm stays, and nothing more is taken.
    exchange.apply(DefineAccount(ACC3, "ACC3", "FIRM"), cancel("x", "d"))
    assert code_of(exchange.apply(buy("f", 1, 9_900, account_id=ACC2))) == refusals.FIRM_OPEN_ORDERS_MAX
    # Nobody is left there, and its limits can be lifted nevertheless.
    assert exchange.apply(SetFirmLimits("OTHER", 0, 0, 0, 0)) == [FirmLimitsSet("OTHER", 0)]


@pytest.mark.parametrize(
    "command",
    [
        SetFirmLimits("NOBODY", 0, 1, 0, 0),
        SetFirmLimits("FIRM", 9, 0, 0, 1),
        SetFirmLimits("FIRM", 0, -1, 0, 0),
        SetFirmLimits("FIRM", 0, 0, 0, 1),
        SetFirmLimits("FIRM", 1, 1, 0, 0),
        SetFirmLimits("FIRM", 1, 0, 1, 0),
        override(firm="NOBODY", open_orders_max=1),
        override(9, position_max=1),
        override(1, open_orders_max=1),
        override(position_max=1),
        override(order_qty_max=1),
        override(order_value_max=1),
        override(rate=1),
        override(open_value_max=-2),
        override(open_orders_max=1, until_ns=5),
        OverrideLimits(ACC1, 0, -1, -1, -1, -1, -1, -1, "", 0, "ops", "", "FIRM", 5),
        OverrideLimits(ACC1, 0, -1, -1, -1, -1, -1, -1, "", 0, "ops", "", "", 5),
        OverrideLimits(0, 0, -1, -1, -1, -1, -1, -1, "buy", 0, "ops", "", "FIRM"),
        EndLimitOverride(0, 0, "ops", "", "FIRM"),
        EndLimitOverride(0, 0, "ops", "", "NOBODY"),
    ],
)
def test_command_that_cannot_be_obeyed_changes_nothing(exchange: Harness, command: Command) -> None:
    exchange.apply(of_firm(1, position=SHARES * 9))
    before = exchange.engine.state_hash()
    assert [type(event) for event in exchange.apply(command)] == [CommandRefused]
    assert exchange.risk.dump() == reload(exchange).risk.dump()
    exchange.engine.seq -= 1
    assert exchange.engine.state_hash() == before


def test_limits_counts_and_overrides_survive_a_reload(exchange: Harness) -> None:
    exchange.apply(of_firm(orders=4), of_firm(1, position=3 * SHARES + 20), override(open_value_max=3_000 * USD))
    exchange.apply(buy("a", 10, 9_900), sell("s", 10, 10_000), buy("p", 1, 10_000, instrument_id=2))
    other = reload(exchange)
    assert other.engine.state_hash() == exchange.engine.state_hash()
    assert other.engine.snapshot() == exchange.engine.snapshot()
    for each in (buy("b", 12, 9_000), buy("c", 11, 9_000), buy("d", 1, 9_900), buy("e", 1, 9_900), cancel("x", "a")):
        assert exchange.apply(each) == other.apply(each)


def test_a_state_without_firms_has_the_bytes_that_it_always_had(exchange: Harness) -> None:
    before = exchange.risk.dump()
    exchange.apply(of_firm(orders=4))
    assert exchange.risk.dump() != before
    exchange.apply(of_firm())
    assert exchange.risk.dump() == before


def test_kill_switch_of_the_firm_brings_the_counts_to_nothing(exchange: Harness) -> None:
    exchange.apply(of_firm(orders=5), buy("a", 1, 9_900), sell("s", 1, 10_000), buy("b", 1, 9_900, account_id=ACC3))
    exchange.finish(SetKillSwitch("firm", 0, True, "ops", "runaway", "FIRM"))
    firm = exchange.risk.firms.by_name["FIRM"]
    assert (firm.open_orders, [worth.amount for worth in firm.worths.values()]) == (0, [0])


@pytest.mark.parametrize("seed", range(6))
def test_random_orders_under_limits_count_as_an_audit_does_and_the_same_from_snapshots(seed: int) -> None:
    plain, restarting = Harness(), RestartingHarness()
    chance = random.Random(seed)
    codes: set[int] = set()
    for number in range(120):
        command = _random_command(chance, number)
        events = plain.apply(command)
        assert restarting.apply(command) == events
        codes |= {event.code for event in events if isinstance(event, Execution)}
    assert plain.engine.state_hash() == restarting.engine.state_hash()
    assert codes & {refusals.FIRM_OPEN_ORDERS_MAX, refusals.FIRM_OPEN_VALUE_MAX, refusals.FIRM_POSITION_MAX}


def _random_command(chance: random.Random, number: int) -> Command:
    account_id = chance.choice((ACC1, ACC2, ACC3))
    kind = chance.randrange(14)
    if kind == 0:
        return of_firm(orders=chance.choice((0, 3, 6)), value=chance.choice((0, 2_000 * USD, 9_000 * USD)))
    if kind == 1:
        instrument_id = chance.choice((1, 2))
        return of_firm(instrument_id, position=chance.choice((0, 10 if instrument_id == 2 else 3 * SHARES + 10)))
    if kind == 2:
        return DefineAccount(account_id, f"ACC{account_id}", chance.choice(("FIRM", "OTHER")))
    if kind == 3:
        return Deposit(account_id, "AAPL", chance.choice((-3, 3)), f"move {number}")
    if kind < 6 and number:
        return cancel(f"n{number}", f"n{chance.randrange(number)}")
    if kind < 8 and number:
        return replace(f"n{number}", f"n{chance.randrange(number)}", chance.randrange(1, 20), 9_900)
    instrument_id = chance.choice((1, 1, 2))
    price = chance.randrange(9_990, 10_011)
    return order(
        f"n{number}",
        chance.choice((BUY, SELL)),
        chance.randrange(1, 9),
        price,
        account_id=account_id,
        instrument_id=instrument_id,
    )


def test_what_is_refused_is_nowhere_left_behind(exchange: Harness) -> None:
    exchange.apply(of_firm(orders=1), buy("a", 1, 9_900))
    before = exchange.risk.dump()
    assert brief(exchange.apply(buy("b", 1, 9_900)))[0][1] == "8"
    assert exchange.risk.dump() == before


@pytest.mark.parametrize(("value", "is_brought"), [(1_120 * USD, True), (1_119 * USD, False)])
def test_market_orders_are_brought_before_limit_orders_as_far_as_the_firm_may_go(
    exchange: Harness, value: int, *, is_brought: bool
) -> None:
    """Held for the edge of before, 110.00, the order would count at 112.00 in front of the limit order."""
    market = buy("m", 10, 0, ord_type=MARKET)
    exchange.apply(SetTradingPhase(1, "volatility halt", "ops", ""), market, SetReferencePrice(1, 10_500, "ops"))
    exchange.apply(DefineAccount(ACC3, "ACC3", "OTHER"), DefineAccount(ACC2, "ACC2", "OTHER"), of_firm(value=value))
    exchange.apply(buy("limit", 10, 11_200, session_id=3, account_id=ACC3), sell("s", 10, 11_100))
    filled = [
        row[0] for row in brief(exchange.finish(SetTradingPhase(1, "continuous", "ops", ""))) if row[1:2] == ("F",)
    ]
    assert filled == (["m", "s"] if is_brought else ["limit", "s"])


@pytest.mark.parametrize(("value", "is_brought"), [(1_120 * USD, True), (1_119 * USD, False)])
def test_market_orders_are_brought_before_limit_orders_as_far_as_the_order_value_goes(
    exchange: Harness, value: int, *, is_brought: bool
) -> None:
    market = buy("m", 10, 0, ord_type=MARKET)
    exchange.apply(SetTradingPhase(1, "volatility halt", "ops", ""), market, SetReferencePrice(1, 10_500, "ops"))
    exchange.limits(ACC1, 0, order_value_max=value)
    exchange.apply(buy("limit", 10, 11_200, session_id=3, account_id=ACC3), sell("s", 10, 11_100))
    filled = [
        row[0] for row in brief(exchange.finish(SetTradingPhase(1, "continuous", "ops", ""))) if row[1:2] == ("F",)
    ]
    assert filled == (["m", "s"] if is_brought else ["limit", "s"])
