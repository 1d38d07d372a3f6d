"""What members' messages become that shards answer, and the MsgType(35) each came with."""

from typing import Final, TypeAlias, get_args

from gateway.inbound import (
    MASS_QUOTE,
    ORDER_CANCEL_REPLACE_REQUEST,
    ORDER_CANCEL_REQUEST,
    ORDER_MASS_CANCEL_REQUEST,
    ORDER_MASS_STATUS_REQUEST,
    ORDER_STATUS_REQUEST,
    QUOTE_CANCEL,
)
from matching.commands import (
    CancelOrder,
    CancelQuotes,
    MassCancel,
    MassQuote,
    NewOrder,
    NewOrderList,
    RefuseCancel,
    RefuseOrder,
    RefuseOrderList,
    ReplaceOrder,
    RequestMassStatus,
    RequestStatus,
)

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
    | MassQuote
    | CancelQuotes
)
"""What a member's message becomes, and what a shard answers."""
OverMany: TypeAlias = MassCancel | RequestMassStatus | MassQuote | CancelQuotes
ROUTED_TYPES: Final = frozenset(get_args(Routed))
"""The same, to be looked up: every message passes here more than once."""
NAMING: Final = (NewOrder, NewOrderList, CancelOrder, ReplaceOrder, RefuseOrder, RefuseOrderList)
"""Those whose ClOrdIDs name orders that the shard knows from then on."""
MSG_TYPES: Final = {
    CancelOrder: ORDER_CANCEL_REQUEST,
    ReplaceOrder: ORDER_CANCEL_REPLACE_REQUEST,
    RequestStatus: ORDER_STATUS_REQUEST,
    MassCancel: ORDER_MASS_CANCEL_REQUEST,
    RequestMassStatus: ORDER_MASS_STATUS_REQUEST,
    MassQuote: MASS_QUOTE,
    CancelQuotes: QUOTE_CANCEL,
}
