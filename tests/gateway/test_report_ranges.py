"""A range by ExecID is found in the journal by bisection and sent in small steps, once each, and nothing of others."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from gateway import report_ranges
from gateway.copied import CopiedReports
from gateway.next_batch import Message
from gateway.pipeline import Pipeline
from gateway.report_ranges import ReportRanges
from gateway.reports import ReportWriter
from gateway.sessions import GatewaySession, SessionBook
from gateway.storage import Storage
from matching.codec import encode_commands, encode_event_counts, encode_events
from matching.commands import ContinueWork
from matching.events import CancelRejected, Event, TradingDayEnded
from matching.journal import Ballast, Batch, Journal
from matching.types import SHARD_ID_SHIFT
from tests.gateway.test_reports import execution, fields
from tests.gateway.test_translation import AAPL
from tests.support.sessions import gateway_session

MINE, OTHERS = 1, 2
TURNS_MAX = 10_000


class Desk:
    """A journal of given batches of events, and the ranges of one drop copy that watches the account MINE."""

    def __init__(self, folder: Path, batches: Sequence[Sequence[Event]]) -> None:
        self.journal = Journal.open(folder / "journal", durability="async", map_bytes=1 << 26)
        seq = 1
        for number, events in enumerate(batches, start=1):
            # A batch without events is one without commands: a heartbeat was numbered.
            commands = [ContinueWork()] if events else []
            self.journal.append(
                [
                    Batch(
                        number,
                        seq,
                        number * 1_000,
                        encode_commands(commands) if commands else b"",
                        len(commands),
                        encode_events(events) if events else b"",
                        len(events),
                        [],
                        encode_event_counts([len(events)] * len(commands)),
                    )
                ]
            )
            seq += len(commands)
        self.session = gateway_session(9, role="drop_copy")
        self.session.watched = frozenset((MINE,))
        self.session.drop_copy_live = True
        book = SessionBook([self.session])
        self.pipeline = Pipeline(self.journal, book, 1, lambda _name: None)
        storage = Storage(
            self.journal, Ballast(folder / "ballast", 1), free_bytes_min=0, alarm_percent=100, give_up_s=0.0
        )
        writer = ReportWriter({1: AAPL}, {MINE: "ACC1", OTHERS: "ACC2"})
        self.ranges = ReportRanges(storage, self.pipeline, CopiedReports(book, writer))
        self.turns = 0

    def ask(self, begin: object, end: object, *, name: str = "r") -> list[Message]:
        """Ask for a range; return what is answered at once."""
        return self.ranges.requested(self.session, 7, (name, "0", None, (("DROPCOPY", begin, end, None),)))

    def answers(self) -> list[dict[str, str]]:
        """Turn until the range is over; return what was said, with MsgType under "35"."""
        said: list[Message] = []
        while self.ranges.has_work():
            self.ranges.go_on(lambda _batch, _events, messages: said.extend(messages), 5)
            self.turns += 1
            assert self.turns < TURNS_MAX
        return [{"35": msg_type, **fields(body)} for _, msg_type, body in said]

    def range(self, begin: int, end: int) -> tuple[list[str], dict[str, str]]:
        """Return the ExecIDs of a range that is sent, and its end."""
        assert self.ask(begin, end) == []
        *reports, last = self.answers()
        assert last["35"] == "BX"
        assert all(report["97"] == "Y" for report in reports)
        return [report.get("17", report["35"]) for report in reports], last


def event(exec_id: int, account_id: int = MINE) -> Event:
    """A report of an order of that account."""
    return execution("0", "0", exec_id=exec_id, account_id=account_id)


def refused_cancel(account_id: int = MINE) -> Event:
    """A report without an ExecID."""
    return CancelRejected(1, 5, "c", "a", "0", "1", 1, "why", account_id)


@pytest.fixture
def desks(tmp_path: Path) -> Iterator[Any]:
    """Make desks; close their journals."""
    made: list[Desk] = []

    def make(batches: Sequence[Sequence[Event]]) -> Desk:
        made.append(Desk(tmp_path / str(len(made)), batches))
        return made[-1]

    yield make
    for desk in made:
        desk.journal.close()


def test_every_range_of_a_journal_with_idle_hours_is_found(desks: Any) -> None:
    """ExecIDs 1 to 24, some of others; batches of heartbeats and commands without reports between them."""
    batches: list[list[Event]] = [[]]
    for first in range(1, 25, 3):
        batches += [[event(n, OTHERS if n % 4 == 0 else MINE) for n in range(first, first + 3)], [], []]
        batches += [[TradingDayEnded(first)]] if first % 2 else []
    desk = desks(batches)
    for begin in range(1, 25):
        for end in (0, *range(begin, 26)):
            mine = [n for n in range(begin, (end or 24) + 1) if n % 4 and n <= 24]
            exec_ids, last = desk.range(begin, end)
            assert exec_ids == [f"E{n}" for n in mine], (begin, end)
            if mine:
                found = (last["1348"], last["1349"], last["1182"], last["1183"])
                assert found == ("0", str(len(mine)), str(mine[0]), str(mine[-1]))
            else:
                assert (last["1348"], last["58"].partition(":")[0]) == ("2", "60101")


def test_a_report_without_exec_id_stands_with_the_one_before_it(desks: Any) -> None:
    desk = desks([[refused_cancel(), event(1)], [event(2), refused_cancel()], [event(3, OTHERS), refused_cancel()]])
    assert desk.range(1, 1)[0] == ["E1"]
    assert desk.range(2, 2)[0] == ["E2", "9"]
    exec_ids, last = desk.range(3, 3)
    assert exec_ids == ["9"]
    assert (last["1348"], last["1349"], last["1182"], last["1183"]) == ("0", "1", "3", "3")


def test_no_turn_stages_more_than_it_may(desks: Any) -> None:
    desk = desks([[event(n) for n in range(1, 51)]])
    assert desk.ask(1, 0) == []
    staged: list[int] = []
    while desk.ranges.has_work():
        desk.ranges.go_on(lambda _batch, _events, messages: staged.append(len(messages)), 4)
    assert staged == [4] * 12 + [2 + 1]


def test_orders_go_before_a_range_when_batches_wait(desks: Any) -> None:
    desk = desks([[event(1)]])
    desk.ask(1, 0)
    desk.pipeline.pending.extend(cast("Any", [None] * (report_ranges.PENDING_MAX + 1)))
    desk.ranges.go_on(lambda *_: pytest.fail("staged"), 5)
    desk.pipeline.pending.clear()
    assert [answer["35"] for answer in desk.answers()] == ["8", "BX"]


def test_one_range_at_a_time_and_it_ends_with_the_connection(desks: Any) -> None:
    desk = desks([[event(1)]])
    assert desk.ask(1, 0, name="first") == []
    ((session_id, msg_type, body),) = desk.ask(1, 0, name="second")
    answer = fields(body)
    assert (session_id, msg_type, answer["1346"], answer["58"]) == (
        9,
        "BX",
        "second",
        "60105: ApplReqID(1346) first is not done",
    )
    desk.ranges.logged_out(desk.session)
    assert not desk.ranges.has_work()
    assert desk.ask(1, 0) == []


def test_a_range_waits_until_what_was_missed_has_come_for_the_first_time(desks: Any) -> None:
    desk = desks([[event(1)]])
    desk.session.drop_copy_live = False
    desk.ask(1, 0)
    desk.ranges.go_on(lambda *_: pytest.fail("staged"), 5)
    desk.session.drop_copy_live = True
    assert [answer["35"] for answer in desk.answers()] == ["8", "BX"]


def test_a_range_before_what_is_kept_is_too_old_and_names_the_first_that_is(desks: Any) -> None:
    desk = desks([[event(1)], [event(2)], [event(3)], [event(4)]])
    while desk.journal.retain(3, records_max=10):
        pass
    assert desk.journal.base.batch_seq == 2
    desk.ask(2, 3)
    (answer,) = desk.answers()
    assert (answer["1348"], answer["1354"]) == ("2", "1")
    assert answer["58"] == "60102: E2 is not kept any more, the first that is: E3"
    assert desk.range(3, 0)[0] == ["E3", "E4"]


def test_ranges_are_of_one_shard(desks: Any) -> None:
    far = 2 << SHARD_ID_SHIFT
    desk = desks([[event(far + 1), event(1)], [event(2), event(far + 2)], [event(far + 3), event(3)]])
    assert desk.range(2, 0)[0] == ["E2", "E3"]
    assert desk.range(far + 2, far + 9)[0] == [f"E{far + 2}", f"E{far + 3}"]


def test_a_damaged_journal_is_said_and_stops_nobody(desks: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = desks([[event(1)]])
    desk.ask(1, 0)
    monkeypatch.setattr(desk.journal, "batch", lambda *_: None)
    (answer,) = desk.answers()
    assert (answer["1348"], answer["58"]) == ("2", "60106: the journal cannot be read there")


REQUESTS = [
    # ApplReqID, ApplReqType, NoPartyIDs, ranges, code, text
    (None, "0", None, (("DROPCOPY", 1, 0, None),), 60104, "ApplReqID(1346) has 0 characters"),
    ("x" * 65, "0", None, (("DROPCOPY", 1, 0, None),), 60104, "ApplReqID(1346) has 65 characters"),
    ("r", "1", None, (("DROPCOPY", 1, 0, None),), 60104, "ApplReqType(1347) is 1, expected 0"),
    ("r", None, None, (("DROPCOPY", 1, 0, None),), 60104, "ApplReqType(1347) is absent"),
    ("r", "0", None, None, 60104, "NoApplIDs(1351) counts 0"),
    ("r", "0", None, (("DROPCOPY", 1, 0, None),) * 2, 60104, "NoApplIDs(1351) counts 2"),
    ("r", "0", "1", (("DROPCOPY", 1, 0, None),), 60104, "parties are not offered"),
    ("r", "0", None, (("DROPCOPY", 1, 0, "1"),), 60104, "parties are not offered"),
    ("r", "0", None, ((None, 1, 0, None),), 60104, "RefApplID(1355) is absent"),
    ("r", "0", None, (("DROPCOPY", 0, 0, None),), 60104, "ApplBegSeqNum(1182) is 0"),
    ("r", "0", None, (("DROPCOPY", "E1", 0, None),), 60104, "ApplBegSeqNum(1182) is E1"),
    ("r", "0", None, (("DROPCOPY", 1, None, None),), 60104, "ApplEndSeqNum(1183) is absent"),
    ("r", "0", None, (("DROPCOPY", 1, -1, None),), 60104, "ApplEndSeqNum(1183) is -1"),
    ("r", "0", None, (("TRADES", 1, 0, None),), 60001, "RefApplID(1355) is TRADES"),
    ("r", "0", None, (("DROPCOPY", 3, 2, None),), 60103, "from E3 to E2"),
]


@pytest.mark.parametrize(("name", "kind", "parties", "ranges", "code", "text"), REQUESTS)
def test_a_request_that_is_none_is_answered_at_once(
    desks: Any, name: str | None, kind: str | None, parties: str | None, ranges: Any, code: int, text: str
) -> None:
    desk = desks([[event(1)]])
    ((_, msg_type, body),) = desk.ranges.requested(desk.session, 7, (name, kind, parties, ranges))
    answer = fields(body)
    assert msg_type == "BX"
    assert answer["58"].startswith(f"{code}: {text}")
    assert answer["1348"] == ("1" if code == 60001 else "2")
    assert not desk.ranges.has_work()


def test_the_session_of_another_desk_is_not_asked(desks: Any) -> None:
    desk = desks([[event(1)]])
    other: GatewaySession = gateway_session(10, role="drop_copy")
    other.drop_copy_live = True
    desk.ask(1, 0)
    assert desk.ranges.requested(other, 3, ("o", "0", None, (("DROPCOPY", 1, 0, None),))) == []
    kinds = [(answer["35"], answer.get("1346")) for answer in desk.answers()]
    assert sorted(kinds, key=str) == sorted([("8", None), ("BX", "r"), ("BX", "o")], key=str)
