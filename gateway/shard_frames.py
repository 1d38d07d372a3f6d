"""What gateway and shard say to each other besides commands: hello, welcome, status, as JSON in frames; batches as the
journal holds them.
"""

from typing import Any, Final, Protocol, TypeVar

import msgspec

from matching import frames
from matching.frames import Frame, FrameError

ContentT = TypeVar("ContentT")
PROTOCOL_VERSION: Final = 4
"""What gateway and shard have to agree on. A shard may outlive its gateway, and the next may be of another release.
Version 1 said no version, 2 asked for no limits, 3 not for frozen quotes, nor quoted over several shards.
"""


class Hello(msgspec.Struct):
    """The gateway's first word: the last batch of the shard that it has received, the last that it has committed to its
    own journal, and the ids that all shards share.
    """

    shard: str
    shard_id: int
    received_through: int
    committed_through: int
    instruments: dict[str, int]
    accounts: dict[str, int]
    sessions: dict[str, int]
    protocol: int = PROTOCOL_VERSION


class Welcome(msgspec.Struct):
    """The shard's answer; the batches after `Hello.received_through` follow it, up to `last_batch_seq` and beyond.

    `refused`: why the shard does not take this gateway; then nothing follows.
    """

    pid: int
    shard_id: int
    last_batch_seq: int
    protocol: int = 1
    refused: str = ""


class _Question(msgspec.Struct):
    """What a gateway wants to know of a shard's state."""

    ask: str
    number: int


class _Batch(Protocol):
    """A batch to send, fresh or as read from the journal."""

    @property
    def batch_seq(self) -> int: ...
    @property
    def first_seq(self) -> int: ...
    @property
    def time_ns(self) -> int: ...
    @property
    def commands(self) -> bytes: ...
    @property
    def command_count(self) -> int: ...
    @property
    def events(self) -> bytes: ...
    @property
    def event_count(self) -> int: ...


def batch_frame(batch: _Batch, event_counts: bytes) -> bytes:
    """Return a frame of commands and events, with how many events each command gave."""
    header = frames.encode_header(
        frames.BATCH,
        batch_seq=batch.batch_seq,
        first_seq=batch.first_seq,
        time_ns=batch.time_ns,
        command_count=batch.command_count,
        event_count=batch.event_count,
        commands=batch.commands,
        event_counts=event_counts,
        events=batch.events,
    )
    return b"".join((header, batch.commands, event_counts, batch.events))


def json_frame(kind: int, content: msgspec.Struct | dict[str, Any]) -> bytes:
    """Return a frame whose payload is JSON."""
    payload = msgspec.json.encode(content)
    header = frames.encode_header(
        kind,
        batch_seq=0,
        first_seq=0,
        time_ns=0,
        command_count=0,
        event_count=0,
        commands=payload,
        event_counts=b"",
        events=b"",
    )
    return header + payload


def command_frame(commands: bytes, count: int, *, stored_through: int) -> bytes:
    """Return a frame of commands for a shard; it says what the gateway has committed of the shard's batches."""
    return frames.encode_command_frame(
        batch_seq=stored_through, first_seq=0, time_ns=0, commands=commands, command_count=count
    )


def decode_hello(frame: Frame) -> Hello:
    """Raises FrameError where it is none, or is of another version of the protocol."""
    said = _decoded(frame, dict[str, Any]).get("protocol", 1)
    if said != PROTOCOL_VERSION:
        raise FrameError(f"the gateway speaks version {said} of the protocol, the shard version {PROTOCOL_VERSION}")
    return _decoded(frame, Hello)


def decode_welcome(frame: Frame) -> Welcome:
    """Raises FrameError where it is none."""
    return _decoded(frame, Welcome)


def decode_status(frame: Frame) -> dict[str, Any]:
    """Raises FrameError where it is none."""
    return _decoded(frame, dict[str, Any])


def decode_question(frame: Frame) -> tuple[str, int]:
    """Return what a gateway asks, and the number of the question. Raises FrameError where it is none."""
    said = _decoded(frame, _Question)
    return said.ask, said.number


def _decoded(frame: Frame, kind: type[ContentT]) -> ContentT:
    try:
        return msgspec.json.decode(frame.commands, type=kind)
    except msgspec.DecodeError as error:
        raise FrameError(f"a frame of kind {frame.header.kind} cannot be read: {error}") from error
