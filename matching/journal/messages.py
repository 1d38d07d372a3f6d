"""Finds stored outbound messages by session, epoch and MsgSeqNum(34), for ResendRequest(2). Reads are verified.

Owns the index in memory; it is built from the tables of runs when the journal is opened, and kept with every append.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

import lmdb

from matching.codec import SessionState
from matching.journal.environment import Databases, errors_named
from matching.journal.errors import JournalCorruptError, RecordError
from matching.journal.fix_messages import message_end, skip_messages, take_messages
from matching.journal.outbound_index import Entry, OutboundIndex, RunStream
from matching.journal.outbound_records import Run, StoredOutbound, decode_runs
from matching.journal.records import KEY, Batch
from matching.journal.state_records import needed_epochs

_Txn: TypeAlias = "lmdb.Transaction[memoryview]"
MessageRun: TypeAlias = tuple[int, int, bytes]
"""first_num, count, the messages one after the other."""


class StoredMessages:
    """The journal's outbound messages. Owner: the journal's thread."""

    def __init__(
        self,
        databases: Databases,
        outbound_in: Callable[[_Txn, int], StoredOutbound],
        needed: Mapping[int, frozenset[int]],
    ) -> None:
        """`outbound_in` reads one verified outbound record; `needed` are epochs to keep, by session.

        Raises:
            JournalCorruptError: a table of runs is damaged.
        """
        self._databases = databases
        self._outbound_in = outbound_in
        self._index = OutboundIndex()
        self._index.need(needed)
        with (
            errors_named("reading the outbound messages of the journal"),
            self._reading() as txn,
            txn.cursor(databases.outbound) as cursor,
        ):
            for key, data in cursor:
                batch_seq = KEY.unpack(key)[0]
                self._index.add(batch_seq, _runs(batch_seq, data))

    def add(self, batches: Sequence[Batch], states: Sequence[SessionState]) -> None:
        """Take in what was just committed, and which epochs its sessions need from now on."""
        if self._index.has_needs or any(state.anew for state in states):
            self._index.need(needed_epochs(states))
        for batch in batches:
            for runs, _ in batch.outbound:
                self._index.add(batch.batch_seq, runs)

    def messages(
        self, session_id: int, epoch: int, begin: int, end: int, bytes_max: int
    ) -> tuple[list[MessageRun], int]:
        """See Journal.messages."""
        runs: list[MessageRun] = []
        room = bytes_max
        with errors_named("reading the journal"), self._reading() as txn:
            for batch_seq, first, last in self._pieces(txn, session_id, epoch, begin, end):
                for run in self._cut(txn, batch_seq, session_id, epoch, first, last):
                    taken = _fit(run, room, at_least_one=not runs, batch_seq=batch_seq)
                    if taken[1]:
                        runs.append(taken)
                        room -= len(taken[2])
                    if taken[1] < run[1]:
                        return runs, run[0] + taken[1]
        return runs, end + 1

    def holes(self, session_id: int, epoch: int, begin: int, end: int) -> list[tuple[int, int]]:
        """See Journal.holes."""
        holes = []
        with errors_named("reading the journal"), self._reading() as txn:
            for _, first, last in self._pieces(txn, session_id, epoch, begin, end):
                if first > begin:
                    holes.append((begin, first - 1))
                begin = last + 1
        return [*holes, (begin, end)] if begin <= end else holes

    def forget_before(self, batch_seq: int, needed: Mapping[int, frozenset[int]]) -> None:
        """Follow a retention that has deleted earlier batches' messages but those of the epochs needed."""
        self._index.forget_before(batch_seq, needed)

    def statistics(self) -> dict[str, int | str]:
        return {"index_streams": self._index.stream_count, "index_entries": self._index.entry_count}

    def _reading(self) -> _Txn:
        return self._databases.env.begin(buffers=True)

    def _pieces(self, txn: _Txn, session_id: int, epoch: int, begin: int, end: int) -> Iterator[tuple[int, int, int]]:
        """Yield (batch_seq, first, last) of what is stored, ascending and disjoint; takes joined entries apart."""
        for entry in self._index.entries(session_id=session_id, epoch=epoch, begin=begin, end=end):
            stream = RunStream()
            for batch_seq in range(entry.batch_from, entry.batch_to + 1):
                data = txn.get(KEY.pack(batch_seq), db=self._databases.outbound)
                for run in _runs(batch_seq, data) if data is not None else ():
                    if run[:2] == (session_id, epoch):
                        stream.replace(Entry(run[2], run[2] + run[3] - 1, batch_seq, batch_seq))
            for found in stream.overlapping(entry.first, entry.last):
                yield found.batch_from, max(found.first, entry.first), min(found.last, entry.last)

    def _cut(
        self, txn: _Txn, batch_seq: int, session_id: int, epoch: int, first: int, last: int
    ) -> Iterator[MessageRun]:
        """Yield the messages `first` to `last` out of one batch's record, which holds them all."""
        stored = self._outbound_in(txn, batch_seq)
        for run in sorted(stored.runs):
            low, high = max(run[2], first), min(run[2] + run[3] - 1, last)
            if run[:2] != (session_id, epoch) or low > high:
                continue
            data = bytes(stored.blob[run[4] : run[4] + run[5]])
            if (low, high) != (run[2], run[2] + run[3] - 1):
                data = _trim(data, low - run[2], high - low + 1, batch_seq)
            yield low, high - low + 1, data


def _runs(batch_seq: int, data: memoryview) -> tuple[Run, ...]:
    try:
        return decode_runs(batch_seq, data)[0]
    except RecordError as error:
        raise _corrupt(batch_seq, error) from error


def _trim(data: bytes, skip: int, count: int, batch_seq: int) -> bytes:
    try:
        begin = skip_messages(data, 0, skip)
        return data[begin : skip_messages(data, begin, count)]
    except RecordError as error:
        raise _corrupt(batch_seq, error) from error


def _fit(run: MessageRun, room: int, *, at_least_one: bool, batch_seq: int) -> MessageRun:
    """As many messages of the run as fit into `room` bytes."""
    first, count, data = run
    if len(data) <= room:
        return run
    try:
        taken, end = take_messages(data, 0, count, room)
        if not taken and at_least_one:
            taken, end = 1, message_end(data, 0)
    except RecordError as error:
        raise _corrupt(batch_seq, error) from error
    return first, taken, data[:end]


def _corrupt(batch_seq: int, error: RecordError) -> JournalCorruptError:
    return JournalCorruptError(batch_seq=batch_seq, seq=0, what=str(error), last_good=batch_seq - 1)
