"""Trades as their fills and corrections say: what stands of each, and the last price of each instrument."""

from matching.events import Execution, LastPriceSet, TradeCorrected
from tests.sim.fix import FindingError
from tests.sim.folded_order import FoldedOrder


class FoldedTrade:
    """`exec_ids` by side are those that said the last word on it."""

    def __init__(self, resting: Execution, other: Execution) -> None:
        self.trade_id = resting.trade_id
        self.price = resting.last_price
        self.qty = resting.last_qty
        self.exec_ids = {each.side: each.exec_id for each in (resting, other)}
        self.accounts: dict[str, int] = {each.side: each.account_id for each in (resting, other)}


class TradeFold:
    """Trades by id, and in order those of each instrument since it was listed; `last_prices` as events say them."""

    def __init__(self) -> None:
        self.last_prices: dict[int, int] = {}
        self._trades: dict[int, FoldedTrade] = {}
        self._of_instrument: dict[int, list[FoldedTrade]] = {}
        self._correcting: TradeCorrected | None = None

    def traded(self, resting: Execution, other: Execution) -> None:
        """Take the two sides of a trade."""
        trade = self._trades[resting.trade_id] = FoldedTrade(resting, other)
        self._of_instrument.setdefault(resting.instrument_id, []).append(trade)
        self.last_prices[resting.instrument_id] = resting.last_price

    def delisted(self, instrument_id: int) -> None:
        """Nothing of before counts any longer."""
        self._of_instrument.pop(instrument_id, None)
        self.last_prices.pop(instrument_id, None)

    def begin(self, event: TradeCorrected) -> FoldedTrade:
        """Take a correction, whose two Executions follow; return the trade as it is now."""
        trade = self._trades[event.trade_id]
        if (trade.price, trade.qty) != (event.price, event.qty) or not trade.qty:
            raise FindingError("correction", f"{event} of a trade of {trade.qty} at {trade.price}")
        trade.price, trade.qty, self._correcting = event.new_price, event.new_qty, event
        return trade

    def told(self, event: Execution, order: FoldedOrder) -> None:
        """Take what one side is told of it: its order is filled with so much less."""
        correcting = self._correcting
        if correcting is None or correcting.trade_id != event.trade_id:
            raise FindingError("correction", f"{event} behind {correcting}")
        trade = self._trades[event.trade_id]
        is_bust = not correcting.new_qty
        said = event.exec_type, event.last_price, event.last_qty, event.exec_ref_id
        expected = "H" if is_bust else "G", 0 if is_bust else trade.price, trade.qty, trade.exec_ids[event.side]
        if said != expected:
            raise FindingError("correction", f"{event} says {said}, expected {expected}")
        trade.exec_ids[event.side] = event.exec_id
        less = correcting.qty - correcting.new_qty
        order.cum -= less
        order.qty -= less if order.is_open else 0
        order.is_corrected = True
        if event.qty != order.qty:
            raise FindingError("correction", f"{event} of an order of {order.qty}")

    def last_price_set(self, event: LastPriceSet) -> None:
        """Take the last price that a correction has left."""
        self.last_prices[event.instrument_id] = event.price

    def check(self, instrument_id: int) -> None:
        """Behind a correction the last price is that of the newest trade that stands."""
        standing = [trade for trade in self._of_instrument.get(instrument_id, []) if trade.qty]
        expected = standing[-1].price if standing else 0
        if self.last_prices.get(instrument_id, 0) != expected:
            found = f"{self.last_prices.get(instrument_id)}, expected {expected}"
            raise FindingError("last price", f"that of instrument {instrument_id} is {found}")
