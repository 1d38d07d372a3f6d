"""Balances and holds, folded from what was posted, traded and left open. Integers, summed plainly."""

from collections.abc import Callable, Iterable, Mapping

from matching.commands import DefineInstrument, Deposit
from matching.events import Execution, Posted, TradeCorrected
from tests.sim.fix import FindingError
from tests.sim.folded_order import FoldedOrder


class MoneyFold:
    """`balances` by account and asset, `outside` by asset, `short_locks` by account and instrument."""

    def __init__(self, instruments: Mapping[int, DefineInstrument]) -> None:
        self.instruments = instruments
        self.balances: dict[tuple[int, str], int] = {}
        self.outside: dict[str, int] = {}
        self.short_locks: dict[tuple[int, int], int] = {}

    def posted(self, command: object, event: Posted) -> None:
        """Take a deposit."""
        assert isinstance(command, Deposit), "only deposits are posted"
        self._add(event.account_id, event.asset, event.amount)
        self.outside[event.asset] = self.outside.get(event.asset, 0) - event.amount
        if self.balances[event.account_id, event.asset] != event.balance:
            raise FindingError("postings", f"{event} found {self.balances[event.account_id, event.asset]}")

    def _add(self, account_id: int, asset: str, amount: int) -> None:
        self.balances[account_id, asset] = self.balances.get((account_id, asset), 0) + amount

    def settle(self, buyer: Execution, seller: Execution) -> None:
        """Move what a trade moves."""
        instrument = self.instruments[buyer.instrument_id]
        qty, value = buyer.last_qty, buyer.last_price * buyer.last_qty * instrument.tick_lot_value
        if instrument.kind == "perpetual":
            self._close_short(buyer, instrument)
        self._add(buyer.account_id, instrument.symbol, qty)
        self._add(buyer.account_id, instrument.currency, -value)
        if instrument.kind == "perpetual":
            self._open_short(seller, instrument)
        self._add(seller.account_id, instrument.symbol, -qty)
        self._add(seller.account_id, instrument.currency, value)

    def corrected(self, event: TradeCorrected, accounts: Mapping[str, int]) -> None:
        """Move what a corrected trade moves back; what becomes short by it is locked as a sale at the trade's price."""
        buyer, seller = accounts["1"], accounts["2"]
        if buyer == seller:
            return
        instrument = self.instruments[event.instrument_id]
        back = event.qty - event.new_qty
        if instrument.kind == "perpetual":
            self._correct_locks(event, (buyer, event.instrument_id), (seller, event.instrument_id), instrument)
        value = (event.price * event.qty - event.new_price * event.new_qty) * instrument.tick_lot_value
        for account_id, lots, cash in ((buyer, -back, value), (seller, back, -value)):
            self._add(account_id, instrument.symbol, lots)
            self._add(account_id, instrument.currency, cash)

    def _correct_locks(
        self, event: TradeCorrected, buyer: tuple[int, int], seller: tuple[int, int], instrument: DefineInstrument
    ) -> None:
        back, unit = event.qty - event.new_qty, instrument.tick_lot_value
        short = max(-self.balances.get((seller[0], instrument.symbol), 0), 0)
        lock = self.short_locks.get(seller, 0)
        lock -= (lock if back >= short else lock * back // short) if short else 0
        lock += (event.new_price - event.price) * min(event.new_qty, max(short - back, 0)) * unit
        opening = min(back, back - self.balances.get((buyer[0], instrument.symbol), 0))
        self.short_locks[seller] = lock
        self.short_locks[buyer] = self.short_locks.get(buyer, 0) + 2 * event.price * max(opening, 0) * unit

    def _close_short(self, buyer: Execution, instrument: DefineInstrument) -> None:
        short = -self.balances.get((buyer.account_id, instrument.symbol), 0)
        key = (buyer.account_id, instrument.instrument_id)
        if short > 0:
            lock = self.short_locks.get(key, 0)
            self.short_locks[key] = lock - (lock if buyer.last_qty >= short else lock * buyer.last_qty // short)

    def _open_short(self, seller: Execution, instrument: DefineInstrument) -> None:
        position = self.balances.get((seller.account_id, instrument.symbol), 0)
        opening = min(seller.last_qty, seller.last_qty - position)
        key = (seller.account_id, instrument.instrument_id)
        if opening > 0:
            lock = (seller.last_price + seller.price) * opening * instrument.tick_lot_value
            self.short_locks[key] = self.short_locks.get(key, 0) + lock

    def held(self, orders: Iterable[FoldedOrder], holds: Callable[[int], bool]) -> dict[tuple[int, str], int]:
        """Return what open orders and short positions have to hold, by account and asset, where it is not zero.

        `holds` tells of an order id whether it holds for itself: of linked orders one may hold for another.
        """
        held: dict[tuple[int, str], int] = {}
        for order in orders:
            if not holds(order.order_id):
                continue
            instrument = self.instruments[order.instrument_id]
            in_shares = instrument.kind == "spot" and order.side == "2"
            amount = order.leaves if in_shares else order.price * order.leaves * instrument.tick_lot_value
            key = (order.account_id, instrument.symbol if in_shares else instrument.currency)
            held[key] = held.get(key, 0) + amount
        for (account_id, instrument_id), lock in self.short_locks.items():
            key = (account_id, self.instruments[instrument_id].currency)
            held[key] = held.get(key, 0) + lock
        return {key: amount for key, amount in held.items() if amount}
