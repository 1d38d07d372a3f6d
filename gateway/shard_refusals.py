"""What a member is told of a message that no shard can be given: an answer in the gateway's own words."""

from collections.abc import Sequence
from typing import Final, TypeAlias

from gateway.decimals import e8_text
from gateway.inbound import (
    NEW_ORDER_LIST,
    NEW_ORDER_SINGLE,
    ORDER_CANCEL_REPLACE_REQUEST,
    ORDER_CANCEL_REQUEST,
    ORDER_MASS_CANCEL_REQUEST,
    ORDER_MASS_STATUS_REQUEST,
    ORDER_STATUS_REQUEST,
)
from gateway.relay import RelayEngine
from matching import refusals
from matching.commands import (
    CancelOrder,
    Command,
    MassCancel,
    NewOrder,
    NewOrderList,
    RefuseCancel,
    RefuseMessage,
    RefuseOrder,
    RefuseOrderList,
    ReplaceOrder,
    RequestMassStatus,
    RequestStatus,
)
from matching.types import RESPONSE_TO_CANCEL

Routed: TypeAlias = (
    NewOrder
    | NewOrderList
    | CancelOrder
    | ReplaceOrder
    | RequestStatus
    | RefuseOrder
    | RefuseOrderList
    | RefuseCancel
    | MassCancel
    | RequestMassStatus
)
"""What a member's message becomes, and what a shard answers."""
ROUTED: Final = (
    NewOrder,
    NewOrderList,
    CancelOrder,
    ReplaceOrder,
    RequestStatus,
    RefuseOrder,
    RefuseOrderList,
    RefuseCancel,
    MassCancel,
    RequestMassStatus,
)
ROUTED_TYPES: Final = frozenset(ROUTED)
"""The same, to be looked up: every message passes here more than once."""
NAMING: Final = (NewOrder, NewOrderList, CancelOrder, ReplaceOrder, RefuseOrder, RefuseOrderList)
"""Those whose ClOrdIDs name orders that the shard knows from then on."""
MSG_TYPES: Final = {
    CancelOrder: ORDER_CANCEL_REQUEST,
    ReplaceOrder: ORDER_CANCEL_REPLACE_REQUEST,
    RequestStatus: ORDER_STATUS_REQUEST,
    MassCancel: ORDER_MASS_CANCEL_REQUEST,
    RequestMassStatus: ORDER_MASS_STATUS_REQUEST,
}


def cl_ord_ids(command: Command) -> Sequence[str]:
    """Return the ClOrdIDs of a command: of a list, those of its orders."""
    if isinstance(command, NewOrderList | RefuseOrderList):
        return [order.cl_ord_id for order in command.orders]
    cl_ord_id: str = getattr(command, "cl_ord_id", "")
    return [cl_ord_id]


def unavailable(relay: RelayEngine, command: Routed, cause: str) -> Command:
    """Return the refusal of a message whose shard cannot be given it."""
    text = f"the market is not available at the moment: {cause}"
    if isinstance(command, NewOrder | RefuseOrder):
        if command.poss_resend:
            # The first one may be live: nothing may be said of the order itself.
            ids = (command.session_id, command.epoch, command.msg_seq_num)
            return RefuseMessage(*ids, NEW_ORDER_SINGLE, command.cl_ord_id, text, refusals.SHARD_NOT_AVAILABLE)
        return command if isinstance(command, RefuseOrder) else refused_order(relay, command, text)
    if isinstance(command, NewOrderList | RefuseOrderList):
        if command.poss_resend:
            ids = (command.session_id, command.epoch, command.msg_seq_num)
            return RefuseMessage(*ids, NEW_ORDER_LIST, command.list_id, text, refusals.SHARD_NOT_AVAILABLE)
        return command if isinstance(command, RefuseOrderList) else refused_list(relay, command, text)
    ref_id = command.request_id if isinstance(command, RequestMassStatus) else command.cl_ord_id
    if isinstance(command, RequestStatus):
        ref_id = command.ord_status_req_id or ref_id
    if isinstance(command, RefuseCancel):
        is_cancel = command.response_to == RESPONSE_TO_CANCEL
        ref_msg_type = ORDER_CANCEL_REQUEST if is_cancel else ORDER_CANCEL_REPLACE_REQUEST
    else:
        ref_msg_type = MSG_TYPES[type(command)]
    ids = (command.session_id, command.epoch, command.msg_seq_num)
    return RefuseMessage(*ids, ref_msg_type, ref_id, text, refusals.SHARD_NOT_AVAILABLE)


def refused_entry(relay: RelayEngine, command: NewOrder | NewOrderList, text: str, code: int) -> Command:
    """Return the refusal of an order, or of a list and of each of its orders."""
    if isinstance(command, NewOrderList):
        return refused_list(relay, command, text, code)
    return refused_order(relay, command, text, code)


def refused_order(
    relay: RelayEngine, command: NewOrder, text: str, code: int = refusals.MARKET_NOT_AVAILABLE
) -> RefuseOrder:
    """Return the refusal of a new order, with its terms as the member wrote them."""
    instrument = relay.instruments[command.instrument_id]
    return RefuseOrder(
        command.session_id,
        command.epoch,
        command.msg_seq_num,
        command.poss_resend,
        command.cl_ord_id,
        relay.accounts[command.account_id].name,
        instrument.symbol,
        command.side,
        command.ord_type,
        command.time_in_force,
        e8_text(command.price * instrument.tick_e8) if command.price else "",
        e8_text(command.qty * instrument.lot_e8),
        refusals.ord_rej_reason(code),
        text,
        code,
    )


def refused_list(
    relay: RelayEngine, command: NewOrderList, text: str, code: int = refusals.MARKET_NOT_AVAILABLE
) -> RefuseOrderList:
    """Return the refusal of a list of orders, and of each of them."""
    return RefuseOrderList(
        command.session_id,
        command.epoch,
        command.msg_seq_num,
        command.poss_resend,
        command.list_id,
        command.kind,
        tuple(refused_order(relay, order, text, code) for order in command.orders),
        text,
        code,
    )
