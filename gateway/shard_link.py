"""The gateway's end of the connection to one shard. Owner: the matching thread.

Commands go out in order; every batch that comes back takes those off that it holds. A connection that is lost loses
nothing: the next one begins with all that the shard has committed and this gateway has not stored, and then what is
still without an answer is sent again, in the same order. So a shard never applies a command twice.
"""

import itertools
import socket
import time
from collections import deque
from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import msgspec
import structlog

from gateway.shard_frames import PROTOCOL_VERSION, Hello, command_frame, decode_status, decode_welcome, json_frame
from gateway.shard_instructions import is_instruction
from matching import frames
from matching.codec import decode_commands, decode_event_counts, decode_events, encode_commands
from matching.commands import Command, OverrideLimits, RelayBatch, TransferIn, TransferOut
from matching.events import CommandRefused
from matching.frames import Frame, FrameDecoder, FrameError

RECEIVE_BYTES: Final = 1 << 20
RECEIVES_PER_TURN_MAX: Final = 4
"""At most 4 MB of one shard's batches are taken in one turn, so that the others and the wire have theirs."""

SILENT_SECONDS: Final = 3.0
"""A shard says something twice a second; after so long nobody is let wait for it any more."""
HUNG_SECONDS: Final = 10.0
"""After so long it is ended by force and started again; one whose disk does not take a commit still says so."""

Connection: TypeAlias = socket.socket
"""A stream socket to a shard."""

STEPS: Final = (TransferOut, TransferIn)

log = structlog.get_logger("shard-link")


class ShardLink:
    """One shard as the gateway sees it. `is_up`: commands may be sent, everything older has been received.

    `is_silent`: nothing has come for so long that it is not to be waited for.
    """

    def __init__(self, name: str, shard_id: int) -> None:
        self.name: Final = name
        self.shard_id: Final = shard_id
        self.connection: socket.socket | None = None
        self.is_up = False
        self.is_silent = False
        self.pid = 0
        self.status: dict[str, Any] = {}
        self.limits: tuple[int, list[OverrideLimits]] = 0, []
        """The last answer to `ask_limits`: the number of the question, and the overrides in force."""
        self.down_cause = "it has not been started yet"
        self.unanswered: deque[Command] = deque()
        self._outgoing: list[Command] = []
        self._decoder = FrameDecoder()
        self._unsent = bytearray()
        self._caught_up_at: int | None = None
        self._received = 0
        self._heard_at = self._looked_at = self._lost_at = time.monotonic()

    def connect(self, connection: socket.socket, hello: Hello) -> None:
        """Begin a conversation; `is_up` follows when the shard has said what is missing here."""
        if self.connection is not None:
            self.drop("a new connection")
        connection.setblocking(False)
        self.connection = connection
        self._received = hello.received_through
        self._heard_at = self._looked_at = time.monotonic()
        self.is_silent = False
        self._send(json_frame(frames.HELLO, hello))

    def drop(self, cause: str) -> None:
        """End the conversation; what is unanswered stays."""
        if self.connection is not None:
            log.warning("shard disconnected", shard=self.name, cause=cause, unanswered=len(self.unanswered))
            self.connection.close()
        if self.is_up:
            self._lost_at = time.monotonic()
        self.connection, self.is_up, self._caught_up_at = None, False, None
        self.down_cause = cause
        self._decoder, self._unsent, self._outgoing = FrameDecoder(), bytearray(), []

    def submit(self, command: Command) -> None:
        """Send a command with the next flush; while the shard is down, when it is back."""
        self.unanswered.append(command)
        if self.is_up:
            self._outgoing.append(command)

    def ask_limits(self, number: int) -> None:
        """Ask which limits are overridden; the answer has the number of the question."""
        self._send(json_frame(frames.STATUS, {"limits": number}))

    def flush(self, stored_through: int) -> bool:
        """Send what was submitted, if anything; return whether something was.

        `stored_through` is the last batch of the shard that the journal here holds.
        """
        if self._outgoing:
            commands, self._outgoing = self._outgoing, []
            self._send(command_frame(encode_commands(commands), len(commands), stored_through=stored_through))
            return True
        if self._unsent:
            self._send(b"")
        return False

    @property
    def is_hung(self) -> bool:
        """Whether nothing has come for so long, since a connection was made, that it never will."""
        return self.connection is not None and self._looked_at - self._heard_at > HUNG_SECONDS

    @property
    def is_away(self) -> bool:
        """Whether it is not to be waited for: it is silent, or has been down for as long."""
        return self.is_silent if self.is_up else time.monotonic() - self._lost_at > SILENT_SECONDS

    def receive(self) -> list[tuple[RelayBatch, list[Command]]]:
        """Return the batches that have come, each with its commands."""
        batches: list[tuple[RelayBatch, list[Command]]] = []
        for _ in range(RECEIVES_PER_TURN_MAX):
            if self.connection is None:
                break
            try:
                data = self.connection.recv(RECEIVE_BYTES)
            except BlockingIOError:
                # Silence counts from here: what came while this process itself stood still was not silence.
                self._looked_at = time.monotonic()
                self.is_silent = self._looked_at - self._heard_at > SILENT_SECONDS
                break
            except OSError as error:
                self.drop(str(error))
                break
            if not data:
                self.drop("closed by the shard")
                break
            self._heard_at = self._looked_at = time.monotonic()
            self.is_silent = False
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
            if welcome.refused or welcome.protocol != PROTOCOL_VERSION:
                other = f"it speaks version {welcome.protocol} of the protocol, the gateway version {PROTOCOL_VERSION}"
                raise FrameError(f"refused by the shard: {welcome.refused}" if welcome.refused else other)
            self.pid = welcome.pid
            self._caught_up_at = welcome.last_batch_seq
            log.info("shard connected", shard=self.name, pid=self.pid, last=welcome.last_batch_seq)
        elif kind == frames.STATUS:
            self.status = decode_status(frame)
            asked = self.status.pop("limits", None)
            if asked is not None:
                self.limits = msgspec.convert(asked, tuple[int, list[OverrideLimits]])
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
        obeyed: list[int] = []
        steps: list[int] = []
        for at, command in enumerate(commands):
            if unanswered and unanswered[0] == command:
                unanswered.popleft()
                if is_instruction(command):
                    obeyed.append(at)
            if isinstance(command, STEPS):
                steps.append(at)
            msg_seq_num = getattr(command, "msg_seq_num", 0)
            if msg_seq_num:
                answered[command.session_id] = (command.epoch, msg_seq_num)  # type: ignore[union-attr]  # both are there
        highest = tuple((session_id, *numbers) for session_id, numbers in answered.items())
        texts = refusals(frame, steps + obeyed) if steps or obeyed else []
        ids = [command.transfer_id for at in steps if isinstance(command := commands[at], TransferOut | TransferIn)]
        refused = tuple((transfer_id, text) for transfer_id, text in zip(ids, texts, strict=False) if text)
        batch = RelayBatch(
            self.name, header.batch_seq, header.time_ns, highest, frame.events, refused, tuple(texts[len(steps) :])
        )
        return batch, commands

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


def refusals(frame: Frame, places: Sequence[int]) -> list[str]:
    """Return, for the commands at these places of a batch, why each was refused, or nothing."""
    counts = decode_event_counts(frame.event_counts)
    events = decode_events(frame.events) if frame.events else []
    ends = list(itertools.accumulate(counts))
    given = (events[ends[at] - counts[at] : ends[at]] for at in places)
    return ["; ".join(event.text for event in each if isinstance(event, CommandRefused)) for each in given]
