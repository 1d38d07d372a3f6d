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

    def entry_fault(self, command: c.NewOrder, order: SpecialOrder) -> int | None:
        if command.terms is None and command.ord_type in TRIGGERED:
            return 11
        if command.terms is not None:
            reason = self.terms_fault(order, command.terms, post_only=command.post_only)
            if reason is not None:
                return reason
            if command.terms.reduce_only and command.ord_type not in TRIGGERED and not self.position_to_reduce(order):
                return 99
        if self.is_blocked(command.session_id, command.account_id):
            return 2 if any(work.kind == "end" for work in self.works[: self.first_block(command)]) else 99
        return self.risk.check(order, None, would_take=command.post_only and self.best_against(order) is not None)

    def terms_fault(self, order: SpecialOrder, terms: Terms, *, post_only: bool) -> int | None:
        """OrdRejReason(103) of terms that contradict the order's type, life or instrument."""
        immediate = order.time_in_force in ("3", "4")
        if order.ord_type not in TRIGGERED and terms.stop_price:
            return 11
        if order.ord_type in TRIGGERED and (post_only or (not terms.stop_price and terms.peg != "trail")):
            return 11
        if terms.peg == "trail" and (order.ord_type != "3" or terms.offset < 1):
            return 11
        if terms.peg != "trail" and (terms.peg or terms.offset):
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
        order.waits = "entry" if for_entry else "trigger" if order.ord_type in TRIGGERED else ""
        self.orders.append(order)
        self.say(order, "0")
        order.place = self.exec_id
