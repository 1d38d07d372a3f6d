"""Checks of an order's terms against its type, life and instrument: what contradicts itself is refused here, by name.

They run before the risk checks, in the order of the code. The quantities and prices of a plain order are the risk
engine's; what translation guarantees (no negative number) is not asked again.
"""

from typing import Final

from matching import refusals
from matching.instrument import PRICE_TICKS_MAX, Instrument
from matching.refusals import Refusal
from matching.terms import Terms
from matching.texts import decimal_text, time_text
from matching.types import (
    BUY,
    E8,
    FILL_OR_KILL,
    GOOD_TILL_DATE,
    IMMEDIATE_OR_CANCEL,
    LIMIT,
    MARKET,
    MARKET_IF_TOUCHED,
    PEGGED,
    STOP,
    STOP_LIMIT,
    OrdType,
    Side,
    TimeInForce,
)

TRIGGERED_TYPES: Final = (STOP, STOP_LIMIT, MARKET_IF_TOUCHED)
"""Types that wait for a trigger before they enter."""
TAKING_TYPES: Final = (MARKET, STOP, MARKET_IF_TOUCHED)
"""Types that enter as market orders, and never rest in continuous trading."""
PARTS_MAX: Final = 100
"""An iceberg displays at least this part of its quantity, so that no aggressor meets more refills than that of it."""


def terms_fault(
    terms: Terms,
    instrument: Instrument,
    *,
    ord_type: OrdType,
    time_in_force: TimeInForce,
    qty: int,
    post_only: bool,
    time_ns: int,
) -> Refusal | None:
    """Return the first contradiction of the terms of a new or replaced order."""
    return (
        _trigger_fault(terms, ord_type, instrument, post_only=post_only)
        or _peg_fault(terms, ord_type, time_in_force)
        or _display_fault(terms, instrument, ord_type, time_in_force, qty)
        or _expiry_fault(terms, time_in_force, time_ns)
        or _reduce_only_fault(terms, instrument)
    )


def _trigger_fault(terms: Terms, ord_type: OrdType, instrument: Instrument, *, post_only: bool) -> Refusal | None:
    if ord_type not in TRIGGERED_TYPES:
        if terms.stop_price:
            text = f"StopPx(99) found on an order of OrdType(40) {ord_type}, which has no trigger"
            return refusals.STOP_PRICE_WITHOUT_STOP, text
        return None
    if post_only:
        return refusals.POST_ONLY_ON_TAKING_ORDER, f"post-only found on an order of OrdType(40) {ord_type}"
    if not terms.stop_price and terms.peg != "trail":
        return refusals.STOP_PRICE_ABSENT, f"OrdType(40) {ord_type} needs StopPx(99)"
    if not 0 <= terms.stop_price <= PRICE_TICKS_MAX:
        found, bound = (decimal_text(each * instrument.tick_e8, E8) for each in (terms.stop_price, PRICE_TICKS_MAX))
        return refusals.STOP_PRICE_OUT_OF_RANGE, f"StopPx(99) {found} is above the highest price {bound}"
    return None


def _peg_fault(terms: Terms, ord_type: OrdType, time_in_force: TimeInForce) -> Refusal | None:
    if terms.peg == "trail":
        if ord_type != STOP:
            text = f"a trailing peg found on OrdType(40) {ord_type}, a trailing stop has OrdType(40) {STOP}"
            return refusals.PEG_NOT_EXPRESSIBLE, text
        if not 0 < terms.offset <= PRICE_TICKS_MAX:
            return refusals.PEG_NOT_EXPRESSIBLE, "a trailing stop needs a positive PegOffsetValue(211)"
        return None
    if ord_type != PEGGED:
        if terms.peg or terms.offset:
            return refusals.PEG_NOT_EXPRESSIBLE, f"a peg found on an order of OrdType(40) {ord_type}"
        return None
    if not terms.peg:
        return refusals.PEG_NOT_EXPRESSIBLE, f"OrdType(40) {PEGGED} needs PegPriceType(1094)"
    if time_in_force in (IMMEDIATE_OR_CANCEL, FILL_OR_KILL):
        text = f"TimeInForce(59) {time_in_force} found on a pegged order, which never takes"
        return refusals.PEG_NOT_EXPRESSIBLE, text
    return None


def _display_fault(
    terms: Terms, instrument: Instrument, ord_type: OrdType, time_in_force: TimeInForce, qty: int
) -> Refusal | None:
    if not terms.display_qty:
        return None
    if ord_type in TAKING_TYPES or time_in_force in (IMMEDIATE_OR_CANCEL, FILL_OR_KILL):
        text = f"a displayed quantity found on OrdType(40) {ord_type} with TimeInForce(59) {time_in_force}"
        return refusals.DISPLAY_QTY_NOT_OFFERED, f"{text}, which never rests"
    if terms.display_qty > qty:
        found, bound = (decimal_text(each * instrument.lot_e8, E8) for each in (terms.display_qty, qty))
        return refusals.DISPLAY_QTY_OVER_QTY, f"the displayed quantity {found} is above OrderQty(38) {bound}"
    if qty > terms.display_qty * PARTS_MAX:
        found, bound = (
            decimal_text(each * instrument.lot_e8, E8) for each in (terms.display_qty, -(-qty // PARTS_MAX))
        )
        text = f"the displayed quantity {found} is below {bound}, 1/{PARTS_MAX} of OrderQty(38)"
        return refusals.DISPLAY_QTY_TOO_SMALL, text
    return None


def _expiry_fault(terms: Terms, time_in_force: TimeInForce, time_ns: int) -> Refusal | None:
    if time_in_force != GOOD_TILL_DATE:
        if terms.expire_ns:
            text = f"ExpireTime(126) found on an order of TimeInForce(59) {time_in_force}"
            return refusals.EXPIRE_TIME_WITHOUT_GTD, text
        return None
    if not terms.expire_ns:
        return refusals.EXPIRE_TIME_ABSENT, f"TimeInForce(59) {GOOD_TILL_DATE} needs ExpireTime(126)"
    if terms.expire_ns <= time_ns:
        text = f"ExpireTime(126) {time_text(terms.expire_ns)} is not after the order's time {time_text(time_ns)}"
        return refusals.EXPIRE_TIME_PASSED, text
    return None


def _reduce_only_fault(terms: Terms, instrument: Instrument) -> Refusal | None:
    if terms.reduce_only and instrument.is_spot:
        text = f"reduce-only found in {instrument.symbol}, which has no positions; it is for perpetuals"
        return refusals.REDUCE_ONLY_NOT_OFFERED, text
    return None


def prices_of(ord_type: OrdType, price: int, terms: Terms) -> list[int]:
    """Return where an order may enter, as it says it itself: its limit, its trigger price; a market order nowhere."""
    found = []
    if ord_type in (LIMIT, STOP_LIMIT):
        found.append(price)
    if ord_type in TRIGGERED_TYPES and terms.stop_price:
        found.append(terms.stop_price)
    return found


def exits_fault(
    side: Side, entry: list[int], legs: list[tuple[OrdType, int, Terms]], instrument: Instrument
) -> Refusal | None:
    """Refuse exits that are not on their own side of every entry price: profit is taken ahead of it, a loss is stopped
    behind it. A leg is its type, price and terms.
    """
    sign = 1 if side == BUY else -1
    profits: list[int] = []
    losses: list[int] = []
    for ord_type, price, terms in legs:
        if ord_type == LIMIT:
            profits.append(sign * price)
        elif terms.stop_price:
            (profits if ord_type == MARKET_IF_TOUCHED else losses).append(sign * terms.stop_price)
    middle = [sign * each for each in entry]
    ahead, behind = [*middle, *losses], [*middle, *profits]
    is_wrong = any(each <= max(ahead) for each in profits if ahead) or any(
        each >= min(behind) for each in losses if behind
    )
    if not is_wrong:
        return None
    found, expected = (
        " and ".join(decimal_text(each * instrument.tick_e8, E8) for each in prices)
        for prices in ([sign * each for each in (*profits, *losses)], entry)
    )
    text = f"legs at {found} do not lie on either side of an entry at {expected}"
    return refusals.BRACKET_ON_WRONG_SIDE, text


def missing_terms(ord_type: OrdType) -> Refusal:
    """Return the refusal of an order whose type needs terms and that has none."""
    if ord_type in TRIGGERED_TYPES:
        return refusals.STOP_PRICE_ABSENT, f"OrdType(40) {ord_type} needs StopPx(99)"
    return refusals.PEG_NOT_EXPRESSIBLE, f"OrdType(40) {ord_type} needs PegPriceType(1094)"
