"""Layout of an outbound record: the numbered messages of one batch, found by session, epoch and MsgSeqNum(34).

A header, a table of runs with a checksum of its own (so that an index is built from tables alone), then the bytes. The
checksum over all of it is part of the chain through the batch record. Owns the layout; knows nothing of LMDB.
"""

import struct
from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias

from xxhash import xxh3_64, xxh3_128

from matching.journal.errors import RecordError

_OUTBOUND_MARK: Final = b"OCOU"
OUTBOUND_VERSION: Final = 1
# mark, version, reserved, run count, part count, blob bytes, batch_seq, checksum of the run table.
_OUTBOUND: Final = struct.Struct("<4sHHIIQQQ")
OUTBOUND_HEADER_BYTES: Final = _OUTBOUND.size + 16
# session_id, epoch, first_num, count, offset in all blobs, length, written_through.
_RUN_WORDS: Final = 7
_RUN_BYTES: Final = 8 * _RUN_WORDS

Run: TypeAlias = tuple[int, int, int, int, int, int, int]
"""session_id, epoch, first_num, count, offset, length, written_through: messages in a row in one blob."""


class StoredOutbound(NamedTuple):
    """The outbound bytes of one batch: runs with offsets into `blob`, which holds the blobs of all parts in a row."""

    runs: tuple[Run, ...]
    blob: bytes | memoryview


NO_OUTBOUND: Final = StoredOutbound((), b"")


def encode_outbound(batch_seq: int, parts: Sequence[tuple[Sequence[Run], bytes]]) -> tuple[bytes, bytes]:
    """Return the record and its checksum. Offsets are turned from each part's blob to all blobs in a row. One copy."""
    words: list[int] = []
    base = run_count = 0
    for runs, blob in parts:
        for session_id, epoch, first, count, offset, length, through in runs:
            assert count > 0, f"a run of session {session_id} has no message"
            assert 0 <= offset <= offset + length <= len(blob), f"a run of session {session_id} leaves its blob"
            words += (session_id, epoch, first, count, base + offset, length, through)
        run_count += len(runs)
        base += len(blob)
    table = struct.pack(f"<{len(words)}Q", *words)
    head = _OUTBOUND.pack(
        _OUTBOUND_MARK,
        OUTBOUND_VERSION,
        0,
        run_count,
        len(parts),
        base,
        batch_seq,
        xxh3_64(table).intdigest(),
    )
    checksum = xxh3_128(head)
    checksum.update(table)
    for _, blob in parts:
        checksum.update(blob)
    digest = checksum.digest()
    return b"".join((head, digest, table, *[blob for _, blob in parts])), digest


class _OutboundHead(NamedTuple):
    run_count: int
    table_end: int
    end: int
    table_checksum: int


def _outbound_head(batch_seq: int, data: bytes | memoryview) -> _OutboundHead:
    if len(data) < OUTBOUND_HEADER_BYTES:
        raise RecordError(f"expected an outbound record of at least {OUTBOUND_HEADER_BYTES} bytes, found {len(data)}")
    mark, version, _, run_count, _, blob_bytes, named, table_checksum = _OUTBOUND.unpack_from(data)
    if mark != _OUTBOUND_MARK:
        raise RecordError(f"expected the mark {_OUTBOUND_MARK!r} at the begin of an outbound record, found {mark!r}")
    if not 1 <= version <= OUTBOUND_VERSION:
        raise RecordError(f"expected an outbound record of format version 1 to {OUTBOUND_VERSION}, found {version}")
    if named != batch_seq:
        raise RecordError(f"the outbound record names itself batch {named}")
    table_end = OUTBOUND_HEADER_BYTES + run_count * _RUN_BYTES
    if len(data) != table_end + blob_bytes:
        raise RecordError(f"expected an outbound record of {table_end + blob_bytes} bytes, found {len(data)}")
    return _OutboundHead(run_count, table_end, len(data), table_checksum)


def decode_runs(batch_seq: int, data: bytes | memoryview) -> tuple[tuple[Run, ...], int]:
    """Return the run table and where the blobs begin; verifies the table's own checksum and does not touch the blobs.

    Raises:
        RecordError: what was expected and what was found.
    """
    head = _outbound_head(batch_seq, data)
    table = data[OUTBOUND_HEADER_BYTES : head.table_end]
    if xxh3_64(table).intdigest() != head.table_checksum:
        raise RecordError("the checksum does not match the table of runs")
    words = struct.unpack(f"<{head.run_count * _RUN_WORDS}Q", table)
    return tuple(zip(*[iter(words)] * _RUN_WORDS, strict=True)), head.table_end


def decode_outbound(batch_seq: int, data: bytes | memoryview, expected: bytes | None) -> StoredOutbound:
    """Read an outbound record and verify its checksum, also against the one in the batch's chain (None: not known).

    The blob is a view of `data`: copy what has to outlive it.

    Raises:
        RecordError: what was expected and what was found.
    """
    runs, blobs_at = decode_runs(batch_seq, data)
    digest = bytes(data[_OUTBOUND.size : OUTBOUND_HEADER_BYTES])
    checksum = xxh3_128(data[: _OUTBOUND.size])
    checksum.update(data[OUTBOUND_HEADER_BYTES:])
    if checksum.digest() != digest:
        raise RecordError("the checksum does not match the outbound bytes")
    if expected is not None and expected != digest:
        raise RecordError("the outbound bytes are not those that the chain names")
    return StoredOutbound(runs, memoryview(data)[blobs_at:])
