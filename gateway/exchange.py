"""The exchange loop: poll, commit, release, translate, match, report, stage. One thread, one order of things.

This is the matching thread of an embedded shard. It alone touches the engine, the journal's write side, the session
book and the market data view; others ask it through `submit`. It waits for nothing but the wire and the journal.
"""

import queue
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from typing import Any, Final

from config.exchange import BoundSettings
from config.instruments import InstrumentSettings
from gateway.account_names import NameOfAccount
from gateway.drop_copy import DropCopies
from gateway.intake import Intake
from gateway.market_data import MarketData
from gateway.next_batch import Message, NextBatch
from gateway.order_terms import DayEnd
from gateway.overrides import ended_overrides
from gateway.phase_keeper import PhaseKeeper
from gateway.pipeline import FaultPoint, PendingBatch, Pipeline, StagedAnew
from gateway.relay import GatewayEngine, RelayEngine
from gateway.reports import ReportWriter
from gateway.resends import Resends
from gateway.sessions import SessionBook
from gateway.shard_instructions import INSTRUCTIONS
from gateway.shard_link import Connection
from gateway.shard_market import ShardMarket
from gateway.statistics import LoopStatistics
from gateway.status import StatusDesk
from gateway.stop_notices import StopNotices
from gateway.storage import Storage
from gateway.teller import Teller
from gateway.throttled_sessions import ThrottledSessions
from gateway.user_desk import UserDesk
from gateway.wire import Wire
from gateway.work_turns import WorkTurns
from matching.clock import Clock
from matching.codec import encode_commands, encode_event_counts, encode_events
from matching.commands import (
    CancelSessionOrders,
    Command,
    ContinueWork,
    DefineInstrument,
    EndTradingDay,
    ExpireOrders,
    Instruction,
    InstructShards,
    PlanStop,
    SetAcceptance,
    SetTradingPhase,
    TellIndicativePrice,
)
from matching.events import CommandRefused, Event
from matching.journal import Batch

POLL_TIMEOUT_MS: Final = 200
"""Longest sleep of an idle loop; timers of the loop (disk, retries) are looked at this often."""
OPERATIONS_PER_TURN_MAX: Final = 64
PHASES_PER_BATCH_MAX: Final = 100
"""Commands of the phase keeper in one batch."""
SHARD_ANSWER_SECONDS: Final = 5.0
"""How long an orderly stop waits for shards; what they answer later is taken up at the next start."""


class ExchangeEndedError(Exception):
    """An operation was submitted after the matching thread had ended."""


class Exchange:
    """The matching thread's state. Owner: the matching thread, but for `submit` and `statistics`, which any thread may
    call.
    """

    def __init__(
        self,
        *,
        wire: Wire,
        engine: GatewayEngine,
        storage: Storage,
        pipeline: Pipeline,
        sessions: SessionBook,
        clock: Clock,
        fault_point: FaultPoint,
        bounds: BoundSettings,
        keeper: PhaseKeeper,
        day_end: DayEnd,
        market: ShardMarket | None = None,
    ) -> None:
        self._wire = wire
        self._market = market
        self._engine = engine
        self._storage = storage
        self._pipeline = pipeline
        self._sessions = sessions
        self._clock = clock
        self._fault_point = fault_point
        self._operations: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]]] = queue.SimpleQueue()
        self._symbols = {instrument.symbol: instrument for instrument in engine.instruments.values()}
        self.reports = ReportWriter(engine.instruments, NameOfAccount(engine))
        self.market_data = MarketData(wire, engine, self._symbols, bounds)
        self.keeper = keeper
        self.status = StatusDesk(keeper, engine.instruments, self._symbols)
        self.users = UserDesk(engine.users)
        notices = StopNotices(engine.planned_stop, sessions)
        self.drop_copies = DropCopies(wire, sessions, storage, pipeline, self.reports)
        self.resends = Resends(wire, storage, pipeline, sessions, fault_point)
        self.statistics = LoopStatistics()
        self._next = NextBatch()
        self._throttled = self._sessions_over_throttle()
        self._intake = Intake(
            self._next,
            sessions=sessions,
            symbols=self._symbols,
            day_end=day_end,
            clock=clock,
            pipeline=pipeline,
            drop_copies=self.drop_copies,
            market_data=self.market_data,
            resends=self.resends,
            status=self.status,
            users=self.users,
            notices=notices,
            throttled=self._throttled,
            market=market,
        )
        self._teller = Teller(
            self._next,
            engine=engine,
            sessions=sessions,
            reports=self.reports,
            drop_copies=self.drop_copies,
            status=self.status,
            users=self.users,
            notices=notices,
            throttled=self._throttled,
            symbols=self._symbols,
            market=market,
        )
        self._work_turns = WorkTurns(self._pipeline)
        self._stopping = False
        self._stopping_since = 0.0
        self._ended = False
        self.trading_day = 0

    def _sessions_over_throttle(self) -> ThrottledSessions:
        return ThrottledSessions(
            self._next,
            wire=self._wire,
            sessions=self._sessions,
            clock=self._clock,
            has_orders_of=self.has_orders_of,
            is_sharded=self._market is not None,
        )

    # -- other threads ------------------------------------------------------------------------------------------------

    def submit(self, operation: Callable[[], Any]) -> Future[Any]:
        """Run `operation` on the matching thread between two batches and return its result. Any thread may call."""
        future: Future[Any] = Future()
        self._operations.put((operation, future))
        self._wire.wake()
        if self._ended:
            self._refuse_operations()
        return future

    def _refuse_operations(self) -> None:
        """Answer what was submitted too late: the matching thread has ended."""
        while not self._operations.empty():
            _, future = self._operations.get_nowait()
            if future.set_running_or_notify_cancel():
                future.set_exception(ExchangeEndedError("the matching thread has ended"))

    # -- the loop -----------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Turn until `stop` was submitted and everything is committed and released.

        Raises:
            JournalError: the journal could not be written for longer than the storage waits; nothing unjournaled has
            left.
        """
        try:
            while not (self._stopping and self._pipeline.is_idle() and self._is_answered()):
                self.turn(POLL_TIMEOUT_MS)
        finally:
            self._ended = True
            self._refuse_operations()

    def _is_answered(self) -> bool:
        """Whether no shard that is up owes an answer, or none has come for long enough."""
        if self._market is None or self._market.is_answered():
            return True
        return time.monotonic() - self._stopping_since > SHARD_ANSWER_SECONDS

    def begin_with(self, commands: Sequence[Command]) -> None:
        """Apply `commands` in the first turn. To be called before the matching thread runs."""
        self._next.commands += commands

    def stop(self) -> None:
        """End the loop after this turn's work. Matching thread only: pass it to `submit`."""
        self._stopping = True
        self._stopping_since = time.monotonic()

    def turn(self, timeout_ms: int) -> None:
        """Do one turn: take what came, commit and release what is complete, then work on the new input."""
        timeout = 0 if self._has_own_work() else self.resends.wait_ms(self.drop_copies.wait_ms(timeout_ms))
        if timeout and self._market is not None:
            self._market.arm()
        inbound, outbound, oldest_ns = self._wire.poll(timeout)
        began = time.perf_counter_ns()
        if outbound:
            self._pipeline.receive(outbound)
        self._run_operations()
        for item in inbound:
            self._intake.take(item)
        self._add_own_commands()
        had_orders = bool(self._next.commands)
        if self._market is not None:
            self._exchange_with_shards(self._market)
        had_orders = had_orders or bool(self._next.commands)
        if not self._next.is_empty():
            self._apply(oldest_ns)
        self._throttled.log_out()
        self.drop_copies.catch_up(self._begin_batch, had_orders=had_orders)
        self.statistics.busy(time.perf_counter_ns() - began)
        if not self._work_turns.holds_commit():
            self._commit(had_orders=had_orders)

    def _add_own_commands(self) -> None:
        """Add what the exchange itself has to do: work that goes on, what the clock and the disk ask for."""
        commands, now_ns = self._next.commands, self._clock.now_ns()
        if self._engine.has_work and not (commands and self._work_turns.gives_way()) and self._work_turns.may_step():
            self._work_turns.stepped()
            commands.append(ContinueWork())
        commands += self._intake.disconnects_due(now_ns)
        commands += ended_overrides(self._engine.risk, now_ns)
        acceptance = self._storage.acceptance_change(self._engine.accepting)
        if acceptance is not None:
            commands.append(acceptance)

    def _exchange_with_shards(self, market: ShardMarket) -> None:
        """Give shards what is for them; what is left to journal are refusals, and what shards have answered."""
        begun, committed = self._pipeline.next_batch_seq - 1, self._storage.journal.last.batch_seq
        gathered = self._next
        gathered.commands = market.distribute(gathered.commands, gathered.targets, begun=begun, committed=committed)
        gathered.targets = market.answers.targets()

    def _has_own_work(self) -> bool:
        return (
            bool(self._next.commands)
            or (self._engine.has_work and self._work_turns.may_step())
            or not self._operations.empty()
            or self.drop_copies.may_catch_up()
            or self.market_data.has_work(self._storage.journal.last.batch_seq)
            or self.resends.has_work()
            or self._throttled.is_due()
            or (self._market is not None and self._market.has_work())
        )

    def _commit(self, *, had_orders: bool) -> None:
        """Commit and release; then everything that may only be done with what is durable."""
        done, releases = self._storage.commit(self._pipeline)
        if releases:
            self._fault_point("release.before")
            for io, serial in releases:
                self._wire.release(io, serial)
                self._fault_point("release.each")
            self._fault_point("release.after")
        if done:
            self.statistics.committed(done)
        if done or self.market_data.has_work(self._storage.journal.last.batch_seq):
            self.market_data.publish(done, self._storage.journal.last.batch_seq)
        self.resends.go_on(self._begin_batch, had_orders=had_orders)

    def _run_operations(self) -> None:
        for _ in range(OPERATIONS_PER_TURN_MAX):
            # What is there already comes first: a command of an operation is a batch of its own.
            if self._next.commands or self._operations.empty():
                return
            operation, future = self._operations.get_nowait()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(operation())
            except Exception as error:
                future.set_exception(error)

    # -- for others, by `submit` --------------------------------------------------------------------------------------

    @property
    def pending(self) -> Sequence[PendingBatch]:
        """Batches that wait for their commit; any thread may count them."""
        return self._pipeline.pending

    @property
    def market(self) -> ShardMarket | None:
        """The market where it is matched in shards; matching thread only."""
        return self._market

    def engine_statistics(self) -> dict[str, int]:
        """Return the engine's own figures."""
        return self._engine.statistics()

    def close_acceptance(self, reason: str) -> None:
        """Refuse new orders from now on until the end; cancels pass. A stop that was planned is this one."""
        self._storage.is_closing = True
        if self._engine.accepting:
            self.command(SetAcceptance(False, reason))
        if self._engine.planned_stop.at_ns:
            self.command(PlanStop(0, "", "stop", is_done=True))

    def keep_planned_stop(self) -> str | None:
        """Say a planned stop again where that is due; return its text when its time has come."""
        planned, now_ns = self._engine.planned_stop, self._clock.now_ns()
        if planned.is_reminder_due(now_ns):
            self.command(PlanStop(planned.at_ns, "", "timer", is_reminder=True))
        return planned.text if planned.is_due(now_ns) else None

    def shards_down(self) -> list[tuple[str, bool]]:
        """Return the shards that are not up, and whether they are connected; see `ShardMarket.down`."""
        return self._market.down() if self._market is not None else []

    def shards_hung(self) -> list[str]:
        """Return the shards that have said nothing for too long; see `ShardMarket.hung`."""
        return self._market.hung() if self._market is not None else []

    def connect_shard(self, name: str, connection: Connection) -> None:
        """Take up a shard behind a new connection."""
        assert self._market is not None, "there are shards"
        self._market.connect(name, connection)

    def shard_status(self) -> list[dict[str, Any]] | None:
        """Return what is known of each shard; None where there is none but this thread."""
        return self._market.status() if self._market is not None else None

    def command(self, command: Command) -> list[Event]:
        """Apply a command of the operator or the configuration at once, in a batch of its own; return its events.

        What shards have to obey is sent to them, and their events are not waited for.
        """
        assert not self._next.commands, "operations run between batches"
        if self._market is not None and isinstance(command, INSTRUCTIONS):
            return self._instruct(self._market, command)
        return self._apply_commands([command])

    def _instruct(self, market: ShardMarket, instruction: Instruction) -> list[Event]:
        """Journal what shards are to be told; they are told when that is committed."""
        shards = market.routes.concerned(instruction)
        if not shards:
            return [CommandRefused(type(instruction).__name__, "no shard has this instrument")]
        own = [instruction] if isinstance(instruction, EndTradingDay) else []
        return self._apply_commands([InstructShards(shards, instruction), *own])

    def define(self, command: DefineInstrument, shard: str) -> tuple[list[Event], int]:
        """Journal what a shard is to define; as `command_in_batch`."""
        assert not self._next.commands, "operations run between batches"
        return self._apply_commands([InstructShards((shard,), command)]), self._pipeline.next_batch_seq - 1

    def instruction_state(self, instruction_id: int) -> tuple[bool, list[str], str]:
        """Return whether an instruction is committed, the shards that have not confirmed it, and what was refused."""
        relay = self._engine
        assert self._market is not None, "there are shards"
        assert isinstance(relay, RelayEngine), "a market of shards has a relay"
        refusal = relay.instructions.refusals.get(instruction_id, "")
        return self._market.dispatch.is_sent(instruction_id), relay.instructions.unconfirmed(instruction_id), refusal

    def expire_orders(self) -> None:
        """Journal that Good Till Date orders expire, if the time of any has come. Shards do it for themselves."""
        now_ns = self._clock.now_ns()
        if 0 < self._engine.next_expiry_ns <= now_ns:
            self.command(ExpireOrders(now_ns))

    def command_in_batch(self, command: Command) -> tuple[list[Event], int]:
        """Do as `command`; return its events and the last batch that is begun, which is its own."""
        return self.command(command), self._pipeline.next_batch_seq - 1

    def command_together(self, commands: Sequence[Command], written: Sequence[int]) -> tuple[list[Event], int]:
        """Apply commands in one batch of their own, which the journal has whole or not at all; as `command_in_batch`.

        The state of the sessions `written` is journaled with it. What shards have to obey is journaled too, and sent.
        """
        assert not self._next.commands, "operations run between batches"
        return self._apply_commands(list(commands), written=written), self._pipeline.next_batch_seq - 1

    def cancel_of(self, commands: Iterable[CancelSessionOrders]) -> None:
        """Cancel orders of sessions on every shard, at once or when it is back."""
        assert self._market is not None, "without shards, a cancel is applied with what brings it about"
        self._next.commands += commands

    def last_begun(self) -> int:
        """Return the number of the last batch that is begun."""
        return self._pipeline.next_batch_seq - 1

    def has_orders_of(self, session_id: int) -> bool:
        """Whether orders of a session are open, or, with shards, are being canceled."""
        if self._market is None:
            return self._engine.sessions[session_id].open_count() > 0
        return self._market.is_canceling(session_id)

    def holds_numbers_of(self, session_id: int) -> bool:
        """Whether something of a session is not in the journal yet."""
        return self._pipeline.holds(session_id)

    def is_committed(self, batch_seq: int) -> bool:
        """Whether a batch is in the journal."""
        return self._storage.journal.last.batch_seq >= batch_seq

    def configure_phases(self, instruments: Iterable[InstrumentSettings]) -> None:
        """Keep the calendars of a configuration that was read again."""
        self.keeper.configure(instruments)
        self.status.configured()

    def phases_due(self) -> list[Command]:
        """Return what the clock makes due in the instruments' phases; `obey` does it, so many at a time."""
        due = self.keeper.due(self._engine.instruments, self._clock.now_ns())
        return due if self._market is None else list[Command](self._market.reachable(due))

    def obey(self, commands: list[Command]) -> None:
        """Apply commands of the clock in one batch, or send them to their shards."""
        assert not self._next.commands, "operations run between batches"
        if self._market is None:
            self._apply_commands(commands)
            return
        for command in commands:
            if isinstance(command, TellIndicativePrice):
                self._market.tell(command)
            elif isinstance(command, SetTradingPhase) and not self._market.is_instructed(command.instrument_id):
                self._instruct(self._market, command)

    # -- one batch ----------------------------------------------------------------------------------------------------

    def _apply(self, oldest_ns: int) -> None:
        commands = self._next.take_commands()
        if commands:
            self._apply_commands(commands, oldest_ns)
        else:
            self._begin_batch(self._pipeline.empty_batch(), [], self._next.take_messages(), oldest_ns)

    def _apply_commands(self, commands: list[Command], oldest_ns: int = 0, written: Sequence[int] = ()) -> list[Event]:
        """Apply commands as one frame, stage what is to be said of it, and begin its batch."""
        pipeline = self._pipeline
        time_ns = pipeline.time_ns = max(pipeline.time_ns + 1, self._clock.now_ns())
        first_seq = seq = pipeline.next_seq
        events: list[Event] = []
        apply = self._engine.apply
        counts: list[int] = []
        told = 0
        for command in commands:
            apply(seq, time_ns, command, events)
            seq += 1
            counts.append(len(events) - told)
            told = len(events)
        pipeline.next_seq = seq
        messages = self._next.take_messages()
        cursors = self._teller.tell(events, time_ns, pipeline.next_batch_seq, messages) if events else {}
        batch = Batch(
            pipeline.next_batch_seq,
            first_seq,
            time_ns,
            encode_commands(commands),
            len(commands),
            encode_events(events),
            len(events),
            [],
            encode_event_counts(counts),
        )
        self._begin_batch(batch, events, messages, oldest_ns, cursors, written=written)
        self._throttled.slow_down()
        return events

    def _begin_batch(
        self,
        batch: Batch,
        events: list[Event],
        messages: list[Message],
        oldest_ns: int = 0,
        cursors: dict[int, int] | None = None,
        anew: dict[int, StagedAnew] | None = None,
        written: Sequence[int] = (),
    ) -> None:
        """Begin a batch with the inbound numbers as they are now and hand its messages to the IO threads."""
        pending = PendingBatch(
            batch,
            events=events,
            targets=self._next.take_targets(),
            oldest_ns=oldest_ns,
            drop_copy_cursors=cursors or {},
            anew=anew,
            written=written,
        )
        self._pipeline.begin(pending)
        self._fault_point("stage.before")
        if messages:
            pending.parts_missing = self._wire.stage(batch.batch_seq, messages)
        self._fault_point("stage.after")
