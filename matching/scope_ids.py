"""The ids of the orders that a piece of work looks at: ascending, counted at once, put in order as they are taken.

They come as runs, each of them ascending: to copy a run costs some 40 ns an order, to merge a hundred of them 600 ns,
so that they are merged step by step.
"""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Sequence
from heapq import merge
from itertools import islice
from typing import overload


class MergedIds(Sequence[int]):
    """Ascending ids out of ascending runs that have none in common; what has been taken stays.

    Owner: the matching thread. It keeps copies: what happens to the orders meanwhile changes nothing here.
    """

    __slots__ = ("_count", "_merged", "_rest", "_runs")

    def __init__(self, runs: Sequence[list[int]]) -> None:
        self._runs = runs
        self._count = sum(map(len, runs))
        self._merged: list[int] = []
        self._rest = merge(*runs)

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> int: ...

    @overload
    def __getitem__(self, index: slice) -> list[int]: ...

    def __getitem__(self, index: int | slice) -> int | list[int]:
        places = range(self._count)[index]
        if isinstance(places, int):
            self._merge(places + 1)
            return self._merged[places]
        assert places.step == 1, "ids are taken in their order"
        self._merge(places.stop)
        return self._merged[places.start : places.stop]

    def _merge(self, count: int) -> None:
        """Have so many of the smallest ids in their order."""
        self._merged += islice(self._rest, max(count - len(self._merged), 0))

    def __contains__(self, wanted: object) -> bool:
        return isinstance(wanted, int) and any(_is_in(run, wanted) for run in self._runs)


def ids_of(shelves: Iterable[Collection[int]]) -> MergedIds:
    """Return the ids of all these shelves."""
    return MergedIds([list(shelf) for shelf in shelves if shelf])


def has_id(order_ids: Sequence[int], wanted: int) -> bool:
    """Tell whether ascending ids have one among them."""
    return wanted in order_ids if isinstance(order_ids, MergedIds) else _is_in(order_ids, wanted)


def _is_in(ascending: Sequence[int], wanted: int) -> bool:
    place = bisect_left(ascending, wanted)
    return place < len(ascending) and ascending[place] == wanted
