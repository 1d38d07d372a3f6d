"""Operators and configuration: definitions, deposits, switches; what cannot be obeyed changes nothing."""

import msgspec
import pytest

from matching.commands import (
    Command,
    ContinueWork,
    DefineAccount,
    DefineInstrument,
    DefineSession,
    Deposit,
    EndTradingDay,
    SetAcceptance,
    SetKillSwitch,
    SetLimits,
    SetReferencePrice,
    SetTradingPhase,
)
from matching.events import (
    AccountDefined,
    CommandRefused,
    InstrumentDefined,
    KillSwitchSet,
    LimitsSet,
    Posted,
    ReferencePriceSet,
    ScopeCanceled,
    SessionDefined,
)
from tests.matching.harness import (
    AAPL,
    ACC1,
    CASH,
    TRADER,
    TRADER_FIX42,
    Harness,
    brief,
    buy,
    cancel,
    replace,
    sell,
    text_of,
)


def test_definitions_are_confirmed_in_order(exchange: Harness) -> None:
    names = [type(event) for event in exchange.setup]
    assert names == [InstrumentDefined] * 2 + [AccountDefined] * 3 + [SessionDefined] * 3 + [Posted] * 6
    assert exchange.engine.instruments[1].symbol == "AAPL"
    assert exchange.engine.accounts[ACC1].name == "ACC1"
    assert exchange.engine.sessions[TRADER].comp_id == "TRADER1"


def test_instrument_may_change_band_and_reference(exchange: Harness) -> None:
    wider = msgspec.structs.replace(AAPL, reference_price=12_000, band_bp=5_000)
    assert exchange.apply(wider) == [InstrumentDefined(1, "AAPL")]
    instrument = exchange.engine.instruments[1]
    assert (instrument.band_low, instrument.band_high) == (6_000, 18_000)


BAD: list[tuple[Command, str]] = [
    (msgspec.structs.replace(AAPL, tick_e8=500_000), "tick_e8 of AAPL is 1000000 and cannot become 500000"),
    (msgspec.structs.replace(AAPL, lot_e8=1), "lot_e8 of AAPL is 100000000 and cannot become 1"),
    (msgspec.structs.replace(AAPL, kind="perpetual"), "kind of AAPL is spot and cannot become perpetual"),
    (msgspec.structs.replace(AAPL, band_bp=10_000), "band_bp 10000 is not within 0 to 9999"),
    (msgspec.structs.replace(AAPL, reference_price=10**9), "price band of AAPL ends at 1100000000 ticks"),
    (DefineInstrument(3, "AAPL", "spot", "USD", 1, 1, 1, 1, 0), "collides with AAPL"),
    (DefineInstrument(3, "USD", "spot", "EUR", 1, 1, 1, 1, 0), "collides with AAPL"),
    (DefineInstrument(3, "EUR", "spot", "EUR", 1, 1, 1, 1, 0), "is its own currency"),
    (DefineInstrument(0, "X", "spot", "USD", 1, 1, 1, 1, 0), "instrument_id 0 is below 1"),
    (DefineInstrument(3, "X", "spot", "USD", 0, 1, 1, 1, 0), "have to be positive in X"),
    (DefineAccount(1, "OTHER", "F"), "account 1 is ACC1 and cannot become OTHER"),
    (DefineAccount(9, "ACC1", "F"), "another account has the name ACC1"),
    (DefineAccount(0, "X", "F"), "account_id 0 is below 1"),
    (DefineSession(1, "FIX.4.4:TRADER1", "OTHER", 0, 0, 0, 0), "cannot become FIX.4.4:TRADER1 of OTHER"),
    (DefineSession(9, "FIX.4.4:TRADER1", "OTHER", 0, 0, 0, 0), "another session has the name"),
    (DefineSession(1, "FIX.4.4:TRADER1", "TRADER1", -1, 0, 0, 0), "is negative"),
    (SetLimits(9, 0, 0, 0, 0, 0), "account 9 is not defined"),
    (SetLimits(1, 9, 0, 0, 0, 0), "instrument 9 is not defined"),
    (SetLimits(1, 1, -5, 0, 0, 0), "a limit of account 1 is negative: -5"),
    (SetLimits(1, 1, 0, 0, 0, 0, 10, 10), "rate and burst are of the account over all instruments"),
    (Deposit(9, "USD", 1, "t"), "account 9 is not defined"),
    (Deposit(1, "DOGE", 1, "t"), "asset DOGE is neither a currency nor a spot symbol"),
    (Deposit(1, "BTC-PERP", 1, "t"), "asset BTC-PERP is neither a currency nor a spot symbol"),
    (Deposit(1, "USD", 0, "t"), "amount is 0"),
    (Deposit(1, "USD", 1, "cash 1"), "transfer_id cash 1 was posted before, with other content"),
    (Deposit(1, "USD", CASH, "cash 1"), "transfer_id cash 1 was posted before"),
    (Deposit(1, "USD", -CASH - 1, "t"), "withdrawal of 1000000.000001 USD exceeds the 1000000 USD available"),
    (Deposit(1, "AAPL", -10_001, "t"), "withdrawal of 10001 AAPL exceeds the 10000 AAPL available"),
    (Deposit(1, "USD", 1 << 62, "t"), "brings the sum of deposits above"),
    (SetTradingPhase(9, "halted", "ops", ""), "instrument 9 is not defined"),
    (SetReferencePrice(9, 1, "ops"), "instrument 9 is not defined"),
    (SetReferencePrice(1, -1, "ops"), "reference price -1 of AAPL is negative"),
    (SetReferencePrice(1, 10**9, "ops"), "price band of AAPL ends at 1100000000 ticks, allowed 1000000000"),
    (SetKillSwitch("session", 9, True, "ops", ""), "session 9 is not defined"),
    (SetKillSwitch("account", 9, True, "ops", ""), "account 9 is not defined"),
    (SetKillSwitch("market", 1, True, "ops", ""), "market 1 is not defined"),
    (EndTradingDay(0), "trading day 0 is not after 0, which ended before"),
    (ContinueWork(), "no work is left"),
]


@pytest.mark.parametrize(("command", "said"), BAD, ids=[f"{type(each).__name__}: {said}" for each, said in BAD])
def test_bad_command_is_refused_and_changes_nothing(exchange: Harness, command: Command, said: str) -> None:
    before = exchange.risk.dump(), exchange.engine.depth(1, 0)
    (event,) = exchange.apply(command)
    assert isinstance(event, CommandRefused)
    assert event.command == type(command).__name__
    assert said in event.text
    assert (exchange.risk.dump(), exchange.engine.depth(1, 0)) == before


def test_withdrawal_takes_what_is_available_and_no_more(exchange: Harness) -> None:
    exchange.apply(buy("a", 1, 10_000))
    held = 10_000 * 10_000
    assert isinstance(exchange.apply(Deposit(ACC1, "USD", -CASH, "t"))[0], CommandRefused)
    assert exchange.apply(Deposit(ACC1, "USD", held - CASH, "t")) == [Posted(ACC1, "USD", held - CASH, held, "t")]


def test_reference_price_moves_the_band(exchange: Harness) -> None:
    assert exchange.apply(SetReferencePrice(1, 20_000, "ops")) == [ReferencePriceSet(1, 20_000)]
    assert brief(exchange.apply(buy("a", 1, 20_000), buy("b", 1, 17_999))) == [
        ("a", "0", "0", 1, 0),
        ("b", "8", "8", 0, 0, 16),
    ]


def test_limits_bind_from_the_next_order_on(exchange: Harness) -> None:
    assert exchange.limits(order_qty_max=5) == [LimitsSet(ACC1, 1)]
    assert brief(exchange.apply(buy("a", 6, 9_900))) == [("a", "8", "8", 0, 0, 3)]
    exchange.limits(order_qty_max=6)
    assert brief(exchange.apply(buy("b", 6, 9_900))) == [("b", "0", "0", 6, 0)]


def test_closed_acceptance_refuses_orders_and_replaces_with_its_reason(exchange: Harness) -> None:
    exchange.apply(buy("a", 10, 9_900), SetAcceptance(False, "the disk is full"))
    assert not exchange.engine.accepting
    events = exchange.apply(buy("b", 1, 9_900))
    assert brief(events) == [("b", "8", "8", 0, 0, 2)]
    assert text_of(events) == "the exchange accepts no orders: the disk is full"
    assert brief(exchange.apply(replace("a2", "a", 9, 9_900))) == [("a2", "9", "0", "2", 99)]
    assert brief(exchange.apply(cancel("c", "a"))) == [("c", "4", "4", 0, 0)]
    exchange.apply(SetAcceptance(True, ""))
    assert brief(exchange.apply(buy("d", 1, 9_900))) == [("d", "0", "0", 1, 0)]


@pytest.mark.parametrize(
    ("scope", "target_id", "canceled"),
    [("session", TRADER, ["a", "p"]), ("account", ACC1, ["a", "b", "p"]), ("market", 0, ["a", "b", "s", "p"])],
)
def test_kill_switch_cancels_its_scope_at_once(
    exchange: Harness, scope: str, target_id: int, canceled: list[str]
) -> None:
    exchange.apply(
        buy("a", 10, 9_900),
        buy("b", 10, 9_900, session_id=TRADER_FIX42),
        sell("s", 10, 10_100),
        buy("p", 10, 9_900, instrument_id=2),
    )
    switch = SetKillSwitch(scope, target_id, True, "ops", "runaway")  # type: ignore[arg-type]  # a parameter
    events = exchange.apply(switch)
    assert events[0] == KillSwitchSet(switch.scope, target_id, True, "ops", "runaway")
    assert brief(events[1:-1]) == [(name, "4", "4", 0, 0) for name in canceled]
    text = text_of(events)
    assert text.endswith("engaged: runaway")
    assert events[-1] == ScopeCanceled(scope, target_id, "", len(canceled), text)
    assert not exchange.engine.has_work


def test_kill_switch_refuses_orders_and_replaces_until_it_is_released(exchange: Harness) -> None:
    exchange.apply(buy("a", 10, 9_900, session_id=TRADER_FIX42))
    exchange.apply(SetKillSwitch("session", TRADER, True, "ops", "runaway"))
    assert brief(exchange.apply(buy("b", 1, 9_900), replace("a2", "a", 9, 9_900))) == [
        ("b", "8", "8", 0, 0, 0),
        ("a2", "9", "0", "2", 99),
    ]
    assert brief(exchange.apply(buy("c", 1, 9_900, session_id=TRADER_FIX42))) == [("c", "0", "0", 1, 0)]
    assert brief(exchange.apply(cancel("x", "c"))) == [("x", "4", "4", 0, 0)]
    exchange.apply(SetKillSwitch("session", TRADER, False, "ops", "fixed"))
    assert brief(exchange.apply(buy("d", 1, 9_900))) == [("d", "0", "0", 1, 0)]


def test_kill_switch_without_a_reason_still_closes(exchange: Harness) -> None:
    exchange.apply(SetKillSwitch("market", 0, True, "ops", ""))
    assert brief(exchange.apply(buy("b", 1, 9_900))) == [("b", "8", "8", 0, 0, 0)]
