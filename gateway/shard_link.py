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
from gateway.shard_instructions import INSTRUCTIONS, is_instruction
from matching import frames
from matching.codec import decode_commands, decode_event_counts, decode_events, encode_commands, list_header_bytes
from matching.commands import Command, RelayBatch, TransferIn, TransferOut
from matching.events import CommandRefused
from matching.frames import Frame, FrameDecoder, FrameError

RECEIVE_BYTES: Final = 1 << 20
RECEIVES_PER_TURN_MAX: Final = 4
"""At most 4 MB of one shard's batches are taken in one turn, so that the others and the wire have theirs."""

SILENT_SECONDS: Final = 3.0
"""A shard says something twice a second; after so long nobody is let wait for it any more."""
HUNG_SECONDS: Final = 5.0
"""After so long it is ended by force and started again, for what it was given waits for it; ten signs are missing then.
One whose disk does not take a commit still gives them.
"""
GREETING_SECONDS: Final = 10.0
"""So long it may take from a connection to its first word: it makes a new configuration its own before that."""
LOOK_SECONDS_MAX: Final = 0.5
"""Time that counts at most as silence between two looks: while this process itself stood still, nobody listened."""

UNKNOWN: Final = b"\xc1"
"""What no list of commands contains: MessagePack never uses this byte so."""

Connection: TypeAlias = socket.socket
"""A stream socket to a shard."""

STEPS: Final = frozenset((TransferOut, TransferIn))
INSTRUCTION_TYPES: Final = frozenset(INSTRUCTIONS)

Number: TypeAlias = tuple[int, int, int]
"""Session id, epoch and MsgSeqNum(34) of a message."""

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
        self.answers: dict[str, tuple[int, list[Any]]] = {}
        """The last answer to each kind of question that was asked: its number, and what there is."""
        self.down_cause = "it has not been started yet"
        self.unanswered: deque[Command] = deque()
        self._outgoing: list[Command] = []
        self._sent = SentFrames()
        self._decoder = FrameDecoder()
        self._unsent = bytearray()
        self._caught_up_at: int | None = None
        self._received = 0
        self._looked_at = self._lost_at = time.monotonic()
        self._quiet_seconds = 0.0

    def connect(self, connection: socket.socket, hello: Hello) -> None:
        """Begin a conversation; `is_up` follows when the shard has said what is missing here."""
        if self.connection is not None:
            self.drop("a new connection")
        connection.setblocking(False)
        self.connection = connection
        self._received = hello.received_through
        self._heard()
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
        self._sent = SentFrames()

    def submit(self, command: Command) -> None:
        """Send a command with the next flush; while the shard is down, when it is back."""
        self.unanswered.append(command)
        if self.is_up:
            self._outgoing.append(command)

    def ask(self, what: str, number: int) -> None:
        """Ask something of the shard's state; the answer has the number of the question."""
        self._send(json_frame(frames.STATUS, {"ask": what, "number": number}))

    def flush(self, stored_through: int) -> bool:
        """Send what was submitted, if anything; return whether something was.

        `stored_through` is the last batch of the shard that the journal here holds.
        """
        if self._outgoing:
            commands, self._outgoing = self._outgoing, []
            encoded = encode_commands(commands)
            self._sent.add(encoded, len(commands))
            self._send(command_frame(encoded, len(commands), stored_through=stored_through))
            return True
        if self._unsent:
            self._send(b"")
        return False

    @property
    def is_hung(self) -> bool:
        """Whether nothing has come for so long, since a connection was made, that it never will."""
        bound = HUNG_SECONDS if self.is_up else GREETING_SECONDS
        return self.connection is not None and self._quiet_seconds > bound

    @property
    def is_away(self) -> bool:
        """Whether it is not to be waited for: it is silent, or has been down for as long."""
        return self.is_silent if self.is_up else time.monotonic() - self._lost_at > SILENT_SECONDS

    def receive(self) -> list[tuple[RelayBatch, list[Number]]]:
        """Return the batches that have come, each with the numbers of the messages that it answers."""
        batches: list[tuple[RelayBatch, list[Number]]] = []
        for _ in range(RECEIVES_PER_TURN_MAX):
            if self.connection is None:
                break
            try:
                data = self.connection.recv(RECEIVE_BYTES)
            except BlockingIOError:
                self._heard_nothing()
                break
            except OSError as error:
                self.drop(str(error))
                break
            if not data:
                self.drop("closed by the shard")
                break
            self._heard()
            try:
                for frame in self._decoder.feed(data):
                    self._take(frame, batches)
            except FrameError as error:
                self.drop(str(error))
        return batches

    def _heard(self) -> None:
        self._looked_at = time.monotonic()
        self._quiet_seconds, self.is_silent = 0.0, False

    def _heard_nothing(self) -> None:
        now = time.monotonic()
        self._quiet_seconds += min(now - self._looked_at, LOOK_SECONDS_MAX)
        self._looked_at = now
        self.is_silent = self._quiet_seconds > SILENT_SECONDS

    def _take(self, frame: Frame, batches: list[tuple[RelayBatch, list[Number]]]) -> None:
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
            asked = self.status.pop("answer", None)
            if asked is not None:
                what, number, rows = msgspec.convert(asked, tuple[str, int, list[Any]])
                self.answers[what] = number, rows
        else:
            raise FrameError(f"a gateway takes no frame of kind {kind}")
        if self._caught_up_at is not None and not self.is_up and self._received >= self._caught_up_at:
            self.is_up = True
            self._outgoing = list(self.unanswered)

    def _batch(self, frame: Frame) -> tuple[RelayBatch, list[Number]]:
        header = frame.header
        if header.batch_seq != self._received + 1:
            raise FrameError(f"batch {header.batch_seq} came after batch {self._received}")
        self._received = header.batch_seq
        commands = self._commands_of(frame)
        numbers: list[Number] = []
        obeyed: list[int] = []
        steps: list[int] = []
        for at, (command, is_ours) in enumerate(commands):
            kind = type(command)
            if kind in INSTRUCTION_TYPES and is_ours and is_instruction(command):
                obeyed.append(at)
            elif kind in STEPS:
                steps.append(at)
            msg_seq_num = getattr(command, "msg_seq_num", 0)
            if msg_seq_num:
                numbers.append((command.session_id, command.epoch, msg_seq_num))  # type: ignore[union-attr]  # both are there
        answered = {session_id: (epoch, number) for session_id, epoch, number in numbers}
        highest = tuple((session_id, *last) for session_id, last in answered.items())
        texts = refusals(frame, steps + obeyed) if steps or obeyed else []
        transfers = (command for command, _ in (commands[at] for at in steps))
        ids = [command.transfer_id for command in transfers if isinstance(command, TransferOut | TransferIn)]
        refused = tuple((transfer_id, text) for transfer_id, text in zip(ids, texts, strict=False) if text)
        batch = RelayBatch(
            self.name, header.batch_seq, header.time_ns, highest, frame.events, refused, tuple(texts[len(steps) :])
        )
        return batch, numbers

    def _commands_of(self, frame: Frame) -> list[tuple[Command, bool]]:
        """Return the commands of a batch, and whether each is one that waits for its answer here; those wait no more.

        A batch of nothing but what was sent has the bytes that were sent: then nothing has to be decoded.
        """
        unanswered = self.unanswered
        count = self._sent.matching(frame.commands, frame.header.command_count)
        if count:
            return [(unanswered.popleft(), True) for _ in range(count)]
        commands: list[tuple[Command, bool]] = []
        ours = 0
        for command in decode_commands(frame.commands) if frame.commands else ():
            is_ours = bool(unanswered) and unanswered[0] == command
            if is_ours:
                unanswered.popleft()
                ours += 1
            commands.append((command, is_ours))
        self._sent.answered(ours)
        return commands

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


class SentFrames:
    """Commands under way to a shard as bytes, a frame each, oldest first; a shard answers them in that order."""

    def __init__(self) -> None:
        self._frames: deque[tuple[bytes, int]] = deque()

    def add(self, encoded: bytes, count: int) -> None:
        """Note a list of commands that is sent."""
        self._frames.append((encoded[list_header_bytes(count) :], count))

    def matching(self, encoded: bytes, count: int) -> int:
        """Return how many commands a batch has, where it is made of whole frames and nothing else; then they are
        answered. 0: it is not.
        """
        place, left, whole = list_header_bytes(count), count, 0
        for content, its_count in self._frames:
            if left < its_count or not encoded.startswith(content, place):
                return 0
            place += len(content)
            left -= its_count
            whole += 1
            if not left:
                break
        if left or not whole or place != len(encoded):
            return 0
        for _ in range(whole):
            self._frames.popleft()
        return count

    def answered(self, count: int) -> None:
        """Note that so many commands are answered; what is left of a frame has no bytes to be known by. What an earlier
        connection has sent is not here.
        """
        while count and self._frames:
            its_count = self._frames.popleft()[1]
            if its_count > count:
                self._frames.appendleft((UNKNOWN, its_count - count))
            count -= min(count, its_count)


def refusals(frame: Frame, places: Sequence[int]) -> list[str]:
    """Return, for the commands at these places of a batch, why each was refused, or nothing."""
    counts = decode_event_counts(frame.event_counts)
    events = decode_events(frame.events) if frame.events else []
    ends = list(itertools.accumulate(counts))
    given = (events[ends[at] - counts[at] : ends[at]] for at in places)
    return ["; ".join(event.text for event in each if isinstance(event, CommandRefused)) for each in given]
