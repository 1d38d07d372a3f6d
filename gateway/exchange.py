"""The exchange loop: poll, commit, release, translate, match, report, stage. One thread, one order of things.

This is the matching thread of an embedded shard. It alone touches the engine, the journal's write side, the session
book and the market data view; others ask it through `submit`. It waits for nothing but the wire and the journal.
"""

import queue
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from typing import Any, Final

import msgspec
import structlog

from config.exchange import BoundSettings
from config.instruments import InstrumentSettings
from gateway.disconnects import Disconnects
from gateway.drop_copy import DropCopies
from gateway.inbound import (
    ALSO_FOR,
    MARKET_DATA_REQUEST,
    NEW_ORDER_LIST,
    NEW_ORDER_SINGLE,
    ORDER_CANCEL_REPLACE_REQUEST,
    ORDER_CANCEL_REQUEST,
    ORDER_MASS_CANCEL_REQUEST,
    ORDER_MASS_STATUS_REQUEST,
    ORDER_STATUS_REQUEST,
    ROLE_OF_MESSAGE,
    SECURITY_STATUS_REQUEST,
    TRADING_SESSION_STATUS_REQUEST,
)
from gateway.list_translation import new_order_list
from gateway.market_data import MarketData
from gateway.mass_translation import mass_cancel, mass_status
from gateway.order_terms import DayEnd
from gateway.overrides import ended_overrides
from gateway.phase_keeper import PhaseKeeper
from gateway.pipeline import FaultPoint, PendingBatch, Pipeline, StagedAnew
from gateway.rejects import business_reject
from gateway.relay import GatewayEngine, RelayEngine
from gateway.reports import BUSINESS_MESSAGE_REJECT, EXECUTION_REPORT, ReportWriter
from gateway.resends import Resends
from gateway.sessions import GatewaySession, SessionBook
from gateway.shard_instructions import INSTRUCTIONS
from gateway.shard_link import Connection
from gateway.shard_market import ShardMarket
from gateway.statistics import LoopStatistics
from gateway.status import StatusDesk
from gateway.storage import Storage
from gateway.translation import Translator
from gateway.wire import APP, LOGON, LOGOUT, NUMBERS, RESEND, RESET, Inbound, Wire
from matching.clock import Clock
from matching.codec import encode_commands, encode_event_counts, encode_events
from matching.commands import (
    CancelSessionOrders,
    Command,
    ContinueWork,
    EndTradingDay,
    ExpireOrders,
    Instruction,
    InstructShards,
    RefuseMessage,
    SetAcceptance,
    SetKillSwitch,
    SetTradingPhase,
    TellIndicativePrice,
)
from matching.events import (
    CommandRefused,
    Event,
    Execution,
    InstrumentDefined,
    KillSwitchSet,
    LimitOverrideEnded,
    LimitsOverridden,
    ScopeCanceled,
    SessionCut,
    ShardsInstructed,
    TradingPhaseSet,
)
from matching.journal import Batch
from matching.refusals import NOT_AUTHORIZED
from matching.work import REPEATED_EXECUTIONS, RESTATED_OTHER

POLL_TIMEOUT_MS: Final = 200
"""Longest sleep of an idle loop; timers of the loop (disk, retries) are looked at this often."""
OPERATIONS_PER_TURN_MAX: Final = 64
STEP_BATCHES_MAX: Final = 2
"""Batches that may wait for their commit when a step of work over a whole scope is begun."""
PHASES_PER_BATCH_MAX: Final = 100
"""Commands of the phase keeper in one batch."""
SHARD_ANSWER_SECONDS: Final = 5.0
"""How long an orderly stop waits for shards; what they answer later is taken up at the next start."""

ALERTS: Final = (KillSwitchSet, ScopeCanceled, SessionCut, LimitsOverridden, LimitOverrideEnded)
"""Events that an operator hears of at once, in the log."""

log = structlog.get_logger("exchange")

Message = tuple[int, str, str]


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
        self._translator = Translator(self._symbols, day_end)
        names = AccountNames(engine)
        self.reports = ReportWriter(engine.instruments, names)
        self.market_data = MarketData(wire, engine, self._symbols, bounds)
        self.keeper = keeper
        self.status = StatusDesk(keeper, engine.instruments, self._symbols)
        self.drop_copies = DropCopies(wire, sessions, storage, pipeline, self.reports)
        self.resends = Resends(wire, storage, pipeline, sessions, fault_point)
        self.statistics = LoopStatistics()
        self._disconnects = Disconnects()
        self._disconnects.begin((session.disconnecting for session in sessions), clock.now_ns())
        self._cuts: list[SessionCut] = []
        self._commands: list[Command] = []
        self._messages: list[Message] = []
        self._targets: dict[int, tuple[int, int]] = {}
        self._stopping = False
        self._stopping_since = 0.0
        self._ended = False
        self.trading_day = 0

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
        self._commands += commands

    def stop(self) -> None:
        """End the loop after this turn's work. Matching thread only: pass it to `submit`."""
        self._stopping = True
        self._stopping_since = time.monotonic()

    def turn(self, timeout_ms: int) -> None:
        """Do one turn: take what came, commit and release what is complete, then work on the new input."""
        timeout = 0 if self._has_own_work() else timeout_ms
        if timeout and self._market is not None:
            self._market.arm()
        inbound, outbound, oldest_ns = self._wire.poll(timeout)
        began = time.perf_counter_ns()
        if outbound:
            self._pipeline.receive(outbound)
        self._run_operations()
        for item in inbound:
            self._take(item)
        if self._may_continue():
            self._commands.append(ContinueWork())
        now_ns = self._clock.now_ns()
        self._commands += self._disconnects.due(now_ns)
        self._commands += ended_overrides(self._engine.risk, now_ns)
        acceptance = self._storage.acceptance_change(self._engine.accepting)
        if acceptance is not None:
            self._commands.append(acceptance)
        if self._market is not None:
            self._exchange_with_shards(self._market)
        if self._commands or self._messages or self._targets:
            self._apply(oldest_ns)
        self.drop_copies.catch_up(self._begin_batch)
        self.statistics.busy(time.perf_counter_ns() - began)
        self._commit()

    def _exchange_with_shards(self, market: ShardMarket) -> None:
        """Give shards what is for them; what is left to journal are refusals, and what shards have answered."""
        begun, committed = self._pipeline.next_batch_seq - 1, self._storage.journal.last.batch_seq
        self._commands = market.distribute(self._commands, self._targets, begun=begun, committed=committed)
        self._targets = market.answers.targets()

    def _may_continue(self) -> bool:
        """Whether work goes on with a step: its batches may not pile up, or the orders of others wait for all."""
        return self._engine.has_work and len(self._pipeline.pending) < STEP_BATCHES_MAX

    def _has_own_work(self) -> bool:
        return (
            bool(self._commands)
            or self._may_continue()
            or not self._operations.empty()
            or self.drop_copies.has_backlog()
            or self.market_data.has_work(self._storage.journal.last.batch_seq)
            or self.resends.has_work()
            or (self._market is not None and self._market.has_work())
        )

    def _commit(self) -> None:
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
        self.resends.go_on(self._begin_batch)

    def _run_operations(self) -> None:
        if self._commands:
            # What the exchange begins with comes first: a command of an operation is a batch of its own.
            return
        for _ in range(OPERATIONS_PER_TURN_MAX):
            if self._operations.empty():
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

    def engine_statistics(self) -> dict[str, int]:
        """Return the engine's own figures."""
        return self._engine.statistics()

    def close_acceptance(self, reason: str) -> None:
        """Refuse new orders from now on until the end; cancels pass."""
        self._storage.is_closing = True
        if self._engine.accepting:
            self.command(SetAcceptance(False, reason))

    # -- inbound ------------------------------------------------------------------------------------------------------

    def _take(self, item: Inbound) -> None:
        kind = item[0]
        session = self._sessions.by_id.get(item[1])
        if session is None:
            return
        if kind == APP:
            _, session_id, epoch, msg_seq_num, msg_type, poss_resend, values = item
            self._targets[session_id] = (epoch, msg_seq_num + 1)
            self._message(session, msg_seq_num, msg_type, poss_resend, values)
        elif kind == NUMBERS:
            self._targets[item[1]] = (item[2], item[3])
        elif kind == LOGON:
            session.logged_on, session.epoch, session.peer = True, item[2], item[3]
            self.drop_copies.logged_on(session)
            if self._market is not None:
                self._market.logged_on(session.session_id)
            self._commands += self._disconnects.logged_on(session.disconnecting)
            log.info("logon", session=session.name, peer=session.peer, epoch=session.epoch)
        elif kind == LOGOUT:
            log.info("logout", session=session.name, clean=item[3], cause=item[4])
            self._logged_out(session, clean=bool(item[3]))
        elif kind == RESET:
            _, _, session.epoch, old_epoch, old_written_through = item
            self.resends.session_reset(session, old_epoch, old_written_through)
            # Market data that was held and not sent yet went with the old numbers.
            self.market_data.stalled(session)
        elif kind == RESEND:
            self.resends.requested(item)
        else:
            self.market_data.stalled(session)

    def _message(
        self, session: GatewaySession, msg_seq_num: int, msg_type: str, poss_resend: bool, values: tuple[Any, ...]
    ) -> None:
        if session.role not in (ROLE_OF_MESSAGE[msg_type], ALSO_FOR.get(msg_type)):
            self._not_authorized(session, msg_seq_num, msg_type, values[0] or "")
        elif msg_type == NEW_ORDER_SINGLE:
            self._commands.append(self._translator.new_order(session, msg_seq_num, poss_resend, values))
        elif msg_type == NEW_ORDER_LIST:
            self._commands.append(new_order_list(self._translator, session, msg_seq_num, poss_resend, values))
        elif msg_type == ORDER_CANCEL_REQUEST:
            self._commands.append(self._translator.cancel_order(session, msg_seq_num, poss_resend, values))
        elif msg_type == ORDER_CANCEL_REPLACE_REQUEST:
            self._commands.append(self._translator.replace_order(session, msg_seq_num, poss_resend, values))
        elif msg_type == ORDER_STATUS_REQUEST:
            self._commands.append(self._translator.request_status(session, msg_seq_num, values))
        elif msg_type == ORDER_MASS_CANCEL_REQUEST:
            self._commands.append(mass_cancel(session, msg_seq_num, poss_resend, values, self._symbols))
        elif msg_type == ORDER_MASS_STATUS_REQUEST:
            self._commands.append(mass_status(session, msg_seq_num, values, self._symbols))
        elif msg_type in (SECURITY_STATUS_REQUEST, TRADING_SESSION_STATUS_REQUEST):
            for answer_type, body in self.status.request(session, msg_seq_num, msg_type, values):
                self._messages.append((session.session_id, answer_type, body))
        else:
            assert msg_type == MARKET_DATA_REQUEST, f"message type {msg_type} has a role but no way"
            answer = self.market_data.request(session, values, self._pipeline.next_batch_seq)
            if answer is not None:
                self._messages.append((session.session_id, "Y", answer))

    def _not_authorized(self, session: GatewaySession, msg_seq_num: int, msg_type: str, ref_id: str) -> None:
        text = f"MsgType(35) {msg_type} is not for a session with Role {session.role}"
        if self._market is not None:
            # What is answered behind a number without an answer is remembered, as every answer there.
            ids = (session.session_id, session.epoch, msg_seq_num)
            self._commands.append(RefuseMessage(*ids, msg_type, ref_id, text, NOT_AUTHORIZED))
            return
        body = business_reject(
            session.version,
            ref_seq_num=msg_seq_num,
            ref_msg_type=msg_type,
            code=NOT_AUTHORIZED,
            text=text,
            ref_id=ref_id,
        )
        self._messages.append((session.session_id, BUSINESS_MESSAGE_REJECT, body))

    def _logged_out(self, session: GatewaySession, *, clean: bool) -> None:
        session.logged_on = False
        session.peer = ""
        self.drop_copies.logged_out(session)
        self.market_data.forget(session)
        self._commands += self._disconnects.logged_out(session.disconnecting, self._clock.now_ns(), clean=clean)
        self.status.forget(session)

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
        assert not self._commands, "operations run between batches"
        if self._market is not None and isinstance(command, INSTRUCTIONS):
            return self._instruct(self._market, command)
        return self._apply_commands([command])

    def _instruct(self, market: ShardMarket, instruction: Instruction) -> list[Event]:
        """Journal what shards are to be told; they are told when that is committed."""
        shards = market.concerned(instruction)
        if not shards:
            return [CommandRefused(type(instruction).__name__, "no shard has this instrument")]
        own = [instruction] if isinstance(instruction, EndTradingDay) else []
        return self._apply_commands([InstructShards(shards, instruction), *own])

    def instruction_state(self, instruction_id: int) -> tuple[bool, list[str], str]:
        """Return whether an instruction is committed, the shards that have not confirmed it, and what was refused."""
        relay = self._engine
        assert self._market is not None, "there are shards"
        assert isinstance(relay, RelayEngine), "a market of shards has a relay"
        refusal = relay.instructions.refusals.get(instruction_id, "")
        return self._market.is_committed(instruction_id), relay.instructions.unconfirmed(instruction_id), refusal

    def expire_orders(self) -> None:
        """Journal that Good Till Date orders expire, if the time of any has come. Shards do it for themselves."""
        now_ns = self._clock.now_ns()
        if 0 < self._engine.next_expiry_ns <= now_ns:
            self.command(ExpireOrders(now_ns))

    def command_in_batch(self, command: Command) -> tuple[list[Event], int]:
        """Do as `command`; return its events and the last batch that is begun, which is its own."""
        return self.command(command), self._pipeline.next_batch_seq - 1

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
        assert not self._commands, "operations run between batches"
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
        commands = self._commands
        if not commands:
            messages, self._messages = self._messages, []
            self._begin_batch(self._pipeline.empty_batch(), [], messages, oldest_ns)
            return
        self._commands = []
        self._apply_commands(commands, oldest_ns)

    def _apply_commands(self, commands: list[Command], oldest_ns: int = 0) -> list[Event]:
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
        messages = self._messages
        self._messages = []
        cursors: dict[int, int] = {}
        if events:
            cursors = self._report(time_ns, events, messages)
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
        self._begin_batch(batch, events, messages, oldest_ns, cursors)
        self._log_out_cuts()
        return events

    def _log_out_cuts(self) -> None:
        """Log out the sessions that went over the second level of their throttle, behind what was staged for them."""
        cuts, self._cuts = self._cuts, []
        for cut in cuts:
            session = self._sessions.by_id.get(cut.session_id)
            if session is not None and session.logged_on:
                self._wire.logout(cut.session_id, cut.text)
            if self._market is not None:
                # The shard that counted has canceled its own.
                text = f"Canceled: {cut.text}"
                self._commands.append(CancelSessionOrders(cut.session_id, text, restatement=RESTATED_OTHER))

    def _begin_batch(
        self,
        batch: Batch,
        events: list[Event],
        messages: list[Message],
        oldest_ns: int = 0,
        cursors: dict[int, int] | None = None,
        anew: dict[int, StagedAnew] | None = None,
    ) -> None:
        """Begin a batch with the inbound numbers as they are now and hand its messages to the IO threads."""
        pending = PendingBatch(
            batch,
            events=events,
            targets=self._targets,
            oldest_ns=oldest_ns,
            drop_copy_cursors=cursors or {},
            anew=anew,
        )
        self._targets = {}
        self._pipeline.begin(pending)
        self._fault_point("stage.before")
        if messages:
            pending.parts_missing = self._wire.stage(batch.batch_seq, messages)
        self._fault_point("stage.after")

    def _report(self, time_ns: int, events: list[Event], messages: list[Message]) -> dict[int, int]:
        """Append what sessions and live drop copies are told of `events`; return the cursors of the drop copies
        told.
        """
        reports = self.reports
        reports.set_time(time_ns)
        by_id = self._sessions.by_id
        copies = self.drop_copies.live()
        execution = reports.execution
        cursors: dict[int, int] = {}
        batch_seq = self._pipeline.next_batch_seq
        for event in events:
            if type(event) is Execution:
                session = by_id[event.session_id]
                version = session.version
                body = execution(event, version)
                messages.append((event.session_id, EXECUTION_REPORT, body))
                if copies:
                    for copy in copies.get(event.account_id, ()):
                        text = body if copy.version == version else execution(event, copy.version)
                        messages.append((copy.session_id, EXECUTION_REPORT, text))
                        cursors[copy.session_id] = batch_seq
            else:
                self._report_other(event, messages, cursors)
        return cursors

    def _report_other(self, event: Event, messages: list[Message], cursors: dict[int, int]) -> None:
        if isinstance(event, InstrumentDefined | TradingPhaseSet):
            if isinstance(event, InstrumentDefined):
                self._symbols[event.symbol] = self._engine.instruments[event.instrument_id]
            self.status.told(event, messages)
            return
        if isinstance(event, ALERTS):
            # Within the second, where the operator's log is watched: RTS 6 gives five.
            log.warning("alert", what=type(event).__name__, **msgspec.structs.asdict(event))
            if isinstance(event, SessionCut):
                self._cuts.append(event)
            elif isinstance(event, KillSwitchSet) and event.by == REPEATED_EXECUTIONS and self._market is not None:
                # One shard has counted; the session is stopped on all. The others say so by another name: once.
                by = f"{REPEATED_EXECUTIONS} of another shard"
                stop = SetKillSwitch(event.scope, event.target_id, True, by, event.reason)
                self._commands.append(InstructShards(self._market.concerned(stop), stop))
            return
        if isinstance(event, ShardsInstructed) and self._market is not None:
            self._market.instruct(event.instruction_id, self._pipeline.next_batch_seq)
            return
        session = self._sessions.by_id.get(getattr(event, "session_id", 0))
        message = None if session is None else self.reports.message(event, session)
        if session is None or message is None:
            return
        messages.append((session.session_id, *message))
        for copy in self.drop_copies.live_for(event):
            copied = self.reports.message(event, copy)
            assert copied is not None, "a report for one session is a report for every session"
            messages.append((copy.session_id, *copied))
            cursors[copy.session_id] = self._pipeline.next_batch_seq


class AccountNames(dict[int, str]):
    """Names of accounts by id, read from the engine when an id is met for the first time."""

    def __init__(self, engine: GatewayEngine) -> None:
        super().__init__()
        self._engine = engine

    def __missing__(self, account_id: int) -> str:
        name: str = self._engine.accounts[account_id].name if account_id else "NONE"
        self[account_id] = name
        return name
