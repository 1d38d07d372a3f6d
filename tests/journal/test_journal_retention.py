"""Retention: old batches go in bounded steps, the chain goes on from a known place, current epochs stay."""

from pathlib import Path

import pytest

from matching.codec import Unsent
from matching.journal import Journal, JournalCorruptError, JournalError
from tests.journal.building import batch, batches, everything, part, state
from tests.journal.test_journal_damage import alter, flip

ALL = 1 << 30


def shorten(journal: Journal, before: int, *, records_max: int = 3) -> int:
    """Run retention to its end; return the number of steps that did something."""
    steps = 0
    while gone_through := journal.retain(before, records_max=records_max):
        assert gone_through <= records_max
        steps += 1
    return steps


def test_old_batches_go_in_steps_and_the_rest_stays_readable(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path)
    journal.append(batches(10), [state(epoch=2)])
    chain = next(iter(journal.read(6))).chain
    assert shorten(journal, 7) == 4
    assert everything(journal) == batches(10)[6:]
    assert journal.base == (6, 12, 6_000, chain)
    with pytest.raises(JournalError, match="batch 6 was deleted; the journal begins at 7"):
        list(journal.read(6))
    journal.close()
    reopened = Journal.open(tmp_path)
    assert (reopened.base, everything(reopened)) == ((6, 12, 6_000, chain), batches(10)[6:])
    reopened.append([batch(11, 21)])
    reopened.close()


def test_messages_of_the_current_epoch_stay(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path)
    journal.append([batch(1, 1, outbound=[part(1, 3, epoch=1)]), batch(2, 3, outbound=[part(1, 3, epoch=2)])])
    journal.append([batch(3, 5, outbound=[part(1, 3, session_id=2)]), batch(4, 7)], [state(epoch=2), state(2)])
    shorten(journal, 4)
    for _ in range(2):
        assert journal.holes(1, 1, 1, 3) == [(1, 3)]
        assert journal.messages(1, 1, 1, 3, ALL) == ([], 4)
        assert journal.holes(1, 2, 1, 3) == journal.holes(2, 1, 1, 3) == []
        assert [run[:2] for run in journal.messages(1, 2, 1, 3, ALL)[0]] == [(1, 3)]
        journal.close()
        journal = Journal.open(tmp_path)
    journal.append([], [state(epoch=3)])
    shorten(journal, 4)
    assert journal.holes(1, 2, 1, 3) == [(1, 3)]
    assert journal.holes(2, 1, 1, 3) == []
    journal.close()


def test_messages_of_an_epoch_that_are_still_to_be_sent_anew_stay(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path)
    journal.append([batch(epoch, 2 * epoch - 1, outbound=[part(1, 3, epoch=epoch)]) for epoch in range(1, 9)])
    later = state(epoch=8)
    later.anew = (Unsent(1, 2, True), Unsent(3, 1, False))
    journal.append([batch(9, 17)], [later])
    journal.close()
    journal = Journal.open(tmp_path)
    shorten(journal, 9)
    for _ in range(2):
        assert [journal.holes(1, epoch, 1, 3) for epoch in (1, 2, 3, 7, 8)] == [[], [(1, 3)], [], [(1, 3)], []]
        journal.close()
        journal = Journal.open(tmp_path)
    journal.append([], [state(epoch=8)])
    shorten(journal, 9)
    assert [journal.holes(1, epoch, 1, 3) for epoch in (1, 3, 8)] == [[(1, 3)], [(1, 3)], []]
    journal.close()


def test_the_last_batch_always_stays(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path)
    journal.append(batches(3))
    shorten(journal, 99)
    assert everything(journal) == batches(3)[2:]
    assert journal.last.batch_seq == 3
    journal.close()


def test_nothing_goes_without_need(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path)
    journal.append(batches(3))
    assert [journal.retain(before) for before in (0, 1)] == [0, 0]
    assert journal.base.batch_seq == 0
    journal.close()


def test_a_retention_that_was_cut_short_is_taken_up_again(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path)
    journal.append(batches(10), [state(epoch=2)])
    journal.retain(7, records_max=4)
    journal.close()
    reopened = Journal.open(tmp_path)
    assert reopened.base.batch_seq == 4
    assert everything(reopened) == batches(10)[4:]
    shorten(reopened, 7)
    assert everything(reopened) == batches(10)[6:]
    assert reopened.holes(1, 1, 1, 30) == [(1, 18)]
    reopened.close()


def test_freed_room_is_used_again(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path)
    sizes = []
    for day in range(6):
        written = batches(200 * (day + 1), text="x" * 300)[200 * day :]
        for at in range(0, 200, 10):
            journal.append(written[at : at + 10], [state(epoch=day)])
        shorten(journal, journal.last.batch_seq, records_max=100)
        sizes.append(journal.used_bytes)
    assert sizes[-1] <= 2 * sizes[0]
    journal.close()


def test_damage_at_the_begin_is_named(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path)
    journal.append(batches(5))
    shorten(journal, 3)
    journal.close()
    for at in (0, 9, 40, 50):
        alter(tmp_path, b"meta", b"base", flip(at))
        with pytest.raises(JournalCorruptError, match="begin of the journal"):
            Journal.open(tmp_path)
        alter(tmp_path, b"meta", b"base", flip(at))
    Journal.open(tmp_path).close()


def test_a_batch_is_found_by_time_and_by_command(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path)
    assert (journal.batch_at(0), journal.batch_of(1)) == (1, 1)
    journal.append(batches(10))
    shorten(journal, 4)
    assert [journal.batch_at(at) for at in (0, 4_000, 4_001, 10_000, 10_001)] == [4, 4, 5, 10, 11]
    assert [journal.batch_of(seq) for seq in (1, 7, 8, 9, 20, 21)] == [4, 4, 4, 5, 10, 11]
    journal.close()
