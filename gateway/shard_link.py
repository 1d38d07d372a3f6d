"""The gateway's end of the connection to one shard. Owner: the matching thread.

Commands go out in order; every batch that comes back takes those off that it holds. A connection that is lost loses
nothing: the next one begins with all that the shard has committed and this gateway has not stored, and then what is
still without an answer is sent again, in the same order. So a shard never applies a command twice.
"""

import socket
import time
from collections import deque
from typing import Any, Final, TypeAlias

import structlog

from gateway.shard_frames import Hello, command_frame, decode_status, decode_welcome, json_frame
from matching import frames
from matching.codec import decode_commands, decode_event_counts, decode_events, encode_commands
from matching.commands import Command, RelayBatch, TransferIn, TransferOut
from matching.events import CommandRefused
from matching.frames import Frame, FrameDecoder, FrameError

RECEIVE_BYTES: Final = 1 << 20
RECEIVES_PER_TURN_MAX: Final = 4
"""At most 4 MB of one shard's batches are taken in one turn, so that the others and the wire have theirs."""

Connection: TypeAlias = socket.socket
"""A stream socket to a shard."""

log = structlog.get_logger("shard-link")


class ShardLink:
    """One shard as the gateway sees it. `is_up`: commands may be sent, everything older has been received."""

    def __init__(self, name: str, shard_id: int) -> None:
        self.name: Final = name
        self.shard_id: Final = shard_id
        self.connection: socket.socket | None = None
        self.is_up = False
        self.pid = 0
        self.status: dict[str, Any] = {}
        self.down_cause = "it has not been started yet"
        self.unanswered: deque[Command] = deque()
        self._outgoing: list[Command] = []
        self._decoder = FrameDecoder()
        self._unsent = bytearray()
        self._caught_up_at: int | None = None
        self._received = 0
        self._heard_at = time.monotonic()

    def connect(self, connection: socket.socket, hello: Hello) -> None:
        """Begin a conversation; `is_up` follows when the shard has said what is missing here."""
        self.drop("a new connection")
        connection.setblocking(False)
        self.connection = connection
        self._received = hello.stored_through
        self._send(json_frame(frames.HELLO, hello))

    def drop(self, cause: str) -> None:
        """End the conversation; what is unanswered stays."""
        if self.connection is not None:
            log.warning("shard disconnected", shard=self.name, cause=cause, unanswered=len(self.unanswered))
            self.connection.close()
        self.connection, self.is_up, self._caught_up_at = None, False, None
        self.down_cause = cause
        self._decoder, self._unsent, self._outgoing = FrameDecoder(), bytearray(), []

    def submit(self, command: Command) -> None:
        """Send a command with the next flush; while the shard is down, when it is back."""
        self.unanswered.append(command)
        if self.is_up:
            self._outgoing.append(command)

    def flush(self, stored_through: int) -> None:
        """Send what was submitted; `stored_through` is the last batch of the shard that the journal here holds."""
        if self._outgoing:
            commands, self._outgoing = self._outgoing, []
            self._send(command_frame(encode_commands(commands), len(commands), stored_through=stored_through))
        elif self._unsent:
            self._send(b"")

    def silent_s(self) -> float:
        """Seconds since anything came."""
        return time.monotonic() - self._heard_at

    def receive(self) -> list[tuple[RelayBatch, list[Command]]]:
        """Return the batches that have come, each with its commands."""
        batches: list[tuple[RelayBatch, list[Command]]] = []
        for _ in range(RECEIVES_PER_TURN_MAX):
            if self.connection is None:
                break
            try:
                data = self.connection.recv(RECEIVE_BYTES)
            except BlockingIOError:
                break
            except OSError as error:
                self.drop(str(error))
                break
            if not data:
                self.drop("closed by the shard")
                break
            self._heard_at = time.monotonic()
            try:
                for frame in self._decoder.feed(data):
                    self._take(frame, batches)
            except FrameError as error:
                self.drop(str(error))
        return batches

    def _take(self, frame: Frame, batches: list[tuple[RelayBatch, list[Command]]]) -> None:
        kind = frame.header.kind
        if kind == frames.BATCH:
            batches.append(self._batch(frame))
        elif kind == frames.WELCOME:
            welcome = decode_welcome(frame)
            self.pid = welcome.pid
            self._caught_up_at = welcome.last_batch_seq
            log.info("shard connected", shard=self.name, pid=self.pid, last=welcome.last_batch_seq)
        elif kind == frames.STATUS:
            self.status = decode_status(frame)
        else:
            raise FrameError(f"a gateway takes no frame of kind {kind}")
        if self._caught_up_at is not None and not self.is_up and self._received >= self._caught_up_at:
            self.is_up = True
            self._outgoing = list(self.unanswered)

    def _batch(self, frame: Frame) -> tuple[RelayBatch, list[Command]]:
        header = frame.header
        if header.batch_seq != self._received + 1:
            raise FrameError(f"batch {header.batch_seq} came after batch {self._received}")
        self._received = header.batch_seq
        commands = decode_commands(frame.commands) if frame.commands else []
        answered: dict[int, tuple[int, int]] = {}
        unanswered = self.unanswered
        for command in commands:
            if unanswered and unanswered[0] == command:
                unanswered.popleft()
            msg_seq_num = getattr(command, "msg_seq_num", 0)
            if msg_seq_num:
                answered[command.session_id] = (command.epoch, msg_seq_num)  # type: ignore[union-attr]  # both are there
        highest = tuple((session_id, *numbers) for session_id, numbers in answered.items())
        refused = refused_transfers(frame, commands)
        return RelayBatch(self.name, header.batch_seq, header.time_ns, highest, frame.events, refused), commands

    def _send(self, data: bytes) -> None:
        if self.connection is None:
            return
        self._unsent += data
        try:
            while self._unsent:
                sent = self.connection.send(memoryview(self._unsent)[:RECEIVE_BYTES])
                del self._unsent[:sent]
        except BlockingIOError:
            return
        except OSError as error:
            self.drop(str(error))


def refused_transfers(frame: Frame, commands: list[Command]) -> tuple[tuple[str, str], ...]:
    """Return the transfers whose step a shard refused, and why."""
    steps = [(at, command) for at, command in enumerate(commands) if isinstance(command, TransferOut | TransferIn)]
    if not steps:
        return ()
    counts = decode_event_counts(frame.event_counts)
    events = decode_events(frame.events)
    refused: list[tuple[str, str]] = []
    for at, step in steps:
        begin = sum(counts[:at])
        given = events[begin : begin + counts[at]]
        refused += [(step.transfer_id, event.text) for event in given if isinstance(event, CommandRefused)]
    return tuple(refused)
