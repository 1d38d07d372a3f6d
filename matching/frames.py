"""Frames: batches of commands and of events as bytes, for the journal and for a stream between gateway and shard.

One layout for both: a fixed header, then the sections commands, event counts and events, each of which may be empty.
The checksum covers the header before it and every section. A frame of commands feeds a shard, a frame of events
answers it, and a record of the journal holds all three behind its header. Owns the header's layout; knows nothing of
files and sockets.
"""

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from xxhash import xxh3_128

MAGIC: Final = b"OCFR"
FRAME_VERSION: Final = 1
"""Version that this program writes, and the newest that it reads. Version 1 is the first."""

COMMANDS: Final = 1
EVENTS: Final = 2
BATCH: Final = 3
HELLO: Final = 4
WELCOME: Final = 5
STATUS: Final = 6
_KINDS: Final = (COMMANDS, EVENTS, BATCH, HELLO, WELCOME, STATUS)

FRAME_BYTES_MAX: Final = 1 << 30
"""Bound of one frame: a length beyond it is damage, not a batch, and is refused before anything is allocated."""

# magic, version, kind, flags, bytes of commands, of counts, of events, command count, event count, reserved,
# batch_seq, first_seq, time_ns. The checksum of 16 bytes follows; fields are little-endian.
_HEAD: Final = struct.Struct("<4sHBBIIIIIIQQQ")
CHECKSUM_BYTES: Final = 16
HEADER_BYTES: Final = _HEAD.size + CHECKSUM_BYTES


class FrameError(Exception):
    """A frame that cannot be read: what was expected and what was found."""


class FrameHeader(NamedTuple):
    """Header of a frame as read. `first_seq` is the first command's number; `time_ns` the time of all of them."""

    version: int
    kind: int
    commands_bytes: int
    counts_bytes: int
    events_bytes: int
    command_count: int
    event_count: int
    batch_seq: int
    first_seq: int
    time_ns: int
    checksum: bytes

    @property
    def payload_bytes(self) -> int:
        return self.commands_bytes + self.counts_bytes + self.events_bytes


class Frame(NamedTuple):
    """A frame whose checksum has been verified."""

    header: FrameHeader
    commands: bytes
    event_counts: bytes
    events: bytes


def encode_header(
    kind: int,
    *,
    batch_seq: int,
    first_seq: int,
    time_ns: int,
    command_count: int,
    event_count: int,
    commands: bytes,
    event_counts: bytes,
    events: bytes,
) -> bytes:
    """Return the header with the checksum over it and the sections; the sections follow it as they are."""
    head = _HEAD.pack(
        MAGIC,
        FRAME_VERSION,
        kind,
        0,
        len(commands),
        len(event_counts),
        len(events),
        command_count,
        event_count,
        0,
        batch_seq,
        first_seq,
        time_ns,
    )
    checksum = xxh3_128(head)
    checksum.update(commands)
    checksum.update(event_counts)
    checksum.update(events)
    return head + checksum.digest()


def encode_command_frame(*, batch_seq: int, first_seq: int, time_ns: int, commands: bytes, command_count: int) -> bytes:
    """A batch of commands on its way to a shard."""
    header = encode_header(
        COMMANDS,
        batch_seq=batch_seq,
        first_seq=first_seq,
        time_ns=time_ns,
        command_count=command_count,
        event_count=0,
        commands=commands,
        event_counts=b"",
        events=b"",
    )
    return header + commands


def encode_event_frame(
    *,
    batch_seq: int,
    first_seq: int,
    time_ns: int,
    command_count: int,
    event_counts: bytes,
    events: bytes,
    event_count: int,
) -> bytes:
    """A shard's answer: the events of one batch, with the count of events of each of its commands."""
    header = encode_header(
        EVENTS,
        batch_seq=batch_seq,
        first_seq=first_seq,
        time_ns=time_ns,
        command_count=command_count,
        event_count=event_count,
        commands=b"",
        event_counts=event_counts,
        events=events,
    )
    return header + event_counts + events


def decode_header(data: bytes | memoryview) -> FrameHeader:
    """Read and check a header; its checksum is verified with the payload, by `is_whole`.

    Raises:
        FrameError: too short, no frame, a version or kind that this program does not know, or a length beyond the
        bound.
    """
    if len(data) < HEADER_BYTES:
        raise FrameError(f"expected a header of {HEADER_BYTES} bytes, found {len(data)}")
    magic, version, kind, _flags, commands, counts, events, command_count, event_count, _reserved, *seqs = (
        _HEAD.unpack_from(data)
    )
    if magic != MAGIC:
        raise FrameError(f"expected the mark {MAGIC!r} at the begin of a frame, found {magic!r}")
    if not 1 <= version <= FRAME_VERSION:
        raise FrameError(f"expected format version 1 to {FRAME_VERSION}, found {version}")
    if kind not in _KINDS:
        raise FrameError(f"expected a kind of frame among {_KINDS}, found {kind}")
    batch_seq, first_seq, time_ns = seqs
    checksum = bytes(data[_HEAD.size : HEADER_BYTES])
    header = FrameHeader(
        version,
        kind,
        commands,
        counts,
        events,
        command_count,
        event_count,
        batch_seq,
        first_seq,
        time_ns,
        checksum,
    )
    if header.payload_bytes > FRAME_BYTES_MAX:
        raise FrameError(f"expected a payload of at most {FRAME_BYTES_MAX} bytes, found {header.payload_bytes}")
    return header


def is_whole(header: FrameHeader, data: bytes | memoryview, payload: bytes | memoryview) -> bool:
    """True when the header at the begin of `data` and `payload` are what the checksum was made of."""
    checksum = xxh3_128(data[: _HEAD.size])
    checksum.update(payload)
    return checksum.digest() == header.checksum


def split(header: FrameHeader, payload: bytes | memoryview) -> Frame:
    """Cut a verified payload into its sections; copies each once."""
    counts_at = header.commands_bytes
    events_at = counts_at + header.counts_bytes
    return Frame(
        header,
        bytes(payload[:counts_at]),
        bytes(payload[counts_at:events_at]),
        bytes(payload[events_at : header.payload_bytes]),
    )


class FrameDecoder:
    """Cuts a stream of bytes into frames. Owner: the reader of the stream. Holds less than one
    frame and what was fed last.

    After a FrameError the stream cannot be trusted further: every later call raises it again.
    """

    __slots__ = ("_buffer", "_error", "_frame_bytes_max", "_header")

    def __init__(self, *, frame_bytes_max: int = FRAME_BYTES_MAX) -> None:
        self._buffer = bytearray()
        self._header: FrameHeader | None = None
        self._frame_bytes_max = frame_bytes_max
        self._error: FrameError | None = None

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Take in bytes and return every frame they complete, in order. All is taken in, even if not iterated."""
        if self._error is not None:
            raise self._error
        self._buffer += data
        return self._cut()

    @property
    def held_bytes(self) -> int:
        """Bytes of a frame that is not complete; 0 where a stream may end."""
        return len(self._buffer)

    def _cut(self) -> Iterator[Frame]:
        try:
            while (frame := self._next()) is not None:
                yield frame
        except FrameError as error:
            self._error = error
            raise

    def _next(self) -> Frame | None:
        if self._header is None:
            if len(self._buffer) < HEADER_BYTES:
                return None
            self._header = decode_header(bytes(self._buffer[:HEADER_BYTES]))
            if self._header.payload_bytes > self._frame_bytes_max:
                raise FrameError(
                    f"expected a payload of at most {self._frame_bytes_max} bytes, found {self._header.payload_bytes}"
                )
        end = HEADER_BYTES + self._header.payload_bytes
        if len(self._buffer) < end:
            return None
        data = bytes(self._buffer[:end])
        header, self._header = self._header, None
        del self._buffer[:end]
        payload = memoryview(data)[HEADER_BYTES:]
        if not is_whole(header, data, payload):
            raise FrameError(f"the checksum of the frame of batch {header.batch_seq} does not match its bytes")
        return split(header, payload)
