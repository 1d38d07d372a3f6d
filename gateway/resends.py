"""Resends: what a ResendRequest asks for, read from the journal; and what a reset would have lost, sent anew.

The wire asks slice by slice; a slice is answered once everything that was numbered before the request is committed.
After a reset of numbers the reports of the old epoch that never reached a socket are staged again, with
PossResend(97)=Y and their old ExecID. Owner: the matching thread.
"""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

import structlog

from gateway.pipeline import Pipeline
from gateway.sessions import GatewaySession, SessionBook
from gateway.storage import Storage
from gateway.wire import Inbound, Wire
from matching.journal import JournalCorruptError

SLICES_PER_TURN_MAX: Final = 2
"""Slices answered in one turn, so that orders never wait for more than these (each at most 1,000 messages)."""
SLICE_BYTES_MAX: Final = 1 << 22
ANEW_PER_TURN_MAX: Final = 500
ANEW_BYTES_MAX: Final = 1 << 17
ADMIN_TYPES: Final = frozenset("012345A")
HEADER_TAGS: Final = frozenset({"8", "9", "34", "35", "43", "49", "52", "56", "97", "122", "10"})
NUMBER_MAX: Final = (1 << 62) - 1

log = structlog.get_logger("resends")


class Resends:
    """Requests that wait for their slice, and resets whose unsent reports wait to be staged anew."""

    def __init__(self, wire: Wire, storage: Storage, pipeline: Pipeline, sessions: SessionBook) -> None:
        self._wire = wire
        self._storage = storage
        self._pipeline = pipeline
        self._sessions = sessions
        self._requests: deque[Inbound] = deque()
        self._resets: deque[tuple[GatewaySession, int, int, int]] = deque(
            (session, session.state.anew_epoch, session.state.anew_from, 0)
            for session in sessions
            if session.state.anew_epoch
        )

    def has_work(self) -> bool:
        """Tell whether something can be done without waiting for new input."""
        if not self._requests:
            return bool(self._resets)
        return bool(self._resets) or any(self._pipeline.is_committed(item[6], item[7]) for item in self._requests)

    def requested(self, item: Inbound) -> None:
        """Take up a request of the wire for one slice."""
        self._requests.append(item)

    def session_reset(self, session: GatewaySession, old_epoch: int, old_written_through: int) -> None:
        """Remember to send anew what was numbered after `old_written_through` in the epoch that has ended."""
        self._resets.append((session, old_epoch, old_written_through + 1, self._pipeline.next_batch_seq))

    def go_on(self, begin_batch: Callable[..., None]) -> None:
        """Answer slices whose bytes are committed, and stage reports of ended epochs anew; bounded work."""
        if not self._requests and not self._resets:
            return
        answered = 0
        for _ in range(len(self._requests)):
            item = self._requests.popleft()
            if answered < SLICES_PER_TURN_MAX and self._pipeline.is_committed(item[6], item[7]):
                self._answer(item)
                answered += 1
            else:
                self._requests.append(item)
        if self._resets and self._is_settled(self._resets[0][3]):
            self._send_anew(*self._resets.popleft(), begin_batch)

    def _is_settled(self, batch_seq: int) -> bool:
        return self._storage.journal.last.batch_seq >= batch_seq or self._pipeline.is_idle()

    def _answer(self, item: Inbound) -> None:
        _, session_id, epoch, request_id, begin, end, _, _ = item
        session = self._sessions.by_id.get(session_id)
        if session is None:
            return
        runs: list[tuple[int, int, bytes]] = []
        holes: list[tuple[int, int]] = []
        number = begin
        try:
            while number <= end:
                found, number = self._storage.journal.messages(session_id, epoch, number, end, SLICE_BYTES_MAX)
                runs += found
            holes = self._storage.journal.holes(session_id, epoch, begin, end)
        except JournalCorruptError as error:
            # A damaged page is never served and never stops the market: the wire cuts this session, with the reason.
            log.error("resend from a damaged journal", session=session.name, error=str(error))
        # Only numbers that were never a stored message may be gap-filled; the wire cuts the session for any other hole.
        gaps = [(low, high) for low, high in holes if high <= session.state.reserved_through]
        self._wire.supply(session_id, request_id, runs, gaps)

    def _send_anew(
        self, session: GatewaySession, epoch: int, begin: int, _after: int, begin_batch: Callable[..., None]
    ) -> None:
        bodies: list[tuple[int, str, str]] = []
        number = begin
        journal = self._storage.journal
        while number <= NUMBER_MAX and len(bodies) < ANEW_PER_TURN_MAX:
            try:
                found, number = journal.messages(session.session_id, epoch, number, NUMBER_MAX, ANEW_BYTES_MAX)
            except JournalCorruptError as error:
                log.error("reports of an ended epoch are damaged", session=session.name, error=str(error))
                break
            for _first, _count, blob in found:
                bodies += [(session.session_id, kind, body) for kind, body in report_bodies(blob)]
        else:
            if number <= NUMBER_MAX:
                self._resets.appendleft((session, epoch, number, 0))
        left = next(((reset[1], reset[2]) for reset in self._resets if reset[0] is session), (0, 0))
        begin_batch(self._pipeline.empty_batch(), [], bodies, 0, None, {session.session_id: left})


def report_bodies(blob: bytes) -> Iterator[tuple[str, str]]:
    """Yield MsgType(35) and body, with PossResend(97)=Y in front, of every application message in a run of FIX
    messages.
    """
    position = 0
    while position < len(blob):
        body_at = blob.index(b"\x01", blob.index(b"\x019=", position) + 1) + 1
        length = int(blob[blob.index(b"\x019=", position) + 3 : body_at - 1])
        end = body_at + length + len(b"10=000\x01")
        fields = [field.partition("=") for field in blob[body_at:end].decode("latin-1").split("\x01") if field]
        kind = next(value for tag, _, value in fields if tag == "35")
        if kind not in ADMIN_TYPES:
            yield kind, "97=Y\x01" + "".join(f"{tag}={value}\x01" for tag, _, value in fields if tag not in HEADER_TAGS)
        position = end
