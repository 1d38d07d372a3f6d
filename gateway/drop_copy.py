"""Drop copy: every report of an account's orders, also to the sessions that watch the account.

A drop copy session is a cursor into the journal. While it is logged on and up to date its reports ride in the batch of
the order itself; after an absence it first gets what it missed, read from the journal and sent for the first time, in
order, in slices, while the market goes on. The cursor is journaled with the bytes that it stands for. Owner: the
matching thread.
"""

from collections.abc import Callable, Iterable
from typing import Final

import structlog

from gateway.copied import CopiedReports
from gateway.pace import RESTING_POLL_MS, Pace
from gateway.pipeline import Pipeline
from gateway.report_ranges import ReportRanges
from gateway.reports import ReportWriter
from gateway.sessions import GatewaySession, SessionBook
from gateway.storage import Storage
from gateway.wire import Wire
from matching.events import Event
from matching.journal import JournalCorruptError

SLICE_REPORTS_MAX: Final = 1_000
"""Missed reports staged at a time while nobody trades; an order waits for no more than writing them (about 2 ms)."""
REPORTS_BESIDE_ORDERS_MAX: Final = 250
"""The same while others trade; of a batch with more all at once."""
SLICE_BATCHES_MAX: Final = 512
"""Batches read at a time, also where none of them has a report for the session."""
PENDING_MAX: Final = 3
"""Batches in the pipeline beyond which catching up pauses, so that the backlog never delays the market."""

BeginBatch = Callable[..., None]

log = structlog.get_logger("drop-copy")


class DropCopies:
    """Which drop copies are up to date, and the way of the others to get there."""

    def __init__(
        self, wire: Wire, sessions: SessionBook, storage: Storage, pipeline: Pipeline, reports: ReportWriter
    ) -> None:
        self._wire = wire
        self._sessions = sessions
        self._storage = storage
        self._pipeline = pipeline
        self._copied = CopiedReports(sessions, reports)
        self.ranges = ReportRanges(storage, pipeline, self._copied)
        self._cursors: dict[int, int] = {}
        self._behind: dict[int, GatewaySession] = {}
        self._live: dict[int, tuple[GatewaySession, ...]] = {}
        self._pace = Pace()
        self._is_pacing = False

    def live(self) -> dict[int, tuple[GatewaySession, ...]]:
        """Return the drop copies that are up to date, by account id. Empty where there is none: the usual case."""
        return self._live

    def _set_live(self, session: GatewaySession, is_live: bool) -> None:
        session.drop_copy_live = is_live
        self._live = {}
        for copy in self._sessions.drop_copy_sessions():
            if copy.drop_copy_live:
                for account_id in copy.account_ids:
                    self._live[account_id] = (*self._live.get(account_id, ()), copy)

    def configured(self, session: GatewaySession) -> None:
        """Follow a session whose role or accounts have changed; what is told it from now on is by the new ones."""
        if session.role != "drop_copy":
            self._behind.pop(session.session_id, None)
        self._set_live(session, is_live=session.drop_copy_live)

    def begin_at(self, session: GatewaySession, batch_seq: int) -> None:
        """Let a session that was no drop copy be told of nothing before a batch."""
        self._cursors[session.session_id] = batch_seq

    def live_for(self, event: Event) -> tuple[GatewaySession, ...]:
        """Return the drop copies that are up to date and watch the account of `event`."""
        return self.live().get(self._copied.account_id(event), ())

    def has_backlog(self) -> bool:
        """Tell whether a drop copy is logged on and not up to date, or waits for a range that it has asked for."""
        return bool(self._behind) or self.ranges.has_work()

    def may_catch_up(self) -> bool:
        """Tell whether there is such work, and it need not rest."""
        return self.has_backlog() and not (self._is_pacing and self._pace.is_resting())

    def wait_ms(self, timeout_ms: int) -> int:
        """Return how long the loop may sleep, `timeout_ms` at most."""
        return min(timeout_ms, RESTING_POLL_MS) if self.has_backlog() else timeout_ms

    def catch_up(self, begin_batch: BeginBatch, *, had_orders: bool = False) -> None:
        """Stage one slice for a drop copy that is behind, in turn, and of one range; mark those that are up to date.

        After a reset a session first gets what was numbered before and not sent (`Resends`), as that is older.
        `had_orders`: the turn had other work, which keeps this back.
        """
        if not self.has_backlog():
            self._is_pacing = False
            return
        if not self._is_pacing:
            self._is_pacing = True
            self._pace.begin()
        self._pace.turned(had_orders=had_orders, is_late=bool(self._behind))
        if not self._pace.may_work() or len(self._pipeline.pending) > PENDING_MAX:
            return
        reports_max = SLICE_REPORTS_MAX if self._pace.is_quiet() else REPORTS_BESIDE_ORDERS_MAX
        self.ranges.go_on(begin_batch, reports_max)
        self._next_slice(begin_batch, reports_max)
        self._pace.worked()

    def _next_slice(self, begin_batch: BeginBatch, reports_max: int) -> None:
        for session in tuple(self._behind.values()):
            # The last in line from now on, so that none waits for all that another has missed.
            self._behind[session.session_id] = self._behind.pop(session.session_id)
            if session.is_resetting:
                continue
            try:
                self._slice(session, begin_batch, reports_max)
            except JournalCorruptError as error:
                # A damaged page is never served and never stops the market; the operator has to look at the journal.
                log.error("drop copy from a damaged journal", session=session.name, error=str(error))
                del self._behind[session.session_id]
                self._wire.disconnect(session.session_id, "the journal is damaged")
            return

    def lag(self, session: GatewaySession) -> int:
        """Return how many batches a drop copy is behind; 0 while it is live."""
        if session.drop_copy_live:
            return 0
        return self._pipeline.next_batch_seq - 1 - self._cursors.get(session.session_id, session.state.drop_copy_seq)

    def logged_on(self, session: GatewaySession) -> None:
        """Begin to bring a drop copy up to date."""
        if session.role == "drop_copy":
            self._behind[session.session_id] = session

    def logged_out(self, session: GatewaySession) -> None:
        """Leave a live session at the last batch that was begun: all of them were staged for it."""
        self._behind.pop(session.session_id, None)
        self.ranges.logged_out(session)
        if session.drop_copy_live:
            self._cursors[session.session_id] = self._pipeline.next_batch_seq - 1
            self._set_live(session, is_live=False)

    def _slice(self, session: GatewaySession, begin_batch: BeginBatch, reports_max: int) -> None:
        cursor = self._cursors.setdefault(session.session_id, session.state.drop_copy_seq)
        messages: list[tuple[int, str, str]] = []
        for read, (batch_seq, time_ns, events) in enumerate(self._batches_after(cursor), start=1):
            messages += self._copied.messages(session, events, time_ns)
            cursor = batch_seq
            if len(messages) >= reports_max or read >= SLICE_BATCHES_MAX:
                break
        self._cursors[session.session_id] = cursor
        if cursor == self._pipeline.next_batch_seq - 1:
            del self._behind[session.session_id]
            self._set_live(session, is_live=True)
        if messages:
            batch = self._pipeline.empty_batch()
            begin_batch(batch, [], messages, 0, {session.session_id: cursor})

    def _batches_after(self, cursor: int) -> Iterable[tuple[int, int, list[Event]]]:
        """Yield (batch number, time, events) after `cursor`: what is committed from the journal, the rest from the
        pipeline.
        """
        journal = self._storage.journal
        last = journal.last.batch_seq
        # Reports older than the journal's retention are gone for a drop copy that stayed away for so long.
        cursor = max(cursor, journal.base.batch_seq)
        before = None
        for batch_seq in range(cursor + 1, last + 1):
            stored = journal.batch(batch_seq, before)
            if stored is None:
                raise JournalCorruptError(batch_seq=batch_seq, seq=0, what="the record is missing", last_good=0)
            before = stored.position
            yield batch_seq, stored.time_ns, stored.decode_events()
        for pending in tuple(self._pipeline.pending):
            if pending.batch.batch_seq > max(cursor, last):
                yield pending.batch.batch_seq, pending.batch.time_ns, pending.events
