"""Finding stored messages by session, epoch and number."""

from pathlib import Path

import pytest

from matching.journal import Batch, Journal, JournalCorruptError, messages
from matching.journal.fix_messages import message_end
from matching.journal.outbound_index import OutboundIndex
from tests.journal.building import batch, batches, fix_message, part, state

ALL = 1 << 30


def numbers(runs: list[tuple[int, int, bytes]]) -> list[int]:
    """MsgSeqNum(34) of every message in the runs, each compared with what its run says."""
    found = []
    for first, count, data in runs:
        at = 0
        for number in range(first, first + count):
            end = message_end(data, at)
            assert data[at:end] == fix_message(number)
            found.append(number)
            at = end
        assert at == len(data)
    return found


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    journal = Journal.open(tmp_path)
    journal.append(batches(10), [state()])
    return journal


@pytest.mark.parametrize(("begin", "end"), [(1, 30), (1, 1), (2, 2), (3, 4), (5, 29), (30, 30)])
def test_a_range_is_cut_out_of_its_runs(journal: Journal, begin: int, end: int) -> None:
    runs, next_num = journal.messages(1, 1, begin, end, ALL)
    assert (numbers(runs), next_num) == (list(range(begin, end + 1)), end + 1)
    journal.close()


@pytest.mark.parametrize("bytes_max", [1, 60, 100, 250, 1_000])
def test_slices_of_any_size_give_every_message_once(journal: Journal, bytes_max: int) -> None:
    found, begin = [], 2
    while begin <= 29:
        runs, following = journal.messages(1, 1, begin, 29, bytes_max)
        assert following > begin
        assert len(runs) == 1 or sum(len(data) for _, _, data in runs) <= bytes_max
        found += numbers(runs)
        begin = following
    assert found == list(range(2, 30))
    journal.close()


def test_what_is_not_stored_is_a_hole(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path)
    journal.append([batch(1, 1, outbound=[part(3, 2), part(8, 1)]), batch(2, 3, outbound=[part(1, 5, session_id=2)])])
    runs, next_num = journal.messages(1, 1, 1, 10, ALL)
    assert (numbers(runs), next_num) == ([3, 4, 8], 11)
    assert journal.holes(1, 1, 1, 10) == [(1, 2), (5, 7), (9, 10)]
    assert journal.holes(1, 1, 3, 4) == []
    assert (journal.holes(3, 1, 1, 2), journal.messages(3, 1, 1, 2, ALL)) == ([(1, 2)], ([], 3))
    journal.close()


def test_epochs_do_not_mix(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path)
    journal.append([batch(1, 1, outbound=[part(1, 4)]), batch(2, 3, outbound=[part(1, 2, epoch=2)])])
    for epoch, last in ((1, 4), (2, 2)):
        runs, _ = journal.messages(1, epoch, 1, 9, ALL)
        assert numbers(runs) == list(range(1, last + 1))
        assert journal.holes(1, epoch, 1, 9) == [(last + 1, 9)]
    journal.close()


def test_the_index_is_the_same_after_reopening(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path)
    journal.append([batch(1, 1, outbound=[part(3, 2), part(1, 2, session_id=2)])])
    journal.append([batch(2, 3, outbound=[part(5, 2), part(3, 3, session_id=2, epoch=5)]), batch(3, 5)])
    asked = [(1, 1), (2, 1), (2, 5), (3, 1)]
    before = [(journal.messages(*who, 1, 9, ALL), journal.holes(*who, 1, 9)) for who in asked]
    journal.close()
    reopened = Journal.open(tmp_path)
    assert [(reopened.messages(*who, 1, 9, ALL), reopened.holes(*who, 1, 9)) for who in asked] == before
    reopened.close()


def test_numbers_written_again_are_served_from_their_latest_batch(tmp_path: Path) -> None:
    """An operator has renumbered the session downwards."""
    journal = Journal.open(tmp_path)
    journal.append([batch(1, 1, outbound=[part(1, 6, text="old")]), batch(2, 3, outbound=[part(3, 2, text="new")])])
    runs, _ = journal.messages(1, 1, 1, 6, ALL)
    assert [(first, count, data.count(b"new")) for first, count, data in runs] == [(1, 2, 0), (3, 2, 2), (5, 2, 0)]
    journal.close()


def test_an_index_at_its_bound_still_finds_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "OutboundIndex", lambda: OutboundIndex(entries_max=5))
    journal = Journal.open(tmp_path)
    written: list[Batch] = []
    for number in range(1, 41):
        parts = [part(5 * number - 4, 3), part(2 * number - 1, 2, session_id=2)]
        written.append(batch(number, 2 * number - 1, outbound=parts))
    journal.append(written)
    assert int(journal.statistics()["index_entries"]) <= 5
    runs, next_num = journal.messages(1, 1, 1, 200, ALL)
    assert (numbers(runs), next_num) == ([number for number in range(1, 201) if (number - 1) % 5 < 3], 201)
    assert journal.holes(1, 1, 1, 200) == [(number, number + 1) for number in range(4, 201, 5)]
    assert numbers(journal.messages(2, 1, 7, 33, ALL)[0]) == list(range(7, 34))
    journal.close()


def test_bytes_that_are_no_messages_are_not_cut(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path)
    journal.append([batch(1, 1, outbound=[(((1, 1, 1, 2, 0, 7, 0),), b"garbage")])])
    assert journal.messages(1, 1, 1, 2, ALL)[0] == [(1, 2, b"garbage")]
    with pytest.raises(JournalCorruptError, match=r"batch 1: expected BeginString\(8\)"):
        journal.messages(1, 1, 2, 2, ALL)
    journal.close()
