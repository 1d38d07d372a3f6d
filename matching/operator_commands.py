"""Commands of operators, of the configuration, of the clock and of the exchange itself. Layout and units: see
matching.commands.
"""

import msgspec

from matching.types import InstrumentKind, KillScope, TradingPhase


class DefineInstrument(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=10):
    """Define an instrument, or change it. `instrument_id` starts at 1.

    `tick_e8` and `lot_e8` are the tick and lot in 10^-8; `tick_lot_value` is the cash value, in 10^-6 of `currency`, of
    one lot at a price of one tick. `band_bp` is the width of the price band on either side of the reference, in
    1/10000; `breaker_bp` and `breaker_static_bp` those of the circuit breaker around last trade and last auction, 0 for
    none, whose halt lasts `breaker_seconds`. An auction that ends such a halt outside of `breaker_extended_bp` around
    the last trade is not executed: the call is extended by as long, `breaker_extensions` times, and then until an
    operator ends it. `follows_trades`: the last price is that of the newest trade that stands, busts and corrections
    counted in; records of an older program leave it where it was.
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
    breaker_extended_bp: int = 0
    breaker_extensions: int = 0
    follows_trades: bool = False


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


class ChangeSessions(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=90):
    """Note that the sessions of a running exchange were read again: the last command of the batch that does it.

    `added`, `removed` and `changed` are ids of defined sessions. What they are changed to stands in the commands before
    it; who may log on, and how, is the configuration's.
    """

    added: tuple[int, ...]
    removed: tuple[int, ...]
    changed: tuple[int, ...]
    by: str
    reason: str


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


class SetFirmLimits(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=75):
    """Limits of all accounts of a firm together; 0: no limit.

    `open_orders_max` and `open_value_max` (price times quantity of what is open, in 10^-6 of each currency) are over
    all instruments (`instrument_id` 0); `position_max` is in lots of one instrument, on either side, open orders
    counted in.
    """

    firm: str
    instrument_id: int
    open_orders_max: int
    open_value_max: int
    position_max: int


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
    phase then. `may_extend`: it is the end of such a halt by its time, which is put off where the auction would be
    executed too far from the last trade (DefineInstrument).
    """

    instrument_id: int
    phase: TradingPhase
    by: str
    reason: str
    until_ns: int = 0
    may_extend: bool = False


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


class SetMarkPrice(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=40):
    """Set the mark price of an instrument in ticks, at which orders with that trigger are triggered."""

    instrument_id: int
    price: int
    by: str
    reason: str = ""


class ExpireOrders(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=41):
    """Expire every Good Till Date order whose ExpireTime(126) is up to `until_ns`, which is not after the frame's."""

    until_ns: int


class NoteConnection(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=62):
    """A session was logged on, or has logged out in order: what a later start has to know of it."""

    session_id: int
    is_connected: bool


class OverrideLimits(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=63):
    """An operator's limits in place of those of the configuration, until `until_ns` (0: until they are ended).

    Fields as in SetLimits, and -1: as configured; `sides` as in SetPermission, "" as configured. With a `firm` they are
    that firm's, as in SetFirmLimits, and `account_id` is 0.
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
    firm: str = ""
    open_value_max: int = -1


class EndLimitOverride(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=64):
    """Put the configured limits in force again, by an operator or because the time of the override is over."""

    account_id: int
    instrument_id: int
    by: str
    reason: str
    firm: str = ""


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


class CorrectTrade(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=80):
    """Correct price and quantity of a trade of this trading day, or bust it: `new_qty` 0.

    The order ids are those of its two sides; price and quantity, and the ExecIDs that said them last, are as they are
    now: where they are not, the command is refused. `new_qty` is at most `qty`. `standing_*` is the newest other trade
    of the instrument that stands, as the journal had it, 0 for none; `is_newest`: no other one is newer.
    """

    instrument_id: int
    trade_id: int
    buy_order_id: int
    sell_order_id: int
    buy_exec_id: int
    sell_exec_id: int
    price: int
    qty: int
    new_price: int
    new_qty: int
    by: str
    reason: str
    standing_trade_id: int = 0
    standing_price: int = 0
    is_newest: bool = False


class DelistInstrument(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=51):
    """End the trading of an instrument: its open orders are canceled, new ones are refused, until RelistInstrument."""

    instrument_id: int
    by: str
    reason: str


class RelistInstrument(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=76):
    """Take up the trading of a delisted instrument again, in a closed market, without the prices of its earlier life.

    Units, balances and positions are what they were; band and reference price too, until DefineInstrument changes them.
    """

    instrument_id: int
    by: str
    reason: str
