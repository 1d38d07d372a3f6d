"""Commands that members' messages become: orders, lists of orders, cancels, replaces and requests, and those of them
that translation could not express. Layout and units: see matching.commands.
"""

from typing import Literal

import msgspec

from matching.terms import Terms
from matching.types import ListKind, OrdType, Response, Side, TimeInForce


class NewOrder(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=1):
    """An order that translation could express in ticks and lots. `price` is 0 for a market order. `has_own_link`:
    refused where its ClOrdLinkID(583) was used on this trading day by orders of which none waits for it; False in
    records from before that was remembered.
    """

    session_id: int
    epoch: int
    msg_seq_num: int
    poss_resend: bool
    cl_ord_id: str
    account_id: int
    instrument_id: int
    side: Side
    ord_type: OrdType
    time_in_force: TimeInForce
    price: int
    qty: int
    post_only: bool = False
    terms: Terms | None = None
    has_own_link: bool = False


class NewOrderList(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=42):
    """NewOrderList(E): orders of one account and instrument that are linked. `kind` "oco": two legs of which one ends
    the other; "oto": an entry and a leg; "bracket": an entry and two such legs. The entry comes first. `has_own_id`:
    refused where its ListID(66) was used on this trading day; False in records from before ListIDs had to differ.
    """

    session_id: int
    epoch: int
    msg_seq_num: int
    list_id: str
    kind: ListKind
    orders: tuple[NewOrder, ...]
    poss_resend: bool = False
    has_own_id: bool = False


class CancelOrder(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=2):
    """Cancel by OrigClOrdID(41), or by OrderID(37) where `order_id` is not 0. `instrument_id` 0: no symbol was
    named; -1: an unknown one.
    """

    session_id: int
    epoch: int
    msg_seq_num: int
    cl_ord_id: str
    orig_cl_ord_id: str
    order_id: int
    instrument_id: int
    side: Side
    poss_resend: bool = False


class ReplaceOrder(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=3):
    """Replace by OrigClOrdID(41) or OrderID(37). `qty` is the new OrderQty(38), counted from the original order."""

    session_id: int
    epoch: int
    msg_seq_num: int
    cl_ord_id: str
    orig_cl_ord_id: str
    order_id: int
    instrument_id: int
    side: Side
    ord_type: OrdType
    time_in_force: TimeInForce
    price: int
    qty: int
    post_only: bool = False
    poss_resend: bool = False
    terms: Terms | None = None


class RefuseOrder(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=4):
    """An order that translation could not express; journaled so that its refusal has an ExecID and its ClOrdID is used.

    `account`, `symbol`, `price` and `qty` echo the peer's text; `reason` is OrdRejReason(103), `code` that of
    matching.refusals.
    """

    session_id: int
    epoch: int
    msg_seq_num: int
    poss_resend: bool
    cl_ord_id: str
    account: str
    symbol: str
    side: str
    ord_type: str
    time_in_force: str
    price: str
    qty: str
    reason: int
    text: str
    code: int = 0


class RefuseOrderList(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=43):
    """A NewOrderList(E) that translation could not express. Every order of it is refused for what it says itself, the
    list for `text` and `code`. `kind` is empty where the list has none.
    """

    session_id: int
    epoch: int
    msg_seq_num: int
    poss_resend: bool
    list_id: str
    kind: ListKind | Literal[""]
    orders: tuple[RefuseOrder, ...]
    text: str
    code: int


class RefuseCancel(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=5):
    """A cancel or replace that translation could not express. `reason` is CxlRejReason(102). `symbol` as the peer
    wrote it.
    """

    session_id: int
    epoch: int
    msg_seq_num: int
    cl_ord_id: str
    orig_cl_ord_id: str
    order_id: int
    response_to: Response
    reason: int
    text: str
    symbol: str = ""
    code: int = 0


class RequestStatus(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=6):
    """OrderStatusRequest(H): answered with ExecType(150)=I. `order_id` 0: look up by `cl_ord_id`."""

    session_id: int
    epoch: int
    msg_seq_num: int
    cl_ord_id: str
    order_id: int
    ord_status_req_id: str
    symbol: str
    side: str


class MassCancel(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=60):
    """OrderMassCancelRequest(q): cancel the member's open orders in a scope; an empty field does not narrow it.

    `request_type` is MassCancelRequestType(530), `kind` the kind of instruments of a product; `symbol` is as the peer
    wrote it. `code` other than 0: translation could not express the scope, refused with that and `text`.
    """

    session_id: int
    epoch: int
    msg_seq_num: int
    cl_ord_id: str
    request_type: str
    instrument_id: int = 0
    kind: str = ""
    side: str = ""
    account_id: int = 0
    poss_resend: bool = False
    symbol: str = ""
    code: int = 0
    text: str = ""


class RequestMassStatus(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=61):
    """OrderMassStatusRequest(AF): one report for each of the member's open orders in a scope, as in MassCancel.

    `restates`: each order is restated, between a marker at the begin and one at the end.
    """

    session_id: int
    epoch: int
    msg_seq_num: int
    request_id: str
    instrument_id: int = 0
    kind: str = ""
    side: str = ""
    account_id: int = 0
    symbol: str = ""
    code: int = 0
    text: str = ""
    restates: bool = False
