"""The market folded from the journal's events alone, by rules of its own: books, fills, balances, holds.

Shares nothing with the engine but the vocabulary of commands and events. Slow and plain; raises FindingError.
"""

from collections.abc import Sequence
from typing import NoReturn

from matching.commands import (
    CancelOrder,
    Command,
    DefineAccount,
    DefineInstrument,
    DefineSession,
    Deposit,
    EndTradingDay,
    NewOrder,
    RefuseCancel,
    RefuseOrder,
    ReplaceOrder,
    RequestStatus,
)
from matching.events import (
    AuctionEnded,
    CancelRejected,
    CommandRefused,
    Event,
    Execution,
    MassStatusReported,
    MessageThrottled,
    OrderRefused,
    Posted,
    TradingDayEnded,
    TradingPhaseSet,
)
from tests.sim.fix import FindingError

ASKED = NewOrder | CancelOrder | ReplaceOrder | RefuseOrder | RefuseCancel | RequestStatus
OPEN = ("0", "1")
RESTING_PHASES = ("pre-open", "opening auction", "volatility halt", "closing auction")
"""Phases in which orders rest without matching."""


class FoldedOrder:
    """An order as its reports say."""

    def __init__(self, event: Execution, comp_id: str) -> None:
        self.order_id = event.order_id
        self.comp_id = comp_id
        self.account_id = event.account_id
        self.instrument_id = event.instrument_id
        self.side = event.side
        self.price = event.price
        self.qty = event.qty
        self.leaves = event.leaves_qty
        self.cum = 0
        self.time_in_force = event.time_in_force
        self.priority = event.exec_id
        self.is_market = event.ord_type == "1"
        self.is_open = True
        self.closed_by = 0
        """The command that closed it."""
        self.may_be_forgotten = False

    @property
    def rank(self) -> tuple[int, int]:
        """Price before time; the smallest trades first."""
        return (self.price if self.side == "2" else -self.price), self.priority

    @property
    def auction_rank(self) -> tuple[int, bool, int]:
        """In an auction market orders go before limit orders of the same price."""
        price, priority = self.rank
        return price, not self.is_market, priority


class MarketFold:
    """All that the events so far amount to."""

    def __init__(self) -> None:
        self.instruments: dict[int, DefineInstrument] = {}
        self.accounts: dict[int, str] = {}
        self.comp_ids: dict[int, str] = {}
        self.orders: dict[int, FoldedOrder] = {}
        self.books: dict[tuple[int, str], dict[int, FoldedOrder]] = {}
        self.by_cl_ord_id: dict[tuple[str, str], FoldedOrder] = {}
        self.balances: dict[tuple[int, str], int] = {}
        self.outside: dict[str, int] = {}
        self.short_locks: dict[tuple[int, int], int] = {}
        self.last_exec_id = 0
        self.last_trade_id = 0
        self._resting: Execution | None = None
        self._may_cross: set[int] = set()
        self._seq = 0
        self._day_ends_from = 0
        self._day_is_ending = False
        self._where = ""

    def apply(self, seq: int, command: Command, events: Sequence[Event]) -> None:
        """Take one command and what came of it."""
        self._where = f"command {seq} {command}"
        self._seq = seq
        if isinstance(command, EndTradingDay) and not any(isinstance(event, CommandRefused) for event in events):
            self._day_ends_from, self._day_is_ending = seq, True
        if isinstance(command, DefineInstrument):
            self.instruments[command.instrument_id] = command
        elif isinstance(command, DefineAccount):
            self.accounts[command.account_id] = command.name
        elif isinstance(command, DefineSession):
            self.comp_ids[command.session_id] = command.comp_id
        elif isinstance(command, ASKED):
            self._check_answer(command, events)
        touched: set[int] = set()
        for event in events:
            if isinstance(event, Execution):
                touched.add(event.instrument_id)
                self._execution(event)
            elif isinstance(event, MassStatusReported) and event.execution is not None:
                self._execution(event.execution)
            elif isinstance(event, OrderRefused | MassStatusReported):
                self._exec_id(event.exec_id)
            elif isinstance(event, Posted):
                self._posted(command, event)
            elif isinstance(event, AuctionEnded):
                self._may_cross.discard(event.instrument_id)
            elif isinstance(event, TradingPhaseSet):
                if event.phase in RESTING_PHASES:
                    self._may_cross.add(event.instrument_id)
            elif isinstance(event, TradingDayEnded):
                self._day_ended()
        if self._resting is not None:
            self._fail("fills", f"a fill has one side only: {self._resting}")
        for instrument_id in sorted(touched - self._may_cross):
            self._check_crossed(instrument_id)

    # -- answers ------------------------------------------------------------------------------------------------------

    def _check_answer(self, command: ASKED, events: Sequence[Event]) -> None:
        """Promise 5: every request has an answer, and a cancel of an open order is not refused."""
        answers = [event for event in events if _answers(event, command)]
        if not answers:
            self._fail("silence", f"no answer among {events}")
        if isinstance(command, NewOrder) and command.poss_resend:
            self._check_repeat(command, answers[0])
        if not isinstance(command, CancelOrder) or not isinstance(answers[0], CancelRejected):
            return
        comp_id = self.comp_ids[command.session_id]
        named = (
            self.orders.get(command.order_id)
            if command.order_id
            else self.by_cl_ord_id.get((comp_id, command.orig_cl_ord_id))
        )
        is_right = (
            named is not None
            and named.is_open
            and named.comp_id == comp_id
            and named.side == command.side
            and command.instrument_id in (0, named.instrument_id)
        )
        if is_right and "used before" not in answers[0].text and "auction" not in answers[0].text:
            self._fail("lost cancel", f"of an open order: {answers[0]}")

    def _check_repeat(self, command: NewOrder, answer: Event) -> None:
        """A possible resend of an order that is there is answered with its status."""
        known = self.by_cl_ord_id.get((self.comp_ids[command.session_id], command.cl_ord_id))
        if known is None or known.may_be_forgotten or self._day_is_ending or isinstance(answer, MessageThrottled):
            return
        if not isinstance(answer, Execution) or (answer.exec_type, answer.order_id) != ("I", known.order_id):
            self._fail("second order", f"a repeat of order {known.order_id} was answered with {answer}")

    # -- executions ---------------------------------------------------------------------------------------------------

    def _execution(self, event: Execution) -> None:
        self._exec_id(event.exec_id)
        kind = event.exec_type
        if self._resting is not None and kind != "F":
            self._fail("fills", f"one side only: {self._resting}, then {event}")
        if kind == "0":
            self._accepted(event)
        elif kind == "F":
            self._fill(event)
        elif kind == "8":
            if event.order_id:
                self._fail("quantities", f"a refused order has an OrderID: {event}")
        else:
            self._other(event, self._known(event))

    def _other(self, event: Execution, order: FoldedOrder) -> None:
        if kind_closes := event.exec_type in ("4", "C"):
            if not order.is_open or event.leaves_qty or event.cum_qty != order.cum:
                self._fail("quantities", f"{event} closes an order with {order.cum} of {order.qty} done")
            self._close(order)
        elif event.exec_type == "5":
            self._replaced(event, order)
        if event.cl_ord_id and not _is_quote(event):
            self.by_cl_ord_id[order.comp_id, event.cl_ord_id] = order
        expected = (0 if kind_closes else order.leaves, order.cum)
        if (event.leaves_qty, event.cum_qty) != expected:
            self._fail("quantities", f"{event} of an order with leaves and sum {expected}")

    def _exec_id(self, exec_id: int) -> None:
        if exec_id != self.last_exec_id + 1:
            self._fail("exec ids", f"{exec_id} after {self.last_exec_id}")
        self.last_exec_id = exec_id

    def _known(self, event: Execution) -> FoldedOrder:
        order = self.orders.get(event.order_id)
        if event.order_id == 0 and event.exec_type == "I":
            # The status of an order that was refused: nothing of it is in any book.
            return FoldedOrder(event, "")
        if order is None:
            self._fail("quantities", f"of an order that nobody has entered: {event}")
        return order

    def _accepted(self, event: Execution) -> None:
        comp_id = self.comp_ids[event.session_id]
        # Both sides of a quote have its QuoteID, and nothing reaches them by it.
        name = (comp_id, f"O{event.order_id}" if _is_quote(event) else event.cl_ord_id)
        before = self.by_cl_ord_id.get(name)
        if event.order_id in self.orders or (before is not None and not before.may_be_forgotten):
            self._fail("second order", f"{event} repeats an order of the day")
        if (event.leaves_qty, event.cum_qty) != (event.qty, 0):
            self._fail("quantities", f"a new order is whole: {event}")
        order = self.orders[event.order_id] = self.by_cl_ord_id[name] = FoldedOrder(event, comp_id)
        self._side(order.instrument_id, order.side)[order.order_id] = order

    def _replaced(self, event: Execution, order: FoldedOrder) -> None:
        leaves = event.qty - order.cum
        keeps_place = (
            event.price == order.price and leaves < order.leaves and event.time_in_force == order.time_in_force
        )
        if not order.is_open or leaves <= 0:
            self._fail("quantities", f"{event} replaces an order with {order.cum} of {order.qty} done")
        if not keeps_place:
            order.priority = event.exec_id
        order.price, order.qty, order.leaves = event.price, event.qty, leaves
        order.time_in_force = event.time_in_force

    def _fill(self, event: Execution) -> None:
        if self._resting is None:
            if event.is_aggressor:
                self._fail("fills", f"the resting side is said first: {event}")
            self._resting = event
            return
        resting, self._resting = self._resting, None
        self._check_pair(resting, event)
        if event.is_auction:
            self._check_auction(resting, event)
        else:
            self._check_priority(resting, event)
        for side in (resting, event):
            order = self._known(side)
            order.cum += side.last_qty
            order.leaves -= side.last_qty
            expected = (order.leaves, order.cum, order.qty)
            if order.leaves < 0 or (side.leaves_qty, side.cum_qty, side.qty) != expected:
                self._fail("quantities", f"{side} of an order with leaves, sum and quantity {expected}")
            if not order.leaves:
                self._close(order)
        self._settle(*((resting, event) if resting.side == "1" else (event, resting)))

    def _check_pair(self, resting: Execution, aggressor: Execution) -> None:
        if resting.trade_id != self.last_trade_id + 1 or aggressor.is_aggressor == aggressor.is_auction:
            self._fail("fills", f"trade {resting.trade_id} after {self.last_trade_id}, {aggressor}")
        self.last_trade_id = resting.trade_id
        first, second = (
            (each.trade_id, each.instrument_id, each.last_price, each.last_qty) for each in (resting, aggressor)
        )
        if first != second or resting.side == aggressor.side or resting.last_qty <= 0:
            self._fail("fills", f"two sides of a trade differ: {resting} {aggressor}")

    def _check_priority(self, resting: Execution, aggressor: Execution) -> None:
        """The resting order is first by price and time and trades at its own price, within the other's limit."""
        side = self._side(resting.instrument_id, resting.side)
        best = min(side.values(), key=lambda order: order.rank, default=None)
        if best is None or best.order_id != resting.order_id:
            first = "nobody" if best is None else f"order {best.order_id} at {best.price}"
            self._fail("priority", f"{first} comes before {resting}")
        limit = self._known(aggressor).price
        is_within = resting.last_price <= limit if aggressor.side == "1" else resting.last_price >= limit
        if resting.last_price != best.price or not is_within:
            self._fail("priority", f"trade at {resting.last_price}: {resting} {aggressor}")

    def _check_auction(self, buy: Execution, sell: Execution) -> None:
        """Both orders are first on their side, market before limit at a price, and trade within their limits."""
        for event in (buy, sell):
            side = self._side(event.instrument_id, event.side)
            best = min(side.values(), key=lambda order: order.auction_rank, default=None)
            if best is None or best.order_id != event.order_id:
                self._fail("priority", f"{best} comes before {event} in an auction")
        if not self._known(sell).price <= sell.last_price <= self._known(buy).price:
            self._fail("priority", f"outside of its limits: {buy} {sell}")

    def _close(self, order: FoldedOrder) -> None:
        order.is_open = False
        order.closed_by = self._seq
        order.leaves = 0
        del self._side(order.instrument_id, order.side)[order.order_id]

    def _side(self, instrument_id: int, side: str) -> dict[int, FoldedOrder]:
        return self.books.setdefault((instrument_id, side), {})

    def _check_crossed(self, instrument_id: int) -> None:
        bids = [order.price for order in self._side(instrument_id, "1").values()]
        asks = [order.price for order in self._side(instrument_id, "2").values()]
        if bids and asks and max(bids) >= min(asks):
            self._fail("crossed book", f"bid {max(bids)}, ask {min(asks)} in instrument {instrument_id}")

    def _day_ended(self) -> None:
        """Closed orders are forgotten, their ClOrdIDs may be used again.

        Of those that were closed while the day was ending it depends on the step that looked at them: either is right.
        """
        self._day_is_ending = False
        for order in self.orders.values():
            order.may_be_forgotten = not order.is_open
        begin = self._day_ends_from
        kept = {key: order for key, order in self.orders.items() if order.is_open or order.closed_by > begin}
        self.by_cl_ord_id = {name: order for name, order in self.by_cl_ord_id.items() if order.order_id in kept}
        self.orders = kept

    # -- money --------------------------------------------------------------------------------------------------------

    def _posted(self, command: Command, event: Posted) -> None:
        assert isinstance(command, Deposit), "only deposits are posted"
        self._add(event.account_id, event.asset, event.amount)
        self.outside[event.asset] = self.outside.get(event.asset, 0) - event.amount
        if self.balances[event.account_id, event.asset] != event.balance:
            self._fail("postings", f"{event} found {self.balances[event.account_id, event.asset]}")

    def _add(self, account_id: int, asset: str, amount: int) -> None:
        self.balances[account_id, asset] = self.balances.get((account_id, asset), 0) + amount

    def _settle(self, buyer: Execution, seller: Execution) -> None:
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

    def held(self) -> dict[tuple[int, str], int]:
        """Return what open orders and short positions have to hold, by account and asset, where it is not zero."""
        held: dict[tuple[int, str], int] = {}
        for (instrument_id, side), orders in self.books.items():
            instrument = self.instruments[instrument_id]
            in_shares = instrument.kind == "spot" and side == "2"
            for order in orders.values():
                amount = order.leaves if in_shares else order.price * order.leaves * instrument.tick_lot_value
                key = (order.account_id, instrument.symbol if in_shares else instrument.currency)
                held[key] = held.get(key, 0) + amount
        for (account_id, instrument_id), lock in self.short_locks.items():
            key = (account_id, self.instruments[instrument_id].currency)
            held[key] = held.get(key, 0) + lock
        return {key: amount for key, amount in held.items() if amount}

    def queue(self, instrument_id: int, side: str) -> list[int]:
        """Return the ids of open orders of a side, the one that trades first in front."""
        return [
            order.order_id
            for order in sorted(self._side(instrument_id, side).values(), key=lambda each: each.auction_rank)
        ]

    def depth(self, instrument_id: int) -> tuple[list[tuple[int, int, int]], list[tuple[int, int, int]]]:
        """Return bids and asks as the engine does: (price, quantity, orders), best first, without market orders."""
        sides = []
        for side in ("1", "2"):
            levels: dict[int, tuple[int, int]] = {}
            for order in self._side(instrument_id, side).values():
                if order.is_market:
                    continue
                qty, count = levels.get(order.price, (0, 0))
                levels[order.price] = (qty + order.leaves, count + 1)
            sides.append([(price, *levels[price]) for price in sorted(levels, reverse=side == "1")])
        return sides[0], sides[1]

    def _fail(self, kind: str, text: str) -> NoReturn:
        raise FindingError(kind, f"{text}; {self._where}")


def _is_quote(event: Execution) -> bool:
    return event.terms is not None and event.terms.quote is not None


def _answers(event: Event, command: ASKED) -> bool:
    if isinstance(event, Execution | OrderRefused | CancelRejected):
        named = (event.cl_ord_id, getattr(event, "orig_cl_ord_id", ""), getattr(event, "ord_status_req_id", ""))
        asked = getattr(command, "ord_status_req_id", "") or command.cl_ord_id
        return event.session_id == command.session_id and (asked in named or command.cl_ord_id in named)
    return isinstance(event, MessageThrottled) and event.ref_id == command.cl_ord_id
