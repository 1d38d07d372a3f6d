"""The judge: the exchange as slow and obvious as its rules are said. Lists, linear scans, sums from scratch.

It shares no code with `matching` and `risk` but the words (commands, events). Texts are empty: they are for people.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from matching import commands as c
from matching import events as e
from tests.model.reference_risk import ReferenceRisk

OPEN = ("0", "1")
NONE: list[str] = []


@dataclass
class ReferenceOrder:
    """An order with its whole history in plain fields; `names` are its ClOrdIDs, the newest last."""

    order_id: int
    session_id: int
    comp_id: str
    names: list[str]
    account_id: int
    instrument_id: int
    side: str
    ord_type: str
    time_in_force: str
    price: int
    qty: int
    place: int
    status: str = "0"
    cum_qty: int = 0
    cum_value: int = 0

    @property
    def leaves(self) -> int:
        return self.qty - self.cum_qty if self.status in OPEN else 0


@dataclass
class ReferenceWork:
    """Orders still to be looked at, and whom they block."""

    kind: str
    target_id: int
    order_ids: list[int]
    text: str = ""
    changed: int = 0


@dataclass
class ReferenceExchange:
    """Takes the same commands as the engine and says the same events, with empty texts."""

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

    # -- what is known ------------------------------------------------------------------------------------------------

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

    # -- saying -------------------------------------------------------------------------------------------------------

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
            self.out.append(
                e.MessageThrottled(command.session_id, command.msg_seq_num, msg_type, command.cl_ord_id, "")
            )
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

    # -- orders -------------------------------------------------------------------------------------------------------

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

    # -- requests -----------------------------------------------------------------------------------------------------

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

    # -- operators ----------------------------------------------------------------------------------------------------

    def refuse_command(self, command: c.Command) -> None:
        self.out.append(e.CommandRefused(type(command).__name__, ""))

    def on_DefineInstrument(self, command: c.DefineInstrument) -> None:  # noqa: N802  # named after the command
        if self.risk.define_instrument(command):
            self.out.append(e.InstrumentDefined(command.instrument_id, command.symbol))
        else:
            self.refuse_command(command)

    def on_DefineAccount(self, command: c.DefineAccount) -> None:  # noqa: N802  # named after the command
        if self.risk.define_account(command):
            self.out.append(e.AccountDefined(command.account_id, command.name))
        else:
            self.refuse_command(command)

    def on_DefineSession(self, command: c.DefineSession) -> None:  # noqa: N802  # named after the command
        present = self.sessions.get(command.session_id)
        same = present is not None and (present.name, present.comp_id) == (command.name, command.comp_id)
        taken = any(each.name == command.name for each in self.sessions.values())
        negative = min(command.rate, command.burst, command.cancel_rate, command.cancel_burst) < 0
        if command.session_id < 1 or negative or (present is not None and not same) or (present is None and taken):
            self.refuse_command(command)
            return
        self.sessions[command.session_id] = command
        self.comp_ids[command.session_id] = command.comp_id
        self.risk.set_bucket("session", command.session_id, command.rate, command.burst)
        self.risk.set_bucket("cancel", command.session_id, command.cancel_rate, command.cancel_burst)
        self.out.append(e.SessionDefined(command.session_id, command.name))

    def on_SetLimits(self, command: c.SetLimits) -> None:  # noqa: N802  # named after the command
        if self.risk.set_limits(command):
            self.out.append(e.LimitsSet(command.account_id, command.instrument_id))
        else:
            self.refuse_command(command)

    def on_Deposit(self, command: c.Deposit) -> None:  # noqa: N802  # named after the command
        balance = self.risk.deposit(command)
        if balance is None:
            self.refuse_command(command)
        else:
            event = e.Posted(command.account_id, command.asset, command.amount, balance, command.transfer_id)
            self.out.append(event)

    def on_TransferOut(self, command: c.TransferOut) -> None:  # noqa: N802  # named after the command
        balance = self.risk.transfer_out(command)
        if balance is None:
            self.refuse_command(command)
        else:
            self.out.append(e.TransferredOut(**msgspec.structs.asdict(command), balance=balance))

    def on_TransferIn(self, command: c.TransferIn) -> None:  # noqa: N802  # named after the command
        balance = self.risk.transfer_in(command)
        if balance is None:
            self.refuse_command(command)
        else:
            self.out.append(e.TransferredIn(**msgspec.structs.asdict(command), balance=balance))

    def on_SetAcceptance(self, command: c.SetAcceptance) -> None:  # noqa: N802  # named after the command
        self.risk.accepting = command.accepting
        self.out.append(e.AcceptanceSet(command.accepting, command.reason))

    def on_SetTradingPhase(self, command: c.SetTradingPhase) -> None:  # noqa: N802  # named after the command
        if command.instrument_id not in self.risk.instruments:
            self.refuse_command(command)
            return
        self.risk.phases[command.instrument_id] = command.phase
        self.out.append(e.TradingPhaseSet(command.instrument_id, command.phase, command.reason))

    def on_SetReferencePrice(self, command: c.SetReferencePrice) -> None:  # noqa: N802  # named after the command
        if command.instrument_id not in self.risk.instruments or command.price < 0:
            self.refuse_command(command)
            return
        self.risk.references[command.instrument_id] = command.price
        self.out.append(e.ReferencePriceSet(command.instrument_id, command.price))

    def on_SetKillSwitch(self, command: c.SetKillSwitch) -> None:  # noqa: N802  # named after the command
        known = {
            "market": command.target_id == 0,
            "account": command.target_id in self.risk.accounts,
            "session": command.target_id in self.sessions,
        }[command.scope]
        if not known:
            self.refuse_command(command)
            return
        key = (command.scope, command.target_id)
        self.risk.killed = [each for each in self.risk.killed if each != key]
        if command.engaged:
            self.risk.killed.append(key)
        self.out.append(e.KillSwitchSet(command.scope, command.target_id, command.engaged, command.by, command.reason))
        if command.engaged:
            self.begin(command.scope, command.target_id)

    def on_CancelSessionOrders(self, command: c.CancelSessionOrders) -> None:  # noqa: N802  # as above
        if command.session_id in self.sessions:
            self.begin("disconnected", command.session_id)
        else:
            self.refuse_command(command)

    def on_EndTradingDay(self, command: c.EndTradingDay) -> None:  # noqa: N802  # named after the command
        if command.trading_day <= self.trading_day:
            self.refuse_command(command)
            return
        self.trading_day = command.trading_day
        self.begin("end", command.trading_day)

    def on_ContinueWork(self, command: c.ContinueWork) -> None:  # noqa: N802  # named after the command
        if not self.works:
            self.refuse_command(command)
            return
        self.step(self.works[0])
        self.say_left()

    # -- work in steps ------------------------------------------------------------------------------------------------

    def begin(self, kind: str, target_id: int) -> None:
        chosen: dict[str, Callable[[ReferenceOrder], bool]] = {
            "session": lambda o: o.status in OPEN and o.session_id == target_id,
            "disconnected": lambda o: o.status in OPEN and o.session_id == target_id,
            "account": lambda o: o.status in OPEN and o.account_id == target_id,
            "market": lambda o: o.status in OPEN,
            "end": lambda o: True,
        }
        work = ReferenceWork(kind, target_id, [o.order_id for o in self.orders if chosen[kind](o)])
        begins = self.begin_first_step(work)
        self.works.append(work)
        if begins:
            self.step(work)
        self.say_left()

    def begin_first_step(self, work: ReferenceWork) -> bool:
        """Tell whether new work begins at once."""
        del work
        return True

    def say_left(self) -> None:
        if self.works:
            self.out.append(e.WorkLeft(sum(len(work.order_ids) for work in self.works)))

    def step(self, work: ReferenceWork) -> None:
        now, work.order_ids = work.order_ids[: self.step_max], work.order_ids[self.step_max :]
        for order_id in now:
            for order in [o for o in self.orders if o.order_id == order_id]:
                if order.status in OPEN and work.kind != "end":
                    work.changed += 1
                    order.status = "4"
                    self.say(order, "4", exec_restatement_reason=12 if work.kind == "disconnected" else 99)
                elif order.status in OPEN and order.time_in_force == "0":
                    order.status = "C"
                    self.say(order, "C")
                if work.kind == "end" and order.status not in OPEN:
                    self.orders.remove(order)
        if not work.order_ids:
            self.works.remove(work)
            if work.kind == "end":
                self.refused.clear()
                self.out.append(e.TradingDayEnded(work.target_id))
            elif work.kind != "disconnected":
                self.out.append(e.ScopeCanceled(work.kind, work.target_id, "", work.changed, ""))
