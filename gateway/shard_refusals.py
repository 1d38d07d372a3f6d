"""What a member is told of a message that no shard can be given: an answer in the gateway's own words."""

from collections.abc import Sequence

import msgspec

from gateway.decimals import e8_text
from gateway.inbound import (
    NEW_ORDER_LIST,
    NEW_ORDER_SINGLE,
    ORDER_CANCEL_REPLACE_REQUEST,
    ORDER_CANCEL_REQUEST,
)
from gateway.relay import RelayEngine
from gateway.shard_commands import MSG_TYPES, OverMany, Routed
from matching import refusals
from matching.commands import (
    CancelOrder,
    CancelQuotes,
    Command,
    MassQuote,
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
    ref_id = _ref_id(command)
    if isinstance(command, RequestStatus):
        ref_id = command.ord_status_req_id or ref_id
    if isinstance(command, RefuseCancel):
        is_cancel = command.response_to == RESPONSE_TO_CANCEL
        ref_msg_type = ORDER_CANCEL_REQUEST if is_cancel else ORDER_CANCEL_REPLACE_REQUEST
    else:
        ref_msg_type = MSG_TYPES[type(command)]
    ids = (command.session_id, command.epoch, command.msg_seq_num)
    return RefuseMessage(*ids, ref_msg_type, ref_id, text, refusals.SHARD_NOT_AVAILABLE)


def _ref_id(command: CancelOrder | ReplaceOrder | RequestStatus | RefuseCancel | OverMany) -> str:
    """Return what names a request that is no order."""
    if isinstance(command, RequestMassStatus):
        return command.request_id
    return command.quote_id if isinstance(command, MassQuote | CancelQuotes) else command.cl_ord_id


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


def refused_quotes(command: MassQuote, text: str, code: int = refusals.NOT_ACCEPTING) -> MassQuote:
    """Return the refusal of a mass quote: what stands of its quotes stays."""
    return msgspec.structs.replace(command, entries=(), code=code, text=text)


def instruments_of(command: MassQuote | CancelQuotes) -> list[int]:
    """Return the instruments that a quote message is about, as far as they are known."""
    if isinstance(command, CancelQuotes):
        return list(command.instrument_ids)
    return [each.instrument_id for each in command.entries if each.instrument_id]
