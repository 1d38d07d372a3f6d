"""The slow reference with what protects: mass requests, cancel on disconnect by accounts, kill switches of firms.

Written from the rules, not from the engine: every step looks at all orders anew, nothing is indexed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from matching import commands as c
from matching import events as e
from matching import refusals
from tests.model.reference_exchange import ReferenceExchange
from tests.model.reference_orders import OPEN, ReferenceOrder, ReferenceWork

KINDS = {1: "spot", 2: "spot", 3: "perpetual"}
GTC_OR_GTD = ("1", "6")


@dataclass
class RequestWork(ReferenceWork):
    """Work with the command that began it, how many orders there were, and who else waits for its report."""

    request: c.MassCancel | c.RequestMassStatus | c.CancelSessionOrders | c.SetKillSwitch | None = None
    total: int = 0
    told: int = 0
    askers: list[int] = field(default_factory=list)


@dataclass
class ReferenceProtection(ReferenceExchange):
    """The reference exchange, and what this module says."""

    reports: dict[tuple[str, str], e.MassCancelReported] = field(default_factory=dict)
    firms: dict[int, str] = field(default_factory=dict)
    firms_killed: list[str] = field(default_factory=list)
    entering: tuple[int, str] = (0, "")
    report_id: int = 0

    # -- scopes -------------------------------------------------------------------------------------------------------

    def covers(
        self, request: c.MassCancel | c.RequestMassStatus, account_id: int, instrument_id: int, side: str
    ) -> bool:
        wanted = (request.instrument_id, request.kind, request.side, request.account_id)
        found = (instrument_id, KINDS[instrument_id], side, account_id)
        return all(want in (0, "", have) for want, have in zip(wanted, found, strict=True))

    def in_scope(self, request: c.MassCancel | c.RequestMassStatus, order: ReferenceOrder) -> bool:
        is_own = order.comp_id == self.comp_ids[request.session_id] and order.status in OPEN
        return is_own and self.covers(request, order.account_id, order.instrument_id, order.side)

    def is_blocked(self, session_id: int, account_id: int) -> bool:
        instrument_id, side = self.entering
        for work in self.works:
            request = work.request if isinstance(work, RequestWork) else None
            if isinstance(request, c.MassCancel):
                own = self.comp_ids[session_id] == self.comp_ids[request.session_id]
                if own and self.covers(request, account_id, instrument_id, side):
                    return True
            elif isinstance(request, c.CancelSessionOrders):
                if account_id in request.account_ids:
                    return True
            elif isinstance(request, c.SetKillSwitch):
                if self.firms[account_id] == request.target_name:
                    return True
        return super().is_blocked(session_id, account_id)

    def on_NewOrder(self, command: c.NewOrder) -> None:  # noqa: N802  # named after the command
        self.entering = (command.instrument_id, command.side)
        self.risk.firm_stops = {key for key, firm in self.firms.items() if firm in self.firms_killed}
        super().on_NewOrder(command)

    def on_ReplaceOrder(self, command: c.ReplaceOrder) -> None:  # noqa: N802  # named after the command
        order = self.find(command)
        if order is not None:
            self.entering = (order.instrument_id, order.side)
        self.risk.firm_stops = {key for key, firm in self.firms.items() if firm in self.firms_killed}
        super().on_ReplaceOrder(command)

    def is_throttled(self, command: Any, msg_type: str, account_id: int = 0) -> bool:
        if msg_type == "q":
            bucket, ref_id = ("cancel", command.session_id), command.cl_ord_id
        elif msg_type == "AF":
            bucket, ref_id = ("session", command.session_id), command.request_id
        else:
            return super().is_throttled(command, msg_type, account_id)
        if self.risk.take_tokens([bucket], self.time_ns):
            return False
        self.out.append(e.MessageThrottled(command.session_id, command.msg_seq_num, msg_type, ref_id, ""))
        return True

    # -- requests -----------------------------------------------------------------------------------------------------

    def on_MassCancel(self, command: c.MassCancel) -> None:  # noqa: N802  # named after the command
        comp_id = self.comp_ids[command.session_id]
        if self.is_throttled(command, "q"):
            return
        name = comp_id, command.cl_ord_id
        if command.poss_resend:
            for work in self.works:
                if isinstance(work, RequestWork) and isinstance(work.request, c.MassCancel):
                    asked = work.request
                    if (self.comp_ids[asked.session_id], asked.cl_ord_id) == name:
                        if command.session_id not in (asked.session_id, *work.askers):
                            work.askers.append(command.session_id)
                        return
            if name in self.reports:
                known = self.reports[name]
                again = {"report_id": self.next_report_id(), "session_id": command.session_id}
                self.out.append(_changed(known, again))
                return
        if command.code or self.is_used(*name):
            self.report(command, command.session_id, "0", 0)
            return
        self.refused.append((comp_id, self.names_no_order(command)))
        orders = [order.order_id for order in self.orders if self.in_scope(command, order)]
        self.begin_work(RequestWork("mass", 0, orders, request=command))

    def names_no_order(self, command: c.MassCancel) -> e.OrderRefused:
        side = command.side or "1"
        ids = 0, command.session_id, command.cl_ord_id
        return e.OrderRefused(*ids, "", command.symbol, side, "", "", "", "", 5, "", "I")

    def next_report_id(self) -> int:
        self.report_id += 1
        return self.report_id

    def report(self, command: c.MassCancel, session_id: int, response: str, count: int) -> e.MassCancelReported:
        ids = self.next_report_id(), session_id, command.cl_ord_id, command.request_type
        code = 0 if response != "0" else command.code or refusals.MASS_DUPLICATE_CL_ORD_ID
        event = e.MassCancelReported(*ids, response, count, command.symbol, command.side, code)
        self.out.append(event)
        return event

    def on_RequestMassStatus(self, command: c.RequestMassStatus) -> None:  # noqa: N802  # named after the command
        if self.is_throttled(command, "AF"):
            return
        orders = [order.order_id for order in self.orders if self.in_scope(command, order)]
        if orders and not command.code:
            self.begin_work(RequestWork("status", 0, orders, request=command))
            return
        if not command.code:
            self.say_left()
        ids = self.next_exec_id(), command.session_id, command.request_id
        self.out.append(e.MassStatusReported(*ids, 0, True, None, command.symbol, command.side, command.code))

    # -- operators ----------------------------------------------------------------------------------------------------

    def on_DefineAccount(self, command: c.DefineAccount) -> None:  # noqa: N802  # named after the command
        before = len(self.out)
        super().on_DefineAccount(command)
        if isinstance(self.out[before], e.AccountDefined):
            self.firms[command.account_id] = command.firm

    def on_SetKillSwitch(self, command: c.SetKillSwitch) -> None:  # noqa: N802  # named after the command
        if command.scope != "firm":
            super().on_SetKillSwitch(command)
            return
        firm = command.target_name
        if firm not in self.firms.values():
            self.refuse_command(command)
            return
        self.firms_killed = [each for each in self.firms_killed if each != firm]
        if command.engaged:
            self.firms_killed.append(firm)
        self.out.append(e.KillSwitchSet("firm", 0, command.engaged, command.by, command.reason, firm))
        if command.engaged:
            orders = [o.order_id for o in self.orders if o.status in OPEN and self.firms[o.account_id] == firm]
            self.begin_work(RequestWork("firm", 0, orders, request=command))

    def on_CancelSessionOrders(self, command: c.CancelSessionOrders) -> None:  # noqa: N802  # named after the command
        if not command.account_ids or command.session_id not in self.comp_ids:
            super().on_CancelSessionOrders(command)
            return
        orders = [o.order_id for o in self.orders if o.status in OPEN and o.account_id in command.account_ids]
        self.begin_work(RequestWork("accounts", 0, orders, request=command))

    # -- steps --------------------------------------------------------------------------------------------------------

    def begin_work(self, work: RequestWork) -> None:
        work.total = len(work.order_ids)
        self.works.append(work)
        self.step(work)
        self.say_left()

    def step(self, work: ReferenceWork) -> None:
        if not isinstance(work, RequestWork):
            ends = work.kind == "end" and len(work.order_ids) <= self.step_max
            super().step(work)
            if ends:
                self.reports.clear()
            return
        now, work.order_ids = work.order_ids[: self.step_max], work.order_ids[self.step_max :]
        for order_id in now:
            order = next((each for each in self.orders if each.order_id == order_id), None)
            if isinstance(work.request, c.RequestMassStatus):
                self.tell(work, work.request, order)
            elif order is not None and order.status in OPEN:
                self.cancel(work, order)
        if not work.order_ids:
            self.works.remove(work)
            self.finish(work)

    def tell(self, work: RequestWork, request: c.RequestMassStatus, order: ReferenceOrder | None) -> None:
        work.told += 1
        ids = request.session_id, request.request_id, work.total, work.told == work.total
        if order is None:
            self.out.append(e.MassStatusReported(self.next_exec_id(), *ids))
            return
        self.say(order, "I", session_id=request.session_id)
        execution = self.out.pop()
        assert isinstance(execution, e.Execution)
        self.out.append(e.MassStatusReported(execution.exec_id, *ids, execution))

    def cancel(self, work: RequestWork, order: ReferenceOrder) -> None:
        request = work.request
        restatement = 99
        if isinstance(request, c.CancelSessionOrders):
            if request.spares_gtc and order.time_in_force in GTC_OR_GTD:
                return
            restatement = request.restatement
        work.changed += 1
        order.status = "4"
        if isinstance(request, c.MassCancel):
            self.say(order, "4")
            said = self.out.pop()
            self.out.append(_changed(said, {"cl_ord_id": request.cl_ord_id, "orig_cl_ord_id": order.names[-1]}))
        else:
            self.say(order, "4", exec_restatement_reason=restatement)

    def finish(self, work: RequestWork) -> None:
        request = work.request
        if isinstance(request, c.MassCancel):
            for session_id in (request.session_id, *work.askers):
                event = self.report(request, session_id, request.request_type, work.changed)
                self.reports[self.comp_ids[session_id], request.cl_ord_id] = event
        elif isinstance(request, c.SetKillSwitch):
            self.out.append(e.ScopeCanceled("firm", 0, request.target_name, work.changed, ""))


def _changed(event: e.Event, fields: Mapping[str, object]) -> e.Event:
    values = {name: getattr(event, name) for name in event.__struct_fields__}
    return type(event)(**{**values, **fields})
