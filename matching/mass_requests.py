"""Requests over many orders of a member: mass cancel and mass status. Always answered, also where nothing is open.

Owner: the matching thread. The scope is that of the member, over all its sessions: each cancel is reported to the
session that entered the order, the report of the whole to the one that asked.
"""

from matching import refusals
from matching.commands import MassCancel, RequestMassStatus
from matching.desk import OrderDesk, used_before
from matching.events import Event, MassCancelReported, MassStatusReported, OrderRefused
from matching.order import Session
from matching.refusals import Refusal
from matching.requests import Requests
from matching.steps import Steps
from matching.types import EXEC_STATUS
from matching.work import Work

NOTHING_OPEN = "no order is open in this scope"


class MassRequests:
    """Keeps no state of its own: what a ClOrdID(11) was used for stands at the member, what goes on in the queue."""

    __slots__ = ("desk", "requests", "steps")

    def __init__(self, desk: OrderDesk, requests: Requests, steps: Steps) -> None:
        self.desk = desk
        self.requests = requests
        self.steps = steps

    def cancel(self, command: MassCancel, time_ns: int, out: list[Event]) -> None:
        """Cancel the open orders of a scope; a possible resend of a request that was obeyed gets its report again."""
        session = self.desk.sessions[command.session_id]
        if self.requests.is_cancel_throttled(command, "q", time_ns, out):
            return
        if command.poss_resend and self._is_known(session, command, out):
            return
        fault = self._fault(session, command)
        if fault is not None:
            self._refuse(command, fault, out)
            return
        # The ClOrdID is used from now on, and names no order.
        session.member.refused[command.cl_ord_id] = _names_no_order(command)
        work = Work(
            kind="mass cancel", target_id=0, text="", order_ids=[], request=command, comp_id=session.member.comp_id
        )
        self.steps.begin(work, out)

    def _is_known(self, session: Session, command: MassCancel, out: list[Event]) -> bool:
        """Answer a request that was obeyed before; one that still goes on is answered behind its last step."""
        member = session.member
        work = self.desk.works.find_mass_cancel(member.comp_id, command.cl_ord_id)
        if work is not None:
            first = work.request.session_id if isinstance(work.request, MassCancel) else 0
            if session.session_id != first and session.session_id not in work.askers:
                work.askers.append(session.session_id)
            return True
        report = member.mass_cancels.get(command.cl_ord_id)
        if report is None:
            return False
        out.append(
            MassCancelReported(
                self.steps.next_report_id(),
                session.session_id,
                report.cl_ord_id,
                report.request_type,
                report.response,
                report.total_affected,
                report.symbol,
                report.side,
            )
        )
        return True

    def _fault(self, session: Session, command: MassCancel) -> Refusal | None:
        """Return code and text where a mass cancel cannot be obeyed; its ClOrdID(11) stays free then."""
        if command.code:
            return command.code, command.text
        member, cl_ord_id = session.member, command.cl_ord_id
        if cl_ord_id in member.used or cl_ord_id in member.refused:
            return refusals.MASS_DUPLICATE_CL_ORD_ID, used_before(cl_ord_id)
        return None

    def _refuse(self, command: MassCancel, fault: Refusal, out: list[Event]) -> None:
        code, text = fault
        ids = self.steps.next_report_id(), command.session_id, command.cl_ord_id
        out.append(MassCancelReported(*ids, command.request_type, "0", 0, command.symbol, command.side, code, text))

    def status(self, command: RequestMassStatus, time_ns: int, out: list[Event]) -> None:
        """Tell the asking session how each open order of the scope stands; one report where there is none."""
        if self.requests.is_throttled(command.session_id, command.msg_seq_num, "AF", command.request_id, time_ns, out):
            return
        if command.code:
            self._tell_nothing(command, command.code, command.text, out)
            return
        place = len(out)
        self.steps.begin(Work(kind="mass status", target_id=0, text="", order_ids=[], request=command, comp_id=""), out)
        if len(out) == place or not isinstance(out[place], MassStatusReported):
            self._tell_nothing(command, 0, NOTHING_OPEN, out)

    def _tell_nothing(self, command: RequestMassStatus, code: int, text: str, out: list[Event]) -> None:
        self.desk.last_exec_id += 1
        ids = self.desk.last_exec_id, command.session_id, command.request_id
        out.append(MassStatusReported(*ids, 0, True, None, command.symbol, command.side, code, text))


def _names_no_order(command: MassCancel) -> OrderRefused:
    """Return what a status request by the ClOrdID(11) of a mass cancel is told, under an ExecID(17) of its own then."""
    text = f"ClOrdID(11) {command.cl_ord_id} names a mass cancel, not an order"
    return OrderRefused(
        0,
        command.session_id,
        command.cl_ord_id,
        "",
        command.symbol,
        command.side or "1",
        "",
        "",
        "",
        "",
        refusals.ord_rej_reason(refusals.UNKNOWN_ORDER),
        text,
        EXEC_STATUS,
        "",
        refusals.UNKNOWN_ORDER,
    )
