"""What an operator can ask of a running exchange: the commands of `admin.sock`. Owner: the main thread's event loop.

Whatever changes the market is a journaled command with the operator's name and reason; whatever changes a session's
numbers is journaled by the way of the wire.
"""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from gateway.admin import AdminError, Operation
from gateway.admission import Admission
from gateway.exchange import Exchange
from gateway.instrument_operations import InstrumentOperations
from gateway.limit_operations import LimitOperations
from gateway.operator_values import known, text_for_members
from gateway.operator_waits import SHARDS_WAIT_S, look_until
from gateway.pipeline import FaultPoint
from gateway.price_operations import PriceOperations
from gateway.quote_operations import QuoteOperations
from gateway.relay import RelayEngine
from gateway.running_settings import RunningSettings
from gateway.session_operations import SessionOperations
from gateway.session_reload import SessionReload
from gateway.sessions import GatewaySession, SessionBook
from gateway.shard_operations import ShardOperations
from gateway.snapshotter import Snapshotter
from gateway.start_up import Started, is_sharded, journal_folder
from gateway.trade_operations import TradeOperations
from gateway.wire import Wire
from gateway.wire_setup import start_message_log
from matching.clock import Clock
from matching.commands import Command, PlanStop, SetKillSwitch
from matching.events import CommandRefused, Event, Execution, ShardsInstructed, WorkLeft
from matching.shard import ShardThread
from matching.types import EXEC_CANCELED, KillScope

COMMIT_LOOK_S: Final = 0.001
SECOND_NS: Final = 1_000_000_000
PLANNED_SECONDS_MAX: Final = 7 * 86_400
KILL_SCOPES: Final[dict[str, KillScope]] = {each: each for each in ("session", "account", "firm", "market")}


class Operations:
    """The table of operations and what each does."""

    def __init__(
        self,
        *,
        running: RunningSettings,
        admission: Admission,
        fault_point: FaultPoint,
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
        self._running = running
        self._settings = running.settings
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
        self._session_operations = SessionOperations(wire=wire, sessions=sessions)
        self._session_reload = SessionReload(
            running=running,
            data_dir=data_dir,
            exchange=exchange,
            wire=wire,
            sessions=sessions,
            started=started,
            admission=admission,
            clock=clock,
            read=self._on_matching_thread,
            events=self._events_of,
            answer=self._answer,
            fault_point=fault_point,
        )
        self._instruments = InstrumentOperations(
            running=running,
            exchange=exchange,
            engine=started.engine,
            clock=clock,
            events=self._events,
            answer=self._answer,
            read=self._on_matching_thread,
            shards=self._shards,
        )
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
            shards=self._shards,
        )

    def table(self) -> dict[str, Operation]:
        """Return the operations by command name."""
        return {
            "status": self.status,
            "kill_switch": self.kill_switch,
            "transfer": self.transfer,
            "fix_log": self.fix_log,
            "snapshot": self.snapshot,
            "stop": self.stop,
            "plan_stop": self.plan_stop,
            "call_off_stop": self.call_off_stop,
            **self._session_operations.table(),
            "reload_sessions": self._session_reload.reload,
            **self._instruments.table(),
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
        is_committed, unconfirmed, refusal = await look_until(
            lambda: self._on_matching_thread(lambda: self._exchange.instruction_state(instruction_id)),
            lambda found: found[0] and not found[1],
            SHARDS_WAIT_S,
        )
        if not is_committed:
            raise AdminError(f"not in the journal after {SHARDS_WAIT_S:.0f} seconds; no shard has been told")
        if refusal:
            raise AdminError(refusal)
        return list(unconfirmed)

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
            "planned_stop": await self._on_matching_thread(self._planned_stop),
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

    def _planned_stop(self) -> dict[str, Any] | None:
        planned = self._started.engine.planned_stop
        return {"at_ns": planned.at_ns, "text": planned.text} if planned.at_ns else None

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
            "configured": not session.is_retired,
            "drop_copy_lag": self._exchange.drop_copies.lag(session) if session.role == "drop_copy" else None,
            **wire,
        }

    async def kill_switch(
        self, scope: str, engaged: bool, reason: str, target: str = "", by: str = "operator"
    ) -> dict[str, Any]:
        """Engage or release the kill switch of a session, an account, a firm, or the market; say what it canceled."""
        target_id, firm = 0, ""
        kill_scope = known("scope", scope, KILL_SCOPES)
        if scope == "session":
            target_id = known("session", target, self._sessions.ids_by_name())
        elif scope == "account":
            ids = {account.name: account_id for account_id, account in self._started.engine.accounts.items()}
            target_id = known("account", target, ids)
        elif scope == "firm":
            firms = sorted({account.firm for account in self._started.engine.accounts.values()})
            known("firm", target, dict.fromkeys(firms))
            firm = target
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
        return await self._shards.transfer(self._running.settings, **arguments)

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

    async def plan_stop(self, seconds: int, text: str = "", by: str = "operator") -> dict[str, Any]:
        """Tell all members of a stop in so many seconds, and stop then; in place of one that was planned before."""
        if not 1 <= seconds <= PLANNED_SECONDS_MAX:
            raise AdminError(f"seconds {seconds}, allowed: 1 to {PLANNED_SECONDS_MAX}")
        at_ns = self._clock.now_ns() + seconds * SECOND_NS
        await self._events(PlanStop(at_ns, text_for_members(text), by))
        return {"at_ns": at_ns}

    async def call_off_stop(self, text: str = "", by: str = "operator") -> dict[str, Any]:
        """Tell all members that the planned stop is called off."""
        return await self._command(PlanStop(0, text_for_members(text), by))
