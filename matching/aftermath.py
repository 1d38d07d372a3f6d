"""What one order brings about in others: triggers, repriced pegs, cut reduce-only orders, sized legs, pulled
quotes, expiries.

It is put down while a command runs and done after it, oldest first, at most ORDERS_PER_STEP_MAX orders a step; the rest
goes on with ContinueWork. Owner: the matching thread.
"""

from typing import TYPE_CHECKING

from matching import pegs, work
from matching.book import Book
from matching.events import Event, WorkLeft
from matching.order import Order
from matching.order_states import AFTER_TRIGGER
from matching.price_watch import PriceWatch
from matching.term_checks import TAKING_TYPES
from matching.types import BUY, EXEC_TRIGGERED

if TYPE_CHECKING:
    from matching.special import SpecialDesk


class Aftermath:
    """`due` are watches over prices at which orders were triggered that have not entered, `stirred` books whose pegs
    may have to move, `trims` exposures whose reduce-only orders may be above the position, `expiring_ns` the time up to
    which orders are expiring, `flagged` books whose triggered orders are left over, `is_left`: any of it is left over
    from an earlier command. What links and quotes have to do stands with them.
    """

    __slots__ = ("desk", "due", "expiring_ns", "flagged", "is_left", "special", "stirred", "trims")

    def __init__(self, special: "SpecialDesk") -> None:
        self.special = special
        self.desk = special.desk
        self.due: dict[PriceWatch, None] = {}
        self.stirred: dict[int, Book] = {}
        self.trims: dict[int, None] = {}
        self.expiring_ns = 0
        self.flagged: list[Book] = []
        self.is_left = False

    def sweep(self, watch: PriceWatch, first: int, last: int) -> None:
        """Trades went from the price `first` to `last`: note what they trigger, and move trailing stops."""
        for price in (first, last) if first != last else (last,):
            watch.price = price
            if not watch.low < price < watch.high:
                watch.reach(price)
                if watch.due_count:
                    self.due[watch] = None
                if watch.trails:
                    watch.follow(price)

    def stir(self, book: Book) -> None:
        """The book has changed: its pegs may have to move."""
        if book.pegs:
            self.stirred[book.instrument.instrument_id] = book

    def set_mark(self, book: Book, price: int) -> None:
        """Note what a new mark price triggers; while nothing matches, it waits for `resume`."""
        book.on_mark.price = price
        if book.instrument.is_matching:
            self.sweep(book.on_mark, price, price)

    def resume(self, book: Book) -> None:
        """Continuous trading begins again: prices that came meanwhile trigger now, and pegs follow."""
        book.renew()
        self.special.links.resume(book.instrument.instrument_id)
        for watch in (book.on_last, book.on_mark):
            if watch.price and book.instrument.is_matching:
                self.sweep(watch, watch.price, watch.price)
        self.stir(book)

    def expire_until(self, time_ns: int) -> None:
        """Note that every order whose time is up to `time_ns` has to expire."""
        self.expiring_ns = max(self.expiring_ns, time_ns)

    def left(self) -> int:
        """Return how many orders of unfinished triggers and expiries can go on now."""
        due = sum(watch.due_count for watch in self.due if watch.instrument.is_matching)
        left = due + len(self.trims) + len(self.stirred) + self.special.quotes.left()
        if self.desk.works.is_auctioning:
            # What an auction executes may neither expire nor end with an order that it is linked to meanwhile.
            return left
        return (
            left
            + (self.special.expiries.count_until(self.expiring_ns) if self.expiring_ns else 0)
            + len(self.special.links.touched)
        )

    @property
    def has_work(self) -> bool:
        """Whether a ContinueWork command has to go on with what is left."""
        return self._has_any() and self.left() > 0

    def _has_any(self) -> bool:
        special = self.special
        is_any = self.due or self.expiring_ns or self.trims or self.stirred or special.links.touched
        return bool(is_any or special.quotes.leaving)

    def run(self, out: list[Event]) -> None:
        """Do what a command has put down. While an earlier command's is left over, ContinueWork alone goes on."""
        if not (self._has_any() or self.flagged):
            # What was left may have gone by itself, with the orders that it was about.
            self.is_left = False
            return
        if self.is_left:
            self.renew()
        else:
            self.go_on_with_work(out)

    def go_on_with_work(self, out: list[Event]) -> None:
        """Do the next step, of at most ORDERS_PER_STEP_MAX orders, and say what is left."""
        budget = work.ORDERS_PER_STEP_MAX
        while budget > 0:
            done = self._step(out)
            if not done:
                break
            budget -= done
        self.renew()
        if self.is_left:
            out.append(WorkLeft(self.left() + self.desk.works.left()))

    def _step(self, out: list[Event]) -> int:
        """Do the next thing that is to be done; return how many orders it looked at, 0 when nothing is left."""
        is_auctioning = self.desk.works.is_auctioning
        if self.special.links.touched and not is_auctioning:
            return self.special.links.settle_next(out)
        if self.special.quotes.leaving:
            pulled = self.special.quotes.pull_next(out)
            if pulled:
                return pulled
        if self.trims:
            return self._trim(out)
        if self.stirred:
            book = self.stirred.pop(next(iter(self.stirred)))
            return pegs.reprice(self.special, book, out) + 1
        order = self._next_due()
        if order is not None:
            book = self.desk.books[order.instrument_id]
            moves = book.on_last.moves
            self.trigger(order, book, out)
            return 1 + book.on_last.moves - moves
        return self._expire_next(out) if self.expiring_ns and not is_auctioning else 0

    def renew(self) -> None:
        """Draw whether anything is left over, and mark the books of triggered orders that are: they take no new orders
        until those have entered.
        """
        self.is_left = self.has_work
        for book in self.flagged:
            book.has_due = False
            book.renew()
        self.flagged = []
        for watch in tuple(self.due):
            if not watch.due_count:
                watch.due.clear()
                del self.due[watch]
            elif watch.instrument.is_matching:
                book = self.desk.books[watch.instrument.instrument_id]
                book.has_due = True
                book.is_plain = False
                self.flagged.append(book)

    def _next_due(self) -> Order | None:
        """Return the triggered order that enters next; those of a book that does not match wait."""
        for watch in self.due:
            if watch.due_count and watch.instrument.is_matching:
                return watch.next_due()
        return None

    def trigger(self, order: Order, book: Book, out: list[Event]) -> None:
        """Let a waiting order enter, after the checks of the moment; refused by them, it is canceled."""
        extra, risk = order.extra, self.desk.risk
        assert extra is not None, "an order with a trigger has terms"
        if extra.group is not None:
            self.special.watch_of(order, book).remove(order)
        if not self.special.links.before_trigger(order, out):
            return
        price, leaves = order.price, order.leaves_qty
        prior_leaves = leaves if extra.is_held else 0
        if order.ord_type in TAKING_TYPES:
            low, high = book.instrument.band_low, book.instrument.band_high
            price = min(price, high) if order.side == BUY else max(price, low)
        refusal = risk.check_replace(
            order.session.session_id, order.exposure, order.side, price, order.qty, 0, leaves, order.price, prior_leaves
        )
        if refusal is not None:
            text = f"refused when it was triggered: {refusal[1]}"
            self.desk.cancel_unsolicited(order, text, out, restatement=work.RESTATED_OTHER)
            return
        self.special.release(order)
        order.price, extra.is_held = price, True
        self.special.hold(order)
        extra.waiting = False
        order.status = AFTER_TRIGGER[order.status]
        self.special.say(order, EXEC_TRIGGERED, out)
        order.priority = self.desk.last_exec_id
        self.special.go(order, book, out)

    def _trim(self, out: list[Event]) -> int:
        """Cut the reduce-only orders of one exposure to its position."""
        exposure = next(iter(self.trims))
        del self.trims[exposure]
        orders = self.special.reducing.get(exposure, {})
        for order_id in sorted(orders):
            self.special.keep_within_position(orders[order_id], out)
        return len(orders) + 1

    def _expire_next(self, out: list[Event]) -> int:
        """Expire the next order whose time has come; 0 when there is none."""
        order_id = self.special.expiries.next_until(self.expiring_ns)
        if not order_id:
            self.expiring_ns = 0
            return 0
        self.desk.expire(self.desk.orders[order_id], out, "ExpireTime(126) has come")
        return 1
