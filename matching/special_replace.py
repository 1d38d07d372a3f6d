"""Replacing where terms are about: an order that has some or gets some, and any order in a book that is not plain.

What may change: price, quantity, TimeInForce(59) between Day, GTC and GTD, trigger price, displayed quantity, offset of
a peg, cap and expiry. Quantity down and nothing else keeps the place, in the book or among the triggers; all else loses
it. A refused replace has changed nothing.
"""

from typing import TYPE_CHECKING

import msgspec

from matching import pegs, refusals
from matching.book import Book
from matching.commands import ReplaceOrder
from matching.events import Event
from matching.order import Extra, Order
from matching.order_lists import moved_fault
from matching.order_states import AFTER_REPLACE
from matching.price_watch import trailing_price
from matching.refusals import Refusal
from matching.term_checks import TAKING_TYPES, TRIGGERED_TYPES, terms_fault
from matching.terms import PLAIN, Terms
from matching.texts import decimal_text
from matching.types import (
    AT_THE_CLOSE,
    AT_THE_OPENING,
    DAY,
    E8,
    EXEC_REPLACED,
    GOOD_TILL_CANCEL,
    GOOD_TILL_DATE,
    LIMIT,
    MARKET,
    PEGGED,
    STOP_LIMIT,
    TimeInForce,
)

if TYPE_CHECKING:
    from matching.special import SpecialDesk

REPLACEABLE_TO: tuple[TimeInForce, ...] = (DAY, GOOD_TILL_CANCEL, GOOD_TILL_DATE)


class SpecialReplace:
    """Keeps no state of its own."""

    __slots__ = ("desk", "special")

    def __init__(self, special: "SpecialDesk") -> None:
        self.special = special
        self.desk = special.desk

    def fault(self, command: ReplaceOrder, order: Order, time_ns: int) -> Refusal | None:
        """Return code and text where an open order cannot take these terms, in order of precedence."""
        book = self.desk.books[order.instrument_id]
        fault = self._kept_fault(command, order)
        if fault is not None:
            return fault
        terms = self._terms(command, order, book)
        fault = terms_fault(
            terms,
            book.instrument,
            ord_type=order.ord_type,
            time_in_force=command.time_in_force,
            qty=command.qty,
            post_only=command.post_only,
            time_ns=time_ns,
        )
        fault = fault or moved_fault(order, command.price, terms, book.instrument)
        if fault is not None:
            return fault
        if book.has_due:
            return self.special.blocked_by_triggers(book)
        is_held = order.extra is None or order.extra.is_held
        works = self.desk.works
        asking = self.desk.sessions[command.session_id]
        fault = works.blocks(asking, order.account_id, book.instrument, order.side) if works.pending else None
        if fault is not None:
            return fault
        price = self._price(command, order, book, terms)
        return self.desk.risk.check_replace(
            command.session_id,
            order.exposure,
            order.side,
            price,
            command.qty,
            self._taken_price(command, order, book, price),
            command.qty - order.cum_qty if is_held else 0,
            order.price,
            order.leaves_qty if is_held else 0,
        )

    def _kept_fault(self, command: ReplaceOrder, order: Order) -> Refusal | None:
        """Refuse a change of what an order keeps for life."""
        may_be_limit = order.ord_type == STOP_LIMIT and not _waits(order)
        if command.ord_type != order.ord_type and not (may_be_limit and command.ord_type == LIMIT):
            text = f"OrdType(40) {command.ord_type} found, order O{order.order_id} stays {order.ord_type}"
            return refusals.ORD_TYPE_NOT_REPLACEABLE, text
        if command.time_in_force not in (order.time_in_force, *REPLACEABLE_TO):
            allowed = f"Day ({DAY}), GTC ({GOOD_TILL_CANCEL}) or GTD ({GOOD_TILL_DATE})"
            text = f"TimeInForce(59) {command.time_in_force} found, an open order may be replaced to {allowed}"
            return refusals.TIME_IN_FORCE_NOT_REPLACEABLE, text
        link = None if order.extra is None else order.extra.link
        if link is not None and order is not link.entry and command.qty != order.qty:
            text = f"OrderQty(38) of order O{order.order_id} follows the orders that it is linked to"
            return refusals.TERM_NOT_REPLACEABLE, text
        wanted, present = command.terms or PLAIN, order.terms or PLAIN
        for name, old, new in (
            ("reduce-only", present.reduce_only, wanted.reduce_only),
            ("peg", present.peg, wanted.peg),
            ("link id", present.link_id, wanted.link_id),
            # One that has none may get one: of the order, or of a session that has a default now.
            ("self-match id", present.self_match_id or False, wanted.self_match_id),
        ):
            if new and old is not False and new != old:
                return refusals.TERM_NOT_REPLACEABLE, f"{name} of order O{order.order_id} cannot become {new}"
        if wanted.reduce_only and not present.reduce_only:
            return refusals.TERM_NOT_REPLACEABLE, f"order O{order.order_id} cannot become reduce-only"
        if command.qty <= order.cum_qty:
            instrument = self.desk.books[order.instrument_id].instrument
            found, filled = (decimal_text(each * instrument.lot_e8, E8) for each in (command.qty, order.cum_qty))
            text = f"OrderQty(38) {found} is not above CumQty(14) {filled} of order O{order.order_id}"
            return refusals.QTY_NOT_ABOVE_FILLED, text
        return None

    def _terms(self, command: ReplaceOrder, order: Order, book: Book) -> Terms:
        """Return the terms after the replace: those that may change as it says, the others as they are."""
        wanted, present = command.terms or PLAIN, order.terms or PLAIN
        stop_price = wanted.stop_price
        if order.ord_type in TRIGGERED_TYPES and not _waits(order):
            stop_price = present.stop_price
        offset = wanted.offset if present.peg else 0
        if present.peg == "trail":
            offset = offset or present.offset
            if not stop_price and offset == present.offset:
                stop_price = present.stop_price
            elif not stop_price:
                price = book.watch_of(present).price or book.instrument.reference_price
                stop_price = trailing_price(order.side, price, offset)
        return msgspec.structs.replace(
            present,
            stop_price=stop_price,
            offset=offset,
            display_qty=wanted.display_qty,
            expire_ns=wanted.expire_ns,
            self_match_id=present.self_match_id or wanted.self_match_id,
            self_match_mode=wanted.self_match_mode or present.self_match_mode,
            cap=command.price if order.ord_type == PEGGED else 0,
        )

    def _price(self, command: ReplaceOrder, order: Order, book: Book, terms: Terms) -> int:
        """Return the price that the replaced order is held for."""
        if order.ord_type in TAKING_TYPES:
            return order.price
        if order.ord_type == PEGGED:
            return pegs.price_of(book, order.side, terms, command.price) or order.price
        return command.price

    def _taken_price(self, command: ReplaceOrder, order: Order, book: Book, price: int) -> int:
        """Return where a post-only order would take at `price`, which of a market order is its protection price."""
        if not command.post_only or order.ord_type == PEGGED or not book.instrument.is_matching:
            return 0
        opposite = book.opposite_of(order)
        best = opposite.best
        return best.price if best is not None and best.key <= price * opposite.sign else 0

    def replace(self, command: ReplaceOrder, order: Order, out: list[Event]) -> None:
        """Put new terms in place of the old ones; the request has no fault."""
        book = self.desk.books[order.instrument_id]
        terms = self._terms(command, order, book)
        price, leaves = self._price(command, order, book, terms), command.qty - order.cum_qty
        keeps_place = (
            price == order.price
            and leaves < order.leaves_qty
            and command.time_in_force == order.time_in_force
            and terms == (order.terms or PLAIN)
        )
        prior_price, prior_shown = _shown_before(order)
        self.special.release(order)
        if keeps_place:
            self.special.reduce(order, order.leaves_qty - leaves)
        else:
            self.special.take_out(order, book)
        original = order.cl_ord_id
        order.rename(command.cl_ord_id)
        self.special.expiries.discard(order)
        order.session.member.used[command.cl_ord_id] = order
        order.price, order.qty, order.leaves_qty = price, command.qty, leaves
        self.special.hold(order)
        order.time_in_force = command.time_in_force
        order.status = AFTER_REPLACE[order.status]
        if keeps_place:
            self.special.expiries.add(order)
        else:
            self._change_terms(order, terms, (prior_price, prior_shown))
        self.desk.say(
            order, EXEC_REPLACED, out, orig_cl_ord_id=original, prior_price=prior_price, prior_leaves=prior_shown
        )
        if not keeps_place:
            order.priority = self.desk.last_exec_id
            self.special.go_on(order, book, out)

    def _change_terms(self, order: Order, terms: Terms, told: tuple[int, int]) -> None:
        book = self.desk.books[order.instrument_id]
        for_auction = order.time_in_force in (AT_THE_OPENING, AT_THE_CLOSE)
        is_linked = order.extra is not None and order.extra.link is not None
        if terms == PLAIN and not (for_auction or is_linked or _waits(order)):
            order.extra = None
            return
        if order.extra is None:
            order.extra = Extra(terms)
            order.extra.told_price, order.extra.told_qty = told
        if order.ord_type in (MARKET, LIMIT):
            order.extra.waiting = order.extra.for_entry or self.special.waits_for_close(order, book)
        elif order.ord_type == PEGGED:
            order.extra.waiting = not pegs.price_of(book, order.side, terms, terms.cap)
        self.special.take_terms(order, terms)


def _waits(order: Order) -> bool:
    return order.extra is not None and order.extra.waiting


def _shown_before(order: Order) -> tuple[int, int]:
    """Return price and quantity of what the book showed of an order, as its last report told."""
    if order.extra is None:
        return order.price, order.leaves_qty
    return order.extra.told_price, order.extra.told_qty
