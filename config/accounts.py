"""accounts.toml: who owns what at the start, and how far each account may go."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final

import msgspec

from config import file_keys
from config.exchange import SHARDS_MAX
from config.faults import FaultLog, quote
from config.instruments import InstrumentSettings, InstrumentsFile, Traded, count_of
from config.openings import OpeningReader, Openings, refuse_unknown_shards
from config.toml_tables import Table, TomlFile, TomlKey, names_of, refuse_repeats
from matching.types import MICRO
from risk.accounts import AMOUNT_MAX

FILE: Final = "accounts.toml"
ACCOUNTS_MAX: Final = 1_000_000
LIMITS_PER_ACCOUNT_MAX: Final = 100_000
FIRMS_SHOWN_MAX: Final = 20


class LimitSettings(msgspec.Struct, frozen=True):
    """Limits of an account in one instrument, or over all where `symbol` is None. 0: no limit.

    Quantities in lots, values in 10^-6 of the currency. `sides` may be entered; "": as over all instruments.
    """

    symbol: str | None
    order_qty_max: int = 0
    order_value_max: int = 0
    open_orders_max: int = 0
    position_max: int = 0
    rate: int = 0
    burst: int = 0
    sides: str = ""


class FirmSettings(msgspec.Struct, frozen=True):
    """Limits over all accounts of a firm; 0: no limit. `position_max` is in lots, by symbol."""

    name: str
    open_orders_max: int
    open_value_max: int
    position_max: Mapping[str, int]


class AccountSettings(msgspec.Struct, frozen=True):
    """One account. `opening` is in 10^-6 of a currency or in lots of a spot symbol; `account_id` None: not given.

    `openings` are its parts by shard, without the shards that have none; `opening` is their sum.
    """

    account_id: int | None
    name: str
    firm: str
    opening: Mapping[str, int]
    openings: Mapping[str, Mapping[str, int]]
    limits: tuple[LimitSettings, ...]
    line: int


class AccountsFile(msgspec.Struct, frozen=True):
    """The accounts that could be read, every name that the file gives (None where one could not be read), the limits of
    firms, and the names of the firms that accounts are of (None as above).
    """

    accounts: tuple[AccountSettings, ...]
    names: frozenset[str] | None
    firms: tuple[FirmSettings, ...] = ()
    firm_names: frozenset[str] | None = None


def read_accounts(
    data: bytes, *, instruments: InstrumentsFile | None, shards: Sequence[str] | None, log: FaultLog
) -> AccountsFile | None:
    """Read and check accounts.toml; None if it is no TOML.

    `instruments` None: instruments.toml could not be read. `shards` None: those of exchange.toml could not.
    """
    file = TomlFile(data, file=FILE, log=log)
    file.table("", ())
    file.refuse_unknown_tables(["account", "firm"])
    tables = file.tables("account", file_keys.ACCOUNT, count_max=ACCOUNTS_MAX)
    firm_tables = file.tables("firm", file_keys.FIRM, count_max=ACCOUNTS_MAX)
    if not file.readable:
        return None
    for key in ("name", "id"):
        refuse_repeats(tables, key, log)
    refuse_repeats(firm_tables, "name", log)
    reader = _Reader(file, None if instruments is None else Traded(instruments), shards, log)
    accounts = [account for table in tables if (account := reader.account(table)) is not None]
    _check_sums(accounts, log)
    firm_names = names_of(tables, "firm")
    firms = [firm for table in firm_tables if (firm := reader.firm(table, firm_names)) is not None]
    return AccountsFile(tuple(accounts), names_of(tables, "name"), tuple(firms), firm_names)


def _check_sums(accounts: Sequence[AccountSettings], log: FaultLog) -> None:
    """Keep the sum of an asset over all accounts within what a ledger counts with."""
    sums: dict[str, int] = {}
    for account in accounts:
        for asset, amount in account.opening.items():
            sums[asset] = sums.get(asset, 0) + amount
            if sums[asset] > AMOUNT_MAX >= sums[asset] - amount:
                found = f"{sums[asset]} of {asset}, summed up to here"
                log.add(FILE, account.line, "opening", found=found, allowed=f"at most {AMOUNT_MAX} in all accounts")


class _Reader:
    """Reads one account after another against what is traded, and where."""

    def __init__(self, file: TomlFile, traded: Traded | None, shards: Sequence[str] | None, log: FaultLog) -> None:
        self._file = file
        self._traded = traded
        self._shards = shards
        self._log = log

    def account(self, table: Table) -> AccountSettings | None:
        overall = LimitSettings(
            symbol=None,
            order_value_max=_in_micro(table["order_value_max"]),
            open_orders_max=table["open_orders_max"] or 0,
            rate=table["message_rate"] or 0,
            burst=table["message_burst"] or table["message_rate"] or 0,
            sides="" if table["sides"] in (None, "both") else table["sides"],
        )
        if table.has("message_burst") and not table.is_given("message_rate"):
            found, allowed = str(table["message_burst"]), "only with message_rate"
            self._log.add(FILE, table.line("message_burst"), "message_burst", found=found, allowed=allowed)
        rows = self._rows(table, "limit", file_keys.LIMIT, count_max=LIMITS_PER_ACCOUNT_MAX)
        refuse_repeats(rows, "symbol", self._log)
        limits = [_limit(row, self._traded, self._log) for row in rows]
        openings = self._openings(table)
        if not table.has("name", "firm"):
            return None
        kept = [limit for limit in limits if limit is not None]
        identity = (table["id"], table["name"], table["firm"])
        return AccountSettings(*identity, _summed(openings.values()), openings, (overall, *kept), table.line())

    def firm(self, table: Table, firms: Collection[str] | None) -> FirmSettings | None:
        """Read the limits of a firm; `firms` are those of the accounts, None where one could not be read."""
        rows = self._rows(table, "limit", file_keys.FIRM_LIMIT, count_max=LIMITS_PER_ACCOUNT_MAX)
        refuse_repeats(rows, "symbol", self._log)
        positions: dict[str, int] = {}
        for row in rows:
            instrument = _instrument(row, self._traded, self._log)
            if instrument is not None:
                positions[instrument.symbol] = _in_lots(row, "position_max", instrument, self._log)
        if not table.has("name"):
            return None
        if firms is not None and table["name"] not in firms:
            allowed = f"the firm of an account: {', '.join(sorted(firms)[:FIRMS_SHOWN_MAX])}"
            self._log.add(FILE, table.line("name"), "name", found=quote(table["name"]), allowed=allowed)
        open_value_max = _in_micro(table["open_value_max"])
        return FirmSettings(table["name"], table["open_orders_max"] or 0, open_value_max, positions)

    def _openings(self, table: Table) -> Openings:
        parts = self._rows(table, "shard", file_keys.ACCOUNT_SHARD, count_max=SHARDS_MAX)
        refuse_repeats(parts, "name", self._log)
        refuse_unknown_shards(parts, self._shards, self._log)
        return {} if self._traded is None else OpeningReader(self._traded, self._shards, self._log).read(table, parts)

    def _rows(self, table: Table, name: str, keys: Sequence[TomlKey], *, count_max: int) -> list[Table]:
        """Read the tables [[account.name]] of one account."""
        return self._file.tables_in(table.path, {name: table[name] or []}, name, keys, count_max=count_max)


def _summed(openings: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Return the balances of all shards together."""
    total: dict[str, int] = {}
    for balances in openings:
        for asset, count in balances.items():
            total[asset] = total.get(asset, 0) + count
    return total


def _in_micro(value: Decimal | None) -> int:
    """Return a value that the file gives with at most 6 digits behind the point."""
    return 0 if value is None else int(value * MICRO)


def _limit(table: Table, traded: Traded | None, log: FaultLog) -> LimitSettings | None:
    instrument = _instrument(table, traded, log)
    if instrument is None:
        return None
    return LimitSettings(
        symbol=instrument.symbol,
        order_qty_max=_in_lots(table, "order_qty_max", instrument, log),
        order_value_max=_in_micro(table["order_value_max"]),
        open_orders_max=table["open_orders_max"] or 0,
        position_max=_in_lots(table, "position_max", instrument, log),
        sides=table["sides"] or "",
    )


def _instrument(table: Table, traded: Traded | None, log: FaultLog) -> InstrumentSettings | None:
    """Return the instrument whose symbol the table names."""
    if traded is None or not table.has("symbol"):
        return None
    instrument = traded.by_symbol.get(table["symbol"])
    if instrument is None and traded.lacks(table["symbol"]):
        found, allowed = quote(table["symbol"]), f"a symbol of instruments.toml: {traded.names(spot_only=False)}"
        log.add(FILE, table.line("symbol"), "symbol", found=found, allowed=allowed)
    return instrument


def _in_lots(table: Table, key: str, instrument: InstrumentSettings, log: FaultLog) -> int:
    if not table.has(key):
        return 0
    lots = count_of(table[key], unit=instrument.lot)
    if lots is None:
        allowed = f"a multiple of the lot of {instrument.symbol}, which is {instrument.lot:f}"
        log.add(FILE, table.line(key), key, found=quote(f"{table[key]:f}"), allowed=allowed)
    return lots or 0
