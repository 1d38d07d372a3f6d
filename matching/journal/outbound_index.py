"""Where each numbered message lies: (session, epoch) -> ranges of MsgSeqNum(34) -> batches. In memory, of bounded size.

An entry says that the numbers first..last lie in the batches from..to: one batch as long as there is room. Where the
bound is reached, neighbours of the longest stream are joined, so a reader looks through more batches but nothing is
forgotten. Owner: the journal's thread. Knows no bytes.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from matching.journal.outbound_records import Run

ENTRIES_MAX: Final = 1 << 20
"""Bound over all sessions: 32 MB."""
EPOCHS_KEPT: Final = 4
"""Newest epochs remembered per session, besides those that it names as needed."""


class Entry(NamedTuple):
    """The numbers `first` to `last` lie in batches `batch_from` to `batch_to`, both inclusive."""

    first: int
    last: int
    batch_from: int
    batch_to: int


class RunStream:
    """Entries of one session in one epoch, ascending and disjoint; a later entry replaces what it overlaps."""

    __slots__ = ("batch_from", "batch_to", "first", "last")

    def __init__(self) -> None:
        self.first = array("Q")
        self.last = array("Q")
        self.batch_from = array("Q")
        self.batch_to = array("Q")

    def __len__(self) -> int:
        return len(self.first)

    def entry(self, at: int) -> Entry:
        return Entry(self.first[at], self.last[at], self.batch_from[at], self.batch_to[at])

    def append(self, first: int, last: int, batch_seq: int) -> None:
        """Numbers beyond all that are there: a commit does this once for every session it tells something."""
        self.first.append(first)
        self.last.append(last)
        self.batch_from.append(batch_seq)
        self.batch_to.append(batch_seq)

    def overlapping(self, begin: int, end: int) -> Iterator[Entry]:
        for at in range(bisect_left(self.last, begin), len(self.first)):
            if self.first[at] > end:
                return
            yield self.entry(at)

    def join_neighbours(self) -> None:
        entries = [self.entry(at) for at in range(len(self))]
        self._clear()
        for at in range(0, len(entries), 2):
            pair = entries[at : at + 2]
            batch_from = min(entry.batch_from for entry in pair)
            batch_to = max(entry.batch_to for entry in pair)
            self._insert(len(self.first), Entry(pair[0].first, pair[-1].last, batch_from, batch_to))

    def forget_before(self, batch_seq: int) -> None:
        entries = [self.entry(at) for at in range(len(self)) if self.batch_to[at] >= batch_seq]
        self._clear()
        for entry in entries:
            self._insert(len(self.first), entry)

    def replace(self, new: Entry) -> None:
        """Numbers written again (a session renumbered downwards) belong to their latest batch."""
        low = bisect_left(self.last, new.first)
        high = bisect_right(self.first, new.last)
        left, right = [], []
        for at in range(low, high):
            old = self.entry(at)
            if old.first < new.first:
                left.append(old._replace(last=new.first - 1))
            if old.last > new.last:
                right.append(old._replace(first=new.last + 1))
        for words in (self.first, self.last, self.batch_from, self.batch_to):
            del words[low:high]
        for offset, entry in enumerate([*left, new, *right]):
            self._insert(low + offset, entry)

    def _insert(self, at: int, entry: Entry) -> None:
        self.first.insert(at, entry.first)
        self.last.insert(at, entry.last)
        self.batch_from.insert(at, entry.batch_from)
        self.batch_to.insert(at, entry.batch_to)

    def _clear(self) -> None:
        for words in (self.first, self.last, self.batch_from, self.batch_to):
            del words[:]


class OutboundIndex:
    """Entries of all sessions; see the module."""

    def __init__(self, *, entries_max: int = ENTRIES_MAX) -> None:
        self._entries_max = entries_max
        self._streams: dict[tuple[int, int], RunStream] = {}
        self._epochs: dict[int, list[int]] = {}
        self._needed: dict[int, frozenset[int]] = {}
        self.entry_count = 0

    @property
    def has_needs(self) -> bool:
        """Whether an epoch besides the newest is needed."""
        return bool(self._needed)

    def need(self, needed: Mapping[int, frozenset[int]]) -> None:
        """Keep the epochs needed of these sessions, the current one among them, however many newer ones begin."""
        for session_id, epochs in needed.items():
            if len(epochs) > 1:
                self._needed[session_id] = epochs
            else:
                self._needed.pop(session_id, None)

    def add(self, batch_seq: int, runs: Iterable[Run]) -> None:
        """Take in the messages written in `batch_seq`. Constant time a run, amortised, where numbers ascend."""
        streams = self._streams
        for session_id, epoch, first_num, count, _, _, _ in runs:
            assert count > 0, f"session {session_id}: a run without messages"
            stream = streams.get((session_id, epoch))
            if stream is None:
                stream = self._begin(session_id, epoch)
            ends = stream.last
            if not ends or first_num > ends[-1]:
                stream.append(first_num, first_num + count - 1, batch_seq)
                self.entry_count += 1
            else:
                before = len(ends)
                stream.replace(Entry(first_num, first_num + count - 1, batch_seq, batch_seq))
                self.entry_count += len(ends) - before
        while self.entry_count > max(self._entries_max, len(streams)):
            self._make_room()

    def entries(self, *, session_id: int, epoch: int, begin: int, end: int) -> Iterator[Entry]:
        """Yield the entries that hold numbers of `begin` to `end`, ascending; cut to that range."""
        stream = self._streams.get((session_id, epoch))
        if stream is None:
            return
        for entry in stream.overlapping(begin, end):
            yield entry._replace(first=max(entry.first, begin), last=min(entry.last, end))

    def forget_before(self, batch_seq: int, needed: Mapping[int, frozenset[int]]) -> None:
        """Forget what earlier batches held, but for the epochs that are needed, by session."""
        for (session_id, epoch), stream in self._streams.items():
            if epoch not in needed.get(session_id, ()):
                before = len(stream)
                stream.forget_before(batch_seq)
                self.entry_count += len(stream) - before

    @property
    def stream_count(self) -> int:
        return len(self._streams)

    def _begin(self, session_id: int, epoch: int) -> RunStream:
        epochs = self._epochs.setdefault(session_id, [])
        epochs.append(epoch)
        epochs.sort()
        stream = self._streams[session_id, epoch] = RunStream()
        needed = self._needed.get(session_id, frozenset())
        for old in [old for old in epochs[:-EPOCHS_KEPT] if old != epoch and old not in needed]:
            epochs.remove(old)
            self.entry_count -= len(self._streams.pop((session_id, old)))
        return stream

    def _make_room(self) -> None:
        """Halve the longest stream."""
        longest = max(self._streams.values(), key=len)
        before = len(longest)
        longest.join_neighbours()
        self.entry_count += len(longest) - before
