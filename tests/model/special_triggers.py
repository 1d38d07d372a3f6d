"""The judge of triggers: what waits for a price, what a price reaches, what trails it."""

from dataclasses import dataclass
from typing import Any

import msgspec

from matching.terms import Terms
from tests.model.special_state import SpecialState


@dataclass
class SpecialTriggers(SpecialState):
    """Every price that is seen is compared with every order that waits."""

    def is_up(self, order: Any) -> bool:
        return bool((order.side == "1") != (order.ord_type == "J"))

    def is_passed(self, order: Any) -> bool:
        price = (self.mark if order.terms.trigger == "mark" else self.last).get(order.instrument_id, 0)
        if not price:
            return False
        return bool(price >= order.terms.stop_price if self.is_up(order) else price <= order.terms.stop_price)

    def reach(self, prices: dict[int, int], instrument_id: int, price: int, trigger: str) -> None:
        """A price was seen: what it triggers is due, nearest first, oldest first; what trails follows."""
        prices[instrument_id] = price
        waiting: list[Any] = [
            each
            for each in self.orders
            if each.instrument_id == instrument_id
            and each.waits == "trigger"  # type: ignore[attr-defined]
            and each.order_id not in self.due
            and each.terms.trigger == trigger  # type: ignore[attr-defined]
        ]
        reached = [each for each in waiting if self.is_passed(each)]
        ups = sorted((o for o in reached if self.is_up(o)), key=lambda o: (o.terms.stop_price, o.since))
        downs = sorted((o for o in reached if not self.is_up(o)), key=lambda o: (-o.terms.stop_price, o.since))
        self.due += [each.order_id for each in ups + downs]
        if reached and (instrument_id, trigger) not in self.reached:
            self.reached.append((instrument_id, trigger))
        for each in waiting:
            if each.terms.peg == "trail" and each not in reached:
                wanted = price + each.terms.offset if each.side == "1" else max(price - each.terms.offset, 1)
                if wanted < each.terms.stop_price if each.side == "1" else wanted > each.terms.stop_price:
                    each.terms = msgspec.structs.replace(each.terms, stop_price=wanted)
                    self.counter += 1
                    each.since = self.counter

    def trailing(self, instrument_id: int, side: str, terms: Terms) -> int:
        price = (self.mark if terms.trigger == "mark" else self.last).get(instrument_id, 0)
        price = price or self.risk.references[instrument_id]
        return price + terms.offset if side == "1" else max(price - terms.offset, 1)
