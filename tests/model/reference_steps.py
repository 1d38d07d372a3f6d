"""The judge of work over many orders, which goes on in steps and blocks its scope meanwhile."""

from collections.abc import Callable
from dataclasses import dataclass

from matching import commands as c
from matching import events as e
from tests.model.reference_orders import OPEN, ReferenceOrder, ReferenceWork
from tests.model.reference_requests import ReferenceRequests

FOR_ONE_DAY = ("0", "2", "7")
"""TimeInForce(59) of orders that expire with the trading day."""


@dataclass
class ReferenceSteps(ReferenceRequests):
    """Cancels whole scopes and ends trading days, `step_max` orders at a time."""

    def refuse_command(self, command: c.Command) -> None:
        self.out.append(e.CommandRefused(type(command).__name__, ""))

    def begin(self, kind: str, target_id: int) -> None:
        chosen: dict[str, Callable[[ReferenceOrder], bool]] = {
            "session": lambda o: o.status in OPEN and o.session_id == target_id,
            "disconnected": lambda o: o.status in OPEN and o.session_id == target_id,
            "account": lambda o: o.status in OPEN and o.account_id == target_id,
            "market": lambda o: o.status in OPEN,
            "end": lambda o: True,
        }
        ids = [o.order_id for o in self.orders if chosen[kind](o)]
        work = ReferenceWork(kind, target_id, ids, scope=ids)
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
                    self.cancel_for(work, order)
                elif order.status in OPEN and order.time_in_force in FOR_ONE_DAY:
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

    def cancel_for(self, work: ReferenceWork, order: ReferenceOrder) -> None:
        """Cancel an order of a scope."""
        work.changed += 1
        order.status = "4"
        self.say(order, "4", exec_restatement_reason=12 if work.kind == "disconnected" else 99)

    def on_ContinueWork(self, command: c.ContinueWork) -> None:  # noqa: N802  # named after the command
        if not self.works:
            self.refuse_command(command)
            return
        self.step(self.works[0])
        self.say_left()
