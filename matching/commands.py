"""Commands: the only input of the exchange. Each is a frozen record; what it cannot know (time, sequence) stands in its
frame.

The record layout is the journal's format: fields are only ever appended, with a default, and tags are never used again.
Prices are ticks, quantities lots, amounts 10^-6 of a currency or whole lots of a share.
"""

from typing import Literal, TypeAlias

import msgspec

from matching.terms import Terms
from matching.types import (
    InstrumentKind,
    KillScope,
    ListKind,
    OrdType,
    Response,
    Side,
    TimeInForce,
    TradingPhase,
)


class NewOrder(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=1):
    """An order that translation could express in ticks and lots. `price` is 0 for a market order."""

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


class DefineInstrument(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=10):
    """Define an instrument, or change it. `instrument_id` starts at 1.

    `tick_e8` and `lot_e8` are the tick and lot in 10^-8; `tick_lot_value` is the cash value, in 10^-6 of `currency`, of
    one lot at a price of one tick. `band_bp` is the width of the price band on either side of the reference, in
    1/10000; `breaker_bp` and `breaker_static_bp` those of the circuit breaker around last trade and last auction, 0 for
    none, whose halt lasts `breaker_seconds`.
    """

    instrument_id: int
    symbol: str
    kind: InstrumentKind
    currency: str
    tick_e8: int
    lot_e8: int
    tick_lot_value: int
    reference_price: int
    band_bp: int
    breaker_bp: int = 0
    breaker_static_bp: int = 0
    breaker_seconds: int = 0


class DefineAccount(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=11):
    """Define an account. `account_id` starts at 1; an id is never given to another name."""

    account_id: int
    name: str
    firm: str


class DefineSession(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=12):
    """Define a FIX session. ClOrdIDs are unique per `comp_id`, over all its sessions.

    `rate` messages a second with a burst of `burst`; `cancel_rate`, `cancel_burst` is the bucket of cancels. 0:
    unbounded.
    """

    session_id: int
    name: str
    comp_id: str
    rate: int
    burst: int
    cancel_rate: int
    cancel_burst: int


class SetLimits(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=13):
    """Limits of one account in one instrument; 0 in `instrument_id` is the account over all instruments. 0: no limit.

    `order_value_max` is in 10^-6 of the currency; `position_max` in lots on either side, open orders counted in.
    """

    account_id: int
    instrument_id: int
    order_qty_max: int
    order_value_max: int
    open_orders_max: int
    position_max: int
    rate: int = 0
    burst: int = 0


class Deposit(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=14):
    """Post `amount` of `asset` (a currency in 10^-6, or a spot symbol in lots) from outside; once per `transfer_id`."""

    account_id: int
    asset: str
    amount: int
    transfer_id: str


class SetKillSwitch(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=15):
    """Engage or release the kill switch of a session, an account, a firm (all accounts of `target_name`) or the whole
    market; `target_id` is 0 for the last two.

    Engaged: new orders and replaces are refused, cancels pass, and the open orders of the scope are canceled.
    """

    scope: KillScope
    target_id: int
    engaged: bool
    by: str
    reason: str
    target_name: str = ""


class SetAcceptance(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=16):
    """Open or close the acceptance of new orders, by the exchange itself (disk full, say). Cancels pass."""

    accepting: bool
    reason: str


class SetTradingPhase(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=17):
    """Move an instrument to another trading phase; its auction is executed first where one is due.

    `until_ns` is the end of a volatility halt, in nanoseconds since the epoch: whoever keeps the time sends the next
    phase then.
    """

    instrument_id: int
    phase: TradingPhase
    by: str
    reason: str
    until_ns: int = 0


class SetReferencePrice(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=18):
    """Set the price in ticks around which the price band lies."""

    instrument_id: int
    price: int
    by: str


class EndTradingDay(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=19):
    """End a trading day (YYYYMMDD): Day orders expire, ClOrdIDs of closed orders may be used again."""

    trading_day: int


class CancelSessionOrders(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=20):
    """Cancel on disconnect: the open orders that a session entered, or all those of `account_ids` where they are given.

    `spares_gtc`: GTC and GTD orders stay. `restatement` is ExecRestatementReason(378).
    """

    session_id: int
    text: str
    account_ids: tuple[int, ...] = ()
    spares_gtc: bool = False
    restatement: int = 12


class ContinueWork(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=21):
    """Go on with work that was left over from an earlier command (at most 500 orders a step)."""


class TransferOut(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=22):
    """First step of a transfer to another shard: take `amount` of `asset` (as in Deposit, above 0) off what the account
    has available, into the ledger `transit`.

    Once per `transfer_id`, of all TransferOut in this shard: sent again, with the same account, asset, amount and
    shard, it posts nothing and gives its TransferredOut again. Every TransferOut has to be followed by one TransferIn.
    """

    account_id: int
    asset: str
    amount: int
    transfer_id: str
    to_shard: str
    by: str
    reason: str


class TransferIn(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=23):
    """Second step of a transfer, in the shard that receives: post `amount` of `asset` from `transit` to the account.

    Once per `transfer_id`, of all TransferIn in this shard, as with TransferOut. This shard cannot know whether the
    first step was taken: whoever sends this has seen its TransferredOut.
    """

    account_id: int
    asset: str
    amount: int
    transfer_id: str
    from_shard: str
    by: str
    reason: str


class RelayBatch(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=30):
    """A gateway's own: a batch that a shard has committed, as the gateway journals it before anything of it is said.

    `answered` holds, by session, the epoch and the highest MsgSeqNum(34) that the batch answers; `events` are the
    shard's own bytes; `refused_transfers` the ids of steps that it refused, and why. `obeyed` has an entry for each
    instruction that the batch holds, in their order: why it was refused, or nothing.
    """

    shard: str
    shard_batch_seq: int
    time_ns: int
    answered: tuple[tuple[int, int, int], ...]
    events: bytes
    refused_transfers: tuple[tuple[str, str], ...] = ()
    obeyed: tuple[str, ...] = ()


class DefineShard(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=31):
    """A gateway's own: a shard is there. Its id is the high part of its orders' ids; a name keeps its id for ever."""

    name: str
    shard_id: int


class RequestTransfer(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=32):
    """A gateway's own: move `amount` of `asset` (as in Deposit, above 0) of an account from one shard to another.

    The gateway sends both steps, each until it is answered, whatever is killed meanwhile.
    """

    account_id: int
    asset: str
    amount: int
    transfer_id: str
    from_shard: str
    to_shard: str
    by: str
    reason: str


class RefuseMessage(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=33):
    """A gateway's own: a request that no shard is given, as its shard is down or the session may not ask it; an order
    whose shard is down is a RefuseOrder. `reason` is BusinessRejectReason(380), 4: not available.
    """

    session_id: int
    epoch: int
    msg_seq_num: int
    ref_msg_type: str
    ref_id: str
    text: str
    code: int = 0


class NewOrderList(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=42):
    """NewOrderList(E): orders of one account and instrument that are linked. `kind` "oco": two legs of which one ends
    the other; "oto": an entry and a leg; "bracket": an entry and two such legs. The entry comes first.
    """

    session_id: int
    epoch: int
    msg_seq_num: int
    list_id: str
    kind: ListKind
    orders: tuple[NewOrder, ...]
    poss_resend: bool = False


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


class SetMarkPrice(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=40):
    """Set the mark price of an instrument in ticks, at which orders with that trigger are triggered."""

    instrument_id: int
    price: int
    by: str
    reason: str = ""


class ExpireOrders(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=41):
    """Expire every Good Till Date order whose ExpireTime(126) is up to `until_ns`, which is not after the frame's."""

    until_ns: int


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
    """OrderMassStatusRequest(AF): one report for each of the member's open orders in a scope, as in MassCancel."""

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


class NoteConnection(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=62):
    """A session was logged on, or has logged out in order: what a later start has to know of it."""

    session_id: int
    is_connected: bool


class OverrideLimits(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=63):
    """An operator's limits in place of those of the configuration, until `until_ns` (0: until they are ended).

    Fields as in SetLimits, and -1: as configured; `sides` as in SetPermission, "" as configured.
    """

    account_id: int
    instrument_id: int
    order_qty_max: int
    order_value_max: int
    open_orders_max: int
    position_max: int
    rate: int
    burst: int
    sides: str
    until_ns: int
    by: str
    reason: str


class EndLimitOverride(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=64):
    """Put the configured limits in force again, by an operator or because the time of the override is over."""

    account_id: int
    instrument_id: int
    by: str
    reason: str


class SetProtection(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=65):
    """Bounds of a session beyond its throttles; 0: none.

    More than `cut_count` throttled messages within `cut_ns` cut the session. More than `repeat_max` orders of one
    account, instrument and side that were executed on entry within `repeat_ns` engage its kill switch.
    """

    session_id: int
    cut_count: int
    cut_ns: int
    repeat_max: int
    repeat_ns: int


class SetPermission(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=66):
    """Which `sides` an account may enter in an instrument: both, buy, sell, none; "" as over all instruments
    (`instrument_id` 0), and there: both.
    """

    account_id: int
    instrument_id: int
    sides: str


class TellIndicativePrice(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=50):
    """Say what the auction of an instrument would execute now; nothing, where that has not changed."""

    instrument_id: int


class DelistInstrument(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=51):
    """End the trading of an instrument for good: its open orders are canceled, new ones are refused."""

    instrument_id: int
    by: str
    reason: str


Instruction: TypeAlias = (
    SetKillSwitch
    | SetTradingPhase
    | SetReferencePrice
    | SetMarkPrice
    | EndTradingDay
    | OverrideLimits
    | EndLimitOverride
    | DelistInstrument
)
"""What an operator, or the clock, tells shards."""


class InstructShards(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=34):
    """A gateway's own: `instruction` is for `shards`; it is kept, and sent, until each of them has confirmed it."""

    shards: tuple[str, ...]
    instruction: Instruction


class ForgetNumbers(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=35):
    """A gateway's own: MsgSeqNum(34) below `below` cannot come again in this epoch; whether they were answered here
    need not be known any longer.
    """

    session_id: int
    epoch: int
    below: int


Command: TypeAlias = (
    NewOrder
    | CancelOrder
    | ReplaceOrder
    | RefuseOrder
    | RefuseCancel
    | RequestStatus
    | DefineInstrument
    | DefineAccount
    | DefineSession
    | SetLimits
    | Deposit
    | SetKillSwitch
    | SetAcceptance
    | SetTradingPhase
    | SetReferencePrice
    | EndTradingDay
    | CancelSessionOrders
    | ContinueWork
    | TransferOut
    | TransferIn
    | RelayBatch
    | DefineShard
    | RequestTransfer
    | RefuseMessage
    | InstructShards
    | ForgetNumbers
    | SetMarkPrice
    | ExpireOrders
    | MassCancel
    | RequestMassStatus
    | NoteConnection
    | OverrideLimits
    | EndLimitOverride
    | SetProtection
    | SetPermission
    | TellIndicativePrice
    | DelistInstrument
    | NewOrderList
    | RefuseOrderList
)
