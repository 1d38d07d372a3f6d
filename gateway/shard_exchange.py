"""The matching thread of a shard in a process of its own: commands in, durable batches of events out.

Frames of commands come from the gateway's process over a stream socket. A batch is answered when it is committed,
never before, as the journal holds it; a gateway that comes anew says which batch it stored last and is given all that
came after. One gateway at a time: a new connection takes the place of the old one. Owner: the shard's matching thread.
"""

import os
import select
import socket
import time
from collections.abc import Callable
from typing import Final

import structlog

from gateway.overrides import ended_overrides
from gateway.pipeline import PendingBatch
from gateway.shard_frames import Hello, Welcome, batch_frame, decode_hello, json_frame
from gateway.statistics import LoopStatistics
from gateway.storage import Storage
from matching import frames
from matching.clock import Clock
from matching.codec import decode_commands, encode_commands, encode_event_counts, encode_events
from matching.commands import Command, ContinueWork, ExpireOrders
from matching.engine import Engine
from matching.events import Event
from matching.frames import Frame, FrameDecoder, FrameError
from matching.journal import Batch, Journal, JournalError

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
        self._connection: socket.socket | None = None
        self._decoder = FrameDecoder()
        self._unsent = bytearray()
        self._next_to_send = 0
        self._commands: list[Command] = []
        self._pending: list[PendingBatch] = []
        self._status_at = 0.0
        self._stopping = False
        self._retained_from = 0
        self.statistics = LoopStatistics()
        self.stored_through = 0
        """The last batch that the gateway has in its own journal: what came later must be kept for it."""

    # -- the loop -----------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Turn until `stop`; what was taken before is committed and sent."""
        while not self._stopping:
            self.turn(POLL_MS)
        self._drop("the shard is stopping")

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
        """Wait for input; take a new connection. Returns whether the connection has something to read."""
        poller = select.poll()
        poller.register(self._listener, select.POLLIN)
        connection = self._connection
        if connection is not None:
            poller.register(connection, select.POLLIN | (select.POLLOUT if self._unsent else 0))
        readable = False
        for number, what in poller.poll(timeout_ms):
            if number == self._listener.fileno():
                self._accept()
            elif connection is self._connection and what & ~select.POLLOUT:
                readable = True
        return readable and self._connection is connection

    def _accept(self) -> None:
        connection, _ = self._listener.accept()
        self._drop("a gateway has connected anew")
        connection.setblocking(False)
        self._connection = connection

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
        if kind == frames.HELLO:
            self._hello(decode_hello(frame))
        elif kind == frames.COMMANDS:
            if not self._next_to_send:
                raise FrameError("commands came before a hello")
            self.stored_through = max(self.stored_through, frame.header.batch_seq)
            self._commands += decode_commands(frame.commands)
        else:
            raise FrameError(f"a shard takes no frame of kind {kind}")

    def _hello(self, hello: Hello) -> None:
        """Make the configuration part of the state, then answer with all that the gateway has not stored."""
        # What came before it is in the journal when the gateway hears how far that goes.
        self._apply_all(0)
        last = self._journal.last.batch_seq
        if hello.stored_through > last:
            raise FrameError(f"the gateway has stored batch {hello.stored_through}, this shard ends at {last}")
        if hello.stored_through < self._journal.base.batch_seq:
            raise FrameError(f"batch {hello.stored_through + 1} was deleted: the gateway was away for too long")
        self.stored_through = hello.stored_through
        self._commands += self._configure(hello)
        self._send(json_frame(frames.WELCOME, Welcome(os.getpid(), self._engine.shard_id, last)))
        self._next_to_send = hello.stored_through + 1
        log.info("gateway connected", stored_through=hello.stored_through, last=last)

    # -- a batch ------------------------------------------------------------------------------------------------------

    def _apply_all(self, oldest_ns: int) -> None:
        while self._commands:
            commands = self._commands[:COMMANDS_PER_BATCH_MAX]
            del self._commands[:COMMANDS_PER_BATCH_MAX]
            self._apply(commands, oldest_ns)
            self._commit()

    def _apply(self, commands: list[Command], oldest_ns: int) -> None:
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

    def commit(self) -> tuple[list[PendingBatch], list[tuple[int, int]]]:
        """Commit what is pending; called by the storage, again and again where the disk does not take it."""
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
        now = time.monotonic()
        if now - self._status_at > STATUS_SECONDS:
            self._status_at = now
            if self._flushes:
                self._journal.flush()
            affinity = sorted(os.sched_getaffinity(0))
            self._send(
                json_frame(
                    frames.STATUS,
                    {"affinity": affinity, "engine": self._engine.statistics(), **self.statistics.report()},
                )
            )

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
