"""The special desk: orders with terms, and every order in a book where the plain loop of the order desk is not enough.

It accepts, lets wait, matches through `special_match`, and rests; what one order brings about in others is done by
`aftermath`. Owner: the matching thread.
"""

from typing import TYPE_CHECKING, Final

from matching import refusals, work
from matching.aftermath import Aftermath
from matching.book import Book
from matching.commands import NewOrder
from matching.events import Event, Execution
from matching.expiries import Expiries
from matching.links import Links
from matching.order import Extra, Order, Session
from matching.order_lists import OrderLists
from matching.order_states import AFTER_RESTATE
from matching.phases import CLOSING_AUCTION
from matching.price_watch import PriceWatch
from matching.quotes import Quotes
from matching.refusals import Refusal
from matching.special_entry import SpecialEntry
from matching.special_match import RESTATED_QTY_DECLINED, SpecialMatch, waits_for_entry
from matching.special_replace import SpecialReplace
from matching.term_checks import TAKING_TYPES, TRIGGERED_TYPES
from matching.terms import PLAIN, Terms
from matching.types import (
    AT_THE_CLOSE,
    AT_THE_OPENING,
    BUY,
    EXEC_RESTATED,
    EXEC_STATUS,
    EXEC_TRADE,
    FILL_OR_KILL,
    IMMEDIATE_OR_CANCEL,
    PEGGED,
    ExecType,
)

if TYPE_CHECKING:
    from matching.desk import OrderDesk

FOR_AUCTION: Final = (AT_THE_OPENING, AT_THE_CLOSE)
"""TimeInForce(59) of orders that are for one auction."""


class SpecialDesk:
    """`after` has what orders bring about in others, `reducing` are live reduce-only orders by exposure."""

    __slots__ = (
        "after",
        "desk",
        "entry",
        "expiries",
        "links",
        "lists",
        "matching",
        "quotes",
        "reducing",
        "replacing",
    )

    def __init__(self, desk: "OrderDesk") -> None:
        self.desk = desk
        self.entry = SpecialEntry(self)
        self.links = Links(self)
        self.lists = OrderLists(self)
        self.matching = SpecialMatch(self)
        self.replacing = SpecialReplace(self)
        self.quotes = Quotes(self)
        self.after = Aftermath(self)
        self.reducing: dict[int, dict[int, Order]] = {}
        self.expiries = Expiries()

    # -- new orders ---------------------------------------------------------------------------------------------------

    def enter(self, command: NewOrder, book: Book, time_ns: int, out: list[Event]) -> None:
        """Take a new order, as the order desk does: refuse it, or accept it and let it wait, match, rest or expire."""
        terms = command.terms
        if terms is not None and (terms.take_profit or terms.stop_loss):
            self.lists.enter_bracket(command, terms, book, time_ns, out)
            return
        if terms is not None and terms.link_id:
            self.lists.enter_linked(command, terms, book, time_ns, out)
            return
        order = self.entry.take(command, book, time_ns, out)
        if order is not None:
            self.go_on(order, book, out)
            self.after.run(out)

    def go_on(self, order: Order, book: Book, out: list[Event]) -> None:
        """Let an accepted or replaced order wait, if it has to, or enter."""
        extra = order.extra
        if extra is not None and extra.for_entry:
            return
        if extra is None or not extra.waiting:
            self.go(order, book, out)
        elif self.waits_for_close(order, book):
            book.at_close[order.order_id] = order
        elif order.ord_type in TRIGGERED_TYPES:
            watch = self.watch_of(order, book)
            if book.instrument.is_matching and watch.is_passed(order):
                self.after.trigger(order, book, out)
            else:
                watch.add(order)

    def blocked_by_triggers(self, book: Book) -> Refusal:
        """Return the refusal of a new order or replace while triggered orders of the book are still to enter."""
        left = book.on_last.due_count + book.on_mark.due_count
        return refusals.BEING_TRIGGERED, f"triggered orders of {book.instrument.symbol} are entering, {left} are left"

    def take_terms(self, order: Order, terms: Terms) -> None:
        """Give an order its terms, and list it where they ask for it."""
        if order.extra is None:
            order.extra = Extra(terms)
        order.extra.terms = terms
        self.hide(order)
        self.expiries.add(order)

    def go(self, order: Order, book: Book, out: list[Event]) -> None:
        """Match an accepted order that is in no book, and let the rest of it stand or expire."""
        if not self.keep_within_position(order, out):
            return
        is_immediate = order.time_in_force in (IMMEDIATE_OR_CANCEL, FILL_OR_KILL)
        if book.instrument.is_matching:
            opposite = book.opposite_of(order)
            limit_key, best = order.price * opposite.sign, opposite.best
            if best is not None and best.key <= limit_key:
                if order.time_in_force != FILL_OR_KILL or self.matching.has_room(order, opposite, limit_key):
                    self.matching.match(order, book, opposite, limit_key, out)
                    if not order.leaves_qty or waits_for_entry(order):
                        return
            is_immediate = is_immediate or order.ord_type in TAKING_TYPES
        if is_immediate:
            self.desk.expire(order, out)
        else:
            self.rest(order, book)

    def waits_for_close(self, order: Order, book: Book) -> bool:
        """Tell whether an order at the close is too early to stand in the book."""
        return order.time_in_force == AT_THE_CLOSE and book.instrument.phase != CLOSING_AUCTION

    def join_close(self, order: Order, book: Book, out: list[Event]) -> None:
        """Let an order at the close, which has waited for it, stand in the book of the closing auction."""
        extra = order.extra
        assert extra is not None, "an order at the close has terms"
        del book.at_close[order.order_id]
        extra.waiting = False
        order.status = AFTER_RESTATE[order.status]
        self.say(order, EXEC_RESTATED, out, text="the closing auction has begun", restatement=work.RESTATED_OTHER)
        order.priority = self.desk.last_exec_id
        self.rest(order, book)

    def rest(self, order: Order, book: Book) -> None:
        """Let an order stand at the end of its queue."""
        book.place(order)
        order.session.shelves[order.exposure][order.order_id] = order
        if order.time_in_force in FOR_AUCTION:
            book.for_auction[order.order_id] = order
        extra = order.extra
        if extra is not None and extra.terms.reduce_only:
            self.reducing.setdefault(order.exposure, {})[order.order_id] = order
        self.after.stir(book)

    # -- what orders with terms have of their own ---------------------------------------------------------------------

    def hide(self, order: Order) -> None:
        """Display what an iceberg may of its leaves, hide the rest."""
        extra = order.extra
        if extra is not None:
            shown_max = extra.terms.display_qty
            extra.hidden_qty = max(order.leaves_qty - shown_max, 0) if shown_max else 0

    def room_of(self, order: Order) -> int:
        """Return how much a reduce-only order may still trade: the position that it reduces."""
        position = self.desk.risk.position_of(order.exposure)
        return max(0, -position if order.side == BUY else position)

    def keep_within_position(self, order: Order, out: list[Event]) -> bool:
        """Cut a reduce-only order to the position; False: nothing is left of it."""
        extra = order.extra
        if extra is not None and extra.terms.reduce_only:
            room = self.room_of(order)
            if room < order.leaves_qty:
                self.cut(order, room, "a reduce-only order is never above the position", out)
        return order.leaves_qty > 0

    def note_position(self, exposure: int) -> None:
        """A position has changed: its reduce-only orders may be above it."""
        if exposure in self.reducing:
            self.after.trims[exposure] = None

    def cut(
        self, order: Order, leaves: int, text: str, out: list[Event], *, canceled_for: int = work.RESTATED_OTHER
    ) -> None:
        """Reduce an open order to `leaves`, which it keeps its place with; to nothing: cancel it."""
        if not leaves:
            self.desk.cancel_unsolicited(order, text, out, restatement=canceled_for)
            return
        less = order.leaves_qty - leaves
        if not less:
            return
        self.release(order)
        self.reduce(order, less)
        self.hold(order)
        order.status = AFTER_RESTATE[order.status]
        self.desk.say(order, EXEC_RESTATED, out, text=text, restatement=RESTATED_QTY_DECLINED)

    def reduce(self, order: Order, less: int) -> None:
        """Take `less` off the quantity of an order, of what it hides first; holds are the caller's."""
        extra, level = order.extra, order.level
        hidden = 0 if extra is None else extra.hidden_qty
        off_hidden = min(hidden, less)
        order.qty -= less
        order.leaves_qty -= less
        if extra is not None:
            extra.hidden_qty -= off_hidden
        if level is not None:
            level.hidden_qty -= off_hidden
            level.qty -= less - off_hidden

    # -- the end of an order ------------------------------------------------------------------------------------------

    def leave(self, order: Order) -> None:
        """Take an open order with terms out of everything that it stands in, its holds too."""
        book = self.desk.books[order.instrument_id]
        extra = order.extra
        assert extra is not None, "a plain order leaves by the desk"
        self.release(order)
        self.take_out(order, book)
        extra.hidden_qty = 0
        extra.waiting = False
        extra.for_entry = False
        order.leaves_qty = 0
        self.close(order)

    def hold(self, order: Order) -> None:
        """Hold what an order may need, or count it alone where another one holds for it."""
        self.desk.risk.reserve(order.exposure, order.side, order.price, _held_qty(order))

    def release(self, order: Order) -> None:
        """Give back what `hold` has taken for an order, and count it no more."""
        self.desk.risk.release(order.exposure, order.side, order.price, _held_qty(order))

    def take_out(self, order: Order, book: Book) -> None:
        """Take an open order from where it rests or waits; it is still open, and listed as such."""
        if order.extra is not None and order.extra.group is not None:
            self.watch_of(order, book).remove(order)
        if order.level is not None:
            book.withdraw(order)
        book.at_close.pop(order.order_id, None)
        book.for_auction.pop(order.order_id, None)
        self._stop_reducing(order)
        self.after.stir(book)

    def _stop_reducing(self, order: Order) -> None:
        reducing = self.reducing.get(order.exposure)
        if reducing is not None and reducing.pop(order.order_id, None) is not None and not reducing:
            del self.reducing[order.exposure]

    def close(self, order: Order) -> None:
        """Forget an order, filled or gone, where open ones are listed."""
        order.session.shelves[order.exposure].pop(order.order_id, None)
        if order.extra is None:
            return
        self.expiries.discard(order)
        self.links.close(order, order.extra)
        if order.extra.terms.quote is not None:
            self.quotes.discard(order)
        link_id = order.extra.terms.link_id
        if link_id and self.links.singles.get((order.session.comp_id, link_id)) is order:
            del self.links.singles[order.session.comp_id, link_id]
        book = self.desk.books[order.instrument_id]
        book.at_close.pop(order.order_id, None)
        book.for_auction.pop(order.order_id, None)
        if book.pegs.pop(order.order_id, None) is not None:
            book.renew()
        self._stop_reducing(order)

    def watch_of(self, order: Order, book: Book) -> PriceWatch:
        """Return the watch over the price that an order with a trigger waits for."""
        return book.watch_of(order.terms or PLAIN)

    # -- saying -------------------------------------------------------------------------------------------------------

    def say(
        self,
        order: Order,
        exec_type: ExecType,
        out: list[Event],
        *,
        orig_cl_ord_id: str = "",
        text: str = "",
        restatement: int = 0,
        to: Session | None = None,
        ord_status_req_id: str = "",
        fill: tuple[int, int, int, bool] = (0, 0, 0, False),
        is_auction: bool = False,
    ) -> None:
        """Append an Execution of an order with terms: as the order desk does, with what the book shows of it."""
        desk, extra = self.desk, order.extra
        assert extra is not None, "a plain order is told by the desk"
        exec_id = desk.last_exec_id = desk.last_exec_id + 1
        session = order.session if to is None else to
        shown = 0 if extra.waiting else order.leaves_qty - extra.hidden_qty
        prior_price, prior_shown = (0, 0) if exec_type == EXEC_STATUS else (extra.told_price, extra.told_qty)
        if exec_type != EXEC_STATUS:
            extra.told_price, extra.told_qty = order.price if shown else 0, shown
        price, qty, trade_id, is_aggressor = fill
        out.append(Execution(
            exec_id, exec_type, order.status, order.order_id, session.session_id, order.cl_ord_id, orig_cl_ord_id,
            order.account_id, order.instrument_id, order.side, order.ord_type, order.time_in_force, order.price,
            order.qty, order.leaves_qty, order.cum_qty, order.cum_value, price, qty, trade_id, is_aggressor, 0, text,
            prior_price, prior_shown, ord_status_req_id, restatement, 0, extra.terms, shown, is_auction,
        ))  # fmt: skip

    def say_fill(
        self, order: Order, price: int, qty: int, out: list[Event], *, is_aggressor: bool, is_auction: bool = False
    ) -> None:
        """Append the Execution of one side of the trade that was numbered last."""
        desk = self.desk
        trade_id = desk.last_trade_id
        if order.extra is not None:
            fill = price, qty, trade_id, is_aggressor
            self.say(order, EXEC_TRADE, out, fill=fill, is_auction=is_auction)
            return
        exec_id = desk.last_exec_id = desk.last_exec_id + 1
        out.append(Execution(
            exec_id, EXEC_TRADE, order.status, order.order_id, order.session.session_id, order.cl_ord_id, "",
            order.account_id, order.instrument_id, order.side, order.ord_type, order.time_in_force, order.price,
            order.qty, order.leaves_qty, order.cum_qty, order.cum_value, price, qty, trade_id, is_aggressor,
            is_auction=is_auction,
        ))  # fmt: skip

    def check_invariants(self) -> int:
        """Assert that what waits stands where it belongs; return how many orders wait."""
        waiting = 0
        in_groups = sum(watch.due_count for watch in self.after.due)
        for book in self.desk.books.values():
            for watch in (book.on_last, book.on_mark):
                in_groups += sum(len(group) for queues in (watch.up, watch.down) for group in queues.values())
            for order_id, order in book.pegs.items():
                assert order.is_open(), f"pegged order {order_id} is open"
            resting = [each for side in (book.bids, book.asks) for each in side.orders()]
            for_auction = {each.order_id for each in resting if each.time_in_force in FOR_AUCTION}
            assert for_auction == set(book.for_auction), "orders for one auction are listed"
        reducing = 0
        for order in self.desk.orders.values():
            extra = order.extra
            if extra is None:
                continue
            assert extra.link is None or order.is_open(), "a link knows open orders only"
            if extra.waiting:
                waiting += 1
                in_groups -= extra.group is not None
                book = self.desk.books[order.instrument_id]
                for_price = extra.group is not None or order.ord_type == PEGGED
                assert for_price or extra.for_entry or order.order_id in book.at_close, "it waits for something"
                assert extra.hidden_qty <= order.leaves_qty, "nothing is hidden that is not left"
            if order.is_open():
                assert extra.is_held or (extra.waiting and extra.link is not None), "only legs that wait hold nothing"
                link = extra.link
                assert link is None or order in link.orders(), "a link knows its orders"
                shown = 0 if extra.waiting else order.leaves_qty - extra.hidden_qty
                assert extra.told_qty == shown, f"order {order.order_id} shows {shown}, told were {extra.told_qty}"
                assert not shown or extra.told_price == order.price, f"order {order.order_id} shows where it stands"
            if order.level is not None and extra.terms.reduce_only:
                reducing += 1
                assert order.leaves_qty <= self.room_of(order) or self.after.trims, f"{order.order_id} only reduces"
        self.quotes.check_invariants()
        assert in_groups == 0, "every order with a trigger waits in one queue"
        assert reducing == sum(len(orders) for orders in self.reducing.values()), "reduce-only orders are listed"
        return waiting


def _held_qty(order: Order) -> int:
    return order.leaves_qty if order.extra is None or order.extra.is_held else 0
