"""The judge of new orders with terms: what contradicts itself, what the moment refuses."""

from dataclasses import dataclass

import msgspec

from matching import commands as c
from matching.terms import Terms
from tests.model.special_going import SpecialGoing
from tests.model.special_orders import TAKING, TRIGGERED, SpecialOrder


@dataclass
class SpecialEntry(SpecialGoing):
    """Checks an order by itself."""

    def order_of(self, command: c.NewOrder) -> SpecialOrder:
        low, high = self.risk.band(command.instrument_id)
        price = command.price
        if command.ord_type in TAKING:
            price = high if command.side == "1" else low
        terms = command.terms
        if terms is not None and command.ord_type == "P":
            reference = self.risk.references[command.instrument_id]
            price = self.peg_price(command, terms, command.price) or command.price or reference
            terms = msgspec.structs.replace(terms, cap=command.price)
        if terms is not None and terms.peg == "trail" and not terms.stop_price:
            terms = msgspec.structs.replace(terms, stop_price=self.trailing(command.instrument_id, command.side, terms))
        return SpecialOrder(
            order_id=0,
            session_id=command.session_id,
            comp_id=self.comp_ids[command.session_id],
            names=[command.cl_ord_id],
            account_id=command.account_id,
            instrument_id=command.instrument_id,
            side=command.side,
            ord_type=command.ord_type,
            time_in_force=command.time_in_force,
            price=price,
            qty=command.qty,
            place=0,
            terms=terms,
            visible=min(command.qty, terms.display_qty or command.qty) if terms else command.qty,
        )

    def entry_fault(
        self, command: c.NewOrder, order: SpecialOrder, *, holds: bool = True, for_entry: bool = False
    ) -> int | None:
        """OrdRejReason(103) of a new order, or None. One that does not hold yet needs no money and no room under the
        position's limit, one that waits for its entry no position.
        """
        if command.terms is None and command.ord_type not in ("1", "2"):
            return 11
        if command.terms is not None:
            reason = self.terms_fault(order, command.terms, post_only=command.post_only)
            if reason is not None:
                return reason
            reduces = command.terms.reduce_only and command.ord_type not in TRIGGERED and not for_entry
            if reduces and not self.position_to_reduce(order):
                return 99
        reason = self.phase_reason(command)
        if reason is not None:
            return reason
        if self.is_blocked(command.session_id, command.account_id):
            return 2 if any(work.kind == "end" for work in self.works[: self.first_block(command)]) else 99
        if not holds:
            waiting = SpecialOrder(**{**order.__dict__, "cum_qty": order.qty})
            return self.risk.check(waiting, None, would_take=False)
        takes = command.post_only and command.ord_type != "P" and self.best_against(order) is not None
        return self.risk.check(order, None, would_take=takes)

    def terms_fault(self, order: SpecialOrder, terms: Terms, *, post_only: bool) -> int | None:
        """OrdRejReason(103) of terms that contradict the order's type, life or instrument."""
        immediate = order.time_in_force in ("3", "4")
        if order.ord_type not in TRIGGERED and terms.stop_price:
            return 11
        if order.ord_type in TRIGGERED and (post_only or (not terms.stop_price and terms.peg != "trail")):
            return 11
        if terms.peg == "trail" and (order.ord_type != "3" or terms.offset < 1):
            return 11
        if order.ord_type == "P" and (not terms.peg or terms.peg == "trail" or immediate):
            return 11
        if order.ord_type != "P" and terms.peg != "trail" and (terms.peg or terms.offset):
            return 11
        if terms.display_qty and (order.ord_type in TAKING or immediate):
            return 11
        if terms.display_qty > order.qty:
            return 13
        if (order.time_in_force == "6") != bool(terms.expire_ns):
            return 11
        if order.time_in_force == "6" and terms.expire_ns <= self.time_ns:
            return 99
        spot = self.risk.instruments[order.instrument_id].kind == "spot"
        return 11 if terms.reduce_only and spot else None

    def accept(self, order: SpecialOrder, *, holds: bool = True, for_entry: bool = False) -> None:
        self.order_id += 1
        order.order_id = self.order_id
        order.holds = holds
        order.waits = "entry" if for_entry else "trigger" if order.ord_type in TRIGGERED else self.early(order)
        self.orders.append(order)
        if order.ord_type == "P" and order.terms is not None:
            order.waits = "" if self.peg_price(order, order.terms, order.terms.cap) else "peg"
            self.stir(order.instrument_id)
        self.say(order, "0")
        order.place = self.exec_id
