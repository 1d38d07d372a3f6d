"""Ranges by ExecID: what a drop copy asks for with ApplicationMessageRequest(BW), read from the journal and sent again.

The reports come with PossResend(97)=Y under new numbers, each with the fields that it had; behind them an
ApplicationMessageRequestAck(BX) with their count, or a BX alone that says why there are none. ExecIDs ascend in the
journal, so the begin of a range is found by bisection. Finding and sending go in small steps between batches of
orders. A range ends with its connection: nothing of it is journaled but the numbered bytes, and who got no BX asks
again. Owner: the matching thread.
"""

from collections.abc import Callable
from typing import Any, Final

import structlog

from gateway.copied import CopiedReports, exec_id_of
from gateway.next_batch import Message
from gateway.pipeline import Pipeline
from gateway.range_requests import RangeRequest, completed, read_request, refused
from gateway.sessions import GatewaySession
from gateway.storage import Storage
from matching import refusals
from matching.events import Event
from matching.journal import JournalError, Position, StoredBatch
from matching.types import SHARD_ID_SHIFT

EVENTS_PER_TURN_MAX: Final = 2_000
"""Events looked at in one turn, where most of them are of other accounts."""
READ_COST: Final = 50
"""What reading a batch counts as, in events."""
PENDING_MAX: Final = 2
"""Batches in the pipeline beyond which ranges pause, so that they never delay the market."""
POSS_RESEND: Final = "97=Y\x01"

BeginBatch = Callable[..., None]

log = structlog.get_logger("drop-copy")


class _Range:
    """A range on its way.

    While it is searched, the first ExecID at or after batch `low` is not above its begin (once `is_checked`), and the
    one at or after `high` is; `probe` is the batch looked at for the first ExecID at or after `middle`. Once
    `is_found`, `low` is the batch to send, whose `events` wait from `event_at` on. `through` is the last batch that was
    begun when the range was asked for.
    """

    __slots__ = (
        "before",
        "count",
        "event_at",
        "events",
        "first",
        "high",
        "is_checked",
        "is_found",
        "is_inside",
        "last",
        "low",
        "middle",
        "probe",
        "request",
        "session",
        "through",
        "time_ns",
    )

    def __init__(self, session: GatewaySession, request: RangeRequest, through: int) -> None:
        self.session = session
        self.request = request
        self.through = through
        self.begin_search(1)
        self.is_found = self.is_inside = False
        self.events: list[Event] = []
        self.before: Position | None = None
        self.event_at = self.time_ns = self.count = self.first = self.last = 0

    def begin_search(self, low: int) -> None:
        """Search from batch `low` on, the first that there is."""
        self.low = self.middle = self.probe = low
        self.high = self.through + 1
        self.is_checked = False

    def is_of_shard(self, exec_id: int) -> bool:
        """Tell whether an ExecID is of the shard that the range is of; 0 is of none."""
        return exec_id != 0 and exec_id >> SHARD_ID_SHIFT == self.request.begin >> SHARD_ID_SHIFT


class ReportRanges:
    """Ranges that are being searched and sent, at most one of a session."""

    def __init__(self, storage: Storage, pipeline: Pipeline, copied: CopiedReports) -> None:
        self._storage = storage
        self._pipeline = pipeline
        self._copied = copied
        self._ranges: dict[int, _Range] = {}

    def has_work(self) -> bool:
        """Tell whether a range is on its way."""
        return bool(self._ranges)

    def requested(self, session: GatewaySession, msg_seq_num: int, values: tuple[Any, ...]) -> list[Message]:
        """Take up a request; return the answer where it is refused at once. `values` as in the table `inbound`."""
        request = read_request(f"A{session.epoch}-{msg_seq_num}", values)
        refusal = request.refusal
        under_way = self._ranges.get(session.session_id)
        if refusal is None and under_way is not None:
            refusal = refusals.RANGE_IN_PROGRESS, f"ApplReqID(1346) {under_way.request.request_id} is not done"
        if refusal is not None:
            return [(session.session_id, *refused(request, session.version, refusal))]
        self._ranges[session.session_id] = _Range(session, request, self._pipeline.next_batch_seq - 1)
        return []

    def logged_out(self, session: GatewaySession) -> None:
        """Forget the range of a session whose connection is gone."""
        self._ranges.pop(session.session_id, None)

    def go_on(self, begin_batch: BeginBatch, reports_max: int) -> None:
        """Do a step for the session that has waited longest: search, or stage `reports_max` reports at most."""
        if not self._ranges or len(self._pipeline.pending) > PENDING_MAX:
            return
        session_id, wanted = next(iter(self._ranges.items()))
        self._ranges[session_id] = self._ranges.pop(session_id)
        # What comes for the first time goes before what comes again.
        if wanted.session.is_resetting or not wanted.session.drop_copy_live:
            return
        if self._storage.journal.last.batch_seq < wanted.through:
            return
        try:
            messages = self._step(wanted, reports_max)
        except JournalError as error:
            # A damaged page is never served and never stops the market; the operator has to look at the journal.
            log.error("a range of reports cannot be read", session=wanted.session.name, error=str(error))
            messages = self._refuse(wanted, refusals.RANGE_DAMAGED, "the journal cannot be read there")
        if messages:
            begin_batch(self._pipeline.empty_batch(), [], messages)

    def _step(self, wanted: _Range, reports_max: int) -> list[Message]:
        base = self._storage.journal.base.batch_seq
        if wanted.low <= base:
            if wanted.is_found:
                return self._refuse(wanted, refusals.RANGE_TOO_OLD, "the rest of the range was deleted meanwhile")
            # The first look, or retention has gone on meanwhile.
            wanted.begin_search(base + 1)
        return self._send(wanted, reports_max) if wanted.is_found else self._search(wanted, base)

    def _refuse(self, wanted: _Range, code: int, text: str) -> list[Message]:
        return self._answer(wanted, refused(wanted.request, wanted.session.version, (code, text)))

    def _answer(self, wanted: _Range, answer: tuple[str, str]) -> list[Message]:
        del self._ranges[wanted.session.session_id]
        return [(wanted.session.session_id, *answer)]

    # -- where a range begins -----------------------------------------------------------------------------------------

    def _search(self, wanted: _Range, base: int) -> list[Message]:
        """Narrow down where the range begins, as far as one turn goes; return the refusal where it begins nowhere."""
        begin, room = wanted.request.begin, EVENTS_PER_TURN_MAX
        while room > 0:
            exec_id = 0
            if wanted.probe < wanted.high:
                batch = self._read(wanted.probe)
                room -= READ_COST + batch.event_count
                exec_id = next(filter(wanted.is_of_shard, map(exec_id_of, batch.decode_events())), 0)
                if not exec_id:
                    wanted.probe = self._next_with_commands(batch)
                    continue
            if not wanted.is_checked and (not exec_id or exec_id > begin):
                if base and exec_id:
                    text = f"E{begin} is not kept any more, the first that is: E{exec_id}"
                    return self._refuse(wanted, refusals.RANGE_TOO_OLD, text)
                if not exec_id:
                    return self._none(wanted)
            elif exec_id > begin or not exec_id:
                wanted.high = wanted.middle
            else:
                wanted.low = wanted.probe
            wanted.is_checked = True
            if wanted.high - wanted.low <= 1:
                wanted.is_found = True
                break
            wanted.middle = wanted.probe = (wanted.low + wanted.high) // 2
        return []

    def _next_with_commands(self, batch: StoredBatch) -> int:
        """Return the next batch that may have events: idle hours are passed over at once."""
        if batch.command_count:
            return batch.batch_seq + 1
        return self._storage.journal.batch_of(batch.last_seq + 1)

    def _read(self, batch_seq: int, before: Position | None = None) -> StoredBatch:
        batch = self._storage.journal.batch(batch_seq, before)
        if batch is None:
            raise JournalError(f"batch {batch_seq} is not there")
        return batch

    # -- its reports --------------------------------------------------------------------------------------------------

    def _send(self, wanted: _Range, reports_max: int) -> list[Message]:
        """Return the next reports of a range, and its end where that is reached."""
        messages: list[Message] = []
        room = EVENTS_PER_TURN_MAX
        while room > 0 and len(messages) < reports_max:
            if wanted.event_at >= len(wanted.events):
                if wanted.low > wanted.through:
                    return [*messages, *self._end(wanted)]
                batch = self._read(wanted.low, wanted.before)
                room -= READ_COST
                wanted.events, wanted.event_at = batch.decode_events(), 0
                wanted.time_ns, wanted.before = batch.time_ns, batch.position
                wanted.low += 1
            begin = wanted.event_at
            chosen, is_over = self._choose(wanted, min(room, reports_max - len(messages)))
            room -= wanted.event_at - begin
            told = self._copied.messages(wanted.session, chosen, wanted.time_ns)
            messages += [(session_id, msg_type, POSS_RESEND + body) for session_id, msg_type, body in told]
            wanted.count += len(told)
            if is_over:
                return [*messages, *self._end(wanted)]
        return messages

    def _choose(self, wanted: _Range, count_max: int) -> tuple[list[Event], bool]:
        """Return those of the next events that are in the range and of the session, and whether the range is over.

        A report without an ExecID(17) stands with the one before it.
        """
        begin, end = wanted.request.begin, wanted.request.end
        accounts, account_id = wanted.session.watched, self._copied.account_id
        chosen: list[Event] = []
        for event in wanted.events[wanted.event_at : wanted.event_at + count_max]:
            wanted.event_at += 1
            exec_id = exec_id_of(event)
            if wanted.is_of_shard(exec_id):
                if end and exec_id > end:
                    return chosen, True
                wanted.is_inside = exec_id >= begin
            elif exec_id:
                wanted.is_inside = False
            if wanted.is_inside and account_id(event) in accounts:
                chosen.append(event)
                if exec_id:
                    wanted.first, wanted.last = wanted.first or exec_id, exec_id
        return chosen, False

    def _end(self, wanted: _Range) -> list[Message]:
        if not wanted.count:
            return self._none(wanted)
        # Refused cancels alone have no ExecID of their own.
        first, last = wanted.first or wanted.request.begin, wanted.last or wanted.request.begin
        return self._answer(wanted, completed(wanted.request, count=wanted.count, first=first, last=last))

    def _none(self, wanted: _Range) -> list[Message]:
        """Nothing is said of the reports of others: not even that there are any."""
        request = wanted.request
        end = f"E{request.end}" if request.end else "the last"
        text = f"no report of the session's accounts from E{request.begin} to {end}"
        return self._refuse(wanted, refusals.RANGE_NOT_AVAILABLE, text)
