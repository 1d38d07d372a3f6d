"""Resets of a session's numbers, reports that no socket took, kills: in any order, every report arrives exactly once.

The real journal, pipeline and resends; the wire is a fake that numbers, holds, writes and resets as its IO thread does,
each of them when the test says so.
"""

import itertools
import tempfile
from collections import Counter, deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, cast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway import resends
from gateway.pipeline import PendingBatch, Pipeline, StagedAnew
from gateway.resends import NUMBER_MAX, Resends
from gateway.sessions import SessionBook
from gateway.storage import Storage
from gateway.wire import BYTES, EPOCH, Wire
from matching.codec import SessionState
from matching.events import Event
from matching.journal import Ballast, Batch, Journal
from tests.support.sessions import session_in

SESSION: Final = 1
ALL: Final = 1 << 30
TURN: Final = ("number", "take", "commit")
LATE_TURN: Final = ("number", "take late", "commit")
"""The wire's word on a reset, how far it had written, may come after the end of the epoch is committed."""
SAY: Final = ("report", *TURN)
"""Three reports, committed, not sent."""
RESET: Final = ("reset", *TURN)
"""A reset, committed; the first slice of what it left is staged, and not yet numbered."""
STEPS: Final = (("report",), ("reset",), ("number",), ("take",), ("commit",), TURN, 3 * TURN, LATE_TURN, SAY, RESET)
RESET_BETWEEN: Final = ("number all", *RESET)
"""A reset between two slices: all that is staged is numbered before it."""
SENDING: Final = (*STEPS, ("send",), (*SAY, "send"))
KILL: Final = ("kill",)
Message = tuple[int, str, str]
Delivery = tuple[int, bool]
"""Number of a report, and whether it came with PossResend(97)=Y."""


def fix_message(number: int, body: str) -> bytes:
    """A report as the wire encodes it."""
    text = f"35=8\x0134={number}\x01{body}"
    return f"8=FIX.4.4\x019={len(text)}\x01{text}10=000\x01".encode()


def deliveries(blob: bytes) -> list[Delivery]:
    """The reports in stored or written bytes."""
    messages = [message.split(b"\x01") for message in blob.split(b"8=FIX.4.4\x01") if message]
    numbers = [next(field[3:] for field in fields if field.startswith(b"17=")) for fields in messages]
    return [(int(number), b"97=Y" in fields) for number, fields in zip(numbers, messages, strict=True)]


class FakeWire:
    """One session and its IO thread: what is asked of it waits in `tasks` until `run`."""

    def __init__(self, state: SessionState, received: list[tuple[int, Delivery]]) -> None:
        self.epoch, self.next_sender, self.written_through = state.epoch, state.next_sender, state.written_through
        self.received = received
        self.tasks: deque[tuple[int, list[Message]]] = deque()
        self.inbound: list[tuple[Any, ...]] = []
        self.outbound: list[tuple[Any, ...]] = []
        self._serial = 0
        self._hold: deque[tuple[int, int, bytes]] = deque()

    def stage(self, batch_seq: int, messages: list[Message]) -> int:
        """Take a batch; its bytes come back after `run`."""
        self.tasks.append((batch_seq, messages))
        return 1

    def reset(self) -> None:
        """Begin the numbers anew, behind what is staged already."""
        self.tasks.append((0, []))

    def run(self) -> None:
        """Number the oldest batch that was staged, or reset."""
        if not self.tasks:
            return
        batch_seq, messages = self.tasks.popleft()
        if batch_seq:
            self._number(batch_seq, messages)
        elif self.next_sender > 1:
            self._reset()

    def send(self, released: int) -> None:
        """Write to the socket what is released and follows what was written."""
        while self._hold and self._hold[0][0] <= released and self._hold[0][1] == self.written_through + 1:
            _, self.written_through, message = self._hold.popleft()
            self.received += [(self.epoch, delivery) for delivery in deliveries(message)]

    def _number(self, batch_seq: int, messages: list[Message]) -> None:
        self._serial += 1
        first, blob = self.next_sender, b""
        for _, _, body in messages:
            message = fix_message(self.next_sender, body)
            self._hold.append((self._serial, self.next_sender, message))
            self.next_sender += 1
            blob += message
        run = (SESSION, self.epoch, first, len(messages), 0, len(blob), self.written_through)
        self.outbound.append((BYTES, 0, self._serial, batch_seq, (run,), blob))

    def _reset(self) -> None:
        self._serial += 1
        self.inbound.append((self.epoch + 1, self.epoch, self.written_through))
        self._hold.clear()
        self.epoch, self.next_sender, self.written_through = self.epoch + 1, 1, 0
        self.outbound.append((EPOCH, 0, self._serial, SESSION, self.epoch, 0, 1, 1))


class World:
    """A session, its exchange in the order of the exchange's loop, and what the peer has received in all lives."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0
        self._said: dict[int, list[int]] = {}
        self.received: list[tuple[int, Delivery]] = []
        self._live()

    def _live(self) -> None:
        self.journal = Journal.open(self._folder / "journal", durability="async", map_bytes=1 << 24)
        first = SessionState(SESSION, "FIX.4.4:OUTCRY->T", "T", 1, 0, 1, 1, 1, 0, 0, 0)
        state = self.journal.sessions().get(SESSION, first)
        self._session = session_in(state)
        book = SessionBook([self._session])
        storage = Storage(
            self.journal, Ballast(self._folder / "ballast", 1), free_bytes_min=0, alarm_percent=100, give_up_s=0.0
        )
        self._wire = FakeWire(state, self.received)
        self._pipeline = Pipeline(self.journal, book, 1, lambda _name: None)
        self._resends = Resends(cast("Wire", self._wire), storage, self._pipeline, book, lambda _name: None)
        self._released = 0

    def act(self, action: str) -> None:
        """Do one action of STEPS, "send" or "kill"."""
        match action:
            case "report":
                self._report()
            case "number":
                self._wire.run()
            case "number all":
                while self._wire.tasks:
                    self._wire.run()
            case "reset":
                self._wire.reset()
            case "take" | "take late":
                self._take(is_inbound_late=action == "take late")
            case "commit":
                self._commit()
            case "send":
                self._wire.send(self._released)
            case "kill":
                self.end()
                self._said = {seq: said for seq, said in self._said.items() if seq <= self.journal.last.batch_seq}
                self._live()

    def settle(self) -> None:
        """Let everything come to rest."""
        while self._wire.tasks or self._wire.outbound or self._wire.inbound or self._resends.has_work():
            for action in TURN:
                self.act(action)
        self.act("commit")

    def end(self) -> None:
        """Give the journal back."""
        self.journal.close()

    def said(self) -> list[int]:
        """Every report that is committed."""
        return [number for numbers in self._said.values() for number in numbers]

    def reached(self) -> list[Delivery]:
        """What the peer got in earlier epochs, and what a ResendRequest brings in the present one."""
        epoch = self._session.state.epoch
        runs, _ = self.journal.messages(SESSION, epoch, 1, NUMBER_MAX, ALL)
        return [delivery for at, delivery in self.received if at < epoch] + [
            delivery for _, _, blob in runs for delivery in deliveries(blob)
        ]

    def _report(self) -> None:
        messages: list[Message] = []
        for _ in range(3):
            self._count += 1
            messages.append((SESSION, "8", f"17={self._count}\x01"))
        batch = self._pipeline.empty_batch()
        self._said[batch.batch_seq] = [self._count - 2, self._count - 1, self._count]
        self._begin_batch(batch, [], messages)

    def _begin_batch(
        self,
        batch: Batch,
        events: list[Event],
        messages: list[Message],
        oldest_ns: int = 0,
        cursors: dict[int, int] | None = None,
        anew: dict[int, StagedAnew] | None = None,
    ) -> None:
        pending = PendingBatch(
            batch, events=events, targets={}, oldest_ns=oldest_ns, drop_copy_cursors=cursors or {}, anew=anew
        )
        self._pipeline.begin(pending)
        if messages:
            pending.parts_missing = self._wire.stage(batch.batch_seq, messages)

    def _take(self, *, is_inbound_late: bool) -> None:
        self._pipeline.receive(self._wire.outbound)
        self._wire.outbound = []
        if is_inbound_late:
            return
        for epoch, old_epoch, old_written_through in self._wire.inbound:
            self._session.epoch = epoch
            self._resends.session_reset(self._session, old_epoch, old_written_through)
        self._wire.inbound = []

    def _commit(self) -> None:
        _, releases = self._pipeline.commit()
        self._released = max([self._released, *(serial for _, serial in releases)])
        self._resends.go_on(self._begin_batch, had_orders=False)


def lived(steps: Sequence[Sequence[str]]) -> tuple[list[int], list[Delivery]]:
    """Do all that, in slices as small as they can be; return what was said and what reached the peer."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(resends, "ANEW_PER_TURN_MAX", 2)
        patch.setattr(resends, "ANEW_BYTES_MAX", 1)
        world = World(Path(folder))
        try:
            for action in itertools.chain.from_iterable(steps):
                world.act(action)
            world.settle()
            return world.said(), world.reached()
        finally:
            world.end()


@pytest.mark.slow
@settings(deadline=None)
@given(st.lists(st.sampled_from((*STEPS, KILL)), max_size=40))
@example([SAY, RESET, SAY, RESET, KILL])
@example([SAY, RESET, KILL, SAY, RESET, KILL, SAY, RESET, KILL])
@example([SAY, SAY, ("reset", "report", *5 * TURN), RESET, KILL])
@example([SAY, *[("reset", "report")] * 8, 20 * ("number",), ("take", "commit"), KILL])
def test_reports_that_no_socket_took_reach_the_last_epoch_once(steps: list[tuple[str, ...]]) -> None:
    said, reached = lived(steps)
    assert sorted(number for number, _ in reached) == said


@pytest.mark.slow
@settings(deadline=None)
@given(st.lists(st.sampled_from((SAY, TURN, 3 * TURN, RESET_BETWEEN, KILL)), max_size=20))
@example([SAY, RESET_BETWEEN, SAY, RESET_BETWEEN])
@example([SAY, RESET_BETWEEN, TURN, TURN, RESET_BETWEEN])
@example([SAY, SAY, RESET_BETWEEN, SAY, 3 * TURN, RESET_BETWEEN, SAY, 3 * TURN, KILL, RESET_BETWEEN])
@example([*3 * (SAY,), RESET_BETWEEN, *8 * (SAY,), RESET_BETWEEN])
def test_what_is_sent_anew_is_in_the_order_in_which_it_happened(steps: list[tuple[str, ...]]) -> None:
    said, reached = lived(steps)
    assert sorted(number for number, _ in reached) == said
    repeated = [number for number, is_repeated in reached if is_repeated]
    assert repeated == sorted(repeated)


@pytest.mark.slow
@settings(deadline=None)
@given(st.lists(st.sampled_from(SENDING), max_size=40))
@example([SAY, RESET, SAY, ("send", "reset"), 12 * LATE_TURN])
def test_what_a_socket_took_before_a_reset_is_not_sent_anew(steps: list[tuple[str, ...]]) -> None:
    said, reached = lived(steps)
    assert sorted(number for number, _ in reached) == said


@pytest.mark.slow
@settings(deadline=None)
@given(st.lists(st.sampled_from((*SENDING, KILL)), max_size=40))
def test_a_report_comes_twice_at_most_after_a_kill_and_says_so(steps: list[tuple[str, ...]]) -> None:
    said, reached = lived(steps)
    assert {number for number, _ in reached} == set(said)
    originals = Counter(number for number, is_repeated in reached if not is_repeated)
    assert set(originals.values()) <= {1}
