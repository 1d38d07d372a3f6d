"""What an operator can ask of a running exchange: the commands of `admin.sock`. Owner: the main thread's event loop.

Whatever changes the market is a journaled command with the operator's name and reason; whatever changes a session's
numbers is journaled by the way of the wire.
"""

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from config.commands import instrument_commands
from config.faults import ConfigFaults
from config.settings import Settings, load
from gateway.admin import AdminError, Operation
from gateway.exchange import Exchange
from gateway.limit_operations import LimitOperations
from gateway.price_operations import PriceOperations
from gateway.quote_operations import QuoteOperations
from gateway.relay import RelayEngine
from gateway.sessions import GatewaySession, SessionBook
from gateway.shard_operations import ShardOperations
from gateway.snapshotter import Snapshotter
from gateway.start_up import Started, is_sharded, journal_folder
from gateway.trade_operations import TradeOperations
from gateway.wire import Wire
from gateway.wire_setup import start_message_log
from matching.clock import Clock
from matching.commands import (
    Command,
    DefineInstrument,
    DelistInstrument,
    RelistInstrument,
    SetKillSwitch,
    SetReferencePrice,
    SetTradingPhase,
)
from matching.events import CommandRefused, Event, Execution, ShardsInstructed, WorkLeft
from matching.phases import DELISTED, TABLE, VOLATILITY_HALT, next_towards
from matching.shard import ShardThread
from matching.types import EXEC_CANCELED, KillScope

INSTRUCTION_WAIT_S: Final = 2.0
TRANSFER_LOOK_S: Final = 0.01
COMMIT_LOOK_S: Final = 0.001
SECOND_NS: Final = 1_000_000_000


class Operations:
    """The table of operations and what each does."""

    def __init__(
        self,
        *,
        settings: Settings,
        data_dir: Path,
        exchange: Exchange,
        wire: Wire,
        sessions: SessionBook,
        shard: ShardThread,
        snapshotter: Snapshotter,
        started: Started,
        stop: asyncio.Event,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._data_dir = data_dir
        self._exchange = exchange
        self._wire = wire
        self._sessions = sessions
        self._shard = shard
        self._snapshotter = snapshotter
        self._started = started
        self._stop = stop
        self._clock = clock
        self._shards = self._shard_operations()
        self._limits = LimitOperations(
            engine=started.engine,
            clock=clock,
            command=self._command,
            read=self._on_matching_thread,
            shards=self._shards,
        )
        self._prices = PriceOperations(engine=started.engine, command=self._command)
        self._trades = TradeOperations(engine=started.engine, journal=journal_folder(data_dir), command=self._command)
        self._quotes = QuoteOperations(
            engine=started.engine,
            sessions=sessions,
            events=self._events,
            answer=self._answer,
            read=self._on_matching_thread,
        )

    def table(self) -> dict[str, Operation]:
        """Return the operations by command name."""
        return {
            "status": self.status,
            "kill_switch": self.kill_switch,
            "trading_phase": self.trading_phase,
            "resume": self.resume,
            "delist": self.delist,
            "relist": self.relist,
            "reload_instruments": self.reload_instruments,
            "transfer": self.transfer,
            "session_logout": self.session_logout,
            "session_enable": self.session_enable,
            "session_reset": self.session_reset,
            "session_renumber": self.session_renumber,
            "fix_log": self.fix_log,
            "snapshot": self.snapshot,
            "stop": self.stop,
            **self._limits.table(),
            **self._prices.table(),
            **self._trades.table(),
            **self._quotes.table(),
        }

    def _shard_operations(self) -> ShardOperations | None:
        market, relay = self._exchange.market, self._started.engine
        if market is None or not isinstance(relay, RelayEngine):
            return None
        return ShardOperations(
            exchange=self._exchange,
            market=market,
            relay=relay,
            data_dir=self._data_dir,
            read=self._on_matching_thread,
            events=self._events_of,
            answer=self._answer,
        )

    async def _on_matching_thread(self, operation: Callable[[], Any]) -> Any:
        return await asyncio.wrap_future(self._exchange.submit(operation))

    async def _command(self, command: Command) -> dict[str, Any]:
        return await self._answer(await self._events(command))

    async def _answer(self, events: list[Event]) -> dict[str, Any]:
        """Return what an operator is told of a command: the events, and the shards that have not confirmed it yet."""
        result: dict[str, Any] = {"events": len(events)}
        for event in events:
            if isinstance(event, ShardsInstructed):
                result["unconfirmed"] = await self._confirmed(event.instruction_id)
        return result

    async def _events(self, command: Command) -> list[Event]:
        """Return what a command brought about, once it is durable. Raises AdminError where it was refused."""
        return await self._events_of(lambda: self._exchange.command_in_batch(command))

    async def _events_of(self, operation: Callable[[], tuple[list[Event], int]]) -> list[Event]:
        events: list[Event]
        events, batch_seq = await self._on_matching_thread(operation)
        while not await self._on_matching_thread(lambda: self._exchange.is_committed(batch_seq)):
            await asyncio.sleep(COMMIT_LOOK_S)
        for event in events:
            if isinstance(event, CommandRefused):
                raise AdminError(f"{event.command}: {event.text}")
        return events

    async def _confirmed(self, instruction_id: int) -> list[str]:
        """Wait a moment for the shards to confirm an instruction; return the names of those that have not.

        Raises:
            AdminError: a shard refuses it, or it is not in the journal yet, so that nobody knows whether it will be.
        """
        until = time.monotonic() + INSTRUCTION_WAIT_S
        while True:
            is_committed, unconfirmed, refusal = await self._on_matching_thread(
                lambda: self._exchange.instruction_state(instruction_id)
            )
            if (is_committed and not unconfirmed) or time.monotonic() > until:
                break
            await asyncio.sleep(TRANSFER_LOOK_S)
        if not is_committed:
            raise AdminError(f"not in the journal after {INSTRUCTION_WAIT_S:.0f} seconds; no shard has been told")
        if refusal:
            raise AdminError(refusal)
        return list(unconfirmed)

    def _session(self, name: str) -> GatewaySession:
        session = self._sessions.by_name(name)
        if session is None:
            known = ", ".join(session.name for session in self._sessions)
            raise AdminError(f"session {name!r} is not known, allowed: {known}")
        return session

    async def status(self) -> dict[str, Any]:
        """Return sessions, numbers, queues, rates, latency percentiles, cores and journal."""
        journal = self._started.journal
        engine = await self._on_matching_thread(self._exchange.engine_statistics)
        wire = self._wire.statistics()
        by_id = {entry["session_id"]: entry for entry in wire.pop("sessions")}
        settings = self._settings.exchange
        return {
            "pid": os.getpid(),
            "time_ns": self._clock.now_ns(),
            "durability": settings.durability,
            "shards": await self._on_matching_thread(self._exchange.shard_status) or [self._embedded_shard()],
            "transfers": await self._on_matching_thread(self._shards.transfers) if self._shards is not None else None,
            "gateway": self._exchange.statistics.report() if is_sharded(self._settings) else None,
            "engine": engine,
            "phases": await self._on_matching_thread(self._phases),
            "pipeline": {
                "batches_pending": len(self._exchange.pending),
                "market_data_subscriptions": self._exchange.market_data.subscription_count,
            },
            "journal": {**journal.statistics(), "disk_free_bytes": journal.disk_free_bytes()},
            "snapshots": {"pid": self._snapshotter.pid, "restarts": self._snapshotter.restarts},
            "wire": wire,
            "sessions": [
                self._session_status(session, by_id.get(session.session_id, {})) for session in self._sessions
            ],
        }

    def _phases(self) -> dict[str, str] | None:
        """Return the phase of every instrument that is not in continuous trading; None where all are."""
        instruments = self._started.engine.instruments.values()
        return {each.symbol: each.phase for each in instruments if not each.is_matching} or None

    def _embedded_shard(self) -> dict[str, Any]:
        return {
            "name": self._shard.name,
            "core": self._shard.core,
            "affinity": sorted(self._shard.affinity()),
            "instruments": [instrument.symbol for instrument in self._settings.instruments],
            **self._exchange.statistics.report(),
        }

    def _session_status(self, session: GatewaySession, wire: dict[str, Any]) -> dict[str, Any]:
        return {
            "name": session.name,
            "role": session.role,
            "begin_string": session.begin_string,
            "drop_copy_lag": self._exchange.drop_copies.lag(session) if session.role == "drop_copy" else None,
            **wire,
        }

    async def kill_switch(
        self, scope: str, engaged: bool, reason: str, target: str = "", by: str = "operator"
    ) -> dict[str, Any]:
        """Engage or release the kill switch of a session, an account, a firm, or the market; say what it canceled."""
        target_id, firm = 0, ""
        kill_scope: KillScope = "market"
        if scope == "session":
            kill_scope = "session"
            target_id = self._session(target).session_id
        elif scope == "account":
            kill_scope = "account"
            ids = {account.name: account_id for account_id, account in self._started.engine.accounts.items()}
            if target not in ids:
                raise AdminError(f"account {target!r} is not known, allowed: {', '.join(ids)}")
            target_id = ids[target]
        elif scope == "firm":
            kill_scope, firm = "firm", target
            firms = sorted({account.firm for account in self._started.engine.accounts.values()})
            if target not in firms:
                raise AdminError(f"firm {target!r} is not known, allowed: {', '.join(firms)}")
        elif scope != "market":
            raise AdminError(f"scope {scope!r} is not known, allowed: session, account, firm, market")
        events = await self._events(SetKillSwitch(kill_scope, target_id, engaged, by, reason, firm))
        instructed = next((event for event in events if isinstance(event, ShardsInstructed)), None)
        if self._shards is not None and instructed is not None:
            return {**await self._answer(events), **await self._shards.canceled(instructed.instruction_id)}
        canceled = sum(1 for event in events if isinstance(event, Execution) and event.exec_type == EXEC_CANCELED)
        left = sum(event.left for event in events if isinstance(event, WorkLeft))
        return {**await self._answer(events), "canceled": canceled, "left": left}

    async def transfer(self, **arguments: str) -> dict[str, Any]:
        """Move cash of an account from one shard to another; see `ShardOperations.transfer`."""
        if self._shards is None:
            raise AdminError("there is one shard: nothing to move between")
        return await self._shards.transfer(self._settings, **arguments)

    def _instrument_id(self, symbol: str) -> int:
        ids = {instrument.symbol: instrument.instrument_id for instrument in self._started.engine.instruments.values()}
        if symbol not in ids:
            raise AdminError(f"symbol {symbol!r} is not known, allowed: {', '.join(ids)}")
        return ids[symbol]

    async def trading_phase(
        self, symbol: str, phase: str, reason: str, by: str = "operator", seconds: int = 0
    ) -> dict[str, Any]:
        """Move an instrument to a phase; of a volatility halt `seconds` say when its auction ends it, 0: never."""
        instrument_id = self._instrument_id(symbol)
        known = [each for each in TABLE if each != DELISTED]
        wanted = next((name for name in known if name == phase), None)
        if wanted is None:
            raise AdminError(f"phase {phase!r} is not known, allowed: {', '.join(known)}")
        if seconds < 0 or (seconds and wanted != VOLATILITY_HALT):
            raise AdminError(f"seconds {seconds} with phase {phase}, allowed: from 0, above 0 for a {VOLATILITY_HALT}")
        until_ns = self._clock.now_ns() + seconds * SECOND_NS if seconds else 0
        return await self._command(SetTradingPhase(instrument_id, wanted, by, reason, until_ns))

    async def resume(self, symbol: str, reason: str, by: str = "operator", seconds: int = 0) -> dict[str, Any]:
        """End an operator's halt: go on with what the calendar says for now, or call for an auction before."""
        instrument_id = self._instrument_id(symbol)
        present = await self._on_matching_thread(lambda: self._started.engine.instruments[instrument_id].phase)
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
            settings = await asyncio.to_thread(load, self._settings.config_dir)
            await self._on_matching_thread(lambda: self._instrument_changes(settings))
        except ConfigFaults as error:
            raise AdminError(f"nothing has changed: {error}") from error
        wanted = next((each for each in settings.instruments if each.symbol == symbol), None)
        if wanted is None:
            raise AdminError(f"nothing has changed: {symbol} is not in instruments.toml")
        answer = await self._command(RelistInstrument(instrument_id, by, reason))
        changed = await self.reload_instruments()
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

    async def reload_instruments(self) -> dict[str, Any]:
        """Read instruments.toml again: define what is new, change what has changed. One fault, and nothing changes."""
        try:
            settings = await asyncio.to_thread(load, self._settings.config_dir)
            result = await self._change_instruments(settings)
        except ConfigFaults as error:
            raise AdminError(f"nothing has changed: {error}") from error
        await self._on_matching_thread(lambda: self._exchange.configure_phases(settings.instruments))
        names = {instrument.symbol for instrument in settings.instruments}
        known = self._started.engine.instruments.values()
        absent = [each.symbol for each in known if each.symbol not in names and each.phase != DELISTED]
        return {**result, "not in the file": absent}

    async def _change_instruments(self, settings: Settings) -> dict[str, Any]:
        if self._shards is not None:
            self._settings, result = await self._shards.reload(self._settings, settings)
            return result
        commands = await self._on_matching_thread(lambda: self._instrument_changes(settings))
        for command in commands:
            await self._command(command)
        return {"changed": [command.symbol for command in commands]}

    def _instrument_changes(self, settings: Settings) -> list[DefineInstrument]:
        """Return what has changed. Raises AdminError or ConfigFaults where nothing may be."""
        if self._shards is not None:
            return self._shards.changes(self._settings, settings)
        return instrument_commands(settings, self._started.engine)

    async def session_logout(self, name: str, reason: str = "Logged out by the operator") -> dict[str, Any]:
        """Send a Logout; the session may log on again."""
        self._wire.logout(self._session(name).session_id, reason)
        return {"session": name}

    async def session_enable(self, name: str, enabled: bool) -> dict[str, Any]:
        """Let a session log on, or no longer."""
        self._wire.enable(self._session(name).session_id, enabled)
        return {"session": name, "enabled": enabled}

    async def session_reset(self, name: str) -> dict[str, Any]:
        """Begin both numbers of a session anew at 1."""
        self._wire.reset(self._session(name).session_id)
        return {"session": name}

    async def session_renumber(self, name: str, next_sender: int, next_target: int) -> dict[str, Any]:
        """Set both numbers of a session."""
        if next_sender < 1 or next_target < 1:
            raise AdminError(f"numbers {next_sender} and {next_target}, allowed: from 1")
        self._wire.renumber(self._session(name).session_id, next_sender, next_target)
        return {"session": name, "next_sender": next_sender, "next_target": next_target}

    async def fix_log(self, on: bool) -> dict[str, Any]:
        """Begin or end the log of FIX messages."""
        if on:
            return {"on": on, "path": str(start_message_log(self._wire, self._data_dir, self._settings.exchange.logs))}
        self._wire.set_message_log("", 1, 1)
        return {"on": on}

    async def snapshot(self) -> dict[str, Any]:
        """Ask the snapshot process for a snapshot now."""
        self._snapshotter.take()
        return {"asked": self._snapshotter.pid is not None}

    async def stop(self) -> dict[str, Any]:
        """Stop the exchange in order, as SIGTERM does."""
        self._stop.set()
        return {"stopping": True}
