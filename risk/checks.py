"""Pre-trade checks: one pure decision in a stated order of precedence, and the text of every refusal.

The order is `PRECEDENCE`; the first check that fails answers. Nothing here changes state. The comparisons stand in
one function because it runs for every order (measured: a call per check would cost as much again as all of them); the
texts, which name the limit, the value found and the bound allowed, are made by functions of their own once an order
is refused.
"""

from collections.abc import Sequence
from typing import Final

from matching import refusals
from matching.refusals import Refusal
from matching.types import BUY, Side
from risk.accounts import BOTH, PERMITTED_SIDES, Exposure, Ledger
from risk.texts import cash_text, price_text, qty_text

PRECEDENCE: Final = (
    "kill switch",
    "acceptance",
    "trading phase",
    "permission",
    "order quantity",
    "price band",
    "order value",
    "open orders",
    "position",
    "firm",
    "post-only",
    "available cash",
)


class Gates:
    """What closes the exchange for new orders, beside phases. `are_open` is False while anything is closed.

    `accounts_killed` counts the accounts with an engaged kill switch, whose reason stands in the account's ledger.
    `firm_of` names the firm of every account whose firm has one, by account id.
    """

    __slots__ = (
        "acceptance_reason",
        "accepting",
        "accounts_killed",
        "are_open",
        "firm_of",
        "firms_killed",
        "market_killed",
        "sessions_killed",
    )

    def __init__(self) -> None:
        self.accepting = True
        self.acceptance_reason = ""
        self.market_killed = ""
        self.sessions_killed: dict[int, str] = {}
        self.accounts_killed = 0
        self.firms_killed: dict[str, str] = {}
        self.firm_of: dict[int, str] = {}
        self.are_open = True

    def renew(self) -> None:
        """Draw `are_open` from the rest, after each change."""
        killed = self.market_killed or self.sessions_killed or self.accounts_killed or self.firms_killed
        self.are_open = not killed and self.accepting

    def set_firm(self, firm: str, reason: str, account_ids: Sequence[int]) -> None:
        """Engage the kill switch of a firm with these accounts, or release it where there is no reason."""
        if reason:
            self.firms_killed[firm] = reason
        else:
            self.firms_killed.pop(firm, None)
        for account_id in account_ids:
            self.place(account_id, firm)

    def place(self, account_id: int, firm: str) -> None:
        """Take note of the firm that an account belongs to."""
        if firm in self.firms_killed:
            self.firm_of[account_id] = firm
        else:
            self.firm_of.pop(account_id, None)


def check_order(
    gates: Gates,
    exposure: Exposure,
    session_id: int,
    side: Side,
    price: int,
    qty: int,
    taken_price: int,
    leaves_qty: int,
    prior_price: int = 0,
    prior_leaves: int = 0,
    *,
    is_new: bool = True,
) -> Refusal | None:
    """Return code and Text(58) of the first check that fails, or None.

    `qty` is OrderQty(38), all of it, `leaves_qty` what would be open. `taken_price` is where a post-only order would
    take, 0 for any other. `prior_leaves` is what a replaced order has open, at `prior_price`; 0 for a new order, and
    for one that is counted and holds nothing, which is not `is_new`. What takes nothing more than before is not refused
    for its position, as the larger one would stay then.
    """
    instrument = exposure.instrument
    if not gates.are_open:
        closed = check_gates(gates, exposure.account, session_id)
        if closed is not None:
            return closed
    if not instrument.is_trading:
        return refuse_phase(exposure)
    if not 0 < qty <= exposure.order_qty_max:
        refused = refuse_side(exposure, side) or refuse_order_qty(exposure, qty)
        if refused is not None:
            return refused
    if not instrument.band_low <= price <= instrument.band_high:
        return refuse_price(exposure, price)
    unit = exposure.tick_lot_value
    if price * qty * unit > exposure.order_value_max:
        return refuse_order_value(exposure, price * qty * unit)
    account = exposure.account
    if is_new and not prior_leaves:
        if exposure.open_orders >= exposure.open_orders_max:
            return refuse_open_orders(exposure)
        if account.open_orders >= account.open_orders_max:
            return refuse_open_orders_of_account(account)
    position = exposure.position
    if side == BUY:
        reached = position.amount + exposure.open_buy_qty - prior_leaves + leaves_qty
    else:
        reached = exposure.open_sell_qty - prior_leaves + leaves_qty - position.amount
    if reached > exposure.position_max and leaves_qty > prior_leaves:
        return refuse_position(exposure, side, reached)
    firm = exposure.firm
    if firm is not None:
        added = leaves_qty - prior_leaves
        value = (price * leaves_qty - prior_price * prior_leaves) * unit
        refused = firm.refusal(side, added, value, is_one_more=is_new and not prior_leaves)
        if refused is not None:
            return refused
    if taken_price:
        return refuse_post_only(exposure, price, taken_price)
    if side == BUY or not exposure.is_spot:
        cash = exposure.cash
        needed = (price * leaves_qty - prior_price * prior_leaves) * unit
        if needed > cash.amount - cash.held:
            return refuse_cash(exposure, needed)
    elif leaves_qty - prior_leaves > position.amount - position.held:
        return refuse_shares(exposure, leaves_qty - prior_leaves)
    return None


def may_reprice(exposure: Exposure, side: Side, price: int, qty: int, leaves_qty: int, prior_price: int) -> bool:
    """Tell whether value and cash let an open order of `qty` stand at another price, which nobody asked for: no switch,
    phase or band is looked at, and nothing stops what needs no more.
    """
    unit = exposure.tick_lot_value
    added = (price - prior_price) * leaves_qty * unit
    if added <= 0:
        return True
    if price * qty * unit > exposure.order_value_max:
        return False
    if exposure.firm is not None and exposure.firm.refusal(side, 0, added, is_one_more=False) is not None:
        return False
    holds_cash = side == BUY or not exposure.is_spot
    return not holds_cash or added <= exposure.cash.amount - exposure.cash.held


def check_gates(gates: Gates, account: Ledger, session_id: int) -> Refusal | None:
    """Refuse where a kill switch is engaged or orders are not accepted."""
    if gates.market_killed:
        return refusals.KILL_SWITCH_OF_MARKET, f"kill switch of the market is engaged: {gates.market_killed}"
    if account.killed:
        return refusals.KILL_SWITCH_OF_ACCOUNT, f"kill switch of account {account.name} is engaged: {account.killed}"
    firm = gates.firm_of.get(account.account_id)
    if firm is not None:
        return refusals.KILL_SWITCH_OF_FIRM, f"kill switch of firm {firm} is engaged: {gates.firms_killed[firm]}"
    if session_id in gates.sessions_killed:
        reason = gates.sessions_killed[session_id]
        return refusals.KILL_SWITCH_OF_SESSION, f"kill switch of this session is engaged: {reason}"
    if not gates.accepting:
        return refusals.NOT_ACCEPTING, f"the exchange accepts no orders: {gates.acceptance_reason}"
    return None


def refuse_phase(exposure: Exposure) -> Refusal:
    """The trading phase takes no orders, or the auction that ends it is being executed."""
    instrument = exposure.instrument
    if instrument.auction is not None:
        return refusals.AUCTION_EXECUTES, f"the auction of {instrument.symbol} is being executed"
    text = f"trading phase of {instrument.symbol} is {instrument.phase}, no orders are taken, cancels pass"
    return refusals.TRADING_PHASE, text


def refuse_side(exposure: Exposure, side: Side) -> Refusal | None:
    """The account may not enter this side in the instrument."""
    if side in PERMITTED_SIDES[exposure.sides]:
        return None
    name, symbol = exposure.account.name, exposure.instrument.symbol
    return (
        refusals.SIDE_NOT_PERMITTED,
        f"Side(54) {side} is not permitted to account {name} in {symbol}: {exposure.sides}",
    )


def refuse_order_qty(exposure: Exposure, qty: int) -> Refusal | None:
    """The quantity is not positive, or above the limit; None where the limit only seemed to be 0 (see Exposure)."""
    limit = exposure.order_qty_max if exposure.sides == BOTH else exposure.order_qty_bound
    if 0 < qty <= limit:
        return None
    instrument = exposure.instrument
    value = qty_text(instrument, qty)
    if qty <= 0:
        text = f"OrderQty(38) {value} is below the least quantity {qty_text(instrument, 1)} of {instrument.symbol}"
        return refusals.QTY_NOT_POSITIVE, text
    bound = qty_text(instrument, limit)
    whose = whose_limit(exposure, "order_qty_max")
    return refusals.ORDER_QTY_MAX, f"OrderQty(38) {value} exceeds order_qty_max {bound} {whose}"


def refuse_price(exposure: Exposure, price: int) -> Refusal:
    """The price lies outside the band, or there is no band."""
    instrument = exposure.instrument
    if instrument.reference_price == 0:
        text = f"{instrument.symbol} has no reference price, so that no price lies within its price band"
        return refusals.NO_REFERENCE_PRICE, text
    low, high = price_text(instrument, instrument.band_low), price_text(instrument, instrument.band_high)
    text = f"Price(44) {price_text(instrument, price)} is outside the price band {low} to {high} of {instrument.symbol}"
    return refusals.PRICE_BAND, text


def refuse_order_value(exposure: Exposure, value: int) -> Refusal:
    """Price times quantity is above the limit."""
    currency = exposure.instrument.currency
    bound = cash_text(currency, exposure.order_value_max)
    whose = whose_limit(exposure, "order_value_max")
    text = f"order value {cash_text(currency, value)} exceeds order_value_max {bound} {whose}"
    return refusals.ORDER_VALUE_MAX, text


def refuse_open_orders(exposure: Exposure) -> Refusal:
    """One more open order in the instrument would be above the limit."""
    where = f"of account {exposure.account.name} in {exposure.instrument.symbol}"
    text = f"open orders {exposure.open_orders + 1} would exceed open_orders_max {exposure.open_orders_max} {where}"
    return refusals.OPEN_ORDERS_MAX, text


def refuse_open_orders_of_account(account: Ledger) -> Refusal:
    """One more open order over all instruments would be above the limit."""
    bound = f"open_orders_max {account.open_orders_max} of account {account.name}"
    return (
        refusals.OPEN_ORDERS_MAX_OF_ACCOUNT,
        f"open orders {account.open_orders + 1} would exceed {bound} over all instruments",
    )


def refuse_position(exposure: Exposure, side: Side, reached: int) -> Refusal:
    """The position, all open orders of the side filled, would be above the limit."""
    instrument = exposure.instrument
    direction = "long" if side == BUY else "short"
    bound = qty_text(instrument, exposure.position_max)
    whose = whose_limit(exposure, "position_max")
    value = qty_text(instrument, reached)
    text = f"{direction} position {value} with open orders would exceed position_max {bound} {whose}"
    return refusals.POSITION_MAX, text


def refuse_post_only(exposure: Exposure, price: int, taken_price: int) -> Refusal:
    """A post-only order would take."""
    instrument = exposure.instrument
    best = price_text(instrument, taken_price)
    text = f"post-only order at Price(44) {price_text(instrument, price)} would take the best opposite price {best}"
    return refusals.POST_ONLY_WOULD_TAKE, text


def refuse_cash(exposure: Exposure, needed: int) -> Refusal:
    """The hold of the order is above the available cash."""
    cash, currency = exposure.cash, exposure.instrument.currency
    available = cash_text(currency, cash.amount - cash.held)
    text = (
        f"order needs {cash_text(currency, needed)}, available cash of account {exposure.account.name} is {available}"
    )
    return refusals.CASH, text


def refuse_shares(exposure: Exposure, needed: int) -> Refusal:
    """A spot sell needs more shares than are available."""
    position, instrument = exposure.position, exposure.instrument
    available = qty_text(instrument, position.amount - position.held)
    whose = f"{instrument.symbol} of account {exposure.account.name}"
    return refusals.SHARES, f"order needs {qty_text(instrument, needed)} {whose}, available are {available}"


def whose_limit(exposure: Exposure, name: str) -> str:
    """Say where the limit in force was set: on the account in the instrument, on the account, or by the exchange."""
    account, instrument = exposure.account, exposure.instrument
    in_force: int = getattr(exposure, name)
    if name == "order_qty_max" and exposure.sides != BOTH:
        in_force = exposure.order_qty_bound
    for instrument_id, where in ((instrument.instrument_id, f" in {instrument.symbol}"), (0, "")):
        override = account.overrides.get(instrument_id)
        if override is not None and getattr(override, name) == in_force:
            return f"of account {account.name}{where}, as an operator has set it"
    for instrument_id, where in ((instrument.instrument_id, f" in {instrument.symbol}"), (0, "")):
        limits = account.limits.get(instrument_id)
        if limits is not None and getattr(limits, name) == in_force:
            return f"of account {account.name}{where}"
    return f"of the exchange in {instrument.symbol}"
