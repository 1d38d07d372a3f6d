"""What an operator can ask of limits in a running exchange: override them, put the configured ones back, list them.

Owner: the main thread's event loop; what changes the market is a journaled command with the operator's name and reason.
"""

from collections.abc import Awaitable, Callable
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from gateway.admin import AdminError, Operation
from gateway.decimals import e8_text
from gateway.operator_values import known
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
        reason: str,
        account: str = "",
        symbol: str = "",
        firm: str = "",
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
        ids = self._ids(account, firm, instrument)
        if not sides and all(count == AS_CONFIGURED for count in counts.values()):
            raise AdminError("nothing is overridden, name a limit or the sides")
        until_ns = self._clock.now_ns() + seconds * SECOND_NS if seconds else 0
        return await self._command(
            OverrideLimits(
                *ids,
                order_qty_max=counts["order_qty_max"],
                order_value_max=counts["order_value_max"],
                open_orders_max=counts["open_orders_max"],
                position_max=counts["position_max"],
                rate=counts["rate"],
                burst=counts["burst"],
                sides=sides,
                until_ns=until_ns,
                by=by,
                reason=reason,
                firm=firm,
                open_value_max=counts["open_value_max"],
            )
        )

    async def restore(
        self, reason: str, account: str = "", symbol: str = "", firm: str = "", by: str = "operator"
    ) -> dict[str, Any]:
        """Put the configured limits in force again."""
        ids = self._ids(account, firm, self._instrument(symbol))
        return await self._command(EndLimitOverride(*ids, by, reason, firm))

    async def limits(self) -> dict[str, Any]:
        """Return the overrides in force, by account or firm and symbol, and the shards that have not answered."""
        if self._shards is None:
            return {"overrides": await self._read(self._overrides), "unanswered": []}
        found, unanswered = await self._shards.overrides()
        rows = [{**self._told(each), "shards": ", ".join(shards)} for each, shards in found]
        return {"overrides": rows, "unanswered": unanswered}

    def _overrides(self) -> list[dict[str, Any]]:
        risk = self._engine.risk
        assert isinstance(risk, RiskEngine), "the engine runs with the risk engine that holds limits"
        return [self._told(each) for each in risk.overrides()]

    def _told(self, each: OverrideLimits) -> dict[str, Any]:
        instrument = self._engine.instruments.get(each.instrument_id)
        lot_e8 = 0 if instrument is None else instrument.lot_e8
        texts = {
            "order_qty_max": e8_text(each.order_qty_max * lot_e8) if each.order_qty_max >= 0 else "",
            "order_value_max": e8_text(each.order_value_max * (E8 // MICRO)) if each.order_value_max >= 0 else "",
            "open_value_max": e8_text(each.open_value_max * (E8 // MICRO)) if each.open_value_max >= 0 else "",
            "open_orders_max": str(each.open_orders_max) if each.open_orders_max >= 0 else "",
            "position_max": e8_text(each.position_max * lot_e8) if each.position_max >= 0 else "",
            "message_rate": str(each.rate) if each.rate >= 0 else "",
            "message_burst": str(each.burst) if each.burst >= 0 else "",
            "sides": each.sides,
        }
        return {
            **({"firm": each.firm} if each.firm else {"account": self._engine.accounts[each.account_id].name}),
            "symbol": "" if instrument is None else instrument.symbol,
            **{name: text for name, text in texts.items() if text},
            "until_ns": each.until_ns,
            "by": each.by,
            "reason": each.reason,
        }

    def _ids(self, account: str, firm: str, instrument: Instrument | None) -> tuple[int, int]:
        """Return the ids of an account (0: of a firm) and an instrument (0: over all). Raises AdminError."""
        if bool(account) == bool(firm):
            raise AdminError(f"account {account!r} and firm {firm!r} are named, allowed: one of them")
        if firm:
            firms = sorted({each.firm for each in self._engine.accounts.values()})
            known("firm", firm, dict.fromkeys(firms))
        account_id = self._account_id(account) if account else 0
        return account_id, OVER_ALL if instrument is None else instrument.instrument_id

    def _account_id(self, name: str) -> int:
        ids = {account.name: account_id for account_id, account in self._engine.accounts.items()}
        return known("account", name, ids)

    def _instrument(self, symbol: str) -> Instrument | None:
        """Return the instrument of a symbol; None for "": over all."""
        by_symbol = {instrument.symbol: instrument for instrument in self._engine.instruments.values()}
        return known("symbol", symbol, by_symbol) if symbol else None


def _counts(values: dict[str, str], instrument: Instrument | None) -> dict[str, int]:
    """Return the limits in lots, 10^-6 of a currency, or numbers; 0 is no limit. Raises AdminError."""
    lot = Decimal(0) if instrument is None else Decimal(instrument.lot_e8) / E8
    units = {
        "order_qty_max": lot,
        "order_value_max": Decimal(1) / MICRO,
        "open_value_max": Decimal(1) / MICRO,
        "open_orders_max": Decimal(1),
        "position_max": lot,
        "rate": Decimal(1),
        "burst": Decimal(1),
    }
    for name in values:
        known("limit", name, units)
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
