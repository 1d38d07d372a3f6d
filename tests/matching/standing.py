"""Everything of an engine that stands in an order, as ids: equal for an engine and for one out of its snapshot."""

from typing import Any

from matching.book import Book
from matching.engine import Engine
from matching.links import Link
from matching.price_watch import PriceWatch


def standing(engine: Engine) -> dict[str, Any]:
    """Return every container by its name. Where each reader sorts or only looks up, and so the order cannot matter,
    it comes sorted.
    """
    desk, special = engine.desk, engine.desk.special
    found: dict[str, Any] = {
        "orders": list(desk.orders),
        "open": {
            key: sorted(list(shelf) for shelf in session.shelves.values() if shelf)
            for key, session in desk.sessions.items()
        },
        "refused": {key: list(member.refused) for key, member in desk.members.items()},
        "mass cancels": {key: list(member.mass_cancels) for key, member in desk.members.items()},
        "link ids": {key: member.link_ids for key, member in desk.members.items()},
        "works": [(each.kind, list(each.order_ids[each.done :]), each.askers) for each in engine.works.pending],
        "due": [watch_name(engine, watch) for watch in special.after.due],
        "flagged": sorted(book.instrument.instrument_id for book in special.after.flagged),
        "stirred": list(special.after.stirred),
        "trims": [pair(engine, exposure) for exposure in special.after.trims],
        "reducing": sorted((pair(engine, key), sorted(orders)) for key, orders in special.reducing.items()),
        "expiries": list(special.expiries._times),
        "touched": [link_of(link) for link in special.links.touched],
        "known": sorted((key, sorted(map(link_of, links))) for key, links in special.links.known.items() if links),
        "singles": sorted((key, order.order_id) for key, order in special.links.singles.items()),
        "quotes": sorted((key, [each.order_id for each in special.quotes.orders(key)]) for key in special.quotes.sides),
        "leaving": special.quotes.records(),
        "left": (special.after.is_left, special.after.left(), special.after.expiring_ns),
    }
    for key, book in sorted(desk.books.items()):
        found[f"book {key}"] = book_of(book)
    return found


def book_of(book: Book) -> dict[str, Any]:
    """Queues and lists of one book."""
    return {
        "bids": [order.order_id for order in book.bids.orders()],
        "asks": [order.order_id for order in book.asks.orders()],
        "stops": (book.bids.stop_key, book.asks.stop_key),
        "at close": book.waiting_for_close(),
        "for auction": sorted(book.for_auction),
        "pegs": sorted(book.pegs),
        "plain": (book.is_plain, book.has_due),
        "last": watch_of(book.on_last),
        "mark": watch_of(book.on_mark),
    }


def watch_of(watch: PriceWatch) -> tuple[Any, ...]:
    """Queues of triggers in their order, those that are due too."""
    queues = [[(key, list(group)) for key, group in each.items()] for each in (watch.up, watch.down)]
    due = [list(group) for group in watch.due if group]
    return watch.price, watch.low, watch.high, queues, due, watch.due_count, sorted(watch.trails)


def watch_name(engine: Engine, watch: PriceWatch) -> tuple[int, bool]:
    """Instrument, and whether it watches the mark price."""
    key = watch.instrument.instrument_id
    return key, watch is engine.desk.books[key].on_mark


def link_of(link: Link) -> tuple[Any, ...]:
    """A link by its orders."""
    entry = 0 if link.entry is None else link.entry.order_id
    return entry, [leg.order_id for leg in link.legs], link.qty, link.done, link.is_broken


def pair(engine: Engine, exposure: int) -> tuple[int, int]:
    """Account and instrument of an exposure, whose number may be another one after a restart."""
    found = next(order for order in engine.desk.orders.values() if order.exposure == exposure)
    return found.account_id, found.instrument_id
