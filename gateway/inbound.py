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
SECURITY_STATUS_REQUEST: Final = "e"
TRADING_SESSION_STATUS_REQUEST: Final = "g"

Role: TypeAlias = Literal["order_entry", "drop_copy", "market_data"]

# MaxFloor StopPx MinQty MaxShow DisplayQty EffectiveTime ExpireTime ExpireDate PegDifference DiscretionInst Currency:
# terms that change what an order means and that are not offered; an order that has one is refused, not misread.
NOT_OFFERED: Final = (111, 99, 110, 210, 1138, 168, 126, 432, 211, 388, 15)
NOT_OFFERED_NAMES: Final = (
    "MaxFloor(111)",
    "StopPx(99)",
    "MinQty(110)",
    "MaxShow(210)",
    "DisplayQty(1138)",
    "EffectiveTime(168)",
    "ExpireTime(126)",
    "ExpireDate(432)",
    "PegDifference(211)",
    "DiscretionInst(388)",
    "Currency(15)",
)
NONE_OF_THEM: Final = (None,) * len(NOT_OFFERED)

SCHEMA: Final[Mapping[str, Sequence[FieldSpec]]] = {
    # ClOrdID Account Symbol Side OrdType Price OrderQty TimeInForce ExecInst, then NOT_OFFERED
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
        *((tag, "t") for tag in NOT_OFFERED),
    ),
    # ClOrdID OrigClOrdID OrderID Symbol Side
    ORDER_CANCEL_REQUEST: ((11, "t"), (41, "t"), (37, "t"), (55, "t"), (54, "t")),
    # ClOrdID OrigClOrdID OrderID Symbol Side OrdType Price OrderQty TimeInForce ExecInst Account, then NOT_OFFERED
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
        (1, "t"),
        *((tag, "t") for tag in NOT_OFFERED),
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
    # SecurityStatusReqID Symbol SubscriptionRequestType
    SECURITY_STATUS_REQUEST: ((324, "t"), (55, "t"), (263, "t")),
    # TradSesReqID TradingSessionID SubscriptionRequestType MarketSegmentID
    TRADING_SESSION_STATUS_REQUEST: ((335, "t"), (336, "t"), (263, "t"), (1300, "t")),
}

ROLE_OF_MESSAGE: Final[Mapping[str, Role]] = {
    NEW_ORDER_SINGLE: "order_entry",
    ORDER_CANCEL_REQUEST: "order_entry",
    ORDER_CANCEL_REPLACE_REQUEST: "order_entry",
    ORDER_STATUS_REQUEST: "order_entry",
    MARKET_DATA_REQUEST: "market_data",
    SECURITY_STATUS_REQUEST: "order_entry",
    TRADING_SESSION_STATUS_REQUEST: "order_entry",
}

ALSO_FOR: Final[Mapping[str, Role]] = {
    SECURITY_STATUS_REQUEST: "market_data",
    TRADING_SESSION_STATUS_REQUEST: "market_data",
}
"""The second role of messages that are for two."""
