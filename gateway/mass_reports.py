"""Reports of requests over many orders: OrderMassCancelReport(r), and the ExecutionReports(8) that answer an AF.

Only FIX.4.4 and FIX.5.0SP2 have them. Owner: the matching thread.
"""

from typing import Final

from gateway.rejects import explanation
from gateway.sessions import FIX50SP2, Version
from matching.events import MassCancelReported, MassStatusReported
from matching.refusals import mass_cancel_reject_reason

ORDER_MASS_CANCEL_REPORT: Final = "r"
MASS_CANCEL_REJECTED: Final = "0"
NO_SYMBOL: Final = "[N/A]"
"""What FIX says for Symbol(55) where a report is about none."""
UNDISCLOSED: Final = "7"


def mass_cancel_report(event: MassCancelReported, version: Version, clock: str) -> str:
    """Return the body of the OrderMassCancelReport(r) that says `event`; `clock` is TransactTime(60)."""
    own_id = f"1369=M{event.report_id}\x01" if version == FIX50SP2 else ""
    rejected = event.response == MASS_CANCEL_REJECTED
    reason = f"532={mass_cancel_reject_reason(event.code)}\x01" if rejected else ""
    cl_ord_id = f"11={event.cl_ord_id}\x01" if event.cl_ord_id else ""
    symbol = f"55={event.symbol}\x01" if event.symbol else ""
    side = f"54={event.side}\x01" if event.side else ""
    return (
        f"{cl_ord_id}37=M{event.report_id}\x01{own_id}530={event.request_type}\x01531={event.response}\x01{reason}"
        f"533={event.total_affected}\x01{symbol}{side}{explanation(event.code, event.text, version)}{clock}"
    )


def mass_status_fields(event: MassStatusReported) -> str:
    """Return what an ExecutionReport(8) says beyond the order itself as one of the answers to an AF."""
    return f"584={event.request_id}\x01911={event.total}\x01912={'Y' if event.is_last else 'N'}\x01"


def no_mass_status(event: MassStatusReported, version: Version, clock: str) -> str:
    """Return the body of an ExecutionReport(8) that answers an AF and tells of no order: nothing is open, the request
    is refused, or a restatement begins or ends.
    """
    refused = "103=99\x01" if event.code else ""
    return (
        f"37=NONE\x0117=E{event.exec_id}\x01150=I\x0139=8\x0155={event.symbol or NO_SYMBOL}\x01"
        f"54={event.side or UNDISCLOSED}\x01151=0\x0114=0\x016=0\x01{refused}{mass_status_fields(event)}"
        f"{explanation(event.code, event.text, version)}{clock}"
    )
