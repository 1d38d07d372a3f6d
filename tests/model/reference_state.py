"""The judge's memory: orders, works and definitions, how they are found, and how what happens is said."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from matching import commands as c
from matching import events as e
from tests.model.reference_orders import ReferenceOrder, ReferenceWork
from tests.model.reference_risk import ReferenceRisk


@dataclass
class ReferenceState:
    """Lists that are searched from their begin; `out` are the events of the running command."""

    step_max: int
    risk: ReferenceRisk = field(default_factory=ReferenceRisk)
    orders: list[ReferenceOrder] = field(default_factory=list)
    refused: list[tuple[str, e.Execution | e.OrderRefused]] = field(default_factory=list)
    works: list[ReferenceWork] = field(default_factory=list)
    comp_ids: dict[int, str] = field(default_factory=dict)
    sessions: dict[int, c.DefineSession] = field(default_factory=dict)
    trading_day: int = 0
    exec_id: int = 0
    order_id: int = 0
    trade_id: int = 0
    time_ns: int = 0
    out: list[e.Event] = field(default_factory=list)

    def apply(self, time_ns: int, command: c.Command) -> list[e.Event]:
        """Apply one command and return its events."""
        self.out = []
        self.time_ns = time_ns
        self.risk.orders = self.orders
        method: Callable[[Any], None] = getattr(self, "on_" + type(command).__name__)
        method(command)
        return self.out

    def order_named(self, comp_id: str, name: str) -> ReferenceOrder | None:
        return next((o for o in self.orders if o.comp_id == comp_id and name in o.names), None)

    def refusal_named(self, comp_id: str, name: str) -> e.Execution | e.OrderRefused | None:
        return next((event for comp, event in self.refused if comp == comp_id and event.cl_ord_id == name), None)

    def is_used(self, comp_id: str, name: str) -> bool:
        return self.order_named(comp_id, name) is not None or self.refusal_named(comp_id, name) is not None

    def find(self, command: c.CancelOrder | c.ReplaceOrder | c.RefuseCancel) -> ReferenceOrder | None:
        comp_id = self.comp_ids[command.session_id]
        if command.order_id:
            return next((o for o in self.orders if o.order_id == command.order_id and o.comp_id == comp_id), None)
        return self.order_named(comp_id, command.orig_cl_ord_id)

    def is_blocked(self, session_id: int, account_id: int) -> bool:
        for work in self.works:
            whole_market = work.kind in ("end", "market")
            of_session = work.kind in ("session", "disconnected") and work.target_id == session_id
            of_account = work.kind == "account" and work.target_id == account_id
            if whole_market or of_session or of_account:
                return True
        return False

    def next_exec_id(self) -> int:
        self.exec_id += 1
        return self.exec_id

    def say(self, order: ReferenceOrder, exec_type: str, *, session_id: int = 0, **more: Any) -> None:
        self.out.append(
            e.Execution(
                exec_id=self.next_exec_id(),
                exec_type=exec_type,  # type: ignore[arg-type]
                ord_status=order.status,  # type: ignore[arg-type]
                order_id=order.order_id,
                session_id=session_id or order.session_id,
                cl_ord_id=order.names[-1],
                orig_cl_ord_id=more.pop("orig", ""),
                account_id=order.account_id,
                instrument_id=order.instrument_id,
                side=order.side,  # type: ignore[arg-type]
                ord_type=order.ord_type,  # type: ignore[arg-type]
                time_in_force=order.time_in_force,  # type: ignore[arg-type]
                price=order.price,
                qty=order.qty,
                leaves_qty=order.leaves,
                cum_qty=order.cum_qty,
                cum_value=order.cum_value,
                **more,
            )
        )

    def reject_cancel(self, command: Any, response_to: str, order: ReferenceOrder | None, reason: int) -> None:
        self.out.append(
            e.CancelRejected(
                session_id=command.session_id,
                order_id=order.order_id if order else 0,
                cl_ord_id=command.cl_ord_id,
                orig_cl_ord_id=command.orig_cl_ord_id,
                ord_status=order.status if order else "8",  # type: ignore[arg-type]
                response_to=response_to,  # type: ignore[arg-type]
                reason=reason,
                text="",
                account_id=order.account_id if order else 0,
            )
        )

    def is_throttled(self, command: Any, msg_type: str, account_id: int = 0) -> bool:
        if msg_type == "F":
            passes = self.risk.take_tokens([("cancel", command.session_id)], self.time_ns)
        else:
            passes = self.risk.take_tokens([("session", command.session_id), ("account", account_id)], self.time_ns)
        if not passes:
            ref_id = command.list_id if msg_type == "E" else command.cl_ord_id
            self.out.append(e.MessageThrottled(command.session_id, command.msg_seq_num, msg_type, ref_id, ""))
        return not passes

    def tell_status(self, session_id: int, comp_id: str, name: str, request_id: str) -> None:
        order = self.order_named(comp_id, name)
        if order is not None:
            self.tell_order(order, session_id, name, request_id)
            return
        event = self.refusal_named(comp_id, name)
        assert event is not None
        self.out.append(
            msgspec.structs.replace(
                event,
                exec_id=self.next_exec_id(),
                exec_type="I",
                session_id=session_id,
                ord_status_req_id=request_id,
            )
        )

    def tell_order(self, order: ReferenceOrder, session_id: int, name: str, request_id: str) -> None:
        orig = name if name in order.names[:-1] else ""
        self.say(order, "I", session_id=session_id, orig=orig, ord_status_req_id=request_id)
