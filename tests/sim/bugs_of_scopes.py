"""Faults planted in what reaches beyond one order: whole scopes, auctions, linked orders, icebergs.

As those of `bugs`: small, rare, and functions of the state alone.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Final

import pytest

from matching.auction_book import first_orders
from matching.auction_desk import AuctionDesk
from matching.book import Book
from matching.events import Event
from matching.links import Link, Links
from matching.order import Order
from matching.order_states import AFTER_RESTATE
from matching.special_match import RESTATED_REFILL, SpecialMatch
from matching.steps import Steps
from matching.types import EXEC_RESTATED
from matching.work import Work

KILLS: Final = ("cancel session", "cancel account", "cancel firm", "cancel market")


@contextmanager
def _forgets_last(kinds: Sequence[str]) -> Iterator[None]:
    """Work of these kinds over three orders or more leaves out the last."""
    orders_of = Steps._orders_of

    def all_but_last(self: Steps, work: Work) -> Sequence[int]:
        found = orders_of(self, work)
        return found[:-1] if work.kind in kinds and len(found) >= 3 else found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Steps, "_orders_of", all_but_last)
        yield


def kill_leaves_one() -> AbstractContextManager[None]:
    """A kill switch over three orders or more leaves the last."""
    return _forgets_last(KILLS)


def disconnect_leaves_one() -> AbstractContextManager[None]:
    """So does a cancel on disconnect."""
    return _forgets_last(("cancel disconnected session", "cancel disconnected accounts"))


def mass_cancel_leaves_one() -> AbstractContextManager[None]:
    """So does a mass cancel."""
    return _forgets_last(("mass cancel",))


BUYS_MAX: Final = 10_000
"""More than any auction of a simulated day has."""


@contextmanager
def auction_off_its_price() -> Iterator[None]:
    """An auction that goes on in a second step goes on a tick higher, where all who are to buy would still pay that."""
    step = AuctionDesk.step

    def step_higher(self: AuctionDesk, work: Work, out: list[Event]) -> bool:
        is_over = step(self, work, out)
        auction = self.instruments[work.target_id].auction
        buys = first_orders(self.desk.books[work.target_id].bids, frozenset(work.order_ids[1:]), BUYS_MAX)
        if auction is not None and 0 < auction.qty_left < auction.qty:
            would_pay = sum(each.leaves_qty for each in buys if each.price > auction.price)
            auction.price += would_pay >= auction.qty_left
        return is_over

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AuctionDesk, "step", step_higher)
        yield


@contextmanager
def linked_order_left_alive() -> Iterator[None]:
    """Where the orders of a link have to end, the last of them stays."""
    shrink = Links.shrink

    def shrink_but_one(self: Links, link: Link, out: list[Event]) -> None:
        if not link.is_over():
            shrink(self, link, out)
            return
        for order in link.orders()[:-1]:
            self._end(order, "an order that it is linked to has ended", out)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Links, "shrink", shrink_but_one)
        yield


@contextmanager
def refill_in_place() -> Iterator[None]:
    """The next part of an iceberg is shown at the head of its queue."""

    def refill(self: SpecialMatch, order: Order, book: Book, out: list[Event]) -> None:
        extra, level = order.extra, order.level
        assert extra is not None
        assert level is not None
        hidden = extra.hidden_qty
        self.special.hide(order)
        level.qty += hidden - extra.hidden_qty
        level.hidden_qty -= hidden - extra.hidden_qty
        order.status = AFTER_RESTATE[order.status]
        self.special.say(order, EXEC_RESTATED, out, restatement=RESTATED_REFILL)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SpecialMatch, "_refill", refill)
        yield


BUGS_OF_SCOPES: Final[Mapping[str, Callable[[], AbstractContextManager[None]]]] = {
    "kill switch leaves one": kill_leaves_one,
    "disconnect leaves one": disconnect_leaves_one,
    "mass cancel leaves one": mass_cancel_leaves_one,
    "auction off its price": auction_off_its_price,
    "linked order left alive": linked_order_left_alive,
    "refill in place": refill_in_place,
}
EXPECTED_OF_SCOPES: Final[Mapping[str, frozenset[str]]] = {
    "kill switch leaves one": frozenset({"kill switch"}),
    "disconnect leaves one": frozenset({"disconnect", "orders without owner"}),
    "mass cancel leaves one": frozenset({"mass cancel"}),
    "auction off its price": frozenset({"auction"}),
    "linked order left alive": frozenset({"linked order"}),
    "refill in place": frozenset({"priority"}),
}
