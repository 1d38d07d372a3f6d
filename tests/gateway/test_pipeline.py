"""Batches are committed in order, whole, with the numbered bytes that belong to them; nothing is released before."""

from pathlib import Path

import pytest

from gateway.pipeline import PendingBatch, Pipeline, left_unsent
from gateway.sessions import SessionBook
from gateway.wire import BYTES, EPOCH
from matching.codec import SessionState, Unsent
from matching.journal import Journal
from tests.support.sessions import gateway_session

SESSION = 1


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """A real journal in a folder of its own."""
    return Journal.open(tmp_path, durability="async", map_bytes=1 << 24)


@pytest.fixture
def pipeline(journal: Journal) -> Pipeline:
    """A pipeline over two IO threads with one session."""
    return Pipeline(journal, SessionBook([gateway_session(SESSION)]), 2, lambda _name: None)


def begin(pipeline: Pipeline, *, parts: int, target: int) -> int:
    """Begin a batch without commands after which number `target` is expected; return its number."""
    batch = pipeline.empty_batch()
    pending = PendingBatch(batch, events=[], targets={SESSION: (1, target)}, oldest_ns=0, drop_copy_cursors={})
    pipeline.begin(pending)
    pending.parts_missing = parts
    return batch.batch_seq


def begin_anew(pipeline: Pipeline, staged: Unsent, left: Unsent | None, *, parts: int = 0) -> int:
    """Begin a batch that stages anew what an epoch has left; return its number."""
    batch, anew = pipeline.empty_batch(), {SESSION: (staged, left)}
    pending = PendingBatch(batch, events=[], targets={}, oldest_ns=0, drop_copy_cursors={}, anew=anew)
    pipeline.begin(pending)
    pending.parts_missing = parts
    return batch.batch_seq


def part(io: int, serial: int, batch_seq: int, first: int, count: int = 1, *, epoch: int = 1) -> tuple[object, ...]:
    """Numbered bytes as an IO thread returns them."""
    blob = b"x" * count
    return (BYTES, io, serial, batch_seq, ((SESSION, epoch, first, count, 0, count, first - 1),), blob)


def test_a_batch_waits_for_the_parts_of_every_io_thread(pipeline: Pipeline, journal: Journal) -> None:
    first = begin(pipeline, parts=2, target=5)
    pipeline.receive([part(0, 1, first, 1)])
    assert pipeline.commit() == ([], [])
    pipeline.receive([part(1, 1, first, 2)])
    done, releases = pipeline.commit()
    assert [pending.batch.batch_seq for pending in done] == [first]
    assert releases == [(0, 1), (1, 1)]
    state = journal.sessions()[SESSION]
    assert (state.next_sender, state.next_target, state.written_through) == (3, 5, 1)


def test_a_later_batch_that_is_complete_waits_for_the_earlier_one(pipeline: Pipeline, journal: Journal) -> None:
    first = begin(pipeline, parts=1, target=5)
    second = begin(pipeline, parts=1, target=6)
    pipeline.receive([part(1, 1, second, 2)])
    assert pipeline.commit() == ([], [])
    pipeline.receive([part(0, 1, first, 1)])
    done, releases = pipeline.commit()
    assert [pending.batch.batch_seq for pending in done] == [first, second]
    assert journal.sessions()[SESSION].next_target == 6
    assert releases == [(0, 1), (1, 1)]


def test_an_admin_message_behind_a_part_that_is_not_complete_is_held(pipeline: Pipeline, journal: Journal) -> None:
    first = begin(pipeline, parts=1, target=5)
    second = begin(pipeline, parts=2, target=6)
    pipeline.receive([part(0, 1, first, 1), part(0, 2, second, 2), part(0, 3, 0, 3)])
    done, releases = pipeline.commit()
    assert [pending.batch.batch_seq for pending in done] == [first]
    assert releases == [(0, 1)]
    assert journal.sessions()[SESSION].next_sender == 2
    assert pipeline.is_committed(0, 1)
    assert not pipeline.is_committed(0, 3)


def test_admin_bytes_alone_are_committed_with_a_batch_of_their_own(pipeline: Pipeline, journal: Journal) -> None:
    pipeline.receive([part(0, 1, 0, 1)])
    done, releases = pipeline.commit()
    assert (done, releases) == ([], [(0, 1)])
    assert journal.last.batch_seq == 1
    assert pipeline.is_idle()


def test_numbers_of_an_epoch_that_has_ended_do_not_move_the_new_one(pipeline: Pipeline, journal: Journal) -> None:
    begin(pipeline, parts=0, target=90)
    pipeline.receive(
        [
            (EPOCH, 0, 1, SESSION, 2, 1_700_000_000, 1, 1),
        ]
    )
    pipeline.commit()
    state = journal.sessions()[SESSION]
    assert (state.epoch, state.next_sender, state.target_epoch, state.next_target) == (2, 1, 2, 1)
    assert state.created_s == 1_700_000_000


def test_an_epoch_that_begins_at_a_higher_number_has_no_message_below_it(pipeline: Pipeline, journal: Journal) -> None:
    pipeline.receive([(EPOCH, 0, 1, SESSION, 2, 0, 120, 1)])
    pipeline.commit()
    state = journal.sessions()[SESSION]
    assert (state.next_sender, state.written_through, state.reserved_through) == (120, 119, 119)
    assert left_unsent(state) == ()


def test_an_epoch_that_ends_with_unsent_reports_is_remembered_until_they_are_staged_anew(
    pipeline: Pipeline, journal: Journal
) -> None:
    pipeline.receive([part(0, 1, 0, 1, count=4)])
    pipeline.commit()
    pipeline.receive([(EPOCH, 0, 2, SESSION, 2, 1_700_000_000, 1, 1)])
    pipeline.commit()
    repeated, first = Unsent(1, 1, True), Unsent(1, 1, False)
    assert journal.sessions()[SESSION].anew == (repeated, first)
    begin_anew(pipeline, repeated, None)
    pipeline.commit()
    assert journal.sessions()[SESSION].anew == (first,)
    begin_anew(pipeline, first, Unsent(1, 3, False))
    pipeline.commit()
    assert journal.sessions()[SESSION].anew == (Unsent(1, 3, False),)
    begin_anew(pipeline, Unsent(1, 3, False), None)
    pipeline.commit()
    assert journal.sessions()[SESSION].anew == ()


def test_an_epoch_that_ends_with_everything_sent_leaves_nothing() -> None:
    assert left_unsent(SessionState(SESSION, "S", "T", 4, 0, 9, 4, 1, 8, 0, 0)) == ()


def test_a_second_epoch_that_ends_before_the_first_is_staged_anew_does_not_replace_it(
    pipeline: Pipeline, journal: Journal
) -> None:
    pipeline.receive([part(0, 1, 0, 1), (EPOCH, 0, 2, SESSION, 2, 0, 1, 1)])
    pipeline.receive([part(0, 3, 0, 1, epoch=2), (EPOCH, 0, 4, SESSION, 3, 0, 1, 1)])
    pipeline.commit()
    left = (Unsent(2, 1, True), Unsent(1, 1, True), Unsent(1, 1, False), Unsent(2, 1, False))
    assert journal.sessions()[SESSION].anew == left


@pytest.mark.parametrize("is_reset_first", [True, False])
def test_a_reset_that_meets_reports_staged_anew_loses_neither(
    pipeline: Pipeline, journal: Journal, is_reset_first: bool
) -> None:
    pipeline.receive([part(0, 1, 0, 1, count=2), (EPOCH, 0, 2, SESSION, 2, 0, 1, 1)])
    pipeline.commit()
    batch_seq = begin_anew(pipeline, Unsent(1, 1, False), None, parts=1)
    left: tuple[Unsent, ...] = (Unsent(1, 1, True),)
    if is_reset_first:
        pipeline.receive([(EPOCH, 0, 3, SESSION, 3, 0, 1, 1), part(0, 4, batch_seq, 1, count=2, epoch=3)])
    else:
        pipeline.receive([part(0, 3, batch_seq, 1, count=2, epoch=2), (EPOCH, 0, 4, SESSION, 3, 0, 1, 1)])
        left = (Unsent(2, 1, True), *left, Unsent(2, 1, False))
    pipeline.commit()
    state = journal.sessions()[SESSION]
    assert (state.epoch, state.anew) == (3, left)


def test_what_is_left_stands_in_the_order_in_which_it_happened() -> None:
    older = (Unsent(3, 2, True), Unsent(2, 7, False))
    state = SessionState(SESSION, "S", "T", 4, 0, 9, 4, 1, 5, 0, 0, older)
    assert left_unsent(state) == (Unsent(4, 6, True), *older, Unsent(4, 6, False))
