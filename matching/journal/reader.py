"""JournalReader: a journal as it is read, by its writer and by any other process. Everything it gives is verified.

Owns the read transactions: each lasts for one slice, never while a caller works, so that deleted pages are used again.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import lmdb
from xxhash import xxh3_128

from matching.codec import SessionState
from matching.frames import FrameError
from matching.journal import environment
from matching.journal.environment import Databases, errors_named
from matching.journal.errors import JournalCorruptError, JournalError, RecordError
from matching.journal.outbound_records import NO_OUTBOUND, StoredOutbound, decode_outbound
from matching.journal.records import (
    KEY,
    NO_CHECKSUM,
    Position,
    StoredBatch,
    decode_batch,
    outbound_checksum_of,
    position_of,
)
from matching.journal.state_records import decode_base, decode_session_record

SLICE_RECORDS: Final = 64
SLICE_BYTES: Final = 8 << 20
"""What is read in one read transaction, and held in memory, at most; one record may go beyond it."""

BASE_KEY: Final = b"base"


class JournalReader:
    """Reads a journal. Takes no lock: it may follow a writer in another process. Used by one thread at a time."""

    def __init__(self, folder: Path, databases: Databases, *, fingerprint: bytes) -> None:
        self.folder: Final = folder
        self.fingerprint: Final = fingerprint
        self._databases: Final = databases
        self._env: Final = databases.env
        self._pid: Final = os.getpid()
        self._closed = False
        self._genesis: Final = Position(0, 0, 0, xxh3_128(fingerprint).digest())

    @property
    def last(self) -> Position:
        """The last batch at this moment: its number, last command, time and chain value; in an empty journal the begin.

        Raises JournalCorruptError where that batch is damaged.
        """
        return self._read_last()

    @property
    def base(self) -> Position:
        """Where the journal begins: the last batch that retention deleted, or batch 0 before the first one."""
        return self._read_base()

    def sessions(self) -> dict[int, SessionState]:
        """The last committed state of every session, by session id. Raises JournalCorruptError."""
        self._assert_process()
        states = {}
        with (
            errors_named("reading the sessions of the journal"),
            self._env.begin() as txn,
            txn.cursor(self._databases.sessions) as cursor,
        ):
            for key, value in cursor:
                session_id = KEY.unpack(key)[0]
                try:
                    states[session_id] = decode_session_record(session_id, value)
                except RecordError as error:
                    raise JournalCorruptError(batch_seq=0, seq=0, what=str(error), last_good=0) from error
        return states

    def read(self, from_batch_seq: int) -> Iterator[StoredBatch]:
        """Yield every batch from `from_batch_seq` on, in order, without a gap, each verified and chained.

        Holds no more than a slice in memory. Of a journal that is being written, ends with the last batch that is
        committed when it gets there.

        Raises:
            JournalCorruptError: names the batch and its first command; nothing of it was served.
            JournalError: retention has deleted the first batch wanted.
        """
        assert from_batch_seq >= 1, f"batches are numbered from 1, found {from_batch_seq}"
        before = self.position_at(from_batch_seq - 1)
        if before is None:
            base, last = self.base, self.last
            if from_batch_seq <= base.batch_seq:
                raise JournalError(f"batch {from_batch_seq} was deleted; the journal begins at {base.batch_seq + 1}")
            if from_batch_seq <= last.batch_seq:
                raise self._missing(from_batch_seq - 1)
            return
        while batches := self._read_slice(before):
            yield from batches
            before = batches[-1].position

    def batch(self, batch_seq: int, before: Position | None = None) -> StoredBatch | None:
        """One batch, verified by its checksum and its own link in the chain, and that it follows `before`; None where
        there is no such batch. For who reads a few batches at a time, `read` would fetch more than is wanted.

        Raises JournalCorruptError, which names the batch.
        """
        self._assert_process()
        with errors_named("reading the journal"), self._env.begin(buffers=True) as txn:
            data = txn.get(KEY.pack(batch_seq), db=self._databases.batches)
            if data is None:
                return None
            if before is not None:
                return self._verified(batch_seq, data, before)
            try:
                return decode_batch(batch_seq, data, self.outbound, None)
            except RecordError as error:
                raise self._corrupt(batch_seq, 0, str(error)) from error

    def position_at(self, batch_seq: int) -> Position | None:
        """The place of a batch as its record's header says, not verified; None where there is no such batch.

        Raises JournalCorruptError where not even the header can be read.
        """
        self._assert_process()
        base = self.base
        if batch_seq == base.batch_seq:
            return base
        with errors_named("reading the journal"), self._env.begin(buffers=True) as txn:
            data = txn.get(KEY.pack(max(batch_seq, 0)), db=self._databases.batches)
            try:
                return None if data is None else position_of(data)
            except FrameError as error:
                raise self._corrupt(batch_seq, 0, str(error)) from error

    def batch_at(self, time_ns: int) -> int:
        """Number of the first batch whose time is at or after `time_ns`; one past the last where there is none."""
        return self._first_batch(lambda position: position.time_ns >= time_ns)

    def batch_of(self, seq: int) -> int:
        """Number of the batch that holds command `seq`; one past the last where it is still to come."""
        return self._first_batch(lambda position: position.seq >= seq)

    def outbound(self, batch_seq: int) -> StoredOutbound:
        """The outbound bytes of one batch, verified; empty where it had none or retention deleted them.

        Raises JournalCorruptError, which names the batch.
        """
        self._assert_process()
        with errors_named("reading the journal"), self._env.begin(buffers=True) as txn:
            stored = self._outbound_in(txn, batch_seq)
            return StoredOutbound(stored.runs, bytes(stored.blob))

    @property
    def used_bytes(self) -> int:
        """Bytes of the journal's file, pages that wait to be used again included."""
        return (self._env.info()["last_pgno"] + 1) * self._env.stat()["psize"]

    def disk_free_bytes(self) -> int:
        """Bytes that may still be written on the journal's disk."""
        return environment.disk_free_bytes(self.folder)

    def statistics(self) -> dict[str, int | str]:
        """Figures for operators."""
        last = self.last
        return {
            "last_batch_seq": last.batch_seq,
            "last_seq": last.seq,
            "base_batch_seq": self.base.batch_seq,
            "used_bytes": self.used_bytes,
            "map_bytes": self._env.info()["map_size"],
            "disk_free_bytes": self.disk_free_bytes(),
        }

    def close(self) -> None:
        """Nothing may be called after it; calling it twice is allowed."""
        if not self._closed:
            self._closed = True
            self._env.close()

    def _first_batch(self, is_reached: Callable[[Position], bool]) -> int:
        """Number of the first batch for which `is_reached` is true, as it is for every later one."""
        low, high = self.base.batch_seq + 1, self.last.batch_seq + 1
        while low < high:
            middle = (low + high) // 2
            found = self.position_at(middle)
            if found is None:
                raise self._missing(middle)
            low, high = (low, middle) if is_reached(found) else (middle + 1, high)
        return low

    def _read_slice(self, before: Position) -> list[StoredBatch]:
        """The batches after `before`, as many as fit a slice; empty at the journal's end."""
        self._assert_process()
        batches: list[StoredBatch] = []
        room = SLICE_BYTES
        with self._env.begin(buffers=True) as txn:
            while room > 0 and len(batches) < SLICE_RECORDS:
                try:
                    data = self._record_after(txn, before)
                    if data is None:
                        break
                    batches.append(self._verified(before.batch_seq + 1, data, before))
                except JournalCorruptError:
                    if batches:
                        # What is whole is served first; the next slice begins with the damage.
                        break
                    raise
                before = batches[-1].position
                room -= len(data)
        return batches

    def _record_after(self, txn: "lmdb.Transaction[memoryview]", before: Position) -> memoryview | None:
        """The record after `before`; None at the journal's end.

        Looked up by its key: a cursor that steps onto a page that is none ends the process, a look-up says so.
        """
        batch_seq = before.batch_seq + 1
        try:
            data = txn.get(KEY.pack(batch_seq), db=self._databases.batches)
            if data is None and txn.stat(self._databases.batches)["entries"]:
                with txn.cursor(self._databases.batches) as cursor:
                    if cursor.last() and KEY.unpack(cursor.key())[0] > batch_seq:
                        raise self._missing(batch_seq)
        except lmdb.Error as error:
            raise self._corrupt(batch_seq, before.seq + 1, f"LMDB cannot read it: {error}") from error
        return data

    def _verified(self, batch_seq: int, data: memoryview, before: Position) -> StoredBatch:
        try:
            batch = decode_batch(batch_seq, data, self.outbound, before.chain)
        except RecordError as error:
            raise self._corrupt(batch_seq, before.seq + 1, str(error)) from error
        if batch.first_seq != before.seq + 1:
            what = f"expected command {before.seq + 1} first, found {batch.first_seq}"
            raise self._corrupt(batch_seq, before.seq + 1, what)
        return batch

    def _outbound_in(self, txn: "lmdb.Transaction[memoryview]", batch_seq: int) -> StoredOutbound:
        """The outbound record of one batch, verified by its checksum and, while the batch is there, by the chain.

        The blob is a view that ends with the transaction.
        """
        key = KEY.pack(batch_seq)
        data = txn.get(key, db=self._databases.outbound)
        batch = txn.get(key, db=self._databases.batches)
        expected = None if batch is None else outbound_checksum_of(batch)
        if data is None:
            if expected is not None and expected != NO_CHECKSUM:
                raise self._corrupt(batch_seq, 0, "the outbound record is missing")
            return NO_OUTBOUND
        try:
            return decode_outbound(batch_seq, data, expected)
        except RecordError as error:
            raise self._corrupt(batch_seq, 0, str(error)) from error

    def _read_base(self) -> Position:
        with errors_named("reading the journal"), self._env.begin() as txn:
            data = txn.get(BASE_KEY, db=self._databases.meta)
        try:
            return self._genesis if data is None else decode_base(data)
        except RecordError as error:
            raise self._corrupt(1, 0, str(error)) from error

    def _read_last(self) -> Position:
        self._assert_process()
        with (
            errors_named("reading the journal"),
            self._env.begin(buffers=True) as txn,
            txn.cursor(self._databases.batches) as cursor,
        ):
            if not cursor.last():
                return self._base_of_empty(txn)
            batch_seq = KEY.unpack(cursor.key())[0]
            try:
                return decode_batch(batch_seq, cursor.value(), self.outbound, None).position
            except RecordError as error:
                raise self._corrupt(batch_seq, 0, str(error)) from error

    def _base_of_empty(self, txn: "lmdb.Transaction[memoryview]") -> Position:
        """Retention keeps the last batch, so a journal without a batch has never had one."""
        if txn.get(BASE_KEY, db=self._databases.meta) is not None:
            raise self._corrupt(1, 0, "every record is missing")
        return self._genesis

    def _missing(self, batch_seq: int) -> JournalCorruptError:
        return self._corrupt(batch_seq, 0, "the record is missing")

    @staticmethod
    def _corrupt(batch_seq: int, seq: int, what: str) -> JournalCorruptError:
        return JournalCorruptError(batch_seq=batch_seq, seq=seq, what=what, last_good=batch_seq - 1)

    def _assert_process(self) -> None:
        assert not self._closed, f"the journal {self.folder} is closed"
        assert os.getpid() == self._pid, "a journal must not be used after fork"
