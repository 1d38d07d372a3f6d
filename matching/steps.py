"""Work over whole scopes, done in journaled steps: which orders it has, one step of it, and what is said at its end.

Owner: the matching thread. The first step is done by the command that begins the work, the others by ContinueWork; a
report of the whole comes behind the last step.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from matching import link_ids, quote_cancels, restatement
from matching.commands import CancelQuotes, CancelSessionOrders, MassCancel, RequestMassStatus, SetKillSwitch
from matching.corrections import Corrections
from matching.desk import OrderDesk
from matching.events import (
    CommandRefused,
    Event,
    Execution,
    MassCancelReported,
    MassStatusReported,
    ScopeCanceled,
    TradingDayEnded,
    WorkLeft,
)
from matching.instrument import Instrument
from matching.order import Order
from matching.phase_desk import PhaseDesk
from matching.quote_entry import cancel_side
from matching.scope_ids import has_id
from matching.scopes import orders_in_scope
from matching.types import (
    AT_THE_CLOSE,
    AT_THE_OPENING,
    DAY,
    EXEC_STATUS,
    GOOD_TILL_CANCEL,
    GOOD_TILL_DATE,
    SHARD_ID_SHIFT,
)
from matching.work import Work, WorkQueue

FOR_ONE_DAY: Final = (DAY, AT_THE_OPENING, AT_THE_CLOSE)
"""TimeInForce(59) of orders that expire with the trading day."""


class Steps:
    """The queue, and the number of the last report. `instruments` is a view by id."""

    __slots__ = ("accounts", "corrections", "desk", "instruments", "last_report_id", "phases", "works")

    def __init__(
        self,
        desk: OrderDesk,
        works: WorkQueue,
        instruments: Mapping[int, Instrument],
        phases: PhaseDesk,
        corrections: Corrections,
    ) -> None:
        self.desk = desk
        self.works = works
        self.instruments = instruments
        self.accounts = works.accounts
        self.phases = phases
        self.corrections = corrections
        self.last_report_id = 0

    def next_report_id(self) -> int:
        """Return a new id of a mass cancel's report: a sequence of its own, in the shard's part of the ids."""
        begin = self.desk.last_exec_id >> SHARD_ID_SHIFT << SHARD_ID_SHIFT
        self.last_report_id = max(self.last_report_id, begin) + 1
        return self.last_report_id

    def begin(self, work: Work, out: list[Event]) -> None:
        """Find the orders of new work and do its first step at once, before older work goes on."""
        work.order_ids = self._orders_of(work)
        if work.request is not None:
            work.total = len(work.order_ids)
        if isinstance(work.request, RequestMassStatus) and work.request.restates:
            out.append(restatement.marker(self.desk, work.request, "begin", work.total))
        if self.works.add(work):
            self._step(work, out)
        self._say_left(out)

    def continue_work(self, out: list[Event]) -> None:
        """Do the next step of the oldest unfinished work. What the special desk has left goes first."""
        if self.desk.special.after.has_work:
            self.desk.special.after.go_on_with_work(out)
            return
        if not self.works.pending:
            out.append(CommandRefused("ContinueWork", "no work is left"))
            return
        self._step(self.works.pending[0], out)
        # What the trades of an auction have triggered is done before anything else comes.
        self.desk.special.after.run(out)
        self._say_left(out)

    def _say_left(self, out: list[Event]) -> None:
        if self.works.pending:
            out.append(WorkLeft(self.works.left()))

    def _orders_of(self, work: Work) -> Sequence[int]:
        """Return the ids of the orders to look at, ascending."""
        if work.kind in ("auction", "join closing auction"):
            return work.order_ids
        if isinstance(work.request, CancelQuotes):
            return quote_cancels.sides_in_scope(self.desk.special.quotes, work.request)
        return orders_in_scope(work, self.desk, self.instruments)

    def _step(self, work: Work, out: list[Event]) -> None:
        if work.kind == "auction":
            if self.phases.auctions.step(work, out):
                self.works.pending.remove(work)
            return
        if work.kind == "join closing auction":
            self.phases.join_close(work, out)
            if not work.left():
                self.works.pending.remove(work)
            return
        for order_id in work.next_step():
            order = self.desk.orders.get(order_id)
            if work.kind == "mass status":
                self._tell_status(work, order_id, order, out)
            elif order is not None and work.kind == "end trading day":
                self._end_day(work, order, out)
            elif order is not None and order.is_open() and not _is_spared(work, order):
                self._cancel_with_linked(work, order, out)
        if not work.left():
            self.works.pending.remove(work)
            self._finish(work, out)

    def _end_day(self, work: Work, order: Order, out: list[Event]) -> None:
        if order.is_open() and order.time_in_force in FOR_ONE_DAY:
            self.desk.expire(order, out, work.text)
        if not order.is_open():
            self.desk.forget(order)

    def _cancel_with_linked(self, work: Work, order: Order, out: list[Event]) -> None:
        """Cancel an order, and those of the scope that end with it: they would be gone before a later step."""
        link = None if order.extra is None else order.extra.link
        self._cancel(work, order, out)
        if link is None or work.request is None or not link.is_over():
            return
        for each in link.orders():
            if has_id(work.order_ids, each.order_id) and not _is_spared(work, each):
                self._cancel(work, each, out)

    def _cancel(self, work: Work, order: Order, out: list[Event]) -> None:
        """Cancel an order; that of a mass cancel is reported as asked for: its ClOrdID(11), the order's in 41."""
        request = work.request
        if request is not None:
            work.changed += 1
        if isinstance(request, CancelQuotes):
            cancel_side(self.desk.special, order, request.quote_id, out)
            return
        if not isinstance(request, MassCancel):
            self.desk.cancel_unsolicited(order, work.text, out, restatement=work.restatement())
            return
        place = len(out)
        self.desk.cancel_unsolicited(order, "", out, restatement=0)
        for index in range(place, len(out)):
            said = out[index]
            if isinstance(said, Execution) and said.order_id == order.order_id:
                names = {"cl_ord_id": request.cl_ord_id, "orig_cl_ord_id": order.cl_ord_id}
                out[index] = msgspec.structs.replace(said, **names)

    def _tell_status(self, work: Work, order_id: int, order: Order | None, out: list[Event]) -> None:
        """Tell how an order of the scope stands, also where it has closed since: so many were announced."""
        request, desk = work.request, self.desk
        assert isinstance(request, RequestMassStatus), "a mass status has its request"
        if request.restates:
            work.changed += restatement.restate(desk, request, order, work.total, out)
            return
        work.changed += 1
        ids = request.session_id, request.request_id, work.total, work.changed == work.total
        if order is None:
            desk.last_exec_id += 1
            out.append(
                MassStatusReported(desk.last_exec_id, *ids, text=f"order O{order_id} ended with its trading day")
            )
            return
        said: list[Event] = []
        desk.say(order, EXEC_STATUS, said, to=desk.sessions[request.session_id])
        (execution,) = said
        assert isinstance(execution, Execution), "a status is an Execution"
        out.append(MassStatusReported(execution.exec_id, *ids, execution))

    def _finish(self, work: Work, out: list[Event]) -> None:
        """Say what the whole of it was."""
        desk, request = self.desk, work.request
        if work.kind == "end trading day":
            for member in desk.members.values():
                member.refused.clear()
                member.mass_cancels.clear()
                member.list_ids.clear()
                link_ids.end_day(member, desk.orders)
            self.corrections.end_day()
            out.append(TradingDayEnded(work.target_id))
        elif isinstance(request, SetKillSwitch):
            target = request.scope, request.target_id, request.target_name
            out.append(ScopeCanceled(*target, work.changed, work.text))
        elif isinstance(request, MassCancel):
            self._report(work, request, out)
        elif isinstance(request, CancelQuotes):
            quote_cancels.finish(desk.risk, request, work.changed, out)
        elif isinstance(request, RequestMassStatus) and request.restates:
            out.append(restatement.marker(desk, request, "end", work.changed))

    def _report(self, work: Work, request: MassCancel, out: list[Event]) -> None:
        desk = self.desk
        for session_id in (request.session_id, *work.askers):
            report = MassCancelReported(
                self.next_report_id(),
                session_id,
                request.cl_ord_id,
                request.request_type,
                request.request_type,
                work.changed,
                request.symbol,
                request.side,
            )
            out.append(report)
            desk.sessions[session_id].member.mass_cancels[request.cl_ord_id] = report


def _is_spared(work: Work, order: Order) -> bool:
    request = work.request
    is_long = order.time_in_force in (GOOD_TILL_CANCEL, GOOD_TILL_DATE)
    return is_long and isinstance(request, CancelSessionOrders) and request.spares_gtc
