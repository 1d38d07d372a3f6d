"""What orders with terms and their books add to the engine's state: terms, queues of triggers, last prices.

The queues are written as they stand, because a trailing stop keeps its place by when it moved, which nothing else
tells. What can be drawn from orders (pegs, reduce-only lists, expiries) is not written.
"""

from typing import TYPE_CHECKING, TypeAlias

import msgspec

from matching.links import Link
from matching.order import Extra, Order
from matching.price_watch import PriceWatch
from matching.terms import Terms
from matching.types import AT_THE_CLOSE, PEGGED

if TYPE_CHECKING:
    from matching.desk import OrderDesk

ExtraRecord: TypeAlias = tuple[int, Terms, int, bool, bool, bool]
"""Order id, terms, hidden quantity, whether the order waits, whether for its entry, whether anything is held for it."""
LinkRecord: TypeAlias = tuple[int, list[int], int, int, bool, bool]
"""Order id of the entry or 0, those of the legs, quantity, what closed legs have filled, whether it is broken, whether
it is to be brought up to date."""
BookRecord: TypeAlias = tuple[int, int, int, list[list[int]], list[list[int]]]
"""Instrument id, last price, mark price, and the order ids of the queues of triggers on either, in their order."""


DueRecord: TypeAlias = tuple[int, bool, list[list[int]]]
"""Instrument id, whether it is about the mark price, and the order ids of the queues that are due, in their order."""


class SpecialRecord(msgspec.Struct, array_like=True, gc=False):
    """`due` are the queues of triggered orders; `expiring_ns` is the time up to which orders are expiring; `trims` are
    (account id, instrument id) whose reduce-only orders are to be cut, `stirred` instruments whose pegs are to move.
    """

    extras: list[ExtraRecord] = []
    books: list[BookRecord] = []
    due: list[DueRecord] = []
    expiring_ns: int = 0
    trims: list[tuple[int, int]] = []
    stirred: list[int] = []
    links: list[LinkRecord] = []
    singles: list[int] = []


def dump_special(desk: "OrderDesk") -> SpecialRecord:
    """Return the record of orders with terms, in the order of their ids, and of the books."""
    special = desk.special
    by_exposure = {order.exposure: (order.account_id, order.instrument_id) for order in desk.orders.values()}
    return SpecialRecord(
        [
            (
                order_id,
                order.extra.terms,
                order.extra.hidden_qty,
                order.extra.waiting,
                order.extra.for_entry,
                order.extra.is_held,
            )
            for order_id, order in desk.orders.items()
            if order.extra is not None
        ],
        [
            (key, book.on_last.price, book.on_mark.price, _queues(book.on_last), _queues(book.on_mark))
            for key, book in sorted(desk.books.items())
        ],
        [_due(watch) for watch in special.after.due if watch.due_count],
        special.after.expiring_ns,
        [by_exposure[exposure] for exposure in special.after.trims],
        list(special.after.stirred),
        _links(desk),
        [order.order_id for order in special.links.singles.values()],
    )


def _links(desk: "OrderDesk") -> list[LinkRecord]:
    """Those to be brought up to date first, in their order, then the others by their first order."""
    touched = desk.special.links.touched
    links = dict(touched)
    for order in desk.orders.values():
        if order.extra is not None and order.extra.link is not None:
            links[order.extra.link] = None
    return [
        (
            -link.closed_entry_id if link.entry is None else link.entry.order_id,
            [leg.order_id for leg in link.legs],
            link.qty,
            link.done,
            link.is_broken,
            link in touched,
        )
        for link in links
    ]


def _due(watch: PriceWatch) -> DueRecord:
    first = next(group for group in watch.due if group)
    terms = next(iter(first.values())).terms
    is_mark = terms is not None and terms.trigger == "mark"
    return watch.instrument.instrument_id, is_mark, [list(group) for group in watch.due if group]


def _queues(watch: PriceWatch) -> list[list[int]]:
    return [list(group) for queues in (watch.up, watch.down) for group in queues.values()]


def load_special(desk: "OrderDesk", record: SpecialRecord) -> None:
    """Give orders their terms back and let the waiting ones wait; resting ones are put into their queues after this."""
    special, orders = desk.special, desk.orders
    for order_id, terms, hidden_qty, waiting, for_entry, is_held in record.extras:
        order = orders[order_id]
        order.extra = extra = Extra(terms)
        extra.hidden_qty, extra.waiting = hidden_qty, waiting
        extra.for_entry, extra.is_held = for_entry, is_held
        if not waiting:
            extra.told_price, extra.told_qty = order.price, order.leaves_qty - hidden_qty
        if not order.is_open():
            continue
        if order.ord_type == PEGGED:
            desk.books[order.instrument_id].pegs[order_id] = order
        special.expiries.add(order)
        if terms.quote is not None:
            special.quotes.add(order)
        if waiting and not for_entry and order.time_in_force == AT_THE_CLOSE:
            desk.books[order.instrument_id].at_close[order_id] = order
    _load_links(desk, record)
    for instrument_id, is_mark, groups in record.due:
        book = desk.books[instrument_id]
        watch = book.on_mark if is_mark else book.on_last
        watch.due.extend(_group(orders, group) for group in groups)
        watch.due_count = sum(len(group) for group in groups)
        special.after.due[watch] = None
    special.after.expiring_ns = record.expiring_ns
    for account_id, instrument_id in record.trims:
        special.after.trims[desk.risk.exposure(account_id, instrument_id)] = None
    for instrument_id, last_price, mark_price, on_last, on_mark in record.books:
        book = desk.books[instrument_id]
        book.on_last.price, book.on_mark.price = last_price, mark_price
        for watch, queues in ((book.on_last, on_last), (book.on_mark, on_mark)):
            for order_id in (each for group in queues for each in group):
                watch.add(orders[order_id])
        book.renew()


def load_stirred(desk: "OrderDesk", record: SpecialRecord) -> None:
    """Put down which books' pegs are to move, once all orders rest again and all work is there."""
    desk.special.after.stirred = {each: desk.books[each] for each in record.stirred}
    desk.special.after.renew()


def _load_links(desk: "OrderDesk", record: SpecialRecord) -> None:
    orders = desk.orders
    for entry_id, leg_ids, qty, done, is_broken, is_touched in record.links:
        link = Link(orders[entry_id] if entry_id > 0 else None, [orders[each] for each in leg_ids], qty)
        link.done, link.is_broken, link.closed_entry_id = done, is_broken, max(-entry_id, 0)
        for order in link.orders():
            desk.special.links.add(link, order.instrument_id)
            assert order.extra is not None, "a linked order has terms"
            order.extra.link = link
        if is_touched:
            desk.special.links.touched[link] = None
    for order_id in record.singles:
        order = orders[order_id]
        assert order.extra is not None, "a linked order has terms"
        desk.special.links.singles[order.session.comp_id, order.extra.terms.link_id] = order


def _group(orders: dict[int, Order], order_ids: list[int]) -> dict[int, Order]:
    group = {order_id: orders[order_id] for order_id in order_ids}
    for order in group.values():
        assert order.extra is not None, "a triggered order has terms"
        order.extra.group = group
    return group
