"""The judge of matching with terms: icebergs, self-match prevention, reduce-only orders."""

from dataclasses import dataclass
from typing import Any

from tests.model.special_links import SpecialLinks


@dataclass
class SpecialMatching(SpecialLinks):
    """Before each trade the whole list of orders is searched for who is next."""

    def candidates(self, order: Any) -> list[Any]:
        return [each for each in super().candidates(order) if not each.waits]  # type: ignore[attr-defined]

    def trade(self, order: Any) -> None:
        if order.time_in_force == "4" and not self.has_room(order):
            return
        prices = []
        while order.leaves and self.candidates(order):
            resting = self.candidates(order)[0]
            if not self.may_trade(order, resting):
                continue
            prices.append(resting.price)
            self.fill(order, resting, min(order.leaves, resting.visible))
        if prices:
            self.stir(order.instrument_id)
        for price in prices:
            self.reach(self.last, order.instrument_id, price, "last")

    def may_trade(self, order: Any, resting: Any) -> bool:
        for each in (resting, order):
            if each.link in self.touched:
                self.shrink(each.link)
                if not (order.leaves and resting.leaves):
                    return False
            if each.terms is not None and each.terms.reduce_only and self.position_to_reduce(each) < each.leaves:
                self.cut(each, self.position_to_reduce(each))
                return False
        if self.is_own(order, resting):
            self.prevent(order, resting)
            return False
        return True

    def is_own(self, order: Any, other: Any) -> bool:
        if not order.terms or not other.terms or not order.terms.self_match_id:
            return False
        firms = [self.risk.accounts[each.account_id].firm for each in (order, other)]
        same = order.account_id == other.account_id or firms[0] == firms[1]
        return bool(order.terms.self_match_id == other.terms.self_match_id and same)

    def prevent(self, order: Any, resting: Any) -> None:
        mode = order.terms.self_match_mode or "newest"
        if mode == "decrement":
            both = min(order.leaves, resting.leaves)
            self.cut(resting, resting.leaves - both, why=17)
            self.cut(order, order.leaves - both, why=17)
        why = {"newest": 18, "oldest": 19, "both": 20}.get(mode, 0)
        if mode in ("oldest", "both"):
            self.end(resting, "4", exec_restatement_reason=why)
        if mode in ("newest", "both"):
            self.end(order, "4", exec_restatement_reason=why)

    def has_room(self, order: Any) -> bool:
        wanted = order.leaves
        for resting in self.candidates(order):
            if self.is_own(order, resting):
                if order.terms.self_match_mode != "oldest":
                    return False
            elif resting.terms is None or not resting.terms.reduce_only:
                wanted -= resting.leaves
                if wanted <= 0:
                    return True
        return False

    def fill(self, order: Any, resting: Any, qty: int) -> None:
        price = resting.price
        buyer, seller = (order, resting) if order.side == "1" else (resting, order)
        self.risk.settle(buyer, seller, price, qty)
        self.trade_id += 1
        resting.visible -= qty
        for side in (resting, order):
            side.cum_qty += qty
            side.cum_value += price * qty
            side.status = "2" if side.cum_qty == side.qty else "1"
        self.show(order)
        for side in (resting, order):
            aggressive = side is order
            self.say(side, "F", last_price=price, last_qty=qty, trade_id=self.trade_id, is_aggressor=aggressive)
        if not resting.leaves:
            self.closed(resting)
        elif not resting.visible:
            self.show(resting)
            self.say(resting, "D", exec_restatement_reason=4)
            resting.place = self.exec_id
        if not order.leaves:
            self.closed(order)
        for side in (resting, order):
            if side.link and side.link not in self.touched:
                self.touched.append(side.link)
        for side in (order, resting):
            key = (side.account_id, side.instrument_id)
            if self.reducing(key) and key not in self.trims:
                self.trims.append(key)

    def reducing(self, key: tuple[int, int]) -> list[Any]:
        """Resting reduce-only orders of an account in an instrument, that is, which have been in the book."""
        return [
            each
            for each in self.orders
            if (each.account_id, each.instrument_id) == key
            and each.leaves
            and each.terms is not None  # type: ignore[attr-defined]
            and each.terms.reduce_only  # type: ignore[attr-defined]
            and not each.waits  # type: ignore[attr-defined]
        ]
