"""The judge for orders with terms: icebergs, self-match prevention, triggers, times, reduce-only and brackets.

As slow and obvious as the rules are said: the whole list of orders is searched for who trades next, for what is
triggered, for what has to be cut. It knows no levels, queues, watches or flags, and no bound on steps.
"""

from dataclasses import dataclass
from typing import Any

from matching import commands as c
from matching import events as e
from tests.model.special_replace import SpecialReplace

LINKED_KINDS = ("session", "account", "market", "disconnected")
"""Work that takes the orders of a link together, as far as they are in its scope."""


@dataclass
class ReferenceSpecial(SpecialReplace):
    """The reference exchange, and what follows from one order in others."""

    def apply(self, time_ns: int, command: c.Command) -> list[e.Event]:
        super().apply(time_ns, command)
        self.follow_up()
        return self.out

    def follow_up(self) -> None:
        """Do what the command has brought about in other orders."""
        while True:
            if self.touched and not self.is_auctioning():
                self.settle(self.touched[0])
            elif self.trims:
                for each in sorted(self.reducing(self.trims.pop(0)), key=lambda order: order.order_id):
                    self.cut_to_position(each)
            elif self.stirred:
                self.look_again(self.stirred[0])
            elif self.next_due() is not None:
                self.trigger(self.next_due())
            elif self.is_auctioning() or not self.expire_next():
                break
        due = [self.watched(self.by_id(each)) for each in self.due]
        self.reached = [each for each in self.reached if each in due]

    def watched(self, order: Any) -> tuple[int, str]:
        """The price that an order with a trigger waits for."""
        return order.instrument_id, order.terms.trigger

    def next_due(self) -> Any:
        """The triggered order that enters next: all of one price before those of another."""
        due = [self.by_id(each) for each in self.due]
        due = [each for each in due if self.is_matching(each)]
        return min(due, key=lambda each: self.reached.index(self.watched(each)), default=None)

    def is_auctioning(self) -> bool:
        """Whether an auction is being executed: what takes part in it may neither expire nor end with another order."""
        return any(work.kind == "auction" for work in self.works)

    def expire_next(self) -> bool:
        found: list[Any] = [
            each
            for each in self.orders
            if each.leaves and each.time_in_force == "6" and each.terms.expire_ns <= self.expiring_ns  # type: ignore[attr-defined]
        ]
        if found:
            self.end(min(found, key=lambda each: (each.terms.expire_ns, each.order_id)), "C")
        return bool(found)

    def on_SetMarkPrice(self, command: c.SetMarkPrice) -> None:  # noqa: N802  # named after the command
        if command.instrument_id not in self.risk.instruments or command.price < 1:
            self.refuse_command(command)
            return
        self.out.append(e.MarkPriceSet(command.instrument_id, command.price))
        self.mark[command.instrument_id] = command.price
        if self.risk.phases[command.instrument_id] == "continuous":
            self.reach(self.mark, command.instrument_id, command.price, "mark")

    def on_SetTradingPhase(self, command: c.SetTradingPhase) -> None:  # noqa: N802  # named after the command
        super().on_SetTradingPhase(command)
        self.resume(command.instrument_id)

    def resume(self, number: int) -> None:
        """The phase has changed: legs that could not enter try again, pegs look, what the prices trigger is due."""
        for place, link in enumerate(self.links, start=1):
            waiting = [self.by_id(each) for each in link.legs if self.by_id(each).waits == "entry"]
            if any(each.instrument_id == number for each in waiting) and self.left(link) > 0:
                if place not in self.touched:
                    self.touched.append(place)
        self.stir(number)
        if self.risk.phases.get(number) == "continuous":
            for prices, trigger in ((self.last, "last"), (self.mark, "mark")):
                if prices.get(number):
                    self.reach(prices, number, prices[number], trigger)

    def on_ExpireOrders(self, command: c.ExpireOrders) -> None:  # noqa: N802  # named after the command
        if command.until_ns > self.time_ns:
            self.refuse_command(command)
        else:
            self.expiring_ns = max(self.expiring_ns, command.until_ns)

    def on_EndTradingDay(self, command: c.EndTradingDay) -> None:  # noqa: N802  # named after the command
        self.expiring_ns = max(self.expiring_ns, self.time_ns)
        super().on_EndTradingDay(command)

    def on_CancelOrder(self, command: c.CancelOrder) -> None:  # noqa: N802  # named after the command
        before = [each for each in self.orders if each.leaves]
        super().on_CancelOrder(command)
        for each in before:
            if not each.leaves:
                self.closed(each)

    def cancel_for(self, work: Any, order: Any) -> None:
        """Cancel an order of a scope, and behind it those of the scope that end with it."""
        number = order.link
        super().cancel_for(work, order)
        self.closed(order)
        link = self.links[number - 1] if number else None
        if link is None or work.kind not in LINKED_KINDS or not self.is_over(link):
            return
        for order_id in [each for each in (link.entry, *link.legs) if each in work.scope]:
            super().cancel_for(work, self.by_id(order_id))
            self.closed(self.by_id(order_id))

    def step(self, work: Any) -> None:
        before = [each for each in self.orders if each.leaves]
        super().step(work)
        for each in before:
            if work.kind == "end" and not each.leaves:
                self.closed(each)
        if work.kind == "end" and not work.order_ids:
            self.forget_link_ids()

    def forget_link_ids(self) -> None:
        """A ClOrdLinkID(583) outlives its trading day with an open order that does not end with that day."""
        stay = [
            each.order_id
            for each in self.orders
            if each.leaves and not (each.link and self.is_over(self.links[each.link - 1]))  # type: ignore[attr-defined]
        ]
        for key, order_ids in list(self.link_ids.items()):
            if not any(each in stay for each in order_ids):
                del self.link_ids[key]
