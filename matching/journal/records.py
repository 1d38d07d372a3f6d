"""Layout of the journal's records: what stands in each value of LMDB, how it is checked, how it is chained.

Every record carries a mark, a format version and a checksum over all of it. Owns the layouts; knows nothing of LMDB.
A reader refuses a version newer than its own by name. When a layout changes, its version rises and the old reader
stays.
"""

import struct
from array import array
from collections.abc import Callable, Iterator
from hashlib import blake2b
from typing import Final, NamedTuple

import msgspec

from matching import frames
from matching.codec import COUNT_BYTES, decode_commands, decode_event_counts, decode_events
from matching.commands import Command
from matching.events import Event
from matching.journal.errors import RecordError
from matching.journal.outbound_records import Run, StoredOutbound

JOURNAL_VERSION: Final = 1
"""Version of the sub-databases and their keys; each record has its own besides."""

CHAIN_BYTES: Final = 16
KEY: Final = struct.Struct(">Q")
"""Keys are big-endian numbers, so that byte order is the order of time."""

# checksum of the outbound record, chain of the record before, chain of this record.
_LINK: Final = struct.Struct("<16s16s16s")
BATCH_HEADER_BYTES: Final = frames.HEADER_BYTES + _LINK.size

NO_CHECKSUM: Final = bytes(16)
"""Stands for the outbound checksum in the chain where a batch has no outbound bytes."""


class Batch(msgspec.Struct):
    """One batch on its way into the journal.

    `first_seq` is the number of its first command, or of the next one where it has none. `event_counts` says how many
    events each command gave (`codec.encode_event_counts`); empty where that is not known. `outbound` holds, for every
    part that came back from the wire, its runs and the blob that their offsets point into.
    """

    batch_seq: int
    first_seq: int
    time_ns: int
    commands: bytes
    command_count: int
    events: bytes
    event_count: int
    outbound: list[tuple[tuple[Run, ...], bytes]]
    event_counts: bytes = b""


class Position(NamedTuple):
    """Where a journal ends or begins: the last batch, its last command, its time and its link in the chain."""

    batch_seq: int
    seq: int
    time_ns: int
    chain: bytes


class Outcome(NamedTuple):
    """One command with what it gave."""

    seq: int
    time_ns: int
    command: Command
    events: list[Event]


class StoredBatch:
    """One batch as read, its checksum and link verified. `outbound` is read from the journal when it is asked for."""

    __slots__ = ("_frame", "_outbound", "chain", "outbound_checksum", "previous_chain")

    def __init__(
        self, frame: frames.Frame, link: tuple[bytes, bytes, bytes], outbound: Callable[[int], StoredOutbound]
    ) -> None:
        self._frame = frame
        self.outbound_checksum, self.previous_chain, self.chain = link
        self._outbound = outbound

    @property
    def batch_seq(self) -> int:
        return self._frame.header.batch_seq

    @property
    def first_seq(self) -> int:
        return self._frame.header.first_seq

    @property
    def last_seq(self) -> int:
        """Number of its last command; `first_seq - 1` where it has none."""
        return self._frame.header.first_seq + self._frame.header.command_count - 1

    @property
    def time_ns(self) -> int:
        return self._frame.header.time_ns

    @property
    def command_count(self) -> int:
        return self._frame.header.command_count

    @property
    def event_count(self) -> int:
        return self._frame.header.event_count

    @property
    def commands(self) -> bytes:
        return self._frame.commands

    @property
    def events(self) -> bytes:
        return self._frame.events

    @property
    def event_count_bytes(self) -> bytes:
        """The counts as they are stored."""
        return self._frame.event_counts

    @property
    def event_counts(self) -> "array[int]":
        """How many events each command gave; empty where that was not recorded."""
        return decode_event_counts(self._frame.event_counts)

    @property
    def position(self) -> Position:
        return Position(self.batch_seq, self.last_seq, self.time_ns, self.chain)

    @property
    def outbound(self) -> StoredOutbound:
        """The numbered messages of this batch. Raises JournalCorruptError; empty where retention has deleted them."""
        return self._outbound(self.batch_seq)

    def decode_commands(self) -> list[Command]:
        """An empty batch, which only carries messages, has no commands."""
        return decode_commands(self._frame.commands) if self._frame.commands else []

    def decode_events(self) -> list[Event]:
        return decode_events(self._frame.events) if self._frame.events else []

    def outcomes(self) -> Iterator[Outcome]:
        """Yield each command with its events. Where no counts were recorded, all events stand with the last command."""
        commands, events, counts = self.decode_commands(), self.decode_events(), self.event_counts
        if not counts and commands:
            counts = array("I", [0] * (len(commands) - 1) + [len(events)])
        at = 0
        for index, (command, count) in enumerate(zip(commands, counts, strict=True)):
            yield Outcome(self.first_seq + index, self.time_ns, command, events[at : at + count])
            at += count


def check_batch(batch: Batch) -> None:
    """Assert what the journal relies on, before anything is written."""
    assert batch.command_count >= 0, f"batch {batch.batch_seq}: {batch.command_count} commands"
    assert batch.event_count >= 0, f"batch {batch.batch_seq}: {batch.event_count} events"
    assert batch.command_count or not batch.event_count, f"batch {batch.batch_seq} has events but no command"
    assert not batch.event_counts or len(batch.event_counts) == COUNT_BYTES * batch.command_count, (
        f"batch {batch.batch_seq}: {len(batch.event_counts)} bytes of event counts for {batch.command_count} commands"
    )


def link(previous: bytes, frame_header: bytes | memoryview, outbound_checksum: bytes) -> bytes:
    """The chain's next value: it covers all before it, this header with its checksum, and the outbound bytes."""
    chain = blake2b(previous, digest_size=CHAIN_BYTES)
    chain.update(frame_header)
    chain.update(outbound_checksum)
    return chain.digest()


def encode_batch(batch: Batch, previous: bytes, outbound_checksum: bytes) -> tuple[bytes, bytes]:
    """Return the record and its chain value. One copy of the sections."""
    header = frames.encode_header(
        frames.BATCH,
        batch_seq=batch.batch_seq,
        first_seq=batch.first_seq,
        time_ns=batch.time_ns,
        command_count=batch.command_count,
        event_count=batch.event_count,
        commands=batch.commands,
        event_counts=batch.event_counts,
        events=batch.events,
    )
    chain = link(previous, header, outbound_checksum)
    record = b"".join((header, outbound_checksum, previous, chain, batch.commands, batch.event_counts, batch.events))
    return record, chain


def decode_batch(
    batch_seq: int, data: bytes | memoryview, outbound: Callable[[int], StoredOutbound], previous: bytes | None
) -> StoredBatch:
    """Read one record and verify its checksum, its own link, and that it follows `previous` (None: any).

    Raises:
        RecordError: what was expected and what was found.
    """
    try:
        header = frames.decode_header(data)
    except frames.FrameError as error:
        raise RecordError(str(error)) from error
    if header.kind != frames.BATCH:
        raise RecordError(f"expected a record of a batch, found kind {header.kind}")
    if len(data) != BATCH_HEADER_BYTES + header.payload_bytes:
        raise RecordError(f"expected {BATCH_HEADER_BYTES + header.payload_bytes} bytes, found {len(data)}")
    if header.batch_seq != batch_seq:
        raise RecordError(f"the record names itself batch {header.batch_seq}")
    payload = memoryview(data)[BATCH_HEADER_BYTES:]
    if not frames.is_whole(header, data, payload):
        raise RecordError("the checksum does not match the commands and events")
    links = _LINK.unpack_from(data, frames.HEADER_BYTES)
    if link(links[1], data[: frames.HEADER_BYTES], links[0]) != links[2]:
        raise RecordError("the chain value does not match the header")
    if previous is not None and links[1] != previous:
        raise RecordError(f"the chain is broken: expected {previous.hex()} before it, found {links[1].hex()}")
    return StoredBatch(frames.split(header, payload), links, outbound)


def outbound_checksum_of(data: bytes | memoryview) -> bytes:
    """The outbound checksum that a batch record names; the record itself is not verified here."""
    return bytes(data[frames.HEADER_BYTES : frames.HEADER_BYTES + 16])


def position_of(data: bytes | memoryview) -> Position:
    """Where the batch of this record stands, taken from its header alone: the checksum is not verified here."""
    header = frames.decode_header(data)
    _, _, chain = _LINK.unpack_from(data, frames.HEADER_BYTES)
    return Position(header.batch_seq, header.first_seq + header.command_count - 1, header.time_ns, chain)
