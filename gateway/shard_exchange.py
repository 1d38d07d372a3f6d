"""The matching thread of a shard in a process of its own: commands in, durable batches of events out.

Frames of commands come from the gateway's process over a stream socket. A batch is answered when it is committed,
never before, as the journal holds it; a gateway that comes anew says which batch it stored last and is given all that
came after. One gateway at a time: a new one takes the place of the old one when it has said who it is. Owner: the
shard's matching thread.
"""

import contextlib
import os
import select
import socket
import time
from collections.abc import Callable
from typing import Any, Final

import msgspec
import structlog

from gateway.overrides import ended_overrides
from gateway.pipeline import PendingBatch
from gateway.shard_frames import PROTOCOL_VERSION, Hello, Welcome, batch_frame, decode_question, json_frame
from gateway.shard_questions import FROZEN_QUOTES, LIMITS
from gateway.shard_visitors import Visitor, Visitors
from gateway.statistics import LoopStatistics
from gateway.storage import Storage
from matching import frames
from matching.clock import Clock
from matching.codec import decode_commands, encode_commands, encode_event_counts, encode_events
from matching.commands import Command, ContinueWork, ExpireOrders
from matching.engine import Engine
from matching.events import CommandRefused, Event
from matching.frames import Frame, FrameDecoder, FrameError
from matching.journal import Batch, Journal, JournalError
from risk.engine import RiskEngine

POLL_MS: Final = 200
RECEIVE_BYTES: Final = 1 << 20
UNSENT_BYTES_MAX: Final = 1 << 26
"""A gateway that reads more slowly is given the rest from the journal, when it has read what was sent."""
STATUS_SECONDS: Final = 0.5
CATCH_UP_BATCHES: Final = 200
COMMANDS_PER_BATCH_MAX: Final = 4_096

log = structlog.get_logger("shard")


class ShardExchange:
    """Engine, journal and the connection to the gateway. `configure` says what a Hello changes in the engine;
    `flushes`: commits are not durable by themselves, and are made so now and then.
    """

    def __init__(
        self,
        *,
        listener: socket.socket,
        engine: Engine,
        journal: Journal,
        storage: Storage,
        clock: Clock,
        configure: Callable[[Hello], list[Command]],
        fault_point: Callable[[str], None],
        flushes: bool,
    ) -> None:
        self._flushes = flushes
        self._listener = listener
        self._engine = engine
        self._journal = journal
        self._storage = storage
        self._clock = clock
        self._configure = configure
        self._fault_point = fault_point
        self._visitors = Visitors(self._refuse)
        self._connection: socket.socket | None = None
        self._decoder = FrameDecoder()
        self._unsent = bytearray()
        self._next_to_send = 0
        self._commands: list[Command] = []
        self._pending: list[PendingBatch] = []
        self._status_at = 0.0
        self._asked: list[tuple[str, int]] = []
        self._stopping = False
        self._retained_from = 0
        self._refused: tuple[list[Command], str] = [], ""
        self.statistics = LoopStatistics()
        self.stored_through = 0
        """The last batch that the gateway has committed to its own journal: what came later must be kept for it."""

    # -- the loop -----------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Turn until `stop`; what was taken before is committed and sent."""
        while not self._stopping:
            self.turn(POLL_MS)
        self._drop("the shard is stopping")
        self._visitors.close()

    @property
    def is_connected(self) -> bool:
        """Whether a gateway is connected."""
        return self._connection is not None

    def stop(self) -> None:
        """End the loop after the running turn. Any thread may call."""
        self._stopping = True

    def turn(self, timeout_ms: int) -> None:
        """Take what has come, apply it as one batch, commit it, and answer it."""
        oldest_ns = 0
        if self._wait(0 if self._has_own_work() else timeout_ms):
            oldest_ns = time.monotonic_ns()
            self._read()
        if self._engine.has_work:
            self._commands.append(ContinueWork())
        elif 0 < self._engine.next_expiry_ns <= (now_ns := self._clock.now_ns()):
            self._commands.append(ExpireOrders(now_ns))
        self._commands += ended_overrides(self._engine.risk, self._clock.now_ns())
        acceptance = self._storage.acceptance_change(self._engine.accepting)
        if acceptance is not None:
            self._commands.append(acceptance)
        self._apply_all(oldest_ns)
        self._send_more()
        self._retain()

    def retain_from(self, batch_seq: int) -> None:
        """Delete batches before that one, and none that the gateway has not stored. Any thread may call."""
        self._retained_from = batch_seq

    def _retain(self) -> None:
        bound = min(self._retained_from, self.stored_through)
        if bound > self._journal.base.batch_seq and not self._journal.retain(bound):
            self._retained_from = 0

    def _has_own_work(self) -> bool:
        behind = bool(self._next_to_send) and self._next_to_send <= self._journal.last.batch_seq
        return self._engine.has_work or (behind and len(self._unsent) < UNSENT_BYTES_MAX // 2)

    def _wait(self, timeout_ms: int) -> bool:
        """Wait for input; hear new connections. Returns whether the gateway's has something to read."""
        poller = select.poll()
        poller.register(self._listener, select.POLLIN)
        for visitor in self._visitors.connections:
            poller.register(visitor, select.POLLIN)
        connection = self._connection
        if connection is not None:
            poller.register(connection, select.POLLIN | (select.POLLOUT if self._unsent else 0))
        readable = False
        for number, what in poller.poll(timeout_ms):
            if number == self._listener.fileno():
                self._visitors.accept(self._listener)
            elif connection is not None and number == connection.fileno() and what & ~select.POLLOUT:
                readable = True
        for newcomer, hello, rest in self._visitors.listen():
            self._greet(newcomer, hello, rest)
        return readable and self._connection is connection

    def _greet(self, visitor: Visitor, hello: Hello, rest: list[Frame]) -> None:
        """Let a gateway that has said who it is take the place of the one before it, unless it cannot be served."""
        try:
            # What the one before it has sent is in the journal when this one hears how far that goes.
            self._apply_all(0)
            self._check(hello)
            self._configure_as(hello)
        except FrameError as error:
            log.error("a gateway is refused", reason=str(error))
            self._refuse(visitor.connection, str(error))
            visitor.connection.close()
            return
        self._drop("a gateway has connected anew")
        self._connection = visitor.connection
        self._decoder = visitor.decoder
        last = self._journal.last.batch_seq
        self.stored_through = hello.committed_through
        self._send(json_frame(frames.WELCOME, self._welcome("")))
        self._next_to_send = hello.received_through + 1
        log.info("gateway connected", received_through=hello.received_through, last=last)
        try:
            for frame in rest:
                self._take(frame)
        except FrameError as error:
            self._drop(str(error))

    def _check(self, hello: Hello) -> None:
        """Raise FrameError where the gateway cannot be given what it lacks, or has what is not of this shard."""
        last, base = self._journal.last.batch_seq, self._journal.base.batch_seq
        if hello.received_through > last:
            raise FrameError(f"the gateway has stored batch {hello.received_through}, this shard ends at {last}")
        if hello.received_through < base:
            raise FrameError(f"batch {hello.received_through + 1} was deleted: the gateway was away for too long")

    def _configure_as(self, hello: Hello) -> None:
        """Make the gateway's configuration part of the state, in batches of its own; raise FrameError where the engine
        refuses some of it.
        """
        commands = self._configure(hello)
        if not commands or commands != self._refused[0]:
            self._commands += commands
            refused = [event for event in self._apply_all(0) if isinstance(event, CommandRefused)]
            # What is refused is commanded again at each hello; it is journaled once.
            left = self._configure(hello) if refused else []
            self._refused = left, "; ".join(f"{event.command}: {event.text}" for event in refused)
        if self._refused[1]:
            raise FrameError(self._refused[1])

    def _welcome(self, refused: str) -> Welcome:
        last = self._journal.last.batch_seq
        return Welcome(os.getpid(), self._engine.shard_id, last, PROTOCOL_VERSION, refused)

    def _refuse(self, connection: socket.socket, reason: str) -> None:
        """Say why a connection is refused, as far as it takes that at once."""
        with contextlib.suppress(OSError):
            connection.send(json_frame(frames.WELCOME, self._welcome(reason)))

    def _drop(self, cause: str) -> None:
        if self._connection is not None:
            log.info("gateway disconnected", cause=cause)
            self._connection.close()
        self._connection = None
        self._decoder = FrameDecoder()
        self._unsent = bytearray()
        self._next_to_send = 0

    # -- in -----------------------------------------------------------------------------------------------------------

    def _read(self) -> None:
        assert self._connection is not None, "something was read from it"
        try:
            data = self._connection.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._drop(str(error))
            return
        if not data:
            self._drop("closed by the gateway")
            return
        try:
            for frame in self._decoder.feed(data):
                self._take(frame)
        except FrameError as error:
            self._drop(str(error))

    def _take(self, frame: Frame) -> None:
        kind = frame.header.kind
        if kind == frames.STATUS:
            # Answered when the commands that came before are done.
            self._asked.append(decode_question(frame))
            return
        if kind != frames.COMMANDS:
            raise FrameError(f"a shard takes no frame of kind {kind} after the hello")
        self.stored_through = max(self.stored_through, frame.header.batch_seq)
        self._commands += decode_commands(frame.commands)

    # -- a batch ------------------------------------------------------------------------------------------------------

    def _apply_all(self, oldest_ns: int) -> list[Event]:
        """Apply and commit all commands; return their events."""
        events: list[Event] = []
        while self._commands:
            commands = self._commands[:COMMANDS_PER_BATCH_MAX]
            del self._commands[:COMMANDS_PER_BATCH_MAX]
            events += self._apply(commands, oldest_ns)
            self._commit()
        return events

    def _apply(self, commands: list[Command], oldest_ns: int) -> list[Event]:
        began = time.perf_counter_ns()
        last = self._journal.last
        time_ns = max(last.time_ns + 1, self._clock.now_ns())
        events: list[Event] = []
        counts: list[int] = []
        for offset, command in enumerate(commands):
            before = len(events)
            self._engine.apply(last.seq + 1 + offset, time_ns, command, events)
            counts.append(len(events) - before)
        batch = Batch(
            last.batch_seq + 1,
            last.seq + 1,
            time_ns,
            encode_commands(commands),
            len(commands),
            encode_events(events) if events else b"",
            len(events),
            [],
            encode_event_counts(counts),
        )
        self._pending = [PendingBatch(batch, events=[], targets={}, oldest_ns=oldest_ns, drop_copy_cursors={})]
        self.statistics.busy(time.perf_counter_ns() - began)
        return events

    def commit(self) -> tuple[list[PendingBatch], list[tuple[int, int]]]:
        """Commit what is pending; called by the storage, again and again where the disk does not take it.

        Meanwhile the gateway hears that this process lives.
        """
        self._send_status()
        self._fault_point("commit.before")
        self._journal.append([pending.batch for pending in self._pending])
        self._fault_point("commit.after")
        return self._pending, []

    def _commit(self) -> None:
        done, _ = self._storage.commit(self)
        self.statistics.committed(done)
        for pending in done:
            batch = pending.batch
            if batch.batch_seq == self._next_to_send and len(self._unsent) < UNSENT_BYTES_MAX:
                self._send(batch_frame(batch, batch.event_counts))
                if self._connection is not None:
                    self._next_to_send += 1

    # -- out ----------------------------------------------------------------------------------------------------------

    def _send_more(self) -> None:
        """Send what waits, then more of the journal to a gateway that is behind, then now and then how it goes here."""
        if self._unsent:
            self._send(b"")
        if self._next_to_send and self._next_to_send <= self._journal.last.batch_seq:
            self._catch_up()
        asked, self._asked = self._asked, []
        for what, number in asked:
            answer = what, number, self._answer(what)
            self._send(json_frame(frames.STATUS, {**self._status(), "answer": answer}))
        self._send_status()

    def _send_status(self) -> None:
        now = time.monotonic()
        if now - self._status_at > STATUS_SECONDS:
            self._status_at = now
            if self._flushes:
                self._journal.flush()
            self._send(json_frame(frames.STATUS, self._status()))

    def _status(self) -> dict[str, Any]:
        affinity = sorted(os.sched_getaffinity(0))
        return {"affinity": affinity, "engine": self._engine.statistics(), **self.statistics.report()}

    def _answer(self, what: str) -> list[Any]:
        """Return what there is of the state that a gateway asks for; nothing where it asks for what is not known."""
        risk = self._engine.risk
        assert isinstance(risk, RiskEngine), "the engine runs with the risk engine that holds limits"
        if what == LIMITS:
            return [msgspec.to_builtins(each) for each in risk.overrides()]
        return [(*key, risk.quote_freeze(key)) for key in risk.frozen_quotes()] if what == FROZEN_QUOTES else []

    def _catch_up(self) -> None:
        if len(self._unsent) >= UNSENT_BYTES_MAX // 2:
            return
        try:
            for sent, batch in enumerate(self._journal.read(self._next_to_send)):
                if sent == CATCH_UP_BATCHES or len(self._unsent) >= UNSENT_BYTES_MAX or self._connection is None:
                    return
                self._send(batch_frame(batch, batch.event_count_bytes))
                if self._connection is not None:
                    self._next_to_send += 1
        except JournalError as error:
            log.error("the gateway cannot be given what it lacks", error=str(error))
            self._drop(str(error))

    def _send(self, data: bytes) -> None:
        if self._connection is None:
            return
        self._unsent += data
        try:
            while self._unsent:
                sent = self._connection.send(memoryview(self._unsent)[:RECEIVE_BYTES])
                del self._unsent[:sent]
        except BlockingIOError:
            return
        except OSError as error:
            self._drop(str(error))
