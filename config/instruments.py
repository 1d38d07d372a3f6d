"""instruments.toml: what is traded, in ticks and lots that settle exactly."""

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Final

import msgspec

from config import file_keys
from config.calendars import Calendar, check_calendar_of, read_calendars
from config.faults import FaultLog, quote
from config.toml_tables import Table, TomlFile, names_of, refuse_repeats
from matching.instrument import PRICE_TICKS_MAX, band_around
from matching.types import E8, MICRO, InstrumentKind

FILE: Final = "instruments.toml"
INSTRUMENTS_MAX: Final = 100_000
SHOWN_MAX: Final = 20


class InstrumentSettings(msgspec.Struct, frozen=True):
    """One instrument as a matching command describes it, and the shard it lives on.

    `instrument_id` is None where the file gives no id; `reference_price` is in ticks, `tick_lot_value` in 10^-6 of
    `currency`.
    """

    instrument_id: int | None
    symbol: str
    kind: InstrumentKind
    currency: str
    tick: Decimal
    lot: Decimal
    tick_e8: int
    lot_e8: int
    tick_lot_value: int
    reference_price: int
    band_bp: int
    shard: str
    line: int
    calendar: Calendar | None = None
    breaker_bp: int = 0
    breaker_static_bp: int = 0
    breaker_seconds: int = 0
    breaker_extended_bp: int = 0
    breaker_extensions: int = 0


class InstrumentsFile(msgspec.Struct, frozen=True):
    """The instruments that could be read, and all that the file names, readable otherwise or not.

    `assets` are symbols and currencies, `shards` where instruments live. None: a name itself could not be read, so that
    nobody can say of another name that it is not there.
    """

    instruments: tuple[InstrumentSettings, ...]
    assets: frozenset[str] | None
    shards: frozenset[str] | None

    def lacks(self, asset: str) -> bool:
        """Say whether the file certainly does not name this symbol or currency."""
        return self.assets is not None and asset not in self.assets


class Traded:
    """What instruments.toml names, for looking up."""

    def __init__(self, file: InstrumentsFile) -> None:
        self.by_symbol: Final = {instrument.symbol: instrument for instrument in reversed(file.instruments)}
        self.currencies: Final = list(dict.fromkeys(instrument.currency for instrument in file.instruments))
        self.lacks: Final = file.lacks

    def names(self, *, spot_only: bool, shard: str | None = None) -> str:
        """Return the symbols, of one shard or of all, as a fault shows them."""
        symbols = [
            each.symbol
            for each in self.by_symbol.values()
            if (each.kind == "spot" or not spot_only) and shard in (None, each.shard)
        ]
        return ", ".join(sorted(symbols)[:SHOWN_MAX])


def read_instruments(data: bytes, *, shards: Collection[str] | None, log: FaultLog) -> InstrumentsFile | None:
    """Read and check instruments.toml; None if it is no TOML. `shards` None: exchange.toml could not be read."""
    file = TomlFile(data, file=FILE, log=log)
    file.table("", ())
    file.refuse_unknown_tables(["instrument", "calendar"])
    tables = file.tables("instrument", file_keys.INSTRUMENT, count_max=INSTRUMENTS_MAX)
    if not file.readable:
        return None
    if not tables:
        log.add(FILE, 0, "instrument", found="nothing", allowed="at least one [[instrument]]")
    for key in ("symbol", "id"):
        refuse_repeats(tables, key, log)
    currencies = {table["currency"] for table in tables if table.has("currency")}
    for table in tables:
        if table["symbol"] in currencies:
            allowed = "a symbol that is no currency: both are assets of the ledgers"
            log.add(FILE, table.line("symbol"), "symbol", found=quote(table["symbol"]), allowed=allowed)
    calendars = read_calendars(file, log)
    for table in tables:
        check_calendar_of(table, calendars, log)
        _check_breaker(table, log)
        _check_extension(table, log)
    instruments = [_instrument(table, calendars, shards=shards, log=log) for table in tables]
    read = tuple(instrument for instrument in instruments if instrument is not None)
    return InstrumentsFile(read, names_of(tables, "symbol", "currency"), names_of(tables, "shard"))


def count_of(value: Decimal, *, unit: Decimal) -> int | None:
    """Return how many times `unit` is in `value`, or None where that is not a whole number."""
    count, rest = divmod(value, unit)
    return int(count) if rest == 0 else None


def _instrument(
    table: Table, calendars: Mapping[str, Calendar | None], *, shards: Collection[str] | None, log: FaultLog
) -> InstrumentSettings | None:
    if shards is not None and table.has("shard") and table["shard"] not in shards:
        allowed = f"a shard of exchange.toml: {', '.join(shards)}"
        log.add(FILE, table.line("shard"), "shard", found=quote(table["shard"]), allowed=allowed)
    ticks, tick_lot_value = _reference_in_ticks(table, log), _tick_lot_value(table, log)
    if ticks is None or tick_lot_value is None:
        return None
    _check_band(quote(table["symbol"]), ticks, table, log)
    if not table.has("symbol", "kind", "currency", "tick", "lot", "band_percent", "shard"):
        return None
    return InstrumentSettings(
        instrument_id=table["id"],
        symbol=table["symbol"],
        kind=table["kind"],
        currency=table["currency"],
        tick=table["tick"],
        lot=table["lot"],
        tick_e8=int(table["tick"] * E8),
        lot_e8=int(table["lot"] * E8),
        tick_lot_value=tick_lot_value,
        reference_price=ticks,
        band_bp=int(table["band_percent"] * 100),
        shard=table["shard"],
        line=table.line(),
        calendar=calendars.get(table["calendar"]) if table.has("calendar") else None,
        breaker_bp=_basis_points(table["breaker_percent"]),
        breaker_static_bp=_basis_points(table["breaker_static_percent"]),
        breaker_seconds=table["breaker_seconds"] or 0,
        breaker_extended_bp=_basis_points(table["breaker_extended_percent"]),
        breaker_extensions=table["breaker_extensions"] or 0,
    )


def _basis_points(percent: Decimal | None) -> int:
    return 0 if percent is None else int(percent * 100)


def _check_breaker(table: Table, log: FaultLog) -> None:
    """A circuit breaker needs a range and a time."""
    has_range = table.is_given("breaker_percent") or table.is_given("breaker_static_percent")
    if has_range and not table.is_given("breaker_seconds"):
        allowed = "a whole number of seconds, which breaker_percent and breaker_static_percent need"
        log.add(FILE, table.line(), "breaker_seconds", found="nothing", allowed=allowed)
    elif table.has("breaker_seconds") and not has_range:
        allowed = "only with breaker_percent or breaker_static_percent"
        line, found = table.line("breaker_seconds"), str(table["breaker_seconds"])
        log.add(FILE, line, "breaker_seconds", found=found, allowed=allowed)


def _check_extension(table: Table, log: FaultLog) -> None:
    """An extended range is that of a circuit breaker, and wider; extensions are of an extended range."""
    extended, dynamic = table["breaker_extended_percent"], table["breaker_percent"]
    where = table.line("breaker_extended_percent")
    if extended is not None and not table.is_given("breaker_seconds"):
        log.add(FILE, where, "breaker_extended_percent", found=f"{extended:f}", allowed="only with breaker_seconds")
    elif extended is not None and dynamic is not None and extended <= dynamic:
        allowed = f"more than breaker_percent, which is {dynamic:f}"
        log.add(FILE, where, "breaker_extended_percent", found=f"{extended:f}", allowed=allowed)
    if table.has("breaker_extensions") and not table.is_given("breaker_extended_percent"):
        line, found = table.line("breaker_extensions"), str(table["breaker_extensions"])
        log.add(FILE, line, "breaker_extensions", found=found, allowed="only with breaker_extended_percent")


def _check_band(symbol: str, ticks: int, table: Table, log: FaultLog) -> None:
    """Keep the band within what the engine counts with: above it a sum of price times quantity could leave 63 bits."""
    if table.has("band_percent"):
        _, high = band_around(reference_price=ticks, band_bp=int(table["band_percent"] * 100))
        if high > PRICE_TICKS_MAX:
            found, allowed = f"a band of {symbol} up to {high} ticks", f"at most {PRICE_TICKS_MAX} ticks: a larger tick"
            log.add(FILE, table.line("reference_price"), "reference_price", found=found, allowed=allowed)


def _reference_in_ticks(table: Table, log: FaultLog) -> int | None:
    if not table.has("reference_price", "tick"):
        return None
    ticks = count_of(table["reference_price"], unit=table["tick"])
    if ticks is None:
        found, allowed = quote(f"{table['reference_price']:f}"), f"a multiple of tick, which is {table['tick']:f}"
        log.add(FILE, table.line("reference_price"), "reference_price", found=found, allowed=allowed)
    return ticks


def _tick_lot_value(table: Table, log: FaultLog) -> int | None:
    """Return the value of a lot at a price of one tick in 10^-6: whole, since every fill has to settle exactly."""
    if not table.has("tick", "lot"):
        return None
    value, rest = divmod(int(table["tick"] * E8) * int(table["lot"] * E8) * MICRO, E8 * E8)
    if rest:
        found = quote(f"{table['lot']:f}")
        allowed = f"a lot of which one, at a price of one tick of {table['tick']:f}, is worth a multiple of 0.000001"
        log.add(FILE, table.line("lot"), "lot", found=found, allowed=allowed)
        return None
    return value
