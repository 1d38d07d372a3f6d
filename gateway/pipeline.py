"""The commit pipeline: what waits for the journal, and what may leave after it. Owner: the matching thread.

A batch is one frame of commands with its events and the messages that say them. Its messages go to the IO threads, come
back numbered, and only then is the batch complete. Complete batches are committed in order, together with the numbered
bytes that IO threads made themselves (heartbeats, Logon replies), and released to the sockets after the commit: promise
1.

IO threads answer in order, each its own; a part of a batch that is not complete yet holds back what follows on its IO
thread.
"""

import copy
from collections import deque
from collections.abc import Callable, Iterable
from typing import TypeAlias

from gateway.sessions import SessionBook
from gateway.wire import BYTES, EPOCH, RESERVE, Outbound
from matching.codec import SessionState, Unsent
from matching.events import Event
from matching.journal import Batch, Journal

FaultPoint: TypeAlias = Callable[[str], None]
StagedAnew: TypeAlias = tuple[Unsent, Unsent | None]
"""An entry of `SessionState.anew`, and what a batch that stages reports of it leaves of it."""


class PendingBatch:
    """A batch on its way into the journal. `targets` are the inbound numbers at its end: session id → (epoch, next).

    `anew` says by session id what it stages of epochs that have ended: that goes off the journaled list with it.
    `written` are sessions whose state is journaled with it, as they are new or an operator has changed it.
    """

    __slots__ = (
        "anew",
        "batch",
        "drop_copy_cursors",
        "events",
        "oldest_ns",
        "parts_missing",
        "targets",
        "written",
    )

    def __init__(
        self,
        batch: Batch,
        *,
        events: list[Event],
        targets: dict[int, tuple[int, int]],
        oldest_ns: int,
        drop_copy_cursors: dict[int, int],
        anew: dict[int, StagedAnew] | None = None,
        written: Iterable[int] = (),
    ) -> None:
        self.batch = batch
        self.events = events
        self.targets = targets
        self.oldest_ns = oldest_ns
        self.drop_copy_cursors = drop_copy_cursors
        self.anew = anew or {}
        self.written = tuple(written)
        self.parts_missing = 0


class Pipeline:
    """Holds pending batches and the outbound items of every IO thread until they are committed together."""

    def __init__(self, journal: Journal, sessions: SessionBook, io_threads: int, fault_point: FaultPoint) -> None:
        self._journal = journal
        self._sessions = sessions
        self._fault_point = fault_point
        self._pending: deque[PendingBatch] = deque()
        self._fifos: list[deque[Outbound]] = [deque() for _ in range(io_threads)]
        self._released: list[int] = [0] * io_threads
        self.next_batch_seq = journal.last.batch_seq + 1
        self.next_seq = journal.last.seq + 1
        self.time_ns = journal.last.time_ns

    @property
    def pending(self) -> deque[PendingBatch]:
        """The batches that are not committed yet, oldest first."""
        return self._pending

    def is_idle(self) -> bool:
        """Tell whether nothing at all waits for a commit."""
        return not self._pending and not any(self._fifos)

    def empty_batch(self) -> Batch:
        """Return a batch without commands, for bytes and numbers that no command brought about."""
        return Batch(self.next_batch_seq, self.next_seq, self.time_ns, b"", 0, b"", 0, [])

    def begin(self, pending: PendingBatch) -> None:
        """Take up a batch whose messages are about to be staged; `parts_missing` is set by the caller after staging."""
        assert pending.batch.batch_seq == self.next_batch_seq, "batches are begun in order"
        self.next_batch_seq += 1
        self._pending.append(pending)

    def receive(self, outbound: list[Outbound]) -> None:
        """Take what the IO threads numbered, in their order."""
        for item in outbound:
            self._fifos[item[1]].append(item)
            if item[0] == BYTES and item[3]:
                self._part_received(item[3])

    def _part_received(self, batch_seq: int) -> None:
        first = self._pending[0].batch.batch_seq
        pending = self._pending[batch_seq - first]
        assert pending.batch.batch_seq == batch_seq, f"part of batch {batch_seq} found batch {pending.batch.batch_seq}"
        pending.parts_missing -= 1

    def is_committed(self, io: int, serial: int) -> bool:
        """Tell whether the outbound item `serial` of IO thread `io`, and all before it, is in the journal."""
        return self._released[io] >= serial

    def holds(self, session_id: int) -> bool:
        """Tell whether numbers of a session wait for their commit."""
        for fifo in self._fifos:
            for item in fifo:
                if item[3] == session_id if item[0] != BYTES else any(run[0] == session_id for run in item[4]):
                    return True
        return any(session_id in pending.targets for pending in self._pending)

    def committable(self) -> tuple[int, list[Outbound]]:
        """Return how many batches are complete, and the outbound items that go with them; nothing is changed."""
        complete = 0
        last_seq = self.next_batch_seq - len(self._pending) - 1
        for pending in self._pending:
            if pending.parts_missing:
                break
            complete += 1
        last_seq += complete
        items: list[Outbound] = []
        for fifo in self._fifos:
            for item in fifo:
                if item[0] == BYTES and item[3] > last_seq:
                    break
                items.append(item)
        return complete, items

    def commit(self) -> tuple[list[PendingBatch], list[tuple[int, int]]]:
        """Commit all that is complete in one transaction.

        Returns the batches committed, oldest first, and (IO thread, serial) pairs to release. Both are empty where
        nothing was complete. Outbound bytes without a complete batch are committed with an empty batch of their own.

        Raises:
            JournalFullError, JournalWriteError: nothing has changed; the call may be repeated.
        """
        if not self._pending and not any(self._fifos):
            return [], []
        complete, items = self.committable()
        if not complete and not items:
            return [], []
        done = [self._pending[i] for i in range(complete)]
        batches = [pending.batch for pending in done]
        if not batches:
            if self._pending:
                return [], []
            batches = [self.empty_batch()]
        states = self._states(done, items)
        batches[-1].outbound = [(item[4], item[5]) for item in items if item[0] == BYTES]
        self._fault_point("commit.before")
        self._journal.append(batches, states.values())
        self._fault_point("commit.after")
        return done, self._advance(done, batches, items, states)

    def _advance(
        self,
        done: list[PendingBatch],
        batches: list[Batch],
        items: list[Outbound],
        states: dict[int, SessionState],
    ) -> list[tuple[int, int]]:
        """Forget what is in the journal now and return what may be released."""
        for _ in done:
            self._pending.popleft()
        if not done:
            self.next_batch_seq = batches[-1].batch_seq + 1
        for session_id, state in states.items():
            self._sessions.by_id[session_id].state = state
        highest: dict[int, int] = {}
        for item in items:
            self._fifos[item[1]].popleft()
            highest[item[1]] = item[2]
        for io, serial in highest.items():
            self._released[io] = serial
        return list(highest.items())

    def _states(self, done: list[PendingBatch], items: list[Outbound]) -> dict[int, SessionState]:
        """Return the session states as they are after this commit, for the sessions that it changes."""
        states: dict[int, SessionState] = {}
        for item in items:
            if item[0] == BYTES:
                for session_id, epoch, first, count, _, _, written in item[4]:
                    state = self._changed(states, session_id)
                    if state is not None and state.epoch == epoch:
                        state.next_sender = first + count
                        state.written_through = max(state.written_through, written)
            elif item[0] == EPOCH:
                state = self._changed(states, item[3])
                if state is not None:
                    begin_epoch(state, *item[4:])
            elif item[0] == RESERVE:
                state = self._changed(states, item[3])
                if state is not None and state.epoch == item[4]:
                    state.reserved_through = item[5]
        for pending in done:
            for session_id in pending.written:
                self._changed(states, session_id)
            for session_id, (epoch, target) in pending.targets.items():
                state = self._changed(states, session_id)
                if state is not None and epoch == state.epoch:
                    state.target_epoch, state.next_target = epoch, target
            for session_id, (staged, left) in pending.anew.items():
                state = self._changed(states, session_id)
                if state is not None:
                    assert staged in state.anew, f"session {session_id}: {staged} was staged, found {state.anew}"
                    rest = (left if unsent == staged else unsent for unsent in state.anew)
                    state.anew = tuple(unsent for unsent in rest if unsent is not None)
            for session_id, cursor in pending.drop_copy_cursors.items():
                state = self._changed(states, session_id)
                if state is not None:
                    state.drop_copy_seq = cursor
        return states

    def _changed(self, states: dict[int, SessionState], session_id: int) -> SessionState | None:
        """Return the copy of a session's state that this commit writes; None for a session that was removed."""
        state = states.get(session_id)
        if state is None:
            session = self._sessions.by_id.get(session_id)
            if session is None:
                return None
            state = states[session_id] = copy.copy(session.state)
        return state


def begin_epoch(state: SessionState, epoch: int, created_s: int, next_sender: int, next_target: int) -> None:
    """Begin the numbers of a session anew, or renumber the epoch that it is in."""
    if epoch != state.epoch:
        state.anew = left_unsent(state)
        # An epoch that an operator begins at a higher number has no message below it.
        state.written_through = state.reserved_through = next_sender - 1
    else:
        # Renumbered by an operator: what lies between was never a message and may be gap-filled.
        state.reserved_through = max(state.reserved_through, next_sender - 1)
    state.epoch, state.created_s, state.next_sender = epoch, created_s, next_sender
    state.target_epoch, state.next_target = epoch, next_target


def left_unsent(state: SessionState) -> tuple[Unsent, ...]:
    """Return what is to be sent anew when the epoch of `state` ends now, in the order in which it happened.

    What older epochs have left is sent anew from its begin on. So what this epoch has repeated of it stands before what
    is left of it; and what this epoch has said for the first time stands behind, though some of it may have lower
    numbers.
    """
    begin = state.written_through + 1
    if begin >= state.next_sender:
        return state.anew
    return (Unsent(state.epoch, begin, True), *state.anew, Unsent(state.epoch, begin, False))
