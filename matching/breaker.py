"""The circuit breaker: what an aggressor may not trade at once halts the instrument, which goes on with an auction.

The range is `Instrument.breaker_range`; it is laid anew after each order, so that the trades of one order are all
measured from the trade before it. What was traded inside the range stands. The order's remainder rests, or expires if
it must not rest, as if nothing were left to trade with.
"""

from typing import Final

from matching.book import Book
from matching.events import Event, TradingPhaseSet
from matching.phases import VOLATILITY_HALT
from matching.texts import decimal_text
from matching.types import E8

SECOND_NS: Final = 1_000_000_000


def trip(book: Book, price: int, time_ns: int, out: list[Event]) -> None:
    """Halt the instrument because an order would have traded at `price`; the end of the halt is a later command."""
    instrument = book.instrument
    low, high = instrument.breaker_range()
    assert not low <= price <= high, f"{price} is within {low} to {high}"
    until_ns = time_ns + instrument.breaker_seconds * SECOND_NS
    found, least, most = (decimal_text(each * instrument.tick_e8, E8) for each in (price, low, high))
    reason = f"a trade at {found} would leave the range {least} to {most} of the circuit breaker"
    instrument.set_phase(VOLATILITY_HALT, until_ns=until_ns)
    out.append(TradingPhaseSet(instrument.instrument_id, VOLATILITY_HALT, reason, until_ns))
