"""Texts of refusals: limits, values and bounds in the units a person reads, made of integers."""

from matching.instrument import Instrument
from matching.texts import decimal_text
from matching.types import E8, MICRO


def price_text(instrument: Instrument, price: int) -> str:
    """Return a price in ticks as its decimal."""
    return decimal_text(price * instrument.tick_e8, E8)


def qty_text(instrument: Instrument, qty: int) -> str:
    """Return a quantity in lots as its decimal."""
    return decimal_text(qty * instrument.lot_e8, E8)


def cash_text(currency: str, amount: int) -> str:
    """Return an amount in 10^-6 as its decimal and currency."""
    return f"{decimal_text(amount, MICRO)} {currency}"


def amount_text(instrument: Instrument, asset: str, amount: int) -> str:
    """Return an amount of the instrument's currency or of its shares, whichever `asset` is, as its decimal and name."""
    if asset == instrument.symbol:
        return f"{qty_text(instrument, amount)} {asset}"
    return cash_text(asset, amount)
