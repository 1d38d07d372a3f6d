"""Which application messages the gateway takes, and which of their fields it reads: the one table of it.

The wire reads fields by this table; a message type that is not in it is answered with BusinessMessageReject(380=3) by
the wire itself. The order of fields here is the order of values in translation.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

from gateway.wire import FieldSpec

NEW_ORDER_SINGLE: Final = "D"
NEW_ORDER_LIST: Final = "E"
ORDER_CANCEL_REQUEST: Final = "F"
ORDER_CANCEL_REPLACE_REQUEST: Final = "G"
ORDER_STATUS_REQUEST: Final = "H"
ORDER_MASS_CANCEL_REQUEST: Final = "q"
ORDER_MASS_STATUS_REQUEST: Final = "AF"
MASS_QUOTE: Final = "i"
QUOTE_CANCEL: Final = "Z"
MARKET_DATA_REQUEST: Final = "V"
SECURITY_STATUS_REQUEST: Final = "e"
TRADING_SESSION_STATUS_REQUEST: Final = "g"
APPLICATION_MESSAGE_REQUEST: Final = "BW"
USER_REQUEST: Final = "BE"

Role: TypeAlias = Literal["order_entry", "drop_copy", "market_data"]

CURRENCY: Final = 15
STOP_PX: Final = 99
MAX_FLOOR: Final = 111
EXPIRE_TIME: Final = 126
PEG_OFFSET_VALUE: Final = 211
EXPIRE_DATE: Final = 432
CL_ORD_LINK_ID: Final = 583
PEG_PRICE_TYPE: Final = 1094
TRIGGER_TYPE: Final = 1100
TRIGGER_PRICE: Final = 1102
TRIGGER_PRICE_TYPE: Final = 1107
TRIGGER_PRICE_DIRECTION: Final = 1109
DISPLAY_QTY: Final = 1138
SELF_MATCH_PREVENTION_ID: Final = 2362
SELF_MATCH_PREVENTION_INSTRUCTION: Final = 2964
TRIGGER_BASIS: Final = 5951
TAKE_PROFIT_PX: Final = 5952
STOP_LOSS_PX: Final = 5953
MM_PROTECTION_RESET: Final = 9773
"""Our own fields, for sessions with ValidateUserDefinedFields=N in every version. TriggerBasis: L last, M mark;
TakeProfitPx, StopLossPx: prices of the legs that an entry brings with it. MMProtectionReset is CME's.
"""


class Term(NamedTuple):
    """A field that an order may have beyond the plain ones. `kind` is the wire's; "" is read as text and not offered.

    `harmless` is the one value that says what holds anyway, so that a client may send it.
    """

    tag: int
    name: str
    kind: str = ""
    harmless: str = ""


# Every field that changes what an order means: one that is not offered is refused, never misread. Fields about the
# client's own bookkeeping, parties, settlement instructions and commissions are not read.
TERMS: Final = (
    Term(CURRENCY, "Currency"),
    Term(63, "SettlType", harmless="0"),
    Term(64, "SettlDate"),
    Term(77, "PositionEffect"),
    Term(STOP_PX, "StopPx", "d"),
    Term(110, "MinQty"),
    Term(MAX_FLOOR, "MaxFloor", "d"),
    Term(120, "SettlCurrency"),
    Term(EXPIRE_TIME, "ExpireTime", "u"),
    Term(152, "CashOrderQty"),
    Term(168, "EffectiveTime"),
    Term(192, "OrderQty2"),
    Term(193, "SettlDate2"),
    Term(210, "MaxShow"),
    Term(PEG_OFFSET_VALUE, "PegOffsetValue", "d"),
    Term(386, "NoTradingSessions"),
    Term(388, "DiscretionInst"),
    Term(389, "DiscretionOffsetValue"),
    Term(423, "PriceType", harmless="2"),
    Term(EXPIRE_DATE, "ExpireDate", "t"),
    Term(468, "RoundingDirection"),
    Term(516, "OrderPercent"),
    Term(544, "CashMargin"),
    Term(CL_ORD_LINK_ID, "ClOrdLinkID", "t"),
    Term(640, "Price2"),
    Term(835, "PegMoveType", harmless="0"),
    Term(836, "PegOffsetType", harmless="0"),
    Term(837, "PegLimitType"),
    Term(838, "PegRoundDirection"),
    Term(840, "PegScope", harmless="1"),
    Term(841, "DiscretionMoveType"),
    Term(842, "DiscretionOffsetType"),
    Term(843, "DiscretionLimitType"),
    Term(844, "DiscretionRoundDirection"),
    Term(846, "DiscretionScope"),
    Term(847, "TargetStrategy"),
    Term(849, "ParticipationRate"),
    Term(854, "QtyType", harmless="0"),
    Term(957, "NoStrategyParameters"),
    Term(1080, "RefOrderID"),
    Term(1082, "SecondaryDisplayQty"),
    Term(1083, "DisplayWhen", harmless="2"),
    Term(1084, "DisplayMethod", harmless="1"),
    Term(1085, "DisplayLowQty"),
    Term(1086, "DisplayHighQty"),
    Term(1087, "DisplayMinIncr"),
    Term(1088, "RefreshQty"),
    Term(1089, "MatchIncrement"),
    Term(1090, "MaxPriceLevels"),
    Term(1092, "PriceProtectionScope", harmless="0"),
    Term(PEG_PRICE_TYPE, "PegPriceType", "t"),
    Term(1096, "PegSecurityIDSource"),
    Term(1097, "PegSecurityID"),
    Term(1098, "PegSymbol"),
    Term(TRIGGER_TYPE, "TriggerType", "t"),
    Term(1101, "TriggerAction", harmless="1"),
    Term(TRIGGER_PRICE, "TriggerPrice", "d"),
    Term(1103, "TriggerSymbol"),
    Term(1104, "TriggerSecurityID"),
    Term(TRIGGER_PRICE_TYPE, "TriggerPriceType", "t"),
    Term(1108, "TriggerPriceTypeScope"),
    Term(TRIGGER_PRICE_DIRECTION, "TriggerPriceDirection", "t"),
    Term(1110, "TriggerNewPrice"),
    Term(1111, "TriggerOrderType"),
    Term(1112, "TriggerNewQty"),
    Term(1113, "TriggerTradingSessionID"),
    Term(1114, "TriggerTradingSessionSubID"),
    Term(DISPLAY_QTY, "DisplayQty", "d"),
    Term(1608, "InitialDisplayQty"),
    Term(1624, "NoMatchInst"),
    Term(1629, "ExposureDuration"),
    Term(1803, "AuctionType"),
    Term(1805, "AuctionInstruction"),
    Term(1822, "MinQtyMethod"),
    Term(1868, "NoValueChecks"),
    Term(SELF_MATCH_PREVENTION_ID, "SelfMatchPreventionID", "t"),
    Term(2676, "MaximumPriceDeviation"),
    Term(SELF_MATCH_PREVENTION_INSTRUCTION, "SelfMatchPreventionInstruction", "t"),
    Term(TRIGGER_BASIS, "TriggerBasis", "t"),
    Term(TAKE_PROFIT_PX, "TakeProfitPx", "d"),
    Term(STOP_LOSS_PX, "StopLossPx", "d"),
)
TERM_TAGS: Final = tuple(term.tag for term in TERMS)
NOT_OFFERED: Final = {term.tag: term for term in TERMS if not term.kind}
NO_TERMS: Final = None
"""What the wire gives for the terms of a message that has none of them."""
_TERM_FIELDS: Final[FieldSpec] = (0, tuple((term.tag, term.kind or "t") for term in TERMS))

_PLAIN_FIELDS: Final[Sequence[FieldSpec]] = (
    (11, "t"),
    (1, "t"),
    (55, "t"),
    (54, "t"),
    (40, "t"),
    (44, "d"),
    (38, "d"),
    (59, "t"),
    (18, "t"),
)

# Fields of a list that say how it is to be executed: one that is not offered is refused, as that of an order.
LIST_TERMS: Final = (
    Term(390, "BidID"),
    Term(394, "BidType", harmless="3"),
    Term(414, "ProgRptReqs", harmless="1"),
    Term(415, "ProgPeriodInterval"),
    Term(433, "ListExecInstType", harmless="1"),
    Term(480, "CancellationRights", harmless="N"),
    Term(765, "AllowableOneSidednessPct"),
    Term(766, "AllowableOneSidednessValue"),
    Term(893, "LastFragment", harmless="Y"),
    Term(1685, "ThrottleInst"),
    *(term for term in TERMS if term.tag in (TRIGGER_BASIS, TAKE_PROFIT_PX, STOP_LOSS_PX)),
)

# Fields that would narrow a mass request and are not offered, groups by their counter: a request that has one is
# refused, not obeyed for more than its sender meant.
SCOPE_NOT_OFFERED: Final[Mapping[int, str]] = {
    336: "TradingSessionID(336)",
    625: "TradingSessionSubID(625)",
    48: "SecurityID(48)",
    454: "NoSecurityAltID(454)",
    65: "SymbolSfx(65)",
    460: "Product(460)",
    762: "SecuritySubType(762)",
    200: "MaturityMonthYear(200)",
    541: "MaturityDate(541)",
    202: "StrikePrice(202)",
    207: "SecurityExchange(207)",
    1301: "MarketID(1301)",
    1300: "MarketSegmentID(1300)",
    453: "NoPartyIDs(453)",
    1461: "NoTargetPartyIDs(1461)",
    311: "UnderlyingSymbol(311)",
    309: "UnderlyingSecurityID(309)",
}
QUOTE_SCOPE_NOT_OFFERED: Final[Mapping[int, str]] = {
    336: "TradingSessionID(336)",
    537: "QuoteType(537)",
    625: "TradingSessionSubID(625)",
    1461: "NoTargetPartyIDs(1461)",
    1751: "SecondaryQuoteID(1751)",
}
# Symbol CFICode SecurityType Side Account, then SCOPE_NOT_OFFERED
SCOPE: Final[Sequence[FieldSpec]] = (
    (55, "t"),
    (461, "t"),
    (167, "t"),
    (54, "t"),
    (1, "t"),
    *((tag, "t") for tag in SCOPE_NOT_OFFERED),
)

# Fields of a MassQuote(i) that say how it is to be quoted, of the message, a set and an entry, groups by their counter.
QUOTE_TERMS: Final = (
    Term(537, "QuoteType", harmless="1"),
    Term(1685, "ThrottleInst"),
    Term(2403, "QuoteModelType"),
)
QUOTE_SET_TERMS: Final = (Term(367, "QuoteSetValidUntilTime"), Term(893, "LastFragment", harmless="Y"))
QUOTE_ENTRY_TERMS: Final = (
    Term(40, "OrdType", harmless="2"),
    Term(62, "ValidUntilTime"),
    Term(64, "SettlDate"),
    Term(188, "BidSpotRate"),
    Term(189, "BidForwardPoints"),
    Term(190, "OfferSpotRate"),
    Term(191, "OfferForwardPoints"),
    Term(192, "OrderQty2"),
    Term(193, "SettlDate2"),
    Term(336, "TradingSessionID"),
    Term(528, "OrderCapacity"),
    Term(529, "OrderRestrictions"),
    Term(555, "NoLegs"),
    Term(625, "TradingSessionSubID"),
    Term(631, "MidPx"),
    Term(632, "BidYield"),
    Term(633, "MidYield"),
    Term(634, "OfferYield"),
    Term(642, "BidForwardPoints2"),
    Term(643, "OfferForwardPoints2"),
    Term(775, "BookingType"),
    Term(1749, "TotalBidSize"),
    Term(1750, "TotalOfferSize"),
)
_QUOTE_ENTRY: Final[Sequence[FieldSpec]] = (
    (299, "t"),
    (55, "t"),
    (132, "d"),
    (133, "d"),
    (134, "d"),
    (135, "d"),
    (CURRENCY, "t"),
    *((term.tag, "t") for term in QUOTE_ENTRY_TERMS),
)
# The session layer does not look at the counter of a group in a group: it is read as a field too.
_QUOTE_SET: Final[Sequence[FieldSpec]] = (
    (302, "t"),
    (304, "i"),
    (295, "i"),
    *((term.tag, "t") for term in QUOTE_SET_TERMS),
    (295, tuple(_QUOTE_ENTRY)),
)

SCHEMA: Final[Mapping[str, Sequence[FieldSpec]]] = {
    # ClOrdID Account Symbol Side OrdType Price OrderQty TimeInForce ExecInst, then None or the values of TERMS
    NEW_ORDER_SINGLE: (*_PLAIN_FIELDS, _TERM_FIELDS),
    # ListID ListExecInst ContingencyType TotNoOrders, LIST_TERMS, then of each order: ListSeqNo, fields as in D, TERMS
    NEW_ORDER_LIST: (
        (66, "t"),
        (69, "t"),
        (1385, "t"),
        (68, "t"),
        *((term.tag, "t") for term in LIST_TERMS),
        (73, ((67, "t"), *_PLAIN_FIELDS, *((term.tag, term.kind or "t") for term in TERMS))),
    ),
    # ClOrdID OrigClOrdID OrderID Symbol Side
    ORDER_CANCEL_REQUEST: ((11, "t"), (41, "t"), (37, "t"), (55, "t"), (54, "t")),
    # ClOrdID OrigClOrdID OrderID Symbol Side OrdType Price OrderQty TimeInForce ExecInst Account, then as in D
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
        _TERM_FIELDS,
    ),
    # ClOrdID OrderID Symbol Side OrdStatusReqID
    ORDER_STATUS_REQUEST: ((11, "t"), (37, "t"), (55, "t"), (54, "t"), (790, "t")),
    # ClOrdID MassCancelRequestType, then SCOPE
    ORDER_MASS_CANCEL_REQUEST: ((11, "t"), (530, "t"), *SCOPE),
    # MassStatusReqID MassStatusReqType, then SCOPE
    ORDER_MASS_STATUS_REQUEST: ((584, "t"), (585, "t"), *SCOPE),
    # QuoteID Account QuoteResponseLevel DefBidSize DefOfferSize SelfMatchPreventionID SelfMatchPreventionInstruction
    # MMProtectionReset, QUOTE_TERMS, then of each set: QuoteSetID TotNoQuoteEntries NoQuoteEntries, QUOTE_SET_TERMS,
    # entries: QuoteEntryID Symbol BidPx OfferPx BidSize OfferSize Currency, QUOTE_ENTRY_TERMS
    MASS_QUOTE: (
        (117, "t"),
        (1, "t"),
        (301, "t"),
        (293, "d"),
        (294, "d"),
        (SELF_MATCH_PREVENTION_ID, "t"),
        (SELF_MATCH_PREVENTION_INSTRUCTION, "t"),
        (MM_PROTECTION_RESET, "t"),
        *((term.tag, "t") for term in QUOTE_TERMS),
        (296, tuple(_QUOTE_SET)),
    ),
    # QuoteID QuoteCancelType Account Symbols, then fields that would narrow the request and are not offered
    QUOTE_CANCEL: (
        (117, "t"),
        (298, "t"),
        (1, "t"),
        (295, ((55, "t"),)),
        *((tag, "t") for tag in QUOTE_SCOPE_NOT_OFFERED),
    ),
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
    # ApplReqID ApplReqType NoPartyIDs, then of each range: RefApplID ApplBegSeqNum ApplEndSeqNum NoNestedPartyIDs
    APPLICATION_MESSAGE_REQUEST: (
        (1346, "t"),
        (1347, "t"),
        (453, "t"),
        (1351, ((1355, "t"), (1182, "i"), (1183, "i"), (539, "t"))),
    ),
    # UserRequestID UserRequestType Username Password NewPassword
    USER_REQUEST: ((923, "t"), (924, "t"), (553, "t"), (554, "t"), (925, "t")),
}

ROLE_OF_MESSAGE: Final[Mapping[str, Role]] = {
    NEW_ORDER_SINGLE: "order_entry",
    NEW_ORDER_LIST: "order_entry",
    ORDER_CANCEL_REQUEST: "order_entry",
    ORDER_CANCEL_REPLACE_REQUEST: "order_entry",
    ORDER_STATUS_REQUEST: "order_entry",
    ORDER_MASS_CANCEL_REQUEST: "order_entry",
    ORDER_MASS_STATUS_REQUEST: "order_entry",
    MASS_QUOTE: "order_entry",
    QUOTE_CANCEL: "order_entry",
    MARKET_DATA_REQUEST: "market_data",
    SECURITY_STATUS_REQUEST: "order_entry",
    TRADING_SESSION_STATUS_REQUEST: "order_entry",
    APPLICATION_MESSAGE_REQUEST: "drop_copy",
    USER_REQUEST: "order_entry",
}

ALSO_FOR: Final[Mapping[str, Role]] = {
    SECURITY_STATUS_REQUEST: "market_data",
    TRADING_SESSION_STATUS_REQUEST: "market_data",
}
"""The second role of messages that are for two."""

FOR_ALL: Final = frozenset({USER_REQUEST})
"""Messages that are for every role."""
