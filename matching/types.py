"""Words of the exchange: ids, units and closed sets of FIX values, each written down once.

Closed sets are literals of the FIX value itself, so that a value read from the wire, journaled and sent again is the
same one-character text on its whole way, and no conversion costs anything on the order path.
"""

from typing import Final, Literal, NewType, TypeAlias

Side: TypeAlias = Literal["1", "2"]
BUY: Final = "1"
SELL: Final = "2"

OrdType: TypeAlias = Literal["1", "2", "3", "4", "J", "P"]
MARKET: Final = "1"
LIMIT: Final = "2"
STOP: Final = "3"
STOP_LIMIT: Final = "4"
MARKET_IF_TOUCHED: Final = "J"
PEGGED: Final = "P"

TimeInForce: TypeAlias = Literal["0", "1", "2", "3", "4", "6", "7"]
DAY: Final = "0"
GOOD_TILL_CANCEL: Final = "1"
AT_THE_OPENING: Final = "2"
IMMEDIATE_OR_CANCEL: Final = "3"
FILL_OR_KILL: Final = "4"
GOOD_TILL_DATE: Final = "6"
AT_THE_CLOSE: Final = "7"

ExecType: TypeAlias = Literal["0", "4", "5", "8", "C", "D", "F", "G", "H", "I", "L"]
EXEC_NEW: Final = "0"
EXEC_CANCELED: Final = "4"
EXEC_REPLACED: Final = "5"
EXEC_REJECTED: Final = "8"
EXEC_EXPIRED: Final = "C"
EXEC_RESTATED: Final = "D"
EXEC_TRADE: Final = "F"
EXEC_TRADE_CORRECT: Final = "G"
EXEC_TRADE_CANCEL: Final = "H"
EXEC_STATUS: Final = "I"
EXEC_TRIGGERED: Final = "L"

OrdStatus: TypeAlias = Literal["0", "1", "2", "4", "8", "C"]
STATUS_NEW: Final = "0"
STATUS_PARTIALLY_FILLED: Final = "1"
STATUS_FILLED: Final = "2"
STATUS_CANCELED: Final = "4"
STATUS_REJECTED: Final = "8"
STATUS_EXPIRED: Final = "C"

InstrumentKind: TypeAlias = Literal["spot", "perpetual"]
TradingPhase: TypeAlias = Literal[
    "continuous",
    "halted",
    "closed",
    "pre-open",
    "opening auction",
    "volatility halt",
    "closing auction",
    "delisted",
]
ListKind: TypeAlias = Literal["oco", "oto", "bracket"]
KillScope: TypeAlias = Literal["session", "account", "market", "firm"]
Response: TypeAlias = Literal["1", "2"]
RESPONSE_TO_CANCEL: Final = "1"
RESPONSE_TO_REPLACE: Final = "2"

QuoteKey: TypeAlias = tuple[int, int, int]
"""Session, account and instrument id: whose quote it is."""
QUOTES_ACCEPTED: Final = "0"
QUOTES_CANCELED: Final = "1"
QUOTES_CANCELED_ALL: Final = "4"
QUOTES_REJECTED: Final = "5"
QUOTES_REMOVED: Final = "6"
"""QuoteStatus(297)."""
CANCEL_QUOTES_OF_SYMBOLS: Final = "1"
CANCEL_ALL_QUOTES: Final = "4"
"""QuoteCancelType(298)."""

SeqNum = NewType("SeqNum", int)
"""Number of a command in its shard, from 1, without gap."""

SHARD_ID_SHIFT: Final = 48
"""Ids of orders, executions, trades and reports of shard n begin above n << 48, so that none is given twice."""
CL_ORD_ID_CHARS_MAX: Final = 64
"""Longest ClOrdID(11) that is taken; every order of the day keeps its text in memory and in each report."""

SELF_MATCH_ID_CHARS_MAX: Final = 64
"""Longest SelfMatchPreventionID(2362) that is taken."""

E8: Final = 100_000_000
"""Scale of decimals read from the wire: a value of 1 is 10^8."""
MICRO: Final = 1_000_000
"""Scale of cash: one unit is 10^-6 of the currency."""
