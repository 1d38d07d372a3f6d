"""Journal: appends batches, each time in one transaction, and everything that a reader does besides.

Owns the write transaction and the order of what is written: refuses gaps in batch and command numbers.
"""

import os
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final, Literal, TypeAlias, overload

from matching.codec import SessionState
from matching.fault_points import passed
from matching.journal import environment
from matching.journal.environment import Databases, WriterLock, errors_named
from matching.journal.errors import JournalCorruptError
from matching.journal.messages import MessageRun, StoredMessages
from matching.journal.outbound_records import encode_outbound
from matching.journal.reader import JournalReader
from matching.journal.records import KEY, NO_CHECKSUM, Batch, Position, check_batch, encode_batch
from matching.journal.retention import delete_step
from matching.journal.salvage import measured
from matching.journal.state_records import encode_session_record, needed_epochs

Durability: TypeAlias = Literal["fsync", "async"]

MAP_BYTES: Final = 1 << 40
"""Size of the memory map: address space, not disk. Changing it under readers breaks them: large at once."""

RETAIN_RECORDS_MAX: Final = 32
"""Deleting a batch of 500 orders took 50 us, so a step keeps its caller about 2 ms besides the commit."""

FAULT_POINTS: Final = ("begin", "batches", "outbound", "sessions", "committed")
"""Steps of an append, after each of which `Journal.faults` is called; only the last comes after it is durable."""

_Record: TypeAlias = tuple[bytes, bytes, bytes]
"""Key, batch record, outbound record (empty: none)."""


class Journal(JournalReader):
    """A shard's journal, written. Owner: one thread, the first that appends; `hand_over` lets another one own it.

    `faults`, where set, is called with the name of each step of an append (FAULT_POINTS): tests stop the process there.
    """

    def __init__(
        self, folder: Path, databases: Databases, *, lock: WriterLock, fingerprint: bytes, durability: Durability
    ) -> None:
        super().__init__(folder, databases, fingerprint=fingerprint)
        self.durability: Final = durability
        self.faults: Callable[[str], None] | None = None
        self._lock = lock
        self._owner = 0
        self._commit_count = 0
        self._retained_through = 0
        try:
            self._base = self._read_base()
            self._last = self._read_last()
            self._messages = StoredMessages(databases, self._outbound_in, needed_epochs(self.sessions().values()))
        except BaseException:
            self._give_back()
            raise

    @overload
    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        durability: Durability = "fsync",
        map_bytes: int = MAP_BYTES,
        read_only: Literal[False] = False,
        *,
        fingerprint: bytes = b"",
    ) -> "Journal": ...

    @overload
    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        durability: Durability = "fsync",
        map_bytes: int = MAP_BYTES,
        *,
        read_only: Literal[True],
        fingerprint: bytes = b"",
    ) -> JournalReader: ...

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        durability: Durability = "fsync",
        map_bytes: int = MAP_BYTES,
        read_only: bool = False,
        *,
        fingerprint: bytes = b"",
    ) -> "Journal | JournalReader":
        """Open the journal in a folder; a writer makes it where there is none and verifies its last batch.

        Args:
            path: the journal's folder.
            durability: "async" leaves syncing to `flush`, so power loss may take the last batches or the whole file.
            map_bytes: bound of the journal's size.
            read_only: take no lock and follow a writer in another process; gives a JournalReader.
            fingerprint: 16 bytes that name the exchange, fixed when the journal is made; empty: random, or what it has.

        Raises:
            JournalLockedError: another process writes it.
            JournalCorruptError: the file is torn; the last batch or the state of a session is damaged.
            JournalError: a network disk, another program's folder, a version that this program does not know.
        """
        folder = Path(path)
        try:
            if read_only:
                databases, stored = environment.open_for_reading(folder, map_bytes=map_bytes)
                return JournalReader(folder, databases, fingerprint=stored)
            databases, lock, stored = environment.open_for_writing(
                folder, map_bytes=map_bytes, sync=durability == "fsync", fingerprint=fingerprint
            )
            return cls(folder, databases, lock=lock, fingerprint=stored, durability=durability)
        except JournalCorruptError as error:
            raise measured(error, folder) from error

    def append(self, batches: Sequence[Batch], sessions: Iterable[SessionState] = ()) -> None:
        """Make batches and session states durable, all or nothing; when this returns, they are.

        Batches follow the last one without a gap, and so do their commands. After an error nothing has changed, on
        disk or in memory, and the same call may be made again.

        Raises:
            JournalFullError: the disk or the map is full.
            JournalWriteError: the disk refused to write or to sync.
        """
        self._assert_owner()
        records, last = self._encode(batches)
        states = tuple(sessions)
        self._write(records, states)
        self._last = last
        self._commit_count += 1
        self._messages.add(batches, states)

    def flush(self) -> None:
        """Sync what was appended with durability "async"; any thread may call it.

        Raises:
            JournalWriteError: what was appended since the last one may be lost.
        """
        self._assert_process()
        with errors_named("syncing the journal"):
            self._env.sync(True)

    def enlarge(self, map_bytes: int) -> None:
        """Raise the bound of the journal's size. No other process may have it open. Raises JournalError."""
        self._assert_owner()
        with errors_named("enlarging the journal's map"):
            self._env.set_mapsize(map_bytes)

    def retain(self, before_batch_seq: int, *, records_max: int = RETAIN_RECORDS_MAX) -> int:
        """Delete batches and their messages before `before_batch_seq`, one bounded step; returns records gone through.

        0: all done. Messages of a session's current epoch stay, and so do those of an epoch that left reports to be
        sent anew, and the last batch. Who calls this has made sure that a verified snapshot at or after
        `before_batch_seq` exists: see matching.retention.

        Raises:
            JournalFullError, JournalWriteError: nothing was deleted in this step.
        """
        self._assert_owner()
        before = min(before_batch_seq, self._last.batch_seq)
        needed = needed_epochs(self.sessions().values())
        self._env.reader_check()
        with errors_named("deleting old batches"):
            step = delete_step(
                self._databases,
                base=self._base,
                before_batch_seq=before,
                outbound_after=self._retained_through,
                needed=needed,
                records_max=records_max,
            )
        self._base, self._retained_through = step.base, step.outbound_through
        if step.record_count == 0:
            passed("retain.index")
            self._messages.forget_before(before, needed)
            self._retained_through = 0
        return step.record_count

    def hand_over(self) -> None:
        """The next thread that appends owns the journal; called by its owner, or when that has ended."""
        self._owner = 0

    def close(self) -> None:
        """Give the journal back, synced. Nothing may be called after it; calling it twice is allowed."""
        if self._closed:
            return
        try:
            if self.durability == "async":
                self.flush()
        finally:
            self._give_back()

    @property
    def last(self) -> Position:
        """The last batch appended; in an empty journal its begin."""
        return self._last

    @property
    def base(self) -> Position:
        """Where the journal begins: the last batch that retention deleted, or batch 0 before the first one."""
        return self._base

    def messages(
        self, session_id: int, epoch: int, begin: int, end: int, bytes_max: int
    ) -> tuple[list[MessageRun], int]:
        """Return stored messages numbered `begin` to `end` as runs (first_num, count, bytes), and where to go on.

        Runs ascend. Numbers for which nothing is stored are left out: see `holes`. Stops at `bytes_max`, but gives at
        least one message; the number to go on at is `end + 1` when there is no more. Cost: one record per batch
        touched is read and verified.

        Raises:
            JournalCorruptError: names the batch; nothing of it was served.
        """
        assert 1 <= begin <= end, f"expected a range of numbers from 1 on, found {begin} to {end}"
        self._assert_process()
        return self._messages.messages(session_id, epoch, begin, end, bytes_max)

    def holes(self, session_id: int, epoch: int, begin: int, end: int) -> list[tuple[int, int]]:
        """Numbers of `begin` to `end` for which no message is stored, as ranges (from, to), ascending."""
        assert 1 <= begin <= end, f"expected a range of numbers from 1 on, found {begin} to {end}"
        self._assert_process()
        return self._messages.holes(session_id, epoch, begin, end)

    def statistics(self) -> dict[str, int | str]:
        """Figures for operators."""
        figures = super().statistics() | self._messages.statistics()
        return figures | {"commits": self._commit_count, "durability": self.durability}

    def _encode(self, batches: Sequence[Batch]) -> tuple[list[_Record], Position]:
        last = self._last
        records = []
        for batch in batches:
            check_batch(batch)
            assert batch.batch_seq == last.batch_seq + 1, f"batch {batch.batch_seq} after batch {last.batch_seq}"
            assert batch.first_seq == last.seq + 1, f"command {batch.first_seq} after command {last.seq}"
            assert batch.time_ns >= last.time_ns, f"batch {batch.batch_seq} is older than the one before"
            outbound, checksum = b"", NO_CHECKSUM
            if batch.outbound:
                outbound, checksum = encode_outbound(batch.batch_seq, batch.outbound)
            record, chain = encode_batch(batch, last.chain, checksum)
            records.append((KEY.pack(batch.batch_seq), record, outbound))
            last = Position(batch.batch_seq, last.seq + batch.command_count, batch.time_ns, chain)
        return records, last

    def _write(self, records: Sequence[_Record], sessions: Iterable[SessionState]) -> None:
        databases, faults = self._databases, self.faults
        with errors_named("appending to the journal"):
            txn = self._env.begin(write=True)
            try:
                if faults is not None:
                    faults("begin")
                for key, record, _ in records:
                    # Out of order, LMDB says no instead of raising; nothing may be lost in silence.
                    is_put = txn.put(key, record, append=True, db=databases.batches)
                    assert is_put, f"batch {KEY.unpack(key)[0]} does not follow the last record"
                if faults is not None:
                    faults("batches")
                for key, _, outbound in records:
                    if outbound:
                        is_put = txn.put(key, outbound, append=True, db=databases.outbound)
                        assert is_put, f"messages of batch {KEY.unpack(key)[0]} do not follow the last record"
                if faults is not None:
                    faults("outbound")
                with txn.cursor(databases.sessions) as cursor:
                    cursor.putmulti([(KEY.pack(state.session_id), encode_session_record(state)) for state in sessions])
                if faults is not None:
                    faults("sessions")
                txn.commit()
            except BaseException:
                txn.abort()
                raise
        if faults is not None:
            faults("committed")

    def _assert_owner(self) -> None:
        self._assert_process()
        caller = threading.get_ident()
        if self._owner == 0:
            self._owner = caller
        assert self._owner == caller, f"the journal belongs to thread {self._owner}, not to {caller}"

    def _give_back(self) -> None:
        super().close()
        self._lock.release()
