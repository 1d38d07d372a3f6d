"""What an operator can say of prices in a running exchange: the mark price of an instrument.

Owner: the main thread's event loop; what changes the market is a journaled command with the operator's name and reason.
"""

import re
from collections.abc import Awaitable, Callable
from typing import Any, Final

from gateway.admin import AdminError, Operation
from gateway.decimals import e8_text
from gateway.relay import GatewayEngine
from matching.commands import Command, SetMarkPrice
from matching.types import E8

DECIMALS: Final = 8
ECHO_CHARS_MAX: Final = 64
_PRICE: Final = re.compile(r"(?P<whole>[0-9]{1,10})(\.(?P<more>[0-9]{1,8}))?")


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
        instrument = next((each for each in self._engine.instruments.values() if each.symbol == symbol), None)
        if instrument is None:
            known = ", ".join(each.symbol for each in self._engine.instruments.values())
            raise AdminError(f"symbol {symbol!r} is not known, allowed: {known}")
        price_e8 = _price_e8(price)
        ticks, odd = divmod(price_e8, instrument.tick_e8)
        if odd:
            tick = e8_text(instrument.tick_e8)
            raise AdminError(f"price {price} is not a multiple of the tick {tick} of {symbol}")
        return await self._command(SetMarkPrice(instrument.instrument_id, ticks, by, reason))


def _price_e8(text: str) -> int:
    """Return a price in 10^-8. Raises AdminError where it is none, or one that no machine word holds."""
    found = _PRICE.fullmatch(str(text))
    if found is None or not (price_e8 := int(found["whole"]) * E8 + int((found["more"] or "").ljust(DECIMALS, "0"))):
        shown = str(text)[:ECHO_CHARS_MAX]
        raise AdminError(
            f"price {shown!r}, allowed: above 0, below 10^10, with at most {DECIMALS} digits behind the point"
        )
    return price_e8
