"""Ids of a scope: ascending over all of its runs, whichever part is asked for first."""

import random

import pytest

from matching.scope_ids import MergedIds, has_id, ids_of


def runs(seed: int) -> list[list[int]]:
    """Ascending runs with nothing in common, some of them empty."""
    source = random.Random(seed)
    found: list[list[int]] = [[] for _ in range(source.randint(1, 7))]
    for number in range(1, 60):
        if source.random() < 0.8:
            source.choice(found).append(number * 3)
    return found


@pytest.mark.parametrize("seed", range(6))
def test_parts_are_those_of_the_sorted_ids(seed: int) -> None:
    source, given = random.Random(seed), runs(seed)
    ids, expected = MergedIds(given), sorted(number for run in given for number in run)
    assert len(ids) == len(expected)
    for _ in range(40):
        begin, end = sorted(source.randrange(len(expected) + 5) for _ in range(2))
        assert ids[begin:end] == expected[begin:end]
        place = source.randrange(-len(expected), len(expected))
        assert ids[place] == expected[place]
    assert list(ids) == expected
    assert [number for number in range(200) if has_id(ids, number)] == expected
    assert [number for number in range(200) if has_id(expected, number)] == expected


def test_what_happens_to_the_orders_afterwards_changes_nothing() -> None:
    shelf: dict[int, None] = dict.fromkeys((4, 9))
    ids = ids_of([shelf, {}, {7: None}])
    del shelf[4]
    shelf[11] = None
    assert list(ids) == [4, 7, 9]
    assert 7 in ids
    assert 11 not in ids


def test_nothing_is_an_answer() -> None:
    ids = MergedIds([])
    assert not ids
    assert list(ids) == ids[0:5] == []
    with pytest.raises(IndexError):
        ids[0]
