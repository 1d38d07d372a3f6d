"""The judge of requests about orders: cancel, replace, status, and what translation could not express."""

from dataclasses import dataclass

from matching import commands as c
from matching import events as e
from tests.model.reference_entry import ReferenceEntry
from tests.model.reference_orders import OPEN, ReferenceOrder


@dataclass
class ReferenceRequests(ReferenceEntry):
    """Looks for the order that is meant, then for a fault, then does what is asked."""

    def request_fault(self, command: c.CancelOrder | c.ReplaceOrder, order: ReferenceOrder | None) -> int | None:
        if self.is_used(self.comp_ids[command.session_id], command.cl_ord_id):
            return 6
        if order is None:
            return 1
        if command.side != order.side or command.instrument_id not in (0, order.instrument_id):
            return 99
        return None if order.status in OPEN else 0

    def is_resent(self, command: c.CancelOrder | c.ReplaceOrder) -> bool:
        comp_id = self.comp_ids[command.session_id]
        if not command.poss_resend or not self.is_used(comp_id, command.cl_ord_id):
            return False
        self.tell_status(command.session_id, comp_id, command.cl_ord_id, "")
        return True

    def on_CancelOrder(self, command: c.CancelOrder) -> None:  # noqa: N802  # named after the command
        if self.is_throttled(command, "F") or self.is_resent(command):
            return
        order = self.find(command)
        fault = self.request_fault(command, order)
        if fault is not None or order is None:
            self.reject_cancel(command, "1", order, fault or 0)
            return
        order.names.append(command.cl_ord_id)
        order.status = "4"
        self.say(order, "4", orig=order.names[-2])

    def on_ReplaceOrder(self, command: c.ReplaceOrder) -> None:  # noqa: N802  # named after the command
        order = self.find(command)
        if self.is_throttled(command, "G", order.account_id if order else 0) or self.is_resent(command):
            return
        fault = self.request_fault(command, order)
        if fault is None and order is not None:
            fault = self.replace_fault(command, order)
        if fault is not None or order is None:
            self.reject_cancel(command, "2", order, fault or 0)
            return
        prior_price, prior_leaves = order.price, order.leaves
        leaves = command.qty - order.cum_qty
        keeps = command.price == order.price and command.time_in_force == order.time_in_force and leaves < prior_leaves
        order.names.append(command.cl_ord_id)
        order.price, order.qty, order.time_in_force = command.price, command.qty, command.time_in_force
        self.say(order, "5", orig=order.names[-2], prior_price=prior_price, prior_leaves=prior_leaves)
        if not keeps:
            order.place = self.exec_id
            self.trade(order)

    def replace_fault(self, command: c.ReplaceOrder, order: ReferenceOrder) -> int | None:
        if command.ord_type != "2" or command.time_in_force not in ("0", "1"):
            return 99
        if command.qty <= order.cum_qty:
            return 0
        if self.is_blocked(command.session_id, order.account_id):
            return 99
        wanted = ReferenceOrder(**{**order.__dict__, "price": command.price, "qty": command.qty})
        wanted.session_id = command.session_id
        would_take = command.post_only and any(other is not order for other in self.candidates(wanted))
        return None if self.risk.check(wanted, order, would_take=would_take) is None else 99

    def on_RefuseOrder(self, command: c.RefuseOrder) -> None:  # noqa: N802  # named after the command
        comp_id = self.comp_ids[command.session_id]
        if self.is_throttled(command, "D"):
            return
        known = self.is_used(comp_id, command.cl_ord_id)
        if known and command.poss_resend:
            self.tell_status(command.session_id, comp_id, command.cl_ord_id, "")
            return
        event = e.OrderRefused(
            exec_id=self.next_exec_id(),
            session_id=command.session_id,
            cl_ord_id=command.cl_ord_id,
            account=command.account,
            symbol=command.symbol,
            side=command.side,
            ord_type=command.ord_type,
            time_in_force=command.time_in_force,
            price=command.price,
            qty=command.qty,
            reason=6 if known else command.reason,
            text="",
        )
        if not known:
            self.refused.append((comp_id, event))
        self.out.append(event)

    def on_RefuseCancel(self, command: c.RefuseCancel) -> None:  # noqa: N802  # named after the command
        if not self.is_throttled(command, "F" if command.response_to == "1" else "G"):
            self.reject_cancel(command, command.response_to, self.find(command), command.reason)

    def on_RequestStatus(self, command: c.RequestStatus) -> None:  # noqa: N802  # named after the command
        comp_id = self.comp_ids[command.session_id]
        if self.is_throttled(command, "H"):
            return
        by_id = [o for o in self.orders if o.order_id == command.order_id and o.comp_id == comp_id]
        if command.order_id and by_id:
            self.tell_order(by_id[0], command.session_id, command.cl_ord_id, command.ord_status_req_id)
        elif not command.order_id and self.is_used(comp_id, command.cl_ord_id):
            self.tell_status(command.session_id, comp_id, command.cl_ord_id, command.ord_status_req_id)
        else:
            self.out.append(
                e.OrderRefused(
                    exec_id=self.next_exec_id(),
                    session_id=command.session_id,
                    cl_ord_id=command.cl_ord_id,
                    account="",
                    symbol=command.symbol,
                    side=command.side,
                    ord_type="",
                    time_in_force="",
                    price="",
                    qty="",
                    reason=5,
                    text="",
                    exec_type="I",
                    ord_status_req_id=command.ord_status_req_id,
                )
            )
