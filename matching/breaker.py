"""The circuit breaker: what an aggressor may not trade at once halts the instrument, which goes on with an auction,
whether the price would be worse for him than the range or better.

The range is `Instrument.breaker_range`; it is laid anew after each order, so that the trades of one order are all
measured from the trade before it. What was traded inside the range stands. The order's remainder rests, or expires if
it must not rest, as if nothing were left to trade with.

An auction that ends the halt by its time is not executed where its price is further from the last trade than the
extended range: the call goes on for as long again, a bounded number of times, and then until an operator ends it.
"""

from typing import Final

from matching.book import Book, BookSide
from matching.events import Event, TradingPhaseSet
from matching.instrument import band_around
from matching.order import Order
from matching.phases import VOLATILITY_HALT
from matching.texts import decimal_text
from matching.types import E8

SECOND_NS: Final = 1_000_000_000


def look(book: Book, order: Order, opposite: BookSide, reach: int, time_ns: int, out: list[Event]) -> None:
    """Halt the instrument if an order that reaches to the key `reach` would have traded beyond the range.

    To be called before the range is laid anew; the end of the halt is a later command.
    """
    level = opposite.best
    if not order.leaves_qty or level is None or level.key > reach:
        return
    if opposite.start_key <= level.key <= opposite.stop_key:
        return
    instrument = book.instrument
    low, high = instrument.breaker_range(book.on_last.price)
    assert not low <= level.price <= high, f"{level.price} is within {low} to {high}"
    until_ns = time_ns + instrument.breaker_seconds * SECOND_NS
    found, least, most = (decimal_text(each * instrument.tick_e8, E8) for each in (level.price, low, high))
    reason = f"a trade at {found} would leave the range {least} to {most} of the circuit breaker"
    instrument.set_phase(VOLATILITY_HALT, until_ns=until_ns)
    book.renew()
    out.append(TradingPhaseSet(instrument.instrument_id, VOLATILITY_HALT, reason, until_ns))


def extended_range(book: Book) -> tuple[int, int]:
    """Return the lowest and highest price at which a volatility halt may end by its time; (0, 0): there is no bound."""
    instrument = book.instrument
    reference = book.on_last.price or instrument.reference_price
    if not instrument.breaker_extended_bp or not reference:
        return 0, 0
    return band_around(reference_price=reference, band_bp=instrument.breaker_extended_bp)


def extension(book: Book, price: int, time_ns: int) -> tuple[str, int] | None:
    """Return reason and end of the extension of a halt whose auction would be executed at `price`; an end of 0 is an
    operator's. None: it may be executed.
    """
    low, high = extended_range(book)
    if not high or low <= price <= high:
        return None
    instrument = book.instrument
    found, least, most = (decimal_text(each * instrument.tick_e8, E8) for each in (price, low, high))
    reason = f"an auction at {found} would leave the extended range {least} to {most} of the circuit breaker"
    if instrument.extension_count >= instrument.breaker_extensions:
        return f"{reason}, the call goes on until an operator ends it", 0
    which = f"extension {instrument.extension_count + 1} of {instrument.breaker_extensions}"
    return f"{reason}, {which}", time_ns + instrument.breaker_seconds * SECOND_NS
