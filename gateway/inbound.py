"""Which application messages the gateway takes, and which of their fields it reads: the one table of it.

The wire reads fields by this table; a message type that is not in it is answered with BusinessMessageReject(380=3) by
the wire itself. The order of fields here is the order of values in translation.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Literal, TypeAlias

from gateway.wire import FieldSpec

NEW_ORDER_SINGLE: Final = "D"
ORDER_CANCEL_REQUEST: Final = "F"
ORDER_CANCEL_REPLACE_REQUEST: Final = "G"
ORDER_STATUS_REQUEST: Final = "H"
MARKET_DATA_REQUEST: Final = "V"

Role: TypeAlias = Literal["order_entry", "drop_copy", "market_data"]

SCHEMA: Final[Mapping[str, Sequence[FieldSpec]]] = {
    # ClOrdID Account Symbol Side OrdType Price OrderQty TimeInForce ExecInst MaxFloor StopPx MinQty
    NEW_ORDER_SINGLE: (
        (11, "t"),
        (1, "t"),
        (55, "t"),
        (54, "t"),
        (40, "t"),
        (44, "d"),
        (38, "d"),
        (59, "t"),
        (18, "t"),
        (111, "t"),
        (99, "t"),
        (110, "t"),
    ),
    # ClOrdID OrigClOrdID OrderID Symbol Side
    ORDER_CANCEL_REQUEST: ((11, "t"), (41, "t"), (37, "t"), (55, "t"), (54, "t")),
    # ClOrdID OrigClOrdID OrderID Symbol Side OrdType Price OrderQty TimeInForce ExecInst MaxFloor StopPx MinQty Account
    ORDER_CANCEL_REPLACE_REQUEST: (
        (11, "t"),
        (41, "t"),
        (37, "t"),
        (55, "t"),
        (54, "t"),
        (40, "t"),
        (44, "d"),
        (38, "d"),
        (59, "t"),
        (18, "t"),
        (111, "t"),
        (99, "t"),
        (110, "t"),
        (1, "t"),
    ),
    # ClOrdID OrderID Symbol Side OrdStatusReqID
    ORDER_STATUS_REQUEST: ((11, "t"), (37, "t"), (55, "t"), (54, "t"), (790, "t")),
    # MDReqID SubscriptionRequestType MarketDepth MDUpdateType AggregatedBook MDEntryTypes Instruments
    MARKET_DATA_REQUEST: (
        (262, "t"),
        (263, "t"),
        (264, "i"),
        (265, "t"),
        (266, "t"),
        (267, ((269, "t"),)),
        (146, ((55, "t"),)),
    ),
}

ROLE_OF_MESSAGE: Final[Mapping[str, Role]] = {
    NEW_ORDER_SINGLE: "order_entry",
    ORDER_CANCEL_REQUEST: "order_entry",
    ORDER_CANCEL_REPLACE_REQUEST: "order_entry",
    ORDER_STATUS_REQUEST: "order_entry",
    MARKET_DATA_REQUEST: "market_data",
}

CL_ORD_ID_CHARS_MAX: Final = 64
"""Longest ClOrdID(11) that is taken; every open order keeps its text in memory and in each report."""
