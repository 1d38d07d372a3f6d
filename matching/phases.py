"""Trading phases: the only table of what follows what, and of the orders that each phase takes.

An instrument is in one phase. In a phase that calls for an auction orders are taken and rest without matching; the
auction is executed when the phase ends in one that matches, or, for the closing auction, in the closed market. Cancels
pass in every phase. The table in docs/trading-phases.md is drawn by `as_markdown` and compared with it in a test.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from matching import refusals
from matching.refusals import Refusal
from matching.types import (
    AT_THE_CLOSE,
    AT_THE_OPENING,
    DAY,
    FILL_OR_KILL,
    GOOD_TILL_CANCEL,
    GOOD_TILL_DATE,
    IMMEDIATE_OR_CANCEL,
    LIMIT,
    MARKET,
    MARKET_IF_TOUCHED,
    PEGGED,
    STOP,
    STOP_LIMIT,
    OrdType,
    TimeInForce,
    TradingPhase,
)

CONTINUOUS: Final = "continuous"
VOLATILITY_HALT: Final = "volatility halt"
CLOSING_AUCTION: Final = "closing auction"
CLOSED: Final = "closed"
HALTED: Final = "halted"
DELISTED: Final = "delisted"


class Rule(NamedTuple):
    """What one phase is. `takes` are the values of TimeInForce(59) that are taken; none: no order, no replace.

    `matches`: orders match at once. `calls`: an indicative price is told and an auction ends the phase.
    `following` are the phases that may come next.
    """

    takes: tuple[TimeInForce, ...]
    ord_types: tuple[OrdType, ...]
    matches: bool
    calls: bool
    following: tuple[TradingPhase, ...]


_WAITING: Final[tuple[OrdType, ...]] = (MARKET, LIMIT, STOP, STOP_LIMIT, MARKET_IF_TOUCHED)
_RESTING: Final[tuple[TimeInForce, ...]] = (DAY, GOOD_TILL_CANCEL, GOOD_TILL_DATE, AT_THE_CLOSE)
_BEFORE_OPEN: Final[tuple[TimeInForce, ...]] = (DAY, GOOD_TILL_CANCEL, AT_THE_OPENING, GOOD_TILL_DATE, AT_THE_CLOSE)
_AT_ONCE: Final[tuple[TimeInForce, ...]] = (
    DAY,
    GOOD_TILL_CANCEL,
    IMMEDIATE_OR_CANCEL,
    FILL_OR_KILL,
    GOOD_TILL_DATE,
    AT_THE_CLOSE,
)

TABLE: Final[dict[TradingPhase, Rule]] = {
    "pre-open": Rule(
        _BEFORE_OPEN, _WAITING, False, False, ("opening auction", "continuous", "halted", "closed", "delisted")
    ),
    "opening auction": Rule(
        _BEFORE_OPEN, _WAITING, False, True, ("continuous", "pre-open", "halted", "closed", "delisted")
    ),
    "continuous": Rule(
        _AT_ONCE,
        (*_WAITING, PEGGED),
        True,
        False,
        ("volatility halt", "closing auction", "pre-open", "halted", "closed", "delisted"),
    ),
    "volatility halt": Rule(
        _RESTING, _WAITING, False, True, ("continuous", "closing auction", "halted", "closed", "delisted")
    ),
    "closing auction": Rule(_RESTING, _WAITING, False, True, ("closed", "continuous", "halted", "delisted")),
    "closed": Rule((), (), False, False, ("pre-open", "opening auction", "continuous", "halted", "delisted")),
    "halted": Rule(
        (),
        (),
        False,
        False,
        ("continuous", "volatility halt", "pre-open", "opening auction", "closing auction", "closed", "delisted"),
    ),
    "delisted": Rule((), (), False, False, ()),
}

TIME_IN_FORCE_NAMES: Final[dict[TimeInForce, str]] = {
    DAY: "0 day",
    GOOD_TILL_CANCEL: "1 GTC",
    AT_THE_OPENING: "2 at the opening",
    IMMEDIATE_OR_CANCEL: "3 IOC",
    FILL_OR_KILL: "4 FOK",
    GOOD_TILL_DATE: "6 GTD",
    AT_THE_CLOSE: "7 at the close",
}
ORD_TYPE_NAMES: Final[dict[OrdType, str]] = {
    MARKET: "1 market",
    LIMIT: "2 limit",
    STOP: "3 stop",
    STOP_LIMIT: "4 stop-limit",
    MARKET_IF_TOUCHED: "J market-if-touched",
    PEGGED: "P pegged",
}


def follows(phase: TradingPhase, following: TradingPhase) -> bool:
    """Tell whether `following` may come after `phase`; every phase but the last may be said again."""
    return following in TABLE[phase].following or (phase == following and phase != DELISTED)


def uncrosses(phase: TradingPhase, following: TradingPhase) -> bool:
    """Tell whether the auction is executed between two phases: before matching begins, and at the close."""
    return (TABLE[following].matches and not TABLE[phase].matches) or (phase == CLOSING_AUCTION and following == CLOSED)


def expires_at_end(phase: TradingPhase, time_in_force: TimeInForce) -> bool:
    """Tell whether what an auction that ends this phase leaves of an order of this TimeInForce(59) expires."""
    if time_in_force == AT_THE_OPENING:
        return True
    return time_in_force == AT_THE_CLOSE and phase == CLOSING_AUCTION


def next_towards(phase: TradingPhase, wanted: TradingPhase) -> TradingPhase | None:
    """Return the next phase on the shortest way to `wanted`; None where there is no way, or it is reached."""
    if phase == wanted:
        return None
    ways: list[tuple[TradingPhase, TradingPhase]] = [(each, each) for each in TABLE[phase].following]
    seen: list[TradingPhase] = [phase]
    for first, reached in ways:
        if reached == wanted:
            return first
        if reached in seen or reached in (HALTED, DELISTED):
            continue
        seen.append(reached)
        ways.extend((first, each) for each in TABLE[reached].following)
    return None


def refuse_order(
    symbol: str,
    phase: TradingPhase,
    ord_type: OrdType,
    time_in_force: TimeInForce,
    *,
    post_only: bool = False,
    reduce_only: bool = False,
) -> Refusal | None:
    """Return code and text where the phase does not take such an order, naming what it takes."""
    rule = TABLE[phase]
    where = f"trading phase of {symbol} is {phase}"
    if not rule.takes:
        return refusals.TRADING_PHASE, f"{where}, no orders are taken, cancels pass"
    if time_in_force not in rule.takes:
        allowed = _listed([TIME_IN_FORCE_NAMES[each] for each in rule.takes])
        return (
            refusals.TIME_IN_FORCE_NOT_IN_PHASE,
            f"{where}, TimeInForce(59) {time_in_force} found, allowed: {allowed}",
        )
    if ord_type not in rule.ord_types:
        allowed = _listed([ORD_TYPE_NAMES[each] for each in rule.ord_types])
        return refusals.ORD_TYPE_NOT_IN_PHASE, f"{where}, OrdType(40) {ord_type} found, allowed: {allowed}"
    if time_in_force in (AT_THE_OPENING, AT_THE_CLOSE) and ord_type not in (MARKET, LIMIT):
        text = f"TimeInForce(59) {time_in_force} with OrdType(40) {ord_type} found, allowed: 1 market, 2 limit"
        return refusals.ORD_TYPE_NOT_IN_PHASE, text
    if reduce_only and (not rule.matches or time_in_force in (AT_THE_OPENING, AT_THE_CLOSE)):
        return refusals.REDUCE_ONLY_NOT_IN_PHASE, f"{where}, reduce-only orders are taken in continuous trading alone"
    if post_only and not rule.matches:
        return refusals.POST_ONLY_NOT_IN_PHASE, f"{where}, post-only orders are taken in continuous trading alone"
    return None


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)


def as_markdown() -> str:
    """Return the table as Markdown, a row per phase."""
    lines = [
        "| phase | TimeInForce(59) taken | OrdType(40) taken | orders | replaces, cancels | may be followed by |",
        "|---|---|---|---|---|---|",
    ]
    for phase, rule in TABLE.items():
        tifs = _listed([TIME_IN_FORCE_NAMES[each] for each in rule.takes]) or "none"
        types = _listed([ORD_TYPE_NAMES[each] for each in rule.ord_types]) or "none"
        orders = "match at once" if rule.matches else "rest" if rule.takes else "refused"
        changes = "both" if rule.takes else "cancels"
        lines.append(f"| {phase} | {tifs} | {types} | {orders} | {changes} | {_listed(rule.following) or 'nothing'} |")
    return "\n".join(lines) + "\n"
