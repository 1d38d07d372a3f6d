"""Resends: what a ResendRequest asks for, read from the journal; and what a reset would have lost, sent anew.

The wire asks slice by slice; a slice is answered once everything that was numbered before the request is committed.
After a reset of numbers the reports of the old epoch that never reached a socket are staged again, with
PossResend(97)=Y and their old ExecID. What is to be staged stands in the journaled state of the session, oldest first,
and goes off it in the commit that holds its new numbers: no kill and no further reset loses a report or stages it
twice. Reports that are new, and one slice that was on its way when a further reset came, may go before older ones.
Owner: the matching thread.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

import msgspec
import structlog

from gateway.fault_points import RESET_FAULT_POINT
from gateway.pace import RESTING_POLL_MS, Pace
from gateway.pipeline import FaultPoint, Pipeline
from gateway.sessions import GatewaySession, SessionBook
from gateway.storage import Storage
from gateway.wire import Inbound, Wire
from matching.codec import Unsent
from matching.journal import JournalCorruptError

READ_PER_TURN_MAX: Final = 64
"""Messages read for resends in one turn while nobody trades."""
READ_BESIDE_ORDERS_MAX: Final = 8
"""The same while others trade: an order waits for no more."""
SLICE_BYTES_MAX: Final = 1 << 22
ANEW_PER_TURN_MAX: Final = 64
"""Messages of ended epochs in one turn: no more are read when there are so many."""
ANEW_BYTES_MAX: Final = 1 << 14
ENDED_EPOCHS_MAX: Final = 64
"""A session whose numbers began anew more often than this, before what it had left was sent anew, is cut."""
ADMIN_TYPES: Final = frozenset("012345A")
HEADER_TAGS: Final = frozenset({"8", "9", "34", "35", "43", "49", "52", "56", "97", "122", "10"})
NUMBER_MAX: Final = (1 << 62) - 1

log = structlog.get_logger("resends")


@dataclass(slots=True)
class _Slice:
    """A slice that the wire has asked for, and what was read of it: up to `number`."""

    item: Inbound
    number: int
    runs: list[tuple[int, int, bytes]] = field(default_factory=list)


class Resends:
    """Requests that wait for their slice, and sessions whose unsent reports wait to be staged anew."""

    def __init__(
        self, wire: Wire, storage: Storage, pipeline: Pipeline, sessions: SessionBook, fault_point: FaultPoint
    ) -> None:
        self._wire = wire
        self._storage = storage
        self._pipeline = pipeline
        self._sessions = sessions
        self._requests: deque[Inbound] = deque()
        self._reading: _Slice | None = None
        self._fault_point = fault_point
        # By session id: what the wire says of each ended epoch, that it was written through. The journal knows less.
        self._resetting: dict[int, dict[int, int]] = {
            session.session_id: {} for session in sessions if session.state.anew
        }
        self._anew_batch_seq = 0
        self._pace = Pace()
        self._is_pacing = False

    def has_work(self) -> bool:
        """Tell whether something can be done without waiting for new input."""
        if self._resetting:
            return True
        if not self._is_asked() or self._pace.is_resting():
            return False
        return self._reading is not None or any(
            self._pipeline.is_committed(item[6], item[7]) for item in self._requests
        )

    def wait_ms(self, timeout_ms: int) -> int:
        """Return how long the loop may sleep, `timeout_ms` at most."""
        return min(timeout_ms, RESTING_POLL_MS) if self._is_asked() else timeout_ms

    def _is_asked(self) -> bool:
        return self._reading is not None or bool(self._requests)

    def requested(self, item: Inbound) -> None:
        """Take up a request of the wire for one slice."""
        self._requests.append(item)

    def session_reset(self, session: GatewaySession, old_epoch: int, old_written_through: int) -> None:
        """Remember to send anew what was numbered after `old_written_through` in the epoch that has ended."""
        ended = self._resetting.setdefault(session.session_id, {})
        ended[old_epoch] = old_written_through
        if len(ended) > ENDED_EPOCHS_MAX:
            # Each costs the journal a place in the session's record, and the pages of its messages stay.
            self._wire.disconnect(session.session_id, f"numbers were reset more than {ENDED_EPOCHS_MAX} times in a row")

    def go_on(self, begin_batch: Callable[..., None], *, had_orders: bool) -> None:
        """Answer slices whose bytes are committed, and stage reports of ended epochs anew; bounded work.

        `had_orders`: the turn had other work, which keeps resends back.
        """
        if self._is_pacing or self._is_asked():
            self._read_on(had_orders=had_orders)
        if self._resetting and self._storage.journal.last.batch_seq >= self._anew_batch_seq:
            self._go_on_anew(begin_batch)

    def _read_on(self, *, had_orders: bool) -> None:
        """Read on where the pace allows; between two requests it goes on for as long as others trade."""
        if not self._is_pacing:
            self._is_pacing = True
            self._pace.begin()
        self._pace.turned(had_orders=had_orders)
        if not self._is_asked():
            self._is_pacing = not self._pace.is_quiet()
            return
        if not self._pace.may_work():
            return
        if self._reading is None:
            self._reading = self._next_committed()
        if self._reading is not None:
            self._go_on_reading(self._reading, READ_PER_TURN_MAX if self._pace.is_quiet() else READ_BESIDE_ORDERS_MAX)
            self._pace.worked()

    def _next_committed(self) -> _Slice | None:
        """Take the oldest request of which everything that was numbered before is in the journal."""
        for _ in range(len(self._requests)):
            item = self._requests.popleft()
            if self._pipeline.is_committed(item[6], item[7]):
                return _Slice(item, item[4])
            self._requests.append(item)
        return None

    def _go_on_reading(self, wanted: _Slice, messages_max: int) -> None:
        """Read the next messages of a slice; hand it to the wire when it is whole."""
        _, session_id, epoch, request_id, _, end, _, _ = wanted.item
        session = self._sessions.by_id.get(session_id)
        if session is None:
            self._reading = None
            return
        through = min(end, wanted.number + messages_max - 1)
        gaps: list[tuple[int, int]] = []
        try:
            found, wanted.number = self._storage.journal.messages(
                session_id, epoch, wanted.number, through, SLICE_BYTES_MAX
            )
            wanted.runs += found
            if wanted.number <= end:
                return
            # Only numbers that were never a stored message may be gap-filled; the wire cuts the session for any other
            # hole.
            gaps = [(low, high) for low, high in _holes(wanted) if high <= session.state.reserved_through]
        except JournalCorruptError as error:
            # A damaged page is never served and never stops the market: the wire cuts this session, with the reason.
            log.error("resend from a damaged journal", session=session.name, error=str(error))
        self._reading = None
        self._wire.supply(session_id, request_id, wanted.runs, gaps)

    def _go_on_anew(self, begin_batch: Callable[..., None]) -> None:
        """Stage a slice of the next session that can go on; forget the sessions that have no more."""
        for session_id in tuple(self._resetting):
            session = self._sessions.by_id[session_id]
            if not session.is_resetting:
                del self._resetting[session_id]
                continue
            unsent = session.state.anew
            # All that an epoch has numbered is committed before its end is. Where the wire's word on it has not come
            # yet, or its end is not committed, the session waits.
            if unsent and unsent[0].epoch < session.epoch:
                # Last in line from now on: a peer that resets its session again and again holds up nobody.
                self._resetting[session_id] = self._resetting.pop(session_id)
                self._send_anew(session, unsent[0], begin_batch)
                return

    def _send_anew(self, session: GatewaySession, unsent: Unsent, begin_batch: Callable[..., None]) -> None:
        bodies, left = self._slice(session, unsent)
        batch = self._pipeline.empty_batch()
        self._anew_batch_seq = batch.batch_seq
        self._fault_point(RESET_FAULT_POINT)
        begin_batch(batch, [], bodies, 0, None, {session.session_id: (unsent, left)})

    def _slice(self, session: GatewaySession, unsent: Unsent) -> tuple[list[tuple[int, str, str]], Unsent | None]:
        """Return messages to stage of what is unsent, and what is left of it; None where that is nothing."""
        written_through = self._resetting[session.session_id].get(unsent.epoch, 0)
        number = max(unsent.begin, written_through + 1)
        bodies: list[tuple[int, str, str]] = []
        read = 0
        while read < ANEW_PER_TURN_MAX and number <= NUMBER_MAX:
            try:
                found, number = self._storage.journal.messages(
                    session.session_id, unsent.epoch, number, NUMBER_MAX, ANEW_BYTES_MAX
                )
            except JournalCorruptError as error:
                log.error("reports of an ended epoch are damaged", session=session.name, error=str(error))
                return bodies, None
            for _first, count, blob in found:
                read += count
                chosen = report_bodies(blob, poss_resend=unsent.poss_resend)
                bodies += [(session.session_id, kind, body) for kind, body in chosen]
        return bodies, msgspec.structs.replace(unsent, begin=number) if number <= NUMBER_MAX else None


def _holes(wanted: _Slice) -> list[tuple[int, int]]:
    """Return the ranges of a slice that was read to its end for which nothing is stored, ascending."""
    holes, number, end = [], wanted.item[4], wanted.item[5]
    for first, count, _ in wanted.runs:
        if first > number:
            holes.append((number, first - 1))
        number = first + count
    return [*holes, (number, end)] if number <= end else holes


def report_bodies(blob: bytes, *, poss_resend: bool) -> Iterator[tuple[str, str]]:
    """Yield MsgType(35) and body, with PossResend(97)=Y in front, of the application messages in a run of FIX messages
    that have PossResend(97)=Y already, or of those that have not.
    """
    position = 0
    while position < len(blob):
        body_at = blob.index(b"\x01", blob.index(b"\x019=", position) + 1) + 1
        length = int(blob[blob.index(b"\x019=", position) + 3 : body_at - 1])
        end = body_at + length + len(b"10=000\x01")
        fields = [field.partition("=") for field in blob[body_at:end].decode("latin-1").split("\x01") if field]
        kind = next(value for tag, _, value in fields if tag == "35")
        if kind not in ADMIN_TYPES and poss_resend == (("97", "=", "Y") in fields):
            yield kind, "97=Y\x01" + "".join(f"{tag}={value}\x01" for tag, _, value in fields if tag not in HEADER_TAGS)
        position = end
