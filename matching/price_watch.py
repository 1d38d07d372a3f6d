"""The trigger book: orders that wait for one price of one instrument, the last or the mark, to reach theirs.

It costs nothing while the price is away: the order desk compares the price of a trade with `low` and `high`, and only
a price at or beyond them reaches in here. Orders of one trigger price wait in the order in which they came; a price
that is reached gives up whole queues, so that 100,000 orders at one price are due in one step.
"""

from collections import deque
from typing import TYPE_CHECKING, Final

import msgspec
from sortedcontainers import SortedDict

from matching.instrument import Instrument
from matching.types import BUY, MARKET_IF_TOUCHED, OrdType, Side

if TYPE_CHECKING:
    from matching.order import Order

TRAILS_MAX: Final = 500
"""Trailing stops of one instrument on one price: a new extreme moves them all in one step."""
NEVER_ABOVE: Final = 1 << 62
"""A price that is never reached from below; no price is below 1, so that 0 is never reached from above."""


def is_upward(side: Side, ord_type: OrdType) -> bool:
    """Tell whether an order waits for the price to rise: a stop that buys, or a market-if-touched that sells."""
    return (side == BUY) != (ord_type == MARKET_IF_TOUCHED)


def trailing_price(side: Side, price: int, offset: int) -> int:
    """Return the trigger price of a trailing stop at its distance from the price, at least one tick."""
    return price + offset if side == BUY else max(price - offset, 1)


class PriceWatch:
    """`price` is the last one seen, 0 before the first. `up` and `down` are queues by trigger price, keys ascending
    from the price that is reached first. `due` are queues whose price was reached and that have not entered, with
    `due_count` orders. `trails` are trailing stops by order id; they wait in `up` or `down` as well.
    """

    __slots__ = ("down", "due", "due_count", "high", "instrument", "low", "price", "trails", "up")

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.due: deque[dict[int, Order]] = deque()
        self.due_count = 0
        self.price = 0
        self.low = 0
        self.high = NEVER_ABOVE
        self.up: SortedDict[int, dict[int, Order]] = SortedDict()
        self.down: SortedDict[int, dict[int, Order]] = SortedDict()
        self.trails: dict[int, Order] = {}

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
        stop_price = extra.terms.stop_price
        queues, key = (self.up, stop_price) if is_upward(order.side, order.ord_type) else (self.down, -stop_price)
        group = queues.get(key)
        if group is None:
            group = queues[key] = {}
        group[order.order_id] = order
        extra.group = group
        if extra.terms.peg == "trail":
            self.trails[order.order_id] = order
        self.renew()

    def remove(self, order: "Order") -> None:
        """Take a waiting order out, also one that is due already; its queue here goes with its last order."""
        extra = order.extra
        assert extra is not None, "an order with a trigger has terms"
        assert extra.group is not None, f"order {order.order_id} waits"
        group, extra.group = extra.group, None
        del group[order.order_id]
        was_trailing = self.trails.pop(order.order_id, None) is not None
        stop_price = extra.terms.stop_price
        queues, key = (self.up, stop_price) if is_upward(order.side, order.ord_type) else (self.down, -stop_price)
        if queues.get(key) is not group:
            self.due_count -= 1
        elif not group:
            del queues[key]
            self.renew()
        elif was_trailing:
            self.renew()

    def renew(self) -> None:
        """Draw `low` and `high` from what waits: a trigger price, or a new extreme that a trailing stop follows."""
        up, down = self.up, self.down
        self.high = up.keys()[0] if up else NEVER_ABOVE
        self.low = -down.keys()[0] if down else 0
        for order in self.trails.values():
            terms = order.terms
            assert terms is not None, "a trailing stop has terms"
            if order.side == BUY:
                self.low = max(self.low, terms.stop_price - terms.offset - 1)
            else:
                self.high = min(self.high, terms.stop_price + terms.offset + 1)

    def reach(self, price: int) -> None:
        """Make due the queues whose trigger price is reached, nearest first. Trailing stops do not move."""
        before = len(self.due)
        for queues, key in ((self.up, price), (self.down, -price)):
            while queues and queues.keys()[0] <= key:
                group = queues.popitem(0)[1]
                self.due.append(group)
                self.due_count += len(group)
        if len(self.due) == before:
            return
        if self.trails:
            self.trails = {key: order for key, order in self.trails.items() if self._still_waits(order)}
        self.renew()

    def next_due(self) -> "Order":
        """Return the triggered order that enters next; there is one."""
        while not self.due[0]:
            self.due.popleft()
        return next(iter(self.due[0].values()))

    def _still_waits(self, order: "Order") -> bool:
        extra = order.extra
        assert extra is not None, "a trailing stop has terms"
        stop_price = extra.terms.stop_price
        queues, key = (self.up, stop_price) if is_upward(order.side, order.ord_type) else (self.down, -stop_price)
        return queues.get(key) is extra.group

    def follow(self, price: int) -> None:
        """Move the trailing stops that a new extreme draws after it, in order of their ids. At most TRAILS_MAX."""
        for order_id in sorted(self.trails):
            order = self.trails[order_id]
            extra = order.extra
            assert extra is not None, "a trailing stop has terms"
            terms = extra.terms
            wanted = trailing_price(order.side, price, terms.offset)
            if (wanted < terms.stop_price) if order.side == BUY else (wanted > terms.stop_price):
                self.remove(order)
                extra.terms = msgspec.structs.replace(terms, stop_price=wanted)
                self.add(order)

    def check_invariants(self) -> None:
        """Assert that every queue has orders that know it, stand at their price, and are in nothing else."""
        low, high = self.low, self.high
        self.renew()
        assert (low, high) == (self.low, self.high), "the bounds are those of what waits"
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
