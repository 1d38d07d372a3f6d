"""The judge of how accepted orders go on: they wait, enter, are triggered, grow with their entry."""

from dataclasses import dataclass
from typing import Any

from tests.model.special_orders import TAKING, TRIGGERED, SpecialOrder
from tests.model.special_pegs import SpecialPegs


@dataclass
class SpecialGoing(SpecialPegs):
    """One order at a time; what it brings about in others comes behind the command."""

    def go_on(self, order: SpecialOrder) -> None:
        """Let an order that is in no book wait or enter."""
        if order.waits == "trigger":
            self.counter += 1
            order.since = self.counter
            if self.is_matching(order) and self.is_passed(order):
                self.trigger(order)
        elif not order.waits:
            self.go(order)

    def go(self, order: Any) -> None:
        """Match, and let the rest stand or expire."""
        self.cut_to_position(order)
        if not order.leaves:
            return
        if self.is_matching(order):
            self.trade(order)
        takes = order.ord_type in TAKING and self.is_matching(order)
        if order.leaves and (takes or order.time_in_force in ("3", "4")):
            self.end(order, "C")
        elif order.leaves:
            self.stir(order.instrument_id)

    def trigger(self, order: Any) -> None:
        if order.order_id in self.due:
            self.due.remove(order.order_id)
        is_leg = order.link and self.links[order.link - 1].entry != order.order_id
        if is_leg and not self.unlink_triggered(order):
            return
        low, high = self.risk.band(order.instrument_id)
        price = order.price
        if order.ord_type in TAKING:
            price = min(price, high) if order.side == "1" else max(price, low)
        wanted = SpecialOrder(**{**order.__dict__, "price": price})
        reason = self.risk.check(wanted, order if order.holds else None, would_take=False, is_open=True)
        if reason is not None:
            self.end(order, "4", exec_restatement_reason=99)
            return
        order.price, order.holds, order.waits = price, True, ""
        self.say(order, "L")
        order.place = self.exec_id
        self.go(order)

    def settle(self, number: int) -> None:
        self.touched.remove(number)
        link = self.links[number - 1]
        self.shrink(number)
        for order_id in list(link.legs):
            leg = self.by_id(order_id)
            if leg is not None and leg.link == number and self.left(link) > 0:
                if leg.waits == "entry" or leg.leaves < self.left(link):
                    self.grow(leg, self.left(link))

    def grow(self, leg: Any, leaves: int) -> None:
        """Give a leg the size of what its entry has filled, unless the phase takes no such order; then it waits."""
        if leg.ord_type not in TRIGGERED and self.is_untimely(leg):
            return
        others = [self.by_id(each) for each in self.links[leg.link - 1].legs if each != leg.order_id]
        if leg.ord_type not in TRIGGERED or not any(each.ord_type not in TRIGGERED or each.holds for each in others):
            wanted = SpecialOrder(**{**leg.__dict__, "qty": leg.cum_qty + leaves})
            reason = self.risk.check(wanted, leg if leg.holds else None, would_take=False, is_open=True)
            if reason is not None and leg.ord_type not in TRIGGERED:
                if leg.waits == "entry" and not (reason == 2 and self.risk.accepting):
                    self.links[leg.link - 1].legs.remove(leg.order_id)
                    leg.link = 0
                    self.end(leg, "4", exec_restatement_reason=99)
                return
            leg.holds = reason is None
        leg.qty = leg.cum_qty + leaves
        leg.waits = "trigger" if leg.ord_type in TRIGGERED else self.early(leg)
        self.show(leg)
        if leg.order_id in self.due:
            self.due.remove(leg.order_id)
        self.say(leg, "D", exec_restatement_reason=99)
        leg.place = self.exec_id
        self.go_on(leg)
