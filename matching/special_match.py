"""Matching where a plain loop is not enough: icebergs, self-match prevention and reduce-only orders.

The rules of price and time are the order desk's own: best price first, oldest first at a price, at the resting order's
price. Here each trade looks at both orders first, because either may have to give way before it.
"""

from typing import TYPE_CHECKING, Final

from matching import breaker
from matching.book import KEY_MAX, Book, BookSide, Level
from matching.events import Event
from matching.order import Order
from matching.order_states import AFTER_FILL, AFTER_PARTIAL_FILL, AFTER_RESTATE
from matching.quotes import key_of
from matching.terms import SelfMatchMode
from matching.types import BUY, EXEC_RESTATED

if TYPE_CHECKING:
    from matching.special import SpecialDesk

RESTATED_REFILL: Final = 4
RESTATED_QTY_DECLINED: Final = 5
"""ExecRestatementReason(378): an iceberg shows its next quantity; OrderQty(38) was reduced."""
CANCELED_BY_MODE: Final = {"decrement": 17, "newest": 18, "oldest": 19, "both": 20}
"""ExecRestatementReason(378) of a cancel by self-match prevention: in general, the aggressive, the passive, both."""


class SpecialMatch:
    """Keeps no state of its own; orders and books stand at the desks."""

    __slots__ = ("desk", "special")

    def __init__(self, special: "SpecialDesk") -> None:
        self.special = special
        self.desk = special.desk

    def match(self, order: Order, book: Book, opposite: BookSide, limit_key: int, out: list[Event]) -> None:
        """Trade an open order, which is in no book, against the opposite side as far as its limit reaches."""
        first = last = 0
        reach, limit_key = limit_key, opposite.last_key(limit_key)
        while order.leaves_qty and not waits_for_entry(order):
            level = opposite.best
            if level is None or level.key > limit_key:
                break
            resting = level.head
            assert resting is not None, "a level in the book has orders"
            if not self._may_trade(order, resting, out):
                continue
            self._trade(order, resting, level, book, out)
            last = level.price
            first = first or last
        if opposite.stop_key < KEY_MAX:
            breaker.look(book, order, opposite, reach, self.desk.time_ns, out)
        if last:
            book.on_last.trade_id = self.desk.last_trade_id
            self.special.after.stir(book)
            self.special.after.sweep(book.on_last, first, last)
            book.renew_stops()

    def _may_trade(self, order: Order, resting: Order, out: list[Event]) -> bool:
        """Tell whether two orders may trade as they are; if not, one of them has just changed or left."""
        if order.extra is None and resting.extra is None:
            return True
        for each in (resting, order):
            if self.special.quotes.leaving and self.special.quotes.is_leaving(each):
                self.special.quotes.pull(key_of(each), out)
                return False
            link = None if each.extra is None else each.extra.link
            if link is not None and link in self.special.links.touched:
                self.special.links.shrink(link, out)
                leaves = resting.leaves_qty, order.leaves_qty
                if 0 in leaves or waits_for_entry(resting) or waits_for_entry(order):
                    return False
            if each.extra is not None and each.extra.terms.reduce_only:
                room = self.special.room_of(each)
                if room < each.leaves_qty:
                    self.special.cut(each, room, "a reduce-only order is never above the position", out)
                    return False
        if self.is_self_match(order, resting):
            self._prevent(order, resting, out)
            return False
        return True

    def is_self_match(self, order: Order, resting: Order) -> bool:
        """Tell whether two orders must never trade: the same id, of accounts of the same firm."""
        if order.extra is None or resting.extra is None:
            return False
        self_match_id = order.extra.terms.self_match_id
        if not self_match_id or self_match_id != resting.extra.terms.self_match_id:
            return False
        accounts = self.desk.accounts
        return order.account_id == resting.account_id or (
            accounts[order.account_id].firm == accounts[resting.account_id].firm
        )

    def _prevent(self, order: Order, resting: Order, out: list[Event]) -> None:
        """Let one of two orders, or both, give way, as the aggressor's mode says; the resting one is told first."""
        mode = self.mode_of(order)
        of_resting = f"self-match prevention ({mode}) against the aggressor O{order.order_id}"
        of_order = f"self-match prevention ({mode}) against the resting order O{resting.order_id}"
        smaller = min(order.leaves_qty, resting.leaves_qty)
        if mode == "decrement":
            canceled_for = CANCELED_BY_MODE[mode]
            self.special.cut(resting, resting.leaves_qty - smaller, of_resting, out, canceled_for=canceled_for)
            self.special.cut(order, order.leaves_qty - smaller, of_order, out, canceled_for=canceled_for)
            return
        if mode in ("oldest", "both"):
            self.desk.cancel_unsolicited(resting, of_resting, out, restatement=CANCELED_BY_MODE[mode])
        if mode in ("newest", "both"):
            self.desk.cancel_unsolicited(order, of_order, out, restatement=CANCELED_BY_MODE[mode])

    def mode_of(self, order: Order) -> SelfMatchMode:
        """Return which order gives way when this one is the aggressor; where it says nothing, it does itself."""
        terms = order.terms
        return "newest" if terms is None or not terms.self_match_mode else terms.self_match_mode

    def _trade(self, order: Order, resting: Order, level: Level, book: Book, out: list[Event]) -> None:
        """Trade as much as the resting order shows."""
        special, desk = self.special, self.desk
        price = level.price
        extra = resting.extra
        hidden = 0 if extra is None else extra.hidden_qty
        qty = min(order.leaves_qty, resting.leaves_qty - hidden)
        level.qty -= qty
        for each in (resting, order):
            each.leaves_qty -= qty
            each.cum_qty += qty
            each.cum_value += price * qty
            each.status = (AFTER_PARTIAL_FILL if each.leaves_qty else AFTER_FILL)[each.status]
        buyer, seller = (order, resting) if order.side == BUY else (resting, order)
        desk.risk.settle(
            buyer.exposure, buyer.price, buyer.leaves_qty, seller.exposure, seller.price, seller.leaves_qty, price, qty
        )
        desk.last_trade_id += 1
        special.hide(order)
        special.say_fill(resting, price, qty, out, is_aggressor=False)
        special.say_fill(order, price, qty, out, is_aggressor=True)
        if not resting.leaves_qty:
            book.withdraw(resting)
            special.close(resting)
        elif resting.leaves_qty == hidden:
            self._refill(resting, book, out)
        if not order.leaves_qty:
            special.close(order)
        for each in (resting, order):
            if each.extra is not None:
                special.links.touch(each.extra)
                special.quotes.note_fill(each, qty, out)
        special.note_position(order.exposure)
        special.note_position(resting.exposure)

    def _refill(self, order: Order, book: Book, out: list[Event]) -> None:
        """Show the next quantity of an iceberg, at the end of the queue."""
        book.withdraw(order)
        order.status = AFTER_RESTATE[order.status]
        self.special.hide(order)
        self.special.say(order, EXEC_RESTATED, out, restatement=RESTATED_REFILL)
        order.priority = self.desk.last_exec_id
        book.place(order)

    def has_room(self, order: Order, opposite: BookSide, limit_key: int) -> bool:
        """Tell whether all of an order can be filled at keys up to `limit_key`, hidden quantities counted in.

        What self-match prevention would keep from trading is no room, and unless the aggressor's mode is "oldest"
        nothing behind it is. Resting reduce-only orders are no room, because trades before them may cut them; neither
        are quotes that are to be pulled.
        """
        limit_key = opposite.last_key(limit_key)
        if order.extra is None or not order.extra.terms.self_match_id:
            if not self.special.reducing and not self.special.quotes.leaving:
                return _has_room_in_levels(order.leaves_qty, opposite, limit_key)
        wanted = order.leaves_qty
        goes_on = self.mode_of(order) == "oldest"
        for resting in opposite.orders():
            assert resting.level is not None, "it stands in the book"
            if resting.level.key > limit_key:
                return False
            if self.is_self_match(order, resting):
                if not goes_on:
                    return False
            elif resting.extra is None or not (
                resting.extra.terms.reduce_only or self.special.quotes.is_leaving(resting)
            ):
                wanted -= resting.leaves_qty
                if wanted <= 0:
                    return True
        return False


def _has_room_in_levels(qty: int, opposite: BookSide, limit_key: int) -> bool:
    level: Level
    for level in opposite.levels.values():
        if level.key > limit_key:
            return False
        qty -= level.qty + level.hidden_qty
        if qty <= 0:
            return True
    return False


def waits_for_entry(order: Order) -> bool:
    """Tell whether an order is a leg that waits for its entry: one whose entry's fills were busted does so again."""
    return order.extra is not None and order.extra.for_entry
