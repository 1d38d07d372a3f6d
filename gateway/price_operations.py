"""What an operator can say of prices in a running exchange: the mark price of an instrument.

Owner: the main thread's event loop; what changes the market is a journaled command with the operator's name and reason.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from gateway.admin import Operation
from gateway.operator_values import e8_of, known, multiple_of
from gateway.relay import GatewayEngine
from matching.commands import Command, SetMarkPrice


class PriceOperations:
    """The operations on prices. `command` journals one and raises AdminError where it is refused."""

    def __init__(self, *, engine: GatewayEngine, command: Callable[[Command], Awaitable[dict[str, Any]]]) -> None:
        self._engine = engine
        self._command = command

    def table(self) -> dict[str, Operation]:
        """Return the operations by command name."""
        return {"mark": self.mark}

    async def mark(self, symbol: str, price: str, reason: str, by: str = "operator") -> dict[str, Any]:
        """Set the mark price of an instrument: orders that wait for it are triggered."""
        instrument = known("symbol", symbol, {each.symbol: each for each in self._engine.instruments.values()})
        ticks = multiple_of(e8_of("price", price), instrument.tick_e8, "price", "tick", symbol)
        return await self._command(SetMarkPrice(instrument.instrument_id, ticks, by, reason))
