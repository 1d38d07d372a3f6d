"""A settled trade settled anew: what of its cash, shares and locks comes back, where it is still there to give."""

from risk.accounts import Balance, Exposure
from risk.shorts import freed_by
from risk.texts import amount_text


def correct_trade(buying: Exposure, selling: Exposure, price: int, qty: int, new_price: int, new_qty: int) -> str:
    """Move cash and lots between the two sides of a trade as if it had been of the new price and quantity.

    Returns "", or why nothing was moved: no side may be left with less than its orders and short positions hold.
    `new_qty` is at most `qty`.
    """
    if buying.account is selling.account:
        return ""
    refund = (price * qty - new_price * new_qty) * buying.tick_lot_value
    back = qty - new_qty
    if buying.is_spot:
        fault = _shortage(buying, buying.position, back) or _shortage(buying, buying.cash, -refund)
        fault = fault or _shortage(selling, selling.cash, refund)
    else:
        freed, locked = freed_by(selling, back), _locked(buying, price, back)
        # The proceeds of what is still short are locked with it, at the new price from now on.
        still_short = min(new_qty, max(-selling.position.amount - back, 0))
        freed -= (new_price - price) * still_short * selling.tick_lot_value
        fault = _shortage(buying, buying.cash, locked - refund) or _shortage(selling, selling.cash, refund - freed)
    if fault:
        return fault
    if not buying.is_spot:
        selling.short_lock -= freed
        selling.cash.held -= freed
        buying.short_lock += locked
        buying.cash.held += locked
    buying.position.amount -= back
    selling.position.amount += back
    buying.cash.amount += refund
    selling.cash.amount -= refund
    return ""


def _shortage(exposure: Exposure, balance: Balance, needed: int) -> str:
    """Return that an account has not so much free, or nothing."""
    free = balance.amount - balance.held
    if needed <= free or needed <= 0:
        return ""
    found, wanted = (amount_text(exposure.instrument, balance.asset, each) for each in (free, needed))
    return f"account {exposure.account.name} would have to give {wanted} and has {found} available"


def _locked(exposure: Exposure, price: int, qty: int) -> int:
    """Return what a position that loses `qty` locks for what of it becomes short: as a sale at the trade's price."""
    opening = min(qty, qty - exposure.position.amount)
    return 2 * price * opening * exposure.tick_lot_value if opening > 0 else 0
