"""Terms: what an order may have beyond a plain market or limit order, which has none and costs nothing for it."""

from typing import Final, Literal, TypeAlias

import msgspec

TriggerPrice: TypeAlias = Literal["last", "mark"]
Peg: TypeAlias = Literal["", "best", "mid", "opposite", "trail"]
SelfMatchMode: TypeAlias = Literal["", "newest", "oldest", "both", "decrement"]


class QuoteIds(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What names a quote: QuoteID(117), QuoteSetID(302) and QuoteEntryID(299) of the message that it is of, and the
    `answer_id` of that.
    """

    quote_id: str
    set_id: str
    entry_id: str
    answer_id: str = ""


class Terms(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Prices are ticks, quantities lots. 0, "" and False: the order does not have it.

    `stop_price` is StopPx(99) of a stop (triggered as the price moves through it against the book's calm: up for a
    buy, down for a sell) and of a market-if-touched order (the other way round), on the price that `trigger` names.
    `peg` says what a pegged order follows: the best price of its own side, the middle of the book, the best opposite
    price, or, for a trailing stop, the last price at the distance `offset`; `offset` is added to the price followed. A
    peg's `cap` is its Price(44), set by the engine, because the order's own price is where it stands now; so is
    `stop_price` of a trailing stop each time that it moves. `take_profit` is the limit and `stop_loss` the trigger
    price (on what `trigger` names) of the legs that an entry brings with it. `link_id` is
    ClOrdLinkID(583): two orders of a member with the same one end each other.
    `display_qty` is DisplayQty(1138), MaxFloor(111) before FIX.5.0: what of an iceberg is shown. `expire_ns` is
    ExpireTime(126) of a Good Till Date order, in nanoseconds since the epoch. `reduce_only`: it never opens or
    enlarges a position. `self_match_id` is SelfMatchPreventionID(2362): two orders of the same id never trade;
    `self_match_mode` says which of them gives way when this one is the aggressor. `list_id` is ListID(66) of the list
    that brought the order, for its reports. `quote`: the order is one side of a quote.
    """

    stop_price: int = 0
    trigger: TriggerPrice = "last"
    peg: Peg = ""
    offset: int = 0
    display_qty: int = 0
    expire_ns: int = 0
    reduce_only: bool = False
    self_match_id: str = ""
    self_match_mode: SelfMatchMode = ""
    cap: int = 0
    take_profit: int = 0
    stop_loss: int = 0
    link_id: str = ""
    list_id: str = ""
    quote: QuoteIds | None = None


PLAIN: Final = Terms()
"""What no order carries: an order without terms has None."""
