"""Refusals: the stable numeric code of every one, with its meaning and what to do about it. The one table of them.

A code says its FIX value: 1rrnn is OrdRejReason(103) rr, 2rrnn is CxlRejReason(102) rr, 3rrnn is
BusinessRejectReason(380) rr, 4rrnn is MassCancelRejectReason(532) rr, 5rrnn is QuoteRejectReason(300) rr, of FIX.4.4,
6rrnn is ApplResponseError(1354) rr of FIX.5.0SP2, and 7rrnn is UserStatus(926) rr of FIX.4.4;
`gateway.rejects` turns those values into what other versions know. A refused replace is CxlRejReason(102)=99 with the
code of the order check that refused it. A code is never given to another refusal; one that is not used any more stays
in the table.
"""

from typing import Final, NamedTuple, TypeAlias

Refusal: TypeAlias = tuple[int, str]
"""A code of the table, and a text that names the limit, the value found and the bound allowed."""

KILL_SWITCH_OF_MARKET: Final = 10001
KILL_SWITCH_OF_ACCOUNT: Final = 10002
KILL_SWITCH_OF_SESSION: Final = 10003
KILL_SWITCH_OF_FIRM: Final = 10004
SIDE_NOT_PERMITTED: Final = 10005
INSTRUMENT_NOT_PERMITTED: Final = 10006
UNKNOWN_SYMBOL: Final = 10101
NOT_ACCEPTING: Final = 10201
TRADING_PHASE: Final = 10202
TRADING_DAY_ENDING: Final = 10203
TIME_IN_FORCE_NOT_IN_PHASE: Final = 10204
ORD_TYPE_NOT_IN_PHASE: Final = 10205
POST_ONLY_NOT_IN_PHASE: Final = 10206
AUCTION_EXECUTES: Final = 10207
REDUCE_ONLY_NOT_IN_PHASE: Final = 10208
ORDER_QTY_MAX: Final = 10301
ORDER_VALUE_MAX: Final = 10302
OPEN_ORDERS_MAX: Final = 10303
OPEN_ORDERS_MAX_OF_ACCOUNT: Final = 10304
POSITION_MAX: Final = 10305
CASH: Final = 10306
SHARES: Final = 10307
FIRM_OPEN_ORDERS_MAX: Final = 10308
FIRM_OPEN_VALUE_MAX: Final = 10309
FIRM_POSITION_MAX: Final = 10310
UNKNOWN_ORDER: Final = 10501
DUPLICATE_ORDER: Final = 10601
LIST_ID_USED: Final = 10602
SIDE_NOT_OFFERED: Final = 11101
ORD_TYPE_NOT_OFFERED: Final = 11102
TIME_IN_FORCE_NOT_OFFERED: Final = 11103
EXEC_INST_NOT_OFFERED: Final = 11104
TERM_NOT_OFFERED: Final = 11105
PRICE_ON_MARKET_ORDER: Final = 11106
PRICE_ABSENT: Final = 11107
STOP_PRICE_ABSENT: Final = 11108
STOP_PRICE_WITHOUT_STOP: Final = 11109
PEG_NOT_EXPRESSIBLE: Final = 11110
DISPLAY_QTY_NOT_OFFERED: Final = 11111
REDUCE_ONLY_NOT_OFFERED: Final = 11112
POST_ONLY_ON_TAKING_ORDER: Final = 11113
EXPIRE_TIME_ABSENT: Final = 11114
EXPIRE_TIME_WITHOUT_GTD: Final = 11115
LIST_NOT_EXPRESSIBLE: Final = 11116
BRACKET_ON_WRONG_SIDE: Final = 11117
CONTINGENCY_NOT_OFFERED: Final = 11118
STOP_PRICES_DIFFER: Final = 11130
TRIGGER_NOT_OFFERED: Final = 11131
TIME_IN_FORCE_NOT_WITH_ORD_TYPE: Final = 11132
EXPIRE_TIME_TWICE: Final = 11133
EXPIRE_TIME_NO_TIME: Final = 11134
PEG_CONTRADICTS: Final = 11135
TRAIL_OFFSET_ABSENT: Final = 11136
DISPLAY_QTYS_DIFFER: Final = 11137
SELF_MATCH_ID_ABSENT: Final = 11138
SELF_MATCH_ID_TOO_LONG: Final = 11139
SELF_MATCH_INSTRUCTION_NOT_OFFERED: Final = 11140
LIST_COUNTS_DIFFER: Final = 11141
LIST_TOO_LONG: Final = 11142
QTY_ABSENT: Final = 11301
QTY_NO_NUMBER: Final = 11302
QTY_NOT_POSITIVE: Final = 11303
QTY_OFF_LOT: Final = 11304
DISPLAY_QTY_OVER_QTY: Final = 11305
DISPLAY_QTY_TOO_SMALL: Final = 11306
DISPLAY_QTY_NO_NUMBER: Final = 11330
DISPLAY_QTY_NOT_POSITIVE: Final = 11331
DISPLAY_QTY_OFF_LOT: Final = 11332
UNKNOWN_ACCOUNT: Final = 11501
PRICE_BAND: Final = 11601
NO_REFERENCE_PRICE: Final = 11602
PRICE_NO_NUMBER: Final = 11801
PRICE_NOT_POSITIVE: Final = 11802
PRICE_OFF_TICK: Final = 11803
STOP_PRICE_OUT_OF_RANGE: Final = 11804
STOP_PRICE_NO_NUMBER: Final = 11830
STOP_PRICE_NOT_POSITIVE: Final = 11831
STOP_PRICE_OFF_TICK: Final = 11832
PEG_OFFSET_NO_NUMBER: Final = 11833
PEG_OFFSET_OFF_TICK: Final = 11834
TRAIL_OFFSET_NOT_POSITIVE: Final = 11835
BRACKET_PRICE_NO_NUMBER: Final = 11836
BRACKET_PRICE_NOT_POSITIVE: Final = 11837
BRACKET_PRICE_OFF_TICK: Final = 11838
CL_ORD_ID_ABSENT: Final = 19901
CL_ORD_ID_TOO_LONG: Final = 19902
POST_ONLY_WOULD_TAKE: Final = 19903
BEING_CANCELED: Final = 19904
MARKET_NOT_AVAILABLE: Final = 19905
REDUCE_ONLY_WITHOUT_POSITION: Final = 19906
BEING_TRIGGERED: Final = 19907
TOO_MANY_PEGS: Final = 19908
TOO_MANY_TRAILING_STOPS: Final = 19909
EXPIRE_TIME_PASSED: Final = 19910
LIST_REFUSED: Final = 19911
LIST_ID_ABSENT: Final = 19912
LIST_ID_TOO_LONG: Final = 19913

CLOSED_ORDER: Final = 20001
QTY_NOT_ABOVE_FILLED: Final = 20002
CANCEL_UNKNOWN_ORDER: Final = 20101
CANCEL_DUPLICATE_CL_ORD_ID: Final = 20601
OTHER_SIDE: Final = 29901
OTHER_SYMBOL: Final = 29902
ORD_TYPE_NOT_REPLACEABLE: Final = 29903
TIME_IN_FORCE_NOT_REPLACEABLE: Final = 29904
TERM_NOT_REPLACEABLE: Final = 29905
CANCEL_DURING_AUCTION: Final = 29910
ORDER_OF_QUOTE: Final = 29911

STATUS_REQUEST_ID: Final = 30021
STATUS_REQUEST_TYPE: Final = 30022
STATUS_SUBSCRIPTIONS_MAX: Final = 30023
UNKNOWN_TRADING_SESSION: Final = 30121
SHARD_NOT_AVAILABLE: Final = 30401
NOT_AUTHORIZED: Final = 30601
THROTTLED_SESSION: Final = 30801
THROTTLED_ACCOUNT: Final = 30802
THROTTLED_CANCELS: Final = 30803

MASS_CANCEL_NOT_SUPPORTED: Final = 40001
MASS_CANCEL_OVER_SHARDS: Final = 40002
MASS_NOT_CONFIRMED: Final = 40003
MASS_UNKNOWN_SYMBOL: Final = 40101
MASS_UNKNOWN_PRODUCT: Final = 40301
MASS_SCOPE_CONTRADICTS: Final = 49901
MASS_SIDE: Final = 49902
MASS_UNKNOWN_ACCOUNT: Final = 49903
MASS_DUPLICATE_CL_ORD_ID: Final = 49904
MASS_ID_ABSENT: Final = 49905
MASS_ID_TOO_LONG: Final = 49906
MASS_TERM_NOT_OFFERED: Final = 49907
MASS_TOO_MANY: Final = 49908

QUOTE_UNKNOWN_SYMBOL: Final = 50101
QUOTE_ENTRIES_MAX: Final = 50301
QUOTE_DURING_AUCTION: Final = 50401
QUOTE_TOO_LATE: Final = 50402
QUOTE_DUPLICATE_ENTRY: Final = 50601
QUOTE_CROSSED: Final = 50701
QUOTE_PRICE_NO_NUMBER: Final = 50801
QUOTE_PRICE_NOT_POSITIVE: Final = 50802
QUOTE_PRICE_OFF_TICK: Final = 50803
QUOTE_PRICE_ABSENT: Final = 50804
QUOTES_FROZEN: Final = 50901
QUOTE_UNKNOWN_ACCOUNT: Final = 50902
QUOTE_COUNTS_DIFFER: Final = 59901
QUOTE_TERM_NOT_OFFERED: Final = 59902
QUOTE_CANCEL_NOT_SUPPORTED: Final = 59903
QUOTES_OVER_SHARDS: Final = 59904
QUOTE_ID_ABSENT: Final = 59905
QUOTE_ID_TOO_LONG: Final = 59906
QUOTE_SIZE_NO_NUMBER: Final = 59907
QUOTE_SIZE_ABSENT: Final = 59908
QUOTE_SIZE_NEGATIVE: Final = 59909
QUOTE_SIZE_OFF_LOT: Final = 59910
QUOTE_RESENT: Final = 59911
QUOTE_ENTRIES_ABSENT: Final = 59912
QUOTE_CANCEL_CONTRADICTS: Final = 59913

USER_UNKNOWN: Final = 70301
PASSWORD_WRONG: Final = 70401
USER_REQUEST_TYPE: Final = 70601
USER_REQUEST_OPEN: Final = 70602
USER_REQUEST_LOST: Final = 70603
NO_PASSWORD_TO_CHANGE: Final = 70604
NEW_PASSWORD_NOT_ALLOWED: Final = 70605
USER_REQUEST_ID: Final = 70606


UNKNOWN_APPLICATION: Final = 60001
RANGE_NOT_AVAILABLE: Final = 60101
RANGE_TOO_OLD: Final = 60102
RANGE_BACKWARDS: Final = 60103
RANGE_NOT_EXPRESSIBLE: Final = 60104
RANGE_IN_PROGRESS: Final = 60105
RANGE_DAMAGED: Final = 60106


class Row(NamedTuple):
    """What a code means, and what its reader can do."""

    meaning: str
    remedy: str


TABLE: Final[dict[int, Row]] = {
    KILL_SWITCH_OF_MARKET: Row("the market's kill switch is engaged", "wait until the operator releases it"),
    KILL_SWITCH_OF_ACCOUNT: Row("the account's kill switch is engaged", "ask the operator; cancels pass"),
    KILL_SWITCH_OF_SESSION: Row("the session's kill switch is engaged", "ask the operator; cancels pass"),
    UNKNOWN_SYMBOL: Row("Symbol(55) is not traded here", "use a symbol of the instrument list"),
    NOT_ACCEPTING: Row("the exchange accepts no orders at the moment", "send it again later; cancels pass"),
    TRADING_PHASE: Row("the trading phase takes no such order", "wait for a phase that does"),
    TRADING_DAY_ENDING: Row("the trading day is ending", "send it again after the end of the day"),
    TIME_IN_FORCE_NOT_IN_PHASE: Row("the trading phase takes no such TimeInForce(59)", "use one that Text(58) lists"),
    ORD_TYPE_NOT_IN_PHASE: Row("the trading phase takes no such OrdType(40)", "use one that Text(58) lists"),
    POST_ONLY_NOT_IN_PHASE: Row("post-only has no meaning before an auction", "leave it out, or wait for its end"),
    REDUCE_ONLY_NOT_IN_PHASE: Row("reduce-only orders do not take part in auctions", "wait for continuous trading"),
    AUCTION_EXECUTES: Row("the instrument's auction is being executed", "send it again when that is done"),
    ORDER_QTY_MAX: Row("OrderQty(38) is above the limit", "send less, or ask for a higher limit"),
    ORDER_VALUE_MAX: Row("price times quantity is above the limit", "send less, or ask for a higher limit"),
    OPEN_ORDERS_MAX: Row("too many open orders in the instrument", "cancel one first"),
    OPEN_ORDERS_MAX_OF_ACCOUNT: Row("too many open orders of the account", "cancel one first"),
    POSITION_MAX: Row("position and open orders would be above the limit", "send less, or reduce the position"),
    CASH: Row("the order needs more cash than is available", "send less, or deposit"),
    SHARES: Row("the order needs more shares than are available", "send less, or deposit"),
    UNKNOWN_ORDER: Row("no such order of this CompID on this trading day", "ask by the order's ClOrdID or OrderID"),
    DUPLICATE_ORDER: Row("ClOrdID(11) was used on this trading day", "use a new one; PossResend(97)=Y asks its status"),
    LIST_TOO_LONG: Row("a list has more orders than are read", "send two or three orders"),
    LIST_ID_USED: Row(
        "ListID(66) was used on this trading day", "use a new one; PossResend(97)=Y asks how the list stands"
    ),
    SIDE_NOT_OFFERED: Row("Side(54) is not offered", "use 1 or 2"),
    ORD_TYPE_NOT_OFFERED: Row("OrdType(40) is not offered", "use one that the rules of engagement list"),
    TIME_IN_FORCE_NOT_OFFERED: Row("TimeInForce(59) is not offered", "use one that the rules of engagement list"),
    EXEC_INST_NOT_OFFERED: Row("ExecInst(18) is not offered on this order", "leave it out"),
    TERM_NOT_OFFERED: Row("a term that would change the order's meaning is not offered", "leave the field out"),
    PRICE_ON_MARKET_ORDER: Row("a market order has a Price(44)", "leave it out, or send a limit order"),
    PRICE_ABSENT: Row("a limit order has no Price(44)", "send one"),
    STOP_PRICE_ABSENT: Row("the order waits for a trigger and has no StopPx(99)", "send one"),
    STOP_PRICE_WITHOUT_STOP: Row("StopPx(99) on an order without a trigger", "leave it out, or send a stop order"),
    PEG_NOT_EXPRESSIBLE: Row("the peg is absent, or does not go with the OrdType(40)", "send what the type asks for"),
    DISPLAY_QTY_NOT_OFFERED: Row("a displayed quantity on an order that never rests", "leave it out"),
    REDUCE_ONLY_NOT_OFFERED: Row("reduce-only in an instrument without positions", "leave it out"),
    POST_ONLY_ON_TAKING_ORDER: Row("post-only on an order that is there to take", "leave it out"),
    EXPIRE_TIME_ABSENT: Row("a Good Till Date order has no ExpireTime(126)", "send one"),
    EXPIRE_TIME_WITHOUT_GTD: Row("ExpireTime(126) on an order that is not Good Till Date", "leave it out"),
    LIST_NOT_EXPRESSIBLE: Row(
        "the orders cannot be linked as the list says", "compare it with the rules of engagement"
    ),
    BRACKET_ON_WRONG_SIDE: Row("take-profit or stop-loss on the wrong side", "put one on either side of the entry"),
    CONTINGENCY_NOT_OFFERED: Row(
        "the list says not, or not clearly, how its orders are linked",
        "send ListExecInst(69)=OCO or OTO, or ContingencyType(1385)=1 or 2",
    ),
    STOP_PRICES_DIFFER: Row("StopPx(99) and TriggerPrice(1102) differ", "send one of them"),
    TRIGGER_NOT_OFFERED: Row("no such trigger is offered", "trigger on last or mark, in the order's own direction"),
    TIME_IN_FORCE_NOT_WITH_ORD_TYPE: Row("TimeInForce(59) is not offered with this OrdType(40)", "use another one"),
    EXPIRE_TIME_TWICE: Row("both ExpireTime(126) and ExpireDate(432)", "send one of them"),
    EXPIRE_TIME_NO_TIME: Row("ExpireTime(126) or ExpireDate(432) is no time", "send YYYYMMDD-HH:MM:SS, or YYYYMMDD"),
    PEG_CONTRADICTS: Row("the order is pegged to more than one price", "send one of them"),
    TRAIL_OFFSET_ABSENT: Row("a trailing stop has no PegOffsetValue(211)", "send the distance"),
    DISPLAY_QTYS_DIFFER: Row("MaxFloor(111) and DisplayQty(1138) differ", "send one of them"),
    SELF_MATCH_ID_ABSENT: Row("SelfMatchPreventionInstruction(2964) without an id to apply it to", "send one in 2362"),
    SELF_MATCH_ID_TOO_LONG: Row("SelfMatchPreventionID(2362) is too long", "use at most 64 characters"),
    SELF_MATCH_INSTRUCTION_NOT_OFFERED: Row("SelfMatchPreventionInstruction(2964) is not offered", "use 1, 2, 3 or 4"),
    LIST_COUNTS_DIFFER: Row("the orders of the list are not those that it counts", "send the whole list at once"),
    QTY_ABSENT: Row("OrderQty(38) is absent", "send it"),
    QTY_NO_NUMBER: Row("OrderQty(38) is no number that can be traded", "send a plain decimal"),
    QTY_NOT_POSITIVE: Row("OrderQty(38) is not positive", "send at least one lot"),
    QTY_OFF_LOT: Row("OrderQty(38) is no multiple of the lot", "round to the lot"),
    DISPLAY_QTY_OVER_QTY: Row("the displayed quantity is above OrderQty(38)", "display less"),
    DISPLAY_QTY_TOO_SMALL: Row("the displayed quantity is too small a part of OrderQty(38)", "display 1/100 or more"),
    DISPLAY_QTY_NO_NUMBER: Row("MaxFloor(111) or DisplayQty(1138) is no number", "send a plain decimal"),
    DISPLAY_QTY_NOT_POSITIVE: Row("MaxFloor(111) or DisplayQty(1138) is not positive", "show at least one lot"),
    DISPLAY_QTY_OFF_LOT: Row("MaxFloor(111) or DisplayQty(1138) is no multiple of the lot", "round to the lot"),
    UNKNOWN_ACCOUNT: Row("Account(1) is not one of the session's", "use an account of the session"),
    PRICE_BAND: Row("Price(44) lies outside the price band", "send a price inside it"),
    NO_REFERENCE_PRICE: Row("the instrument has no reference price yet", "wait until the operator sets it"),
    PRICE_NO_NUMBER: Row("Price(44) is no number that can be traded", "send a plain decimal"),
    PRICE_NOT_POSITIVE: Row("Price(44) is not positive", "send at least one tick"),
    PRICE_OFF_TICK: Row("Price(44) is no multiple of the tick", "round to the tick"),
    STOP_PRICE_OUT_OF_RANGE: Row("StopPx(99) is no price that can be traded", "send a price that can"),
    STOP_PRICE_NO_NUMBER: Row("StopPx(99) or TriggerPrice(1102) is no number", "send a plain decimal"),
    STOP_PRICE_NOT_POSITIVE: Row("StopPx(99) or TriggerPrice(1102) is not positive", "send at least one tick"),
    STOP_PRICE_OFF_TICK: Row("StopPx(99) or TriggerPrice(1102) is no multiple of the tick", "round to the tick"),
    PEG_OFFSET_NO_NUMBER: Row("PegOffsetValue(211) is no number", "send a plain decimal"),
    PEG_OFFSET_OFF_TICK: Row("PegOffsetValue(211) is no multiple of the tick", "round to the tick"),
    TRAIL_OFFSET_NOT_POSITIVE: Row("PegOffsetValue(211) of a trailing stop is not positive", "send the distance"),
    BRACKET_PRICE_NO_NUMBER: Row("TakeProfitPx(5952) or StopLossPx(5953) is no number", "send a plain decimal"),
    BRACKET_PRICE_NOT_POSITIVE: Row("TakeProfitPx(5952) or StopLossPx(5953) is not positive", "send at least one tick"),
    BRACKET_PRICE_OFF_TICK: Row(
        "TakeProfitPx(5952) or StopLossPx(5953) is no multiple of the tick", "round to the tick"
    ),
    CL_ORD_ID_ABSENT: Row("ClOrdID(11) is absent", "send one"),
    CL_ORD_ID_TOO_LONG: Row("ClOrdID(11) is too long", "use at most 64 characters"),
    POST_ONLY_WOULD_TAKE: Row("a post-only order would take", "send a price behind the best opposite one"),
    BEING_CANCELED: Row("open orders of the scope are being canceled", "send it again when that is done"),
    MARKET_NOT_AVAILABLE: Row("the instrument's market is down", "send it again when it is back"),
    REDUCE_ONLY_WITHOUT_POSITION: Row("the account has no position to reduce", "leave reduce-only out"),
    BEING_TRIGGERED: Row("triggered orders of the instrument are entering", "send it again when that is done"),
    TOO_MANY_PEGS: Row("the instrument has as many pegged orders as it may", "send a limit order"),
    TOO_MANY_TRAILING_STOPS: Row("the instrument has as many trailing stops as it may", "send a stop order"),
    EXPIRE_TIME_PASSED: Row("ExpireTime(126) has passed", "send a later one"),
    LIST_REFUSED: Row("another order of the list was refused", "mend that order, and send the list again"),
    LIST_ID_ABSENT: Row("ListID(66) is absent", "send one"),
    LIST_ID_TOO_LONG: Row("ListID(66) is too long", "use at most 64 characters"),
    CLOSED_ORDER: Row("the order is closed; OrdStatus(39) says how", "nothing is left to do"),
    QTY_NOT_ABOVE_FILLED: Row("the new OrderQty(38) is not above what is filled", "cancel instead"),
    CANCEL_UNKNOWN_ORDER: Row("no such order of this CompID on this trading day", "name its ClOrdID or OrderID"),
    CANCEL_DUPLICATE_CL_ORD_ID: Row("ClOrdID(11) was used on this trading day", "use a new one"),
    OTHER_SIDE: Row("Side(54) is not the order's", "send the order's own side"),
    OTHER_SYMBOL: Row("Symbol(55) is not the order's", "send the order's own symbol"),
    ORD_TYPE_NOT_REPLACEABLE: Row("OrdType(40) cannot become this one", "cancel, and send a new order"),
    TIME_IN_FORCE_NOT_REPLACEABLE: Row("TimeInForce(59) cannot become this one", "cancel, and send a new order"),
    TERM_NOT_REPLACEABLE: Row("a term of the order that may not change", "cancel, and send a new order"),
    CANCEL_DURING_AUCTION: Row("the auction that the order is in is being executed", "send it again in a second"),
    STATUS_REQUEST_ID: Row("the id of a status request is in use, not subscribed, or too long", "use another one"),
    STATUS_REQUEST_TYPE: Row("SubscriptionRequestType(263) is not offered", "use 0, 1 or 2"),
    STATUS_SUBSCRIPTIONS_MAX: Row("too many status subscriptions of the session", "end one first"),
    UNKNOWN_TRADING_SESSION: Row("TradingSessionID(336) is not known", "leave it out to ask for all"),
    SHARD_NOT_AVAILABLE: Row("the market that the message is about is down", "send it again when it is back"),
    NOT_AUTHORIZED: Row("the message is not for a session with this Role", "use a session of the right role"),
    THROTTLED_SESSION: Row("more messages a second than the session may send", "slow down; cancels have a bucket"),
    THROTTLED_ACCOUNT: Row("more messages a second than the account may send", "slow down"),
    THROTTLED_CANCELS: Row("more cancels a second than the session may send", "slow down"),
    KILL_SWITCH_OF_FIRM: Row("the kill switch of the account's firm is engaged", "ask the operator; cancels pass"),
    FIRM_OPEN_ORDERS_MAX: Row(
        "more open orders than the accounts of the firm may have together", "cancel, or ask the operator"
    ),
    FIRM_OPEN_VALUE_MAX: Row(
        "open orders of more value than the accounts of the firm may have together", "cancel, or ask the operator"
    ),
    FIRM_POSITION_MAX: Row(
        "a position larger than the accounts of the firm may have together", "reduce it, or ask the operator"
    ),
    SIDE_NOT_PERMITTED: Row("the account may not enter this side in the instrument", "ask the operator"),
    INSTRUMENT_NOT_PERMITTED: Row("the session may not trade the instrument", "use one that Text(58) lists"),
    MASS_CANCEL_NOT_SUPPORTED: Row("the request type is not offered", "use 1, 3 or 7, in an AF also 8"),
    MASS_CANCEL_OVER_SHARDS: Row("not used any more: a request over several shards", "send one for each Symbol(55)"),
    MASS_NOT_CONFIRMED: Row("a part of the request is not done; Text(58) says which shard's", "read Text(58)"),
    MASS_UNKNOWN_SYMBOL: Row("Symbol(55) is absent or not traded here", "send one of the instrument list"),
    MASS_UNKNOWN_PRODUCT: Row(
        "no product, or one that is not traded here", "send CFICode(461) E or F, or SecurityType(167)"
    ),
    MASS_SCOPE_CONTRADICTS: Row("a field narrows the request that its type does not have", "leave the field out"),
    MASS_SIDE: Row("Side(54) of a request over many orders is not offered", "use 1 or 2, or leave it out"),
    MASS_UNKNOWN_ACCOUNT: Row("Account(1) is not one of the session's", "use an account of the session"),
    MASS_DUPLICATE_CL_ORD_ID: Row("ClOrdID(11) was used on this trading day", "use a new one"),
    MASS_ID_ABSENT: Row("the request has no id", "send ClOrdID(11), or MassStatusReqID(584)"),
    MASS_ID_TOO_LONG: Row("the id of the request is too long", "use at most 64 characters"),
    MASS_TOO_MANY: Row("too many requests wait for shards that are down", "wait until the shards are back"),
    MASS_TERM_NOT_OFFERED: Row("a field that would narrow the request is not offered", "leave the field out"),
    ORDER_OF_QUOTE: Row("the order is a side of a quote", "send MassQuote(i) or QuoteCancel(Z)"),
    QUOTE_UNKNOWN_SYMBOL: Row("Symbol(55) is absent or not traded here", "use a symbol of the instrument list"),
    QUOTE_ENTRIES_MAX: Row("more entries than one message may have", "send several messages"),
    QUOTE_DURING_AUCTION: Row("the auction that the quote is in is being executed", "send it again in a second"),
    QUOTE_TOO_LATE: Row("the market was given the quotes too late", "send the prices that are wanted now"),
    QUOTE_DUPLICATE_ENTRY: Row("an instrument or QuoteEntryID(299) twice in a message", "send one entry of each"),
    QUOTE_CROSSED: Row("BidPx(132) is not below OfferPx(133)", "send a bid below the offer"),
    QUOTE_PRICE_NO_NUMBER: Row("BidPx(132) or OfferPx(133) is no number", "send a plain decimal"),
    QUOTE_PRICE_NOT_POSITIVE: Row("BidPx(132) or OfferPx(133) is not positive", "send at least one tick"),
    QUOTE_PRICE_OFF_TICK: Row("BidPx(132) or OfferPx(133) is no multiple of the tick", "round to the tick"),
    QUOTE_PRICE_ABSENT: Row("a side has a size and no price", "send BidPx(132) or OfferPx(133), or size 0"),
    QUOTES_FROZEN: Row("market-maker protection has frozen the quotes", "reset it by QuoteCancel(Z), 117=MMP_RESET"),
    QUOTE_UNKNOWN_ACCOUNT: Row("Account(1) is not one of the session's", "use an account of the session"),
    QUOTE_COUNTS_DIFFER: Row("entries or sets are not as many as the message says", "send all of them at once"),
    QUOTE_TERM_NOT_OFFERED: Row("a field that would change the quote's meaning is not offered", "leave it out"),
    QUOTE_CANCEL_NOT_SUPPORTED: Row("QuoteCancelType(298) is not offered", "use 1 (symbols) or 4 (all)"),
    QUOTES_OVER_SHARDS: Row("not used any more: quotes over several shards", "send one message for each Symbol(55)"),
    QUOTE_ID_ABSENT: Row("QuoteID(117) or QuoteEntryID(299) is absent", "send one"),
    QUOTE_ID_TOO_LONG: Row("an id of the quote is too long", "use at most 64 characters"),
    QUOTE_SIZE_NO_NUMBER: Row("BidSize(134) or OfferSize(135) is no number", "send a plain decimal"),
    QUOTE_SIZE_ABSENT: Row("a side has a price and no size", "send BidSize(134) or OfferSize(135)"),
    QUOTE_SIZE_NEGATIVE: Row("BidSize(134) or OfferSize(135) is negative", "send 0 to cancel the side"),
    QUOTE_SIZE_OFF_LOT: Row("BidSize(134) or OfferSize(135) is no multiple of the lot", "round to the lot"),
    QUOTE_RESENT: Row("quotes are not taken with PossResend(97)=Y", "send the prices that are wanted now, without it"),
    QUOTE_ENTRIES_ABSENT: Row("the message has no entry", "send at least one"),
    QUOTE_CANCEL_CONTRADICTS: Row(
        "instruments that contradict QuoteCancelType(298)", "name them with type 1, none with type 4"
    ),
    UNKNOWN_APPLICATION: Row("RefApplID(1355) is not known", "send DROPCOPY"),
    RANGE_NOT_AVAILABLE: Row(
        "no report of the session's accounts has an ExecID(17) of the range", "ask for ExecIDs that the session has had"
    ),
    RANGE_TOO_OLD: Row("the range begins before what is kept", "begin at the ExecID(17) that Text(58) names"),
    RANGE_BACKWARDS: Row("the range ends before it begins", "exchange ApplBegSeqNum(1182) and ApplEndSeqNum(1183)"),
    RANGE_NOT_EXPRESSIBLE: Row("the request is not one for one range of reports", "compare it with drop-copy.md"),
    RANGE_IN_PROGRESS: Row("a range of the session is being sent", "wait for its end, then ask again"),
    RANGE_DAMAGED: Row("the journal cannot give the range", "ask the operator"),
    USER_UNKNOWN: Row("Username(553) is not the session's", "ask for the user of the session"),
    PASSWORD_WRONG: Row("Password(554) is not the user's", "send the password that is in force"),
    USER_REQUEST_TYPE: Row("UserRequestType(924) is not offered", "use 3 or 4; Logon(A) and Logout(5) do the rest"),
    USER_REQUEST_OPEN: Row("another UserRequest(BE) of the session is not answered yet", "wait for its answer"),
    USER_REQUEST_LOST: Row("the exchange was started anew before the answer; nothing has changed", "send it again"),
    NO_PASSWORD_TO_CHANGE: Row("the session does not log on with a password", "ask the operator for another key"),
    NEW_PASSWORD_NOT_ALLOWED: Row("NewPassword(925) is not one that may be used", "send one that Text says is allowed"),
    USER_REQUEST_ID: Row("UserRequestID(923) is absent or too long", "use 1 to 64 characters"),
}

CXL_REJ_OTHER: Final = 99


def ord_rej_reason(code: int) -> int:
    """Return OrdRejReason(103) of the code of an order's refusal, as FIX.4.4 has it."""
    assert code // 10_000 == 1, f"{code} is no code of an order's refusal"
    return code // 100 % 100


def cxl_rej_reason(code: int) -> int:
    """Return CxlRejReason(102) of the code of a refused cancel or replace, as FIX.4.4 has it."""
    return code // 100 % 100 if code // 10_000 == 2 else CXL_REJ_OTHER


def business_reject_reason(code: int) -> int:
    """Return BusinessRejectReason(380) of the code of a BusinessMessageReject(j), as FIX.4.4 has it."""
    assert code // 10_000 == 3, f"{code} is no code of a business reject"
    return code // 100 % 100


RETIRED: Final = (MASS_CANCEL_OVER_SHARDS, QUOTES_OVER_SHARDS)
"""Codes that nothing says any more; older journals hold them."""


def mass_cancel_reject_reason(code: int) -> int:
    """Return MassCancelRejectReason(532) of the code of a refused mass cancel, as FIX.4.4 has it."""
    assert code // 10_000 == 4, f"{code} is no code of a mass request"
    return code // 100 % 100


def appl_response_error(code: int) -> int:
    """Return ApplResponseError(1354) of the code of a refused range of reports, as FIX.5.0SP2 has it."""
    assert code // 10_000 == 6, f"{code} is no code of a range"
    return code // 100 % 100


def user_status(code: int) -> int:
    """Return UserStatus(926) of the code of a refused UserRequest(BE), as FIX.4.4 has it."""
    assert code // 10_000 == 7, f"{code} is no code of a user's request"
    return code // 100 % 100


QUOTE_REASON_OF_ORDER: Final = {0: 9, 1: 1, 2: 2, 3: 3, 4: 4, 6: 6, 15: 9, 16: 8, 18: 8}
"""QuoteRejectReason(300) of the refusals that orders and quotes share, by OrdRejReason(103)."""
QUOTE_REJ_OTHER: Final = 99


def quote_reject_reason(code: int) -> int:
    """Return QuoteRejectReason(300), or QuoteEntryRejectReason(368), of the code of a refused quote, as FIX.4.4 has
    it.
    """
    group, reason = code // 10_000, code // 100 % 100
    if group == 5:
        return reason
    return QUOTE_REASON_OF_ORDER.get(reason, QUOTE_REJ_OTHER) if group == 1 else QUOTE_REJ_OTHER


def as_markdown() -> str:
    """Return the table as Markdown, a row per code."""
    fields = {
        1: "OrdRejReason(103)",
        2: "CxlRejReason(102)",
        3: "BusinessRejectReason(380)",
        4: "MassCancelRejectReason(532)",
        5: "QuoteRejectReason(300)",
        6: "ApplResponseError(1354)",
        7: "UserStatus(926)",
    }
    lines = ["| code | FIX.4.4 | meaning | what to do |", "|---|---|---|---|"]
    for code, row in sorted(TABLE.items()):
        lines.append(f"| {code} | {fields[code // 10_000]}={code // 100 % 100} | {row.meaning} | {row.remedy} |")
    return "\n".join(lines) + "\n"
