"""Pegged orders: where they stand, and how they follow the book.

A peg follows the best price of its own side, the best opposite price, or the middle of both, of orders that are not
pegged themselves; its cap (Price(44)) and the best opposite price behind which it stays bound it. It moves after each
change of what it follows, and loses its place then.
"""

from typing import TYPE_CHECKING, Final, TypeAlias

from matching.book import Book, BookSide
from matching.events import Event
from matching.order import Order
from matching.order_states import AFTER_RESTATE
from matching.terms import Terms
from matching.types import BUY, EXEC_RESTATED, Side

if TYPE_CHECKING:
    from matching.special import SpecialDesk

PEGS_MAX: Final = 200
"""Pegged orders of one instrument. An order that improves the best price moves them all in one step, and each move is
checked, held for and reported while everybody waits: `python -m tests.bench.bench_followers` shows that it stays below
5 ms, also where pegs of one side make room for those of the other and some move twice.
"""
PASSES_MAX: Final = 3
"""Looks at all pegs after one change: what one leaves behind may make room for another."""
RESTATED_REPRICED: Final = 3
"""ExecRestatementReason(378) of a peg that has moved."""

Bests: TypeAlias = tuple[int, int]
"""The best bid and the best ask of orders that are not pegged, 0 where there is none."""


def price_of(book: Book, side: Side, terms: Terms, cap: int) -> int:
    """Return the price at which a peg should stand now; 0 while there is nothing to follow or nothing matches."""
    return _price_by(_unpegged_bests(book), book, side, terms, cap)


def _price_by(bests: Bests, book: Book, side: Side, terms: Terms, cap: int) -> int:
    """Return the price of a peg that follows these."""
    if not book.instrument.is_matching:
        return 0
    opposite = book.asks if side == BUY else book.bids
    near, far = bests if side == BUY else bests[::-1]
    if terms.peg == "best":
        followed = near
    elif terms.peg == "opposite":
        followed = far
    elif near and far:
        # The middle between two ticks is rounded away from the opposite side.
        followed = (near + far) // 2 if side == BUY else -(-(near + far) // 2)
    else:
        followed = 0
    if not followed:
        return 0
    wanted = followed + terms.offset
    if cap:
        wanted = min(wanted, cap) if side == BUY else max(wanted, cap)
    if opposite.best is not None:
        behind = opposite.best.price
        wanted = min(wanted, behind - 1) if side == BUY else max(wanted, behind + 1)
    return max(wanted, 0)


def _unpegged_bests(book: Book) -> Bests:
    return _unpegged_best(book.bids, book), _unpegged_best(book.asks, book)


def _unpegged_best(side: BookSide, book: Book) -> int:
    """Return the best price of an order that is not pegged, 0 without one. Looks past at most PEGS_MAX orders."""
    for order in side.orders():
        if order.order_id not in book.pegs:
            return order.price
    return 0


def reprice(special: "SpecialDesk", book: Book, out: list[Event]) -> int:
    """Move the pegs of a book to where they should stand, in order of their ids; return how many moves that took."""
    moves = 0
    # No peg follows a peg, so that what they follow stays while they move.
    bests = _unpegged_bests(book)
    for _ in range(PASSES_MAX):
        moved = sum(_move(special, book, book.pegs[order_id], bests, out) for order_id in sorted(book.pegs))
        moves += moved
        if not moved:
            break
    special.after.stirred.pop(book.instrument.instrument_id, None)
    return moves


def _move(special: "SpecialDesk", book: Book, order: Order, bests: Bests, out: list[Event]) -> bool:
    """Move one peg; one that the checks of the moment refuse stays where it is."""
    extra, risk = order.extra, special.desk.risk
    assert extra is not None, "a peg has terms"
    price, leaves = _price_by(bests, book, order.side, extra.terms, extra.terms.cap), order.leaves_qty
    if not price or (price == order.price and not extra.waiting):
        return False
    refusal = risk.check_replace(
        order.session.session_id, order.exposure, order.side, price, order.qty, 0, leaves, order.price, leaves
    )
    if refusal is not None:
        return False
    risk.release(order.exposure, order.side, order.price, leaves)
    risk.reserve(order.exposure, order.side, price, leaves)
    if order.level is not None:
        book.withdraw(order)
    order.price = price
    extra.waiting = False
    special.hide(order)
    order.status = AFTER_RESTATE[order.status]
    special.say(order, EXEC_RESTATED, out, restatement=RESTATED_REPRICED)
    order.priority = special.desk.last_exec_id
    special.rest(order, book)
    return True
