"""What an operator can do to instruments in a running exchange: move them between phases, delist, relist, read again.

Owner: the main thread's event loop; what changes the market is a journaled command with the operator's name and reason.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from config.commands import instrument_commands
from config.faults import ConfigFaults
from config.settings import Settings, load
from gateway.admin import AdminError, Operation
from gateway.exchange import Exchange
from gateway.operator_values import known
from gateway.relay import GatewayEngine
from gateway.running_settings import RunningSettings
from gateway.shard_operations import ShardOperations
from matching.clock import Clock
from matching.commands import (
    Command,
    DefineInstrument,
    DelistInstrument,
    RelistInstrument,
    SetReferencePrice,
    SetTradingPhase,
)
from matching.events import Event
from matching.phases import DELISTED, TABLE, VOLATILITY_HALT, next_towards

SECOND_NS: Final = 1_000_000_000


class InstrumentOperations:
    """The operations on instruments. `events` journals a command, returns what it brought about, and raises AdminError
    where it is refused; `answer` is what an operator is told of that; `read` runs on the matching thread.

    With shards, `running` has the instruments as they were read last.
    """

    def __init__(
        self,
        *,
        running: RunningSettings,
        exchange: Exchange,
        engine: GatewayEngine,
        clock: Clock,
        events: Callable[[Command], Awaitable[list[Event]]],
        answer: Callable[[list[Event]], Awaitable[dict[str, Any]]],
        read: Callable[[Callable[[], Any]], Awaitable[Any]],
        shards: ShardOperations | None,
    ) -> None:
        self._running = running
        self._exchange = exchange
        self._engine = engine
        self._clock = clock
        self._events = events
        self._answer = answer
        self._read = read
        self._shards = shards

    def table(self) -> dict[str, Operation]:
        """Return the operations by command name."""
        return {
            "trading_phase": self.trading_phase,
            "resume": self.resume,
            "delist": self.delist,
            "relist": self.relist,
            "reload_instruments": self.reload,
        }

    async def trading_phase(
        self, symbol: str, phase: str, reason: str, by: str = "operator", seconds: int = 0
    ) -> dict[str, Any]:
        """Move an instrument to a phase; of a volatility halt `seconds` say when its auction ends it, 0: never."""
        instrument_id = self._instrument_id(symbol)
        wanted = known("phase", phase, {each: each for each in TABLE if each != DELISTED})
        if seconds < 0 or (seconds and wanted != VOLATILITY_HALT):
            raise AdminError(f"seconds {seconds} with phase {phase}, allowed: from 0, above 0 for a {VOLATILITY_HALT}")
        until_ns = self._clock.now_ns() + seconds * SECOND_NS if seconds else 0
        return await self._command(SetTradingPhase(instrument_id, wanted, by, reason, until_ns))

    async def resume(self, symbol: str, reason: str, by: str = "operator", seconds: int = 0) -> dict[str, Any]:
        """End an operator's halt: go on with what the calendar says for now, or call for an auction before."""
        instrument_id = self._instrument_id(symbol)
        present = await self._read(lambda: self._engine.instruments[instrument_id].phase)
        wanted = VOLATILITY_HALT if seconds else self._exchange.keeper.wanted(symbol, self._clock.now_ns())
        following = next_towards(present, wanted)
        if following is None:
            raise AdminError(f"{symbol} is in {present}: there is nothing to resume")
        await self.trading_phase(symbol, following, reason, by, seconds)
        return {"phase": following}

    async def delist(self, symbol: str, reason: str, by: str = "operator") -> dict[str, Any]:
        """End the trading of an instrument for good; its open orders are canceled."""
        return await self._command(DelistInstrument(self._instrument_id(symbol), by, reason))

    async def relist(self, symbol: str, reason: str, by: str = "operator") -> dict[str, Any]:
        """List a delisted instrument again as instruments.toml has it now, reference price included; then its calendar
        moves it, or it goes on in continuous trading where it has none.
        """
        instrument_id = self._instrument_id(symbol)
        try:
            settings = await asyncio.to_thread(load, self._running.settings.config_dir)
            await self._read(lambda: self._instrument_changes(settings))
        except ConfigFaults as error:
            raise AdminError(f"nothing has changed: {error}") from error
        wanted = next((each for each in settings.instruments if each.symbol == symbol), None)
        if wanted is None:
            raise AdminError(f"nothing has changed: {symbol} is not in instruments.toml")
        answer = await self._command(RelistInstrument(instrument_id, by, reason))
        changed = await self.reload()
        following = self._exchange.keeper.wanted(symbol, self._clock.now_ns())
        commands: list[Command] = [SetReferencePrice(instrument_id, wanted.reference_price, by)]
        if self._exchange.keeper.calendar_of(symbol) is None:
            commands.append(SetTradingPhase(instrument_id, following, by, reason))
        unconfirmed = answer.get("unconfirmed") or changed.get("unconfirmed") or []
        for command in commands:
            events = await self._events(command)
            # A shard that has not confirmed obeys all of it in this order when it is back: it is waited for once.
            unconfirmed = unconfirmed or (await self._answer(events)).get("unconfirmed", [])
        return {"symbol": symbol, "phase": following, "unconfirmed": unconfirmed}

    async def reload(self) -> dict[str, Any]:
        """Read instruments.toml again: define what is new, change what has changed. One fault, and nothing changes."""
        try:
            settings = await asyncio.to_thread(load, self._running.settings.config_dir)
            result = await self._change_instruments(settings)
        except ConfigFaults as error:
            raise AdminError(f"nothing has changed: {error}") from error
        await self._read(lambda: self._exchange.configure_phases(settings.instruments))
        names = {instrument.symbol for instrument in settings.instruments}
        defined = self._engine.instruments.values()
        absent = [each.symbol for each in defined if each.symbol not in names and each.phase != DELISTED]
        return {**result, "not in the file": absent}

    async def _change_instruments(self, settings: Settings) -> dict[str, Any]:
        if self._shards is not None:
            self._running.settings, result = await self._shards.reload(self._running.settings, settings)
            return result
        commands = await self._read(lambda: self._instrument_changes(settings))
        for command in commands:
            await self._command(command)
        return {"changed": [command.symbol for command in commands]}

    def _instrument_changes(self, settings: Settings) -> list[DefineInstrument]:
        """Return what has changed. Raises AdminError or ConfigFaults where nothing may be."""
        if self._shards is not None:
            return self._shards.changes(self._running.settings, settings)
        return instrument_commands(settings, self._engine)

    async def _command(self, command: Command) -> dict[str, Any]:
        return await self._answer(await self._events(command))

    def _instrument_id(self, symbol: str) -> int:
        ids = {instrument.symbol: instrument.instrument_id for instrument in self._engine.instruments.values()}
        return known("symbol", symbol, ids)
