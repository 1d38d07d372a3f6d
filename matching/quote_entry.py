"""Entering one entry of a MassQuote(i): both sides are taken together, or the quote stays as it was.

First everything that either side asks for is checked against everything that the other one holds; then what changes is
taken out of the book, so that a quote that moves never meets itself; then the sides enter, the bid first. Less quantity
at the same price keeps its place, anything else goes to the end of the queue.
"""

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from matching import refusals
from matching.book import Book
from matching.commands import MassQuote, NewOrder, QuoteEntry
from matching.events import Event
from matching.order import Extra, Order, Session
from matching.order_states import AFTER_CANCEL, AFTER_REPLACE
from matching.quotes import frozen_text
from matching.refusals import Refusal
from matching.terms import PLAIN, QuoteIds, Terms
from matching.texts import decimal_text
from matching.types import BUY, DAY, E8, EXEC_CANCELED, EXEC_NEW, EXEC_REPLACED, LIMIT, SELL, QuoteKey, Side

if TYPE_CHECKING:
    from matching.special import SpecialDesk


class _Change(NamedTuple):
    """What one side of a quote becomes: `qty` at `price`, nothing where that is 0. `order` stands there now."""

    side: Side
    price: int
    qty: int
    order: Order | None

    @property
    def keeps_place(self) -> bool:
        """Whether the order stays where it is in its queue."""
        order = self.order
        return order is not None and order.price == self.price and 0 < self.qty <= order.leaves_qty


class QuoteEntering:
    """Keeps no state of its own."""

    __slots__ = ("desk", "special")

    def __init__(self, special: "SpecialDesk") -> None:
        self.special = special
        self.desk = special.desk

    def enter(self, command: MassQuote, entry: QuoteEntry, out: list[Event]) -> Refusal | None:
        """Put a quote in place of the one before; return why it was refused, then nothing has changed."""
        book = self.desk.books[entry.instrument_id]
        key = command.session_id, command.account_id, entry.instrument_id
        sides = self.special.quotes.sides.get(key, {})
        changes = [
            _Change(BUY, entry.bid_price, entry.bid_qty, sides.get(BUY)),
            _Change(SELL, entry.offer_price, entry.offer_qty, sides.get(SELL)),
        ]
        exposure = self.desk.exposure_of(book, command.account_id)
        refusal = self._refusal(command, entry, book, key, changes) or self._hold(command, exposure, changes)
        if refusal is not None:
            return refusal
        ids = QuoteIds(command.quote_id, entry.set_id, entry.entry_id, command.answer_id)
        terms = msgspec.structs.replace(command.terms or PLAIN, quote=ids)
        entering = [order for each in changes if (order := self._apply(command, terms, exposure, each, book, out))]
        for order in entering:
            if self.special.quotes.is_leaving(order):
                # Protection has stopped it while its other side traded.
                self.special.quotes.pull(key, out)
            elif order.is_open():
                self.special.go(order, book, out)
        self.special.after.run(out)
        return None

    # -- checks -------------------------------------------------------------------------------------------------------

    def _refusal(
        self, command: MassQuote, entry: QuoteEntry, book: Book, key: QuoteKey, changes: list[_Change]
    ) -> Refusal | None:
        """Return why the moment does not take such a quote; one that is only taken away, the moment always takes."""
        instrument = book.instrument
        if instrument.auction is not None:
            return refusals.AUCTION_EXECUTES, f"the auction of {instrument.symbol} is being executed"
        wanted = [each for each in changes if each.qty]
        if not wanted:
            return None
        if len(wanted) > 1 and entry.bid_price >= entry.offer_price:
            bid, offer = (decimal_text(each.price * instrument.tick_e8, E8) for each in changes)
            return refusals.QUOTE_CROSSED, f"BidPx(132) {bid} is not below OfferPx(133) {offer}"
        why = self.desk.risk.quote_freeze(key)
        if why:
            return refusals.QUOTES_FROZEN, frozen_text(instrument.symbol, why)
        if book.has_due:
            return self.special.blocked_by_triggers(book)
        session, works = self.desk.sessions[command.session_id], self.desk.works
        for each in wanted if works.pending else ():
            blocked = works.blocks(session, command.account_id, instrument, each.side) or works.blocks_quote(key)
            if blocked is not None:
                return blocked
        return self.special.entry.phase_refusal(_as_order(command, entry, wanted[0]), book)

    def _hold(self, command: MassQuote, exposure: int, changes: list[_Change]) -> Refusal | None:
        """Hold what the sides need in place of what they held, those that need less first; or hold all as before and
        return why.
        """
        held: list[_Change] = []
        for each in sorted(changes, key=_growth):
            refusal = self._check(command, exposure, each)
            if refusal is not None:
                for done in reversed(held):
                    self._swap(exposure, done, back=True)
                code, text = refusal
                return code, f"{'bid' if each.side == BUY else 'offer'}: {text}"
            self._swap(exposure, each, back=False)
            held.append(each)
        return None

    def _check(self, command: MassQuote, exposure: int, change: _Change) -> Refusal | None:
        risk, order = self.desk.risk, change.order
        ids = command.session_id, exposure, change.side
        if not change.qty:
            return None
        if order is None:
            return risk.check(*ids, change.price, change.qty, 0)
        return risk.check_replace(*ids, change.price, change.qty, 0, change.qty, order.price, order.leaves_qty)

    def _swap(self, exposure: int, change: _Change, *, back: bool) -> None:
        """Hold for what a side becomes in place of what it is; `back`: the other way round."""
        risk, order = self.desk.risk, change.order
        if back and change.qty:
            risk.release(exposure, change.side, change.price, change.qty)
        if order is not None:
            (risk.reserve if back else risk.release)(exposure, change.side, order.price, order.leaves_qty)
        if change.qty and not back:
            risk.reserve(exposure, change.side, change.price, change.qty)

    # -- changes ------------------------------------------------------------------------------------------------------

    def _apply(
        self, command: MassQuote, terms: Terms, exposure: int, change: _Change, book: Book, out: list[Event]
    ) -> Order | None:
        """Change one side, whose holds are as they will be; return the order where it has to enter the book."""
        order = change.order
        if order is None:
            return self._accept(command, terms, exposure, change, book, out) if change.qty else None
        order.cl_ord_id = command.quote_id
        if not change.qty:
            self._cancel(order, out)
            return None
        extra = order.extra
        assert extra is not None, "a quote has terms"
        extra.terms = terms
        less = order.leaves_qty - change.qty
        if change.keeps_place and not less:
            return None
        keeps_place = change.keeps_place
        if keeps_place:
            self.special.reduce(order, less)
        else:
            self.special.take_out(order, book)
            order.price, order.leaves_qty = change.price, change.qty
            order.qty = order.cum_qty + change.qty
        order.status = AFTER_REPLACE[order.status]
        self.desk.say(order, EXEC_REPLACED, out)
        if keeps_place:
            return None
        order.priority = self.desk.last_exec_id
        return order

    def _cancel(self, order: Order, out: list[Event]) -> None:
        """Cancel a side whose hold is given back already."""
        self.special.hold(order)
        cancel_side(self.special, order, order.cl_ord_id, out)

    def _accept(
        self, command: MassQuote, terms: Terms, exposure: int, change: _Change, book: Book, out: list[Event]
    ) -> Order:
        """Say New of a side that is held for; it is in no book yet."""
        desk = self.desk
        session: Session = desk.sessions[command.session_id]
        order_id = desk.last_order_id = desk.last_order_id + 1
        order = Order(
            order_id, session, command.quote_id, command.account_id, book.instrument.instrument_id, change.side, LIMIT,
            DAY, change.price, change.qty, exposure, desk.last_exec_id + 1,
        )  # fmt: skip
        order.extra = Extra(terms)
        desk.orders[order_id] = session.shelves[exposure][order_id] = order
        self.special.quotes.add(order)
        desk.say(order, EXEC_NEW, out)
        return order


def cancel_side(special: "SpecialDesk", order: Order, quote_id: str, out: list[Event]) -> None:
    """Cancel a side of a quote because its session asked for it; the answer to that says it.

    Of one that has never traded nobody has heard: it is forgotten, as quotes come and go all day long.
    """
    is_reported = special.quotes.is_reported(order)
    order.cl_ord_id = quote_id
    special.desk.leave(order)
    order.status = AFTER_CANCEL[order.status]
    special.desk.say(order, EXEC_CANCELED, out)
    if not is_reported:
        special.desk.forget(order)


def _growth(change: _Change) -> int:
    """Return how much more a side needs than before, below 0 for less: what that frees the other one may use."""
    before = 0 if change.order is None else change.order.price * change.order.leaves_qty
    return change.price * change.qty - before


def _as_order(command: MassQuote, entry: QuoteEntry, change: _Change) -> NewOrder:
    """Return a side as the order that the rules of a trading phase are about."""
    ids = command.session_id, command.epoch, command.msg_seq_num
    names = command.quote_id, command.account_id, entry.instrument_id
    return NewOrder(*ids, False, *names, change.side, LIMIT, DAY, change.price, change.qty)
