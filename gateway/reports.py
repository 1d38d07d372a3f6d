"""Reports: one event in, the body of one FIX message out. Pure text; the wire adds header, number and trailer.

Every version has its table of differences here and nowhere else: FIX.4.2 says fills with ExecType(150)=1/2 and carries
ExecTransType(20); FIX.4.4 and FIX.5.0SP2 say ExecType(150)=F. Owner: the matching thread.
"""

from collections.abc import Mapping
from typing import Final

from gateway.decimals import ScaledTexts, average_text
from gateway.fix_times import transact_time
from gateway.list_reports import LIST_STATUS, list_status
from gateway.mass_reports import (
    ORDER_MASS_CANCEL_REPORT,
    mass_cancel_report,
    mass_status_fields,
    no_mass_status,
)
from gateway.quote_reports import (
    MASS_QUOTE_ACKNOWLEDGEMENT,
    acknowledgement,
    frozen,
    is_answered_elsewhere,
    quote_fields,
)
from gateway.rejects import (
    business_reject,
    cxl_rej_reason,
    exec_restatement_reason,
    explanation,
    ord_rej_reason,
)
from gateway.sessions import FIX42, FIX44, FIX44_EXTENDED, FIX50SP2, GatewaySession, Version
from gateway.term_fields import ORD_TYPES, SIDES, TIMES_IN_FORCE, kind_fields
from gateway.user_desk import USER_RESPONSE, user_response
from matching.events import (
    CancelRejected,
    Execution,
    MassCancelReported,
    MassStatusReported,
    MessageThrottled,
    MessageUnavailable,
    OrderListAnswered,
    OrderRefused,
)
from matching.instrument import Instrument
from matching.quote_events import QuotesAnswered, QuotesFrozen
from matching.refusals import SHARD_NOT_AVAILABLE, THROTTLED_SESSION
from matching.types import (
    AT_THE_CLOSE,
    EXEC_REJECTED,
    EXEC_REPLACED,
    EXEC_RESTATED,
    EXEC_STATUS,
    EXEC_TRADE,
    EXEC_TRADE_CANCEL,
    EXEC_TRADE_CORRECT,
    EXEC_TRIGGERED,
    LIMIT,
    STATUS_FILLED,
    STATUS_NEW,
    STATUS_PARTIALLY_FILLED,
)
from matching.user_events import UserAnswered

EXECUTION_REPORT: Final = "8"
ORDER_CANCEL_REJECT: Final = "9"
BUSINESS_MESSAGE_REJECT: Final = "j"
STATUS_REPLACED: Final = "5"
"""OrdStatus(39) of FIX.4.2 alone: a replaced order that is not filled in part."""
TRANS_TYPE_NEW: Final = "20=0\x01"
TRANS_TYPE_STATUS: Final = "20=3\x01"
CORRECTED: Final = {EXEC_TRADE_CANCEL: "20=1\x01", EXEC_TRADE_CORRECT: "20=2\x01"}
"""Trade Cancel and Trade Correct, and the ExecTransType(20) of FIX.4.2 that says so."""
WITHOUT_TRIGGERED: Final = (FIX42, FIX44)
"""Versions whose stock dictionary lacks ExecType(150)=L (Triggered): they are told D (Restated) with Text(58)."""
TRIGGERED_TEXT: Final = "Triggered"
RESTATED_FOR_OTHER: Final = 99
EXPLAINED: Final = (EXEC_REJECTED, EXEC_STATUS, EXEC_RESTATED, EXEC_TRIGGERED)
WITH_TRADE_FIELDS: Final = (FIX44_EXTENDED, FIX50SP2)
"""Versions whose dictionary has TrdMatchID(880) and AggressorIndicator(1057) in an ExecutionReport."""


class InstrumentTexts:
    """The texts of one instrument: its symbol, and prices and quantities as they stand in reports."""

    __slots__ = ("prices", "quantities", "symbol", "tick_e8")

    def __init__(self, instrument: Instrument) -> None:
        self.symbol = instrument.symbol
        self.tick_e8 = instrument.tick_e8
        self.prices = ScaledTexts(instrument.tick_e8)
        self.quantities = ScaledTexts(instrument.lot_e8)


class ReportWriter:
    """Writes report bodies. `instruments` and `accounts` are read when an id is met for the first time."""

    def __init__(self, instruments: Mapping[int, Instrument], account_names: Mapping[int, str]) -> None:
        self._instruments = instruments
        self._account_names = account_names
        self._texts: dict[int, InstrumentTexts] = {}
        self._clock = f"60={transact_time(0)}\x01"

    def set_time(self, time_ns: int) -> None:
        """Use the time of the frame for all reports until the next call."""
        self._clock = f"60={transact_time(time_ns)}\x01"

    def texts(self, instrument_id: int) -> InstrumentTexts:
        """Return the texts of an instrument that is defined."""
        texts = self._texts.get(instrument_id)
        if texts is None:
            texts = self._texts[instrument_id] = InstrumentTexts(self._instruments[instrument_id])
        return texts

    def execution(self, event: Execution, version: Version) -> str:
        """Return the body of the ExecutionReport(8) that says `event`."""
        texts = self._texts.get(event.instrument_id) or self.texts(event.instrument_id)
        prices = texts.prices
        quantities = texts.quantities
        exec_type: str = event.exec_type
        cum_qty = event.cum_qty
        average = "0"
        if cum_qty:
            ticks, rest = divmod(event.cum_value, cum_qty)
            average = average_text(event.cum_value, cum_qty, texts.tick_e8) if rest else prices[ticks]
        fill = original = more = trans_type = ""
        if exec_type == EXEC_TRADE:
            fill = f"32={quantities[event.last_qty]}\x0131={prices[event.last_price]}\x01"
            if event.is_auction:
                # Nobody adds or removes liquidity in an auction: value 4 is of FIX.5.0SP2 alone.
                fill += "851=4\x01" if version == FIX50SP2 else ""
                fill += f"880=T{event.trade_id}\x01" if version in WITH_TRADE_FIELDS else ""
            elif version != FIX42:
                fill += "851=2\x01" if event.is_aggressor else "851=1\x01"
            if version in WITH_TRADE_FIELDS and not event.is_auction:
                fill += f"880=T{event.trade_id}\x011057={'Y' if event.is_aggressor else 'N'}\x01"
        elif event.exec_ref_id:
            fill = self._correction(event, version)
        elif event.text or event.reason or exec_type in EXPLAINED:
            more = self._explanation(event, version)
            if exec_type == EXEC_TRIGGERED and version in WITHOUT_TRIGGERED:
                exec_type = EXEC_RESTATED
        ord_type, tif = event.ord_type, event.time_in_force
        if event.terms is not None or tif == AT_THE_CLOSE:
            kind = kind_fields(event, texts, version) + quote_fields(event, version)
        elif ord_type == LIMIT:
            kind = f"40=2\x0144={prices[event.price]}\x0159={tif}\x01"
        else:
            kind = f"40={ord_type}\x0159={tif}\x01"
        if event.orig_cl_ord_id:
            original = f"41={event.orig_cl_ord_id}\x01"
        status: str = event.ord_status
        if version == FIX42:
            exec_type, trans_type = _fix42_types(event)
            if event.exec_type == EXEC_REPLACED and status == STATUS_NEW:
                status = STATUS_REPLACED
        order_id = f"O{event.order_id}" if event.order_id else "NONE"
        return (
            f"37={order_id}\x0117=E{event.exec_id}\x01{trans_type}150={exec_type}\x0139={status}\x01"
            f"11={event.cl_ord_id}\x01{original}1={self._account_names[event.account_id]}\x0155={texts.symbol}\x01"
            f"54={event.side}\x0138={quantities[event.qty]}\x01{kind}"
            f"{fill}151={quantities[event.leaves_qty]}\x0114={quantities[cum_qty]}\x016={average}\x01{more}{self._clock}"
        )

    def _correction(self, event: Execution, version: Version) -> str:
        """Return what a corrected or busted trade is said with: what it takes the place of, and what it is now."""
        texts = self.texts(event.instrument_id)
        fill = ""
        if event.exec_type == EXEC_TRADE_CORRECT:
            fill = f"32={texts.quantities[event.last_qty]}\x0131={texts.prices[event.last_price]}\x01"
        if version in WITH_TRADE_FIELDS:
            fill += f"880=T{event.trade_id}\x01"
        return f"19=E{event.exec_ref_id}\x01{fill}{explanation(event.code, event.text, version)}"

    def _explanation(self, event: Execution, version: Version) -> str:
        """Return what a report says beyond the order itself: reason, text, and the id of a status request."""
        reason = f"103={ord_rej_reason(event.reason, version)}\x01" if event.exec_type == EXEC_REJECTED else ""
        said, restated_for = event.text, event.exec_restatement_reason
        if event.exec_type == EXEC_TRIGGERED and version in WITHOUT_TRIGGERED:
            said, restated_for = said or TRIGGERED_TEXT, RESTATED_FOR_OTHER
        text = explanation(event.code, said, version)
        restatement = exec_restatement_reason(restated_for, version)
        restated = f"378={restatement}\x01" if restatement else ""
        request = f"790={event.ord_status_req_id}\x01" if event.ord_status_req_id and version != FIX42 else ""
        return f"{reason}{restated}{text}{request}"

    def refused(self, event: OrderRefused, version: Version) -> str:
        """Return the body of the ExecutionReport(8) of an order that could not be expressed; echoes the peer's
        texts.
        """
        trans_type = ""
        exec_type: str = event.exec_type
        status = exec_type == EXEC_STATUS
        if version == FIX42:
            trans_type = TRANS_TYPE_STATUS if status else TRANS_TYPE_NEW
            exec_type = EXEC_REJECTED
        account = f"1={event.account}\x01" if event.account else ""
        cl_ord_id = f"11={event.cl_ord_id}\x01" if event.cl_ord_id else ""
        symbol = f"55={event.symbol}\x01" if event.symbol else ""
        side = f"54={event.side}\x01" if event.side in SIDES[version] else ""
        qty = f"38={event.qty}\x01" if _is_decimal(event.qty) else ""
        price = f"44={event.price}\x01" if _is_decimal(event.price) else ""
        ord_type = f"40={event.ord_type}\x01" if event.ord_type in ORD_TYPES[version] else ""
        tif = f"59={event.time_in_force}\x01" if event.time_in_force in TIMES_IN_FORCE[version] else ""
        request = f"790={event.ord_status_req_id}\x01" if event.ord_status_req_id and version != FIX42 else ""
        listed = f"66={event.list_id}\x01" if event.list_id else ""
        return (
            f"37=NONE\x0117=E{event.exec_id}\x01{trans_type}150={exec_type}\x0139=8\x01{cl_ord_id}{listed}{account}"
            f"{symbol}{side}{qty}{ord_type}{price}{tif}151=0\x0114=0\x016=0\x01"
            f"103={ord_rej_reason(event.reason, version)}\x01{explanation(event.code, event.text, version)}"
            f"{request}{self._clock}"
        )

    def cancel_rejected(self, event: CancelRejected, version: Version) -> str:
        """Return the body of the OrderCancelReject(9) that says `event`."""
        order_id = f"O{event.order_id}" if event.order_id else "NONE"
        account = f"1={self._account_names[event.account_id]}\x01" if event.account_id else ""
        return (
            f"37={order_id}\x0111={event.cl_ord_id}\x0141={event.orig_cl_ord_id or 'NONE'}\x0139={event.ord_status}\x01"
            f"{account}434={event.response_to}\x01102={cxl_rej_reason(event.reason, version)}\x01"
            f"{explanation(event.code, event.text, version)}{self._clock}"
        )

    def mass_status(self, event: MassStatusReported, version: Version) -> str:
        """Return the body of one of the ExecutionReports(8) that answer an OrderMassStatusRequest(AF)."""
        if event.execution is None:
            return no_mass_status(event, version, self._clock)
        return mass_status_fields(event) + self.execution(event.execution, version)

    def message(self, event: object, session: GatewaySession) -> tuple[str, str] | None:
        """Return MsgType(35) and body of what `session` is told of `event`; None where an event is nobody's report."""
        version = session.version
        if type(event) is Execution:
            if is_answered_elsewhere(event):
                return None
            return EXECUTION_REPORT, self.execution(event, version)
        if type(event) is OrderRefused:
            return EXECUTION_REPORT, self.refused(event, version)
        if type(event) is CancelRejected:
            return ORDER_CANCEL_REJECT, self.cancel_rejected(event, version)
        if isinstance(event, OrderListAnswered):
            return LIST_STATUS, list_status(event, version, self._clock, self.texts)
        if isinstance(event, MassCancelReported):
            return ORDER_MASS_CANCEL_REPORT, mass_cancel_report(event, version, self._clock)
        if isinstance(event, QuotesAnswered):
            return MASS_QUOTE_ACKNOWLEDGEMENT, acknowledgement(event, version)
        if isinstance(event, QuotesFrozen):
            return MASS_QUOTE_ACKNOWLEDGEMENT, frozen(event, version)
        if isinstance(event, UserAnswered):
            return USER_RESPONSE, user_response(event)
        if isinstance(event, MassStatusReported):
            return EXECUTION_REPORT, self.mass_status(event, version)
        if isinstance(event, MessageThrottled | MessageUnavailable):
            body = business_reject(
                version,
                ref_seq_num=event.msg_seq_num,
                ref_msg_type=event.ref_msg_type,
                code=event.code or _former_code(event),
                text=event.text,
                ref_id=event.ref_id,
            )
            return BUSINESS_MESSAGE_REJECT, body
        return None


def _former_code(event: MessageThrottled | MessageUnavailable) -> int:
    """Return the code of a refusal that was journaled before refusals had codes."""
    return THROTTLED_SESSION if isinstance(event, MessageThrottled) else SHARD_NOT_AVAILABLE


def _fix42_types(event: Execution) -> tuple[str, str]:
    """Return ExecType(150) and the ExecTransType(20) field of FIX.4.2, which has neither Trade nor Order Status."""
    if event.exec_type == EXEC_TRADE:
        return (STATUS_PARTIALLY_FILLED if event.leaves_qty else STATUS_FILLED), TRANS_TYPE_NEW
    if event.exec_type == EXEC_STATUS:
        return event.ord_status, TRANS_TYPE_STATUS
    if event.exec_type in CORRECTED:
        return event.ord_status, CORRECTED[event.exec_type]
    return (EXEC_RESTATED if event.exec_type == EXEC_TRIGGERED else event.exec_type), TRANS_TYPE_NEW


def _is_decimal(text: str) -> bool:
    """Tell whether the peer's own text of a number may be echoed in a number field."""
    return text.lstrip("-").replace(".", "", 1).isdigit() and text.isascii()
