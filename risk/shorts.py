"""Short positions of perpetuals: they lock notional and proceeds in cash, until margin takes that place."""

from risk.accounts import Exposure


def freed_by(exposure: Exposure, qty: int) -> int:
    """Return the locked cash that closing `qty` frees: in proportion, rounded down; the last lot frees the rest."""
    short = -exposure.position.amount
    if short <= 0:
        return 0
    return exposure.short_lock if qty >= short else exposure.short_lock * qty // short


def close_short(exposure: Exposure, qty: int) -> None:
    """Free the locked cash of what a buy of `qty` closes."""
    if exposure.position.amount < 0:
        freed = freed_by(exposure, qty)
        exposure.short_lock -= freed
        exposure.cash.held -= freed


def open_short(exposure: Exposure, price: int, order_price: int, qty: int) -> None:
    """Release the hold of a sold quantity; what of it opens a short keeps it locked, together with the proceeds."""
    unit = exposure.tick_lot_value
    held = exposure.cash
    held.held -= order_price * qty * unit
    opening = min(qty, qty - exposure.position.amount)
    if opening > 0:
        locked = (price + order_price) * opening * unit
        exposure.short_lock += locked
        held.held += locked
