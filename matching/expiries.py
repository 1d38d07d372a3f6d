"""When Good Till Date orders expire: open ones by (time, order id), soonest first. It reads no clock."""

from typing import TYPE_CHECKING, Final

from sortedcontainers import SortedList

from matching.types import GOOD_TILL_DATE

if TYPE_CHECKING:
    from matching.order import Order

NO_ORDER_ABOVE: Final = 1 << 63
"""Above every order id."""


def expiry_of(order: "Order") -> int:
    """Return when an order expires, in nanoseconds since the epoch; 0: not by the clock."""
    terms = order.terms
    return terms.expire_ns if terms is not None and order.time_in_force == GOOD_TILL_DATE else 0


class Expiries:
    """Every open Good Till Date order, once."""

    __slots__ = ("_times",)

    def __init__(self) -> None:
        self._times: SortedList[tuple[int, int]] = SortedList()

    def __len__(self) -> int:
        return len(self._times)

    def add(self, order: "Order") -> None:
        """List an order, if it has a time."""
        expire_ns = expiry_of(order)
        if expire_ns:
            self._times.add((expire_ns, order.order_id))

    def discard(self, order: "Order") -> None:
        """Forget an order, if it has a time; before its terms change."""
        expire_ns = expiry_of(order)
        if expire_ns:
            self._times.discard((expire_ns, order.order_id))

    def count_until(self, time_ns: int) -> int:
        """Return how many orders' time has come."""
        return int(self._times.bisect_right((time_ns, NO_ORDER_ABOVE)))

    def next_until(self, time_ns: int) -> int:
        """Return the id of the order whose time came first; 0 when no order's has."""
        if not self._times:
            return 0
        expire_ns, order_id = self._times[0]
        return int(order_id) if expire_ns <= time_ns else 0

    def next_ns(self) -> int:
        """Return the time of the order that expires next, 0 without one."""
        return int(self._times[0][0]) if self._times else 0
