"""The judge of pegged orders: where they should stand, found by looking at every order of the book."""

from dataclasses import dataclass
from typing import Any

from matching.terms import Terms
from tests.model.special_matching import SpecialMatching
from tests.model.special_orders import SpecialOrder

LOOKS = 3
"""So often the pegs of a book look after one change: what one leaves behind may make room for another."""


@dataclass
class SpecialPegs(SpecialMatching):
    """Pegs follow the best prices of orders that are no pegs, and move one after the other, the oldest first."""

    def best(self, instrument_id: int, side: str, *, with_pegs: bool) -> int:
        """The best price of a side, of orders that are no pegs or of all; 0 where nobody stands."""
        prices = [
            each.price
            for each in self.orders
            if each.instrument_id == instrument_id
            and each.side == side
            and each.leaves
            and not each.waits  # type: ignore[attr-defined]
            and (with_pegs or each.ord_type != "P")
        ]
        return (max(prices) if side == "1" else min(prices)) if prices else 0

    def peg_price(self, order: Any, terms: Terms, cap: int, bests: dict[str, int] | None = None) -> int:
        """Where a peg should stand; 0 while there is nothing to follow, or nothing matches."""
        number, side = order.instrument_id, order.side
        other = "2" if side == "1" else "1"
        if not self.is_matching(order):
            return 0
        bests = bests or {each: self.best(number, each, with_pegs=False) for each in ("1", "2")}
        followed = {"best": bests[side], "opposite": bests[other]}.get(terms.peg, 0)
        if terms.peg == "mid" and bests["1"] and bests["2"]:
            middle = bests["1"] + bests["2"]
            # Between two ticks it is the one that is farther from the other side.
            followed = middle // 2 if side == "1" else (middle + 1) // 2
        if not followed:
            return 0
        wanted = followed + terms.offset
        against = self.best(number, other, with_pegs=True)
        bounds = [cap] * bool(cap) + [against - 1 if side == "1" else against + 1] * bool(against)
        wanted = min([wanted, *bounds]) if side == "1" else max([wanted, *bounds])
        return max(wanted, 0)

    def look_again(self, instrument_id: int) -> None:
        """Let the pegs of a book look, until none moves or they have looked often enough."""
        self.stirred.remove(instrument_id)
        bests = {side: self.best(instrument_id, side, with_pegs=False) for side in ("1", "2")}
        for _ in range(LOOKS):
            pegs = [o for o in self.orders if o.ord_type == "P" and o.instrument_id == instrument_id and o.leaves]
            if not [peg for peg in pegs if self.is_moved(peg, bests)]:
                break
        if instrument_id in self.stirred:
            self.stirred.remove(instrument_id)

    def is_moved(self, peg: Any, bests: dict[str, int]) -> bool:
        """Move a peg, unless it stands where it should, or the checks of the moment refuse that."""
        price = self.peg_price(peg, peg.terms, peg.terms.cap, bests)
        if not price or (price == peg.price and not peg.waits):
            return False
        wanted = SpecialOrder(**{**peg.__dict__, "price": price})
        if self.risk.check(wanted, peg, would_take=False, is_open=True) is not None:
            return False
        peg.price, peg.waits = price, ""
        self.show(peg)
        self.say(peg, "D", exec_restatement_reason=3)
        peg.place = self.exec_id
        return True
