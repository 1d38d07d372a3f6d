"""The trigger book: orders that wait for one price of one instrument, the last or the mark, to reach theirs.

It costs nothing while the price is away: the order desk compares the price of a trade with `low` and `high`, and only
a price at or beyond them reaches in here. Orders of one trigger price wait in the order in which they came; a price
that is reached gives up whole queues, so that 100,000 orders at one price are due in one step.
"""

from collections import deque
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec
from sortedcontainers import SortedDict

from matching.instrument import Instrument
from matching.types import BUY, MARKET_IF_TOUCHED, OrdType, Side

if TYPE_CHECKING:
    from matching.order import Order
    from matching.terms import Terms

    Queues: TypeAlias = SortedDict[int, dict[int, Order]]

TRAILS_MAX: Final = 500
"""Trailing stops of one instrument on one price: a new extreme moves all that it draws in one step."""
NEVER_ABOVE: Final = 1 << 62
"""A price that is never reached from below; no price is below 1, so that 0 is never reached from above."""


def is_upward(side: Side, ord_type: OrdType) -> bool:
    """Tell whether an order waits for the price to rise: a stop that buys, or a market-if-touched that sells."""
    return (side == BUY) != (ord_type == MARKET_IF_TOUCHED)


def trailing_price(side: Side, price: int, offset: int) -> int:
    """Return the trigger price of a trailing stop at its distance from the price, at least one tick."""
    return price + offset if side == BUY else max(price - offset, 1)


class PriceWatch:
    """`price` is the last one seen, 0 before the first; `trade_id` is the newest trade's, where trades are followed
    (`Instrument.follows_trades`), 0 before the first since then.

    `up` and `down` are queues by trigger price, keys ascending from the price that is reached first. `due` are queues
    whose price was reached and that have not entered, with `due_count` orders. `trails` are trailing stops by order
    id; they wait in `up` or `down` as well, and stand in `rising` (those that sell) or `falling` by the extreme that
    they were drawn to, keys ascending from the one that is passed first: a price asks one key of each whether it
    draws any, and touches those alone that it moves. `moves` counts those since the start, for the difference over a
    step alone: it is no state.
    """

    __slots__ = (
        "down", "due", "due_count", "falling", "high", "instrument", "low", "moves", "price", "rising", "trade_id",
        "trails", "up",
    )  # fmt: skip

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.due: deque[dict[int, Order]] = deque()
        self.due_count = 0
        self.price = 0
        self.trade_id = 0
        self.moves = 0
        self.low = 0
        self.high = NEVER_ABOVE
        self.up: SortedDict[int, dict[int, Order]] = SortedDict()
        self.down: SortedDict[int, dict[int, Order]] = SortedDict()
        self.trails: dict[int, Order] = {}
        self.rising: SortedDict[int, dict[int, Order]] = SortedDict()
        self.falling: SortedDict[int, dict[int, Order]] = SortedDict()

    def is_passed(self, order: "Order") -> bool:
        """Tell whether an order's trigger price is reached by the last price seen."""
        terms = order.terms
        assert terms is not None, "an order with a trigger has terms"
        if not self.price:
            return False
        if is_upward(order.side, order.ord_type):
            return self.price >= terms.stop_price
        return self.price <= terms.stop_price

    def add(self, order: "Order") -> None:
        """Let an order wait at the end of the queue of its trigger price."""
        extra = order.extra
        assert extra is not None, "an order with a trigger has terms"
        assert extra.group is None, f"order {order.order_id} waits once"
        queues, key = self._place_of(order, extra.terms)
        extra.group = _put(queues, key, order)
        if extra.terms.peg == "trail":
            self.trails[order.order_id] = order
            _put(*self._extreme_of(order, extra.terms), order)
        self.renew()

    def remove(self, order: "Order") -> None:
        """Take a waiting order out, also one that is due already; its queue here goes with its last order."""
        extra = order.extra
        assert extra is not None, "an order with a trigger has terms"
        assert extra.group is not None, f"order {order.order_id} waits"
        group, extra.group = extra.group, None
        del group[order.order_id]
        was_trailing = self.trails.pop(order.order_id, None) is not None
        if was_trailing:
            self._forget_extreme(order)
        queues, key = self._place_of(order, extra.terms)
        if queues.get(key) is not group:
            self.due_count -= 1
            return
        if not group:
            del queues[key]
        if was_trailing or not group:
            self.renew()

    def renew(self) -> None:
        """Draw `low` and `high` from what waits: a trigger price, or a new extreme that a trailing stop follows."""
        up, down, rising, falling = self.up, self.down, self.rising, self.falling
        self.high = up.keys()[0] if up else NEVER_ABOVE
        self.low = -down.keys()[0] if down else 0
        if rising:
            self.high = min(self.high, rising.keys()[0] + 1)
        if falling:
            self.low = max(self.low, -falling.keys()[0] - 1)

    def _place_of(self, order: "Order", terms: "Terms") -> "tuple[Queues, int]":
        """Return where an order with these terms waits."""
        if is_upward(order.side, order.ord_type):
            return self.up, terms.stop_price
        return self.down, -terms.stop_price

    def _extreme_of(self, order: "Order", terms: "Terms") -> "tuple[Queues, int]":
        """Return where a trailing stop stands by the price beyond which it moves."""
        if order.side == BUY:
            return self.falling, terms.offset - terms.stop_price
        return self.rising, terms.offset + terms.stop_price

    def _forget_extreme(self, order: "Order") -> None:
        terms = order.terms
        assert terms is not None, "a trailing stop has terms"
        extremes, key = self._extreme_of(order, terms)
        del extremes[key][order.order_id]
        if not extremes[key]:
            del extremes[key]

    def reach(self, price: int) -> None:
        """Make due the queues whose trigger price is reached, nearest first. Trailing stops do not move."""
        if not self._pop_reached(price):
            return
        self.renew()

    def _pop_reached(self, price: int) -> bool:
        is_any = False
        for queues, key in ((self.up, price), (self.down, -price)):
            while queues and queues.keys()[0] <= key:
                group = queues.popitem(0)[1]
                self.due.append(group)
                self.due_count += len(group)
                self._stop_trailing(group)
                is_any = True
        return is_any

    def _stop_trailing(self, group: "dict[int, Order]") -> None:
        """Let the trailing stops of a queue that is due follow no more; looks at the shorter of the two lists."""
        trails = self.trails
        if len(group) <= len(trails):
            found = [order_id for order_id in group if order_id in trails]
        else:
            found = [order_id for order_id in trails if order_id in group]
        for order_id in found:
            self._forget_extreme(trails.pop(order_id))

    def next_due(self) -> "Order":
        """Return the triggered order that enters next; there is one."""
        while not self.due[0]:
            self.due.popleft()
        return next(iter(self.due[0].values()))

    def follow(self, price: int) -> None:
        """Move the trailing stops that a new extreme draws after it, in order of their ids. At most TRAILS_MAX."""
        drawn: dict[int, Order] = {}
        for extremes, key in ((self.rising, price), (self.falling, -price)):
            while extremes and extremes.keys()[0] < key:
                drawn.update(extremes.popitem(0)[1])
        if not drawn:
            return
        self.moves += len(drawn)
        for order_id in sorted(drawn):
            self._move(drawn[order_id], price)
        self.renew()

    def _move(self, order: "Order", price: int) -> None:
        """Let a trailing stop wait at its distance from a new extreme, last in its queue."""
        extra = order.extra
        assert extra is not None, "a trailing stop has terms"
        group, terms = extra.group, extra.terms
        assert group is not None, f"order {order.order_id} waits"
        del group[order.order_id]
        if not group:
            queues, key = self._place_of(order, terms)
            del queues[key]
        extra.terms = terms = msgspec.structs.replace(terms, stop_price=trailing_price(order.side, price, terms.offset))
        extra.group = _put(*self._place_of(order, terms), order)
        _put(*self._extreme_of(order, terms), order)

    def check_invariants(self) -> None:
        """Assert that every queue has orders that know it, stand at their price, and are in nothing else."""
        low, high = self.low, self.high
        self.renew()
        assert (low, high) == (self.low, self.high), "the bounds are those of what waits"
        trails = 0
        for extremes in (self.rising, self.falling):
            for key, group in extremes.items():
                assert group, "no empty extreme stays"
                for order_id, order in group.items():
                    assert self.trails[order_id] is order, f"order {order_id} trails"
                    assert order.terms is not None, "a trailing stop has terms"
                    found, wanted = self._extreme_of(order, order.terms)
                    assert found is extremes, f"order {order_id} follows its side's extremes"
                    assert wanted == key, f"order {order_id} stands at its extreme"
                    trails += 1
        assert trails == len(self.trails), "trailing stops stand at their extremes"
        trails = 0
        for queues, sign in ((self.up, 1), (self.down, -1)):
            for key, group in queues.items():
                assert group, "no empty queue stays"
                for order_id, order in group.items():
                    extra = order.extra
                    assert extra is not None, "what waits has terms"
                    assert order_id == order.order_id, "an order waits under its id"
                    assert extra.group is group, f"order {order_id} knows its queue"
                    assert extra.waiting, f"order {order_id} waits"
                    assert extra.terms.stop_price * sign == key, f"order {order_id} waits at its trigger price"
                    assert is_upward(order.side, order.ord_type) == (sign == 1), f"order {order_id} waits on its side"
                    trails += extra.terms.peg == "trail"
        assert trails == len(self.trails), "trailing stops are listed"
        assert self.due_count == sum(len(group) for group in self.due), "orders that are due are counted"


def _put(queues: "Queues", key: int, order: "Order") -> "dict[int, Order]":
    """Put an order at the end of a queue, a new one where there is none; return the queue."""
    group: dict[int, Order] | None = queues.get(key)
    if group is None:
        group = queues[key] = {}
    group[order.order_id] = order
    return group
