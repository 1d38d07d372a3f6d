"""What an operator can ask of limits in a running exchange: override them, put the configured ones back, list them.

Owner: the main thread's event loop; what changes the market is a journaled command with the operator's name and reason.
"""

from collections.abc import Awaitable, Callable
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from gateway.admin import AdminError, Operation
from gateway.decimals import e8_text
from gateway.relay import GatewayEngine
from gateway.shard_operations import ShardOperations
from matching.clock import Clock
from matching.commands import Command, EndLimitOverride, OverrideLimits
from matching.instrument import Instrument
from matching.types import E8, MICRO
from risk.engine import RiskEngine

OVER_ALL: Final = 0
AS_CONFIGURED: Final = -1
COUNT_MAX: Final = 1 << 62
SECONDS_MAX: Final = 366 * 86_400
SECOND_NS: Final = 1_000_000_000


class LimitOperations:
    """The operations on limits. `command` journals one and raises AdminError where it is refused; `read` runs on the
    matching thread.
    """

    def __init__(
        self,
        *,
        engine: GatewayEngine,
        clock: Clock,
        command: Callable[[Command], Awaitable[dict[str, Any]]],
        read: Callable[[Callable[[], Any]], Awaitable[Any]],
        shards: ShardOperations | None,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._command = command
        self._read = read
        self._shards = shards

    def table(self) -> dict[str, Operation]:
        """Return the operations by command name."""
        return {"limits_override": self.override, "limits_restore": self.restore, "limits": self.limits}

    async def override(
        self,
        account: str,
        reason: str,
        symbol: str = "",
        seconds: int = 0,
        sides: str = "",
        by: str = "operator",
        **values: str,
    ) -> dict[str, Any]:
        """Put limits in force until they are restored, or for so many seconds; those not named stay as configured."""
        instrument = self._instrument(symbol)
        if not 0 <= seconds <= SECONDS_MAX:
            raise AdminError(f"seconds {seconds}, allowed: 0 to {SECONDS_MAX}")
        counts = _counts(values, instrument)
        if not sides and all(count == AS_CONFIGURED for count in counts.values()):
            raise AdminError("nothing is overridden, name a limit or the sides")
        until_ns = self._clock.now_ns() + seconds * SECOND_NS if seconds else 0
        ids = self._account_id(account), OVER_ALL if instrument is None else instrument.instrument_id
        return await self._command(OverrideLimits(*ids, **counts, sides=sides, until_ns=until_ns, by=by, reason=reason))

    async def restore(self, account: str, reason: str, symbol: str = "", by: str = "operator") -> dict[str, Any]:
        """Put the configured limits in force again."""
        instrument = self._instrument(symbol)
        ids = self._account_id(account), OVER_ALL if instrument is None else instrument.instrument_id
        return await self._command(EndLimitOverride(*ids, by, reason))

    async def limits(self) -> dict[str, Any]:
        """Return the overrides in force, by account and symbol, and the shards that have not answered."""
        if self._shards is None:
            return {"overrides": await self._read(self._overrides), "unanswered": []}
        found, unanswered = await self._shards.overrides()
        names = {account_id: account.name for account_id, account in self._engine.accounts.items()}
        rows = [{**self._told(names[each.account_id], each), "shards": ", ".join(shards)} for each, shards in found]
        return {"overrides": rows, "unanswered": unanswered}

    def _overrides(self) -> list[dict[str, Any]]:
        risk = self._engine.risk
        assert isinstance(risk, RiskEngine), "the engine runs with the risk engine that holds limits"
        return [
            self._told(ledger.name, each)
            for _, ledger in sorted(risk.ledgers.items())
            for _, each in sorted(ledger.overrides.items())
        ]

    def _told(self, account: str, each: OverrideLimits) -> dict[str, Any]:
        instrument = self._engine.instruments.get(each.instrument_id)
        lot_e8 = 0 if instrument is None else instrument.lot_e8
        texts = {
            "order_qty_max": e8_text(each.order_qty_max * lot_e8) if each.order_qty_max >= 0 else "",
            "order_value_max": e8_text(each.order_value_max * (E8 // MICRO)) if each.order_value_max >= 0 else "",
            "open_orders_max": str(each.open_orders_max) if each.open_orders_max >= 0 else "",
            "position_max": e8_text(each.position_max * lot_e8) if each.position_max >= 0 else "",
            "message_rate": str(each.rate) if each.rate >= 0 else "",
            "message_burst": str(each.burst) if each.burst >= 0 else "",
            "sides": each.sides,
        }
        return {
            "account": account,
            "symbol": "" if instrument is None else instrument.symbol,
            **{name: text for name, text in texts.items() if text},
            "until_ns": each.until_ns,
            "by": each.by,
            "reason": each.reason,
        }

    def _account_id(self, name: str) -> int:
        ids = {account.name: account_id for account_id, account in self._engine.accounts.items()}
        if name not in ids:
            raise AdminError(f"account {name!r} is not known, allowed: {', '.join(ids)}")
        return ids[name]

    def _instrument(self, symbol: str) -> Instrument | None:
        """Return the instrument of a symbol; None for "": over all."""
        by_symbol = {instrument.symbol: instrument for instrument in self._engine.instruments.values()}
        if symbol and symbol not in by_symbol:
            raise AdminError(f"symbol {symbol!r} is not known, allowed: {', '.join(by_symbol)}")
        return by_symbol[symbol] if symbol else None


def _counts(values: dict[str, str], instrument: Instrument | None) -> dict[str, int]:
    """Return the limits in lots, 10^-6 of a currency, or numbers; 0 is no limit. Raises AdminError."""
    lot = Decimal(0) if instrument is None else Decimal(instrument.lot_e8) / E8
    units = {
        "order_qty_max": lot,
        "order_value_max": Decimal(1) / MICRO,
        "open_orders_max": Decimal(1),
        "position_max": lot,
        "rate": Decimal(1),
        "burst": Decimal(1),
    }
    for name in values:
        if name not in units:
            raise AdminError(f"limit {name!r} is not known, allowed: {', '.join(units)}")
    return {name: _count(name, values.get(name, ""), unit) for name, unit in units.items()}


def _count(name: str, text: str, unit: Decimal) -> int:
    if not text:
        return AS_CONFIGURED
    if not unit:
        raise AdminError(f"{name} is a limit in one instrument: name its symbol")
    try:
        count = Decimal(text) / unit
    except InvalidOperation:
        count = Decimal(-1)
    if not count.is_finite() or not 0 <= count <= COUNT_MAX or count != int(count):
        raise AdminError(f"{name} {text!r}, allowed: 0 (no limit) or a multiple of {unit:f}")
    return int(count)
