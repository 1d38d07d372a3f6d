"""Auctions, folded from their fills: one price for all, which is the one that the end of the auction says."""

from matching.events import AuctionEnded, Execution
from tests.sim.fix import FindingError


class AuctionFold:
    """Price and quantity of the trades of each auction that has not ended."""

    def __init__(self) -> None:
        self._trades: dict[int, list[tuple[int, int]]] = {}

    def traded(self, event: Execution) -> None:
        """Take one trade of an auction."""
        self._trades.setdefault(event.instrument_id, []).append((event.last_price, event.last_qty))

    def ended(self, event: AuctionEnded) -> None:
        """Compare what was traded with what the auction's end says."""
        trades = self._trades.pop(event.instrument_id, [])
        prices = {price for price, _ in trades}
        if prices - {event.price} or sum(qty for _, qty in trades) != event.qty:
            raise FindingError("auction", f"{event} of trades (price, quantity) {trades}")
