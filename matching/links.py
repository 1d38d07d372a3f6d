"""Linked orders: legs of which one ends the others (OCO), and an entry whose fills size its legs (OTO, bracket).

A link knows open orders only. What its legs may still trade together is what its entry has filled (without an entry:
the quantity they came with) less what they have filled themselves. A leg whose entry has not filled waits and holds
nothing; so does a leg with a trigger as long as another leg holds for both. One that is alone holds as any stop does,
or waits without where that is refused: its trigger asks again. Every leg counts as an open order. What ends one leg
ends the others: its last fill, its trigger, its cancel, its expiry; and with a leg the rest of its entry, which nothing
would close any more.

What has been filled never loses both exits because one of them cannot enter: a leg that is refused when its entry
fills or when it is triggered ends alone, one that the trading phase refuses waits for the next phase, and one that was
filled short of what is left, as it could not grow, leaves the rest to the others.

A bust takes the fills of an open entry back, and the entry stays open: exits that have nothing to close any more leave
the book and the triggers, and wait for it as they did before its first fill.
"""

from typing import TYPE_CHECKING, Final

from matching import refusals
from matching.book import Book
from matching.events import Event
from matching.order import Extra, Order
from matching.order_states import AFTER_RESTATE
from matching.phases import refuse_order
from matching.refusals import Refusal
from matching.term_checks import TAKING_TYPES, TRIGGERED_TYPES
from matching.types import BUY, EXEC_RESTATED
from matching.work import RESTATED_OTHER

if TYPE_CHECKING:
    from matching.special import SpecialDesk


REFUSED_BY_PHASE: Final = (refusals.TRADING_PHASE, refusals.AUCTION_EXECUTES)
"""Refusals that end with the trading phase: a leg waits for the next one."""


class Link:
    """`qty` is what the legs may trade where no entry is open, `done` what closed legs have filled of it, `is_broken`
    that a leg has ended and the others with it. `closed_entry_id` is the OrderID of an entry that has closed.
    """

    __slots__ = ("closed_entry_id", "done", "entry", "is_broken", "legs", "qty")

    def __init__(self, entry: Order | None, legs: list[Order], qty: int) -> None:
        self.entry = entry
        self.legs = legs
        self.qty = qty
        self.done = 0
        self.is_broken = False
        self.closed_entry_id = 0

    def left(self) -> int:
        """Return what the legs may still trade together."""
        qty = self.qty if self.entry is None else self.entry.cum_qty
        return qty - self.done - sum(leg.cum_qty for leg in self.legs)

    def orders(self) -> list[Order]:
        """Return its open orders, the entry first."""
        return [*self.legs] if self.entry is None else [self.entry, *self.legs]

    def is_over(self) -> bool:
        """Tell whether its orders have to end."""
        return self.is_broken or (self.entry is None and self.left() <= 0)

    def forget(self, order: Order) -> None:
        """Take out an order that has closed."""
        if order is self.entry:
            self.entry, self.qty, self.closed_entry_id = None, order.cum_qty, order.order_id
        else:
            self.legs.remove(order)
            self.done += order.cum_qty
            is_short = order.cum_qty == order.qty and self.left() > 0 and bool(self.legs)
            self.is_broken = self.is_broken or not is_short


class Links:
    """`touched` are links of which an order has traded or closed, in that order. `singles` are open orders by CompID
    and ClOrdLinkID(583) whose counterpart has not come, `known` the links of an instrument that have orders.
    """

    __slots__ = ("known", "singles", "special", "touched")

    def __init__(self, special: "SpecialDesk") -> None:
        self.special = special
        self.touched: dict[Link, None] = {}
        self.singles: dict[tuple[str, str], Order] = {}
        self.known: dict[int, dict[Link, None]] = {}

    def add(self, link: Link, instrument_id: int) -> None:
        """Get to know a link; all its orders are of one instrument."""
        self.known.setdefault(instrument_id, {})[link] = None

    def busted(self, order: Order, less: int) -> None:
        """Of an order `less` is filled no more: what its exits may close is less, what it left to others as an exit is
        more. Exits that have ended do not come back.
        """
        if order.extra is None:
            return
        if order.extra.link is not None:
            self.touched[order.extra.link] = None
            return
        for link in self.known.get(order.instrument_id, ()):
            if link.closed_entry_id == order.order_id:
                link.qty -= less
                self.touched[link] = None

    def touch(self, extra: Extra) -> None:
        """An order with a link has traded: its legs may have to change."""
        if extra.link is not None:
            self.touched[extra.link] = None

    def close(self, order: Order, extra: Extra) -> None:
        """An order has closed, and is in its link no more."""
        link = extra.link
        if link is not None:
            extra.link = None
            link.forget(order)
            self.touched[link] = None
            self._drop_empty(link, order.instrument_id)

    def _drop_empty(self, link: Link, instrument_id: int) -> None:
        if not link.orders():
            self.known.get(instrument_id, {}).pop(link, None)

    def settle_next(self, out: list[Event]) -> int:
        """Bring the next link up to date; return how many orders that looked at."""
        # Taken out first: a leg that trades as it enters touches its link again.
        link = next(iter(self.touched))
        del self.touched[link]
        count = len(link.orders()) + 1
        self.shrink(link, out)
        for leg in tuple(link.legs):
            extra = _extra(leg)
            if extra.link is link and link.left() > 0 and (extra.for_entry or leg.leaves_qty < link.left()):
                self._grow(leg, extra, link.left(), out)
        return count

    def shrink(self, link: Link, out: list[Event]) -> None:
        """Cancel what has to end and cut legs to what is left; nothing is entered, so that a match may call it."""
        is_over = link.is_over()
        for order in link.orders():
            if is_over:
                self._end(order, "an order that it is linked to has ended", out)
            elif order is link.entry or _extra(order).for_entry:
                continue
            elif link.left() <= 0:
                self._wait_again(order, _extra(order), out)
            elif order.leaves_qty > link.left():
                self.special.cut(order, link.left(), "resized with the orders that it is linked to", out)

    def resume(self, instrument_id: int) -> None:
        """Orders are taken again: legs that could not enter meanwhile are tried again."""
        for link in self.known.get(instrument_id, ()):
            if link.left() > 0 and any(_extra(leg).for_entry for leg in link.legs):
                self.touched[link] = None

    def before_trigger(self, order: Order, out: list[Event]) -> bool:
        """End everything that is linked to a leg that is triggered, and cut it; False: it has ended itself, or waits
        for its entry again. An entry that is triggered leaves its legs as they are.
        """
        link = _extra(order).link
        if link is None or order is link.entry:
            return True
        self.shrink(link, out)
        if not order.is_open() or _extra(order).for_entry:
            return False
        left = link.left()
        refusal = self._refusal_at_trigger(order, link, min(left, order.leaves_qty))
        if refusal is not None:
            self._give_up(order, _extra(order), f"refused when it was triggered: {refusal[1]}", out)
            return False
        link.legs.remove(order)
        _extra(order).link = None
        for other in link.orders():
            self._end(other, f"order O{order.order_id}, which it is linked to, was triggered", out)
        self._drop_empty(link, order.instrument_id)
        if left < order.leaves_qty:
            self.special.cut(order, left, "resized with the orders that it is linked to", out)
        return order.is_open()

    def _refusal_at_trigger(self, order: Order, link: Link, leaves: int) -> Refusal | None:
        """Return why a leg may not enter, even with what all orders of its link hold; without another one it is not
        asked here.
        """
        if len(link.orders()) == 1:
            return None
        special, price = self.special, order.price
        if order.ord_type in TAKING_TYPES:
            instrument = special.desk.books[order.instrument_id].instrument
            price = min(price, instrument.band_high) if order.side == BUY else max(price, instrument.band_low)
        for each in link.orders():
            special.release(each)
        refusal = special.desk.risk.check_replace(
            order.session.session_id, order.exposure, order.side, price, order.qty, 0, leaves, price, 0
        )
        for each in link.orders():
            special.hold(each)
        return refusal

    def _end(self, order: Order, text: str, out: list[Event]) -> None:
        if order.is_open():
            self.special.desk.cancel_unsolicited(order, text, out, restatement=RESTATED_OTHER)

    def _give_up(self, leg: Order, extra: Extra, text: str, out: list[Event]) -> None:
        """End a leg that cannot enter, and nothing else for it: what the entry has filled keeps its other exit."""
        link = extra.link
        assert link is not None, "a leg that waits for its entry is linked"
        extra.link = None
        link.legs.remove(leg)
        link.done += leg.cum_qty
        self._drop_empty(link, leg.instrument_id)
        self._end(leg, text, out)

    def _wait_again(self, leg: Order, extra: Extra, out: list[Event]) -> None:
        """What the open entry had filled was busted: let an exit wait for its next fill, sized as it would be with all
        that the entry may still fill. Where the exits have closed more than that already, it ends, and not the entry.
        """
        link = extra.link
        assert link is not None, "an exit with an open entry is linked"
        assert link.entry is not None, "without an entry its link would be over"
        leaves = link.left() + link.entry.leaves_qty
        if leaves <= 0:
            self._give_up(leg, extra, "the fills of its entry that it would close were busted", out)
            return
        self._take_out(leg, leaves)
        extra.for_entry = extra.waiting = True
        extra.is_held = False
        self._restate(leg, "waits again, as the fills of its entry were busted", out)

    def _grow(self, leg: Order, extra: Extra, leaves: int, out: list[Event]) -> None:
        """Give a leg the size of what its entry has filled, and let it enter if it has waited for that."""
        special, risk = self.special, self.special.desk.risk
        book = special.desk.books[leg.instrument_id]
        has_trigger = leg.ord_type in TRIGGERED_TYPES
        if not has_trigger and _is_untimely(leg, book):
            return
        prior = leg.leaves_qty if extra.is_held else 0
        holds = not (has_trigger and _is_held_by_another(leg, extra))
        if holds:
            qty = leg.cum_qty + leaves
            session_id = leg.session.session_id
            refusal = risk.check_replace(
                session_id, leg.exposure, leg.side, leg.price, qty, 0, leaves, leg.price, prior
            )
            holds = refusal is None
            if refusal is not None and not has_trigger:
                if extra.for_entry and refusal[0] not in REFUSED_BY_PHASE:
                    self._give_up(leg, extra, f"refused when its entry was filled: {refusal[1]}", out)
                return
        self._take_out(leg, leaves)
        extra.for_entry = False
        extra.waiting = has_trigger or special.waits_for_close(leg, book)
        extra.is_held = holds
        self._restate(leg, "resized with the fills of its entry", out)
        leg.priority = special.desk.last_exec_id
        special.go_on(leg, book, out)

    def _take_out(self, leg: Order, leaves: int) -> None:
        """Take a leg from where it stands, with what it holds, and give it another size."""
        self.special.take_out(leg, self.special.desk.books[leg.instrument_id])
        self.special.release(leg)
        leg.qty, leg.leaves_qty = leg.cum_qty + leaves, leaves

    def _restate(self, leg: Order, text: str, out: list[Event]) -> None:
        """Let a leg hold what it needs now, and say how it stands."""
        self.special.hold(leg)
        self.special.hide(leg)
        leg.status = AFTER_RESTATE[leg.status]
        self.special.desk.say(leg, EXEC_RESTATED, out, text=text, restatement=RESTATED_OTHER)


def _is_held_by_another(leg: Order, extra: Extra) -> bool:
    """Tell whether another leg holds, or will when it enters, what a leg with a trigger may need."""
    link = extra.link
    assert link is not None, "a leg is linked"
    return any(
        other is not leg and (other.ord_type not in TRIGGERED_TYPES or _extra(other).is_held) for other in link.legs
    )


def _is_untimely(leg: Order, book: Book) -> bool:
    """Tell whether the phase does not take an order such as a leg that would enter the book: it waits for another."""
    instrument, terms = book.instrument, _extra(leg).terms
    kind = leg.ord_type, leg.time_in_force
    return refuse_order(instrument.symbol, instrument.phase, *kind, reduce_only=terms.reduce_only) is not None


def _extra(order: Order) -> Extra:
    extra = order.extra
    assert extra is not None, f"order {order.order_id} is linked, so that it has terms"
    return extra
