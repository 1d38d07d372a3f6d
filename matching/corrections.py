"""Trades that an operator corrects or busts: money, positions and the two orders, as if it had traded so.

What is busted is not traded again: an open order's quantity is less by it, and a filled order is canceled for it, as
"Canceled" goes before "New" in FIX (order state changes, J.1.b). Only trades whose two orders are known can be
corrected, those of the trading day. Owner: the matching thread.
"""

from typing import Final, TypeAlias

from matching.commands import CorrectTrade
from matching.desk import OrderDesk
from matching.events import CommandRefused, Event, Execution, LastPriceSet, TradeCorrected
from matching.instrument import PRICE_TICKS_MAX
from matching.order import Order
from matching.order_states import AFTER_BUST, AFTER_CORRECT, AFTER_LAST_BUST
from matching.types import BUY, EXEC_TRADE_CANCEL, EXEC_TRADE_CORRECT, SELL, Side

Present: TypeAlias = tuple[int, int, int, int]
"""Price and quantity of a trade as they are now, and the ExecIDs that said so, of the buyer and of the seller."""
CorrectionRecord: TypeAlias = tuple[int, int, int, int, int, int, int]
"""Trade id, ids of the buying and the selling order, and what is present of it."""
REASON_CHARS_MAX: Final = 200


class Corrections:
    """`corrected`: what is present of each trade that was corrected, by its id, with the ids of its orders."""

    __slots__ = ("corrected", "desk")

    def __init__(self, desk: OrderDesk) -> None:
        self.desk = desk
        self.corrected: dict[int, tuple[int, int, Present]] = {}

    def correct(self, command: CorrectTrade, out: list[Event]) -> None:
        """Correct or bust a trade, or say why that cannot be."""
        fault = self._fault(command)
        if not fault:
            buyer, seller = self.desk.orders[command.buy_order_id], self.desk.orders[command.sell_order_id]
            values = command.price, command.qty, command.new_price, command.new_qty
            fault = self.desk.risk.correct(buyer.exposure, seller.exposure, *values)
        if fault:
            out.append(CommandRefused("CorrectTrade", fault))
            return
        out.append(TradeCorrected(command.instrument_id, command.trade_id, *values, command.by, command.reason))
        buy_exec_id = self._tell(buyer, command, command.buy_exec_id, out)
        sell_exec_id = self._tell(seller, command, command.sell_exec_id, out)
        present = command.new_price, command.new_qty, buy_exec_id, sell_exec_id
        self.corrected[command.trade_id] = command.buy_order_id, command.sell_order_id, present
        self._renew_last_price(command, out)
        for order in (buyer, seller):
            self.desk.special.note_position(order.exposure)
            self.desk.special.links.busted(order, command.qty - command.new_qty)
            self.desk.special.quotes.note_bust(order)

    def _fault(self, command: CorrectTrade) -> str:
        """Return why a trade cannot be corrected so, or nothing."""
        name = f"trade T{command.trade_id}"
        given = command.price, command.qty, command.buy_exec_id, command.sell_exec_id
        known = self.corrected.get(command.trade_id)
        if known is not None and not known[2][1]:
            return f"{name} is busted"
        if known is not None and known != (command.buy_order_id, command.sell_order_id, given):
            return f"{name} has been corrected since, by execution E{known[2][2]}"
        sides: tuple[tuple[int, Side], ...] = (command.buy_order_id, BUY), (command.sell_order_id, SELL)
        for order_id, side in sides:
            order = self.desk.orders.get(order_id)
            if order is None or (order.side, order.instrument_id) != (side, command.instrument_id):
                return f"{name}: order O{order_id} is not known any longer, trades of this trading day can be corrected"
            if order.cum_qty < command.qty or order.cum_value < command.price * command.qty:
                return f"{name} is not a trade of order O{order_id}"
        if not (command.new_qty == 0 or 0 < command.new_qty <= command.qty):
            return f"{name} of {command.qty} lots cannot be corrected to {command.new_qty}"
        if command.new_qty and not 0 < command.new_price <= PRICE_TICKS_MAX:
            return f"{name} cannot be corrected to {command.new_price} ticks, allowed are 1 to {PRICE_TICKS_MAX}"
        if (command.new_price, command.new_qty) == (command.price, command.qty):
            return f"{name} is as it shall be"
        return self._last_price_fault(command)

    def _last_price_fault(self, command: CorrectTrade) -> str:
        """Return why the last price would not be known behind it, or nothing."""
        instrument = self.desk.books[command.instrument_id].instrument
        if not instrument.follows_trades:
            return ""
        if instrument.auction is not None:
            return f"the auction of {instrument.symbol} is being executed"
        standing = self.corrected.get(command.standing_trade_id)
        if command.new_qty or standing is None or standing[2][1] or not self._is_newest(command):
            return ""
        return f"trade T{command.standing_trade_id}, the newest one before, has been busted since, look again"

    def _is_newest(self, command: CorrectTrade) -> bool:
        """Tell whether it is the newest trade that stands; what was traded before trades were followed, the journal
        knows.
        """
        newest = self.desk.books[command.instrument_id].on_last.trade_id
        return newest == command.trade_id if newest else command.is_newest

    def _renew_last_price(self, command: CorrectTrade, out: list[Event]) -> None:
        """Make the last price that of the newest trade that stands. It triggers nothing: the next trade does."""
        book = self.desk.books[command.instrument_id]
        if not book.instrument.follows_trades or not self._is_newest(command):
            return
        trade_id, price = command.trade_id, command.new_price
        if not command.new_qty:
            trade_id, price = command.standing_trade_id, command.standing_price
            standing = self.corrected.get(trade_id)
            price = price if standing is None else standing[2][0]
        book.on_last.trade_id = trade_id
        if price != book.on_last.price:
            book.on_last.price = price
            book.renew_stops()
            out.append(LastPriceSet(command.instrument_id, price, trade_id))

    def _tell(self, order: Order, command: CorrectTrade, exec_ref_id: int, out: list[Event]) -> int:
        """Change one side's order and say so; return the ExecID."""
        less = command.qty - command.new_qty
        order.cum_qty -= less
        order.cum_value += command.new_price * command.new_qty - command.price * command.qty
        if order.is_open():
            order.qty -= less
        after = AFTER_CORRECT if not less else AFTER_BUST if order.cum_qty else AFTER_LAST_BUST
        order.status = after[order.status]
        exec_id = self.desk.last_exec_id = self.desk.last_exec_id + 1
        bust = not command.new_qty
        out.append(Execution(
            exec_id, EXEC_TRADE_CANCEL if bust else EXEC_TRADE_CORRECT, order.status, order.order_id,
            order.session.session_id, order.cl_ord_id, "", order.account_id, order.instrument_id, order.side,
            order.ord_type, order.time_in_force, order.price, order.qty, order.leaves_qty, order.cum_qty,
            order.cum_value, 0 if bust else command.new_price, command.new_qty, command.trade_id,
            text=command.reason[:REASON_CHARS_MAX], terms=order.terms, exec_ref_id=exec_ref_id,
        ))  # fmt: skip
        return exec_id

    def end_day(self) -> None:
        """Forget the trades whose orders are forgotten, as nobody can name them any longer."""
        orders = self.desk.orders
        for trade_id, (buy_order_id, sell_order_id, _) in list(self.corrected.items()):
            if buy_order_id not in orders or sell_order_id not in orders:
                del self.corrected[trade_id]

    def records(self) -> list[CorrectionRecord]:
        """Return all of it, by trade id."""
        return [(trade_id, *each[:2], *each[2]) for trade_id, each in sorted(self.corrected.items())]

    def load(self, records: list[CorrectionRecord]) -> None:
        """Put records back."""
        for trade_id, buy_order_id, sell_order_id, *present in records:
            price, qty, buy_exec_id, sell_exec_id = present
            self.corrected[trade_id] = buy_order_id, sell_order_id, (price, qty, buy_exec_id, sell_exec_id)
            for order_id in (buy_order_id, sell_order_id):
                order = self.desk.orders.get(order_id)
                if order is not None:
                    self.desk.special.quotes.note_bust(order)
