"""accounts.toml: who owns what at the start, and how far each account may go."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

import msgspec

from config import file_keys
from config.faults import FaultLog, quote
from config.instruments import InstrumentSettings, InstrumentsFile, count_of
from config.toml_tables import Table, TomlFile, names_of, refuse_repeats
from matching.types import MICRO
from risk.accounts import AMOUNT_MAX

FILE: Final = "accounts.toml"
ACCOUNTS_MAX: Final = 1_000_000
LIMITS_PER_ACCOUNT_MAX: Final = 100_000
SHOWN_MAX: Final = 20


class LimitSettings(msgspec.Struct, frozen=True):
    """Limits of an account in one instrument, or over all where `symbol` is None. 0: no limit.

    Quantities in lots, values in 10^-6 of the currency.
    """

    symbol: str | None
    order_qty_max: int = 0
    order_value_max: int = 0
    open_orders_max: int = 0
    position_max: int = 0
    rate: int = 0
    burst: int = 0


class AccountSettings(msgspec.Struct, frozen=True):
    """One account. `opening` is in 10^-6 of a currency or in lots of a spot symbol; `account_id` None: not given."""

    account_id: int | None
    name: str
    firm: str
    opening: Mapping[str, int]
    limits: tuple[LimitSettings, ...]
    line: int


class AccountsFile(msgspec.Struct, frozen=True):
    """The accounts that could be read, and every name that the file gives; None where one could not be read."""

    accounts: tuple[AccountSettings, ...]
    names: frozenset[str] | None


def read_accounts(data: bytes, *, instruments: InstrumentsFile | None, log: FaultLog) -> AccountsFile | None:
    """Read and check accounts.toml; None if it is no TOML. `instruments` None: instruments.toml could not be read."""
    file = TomlFile(data, file=FILE, log=log)
    file.table("", ())
    file.refuse_unknown_tables(["account"])
    tables = file.tables("account", file_keys.ACCOUNT, count_max=ACCOUNTS_MAX)
    if not file.readable:
        return None
    for key in ("name", "id"):
        refuse_repeats(tables, key, log)
    traded = None if instruments is None else _Traded(instruments)
    accounts = [account for table in tables if (account := _account(file, table, traded, log)) is not None]
    _check_sums(accounts, log)
    return AccountsFile(tuple(accounts), names_of(tables, "name"))


class _Traded:
    """What instruments.toml names, for looking up."""

    def __init__(self, file: InstrumentsFile) -> None:
        self.by_symbol = {instrument.symbol: instrument for instrument in reversed(file.instruments)}
        self.currencies = list(dict.fromkeys(instrument.currency for instrument in file.instruments))
        self.lacks = file.lacks

    def names(self, *, spot_only: bool) -> str:
        """Return the symbols, as a fault shows them."""
        symbols = [i.symbol for i in self.by_symbol.values() if i.kind == "spot" or not spot_only]
        return ", ".join(sorted(symbols)[:SHOWN_MAX])


def _check_sums(accounts: Sequence[AccountSettings], log: FaultLog) -> None:
    """Keep the sum of an asset over all accounts within what a ledger counts with."""
    sums: dict[str, int] = {}
    for account in accounts:
        for asset, amount in account.opening.items():
            sums[asset] = sums.get(asset, 0) + amount
            if sums[asset] > AMOUNT_MAX >= sums[asset] - amount:
                found = f"{sums[asset]} of {asset}, summed up to here"
                log.add(FILE, account.line, "opening", found=found, allowed=f"at most {AMOUNT_MAX} in all accounts")


def _account(file: TomlFile, table: Table, traded: _Traded | None, log: FaultLog) -> AccountSettings | None:
    overall = LimitSettings(
        symbol=None,
        order_value_max=_in_micro(table["order_value_max"]),
        open_orders_max=table["open_orders_max"] or 0,
        rate=table["message_rate"] or 0,
        burst=table["message_burst"] or table["message_rate"] or 0,
    )
    if table.has("message_burst") and not table.is_given("message_rate"):
        allowed = "only with message_rate"
        log.add(FILE, table.line("message_burst"), "message_burst", found=str(table["message_burst"]), allowed=allowed)
    rows = file.tables_in(
        table.path, {"limit": table["limit"] or []}, "limit", file_keys.LIMIT, count_max=LIMITS_PER_ACCOUNT_MAX
    )
    refuse_repeats(rows, "symbol", log)
    limits = [_limit(row, traded, log) for row in rows]
    opening = _opening(table, traded, log)
    if not table.has("name", "firm"):
        return None
    kept = [limit for limit in limits if limit is not None]
    return AccountSettings(table["id"], table["name"], table["firm"], opening, (overall, *kept), table.line())


def _in_micro(value: Decimal | None) -> int:
    """Return a value that the file gives with at most 6 digits behind the point."""
    return 0 if value is None else int(value * MICRO)


def _opening(table: Table, traded: _Traded | None, log: FaultLog) -> dict[str, int]:
    """Return the opening balances in the units of the ledger."""
    if traded is None or not table.has("opening"):
        return {}
    balances: dict[str, int] = {}
    for asset, amount in table["opening"].items():
        line = table.line("opening", asset)
        instrument = traded.by_symbol.get(asset)
        if asset in traded.currencies:
            unit = Decimal(1) / MICRO
        elif instrument is not None and instrument.kind == "spot":
            unit = instrument.lot
        else:
            if instrument is not None or traded.lacks(asset):
                allowed = f"a currency or a spot symbol: {', '.join(traded.currencies)}, {traded.names(spot_only=True)}"
                log.add(FILE, line, "opening", found=quote(asset), allowed=allowed)
            continue
        count = count_of(amount, unit=unit)
        if count is None:
            log.add(FILE, line, f"opening.{asset}", found=quote(f"{amount:f}"), allowed=f"a multiple of {unit:f}")
        elif count:
            balances[asset] = count
    return balances


def _limit(table: Table, traded: _Traded | None, log: FaultLog) -> LimitSettings | None:
    if traded is None or not table.has("symbol"):
        return None
    instrument = traded.by_symbol.get(table["symbol"])
    if instrument is None:
        if traded.lacks(table["symbol"]):
            found, allowed = quote(table["symbol"]), f"a symbol of instruments.toml: {traded.names(spot_only=False)}"
            log.add(FILE, table.line("symbol"), "symbol", found=found, allowed=allowed)
        return None
    return LimitSettings(
        symbol=instrument.symbol,
        order_qty_max=_in_lots(table, "order_qty_max", instrument, log),
        order_value_max=_in_micro(table["order_value_max"]),
        open_orders_max=table["open_orders_max"] or 0,
        position_max=_in_lots(table, "position_max", instrument, log),
    )


def _in_lots(table: Table, key: str, instrument: InstrumentSettings, log: FaultLog) -> int:
    if not table.has(key):
        return 0
    lots = count_of(table[key], unit=instrument.lot)
    if lots is None:
        allowed = f"a multiple of the lot of {instrument.symbol}, which is {instrument.lot:f}"
        log.add(FILE, table.line(key), key, found=quote(f"{table[key]:f}"), allowed=allowed)
    return lots or 0
