"""The order book of one instrument: price levels in order, and in each a queue of orders in order of time.

Both sides are kept by a key that ascends from the best price to the worst: the price for asks, its negative for bids.
Market orders that wait for an auction stand in levels of their own, before limit orders of the same price. A book knows
nothing of accounts, events or time; the order desk moves orders in and out.
"""

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from operator import add, attrgetter
from typing import Final, TypeAlias

from sortedcontainers import SortedDict

from matching.auction import Block
from matching.instrument import PRICE_TICKS_MAX, Instrument
from matching.order import Order
from matching.price_watch import PriceWatch
from matching.terms import Terms
from matching.types import BUY, MARKET, SELL, Side

Depth: TypeAlias = list[tuple[int, int, int]]
"""(price, quantity, order count) of levels, best first."""
KEY_MAX: Final = PRICE_TICKS_MAX
"""No key is above it."""
BLOCK_LEVELS: Final = 256
"""Levels that an auction's calculation reads at once: few enough that a small auction reads little in vain."""


class Level:
    """The orders at one price: a doubly linked queue, oldest first; cancel and fill cost the same at any length.

    `qty` is what is displayed, `hidden_qty` what icebergs have behind it.
    """

    __slots__ = ("head", "hidden_qty", "key", "order_count", "price", "qty", "tail")

    def __init__(self, key: int, price: int) -> None:
        self.key = key
        self.price = price
        self.qty = 0
        self.hidden_qty = 0
        self.order_count = 0
        self.head: Order | None = None
        self.tail: Order | None = None


def _orders_of(levels: Iterable[Level]) -> Iterator[Order]:
    for level in levels:
        order = level.head
        while order is not None:
            yield order
            order = order.next


class BookSide:
    """One side. `best` is the level of limit orders at the smallest key, or None; `market_levels` are those of market
    orders. `start_key` and `stop_key` are the first and the last key at which an aggressor may trade at once, as the
    circuit breaker has it; without one `stop_key` is KEY_MAX. `on_last`
    is the book's watch over its trades.
    """

    __slots__ = ("best", "levels", "market_levels", "on_last", "side", "sign", "start_key", "stop_key")

    def __init__(self, side: Side, on_last: PriceWatch) -> None:
        self.side: Side = side
        self.on_last = on_last
        self.sign = -1 if side == BUY else 1
        self.levels: SortedDict = SortedDict()
        self.market_levels: SortedDict = SortedDict()
        self.best: Level | None = None
        self.start_key = -KEY_MAX
        self.stop_key = KEY_MAX

    def append(self, order: Order) -> None:
        """Put an order at the end of the queue at its price."""
        key = order.price * self.sign
        levels = self.levels if order.ord_type != MARKET else self.market_levels
        level: Level | None = levels.get(key)
        if level is None:
            level = Level(key, order.price)
            levels[key] = level
            best = self.best
            if levels is self.levels and (best is None or key < best.key):
                self.best = level
            level.head = order
        else:
            tail = level.tail
            assert tail is not None, "a level in the book has orders"
            tail.next = order
            order.previous = tail
        level.tail = order
        order.level = level
        level.qty += order.leaves_qty
        level.order_count += 1

    def remove(self, order: Order) -> None:
        """Take a resting order out of its queue, wherever it stands; its level goes with its last order."""
        level = order.level
        assert level is not None, "only a resting order leaves the book"
        previous = order.previous
        following = order.next
        if previous is None:
            level.head = following
        else:
            previous.next = following
            order.previous = None
        if following is None:
            level.tail = previous
        else:
            following.previous = previous
            order.next = None
        order.level = None
        level.qty -= order.leaves_qty
        level.order_count -= 1
        if level.head is None:
            self.remove_level(level)

    def remove_filled_head(self, level: Level, order: Order) -> Order | None:
        """Take the filled head out of its queue and return the order after it. An empty level is the caller's."""
        following = order.next
        level.head = following
        level.order_count -= 1
        order.level = None
        del order.session.shelves[order.exposure][order.order_id]
        if following is None:
            level.tail = None
        else:
            following.previous = None
            order.next = None
        return following

    def remove_level(self, level: Level) -> None:
        """Take out a level whose queue has become empty."""
        levels = self.levels
        if levels.get(level.key) is not level:
            del self.market_levels[level.key]
            return
        del levels[level.key]
        if level is self.best:
            self.best = levels.peekitem(0)[1] if levels else None

    def last_key(self, limit_key: int) -> int:
        """Return the last key at which an aggressor with this limit may trade at once; before the best one where that
        is outside the circuit breaker's range already.
        """
        best = self.best
        if best is not None and best.key < self.start_key:
            return best.key - 1
        return min(limit_key, self.stop_key)

    def first(self) -> Level | None:
        """Return the level that an auction executes first: the best one, of market orders before limit orders."""
        best = self.best
        if not self.market_levels:
            return best
        market: Level = self.market_levels.peekitem(0)[1]
        return market if best is None or market.key <= best.key else best

    def all_levels(self) -> Iterator[Level]:
        """Yield every level in the order in which an auction executes them."""
        return chain.from_iterable(map(levels.__getitem__, keys) for levels, keys in self._runs())

    def _runs(self) -> Iterator[tuple[SortedDict, Iterable[int]]]:
        """Yield keys with the levels that they are of: limit orders up to a level of market orders, that level, and so
        on.
        """
        start = None
        for key in self.market_levels:
            yield self.levels, self.levels.irange(start, key, (True, False))
            yield self.market_levels, (key,)
            start = key
        yield self.levels, self.levels.irange(start)

    def blocks(self) -> Iterator[Block]:
        """Yield what the side offers at each key, hidden quantities counted in, in the order of `all_levels`."""
        for levels, keys in self._runs():
            left = iter(keys)
            while block := list(islice(left, BLOCK_LEVELS)):
                found = list(map(levels.__getitem__, block))
                yield block, list(map(add, map(_qty_of, found), map(_hidden_qty_of, found)))

    def has_room_for(self, limit_key: int, qty: int) -> bool:
        """Tell whether at least `qty` can be taken at keys up to `limit_key`."""
        for level in self.levels.values():
            if level.key > limit_key:
                return False
            qty -= level.qty
            if qty <= 0:
                return True
        return False

    def orders(self) -> Iterator[Order]:
        """Yield the resting orders, best first."""
        return _orders_of(self.all_levels())

    def market_orders(self) -> Iterator[Order]:
        """Yield the market orders that wait for an auction."""
        return _orders_of(self.market_levels.values())

    def depth(self, levels: int) -> Depth:
        """Return (price, quantity, order count) of the best `levels` levels, best first; 0: of all."""
        chosen = self.levels.values()[:levels] if levels else self.levels.values()
        return [(level.price, level.qty, level.order_count) for level in chosen]


class Book:
    """Both sides of one instrument. `exposures` caches the risk engine's handle by account.

    `is_plain`: the order desk's own loop is enough, because the instrument is in continuous trading, no order with
    terms rests, and no trigger is left over. `on_last` and `on_mark` watch the last and the mark price. `at_close` are
    the orders that wait for the closing auction, `for_auction` those that rest for one auction alone.
    """

    __slots__ = (
        "asks",
        "at_close",
        "bids",
        "exposures",
        "for_auction",
        "has_due",
        "instrument",
        "is_plain",
        "on_last",
        "on_mark",
        "pegs",
        "special_count",
    )

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.on_last = PriceWatch(instrument)
        self.on_mark = PriceWatch(instrument)
        self.bids = BookSide(BUY, self.on_last)
        self.asks = BookSide(SELL, self.on_last)
        self.exposures: dict[int, int] = {}
        self.pegs: dict[int, Order] = {}
        self.at_close: dict[int, Order] = {}
        self.for_auction: dict[int, Order] = {}
        self.special_count = 0
        self.has_due = False
        self.is_plain = True
        self.renew()

    def renew(self) -> None:
        """Draw `is_plain` from the rest, after each change of it and of the trading phase."""
        self.is_plain = self.instrument.is_matching and not (self.special_count or self.has_due or self.pegs)

    def side_of(self, order: Order) -> BookSide:
        """Return the side on which an order rests."""
        return self.bids if order.side == BUY else self.asks

    def opposite_of(self, order: Order) -> BookSide:
        """Return the side that an order takes from."""
        return self.asks if order.side == BUY else self.bids

    def place(self, order: Order) -> None:
        """Put any order at the end of the queue at its price; of an iceberg the level's quantity has what is shown."""
        self.side_of(order).append(order)
        extra = order.extra
        if extra is not None:
            level = order.level
            assert level is not None, "it has just been put there"
            level.qty -= extra.hidden_qty
            level.hidden_qty += extra.hidden_qty
            self.special_count += 1
            self.is_plain = False

    def withdraw(self, order: Order) -> None:
        """Take any resting order out of its queue."""
        extra = order.extra
        if extra is not None:
            level = order.level
            assert level is not None, "only a resting order leaves the book"
            level.qty += extra.hidden_qty
            level.hidden_qty -= extra.hidden_qty
            self.special_count -= 1
            self.renew()
        self.side_of(order).remove(order)

    def waiting_for_close(self) -> list[int]:
        """Return the ids of the orders that wait for the closing auction, oldest first, as a queue has them: an order
        keeps its place by its priority, whatever the order is in which it was put here.
        """
        return [order.order_id for order in sorted(self.at_close.values(), key=attrgetter("priority"))]

    def watch_of(self, terms: Terms) -> PriceWatch:
        """Return the watch over the price that these terms are about."""
        return self.on_mark if terms.trigger == "mark" else self.on_last

    def check_invariants(self) -> None:
        """Assert that the book is not crossed unless an auction is to come, sums agree, and every queue stands in order
        of priority.
        """
        if self.instrument.is_uncrossed:
            bid, ask = self.bids.best, self.asks.best
            assert bid is None or ask is None or bid.price < ask.price, f"{self.instrument.symbol} is crossed"
            waiting = len(self.bids.market_levels) + len(self.asks.market_levels)
            assert waiting == 0, "market orders rest for an auction only"
        for side in (self.bids, self.asks):
            best = side.levels.peekitem(0)[1] if side.levels else None
            assert best is side.best, "the cached best level is the best level"
            _check_levels(side, side.levels, is_market=False)
            _check_levels(side, side.market_levels, is_market=True)
        special = sum(1 for side in (self.bids, self.asks) for order in side.orders() if order.extra is not None)
        assert special == self.special_count, "resting orders with terms are counted"
        plain = self.instrument.is_matching and not (special or self.has_due or self.pegs)
        assert self.is_plain == plain, f"{self.instrument.symbol} knows whether its book is plain"
        for watch in (self.on_last, self.on_mark):
            watch.check_invariants()

    def is_empty(self) -> bool:
        """Tell whether no order rests or waits here."""
        resting = self.bids.levels or self.asks.levels or self.bids.market_levels or self.asks.market_levels
        waiting = self.at_close or any(
            watch.up or watch.down or watch.due_count for watch in (self.on_last, self.on_mark)
        )
        return not (resting or waiting)

    def renew_stops(self) -> None:
        """Lay the circuit breaker's range anew, after a trade, an auction or a change of the instrument."""
        instrument = self.instrument
        if not instrument.breaker_seconds:
            self.asks.stop_key = self.bids.stop_key = KEY_MAX
            self.asks.start_key = self.bids.start_key = -KEY_MAX
            return
        low, high = instrument.breaker_range(self.on_last.price)
        self.asks.start_key, self.asks.stop_key = low, high
        self.bids.start_key, self.bids.stop_key = -high, -low


_qty_of = attrgetter("qty")
_hidden_qty_of = attrgetter("hidden_qty")


def _check_levels(side: BookSide, levels: SortedDict, *, is_market: bool) -> None:
    for key, level in levels.items():
        assert key == level.key == level.price * side.sign, "a level stands at its key"
        count, qty, hidden, priority = 0, 0, 0, 0
        previous: Order | None = None
        order = level.head
        while order is not None:
            assert order.previous is previous, "links point both ways"
            assert order.level is level, "an order knows its level"
            assert order.leaves_qty > 0, f"order {order.order_id} rests with nothing left"
            assert (order.price, order.side) == (level.price, side.side), "an order rests at its own price and side"
            assert (order.ord_type == MARKET) == is_market, "market and limit orders stand apart"
            assert order.priority > priority, "a queue is in order of priority"
            assert order.leaves_qty + order.cum_qty == order.qty, "quantities of an order add up"
            priority, count, qty, previous = order.priority, count + 1, qty + order.leaves_qty, order
            if order.extra is not None:
                assert not order.extra.waiting, f"order {order.order_id} rests and waits"
                assert 0 <= order.extra.hidden_qty < order.leaves_qty, f"order {order.order_id} shows something"
                hidden += order.extra.hidden_qty
            order = order.next
        assert count > 0, "no empty level stays in the book"
        assert level.tail is previous, "the tail ends the queue"
        assert (level.order_count, level.qty, level.hidden_qty) == (count, qty - hidden, hidden), "level sums agree"
