"""Events: all that the exchange says. Derived from commands, kept beside them, compared with them on every replay.

Each event holds all that a report of it needs, so that order entry, drop copy, recovery and every later reader draw the
same report from it. The layout is the journal's format: fields are only ever appended, with a default.
"""

from typing import Literal, TypeAlias

import msgspec

from matching.quote_events import QuoteProtectionSet, QuotesAnswered, QuotesFrozen, QuotesReset
from matching.terms import Terms
from matching.types import ExecType, KillScope, ListKind, OrdStatus, OrdType, Response, Side, TimeInForce, TradingPhase
from matching.user_events import PasswordSet, SignedLogonNoted, StopPlanned, UserAnswered, UserRequested


class Execution(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=1):
    """One step in an order's life, of one side: what one ExecutionReport(8) says.

    `exec_id` is unique in the shard; `order_id` 0 is OrderID(37)=NONE (a refused order). `cum_value` is the sum of fill
    price times fill quantity in ticks times lots: AvgPx(6) is `cum_value / cum_qty` ticks. `last_price`, `last_qty`,
    `trade_id` and `is_aggressor` are of a fill; in an auction, `is_auction`, nobody is the aggressor. `reason` is
    OrdRejReason(103) of a refusal, `code` its code in matching.refusals; `terms` are what the order has beyond a plain
    one. `prior_price` and `prior_leaves` are what a replaced order had before, so that depth can be folded from events
    alone. For the same reason each event of an order with terms, but a status, says what the book showed of it before
    (`prior_leaves` at `prior_price`) and shows after it (`shown_qty` at `price`); 0 where it is in no book. An order on
    its way into the book is shown from its New on, so that an aggressor nets to nothing. The correction of a trade
    changes nothing in the book: `exec_ref_id` is the ExecID of the fill or correction that it takes the place of.
    """

    exec_id: int
    exec_type: ExecType
    ord_status: OrdStatus
    order_id: int
    session_id: int
    cl_ord_id: str
    orig_cl_ord_id: str
    account_id: int
    instrument_id: int
    side: Side
    ord_type: OrdType
    time_in_force: TimeInForce
    price: int
    qty: int
    leaves_qty: int
    cum_qty: int
    cum_value: int
    last_price: int = 0
    last_qty: int = 0
    trade_id: int = 0
    is_aggressor: bool = False
    reason: int = 0
    text: str = ""
    prior_price: int = 0
    prior_leaves: int = 0
    ord_status_req_id: str = ""
    exec_restatement_reason: int = 0
    code: int = 0
    terms: Terms | None = None
    shown_qty: int = 0
    is_auction: bool = False
    exec_ref_id: int = 0


class OrderRefused(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=2):
    """The refusal of an order that could not be expressed in ticks and lots; texts echo what the peer sent."""

    exec_id: int
    session_id: int
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
    exec_type: ExecType = "8"
    ord_status_req_id: str = ""
    code: int = 0
    list_id: str = ""


class CancelRejected(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=3):
    """OrderCancelReject(9). `order_id` 0 is NONE, with `ord_status` 8; `account_id` 0 where the order is unknown."""

    session_id: int
    order_id: int
    cl_ord_id: str
    orig_cl_ord_id: str
    ord_status: OrdStatus
    response_to: Response
    reason: int
    text: str
    account_id: int = 0
    code: int = 0


class MessageThrottled(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=4):
    """A message refused by a throttle, before anything else was looked at: BusinessMessageReject(j)."""

    session_id: int
    msg_seq_num: int
    ref_msg_type: str
    ref_id: str
    text: str
    code: int = 0


class InstrumentDefined(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=10):
    """An instrument is there, or has changed."""

    instrument_id: int
    symbol: str


class AccountDefined(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=11):
    """An account is there."""

    account_id: int
    name: str


class SessionDefined(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=12):
    """A FIX session is known to the exchange."""

    session_id: int
    name: str


class LimitsSet(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=13):
    """Limits of an account have changed."""

    account_id: int
    instrument_id: int


class FirmLimitsSet(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=75):
    """Limits of a firm have changed."""

    firm: str
    instrument_id: int


class Posted(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=14):
    """Money or shares came in from outside. The opposite posting is in the ledger `outside`."""

    account_id: int
    asset: str
    amount: int
    balance: int
    transfer_id: str


class KillSwitchSet(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=15):
    """A kill switch was engaged or released."""

    scope: KillScope
    target_id: int
    engaged: bool
    by: str
    reason: str
    target_name: str = ""


class AcceptanceSet(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=16):
    """The exchange accepts new orders again, or no longer."""

    accepting: bool
    reason: str


class TradingPhaseSet(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=17):
    """An instrument is in another trading phase, until `until_ns` where that is not 0."""

    instrument_id: int
    phase: TradingPhase
    reason: str
    until_ns: int = 0


class ReferencePriceSet(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=18):
    """The price band of an instrument lies elsewhere."""

    instrument_id: int
    price: int


class TradingDayEnded(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=19):
    """A trading day is over; every Day order has expired and every closed order is forgotten."""

    trading_day: int


class WorkLeft(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=20):
    """Work over the bound of one step was begun; a ContinueWork command has to follow. `left` orders are still to
    do.
    """

    left: int


class CommandRefused(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=21):
    """An operator's or configuration's command that could not be obeyed; nothing has changed."""

    command: str
    text: str


class TransferredOut(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=22):
    """Money or shares are under way to another shard; the opposite posting is in the ledger `transit`.

    A repeated command gives this again, with its own `by` and `reason` and the `balance` as it is by then: who adds up
    postings counts a `transfer_id` once. The same is true of TransferredIn, whose ids are separate from these.
    """

    account_id: int
    asset: str
    amount: int
    transfer_id: str
    to_shard: str
    by: str
    reason: str
    balance: int


class TransferredIn(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=23):
    """Money or shares came in from another shard; the opposite posting is in the ledger `transit`."""

    account_id: int
    asset: str
    amount: int
    transfer_id: str
    from_shard: str
    by: str
    reason: str
    balance: int


class MessageUnavailable(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=33):
    """A request that is not obeyed here; nothing has changed: BusinessMessageReject(j). `reason` is
    BusinessRejectReason(380), 4: not available at the moment.
    """

    session_id: int
    msg_seq_num: int
    ref_msg_type: str
    ref_id: str
    text: str
    code: int = 0


class ShardsInstructed(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=34):
    """A gateway's own: an instruction is kept under this id until `shards` have confirmed it."""

    instruction_id: int
    shards: tuple[str, ...]


class MarkPriceSet(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=40):
    """The mark price of an instrument is another one."""

    instrument_id: int
    price: int


class MassCancelReported(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=60):
    """OrderMassCancelReport(r), behind the last of its cancels. `response` is MassCancelResponse(531), 0 where the
    request was refused with `code` and `text`.
    """

    report_id: int
    session_id: int
    cl_ord_id: str
    request_type: str
    response: str
    total_affected: int
    symbol: str = ""
    side: str = ""
    code: int = 0
    text: str = ""


class MassStatusReported(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=61):
    """One answer to an OrderMassStatusRequest(AF): `execution` says how one order stands; None: no order is open, or
    the scope was refused with `code`; `text` says which. Of a restatement `marker` says its begin, with as many orders
    as were open then, and its end, with as many as were restated.
    """

    exec_id: int
    session_id: int
    request_id: str
    total: int
    is_last: bool
    execution: Execution | None = None
    symbol: str = ""
    side: str = ""
    code: int = 0
    text: str = ""
    marker: Literal["", "begin", "end"] = ""


class ScopeCanceled(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=62):
    """The cancels that a kill switch brought about are done: `canceled` orders, each with its own Execution before."""

    scope: str
    target_id: int
    target_name: str
    canceled: int
    text: str


class SessionCut(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=63):
    """A session went over the second level of its throttle: it is logged out, its orders are canceled."""

    session_id: int
    text: str


class LimitsOverridden(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=64):
    """An operator's limits are in force in place of the configured ones; `firm`: they are that firm's."""

    account_id: int
    instrument_id: int
    until_ns: int
    by: str
    reason: str
    firm: str = ""


class LimitOverrideEnded(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=65):
    """The configured limits are in force again."""

    account_id: int
    instrument_id: int
    by: str
    reason: str
    firm: str = ""


class ProtectionSet(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=66):
    """Bounds of a session have changed."""

    session_id: int


class PermissionSet(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=67):
    """What an account may enter in an instrument has changed."""

    account_id: int
    instrument_id: int
    sides: str


class IndicativePrice(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=50):
    """What the auction of an instrument would execute as its book stands: `qty` at `price`, both 0 for nothing.

    `surplus` is what would be left over, above 0 to buy, below 0 to sell.
    """

    instrument_id: int
    price: int
    qty: int
    surplus: int


class AuctionEnded(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=51):
    """The auction of an instrument was executed: `qty` at `price`, both 0 where no orders met. `phase` is the one that
    it ended; `trade_id` is that of its last trade.
    """

    instrument_id: int
    phase: TradingPhase
    price: int
    qty: int
    surplus: int
    trade_id: int


class ListedOrder(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How one order of a list stands, in lots; `cum_value` is the sum of price times quantity of its fills.
    A refused order has no instrument.
    """

    cl_ord_id: str
    ord_status: OrdStatus
    cum_qty: int = 0
    leaves_qty: int = 0
    canceled_qty: int = 0
    cum_value: int = 0
    instrument_id: int = 0


class OrderListAnswered(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=41):
    """A list of orders was taken, or refused as a whole; its orders have reports of their own before this.

    `order_ids` in the order of the list; none where it was refused, for what `text` and `code` say. `is_status`: it was
    taken or refused before, and was sent again. `kind` is empty where the list has none.
    """

    session_id: int
    msg_seq_num: int
    list_id: str
    order_ids: tuple[int, ...]
    text: str = ""
    code: int = 0
    kind: ListKind | Literal[""] = ""
    orders: tuple[ListedOrder, ...] = ()
    is_status: bool = False


class TradeCorrected(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=80):
    """An operator has corrected a trade, or busted it: `new_qty` 0. The Executions of both sides follow."""

    instrument_id: int
    trade_id: int
    price: int
    qty: int
    new_price: int
    new_qty: int
    by: str
    reason: str


class SessionsChanged(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=90):
    """An operator has had the sessions read again: the ids of those that were added, removed and changed."""

    added: tuple[int, ...]
    removed: tuple[int, ...]
    changed: tuple[int, ...]
    by: str
    reason: str


class LastPriceSet(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=84):
    """The last price of an instrument has changed without a trade, as its newest trade was busted or corrected:
    `trade_id` is the newest one that stands now, 0 and a `price` of 0: there is none.
    """

    instrument_id: int
    price: int
    trade_id: int


Event: TypeAlias = (
    Execution
    | OrderRefused
    | CancelRejected
    | MessageThrottled
    | InstrumentDefined
    | AccountDefined
    | SessionDefined
    | LimitsSet
    | Posted
    | KillSwitchSet
    | AcceptanceSet
    | TradingPhaseSet
    | ReferencePriceSet
    | TradingDayEnded
    | WorkLeft
    | CommandRefused
    | MessageUnavailable
    | ShardsInstructed
    | TransferredOut
    | TransferredIn
    | MarkPriceSet
    | MassCancelReported
    | MassStatusReported
    | ScopeCanceled
    | SessionCut
    | LimitsOverridden
    | LimitOverrideEnded
    | ProtectionSet
    | PermissionSet
    | IndicativePrice
    | AuctionEnded
    | OrderListAnswered
    | TradeCorrected
    | LastPriceSet
    | FirmLimitsSet
    | QuotesAnswered
    | QuotesFrozen
    | QuotesReset
    | QuoteProtectionSet
    | SessionsChanged
    | UserRequested
    | UserAnswered
    | PasswordSet
    | SignedLogonNoted
    | StopPlanned
)
