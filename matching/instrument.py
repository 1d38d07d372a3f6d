"""Instruments: units, price band and trading phase of what is traded. Prices are ticks, quantities lots."""

from typing import Final, Literal, TypeAlias

from matching.phases import TABLE
from matching.types import InstrumentKind, TradingPhase

PRICE_TICKS_MAX: Final = 1_000_000_000
"""Highest price of a band. With QTY_LOTS_MAX it keeps every sum of price times quantity of an order in 63 bits."""
QTY_LOTS_MAX: Final = 1_000_000_000
"""Largest quantity of one order, whatever the limits say."""
BASIS_POINTS: Final = 10_000
BREAKER_SECONDS_MAX: Final = 86_400
BREAKER_EXTENSIONS_MAX: Final = 1_000


AuctionStage: TypeAlias = Literal["clearing the way", "trading", "expiring"]


class Auction:
    """An auction that is being executed: first orders that take no part are canceled, then `qty_left` of `qty` is still
    to be traded at `price`, then what may not stay expires. After it the instrument goes on to the phase `following`,
    until `until_ns` where that is not 0. `may_extend` as in SetTradingPhase; `trade_id` is that of its last trade.
    """

    __slots__ = (
        "following",
        "may_extend",
        "price",
        "qty",
        "qty_left",
        "reason",
        "stage",
        "surplus",
        "trade_id",
        "until_ns",
    )

    def __init__(self, *, following: TradingPhase, until_ns: int, reason: str, may_extend: bool = False) -> None:
        self.following: TradingPhase = following
        self.may_extend = may_extend
        self.until_ns = until_ns
        self.reason = reason
        self.stage: AuctionStage = "clearing the way"
        self.price = self.qty = self.qty_left = self.surplus = self.trade_id = 0


class Instrument:
    """One instrument. Owner: the engine; everybody else reads.

    `tick_e8`, `lot_e8`: tick and lot in 10^-8. `tick_lot_value`: cash in 10^-6 of `currency` for one lot at one tick.
    `band_low`..`band_high` are the prices an order may have, both included; empty without a reference price.
    `is_trading`: orders are taken; `is_matching`: they match at once. `until_ns` is the end of a halt with an auction,
    0 without one. `auction` is set while one is being executed. `is_uncrossed`: the book cannot be crossed; False
    from the first phase that rests orders without matching until the auction is over. `auction_price` is of the last
    auction, 0 before the first. `extension_count`: how often the call of the present volatility halt was extended.
    `follows_trades`: a bust or correction of the newest trade changes the last price.
    """

    __slots__ = (
        "auction",
        "auction_price",
        "band_bp",
        "band_high",
        "band_low",
        "breaker_bp",
        "breaker_extended_bp",
        "breaker_extensions",
        "breaker_seconds",
        "breaker_static_bp",
        "currency",
        "extension_count",
        "follows_trades",
        "instrument_id",
        "is_matching",
        "is_spot",
        "is_trading",
        "is_uncrossed",
        "kind",
        "lot_e8",
        "phase",
        "reference_price",
        "symbol",
        "tick_e8",
        "tick_lot_value",
        "until_ns",
    )

    def __init__(
        self,
        *,
        instrument_id: int,
        symbol: str,
        kind: InstrumentKind,
        currency: str,
        tick_e8: int,
        lot_e8: int,
        tick_lot_value: int,
        reference_price: int,
        band_bp: int,
        breaker_bp: int = 0,
        breaker_static_bp: int = 0,
        breaker_seconds: int = 0,
        breaker_extended_bp: int = 0,
        breaker_extensions: int = 0,
        follows_trades: bool = False,
    ) -> None:
        self.instrument_id = instrument_id
        self.symbol = symbol
        self.kind: InstrumentKind = kind
        self.currency = currency
        self.tick_e8 = tick_e8
        self.lot_e8 = lot_e8
        self.tick_lot_value = tick_lot_value
        self.phase: TradingPhase = "continuous"
        self.is_spot = kind == "spot"
        self.is_trading = True
        self.is_matching = True
        self.is_uncrossed = True
        self.until_ns = 0
        self.auction: Auction | None = None
        self.auction_price = 0
        self.breaker_bp = breaker_bp
        self.breaker_static_bp = breaker_static_bp
        self.breaker_seconds = breaker_seconds
        self.breaker_extended_bp = breaker_extended_bp
        self.breaker_extensions = breaker_extensions
        self.extension_count = 0
        self.follows_trades = follows_trades
        self.reference_price = 0
        self.band_bp = 0
        self.band_low = 1
        self.band_high = 0
        self.set_band(reference_price=reference_price, band_bp=band_bp)

    def set_band(self, *, reference_price: int, band_bp: int) -> None:
        """Lay the band around the reference, rounded inward to ticks. Reference 0 allows no price: it fails closed."""
        low, high = band_around(reference_price=reference_price, band_bp=band_bp)
        assert high <= PRICE_TICKS_MAX, f"band of {self.symbol} ends at {high}, allowed {PRICE_TICKS_MAX} ticks"
        self.reference_price = reference_price
        self.band_bp = band_bp
        self.band_low = low
        self.band_high = high

    def set_phase(self, phase: TradingPhase, *, until_ns: int = 0) -> None:
        """Move to another trading phase; the table in `phases` says which orders it takes and whether they match."""
        rule = TABLE[phase]
        if phase != self.phase:
            self.extension_count = 0
        self.phase = phase
        self.until_ns = until_ns
        self.is_trading = bool(rule.takes)
        self.is_matching = rule.matches
        if rule.takes and not rule.matches:
            self.is_uncrossed = False

    def begin_auction(self, auction: Auction) -> None:
        """Take no more orders until the auction is over."""
        self.auction = auction
        self.is_trading = False

    def breaker_range(self, last_price: int) -> tuple[int, int]:
        """Return the lowest and highest price at which an order may trade at once, as the circuit breaker has it.

        Two ranges, as Eurex T7 has them: the dynamic one, `breaker_bp`, lies around the last trade before the order;
        the static one, `breaker_static_bp`, around the last auction's price. `last_price` is that of the last trade,
        0 before the first. Before the first trade or auction both
        lie around the reference price. A range of 0 is none.
        """
        low, high = 1, PRICE_TICKS_MAX
        for bp, price in ((self.breaker_bp, last_price), (self.breaker_static_bp, self.auction_price)):
            reference = price or self.reference_price
            if bp and reference:
                dynamic_low, dynamic_high = band_around(reference_price=reference, band_bp=bp)
                low, high = max(low, min(dynamic_low, reference)), min(high, max(dynamic_high, reference))
        return low, high


def band_around(*, reference_price: int, band_bp: int) -> tuple[int, int]:
    """Return the lowest and highest price allowed; (1, 0), which allows nothing, without a reference."""
    if reference_price == 0:
        return 1, 0
    low = -(-reference_price * (BASIS_POINTS - band_bp) // BASIS_POINTS)
    high = reference_price * (BASIS_POINTS + band_bp) // BASIS_POINTS
    return max(low, 1), high
