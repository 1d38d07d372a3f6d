"""Translation of requests over many orders: OrderMassCancelRequest(q) and OrderMassStatusRequest(AF).

A scope that cannot be told exactly is refused, never widened: a mass cancel that reaches further than its sender meant
does as much harm as one that does not come. Owner: the matching thread.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from gateway.id_fault import id_fault
from gateway.inbound import SCOPE_NOT_OFFERED
from gateway.order_terms import shown
from gateway.sessions import GatewaySession
from matching import refusals
from matching.commands import MassCancel, RequestMassStatus
from matching.instrument import Instrument
from matching.refusals import Refusal
from matching.types import BUY, CL_ORD_ID_CHARS_MAX, SELL

BY_SYMBOL: Final = "1"
BY_PRODUCT: Final = "3"
ALL: Final = "7"
ALL_RESTATED: Final = "8"
"""MassStatusReqType(585): all orders of a party, which is the CompID that asks; they are restated."""
CANCEL_TYPES: Final = (BY_SYMBOL, BY_PRODUCT, ALL)
STATUS_TYPES: Final = (*CANCEL_TYPES, ALL_RESTATED)
KIND_OF_CFI_CATEGORY: Final = {"E": "spot", "F": "perpetual"}
"""A product is a kind of instruments: the first letter of CFICode(461), ..."""
KIND_OF_SECURITY_TYPE: Final = {"CS": "spot", "PERP": "perpetual", "FUT": "perpetual"}
"""... or SecurityType(167)."""


class Scope(NamedTuple):
    """What a mass request is narrowed to; empty fields do not narrow it. `fault`: why it cannot be told."""

    instrument_id: int = 0
    kind: str = ""
    side: str = ""
    account_id: int = 0
    fault: Refusal = (0, "")


def mass_cancel(
    session: GatewaySession,
    msg_seq_num: int,
    poss_resend: bool,
    values: tuple[Any, ...],
    instruments: Mapping[str, Instrument],
) -> MassCancel:
    """Return the command of a q; `values` as in the table `inbound`."""
    cl_ord_id, request_type = values[0] or "", values[1] or ""
    fault = _id_fault("ClOrdID(11)", cl_ord_id)
    scope = (
        Scope(fault=fault)
        if fault
        else _scope("MassCancelRequestType(530)", CANCEL_TYPES, session, values, instruments)
    )
    return MassCancel(
        session.session_id,
        session.epoch,
        msg_seq_num,
        cl_ord_id,
        request_type,
        scope.instrument_id,
        scope.kind,
        scope.side,
        scope.account_id,
        poss_resend,
        shown(values[2]),
        *scope.fault,
    )


def mass_status(
    session: GatewaySession, msg_seq_num: int, values: tuple[Any, ...], instruments: Mapping[str, Instrument]
) -> RequestMassStatus:
    """Return the command of an AF; `values` as in the table `inbound`."""
    request_id, request_type = values[0] or "", values[1] or ""
    fault = _id_fault("MassStatusReqID(584)", request_id)
    scope = (
        Scope(fault=fault) if fault else _scope("MassStatusReqType(585)", STATUS_TYPES, session, values, instruments)
    )
    return RequestMassStatus(
        session.session_id,
        session.epoch,
        msg_seq_num,
        request_id[:CL_ORD_ID_CHARS_MAX],
        scope.instrument_id,
        scope.kind,
        scope.side,
        scope.account_id,
        shown(values[2]),
        scope.fault[0],
        scope.fault[1],
        restates=request_type == ALL_RESTATED,
    )


def _id_fault(name: str, text: str) -> Refusal | None:
    return id_fault(name, text, absent=refusals.MASS_ID_ABSENT, too_long=refusals.MASS_ID_TOO_LONG)


def _scope(
    type_name: str,
    types: tuple[str, ...],
    session: GatewaySession,
    values: tuple[Any, ...],
    instruments: Mapping[str, Instrument],
) -> Scope:
    """Return the scope of a request, or its first fault in the order of this function."""
    request_type = values[1] or ""
    symbol, cfi_code, security_type, side, account = values[2:7]
    fault = _unoffered(values[7:]) or _type_fault(type_name, types, values)
    if fault is not None:
        return Scope(fault=fault)
    instrument_id, kind = 0, ""
    if request_type == BY_SYMBOL:
        instrument = instruments.get(symbol or "")
        if instrument is None:
            text = f"Symbol(55) {shown(symbol) or 'absent'} is not traded here"
            return Scope(fault=(refusals.MASS_UNKNOWN_SYMBOL, text))
        instrument_id = instrument.instrument_id
    elif request_type == BY_PRODUCT:
        kind = _kind(cfi_code, security_type)
        if not kind:
            found = f"CFICode(461) {shown(cfi_code) or 'absent'}, SecurityType(167) {shown(security_type) or 'absent'}"
            return Scope(fault=(refusals.MASS_UNKNOWN_PRODUCT, f"{found}: not one product that is traded here"))
    if side not in (None, BUY, SELL):
        return Scope(fault=(refusals.MASS_SIDE, f"Side(54) {side} is not offered, allowed: 1, 2, or none"))
    account_id = session.accounts.get(account) if account is not None else 0
    if account_id is None:
        text = f"Account(1) {shown(account)} is not one of {session.target_comp_id}"
        return Scope(fault=(refusals.MASS_UNKNOWN_ACCOUNT, text))
    return Scope(instrument_id, kind, side or "", account_id)


def _type_fault(type_name: str, types: tuple[str, ...], values: tuple[Any, ...]) -> Refusal | None:
    """Refuse a type that is not offered, and fields that contradict it."""
    request_type = values[1] or ""
    symbol, cfi_code, security_type, side, account = values[2:7]
    if request_type not in types:
        text = f"{type_name} {request_type or 'absent'} is not offered, allowed: {', '.join(types)}"
        return refusals.MASS_CANCEL_NOT_SUPPORTED, text
    narrowing = {
        "Symbol(55)": symbol if request_type != BY_SYMBOL else None,
        "CFICode(461)": cfi_code if request_type in (ALL, ALL_RESTATED) else None,
        "SecurityType(167)": security_type if request_type in (ALL, ALL_RESTATED) else None,
        "Side(54)": side if request_type == ALL_RESTATED else None,
        "Account(1)": account if request_type == ALL_RESTATED else None,
    }
    for name, value in narrowing.items():
        if value is not None:
            text = f"{name} {shown(value)} contradicts {type_name} {request_type}"
            return refusals.MASS_SCOPE_CONTRADICTS, text
    return None


def _unoffered(extras: tuple[str | None, ...]) -> Refusal | None:
    for name, value in zip(SCOPE_NOT_OFFERED.values(), extras, strict=True):
        if value is not None:
            return refusals.MASS_TERM_NOT_OFFERED, f"{name} {shown(value)} is not offered"
    return None


def _kind(cfi_code: str | None, security_type: str | None) -> str:
    """Return the kind of instruments that a product names; nothing where it names none, or two."""
    kinds = []
    if cfi_code is not None:
        kinds.append(KIND_OF_CFI_CATEGORY.get(cfi_code[:1], ""))
    if security_type is not None:
        kinds.append(KIND_OF_SECURITY_TYPE.get(security_type, ""))
    return kinds[0] if kinds and all(kind == kinds[0] for kind in kinds) else ""
