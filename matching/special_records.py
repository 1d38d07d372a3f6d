"""What orders with terms and their books add to the engine's state: terms, queues of triggers, last prices.

The queues are written as they stand, because a trailing stop keeps its place by when it moved, which nothing else
tells. What can be drawn from orders (pegs, reduce-only lists, expiries) is not written.
"""

from typing import TYPE_CHECKING, TypeAlias

import msgspec

from matching.order import Extra, Order
from matching.price_watch import PriceWatch
from matching.terms import Terms
from matching.types import AT_THE_CLOSE, PEGGED

if TYPE_CHECKING:
    from matching.desk import OrderDesk

ExtraRecord: TypeAlias = tuple[int, Terms, int, bool]
"""Order id, terms, hidden quantity, whether the order waits."""
BookRecord: TypeAlias = tuple[int, int, int, list[list[int]], list[list[int]]]
"""Instrument id, last price, mark price, and the order ids of the queues of triggers on either, in their order."""


class SpecialRecord(msgspec.Struct, array_like=True, gc=False):
    """`due` are the queues of triggered orders; `expiring_ns` is the time up to which orders are expiring; `trims` are
    (account id, instrument id) whose reduce-only orders are to be cut, `stirred` instruments whose pegs are to move.
    """

    extras: list[ExtraRecord] = []
    books: list[BookRecord] = []
    due: list[list[int]] = []
    expiring_ns: int = 0
    trims: list[tuple[int, int]] = []
    stirred: list[int] = []


def dump_special(desk: "OrderDesk") -> SpecialRecord:
    """Return the record of orders with terms, in the order of their ids, and of the books."""
    special = desk.special
    by_exposure = {order.exposure: (order.account_id, order.instrument_id) for order in desk.orders.values()}
    return SpecialRecord(
        [
            (order_id, order.extra.terms, order.extra.hidden_qty, order.extra.waiting)
            for order_id, order in desk.orders.items()
            if order.extra is not None
        ],
        [
            (key, book.on_last.price, book.on_mark.price, _queues(book.on_last), _queues(book.on_mark))
            for key, book in sorted(desk.books.items())
        ],
        [list(group) for group in special.due if group],
        special.expiring_ns,
        [by_exposure[exposure] for exposure in special.trims],
        list(special.stirred),
    )


def _queues(watch: PriceWatch) -> list[list[int]]:
    return [list(group) for queues in (watch.up, watch.down) for group in queues.values()]


def load_special(desk: "OrderDesk", record: SpecialRecord) -> None:
    """Give orders their terms back and let the waiting ones wait; resting ones are put into their queues after this."""
    special, orders = desk.special, desk.orders
    for order_id, terms, hidden_qty, waiting in record.extras:
        order = orders[order_id]
        order.extra = extra = Extra(terms)
        extra.hidden_qty, extra.waiting = hidden_qty, waiting
        if not waiting:
            extra.told_price, extra.told_qty = order.price, order.leaves_qty - hidden_qty
        if not order.is_open():
            continue
        if order.ord_type == PEGGED:
            desk.books[order.instrument_id].pegs[order_id] = order
        special.expiries.add(order)
        if waiting and order.time_in_force == AT_THE_CLOSE:
            desk.books[order.instrument_id].at_close[order_id] = order
    for group in record.due:
        special.due.append(_group(orders, group))
    special.expiring_ns = record.expiring_ns
    for account_id, instrument_id in record.trims:
        special.trims[desk.risk.exposure(account_id, instrument_id)] = None
    for instrument_id, last_price, mark_price, on_last, on_mark in record.books:
        book = desk.books[instrument_id]
        book.on_last.price, book.on_mark.price = last_price, mark_price
        for watch, queues in ((book.on_last, on_last), (book.on_mark, on_mark)):
            for order_id in (each for group in queues for each in group):
                watch.add(orders[order_id])
        book.renew()


def load_stirred(desk: "OrderDesk", record: SpecialRecord) -> None:
    """Put down which books' pegs are to move, once all orders rest again."""
    desk.special.stirred = {each: desk.books[each] for each in record.stirred}
    desk.special.renew()


def _group(orders: dict[int, Order], order_ids: list[int]) -> dict[int, Order]:
    group = {order_id: orders[order_id] for order_id in order_ids}
    for order in group.values():
        assert order.extra is not None, "a triggered order has terms"
        order.extra.group = group
    return group
