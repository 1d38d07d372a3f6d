"""What an operator can do to trades in a running exchange: bust them, and correct their price or quantity.

Owner: the main thread's event loop; what changes the market is a journaled command with the operator's name and reason.
"""

import asyncio
import os
import re
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from gateway.admin import AdminError, Operation
from gateway.decimals import e8_text
from gateway.operator_values import ECHO_CHARS_MAX, e8_of, multiple_of
from gateway.relay import GatewayEngine
from gateway.trade_lookup import Trade
from matching.commands import Command, CorrectTrade

LOOKUP_SECONDS: Final = 60.0
_NAME: Final = re.compile(r"[TE][1-9][0-9]{0,18}")


class TradeOperations:
    """The operations on trades. `command` journals one and raises AdminError where it is refused; `journal` is the
    folder of the journal, which says what a trade was.
    """

    def __init__(
        self, *, engine: GatewayEngine, journal: Path, command: Callable[[Command], Awaitable[dict[str, Any]]]
    ) -> None:
        self._engine = engine
        self._journal = journal
        self._command = command

    def table(self) -> dict[str, Operation]:
        """Return the operations by command name."""
        return {"bust": self.bust, "correct": self.correct}

    async def bust(self, trade: str, reason: str, by: str = "operator") -> dict[str, Any]:
        """Undo a trade of this trading day: money, positions, and what its orders were filled with."""
        return await self._correct(await self._trade(trade), 0, 0, by, reason)

    async def correct(
        self, trade: str, reason: str, price: str = "", qty: str = "", by: str = "operator"
    ) -> dict[str, Any]:
        """Correct price or quantity of a trade of this trading day, or both."""
        found = await self._trade(trade)
        instrument = self._engine.instruments[found.instrument_id]
        new_price, new_qty = found.price, found.qty
        if not (price or qty):
            raise AdminError("nothing is corrected, name a price or a quantity")
        if price:
            new_price = multiple_of(e8_of("price", price), instrument.tick_e8, "price", "tick", instrument.symbol)
        if qty:
            new_qty = multiple_of(e8_of("quantity", qty), instrument.lot_e8, "quantity", "lot", instrument.symbol)
        return await self._correct(found, new_price, new_qty, by, reason)

    async def _correct(self, found: Trade, price: int, qty: int, by: str, reason: str) -> dict[str, Any]:
        instrument = self._engine.instruments[found.instrument_id]
        ids = found.buy_order_id, found.sell_order_id, found.buy_exec_id, found.sell_exec_id
        values = found.price, found.qty, price, qty
        standing = found.standing_trade_id, found.standing_price, found.is_newest
        command = CorrectTrade(found.instrument_id, found.trade_id, *ids, *values, by, reason, *standing)
        result = await self._command(command)
        return {
            **result,
            "trade": f"T{found.trade_id}",
            "symbol": instrument.symbol,
            "price": e8_text(price * instrument.tick_e8),
            "qty": e8_text(qty * instrument.lot_e8),
        }

    async def _trade(self, name: str) -> Trade:
        """Return a trade as the journal has it; reading the journal is the work of a process of its own."""
        if not _NAME.fullmatch(str(name)):
            shown = str(name)[:ECHO_CHARS_MAX]
            raise AdminError(f"trade {shown!r}, allowed: T and its number (880), or E and the number of a fill (17)")
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "gateway.trade_lookup", "--journal", os.fspath(self._journal), name),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            said, complaint = await asyncio.wait_for(process.communicate(), LOOKUP_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()
            raise AdminError(f"the journal was not read within {LOOKUP_SECONDS:.0f} seconds") from None
        if process.returncode:
            raise AdminError(f"the journal cannot be read: {complaint.decode(errors='replace').strip()[-500:]}")
        if not said:
            raise AdminError(f"there is no trade {name} in the journal")
        return msgspec.json.decode(said, type=Trade)
