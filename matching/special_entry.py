"""The entry of orders with terms, and of any order into a book that is not plain: checks, acceptance, New."""

from typing import TYPE_CHECKING

import msgspec

from matching import pegs, refusals
from matching.book import Book
from matching.commands import NewOrder
from matching.events import Event
from matching.order import Order, Session
from matching.phases import refuse_order
from matching.price_watch import TRAILS_MAX, trailing_price
from matching.refusals import Refusal
from matching.term_checks import TAKING_TYPES, TRIGGERED_TYPES, missing_terms, terms_fault
from matching.terms import PLAIN, Terms
from matching.texts import decimal_text
from matching.types import AT_THE_CLOSE, AT_THE_OPENING, BUY, E8, EXEC_NEW, LIMIT, MARKET, PEGGED

if TYPE_CHECKING:
    from matching.special import SpecialDesk


class SpecialEntry:
    """Keeps no state of its own."""

    __slots__ = ("desk", "special")

    def __init__(self, special: "SpecialDesk") -> None:
        self.special = special
        self.desk = special.desk

    def take(self, command: NewOrder, book: Book, time_ns: int, out: list[Event]) -> Order | None:
        """Refuse a new order, or accept it and return it; it is in no book yet."""
        desk = self.desk
        if command.terms is None and command.time_in_force in (AT_THE_OPENING, AT_THE_CLOSE):
            # Such an order may have to wait, which is a term.
            command = msgspec.structs.replace(command, terms=PLAIN)
        session = desk.sessions[command.session_id]
        exposure = desk.exposure_of(book, command.account_id)
        if desk.is_stopped_at_door(command, session, exposure, time_ns, out):
            return None
        price = self.price_of(command, book)
        refusal = (
            self.terms_refusal(command, book, exposure, time_ns)
            or self.phase_refusal(command, book)
            or self.refusal_of(command, book, exposure, price)
        )
        if refusal is not None:
            desk.reject(command, session, refusal, out)
            return None
        return self.accept(command, book, session, exposure, price, out)

    def price_of(self, command: NewOrder, book: Book) -> int:
        """Return the price that the order is held for: its limit, a peg's first price, or the edge of the band."""
        instrument = book.instrument
        if command.ord_type in TAKING_TYPES:
            return instrument.band_high if command.side == BUY else instrument.band_low
        if command.ord_type == PEGGED and command.terms is not None:
            wanted = pegs.price_of(book, command.side, command.terms, command.price)
            return wanted or command.price or instrument.reference_price
        return command.price

    def phase_refusal(self, command: NewOrder, book: Book) -> Refusal | None:
        """Return why the trading phase does not take such an order; that it takes none at all, the risk engine says."""
        instrument = book.instrument
        if not instrument.is_trading:
            return None
        return refuse_order(
            instrument.symbol,
            instrument.phase,
            command.ord_type,
            command.time_in_force,
            post_only=command.post_only,
            reduce_only=command.terms is not None and command.terms.reduce_only,
        )

    def terms_refusal(self, command: NewOrder, book: Book, exposure: int, time_ns: int) -> Refusal | None:
        terms = command.terms
        if terms is None:
            return None if command.ord_type in (MARKET, LIMIT) else missing_terms(command.ord_type)
        fault = terms_fault(
            terms,
            book.instrument,
            ord_type=command.ord_type,
            time_in_force=command.time_in_force,
            qty=command.qty,
            post_only=command.post_only,
            time_ns=time_ns,
        )
        if fault is not None:
            return fault
        if command.ord_type == PEGGED and len(book.pegs) >= pegs.PEGS_MAX:
            return (
                refusals.TOO_MANY_PEGS,
                f"{book.instrument.symbol} has {pegs.PEGS_MAX} pegged orders, the most that may move in one step",
            )
        if terms.peg == "trail" and len(book.watch_of(terms).trails) >= TRAILS_MAX:
            text = f"{book.instrument.symbol} has {TRAILS_MAX} trailing stops, the most it may"
            return refusals.TOO_MANY_TRAILING_STOPS, text
        if terms.reduce_only and command.ord_type not in TRIGGERED_TYPES:
            position = self.desk.risk.position_of(exposure)
            if (position >= 0) if command.side == BUY else (position <= 0):
                side = "buy" if command.side == BUY else "sell"
                held = decimal_text(position * book.instrument.lot_e8, E8)
                return refusals.REDUCE_ONLY_WITHOUT_POSITION, f"reduce-only {side} with a position of {held}"
        return None

    def refusal_of(
        self, command: NewOrder, book: Book, exposure: int, price: int, *, holds: bool = True
    ) -> Refusal | None:
        """Return why the moment refuses an order; a leg that holds nothing yet needs no money yet."""
        desk = self.desk
        if book.has_due:
            return self.special.blocked_by_triggers(book)
        if desk.works.pending:
            session = desk.sessions[command.session_id]
            blocked = desk.works.blocks(session, command.account_id, book.instrument, command.side)
            if blocked is not None:
                return blocked
        if not holds:
            return desk.risk.check_waiting(command.session_id, exposure, command.side, price, command.qty)
        taken_price = 0
        if command.post_only and command.ord_type != PEGGED and book.instrument.is_matching:
            opposite = book.asks if command.side == BUY else book.bids
            if opposite.best is not None and opposite.best.key <= price * opposite.sign:
                taken_price = opposite.best.price
        return desk.risk.check(command.session_id, exposure, command.side, price, command.qty, taken_price)

    def accept(
        self,
        command: NewOrder,
        book: Book,
        session: Session,
        exposure: int,
        price: int,
        out: list[Event],
        *,
        holds: bool = True,
        for_entry: bool = False,
    ) -> Order:
        """Say New, and hold what the order may need, unless it is a leg that holds nothing yet."""
        desk = self.desk
        desk.risk.reserve(exposure, command.side, price, command.qty if holds else 0)
        order_id = desk.last_order_id = desk.last_order_id + 1
        order = Order(
            order_id, session, command.cl_ord_id, command.account_id, command.instrument_id, command.side,
            command.ord_type, command.time_in_force, price, command.qty, exposure, desk.last_exec_id + 1,
        )  # fmt: skip
        desk.orders[order_id] = session.member.used[command.cl_ord_id] = order
        if command.terms is not None:
            self.special.take_terms(order, self._terms_at_entry(command, command.terms, book))
            extra = order.extra
            assert extra is not None, "the terms have just been taken"
            if command.ord_type == PEGGED:
                book.pegs[order_id] = order
                book.renew()
                extra.waiting = not pegs.price_of(book, command.side, command.terms, command.price)
                self.special.after.stir(book)
            elif for_entry or command.ord_type in TRIGGERED_TYPES or self.special.waits_for_close(order, book):
                extra.waiting = True
            extra.for_entry, extra.is_held = for_entry, holds
            # At once, so that the orders of a list stand in the order of their ids.
            session.shelves[exposure][order_id] = order
        desk.say(order, EXEC_NEW, out)
        return order

    def _terms_at_entry(self, command: NewOrder, terms: Terms, book: Book) -> Terms:
        """Return the terms with what the book adds: the cap of a peg, the first trigger price of a trailing stop."""
        if command.ord_type == PEGGED:
            return msgspec.structs.replace(terms, cap=command.price)
        if terms.peg == "trail" and not terms.stop_price:
            price = book.watch_of(terms).price or book.instrument.reference_price
            return msgspec.structs.replace(terms, stop_price=trailing_price(command.side, price, terms.offset))
        return terms
