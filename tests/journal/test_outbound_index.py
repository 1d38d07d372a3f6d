"""The index against a dictionary that remembers every number."""

from hypothesis import given
from hypothesis import strategies as st

from matching.journal.outbound_index import EPOCHS_KEPT, Entry, OutboundIndex


def found(index: OutboundIndex, begin: int, end: int, *, epoch: int = 1) -> list[Entry]:
    return list(index.entries(session_id=1, epoch=epoch, begin=begin, end=end))


def add(index: OutboundIndex, first_num: int, count: int, batch_seq: int, *, epoch: int = 1) -> None:
    index.add(batch_seq, [(1, epoch, first_num, count, 0, 0, 0)])


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(1, 12)), max_size=30), st.integers(1, 50), st.integers(0, 50))
def test_every_number_is_found_in_its_latest_batch(runs: list[tuple[int, int]], begin: int, length: int) -> None:
    index, latest = OutboundIndex(), {}
    for batch_seq, (first, count) in enumerate(runs, 1):
        add(index, first, count, batch_seq)
        latest.update(dict.fromkeys(range(first, first + count), batch_seq))
    entries = found(index, begin, begin + length)
    assert all(entry.batch_from == entry.batch_to for entry in entries)
    by_number = {number: entry.batch_to for entry in entries for number in range(entry.first, entry.last + 1)}
    assert by_number == {number: at for number, at in latest.items() if begin <= number <= begin + length}
    assert sum(entry.last - entry.first + 1 for entry in entries) == len(by_number)


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(1, 12)), max_size=60))
def test_at_its_bound_it_names_ranges_of_batches_that_hold_the_number(runs: list[tuple[int, int]]) -> None:
    index, latest = OutboundIndex(entries_max=4), {}
    for batch_seq, (first, count) in enumerate(runs, 1):
        add(index, first, count, batch_seq)
        latest.update(dict.fromkeys(range(first, first + count), batch_seq))
    assert index.entry_count <= 4
    for number, at in latest.items():
        (entry,) = found(index, number, number)
        assert entry.batch_from <= at <= entry.batch_to


def test_only_the_newest_epochs_are_remembered() -> None:
    index = OutboundIndex()
    for epoch in range(1, EPOCHS_KEPT + 3):
        add(index, 1, 2, epoch, epoch=epoch)
    assert [bool(found(index, 1, 2, epoch=epoch)) for epoch in range(1, 5)] == [False, False, True, True]
    assert index.entry_count == index.stream_count == EPOCHS_KEPT


def test_epochs_that_are_needed_are_remembered_until_they_are_not() -> None:
    index = OutboundIndex()
    for epoch in range(1, EPOCHS_KEPT + 6):
        add(index, 1, 2, epoch, epoch=epoch)
        index.need({1: frozenset({2, 3, epoch})})
    assert [bool(found(index, 1, 2, epoch=epoch)) for epoch in range(1, 7)] == [False, True, True, False, False, True]
    index.need({1: frozenset({EPOCHS_KEPT + 5})})
    add(index, 1, 2, 99, epoch=EPOCHS_KEPT + 6)
    assert index.entry_count == index.stream_count == EPOCHS_KEPT


def test_many_streams_beyond_the_bound_are_kept_one_entry_each() -> None:
    index = OutboundIndex(entries_max=3)
    for session_id in range(1, 9):
        index.add(session_id, [(session_id, 1, 1, 1, 0, 0, 0), (session_id, 1, 2, 1, 0, 0, 0)])
    assert all(list(index.entries(session_id=number, epoch=1, begin=2, end=2)) for number in range(1, 9))


def test_what_retention_deleted_is_forgotten_but_not_in_the_current_epoch() -> None:
    index = OutboundIndex()
    for batch_seq in range(1, 6):
        add(index, batch_seq, 1, batch_seq, epoch=1)
        add(index, batch_seq, 1, batch_seq, epoch=2)
    index.forget_before(4, {1: frozenset({2})})
    assert [entry.first for entry in found(index, 1, 9, epoch=1)] == [4, 5]
    assert [entry.first for entry in found(index, 1, 9, epoch=2)] == [1, 2, 3, 4, 5]
    assert index.entry_count == 7
