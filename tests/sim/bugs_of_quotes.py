"""Faults planted in quotes. As those of `bugs`: small, rare, and functions of the state alone."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final

import pytest

from matching import quote_cancels
from matching.commands import CancelQuotes
from matching.order import Order
from matching.quote_entry import QuoteEntering
from matching.quotes import Quotes
from matching.types import SELL, QuoteKey, Side
from risk.quote_protection import QuoteProtection


@contextmanager
def patched(owner: object, name: str, value: object) -> Iterator[None]:
    """Put `value` in the place of what `owner` has by that name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, value)
        yield


def protection_does_not_freeze() -> AbstractContextManager[None]:
    """Offers that are filled by three lots or more at once are not counted."""
    count_fill = QuoteProtection.count_fill

    def count_small_ones(self: QuoteProtection, key: QuoteKey, side: Side, qty: int, time_ns: int) -> str:
        return "" if side == SELL and qty >= 3 else count_fill(self, key, side, qty, time_ns)

    return patched(QuoteProtection, "count_fill", count_small_ones)


def protection_leaves_the_offer() -> AbstractContextManager[None]:
    """Of a quote that is pulled with both of its sides, the offer stays."""
    orders = Quotes.orders

    def only_the_bid(self: Quotes, key: QuoteKey) -> list[Order]:
        return orders(self, key)[:1]

    return patched(Quotes, "orders", only_the_bid)


def replaced_quote_leaves_its_old_side() -> AbstractContextManager[None]:
    """A side of three lots or more that its owner takes away stays, and is held for."""
    apply = QuoteEntering._apply

    def keep(self: QuoteEntering, command: Any, terms: Any, exposure: int, change: Any, book: Any, out: Any) -> Any:
        if change.order is not None and not change.qty and change.order.leaves_qty >= 3:
            self.special.hold(change.order)
            return None
        return apply(self, command, terms, exposure, change, book, out)

    return patched(QuoteEntering, "_apply", keep)


def cancel_leaves_a_side() -> AbstractContextManager[None]:
    """A QuoteCancel(Z) over three sides or more leaves out the last."""
    sides_in_scope = quote_cancels.sides_in_scope

    def all_but_last(quotes: Quotes, command: CancelQuotes) -> list[int]:
        found = sides_in_scope(quotes, command)
        return found[:-1] if len(found) >= 3 else found

    return patched(quote_cancels, "sides_in_scope", all_but_last)


BUGS_OF_QUOTES: Final[Mapping[str, Callable[[], AbstractContextManager[None]]]] = {
    "protection does not freeze": protection_does_not_freeze,
    "protection leaves the offer": protection_leaves_the_offer,
    "replaced quote leaves its old side": replaced_quote_leaves_its_old_side,
    "quote cancel leaves a side": cancel_leaves_a_side,
}
EXPECTED_OF_QUOTES: Final[Mapping[str, frozenset[str]]] = {
    "protection does not freeze": frozenset({"protection"}),
    "protection leaves the offer": frozenset({"protection"}),
    "replaced quote leaves its old side": frozenset({"quote"}),
    "quote cancel leaves a side": frozenset({"quote"}),
}
