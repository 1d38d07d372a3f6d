"""What simulated operators do while members trade."""

from random import Random
from typing import Final, Protocol

from matching.commands import (
    CancelSessionOrders,
    Command,
    Deposit,
    EndTradingDay,
    ResetQuoteProtection,
    SetKillSwitch,
    SetMarkPrice,
    SetReferencePrice,
    SetTradingPhase,
    TellIndicativePrice,
)
from matching.engine import Engine
from matching.phases import TABLE
from matching.types import KillScope, TradingPhase
from risk.engine import RiskEngine

BY: Final = "operator"
PHASES: Final = tuple(phase for phase in TABLE if phase != "delisted")


class Calendar(Protocol):
    """What knows the trading day that is running."""

    trading_day: int


def operators_command(random: Random, engine: Engine, calendar: Calendar) -> Command:
    """Return one command of an operator, valid or not. What is shut is opened again before much else is done."""
    called = [each for each in engine.instruments.values() if TABLE[each.phase].calls]
    if called and random.random() < 0.3:
        return TellIndicativePrice(random.choice(called).instrument_id)
    shut = _opening(engine)
    if shut and random.random() < 0.7:
        return random.choice(shut)
    kind = random.randrange(8)
    instrument = random.choice(list(engine.instruments.values()))
    if kind == 0:
        scope: KillScope = random.choice(("session", "account", "firm", "market"))
        target_id = random.randrange(1, 4) if scope in ("session", "account") else 0
        firm = f"FIRM{random.randrange(1, 5)}" if scope == "firm" else ""
        return SetKillSwitch(scope, target_id, True, BY, "simulated", firm)
    if kind == 1:
        phase: TradingPhase = random.choice(PHASES)
        return SetTradingPhase(instrument.instrument_id, phase, BY, "simulated")
    if kind == 2:
        price = max(instrument.reference_price + random.randrange(-3, 4), 1)
        return SetReferencePrice(instrument.instrument_id, price, BY)
    if kind == 3:
        asset = random.choice(("USD", "AAPL", "MSFT"))
        amount = random.choice((1_000, -1_000, -(10**12)))
        return Deposit(random.randrange(1, 4), asset, amount, f"transfer {random.randrange(40)}")
    if kind == 4:
        return SetMarkPrice(instrument.instrument_id, instrument.reference_price + random.randrange(-3, 4), BY)
    if kind == 5:
        return CancelSessionOrders(random.randrange(1, 6), "by an operator", (), random.random() < 0.5)
    if kind == 6:
        return ResetQuoteProtection(random.randrange(1, 6), 0, 0, BY, "simulated")
    if random.random() < 0.6:
        calendar.trading_day += 1
    return EndTradingDay(calendar.trading_day)


def _opening(engine: Engine) -> list[Command]:
    """Return what opens everything that is shut."""
    risk = engine.risk
    assert isinstance(risk, RiskEngine)
    commands: list[Command] = []
    if risk.gates.market_killed:
        commands.append(SetKillSwitch("market", 0, False, BY, ""))
    commands += [SetKillSwitch("session", session_id, False, BY, "") for session_id in risk.gates.sessions_killed]
    commands += [SetKillSwitch("firm", 0, False, BY, "", firm) for firm in risk.gates.firms_killed]
    commands += [
        SetKillSwitch("account", ledger.account_id, False, BY, "") for ledger in risk.ledgers.values() if ledger.killed
    ]
    commands += [
        SetTradingPhase(instrument.instrument_id, "continuous", BY, "")
        for instrument in engine.instruments.values()
        if instrument.phase != "continuous"
    ]
    return commands
