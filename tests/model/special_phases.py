"""The judge of orders with terms over trading phases: what an auction does with each of them.

Written from docs/trading-phases.md. Every auction is determined anew from the whole list of orders, by trying every
price; nobody keeps a book, a queue or a sum.
"""

from dataclasses import dataclass
from typing import Any

from matching import commands as c
from matching import events as e
from tests.model.reference_auction import auction_price
from tests.model.reference_orders import ReferenceWork
from tests.model.reference_phases import TAKING, Auction, PhasedExchange
from tests.model.reference_special import ReferenceSpecial

RESTING = ("0", "1", "6", "7")
FORCES = {
    "pre-open": ("2", *RESTING),
    "opening auction": ("2", *RESTING),
    "continuous": ("3", "4", *RESTING),
    "volatility halt": RESTING,
    "closing auction": RESTING,
}
"""TimeInForce(59) that a phase takes."""
FOR_AUCTION = ("2", "7")


@dataclass
class SpecialPhases(PhasedExchange, ReferenceSpecial):
    """Phases and their auctions, for orders with terms and without."""

    # -- orders -------------------------------------------------------------------------------------------------------

    def phase_reason(self, command: c.NewOrder) -> int | None:
        """OrdRejReason(103) of an order that the phase does not take; that it takes none at all is found later."""
        phase = self.risk.phases[command.instrument_id]
        if phase not in TAKING or command.instrument_id in self.executing:
            return None
        is_wrong = self.is_not_taken(phase, command)
        return 2 if is_wrong or (command.post_only and phase != "continuous") else None

    def is_not_taken(self, phase: str, order: Any) -> bool:
        """Whether a phase that takes orders takes none of this type and time in force."""
        matches, for_auction = phase == "continuous", order.time_in_force in FOR_AUCTION
        is_wrong = order.time_in_force not in FORCES[phase]
        is_wrong = is_wrong or (order.ord_type == "P" and not matches)
        is_wrong = is_wrong or (for_auction and order.ord_type not in ("1", "2"))
        reduces = order.terms is not None and order.terms.reduce_only
        return is_wrong or (reduces and (not matches or for_auction))

    def is_untimely(self, leg: Any) -> bool:
        phase = self.risk.phases[leg.instrument_id]
        return phase not in TAKING or self.is_not_taken(phase, leg)

    def trade(self, order: Any) -> None:
        ReferenceSpecial.trade(self, order)

    def on_ReplaceOrder(self, command: c.ReplaceOrder) -> None:  # noqa: N802  # named after the command
        ReferenceSpecial.on_ReplaceOrder(self, command)

    # -- phases -------------------------------------------------------------------------------------------------------

    def on_SetTradingPhase(self, command: c.SetTradingPhase) -> None:  # noqa: N802  # named after the command
        number = command.instrument_id
        if any(work.kind == "join" and work.target_id == number for work in self.works):
            self.refuse_command(command)
            return
        entered = len(self.out)
        super().on_SetTradingPhase(command)
        has_entered = isinstance(self.out[entered], e.TradingPhaseSet)
        early = sorted(self.resting(number, "close"), key=lambda order: int(order.place))
        if has_entered and command.phase == "closing auction" and early:
            work = ReferenceWork("join", number, [order.order_id for order in early])
            begins = self.begin_first_step(work)
            self.works.append(work)
            if begins:
                self.step(work)
            self.say_left()

    def enter(self, command: c.SetTradingPhase) -> None:
        super().enter(command)
        self.resume(command.instrument_id)

    def is_blocked(self, session_id: int, account_id: int) -> bool:
        works = self.works
        self.works = [work for work in works if work.kind != "join"]
        blocked = super().is_blocked(session_id, account_id)
        self.works = works
        return blocked

    def resting(self, number: int, waits: str = "") -> list[Any]:
        """Open orders of an instrument that stand in the book, or that wait for something."""
        return [
            each
            for each in self.orders
            if each.instrument_id == number and each.leaves and each.waits == waits  # type: ignore[attr-defined]
        ]

    # -- who takes part, and at which price ---------------------------------------------------------------------------

    def standing_aside(self, number: int) -> list[int]:
        """Of the resting legs of each link all but the best, as an auction executes them."""
        found = []
        for place in range(1, len(self.links) + 1):
            legs = [each for each in self.resting(number) if each.link == place]
            legs = [each for each in legs if each.order_id != self.links[place - 1].entry]
            found += [each.order_id for each in sorted(legs, key=self.rank)[1:]]
        return sorted(found)

    def rank(self, order: Any) -> tuple[int, bool, int]:
        return order.price * (-1 if order.side == "1" else 1), order.ord_type != "1", order.place

    def side(self, number: int, side: str) -> list[Any]:
        aside = self.executing[number].aside if number in self.executing else []
        return sorted(
            (each for each in self.resting(number) if each.side == side and each.order_id not in aside), key=self.rank
        )

    def front(self, number: int, side: str) -> int:
        """Where a market order goes before all limit orders: at the best of them, within the band; 0: anywhere."""
        limits = [each.price for each in self.resting(number) if each.side == side and each.ord_type != "1"]
        low, high = self.risk.band(number)
        if not limits:
            return 0
        return int(min(max(limits), high) if side == "1" else max(min(limits), low))

    def is_behind(self, order: Any) -> bool:
        front = self.front(order.instrument_id, order.side)
        beyond = order.price < front if order.side == "1" else order.price > front
        return bool(order.ord_type == "1" and front and beyond)

    def clearing(self, number: int, *, is_begun: bool = False) -> tuple[int, int, int]:
        """Price, quantity and surplus; before it has begun as if every market order went in front."""
        aside = self.standing_aside(number)
        offers = []
        for side in ("1", "2"):
            orders = [each for each in self.resting(number) if each.side == side and each.order_id not in aside]
            front = self.front(number, side)
            offers.append([
                (front if not is_begun and self.is_behind(each) else each.price, each.leaves) for each in orders
            ])  # fmt: skip
        reference = self.last.get(number, 0) or self.risk.references[number]
        return auction_price(offers[0], offers[1], reference) or (0, 0, 0)

    # -- the auction --------------------------------------------------------------------------------------------------

    def begin_auction(self, auction: Auction, work: ReferenceWork) -> None:
        number = auction.command.instrument_id
        self.executing[number] = auction
        work.order_ids = self.in_the_way(number)
        if work.order_ids:
            auction.is_determined = False
        else:
            self.determine(auction, work)

    def in_the_way(self, number: int) -> list[int]:
        """Orders to look at before the price is determined, where anything would trade."""
        found = {each.order_id for each in self.resting(number) if each.terms and each.terms.reduce_only}
        found |= {each.order_id for each in self.resting(number) if self.is_behind(each)}
        for place in self.touched:
            link = self.links[place - 1]
            ids = [each for each in (link.entry, *link.legs) if each]
            if ids and self.by_id(ids[0]).instrument_id == number:
                found.add(ids[0])
        return sorted(found) if found and self.clearing(number)[1] else []

    def clear_the_way(self, number: int, work: ReferenceWork) -> None:
        for order_id in work.order_ids:
            order = self.by_id(order_id)
            place = order.link
            if order.leaves and not order.waits and order.ord_type == "1":
                self.bring_forward(order)
            elif order.leaves and not order.waits and order.terms is not None and order.terms.reduce_only:
                self.end(order, "4", exec_restatement_reason=99)
            if place:
                self.shrink(place)
        self.executing[number].is_determined = True
        self.determine(self.executing[number], work)

    def bring_forward(self, order: Any) -> None:
        """Put a market order before the limit orders, as far as its account can pay for that."""
        if not self.is_behind(order):
            return
        instrument = self.risk.instruments[order.instrument_id]
        front = self.front(order.instrument_id, order.side)
        more = (front - order.price) * order.leaves * instrument.tick_lot_value
        value_max = self.risk.bound("order_value_max", order.account_id, order.instrument_id)
        if more > 0 and value_max and front * order.qty * instrument.tick_lot_value > value_max:
            return
        if more <= 0 or more <= self.risk.available(order.account_id, instrument.currency):
            order.price = front
            self.say(order, "D", exec_restatement_reason=99)
            order.place = self.exec_id

    def determine(self, auction: Auction, work: ReferenceWork) -> None:
        number = auction.command.instrument_id
        auction.price, auction.qty, auction.surplus = self.clearing(number, is_begun=True)
        auction.left = auction.qty
        auction.aside = self.standing_aside(number) if auction.qty else []
        work.order_ids = [0, *auction.aside]

    def step(self, work: ReferenceWork) -> None:
        number = work.target_id
        if work.kind == "join":
            self.join_close(work)
        elif work.kind != "auction":
            ReferenceSpecial.step(self, work)
        elif not self.executing[number].is_determined:
            self.clear_the_way(number, work)
        elif self.executing[number].left:
            self.trade_auction(number, self.executing[number])
        else:
            self.end_or_expire(number, self.executing[number], work)

    def join_close(self, work: ReferenceWork) -> None:
        """Orders at the close stand in the book of the closing auction from now on, in the order of their places."""
        self.works.remove(work)
        for order in [self.by_id(each) for each in work.order_ids]:
            if order is not None and order.waits == "close":
                order.waits = ""
                self.say(order, "D", exec_restatement_reason=99)
                order.place = self.exec_id

    def trade_auction(self, number: int, auction: Auction) -> None:
        while auction.left:
            buyer, seller = self.side(number, "1")[0], self.side(number, "2")[0]
            assert seller.price <= auction.price <= buyer.price
            qty = min(auction.left, buyer.leaves, seller.leaves)
            auction.left -= qty
            if self.is_own(buyer, seller):
                # It could be executed on neither side, so that the price stays.
                auction.qty -= qty
                self.cut(buyer, buyer.leaves - qty)
                self.cut(seller, seller.leaves - qty)
                continue
            self.risk.settle(buyer, seller, auction.price, qty)
            self.trade_id = auction.trade_id = self.trade_id + 1
            fill = {"last_price": auction.price, "last_qty": qty, "trade_id": self.trade_id, "is_auction": True}
            for order in (buyer, seller):
                order.cum_qty += qty
                order.cum_value += auction.price * qty
                order.status = "2" if order.cum_qty == order.qty else "1"
                self.show(order)
                self.say(order, "F", **fill)
            for order in (buyer, seller):
                place = order.link
                if not order.leaves:
                    self.closed(order)
                if place and place not in self.touched:
                    self.touched.append(place)

    def end_or_expire(self, number: int, auction: Auction, work: ReferenceWork) -> None:
        """Once all has traded: what stood aside follows what has traded, and what may not stay expires."""
        if auction.expiring is None:
            for_this = ("2", "7") if auction.ended == "closing auction" else ("2",)
            aside = [each for each in auction.aside if self.by_id(each).link in self.touched]
            leaving = [each for each in self.resting(number) if each.ord_type == "1" or each.time_in_force in for_this]
            auction.expiring = aside + [each.order_id for each in leaving if each.order_id not in aside]
            work.order_ids = auction.expiring
            if work.order_ids:
                return
        leaving = self.resting(number)
        for order_id in work.order_ids:
            order = self.by_id(order_id)
            if order.link in self.touched:
                self.shrink(order.link)
            for_this = ("2", "7") if auction.ended == "closing auction" else ("2",)
            if order.leaves and (order.ord_type == "1" or order.time_in_force in for_this):
                self.end(order, "C")
        self.end_auction(number, auction, work)

    def end_auction(self, number: int, auction: Auction, work: ReferenceWork) -> None:
        if auction.qty:
            self.last[number] = auction.price
        looked_at = [self.by_id(each) for each in auction.expiring or []]
        super().end_auction(number, auction, work)
        for order in looked_at:
            self.enter_again(order)

    def enter_again(self, order: Any) -> None:
        """A leg that stood aside, and is left beyond the other side because the best one had been cut, enters anew."""
        number, other = order.instrument_id, "2" if order.side == "1" else "1"
        against = self.best(number, other, with_pegs=True)
        is_beyond = order.price >= against if order.side == "1" else order.price <= against
        if not order.leaves or not against or not is_beyond:
            return
        if not self.matches(number):
            if number not in self.crossable:
                self.crossable.append(number)
            return
        self.say(order, "D", exec_restatement_reason=99)
        order.place = self.exec_id
        self.go(order)

    def on_ContinueWork(self, command: c.ContinueWork) -> None:  # noqa: N802  # named after the command
        if not self.works:
            self.refuse_command(command)
            return
        self.step(self.works[0])
        self.follow_up()
        self.say_left()
