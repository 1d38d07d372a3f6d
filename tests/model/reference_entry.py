"""The judge of new orders: refused, or accepted and matched by price, then time."""

from dataclasses import dataclass

from matching import commands as c
from matching import events as e
from tests.model.reference_orders import ReferenceOrder
from tests.model.reference_state import ReferenceState


@dataclass
class ReferenceEntry(ReferenceState):
    """Takes plain orders, which are market and limit orders."""

    def on_NewOrder(self, command: c.NewOrder) -> None:  # noqa: N802  # named after the command
        comp_id = self.comp_ids[command.session_id]
        if self.is_throttled(command, "D", command.account_id):
            return
        if self.is_used(comp_id, command.cl_ord_id):
            if command.poss_resend:
                self.tell_status(command.session_id, comp_id, command.cl_ord_id, "")
            else:
                self.out.append(self.rejection(command, 6))
            return
        price = command.price
        if command.ord_type == "1":
            low, high = self.risk.band(command.instrument_id)
            price = high if command.side == "1" else low
        order = ReferenceOrder(
            order_id=0,
            session_id=command.session_id,
            comp_id=comp_id,
            names=[command.cl_ord_id],
            account_id=command.account_id,
            instrument_id=command.instrument_id,
            side=command.side,
            ord_type=command.ord_type,
            time_in_force=command.time_in_force,
            price=price,
            qty=command.qty,
            place=0,
        )
        would_take = command.post_only and self.best_against(order) is not None
        phase_reason = self.phase_reason(command)
        if phase_reason is not None:
            reason: int | None = phase_reason
        elif self.is_blocked(command.session_id, command.account_id):
            reason = 2 if any(work.kind == "end" for work in self.works[: self.first_block(command)]) else 99
        else:
            reason = self.risk.check(order, None, would_take=would_take)
        if reason is not None:
            event = self.rejection(command, reason)
            self.refused.append((comp_id, event))
            self.out.append(event)
            return
        self.order_id += 1
        order.order_id = self.order_id
        self.orders.append(order)
        self.say(order, "0")
        order.place = self.exec_id
        self.trade(order)
        if order.leaves and self.must_expire(order):
            order.status = "C"
            self.say(order, "C")

    def phase_reason(self, command: c.NewOrder) -> int | None:
        """OrdRejReason(103) of an order of a kind that the phase does not take; here each phase takes all or none."""
        del command
        return None

    def must_expire(self, order: ReferenceOrder) -> bool:
        return order.ord_type == "1" or order.time_in_force in ("3", "4")

    def first_block(self, command: c.NewOrder) -> int:
        """How many pieces of work there are up to the first that blocks this order."""
        works = self.works
        for count in range(1, len(works) + 1):
            self.works = works[:count]
            blocked = self.is_blocked(command.session_id, command.account_id)
            self.works = works
            if blocked:
                only = works[count - 1]
                return count if only.kind == "end" else 0
        raise AssertionError("nothing blocks")

    def rejection(self, command: c.NewOrder, reason: int) -> e.Execution:
        return e.Execution(
            exec_id=self.next_exec_id(),
            exec_type="8",
            ord_status="8",
            order_id=0,
            session_id=command.session_id,
            cl_ord_id=command.cl_ord_id,
            orig_cl_ord_id="",
            account_id=command.account_id,
            instrument_id=command.instrument_id,
            side=command.side,
            ord_type=command.ord_type,
            time_in_force=command.time_in_force,
            price=command.price,
            qty=command.qty,
            leaves_qty=0,
            cum_qty=0,
            cum_value=0,
            reason=reason,
        )

    def candidates(self, order: ReferenceOrder) -> list[ReferenceOrder]:
        """Open orders that `order` may trade with, in the order in which it must."""
        sign = 1 if order.side == "1" else -1
        found = [
            other
            for other in self.orders
            if other is not order
            and other.instrument_id == order.instrument_id
            and other.side != order.side
            and other.leaves > 0
            and (other.price - order.price) * sign <= 0
        ]
        return sorted(found, key=lambda other: (other.price * sign, other.place))

    def best_against(self, order: ReferenceOrder) -> ReferenceOrder | None:
        candidates = self.candidates(order)
        return candidates[0] if candidates else None

    def trade(self, order: ReferenceOrder) -> None:
        if order.time_in_force == "4" and sum(other.leaves for other in self.candidates(order)) < order.qty:
            return
        for resting in self.candidates(order):
            qty = min(order.leaves, resting.leaves)
            if qty == 0:
                return
            price = resting.price
            buyer, seller = (order, resting) if order.side == "1" else (resting, order)
            self.risk.settle(buyer, seller, price, qty)
            self.trade_id += 1
            for side in (resting, order):
                side.cum_qty += qty
                side.cum_value += price * qty
                side.status = "2" if side.cum_qty == side.qty else "1"
                self.say(
                    side,
                    "F",
                    last_price=price,
                    last_qty=qty,
                    trade_id=self.trade_id,
                    is_aggressor=side is order,
                )
