"""ApplicationMessageRequest(BW) and what answers it: the texts of ranges by ExecID. Owner: the matching thread.

ExecID(17) is E and a number; ApplBegSeqNum(1182) and ApplEndSeqNum(1183) are that number, 0 as the end: up to the last.
"""

from typing import Any, Final

import msgspec

from gateway.rejects import explanation
from gateway.sessions import Version
from matching import refusals
from matching.refusals import Refusal
from matching.types import CL_ORD_ID_CHARS_MAX

APPLICATION_MESSAGE_REQUEST_ACK: Final = "BX"
APPLICATION: Final = "DROPCOPY"
RETRANSMISSION: Final = "0"
PROCESSED: Final = 0
APPLICATION_DOES_NOT_EXIST: Final = 1
MESSAGES_NOT_AVAILABLE: Final = 2
NUMBER_MAX: Final = (1 << 63) - 1


class RangeRequest(msgspec.Struct, frozen=True):
    """A request as it was read; `refusal` says what is wrong with it. An `end` of 0: up to the last."""

    answer_id: str
    request_id: str
    begin: int = 0
    end: int = 0
    refusal: Refusal | None = None


def read_request(answer_id: str, values: tuple[Any, ...]) -> RangeRequest:
    """Return what was asked for. `values` as in the table `inbound`."""
    request_id, request_type, parties, ranges = values
    request_id = request_id or ""
    fault = _fault(request_id, request_type, parties, ranges)
    if fault is not None:
        return RangeRequest(answer_id, request_id[:CL_ORD_ID_CHARS_MAX], refusal=fault)
    appl_id, begin, end, _ = ranges[0]
    request = RangeRequest(answer_id, request_id, begin, end)
    refusal = None
    if appl_id != APPLICATION:
        text = f"RefApplID(1355) is {_shown(appl_id)}, expected {APPLICATION}"
        refusal = refusals.UNKNOWN_APPLICATION, text
    elif end and end < begin:
        refusal = refusals.RANGE_BACKWARDS, f"from E{begin} to E{end}"
    return msgspec.structs.replace(request, refusal=refusal)


def _fault(request_id: str, request_type: str | None, parties: str | None, ranges: tuple[Any, ...]) -> Refusal | None:
    """Return why a request is not one for one range."""
    text = ""
    if not 0 < len(request_id) <= CL_ORD_ID_CHARS_MAX:
        text = f"ApplReqID(1346) has {len(request_id)} characters, allowed: 1 to {CL_ORD_ID_CHARS_MAX}"
    elif request_type != RETRANSMISSION:
        text = f"ApplReqType(1347) is {_shown(request_type)}, expected 0"
    elif len(ranges or ()) != 1:
        text = f"NoApplIDs(1351) counts {len(ranges or ())}, expected 1"
    elif parties is not None or ranges[0][3] is not None:
        text = "parties are not offered: a range is of all accounts of the session"
    elif ranges[0][0] is None:
        text = "RefApplID(1355) is absent"
    elif not (type(ranges[0][1]) is int and 0 < ranges[0][1] <= NUMBER_MAX):
        text = f"ApplBegSeqNum(1182) is {_shown(ranges[0][1])}, expected the number in an ExecID(17), from 1"
    elif not (type(ranges[0][2]) is int and 0 <= ranges[0][2] <= NUMBER_MAX):
        text = f"ApplEndSeqNum(1183) is {_shown(ranges[0][2])}, expected the number in an ExecID(17), or 0 for the last"
    return (refusals.RANGE_NOT_EXPRESSIBLE, text) if text else None


def _shown(value: int | str | None) -> str:
    """Return the value of a field, cut where it is long."""
    return "absent" if value is None else str(value)[:CL_ORD_ID_CHARS_MAX]


def refused(request: RangeRequest, version: Version, refusal: Refusal) -> tuple[str, str]:
    """Return MsgType(35) and body of the answer that no report comes, and why."""
    code, text = refusal
    kind = APPLICATION_DOES_NOT_EXIST if code == refusals.UNKNOWN_APPLICATION else MESSAGES_NOT_AVAILABLE
    group = ""
    if request.begin:
        error = refusals.appl_response_error(code)
        group = f"1351=1\x011355={APPLICATION}\x011182={request.begin}\x011183={request.end}\x011354={error}\x01"
    return APPLICATION_MESSAGE_REQUEST_ACK, f"{_head(request, kind)}{group}{explanation(code, text, version)}"


def completed(request: RangeRequest, *, count: int, first: int, last: int) -> tuple[str, str]:
    """Return MsgType(35) and body of the end of a range: `count` reports went before, from ExecID `first` to `last`."""
    body = (
        f"{_head(request, PROCESSED)}1349={count}\x011351=1\x011355={APPLICATION}\x011182={first}\x011183={last}\x01"
        f"58={count} reports, ExecID(17) E{first} to E{last}\x01"
    )
    return APPLICATION_MESSAGE_REQUEST_ACK, body


def _head(request: RangeRequest, kind: int) -> str:
    asked = f"1346={request.request_id}\x01" if request.request_id else ""
    return f"1353={request.answer_id}\x01{asked}1347=0\x011348={kind}\x01"
