"""The judge of linked orders: an entry whose fills size its legs, legs of which one ends the others."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matching.terms import Terms
from tests.model.special_orders import TAKING, ReferenceLink, SpecialOrder
from tests.model.special_triggers import SpecialTriggers


@dataclass
class SpecialLinks(SpecialTriggers):
    """What a link has left is counted from what its orders have filled."""

    def entry_prices(self, ord_type: str, price: int, terms: Terms | None) -> list[int]:
        stop_price = terms.stop_price if terms is not None else 0
        found = {"2": [price], "3": [stop_price], "J": [stop_price], "4": [price, stop_price]}.get(ord_type, [])
        return [each for each in found if each]

    def is_wrong_side(self, side: str, prices: list[int], legs: Sequence[tuple[str, int, Terms | None]]) -> bool:
        """Whether an exit is not on its side of all entry prices and of the other exit; a leg is type, price, terms."""
        profits: list[int] = []
        losses: list[int] = []
        for ord_type, price, terms in legs:
            if ord_type == "2":
                profits.append(price)
            elif terms is not None and terms.stop_price:
                (profits if ord_type == "J" else losses).append(terms.stop_price)
        above, below = (profits, losses) if side == "1" else (losses, profits)
        wrong = [price for price in [*prices, *below] for each in above if each <= price]
        return bool(wrong + [price for price in [*prices, *above] for each in below if each >= price])

    def is_moved_beyond(self, order: Any, price: int, terms: Terms) -> bool:
        """Whether a replace moves an open entry beyond its legs, or a leg beyond its open entry."""
        link = self.links[order.link - 1] if order.link else None
        if link is None or not link.entry:
            return False
        entry = self.by_id(link.entry)
        at = {each: (self.by_id(each).price, self.by_id(each).terms) for each in (link.entry, *link.legs)}
        at[order.order_id] = (price, terms)
        legs = [(self.by_id(each).ord_type, *at[each]) for each in link.legs]
        return self.is_wrong_side(entry.side, self.entry_prices(entry.ord_type, *at[link.entry]), legs)

    def is_over(self, link: ReferenceLink) -> bool:
        """Whether the orders of a link have to end."""
        return link.broken or (not link.entry and self.left(link) <= 0)

    def shrink(self, number: int) -> None:
        link = self.links[number - 1]
        over = self.is_over(link)
        for order_id in [each for each in (link.entry, *link.legs) if each]:
            order = self.by_id(order_id)
            if over and order is not None and order.leaves:
                self.end(order, "4", exec_restatement_reason=99)
            elif not over and order_id != link.entry and order.waits != "entry":
                if order.leaves > self.left(link) > 0:
                    self.cut(order, self.left(link))

    def unlink_triggered(self, order: Any) -> bool:
        number = order.link
        link = self.links[number - 1]
        self.shrink(number)
        if not order.leaves:
            return False
        left = self.left(link)
        others = [self.by_id(each) for each in (link.entry, *link.legs) if each and each != order.order_id]
        if others and self.is_refused_alone(order, others, min(left, order.leaves)):
            link.legs.remove(order.order_id)
            order.link = 0
            self.end(order, "4", exec_restatement_reason=99)
            return False
        link.legs.remove(order.order_id)
        order.link = 0
        for order_id in [each for each in (link.entry, *link.legs) if each]:
            if self.by_id(order_id).leaves:
                self.end(self.by_id(order_id), "4", exec_restatement_reason=99)
        if left < order.leaves:
            self.cut(order, left)
        return bool(order.leaves)

    def is_refused_alone(self, order: Any, others: list[Any], leaves: int) -> bool:
        """Whether a triggered leg is refused although nothing that it is linked to holds anything."""
        low, high = self.risk.band(order.instrument_id)
        price = order.price
        if order.ord_type in TAKING:
            price = min(price, high) if order.side == "1" else max(price, low)
        wanted = SpecialOrder(**{**order.__dict__, "price": price, "cum_qty": order.qty - leaves})
        held = [each.holds for each in (order, *others)]
        for each in (order, *others):
            each.holds = False
        reason = self.risk.check(wanted, None, would_take=False, is_open=True)
        for each, holds in zip((order, *others), held, strict=True):
            each.holds = holds
        return reason is not None
