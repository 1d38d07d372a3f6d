"""After a reset the reports of the old epoch are sent anew: their bodies, without the old header, as possible
resends.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from gateway import pace
from gateway.pipeline import PendingBatch, Pipeline
from gateway.resends import READ_BESIDE_ORDERS_MAX, READ_PER_TURN_MAX, Resends, report_bodies
from gateway.sessions import SessionBook
from gateway.storage import Storage
from gateway.wire import RESEND, Wire
from matching.codec import Unsent
from matching.journal import Ballast, Batch, Journal
from tests.support.sessions import gateway_session


def message(body: str) -> bytes:
    """A FIX message with right length and any checksum."""
    text = body.replace("|", "\x01")
    return f"8=FIX.4.4\x019={len(text)}\x01{text}10=000\x01".encode()


def test_reports_keep_their_body_and_lose_their_header() -> None:
    blob = message("35=8|34=7|49=OUTCRY|56=T|52=20260101-00:00:00|37=O1|17=E5|58=10=9|") + message(
        "35=9|34=8|49=OUTCRY|56=T|52=20260101-00:00:00|97=Y|37=O1|"
    )
    assert list(report_bodies(blob, poss_resend=False)) == [("8", "97=Y\x0137=O1\x0117=E5\x0158=10=9\x01")]
    assert list(report_bodies(blob, poss_resend=True)) == [("9", "97=Y\x0137=O1\x01")]


def test_reports_that_were_sent_anew_already_are_told_from_those_said_first() -> None:
    blob = message("35=8|34=7|97=Y|17=E5|") + message("35=8|34=8|17=E6|58=97=Y|") + message("35=5|34=9|")
    assert list(report_bodies(blob, poss_resend=True)) == [("8", "97=Y\x0117=E5\x01")]
    assert list(report_bodies(blob, poss_resend=False)) == [("8", "97=Y\x0117=E6\x0158=97=Y\x01")]


def test_admin_messages_are_not_sent_anew() -> None:
    blob = b"".join(message(f"35={kind}|34=1|49=A|56=B|52=x|") for kind in "012345A")
    assert list(report_bodies(blob, poss_resend=False)) == []


@pytest.mark.parametrize("is_waiting", [False, True])
def test_a_session_that_is_reset_again_and_again_holds_up_no_other(tmp_path: Path, is_waiting: bool) -> None:
    often, once = gateway_session(1, epoch=9), gateway_session(2, epoch=9)
    journal = Journal.open(tmp_path / "journal", durability="async", map_bytes=1 << 24)
    book = SessionBook([often, once])
    pipeline = Pipeline(journal, book, 1, lambda _name: None)
    storage = Storage(journal, Ballast(tmp_path / "ballast", 1), free_bytes_min=0, alarm_percent=100, give_up_s=0.0)
    resends = Resends(cast("Wire", None), storage, pipeline, book, lambda _name: None)
    resends.session_reset(often, 8, 0)
    resends.session_reset(once, 8, 0)
    once.state.anew = (Unsent(3, 1, False),)
    if is_waiting:
        # The wire has begun another epoch, and the end of the one before is not committed yet.
        often.epoch = 10
    else:
        often.state.anew = tuple(Unsent(epoch, 1, False) for epoch in range(1, 8))

    def begin(batch: Batch, events: list[Any], _messages: object, _ns: int, _cursors: object, anew: Any) -> None:
        pipeline.begin(PendingBatch(batch, events=events, targets={}, oldest_ns=0, drop_copy_cursors={}, anew=anew))

    for _ in range(2):
        resends.go_on(begin, had_orders=False)
        pipeline.commit()
    assert book.by_id[2].state.anew == ()
    journal.close()


class Asked:
    """A member has asked for a range of which nothing is stored; reading takes a millisecond, by the test's own clock.
    It is the wire that is answered, and the `time` of the pace.
    """

    RANGE = 20 * READ_PER_TURN_MAX

    def __init__(self, folder: Path) -> None:
        session = gateway_session()
        session.state.reserved_through = self.RANGE
        self.journal = Journal.open(folder / "journal", durability="async", map_bytes=1 << 24)
        self.now = 100.0
        self.read: list[int] = []
        self.supplied: list[tuple[int, int, list[Any], list[tuple[int, int]]]] = []
        book = SessionBook([session])
        pipeline = Pipeline(self.journal, book, 1, lambda _name: None)
        ballast = Ballast(folder / "ballast", 1)
        storage = Storage(self.journal, ballast, free_bytes_min=0, alarm_percent=100, give_up_s=0.0)
        self.resends = Resends(cast("Wire", self), storage, pipeline, book, lambda _name: None)
        self.ask()

    def ask(self) -> None:
        """Ask once more."""
        self.resends.requested((RESEND, 1, 1, 7, 1, self.RANGE, 0, 0))

    def messages(self, session_id: int, epoch: int, begin: int, end: int, bytes_max: int) -> tuple[list[Any], int]:
        """What the journal reads, slowly."""
        self.read.append(end - begin + 1)
        self.now += 0.001
        return Journal.messages(self.journal, session_id, epoch, begin, end, bytes_max)

    def monotonic(self) -> float:
        return self.now

    def supply(self, session_id: int, request_id: int, runs: list[Any], gaps: list[tuple[int, int]]) -> None:
        self.supplied.append((session_id, request_id, runs, gaps))

    def turn(self, *, had_orders: bool) -> None:
        """Turn as the loop does, each millisecond."""
        self.now += 0.001
        self.resends.go_on(lambda *_: None, had_orders=had_orders)


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Asked]:
    made = Asked(tmp_path)
    monkeypatch.setattr(made.journal, "messages", made.messages)
    monkeypatch.setattr(pace, "time", made)
    yield made
    made.journal.close()


def test_while_nobody_trades_a_range_is_read_as_fast_as_it_can_be(asked: Asked) -> None:
    for _ in range(20):
        assert asked.resends.has_work()
        asked.turn(had_orders=False)
    assert asked.read == [READ_PER_TURN_MAX] * 20
    assert asked.supplied == [(1, 7, [], [(1, asked.RANGE)])]
    assert not asked.resends.has_work()
    assert asked.resends.wait_ms(200) == 200


def test_while_others_trade_a_range_is_read_in_smaller_steps_with_rests_and_whole(asked: Asked) -> None:
    for _ in range(200):
        asked.turn(had_orders=True)
    before = len(asked.read)
    assert 10 < before < 40
    assert set(asked.read[1:]) == {READ_BESIDE_ORDERS_MAX}
    assert not asked.resends.has_work()
    assert asked.resends.wait_ms(200) == 1
    while not asked.supplied:
        asked.turn(had_orders=True)
    assert asked.supplied == [(1, 7, [], [(1, asked.RANGE)])]


def test_who_asks_again_and_again_finds_no_gap_in_the_pace(asked: Asked) -> None:
    while not asked.supplied:
        asked.turn(had_orders=True)
    asked.turn(had_orders=True)
    asked.read.clear()
    asked.ask()
    for _ in range(100):
        asked.turn(had_orders=True)
    assert 0 < len(asked.read) < 20
    assert set(asked.read) == {READ_BESIDE_ORDERS_MAX}
