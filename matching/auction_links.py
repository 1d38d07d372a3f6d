"""Linked orders in an auction: of each link the best leg takes part, the others stand aside.

They keep their places and are still shown. Nothing of one link can so trade more than once, and behind the auction
the book is not crossed: what is left of the best leg, the others are worse than; and where nothing is left of it, its
link ends them. But for a best leg that had been cut: it is filled short of what is left, which stays with the others,
and these may stand at or beyond the other side. They enter again, as a new order does; where nothing matches, the
book has to be uncrossed before anything does.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from matching.book import Book
from matching.events import Event
from matching.links import Link, Links
from matching.order import Order
from matching.order_states import AFTER_RESTATE
from matching.types import BUY, EXEC_RESTATED, MARKET
from matching.work import RESTATED_OTHER

if TYPE_CHECKING:
    from matching.desk import OrderDesk


def standing_aside(links: Links, instrument_id: int) -> list[int]:
    """Return the ids of the resting legs that take no part in an auction of the instrument, ascending."""
    found: list[int] = []
    for link in links.known.get(instrument_id, ()):
        resting = [leg for leg in link.legs if leg.level is not None]
        if len(resting) > 1:
            best = min(resting, key=_rank)
            found += [leg.order_id for leg in resting if leg is not best]
    return sorted(found)


def touched(links: Links, instrument_id: int) -> list[Link]:
    """Return the links of the instrument that have orders and have still to be brought up to date."""
    known = links.known.get(instrument_id, {})
    return [link for link in links.touched if link in known]


def enter_again(desk: "OrderDesk", book: Book, order_ids: Iterable[int], out: list[Event]) -> None:
    """Let those of the orders enter again that stand at or beyond the other side; called behind an auction."""
    for order_id in order_ids:
        order = desk.orders[order_id]
        opposite = book.opposite_of(order)
        if order.level is None or opposite.best is None or opposite.best.key > order.price * opposite.sign:
            continue
        if not book.instrument.is_matching:
            book.instrument.is_uncrossed = False
            continue
        desk.special.take_out(order, book)
        order.status = AFTER_RESTATE[order.status]
        desk.say(order, EXEC_RESTATED, out, text="enters behind the auction", restatement=RESTATED_OTHER)
        order.priority = desk.last_exec_id
        desk.special.go(order, book, out)


def _rank(leg: Order) -> tuple[int, bool, int]:
    """Best price first, of equal ones market orders, then the oldest: as an auction executes them."""
    return leg.price if leg.side != BUY else -leg.price, leg.ord_type != MARKET, leg.priority
