"""Deletes old batches and messages, a bounded step at a time, so that the chain still begins at a known place."""

from collections.abc import Mapping
from typing import Final, NamedTuple

import lmdb

from matching.fault_points import passed
from matching.frames import FrameError
from matching.journal.environment import Databases
from matching.journal.errors import JournalCorruptError, RecordError
from matching.journal.outbound_records import Run, decode_runs
from matching.journal.reader import BASE_KEY
from matching.journal.records import KEY, Position, position_of
from matching.journal.state_records import encode_base

RETAIN_FAULT_POINTS: Final = (
    "retain.begin",
    "retain.batches",
    "retain.base",
    "retain.outbound",
    "retain.committed",
    "retain.index",
)
"""Passed in every step of `Journal.retain`, in this order; the last when all is deleted and the index is to forget."""


class DeleteStep(NamedTuple):
    """What one step did: records gone through, the new begin of the journal, the last outbound record looked at."""

    record_count: int
    base: Position
    outbound_through: int


def delete_step(
    databases: Databases,
    *,
    base: Position,
    before_batch_seq: int,
    outbound_after: int,
    needed: Mapping[int, frozenset[int]],
    records_max: int,
) -> DeleteStep:
    """Go through at most `records_max` records in one transaction.

    Raises:
        lmdb.Error, JournalCorruptError: nothing was deleted in this step.
    """
    with databases.env.begin(write=True, buffers=True) as txn:
        passed("retain.begin")
        deleted, base = _delete_batches(txn, databases, base, before_batch_seq, records_max)
        looked_at, through = _delete_outbound(
            txn,
            databases,
            outbound_after,
            min(before_batch_seq, base.batch_seq + 1),
            needed,
            records_max - deleted,
        )
        passed("retain.outbound")
    passed("retain.committed")
    return DeleteStep(deleted + looked_at, base, through)


def _delete_batches(
    txn: "lmdb.Transaction[memoryview]", databases: Databases, base: Position, before_batch_seq: int, records_max: int
) -> tuple[int, Position]:
    deleted = 0
    with txn.cursor(databases.batches) as cursor:
        found = cursor.first()
        while found and deleted < records_max and KEY.unpack(cursor.key())[0] < before_batch_seq:
            base = _position_of(base.batch_seq + 1, cursor.value())
            found = cursor.delete()
            deleted += 1
    passed("retain.batches")
    if deleted:
        txn.put(BASE_KEY, encode_base(base), db=databases.meta)
    passed("retain.base")
    return deleted, base


def _delete_outbound(
    txn: "lmdb.Transaction[memoryview]",
    databases: Databases,
    after: int,
    before_batch_seq: int,
    needed: Mapping[int, frozenset[int]],
    records_max: int,
) -> tuple[int, int]:
    """Messages whose batch is still there stay, as the chain names them."""
    looked_at = 0
    with txn.cursor(databases.outbound) as cursor:
        found = cursor.set_range(KEY.pack(after + 1))
        while found and looked_at < records_max and (batch_seq := KEY.unpack(cursor.key())[0]) < before_batch_seq:
            stays = any(run[1] in needed.get(run[0], ()) for run in _runs(batch_seq, cursor.value()))
            found = cursor.next() if stays else cursor.delete()
            after = batch_seq
            looked_at += 1
    return looked_at, after


def _position_of(batch_seq: int, data: memoryview) -> Position:
    try:
        return position_of(data)
    except FrameError as error:
        raise JournalCorruptError(batch_seq=batch_seq, seq=0, what=str(error), last_good=batch_seq - 1) from error


def _runs(batch_seq: int, data: memoryview) -> tuple[Run, ...]:
    try:
        return decode_runs(batch_seq, data)[0]
    except RecordError as error:
        raise JournalCorruptError(batch_seq=batch_seq, seq=0, what=str(error), last_good=batch_seq - 1) from error
