"""The book as an auction sees it: what it would execute, who goes first, and who may not stay. Changes nothing."""

from collections.abc import Container, Iterator, Mapping
from heapq import merge
from itertools import islice
from operator import itemgetter
from typing import TYPE_CHECKING

from matching import auction_links
from matching.auction import Block, Clearing, clear
from matching.book import BLOCK_LEVELS, KEY_MAX, Book, BookSide, Level
from matching.instrument import Instrument
from matching.order import Order
from matching.phases import expires_at_end
from matching.types import BUY, TradingPhase

if TYPE_CHECKING:
    from matching.desk import OrderDesk


def clearing(desk: "OrderDesk", instrument: Instrument, *, is_begun: bool = False) -> Clearing | None:
    """Return what the auction of the book would execute: with all market orders in front, or, once it `is_begun`,
    as the book stands, as those that cannot pay for that have stayed behind.
    """
    book = desk.books[instrument.instrument_id]
    reference = book.on_last.price or instrument.reference_price
    less: dict[Level, int] = {}
    for order_id in auction_links.standing_aside(desk.special.links, instrument.instrument_id):
        order = desk.orders[order_id]
        assert order.level is not None, "what stands aside rests"
        less[order.level] = less.get(order.level, 0) + order.leaves_qty
    sides = book.bids, book.asks
    bids, asks = (_blocks(side, less, KEY_MAX if is_begun else front_key(side, instrument)) for side in sides)
    return clear(bids, asks, reference=reference)


def front_key(side: BookSide, instrument: Instrument) -> int:
    """Return the key at which market orders go first: that of the best limit order, within the price band."""
    edge = instrument.band_high if side.side == BUY else instrument.band_low
    return KEY_MAX if side.best is None else max(side.best.key, edge * side.sign)


def behind(side: BookSide, instrument: Instrument) -> list[Order]:
    """Return the market orders that a limit order would go before, because the price band has moved; best first."""
    front = front_key(side, instrument)
    return [order for order in side.market_orders() if order.price * side.sign > front]


def _blocks(side: BookSide, less: Mapping[Level, int], front_key: int) -> Iterator[Block]:
    """Return what a side offers at each key, hidden quantities counted in, and `less` what stands aside; market orders
    at `front_key` at least.
    """
    if not less and all(key <= front_key for key in side.market_levels):
        # As the book has it.
        yield from side.blocks()
        return
    limits = ((level.key, level) for level in side.levels.values())
    markets = ((min(level.key, front_key), level) for level in side.market_levels.values())
    merged = merge(markets, limits, key=itemgetter(0))
    offered = ((key, level.qty + level.hidden_qty - less.get(level, 0)) for key, level in merged)
    levels = (each for each in offered if each[1])
    while block := list(islice(levels, BLOCK_LEVELS)):
        yield [key for key, _ in block], [qty for _, qty in block]


def first_orders(side: BookSide, aside: Container[int], count: int) -> list[Order]:
    """Return the orders of a side that an auction executes next, the first one last."""
    found = list(islice((order for order in side.orders() if order.order_id not in aside), count))
    found.reverse()
    return found


def expiring(book: Book, phase: TradingPhase) -> list[int]:
    """Return the ids of the orders that may not stay when the auction is over, ascending: market orders, and those for
    this auction alone.
    """
    found = [key for key, order in book.for_auction.items() if expires_at_end(phase, order.time_in_force)]
    found += [order.order_id for side in (book.bids, book.asks) for order in side.market_orders()]
    return sorted(set(found))
