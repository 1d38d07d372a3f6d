"""Instruments: units, price band and trading phase of what is traded. Prices are ticks, quantities lots."""

from typing import Final

from matching.types import InstrumentKind, TradingPhase

PRICE_TICKS_MAX: Final = 1_000_000_000
"""Highest price of a band. With QTY_LOTS_MAX it keeps every sum of price times quantity of an order in 63 bits."""
QTY_LOTS_MAX: Final = 1_000_000_000
"""Largest quantity of one order, whatever the limits say."""
BASIS_POINTS: Final = 10_000


class Instrument:
    """One instrument. Owner: the engine; everybody else reads.

    `tick_e8`, `lot_e8`: tick and lot in 10^-8. `tick_lot_value`: cash in 10^-6 of `currency` for one lot at one tick.
    `is_trading`: orders are taken; `is_matching`: they trade as they come.
    `band_low`..`band_high` are the prices an order may have, both included; empty without a reference price.
    """

    __slots__ = (
        "band_bp",
        "band_high",
        "band_low",
        "currency",
        "instrument_id",
        "is_matching",
        "is_spot",
        "is_trading",
        "kind",
        "lot_e8",
        "phase",
        "reference_price",
        "symbol",
        "tick_e8",
        "tick_lot_value",
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

    def set_phase(self, phase: TradingPhase) -> None:
        """Move to another trading phase; orders are taken in continuous trading only."""
        self.phase = phase
        self.is_trading = phase == "continuous"
        self.is_matching = phase == "continuous"


def band_around(*, reference_price: int, band_bp: int) -> tuple[int, int]:
    """Return the lowest and highest price allowed; (1, 0), which allows nothing, without a reference."""
    if reference_price == 0:
        return 1, 0
    low = -(-reference_price * (BASIS_POINTS - band_bp) // BASIS_POINTS)
    high = reference_price * (BASIS_POINTS + band_bp) // BASIS_POINTS
    return max(low, 1), high
