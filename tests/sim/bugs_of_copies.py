"""Faults planted in what a drop copy asks for."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Final

import pytest

from gateway.copied import CopiedReports
from gateway.report_ranges import ReportRanges, _Range
from matching.events import CancelRejected, Event


@contextmanager
def range_begins_late() -> Iterator[None]:
    """A range begins a batch too late where it does not begin with the journal."""
    search = ReportRanges._search

    def too_far(self: ReportRanges, wanted: _Range, base: int) -> object:
        refusal = search(self, wanted, base)
        if wanted.is_found and base + 1 < wanted.low < wanted.through:
            wanted.low += 1
        return refusal

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ReportRanges, "_search", too_far)
        yield


@contextmanager
def refused_cancel_not_copied() -> Iterator[None]:
    """The refusal of a cancel of an unknown order is nobody's."""
    account_id = CopiedReports.account_id

    def of_known_orders(self: CopiedReports, event: Event) -> int:
        if isinstance(event, CancelRejected) and not event.order_id:
            return 0
        return account_id(self, event)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CopiedReports, "account_id", of_known_orders)
        yield


BUGS_OF_COPIES: Final[Mapping[str, Callable[[], AbstractContextManager[None]]]] = {
    "range begins late": range_begins_late,
    "refused cancel not copied": refused_cancel_not_copied,
}
EXPECTED_OF_COPIES: Final[Mapping[str, frozenset[str]]] = {
    "range begins late": frozenset({"range"}),
    "refused cancel not copied": frozenset({"drop copy"}),
}
