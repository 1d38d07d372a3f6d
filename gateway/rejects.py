"""Reject reasons by FIX version: what a client with the stock dictionary of that version can read.

A value that the stock dictionary does not have would be answered with Reject(3) by the client, and the report would be
lost. Source: the enumerations of FIX42.xml, FIX44.xml and FIX50SP2.xml as QuickFIX ships them.
"""

from typing import Final

from gateway.sessions import FIX42, FIX44, FIX44_EXTENDED, FIX50SP2, Version
from matching import refusals
from matching.refusals import business_reject_reason

ORD_REJ_REASONS: Final[dict[Version, frozenset[int]]] = {
    FIX42: frozenset(range(9)),
    FIX44: frozenset({*range(12), 13, 14, 15, 99}),
    FIX44_EXTENDED: frozenset({*range(12), 13, 14, 15, 16, 18, 99}),
    FIX50SP2: frozenset({*range(17), *range(18, 30), 99}),
}
CXL_REJ_REASONS: Final[dict[Version, frozenset[int]]] = {
    FIX42: frozenset(range(4)),
    FIX44: frozenset({*range(7), 99}),
    FIX44_EXTENDED: frozenset({*range(7), 99}),
    FIX50SP2: frozenset({*range(9), 18, 99}),
}
BUSINESS_REJECT_REASONS: Final[dict[Version, frozenset[int]]] = {
    FIX42: frozenset(range(6)),
    FIX44: frozenset(range(8)),
    FIX44_EXTENDED: frozenset(range(9)),
    FIX50SP2: frozenset({*range(11), 18}),
}
RESTATEMENT_REASONS: Final[dict[Version, frozenset[int]]] = {
    FIX42: frozenset(range(6)),
    FIX44: frozenset({*range(11), 99}),
    FIX44_EXTENDED: frozenset({*range(11), 12, 13, *range(17, 21), 99}),
    FIX50SP2: frozenset({*range(21), 99}),
}
QUOTE_REJECT_REASONS: Final[dict[Version, frozenset[int]]] = {
    FIX42: frozenset(range(1, 10)),
    FIX44: frozenset({*range(1, 10), 99}),
    FIX44_EXTENDED: frozenset({*range(1, 10), 99}),
    FIX50SP2: frozenset({*range(1, 22), 99}),
}
"""QuoteRejectReason(300), and of QuoteEntryRejectReason(368), which has values in FIX.4.2 alone."""
QUOTE_REJECT_FALLBACK: Final[dict[Version, int]] = {FIX42: 9, FIX44: 99, FIX44_EXTENDED: 99, FIX50SP2: 99}
ORD_REJ_FALLBACK: Final[dict[Version, int]] = {FIX42: 0, FIX44: 99, FIX44_EXTENDED: 99, FIX50SP2: 99}
CXL_REJ_FALLBACK: Final[dict[Version, int]] = {FIX42: 2, FIX44: 99, FIX44_EXTENDED: 99, FIX50SP2: 99}

BUSINESS_OTHER: Final = 0
ERROR_CODE_TAG: Final = 5950
"""Our own field ErrorCode: the code of matching.refusals, where the session takes what the stock files do not know."""
SOH_FREE: Final = str.maketrans({"\x01": " ", "\n": " ", "\r": " "})


def ord_rej_reason(reason: int, version: Version) -> int:
    """Return OrdRejReason(103) as the version knows it, else the version's value for "other"; Text(58) says the
    rest.
    """
    return reason if reason in ORD_REJ_REASONS[version] else ORD_REJ_FALLBACK[version]


def exec_restatement_reason(reason: int, version: Version) -> int:
    """Return ExecRestatementReason(378) as the version knows it, else 99 (other), or 0 where it has not even that."""
    if reason in RESTATEMENT_REASONS[version]:
        return reason
    return 99 if 99 in RESTATEMENT_REASONS[version] else 0


def cxl_rej_reason(reason: int, version: Version) -> int:
    """Return CxlRejReason(102) as the version knows it, else the version's value for "other"."""
    return reason if reason in CXL_REJ_REASONS[version] else CXL_REJ_FALLBACK[version]


def quote_reject_reason(code: int, version: Version) -> int:
    """Return QuoteRejectReason(300), or QuoteEntryRejectReason(368), of the code of a refused quote as the version
    knows it, else the version's value for "other"; FIX.4.2 has none: 9, "not authorized to quote".
    """
    return quote_reject_reason_of(refusals.quote_reject_reason(code), version)


def quote_reject_reason_of(reason: int, version: Version) -> int:
    """Return QuoteRejectReason(300) as the version knows it."""
    return reason if reason in QUOTE_REJECT_REASONS[version] else QUOTE_REJECT_FALLBACK[version]


def business_reject_reason_of(reason: int, version: Version) -> int:
    """Return BusinessRejectReason(380) as the version knows it, else 0 (other)."""
    return reason if reason in BUSINESS_REJECT_REASONS[version] else BUSINESS_OTHER


def explanation(code: int, text: str, version: Version) -> str:
    """Return Text(58) that begins with the code of a refusal, and ErrorCode(5950) for sessions that take it; code 0:
    no refusal, the text alone.
    """
    if not code:
        return f"58={text.translate(SOH_FREE)}\x01" if text else ""
    own = f"{ERROR_CODE_TAG}={code}\x01" if version == FIX44_EXTENDED else ""
    return f"58={code}: {text.translate(SOH_FREE)}\x01{own}"


def business_reject(
    version: Version, *, ref_seq_num: int, ref_msg_type: str, code: int, text: str, ref_id: str = ""
) -> str:
    """Return the body of a BusinessMessageReject(j). `code` is that of matching.refusals."""
    known = business_reject_reason_of(business_reject_reason(code), version)
    ref = f"379={ref_id}\x01" if ref_id else ""
    return f"45={ref_seq_num}\x01372={ref_msg_type}\x01{ref}380={known}\x01{explanation(code, text, version)}"
