"""What an account is opened with, shard by shard.

Shares lie on the shard of their instrument, since nothing else can trade them. A currency is needed on every shard that
settles in it: with one shard it is that shard's, with more the file has to say how it is split.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final, TypeAlias

from config.faults import FaultLog, quote
from config.instruments import Traded, count_of
from config.toml_tables import Table
from matching.types import MICRO

FILE: Final = "accounts.toml"
Openings: TypeAlias = dict[str, dict[str, int]]
"""Balances by shard and asset, in 10^-6 of a currency or in lots of a spot symbol; none is 0."""


class OpeningReader:
    """Reads the openings of one account after another.

    `shards` None: exchange.toml could not be read, so that nobody can say of a shard that it is not there.
    """

    def __init__(self, traded: Traded, shards: Sequence[str] | None, log: FaultLog) -> None:
        self._traded = traded
        self._shards = shards
        self._log = log

    def read(self, account: Table, parts: Sequence[Table]) -> Openings:
        """Return what an account is opened with; `parts` are its [[account.shard]]."""
        openings: Openings = {}
        lines: dict[tuple[str, str], int] = {}
        for table in (account, *parts):
            for asset, amount in (table["opening"] or {}).items():
                line = table.line("opening", asset)
                count = self._count(asset, amount, line)
                shard = self._home(asset, line) if table is account else self._shard_of(table, asset, line)
                if shard is None:
                    continue
                if (shard, asset) in lines:
                    allowed = f"each asset once on a shard; line {lines[shard, asset]} has it already"
                    self._log.add(FILE, line, "opening", found=quote(asset), allowed=allowed)
                elif count:
                    openings.setdefault(shard, {})[asset] = count
                lines[shard, asset] = line
        return openings

    def _count(self, asset: str, amount: Decimal, line: int) -> int:
        """Return an amount in the units of the ledger; 0 after a fault."""
        instrument = self._traded.by_symbol.get(asset)
        if asset in self._traded.currencies:
            unit = Decimal(1) / MICRO
        elif instrument is not None and instrument.kind == "spot":
            unit = instrument.lot
        else:
            if instrument is not None or self._traded.lacks(asset):
                known = f"{', '.join(self._traded.currencies)}, {self._traded.names(spot_only=True)}"
                allowed = f"a currency or a spot symbol: {known}"
                self._log.add(FILE, line, "opening", found=quote(asset), allowed=allowed)
            return 0
        count = count_of(amount, unit=unit)
        if count is None:
            found = quote(f"{amount:f}")
            self._log.add(FILE, line, f"opening.{asset}", found=found, allowed=f"a multiple of {unit:f}")
        return count or 0

    def _home(self, asset: str, line: int) -> str | None:
        """Return the shard of an asset in the account's own `opening`; None after a fault, here or in another file."""
        if asset not in self._traded.currencies:
            instrument = self._traded.by_symbol.get(asset)
            return None if instrument is None else instrument.shard
        if self._shards is None:
            return None
        if len(self._shards) == 1:
            return self._shards[0]
        allowed = (
            f"spot symbols; with {len(self._shards)} shards a currency is split: its part of each stands in the "
            f"opening of an [[account.shard]], whose name is one of {', '.join(self._shards)}"
        )
        self._log.add(FILE, line, "opening", found=quote(asset), allowed=allowed)
        return None

    def _shard_of(self, part: Table, asset: str, line: int) -> str | None:
        """Return the shard of an asset in an [[account.shard]]; None after a fault, here or in another file."""
        if not part.has("name") or (self._shards is not None and part["name"] not in self._shards):
            return None
        shard = str(part["name"])
        if asset in self._traded.currencies:
            return shard
        instrument = self._traded.by_symbol.get(asset)
        if instrument is None or instrument.kind != "spot":
            return None
        if instrument.shard == shard:
            return shard
        here = ", ".join(filter(None, [*self._traded.currencies, self._traded.names(spot_only=True, shard=shard)]))
        found = f"{quote(asset)}, which is traded on {instrument.shard}"
        allowed = f"a currency or a spot symbol that is traded on {shard}: {here}"
        self._log.add(FILE, line, "opening", found=found, allowed=allowed)
        return None


def refuse_unknown_shards(parts: Sequence[Table], shards: Sequence[str] | None, log: FaultLog) -> None:
    """Record a fault for each [[account.shard]] of a shard that exchange.toml does not have."""
    for part in parts:
        if shards is not None and part.has("name") and part["name"] not in shards:
            allowed = f"a shard of exchange.toml: {', '.join(shards)}"
            log.add(FILE, part.line("name"), "name", found=quote(part["name"]), allowed=allowed)
