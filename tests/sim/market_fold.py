"""The market folded from the journal's events alone, by rules of its own: books, fills, balances, holds.

Shares nothing with the engine but the vocabulary of commands and events. Slow and plain; raises FindingError.
"""

from collections.abc import Callable, Sequence
from typing import NoReturn

from matching.commands import (
    CancelOrder,
    Command,
    CorrectTrade,
    DefineAccount,
    DefineInstrument,
    DefineSession,
    EndTradingDay,
    MassQuote,
    NewOrder,
    NewOrderList,
    RefuseCancel,
    RefuseOrder,
    RefuseOrderList,
    ReplaceOrder,
    RequestStatus,
)
from matching.events import (
    AuctionEnded,
    CancelRejected,
    CommandRefused,
    Event,
    Execution,
    LastPriceSet,
    MassStatusReported,
    MessageThrottled,
    OrderListAnswered,
    OrderRefused,
    Posted,
    TradeCorrected,
    TradingDayEnded,
    TradingPhaseSet,
)
from matching.phases import DELISTED
from matching.quote_events import QuotesAnswered
from tests.sim.auction_fold import AuctionFold
from tests.sim.fix import FindingError
from tests.sim.folded_order import CUT, REFILLED, FoldedOrder, shown_by
from tests.sim.link_fold import LinkFold
from tests.sim.money_fold import MoneyFold
from tests.sim.quote_fold import QuoteFold, is_quote
from tests.sim.scopes import Scopes
from tests.sim.trade_fold import TradeFold

ASKED = (
    NewOrder
    | CancelOrder
    | ReplaceOrder
    | RefuseOrder
    | RefuseCancel
    | RequestStatus
    | NewOrderList
    | RefuseOrderList
    | MassQuote
)
OPEN = ("0", "1")
EVERY_ENTRY = "2"
"""QuoteResponseLevel(301)."""
RESTING_PHASES = ("pre-open", "opening auction", "volatility halt", "closing auction")
"""Phases in which orders rest without matching."""


class MarketFold:
    """All that the events so far amount to."""

    def __init__(self) -> None:
        self.instruments: dict[int, DefineInstrument] = {}
        self.accounts: dict[int, str] = {}
        self.comp_ids: dict[int, str] = {}
        self.orders: dict[int, FoldedOrder] = {}
        self.books: dict[tuple[int, str], dict[int, FoldedOrder]] = {}
        self.by_cl_ord_id: dict[tuple[str, str], FoldedOrder] = {}
        self.money = MoneyFold(self.instruments)
        self.scopes = Scopes()
        self.links = LinkFold()
        self.quotes = QuoteFold()
        self.trades = TradeFold()
        self.auctions = AuctionFold()
        self.last_exec_id = 0
        self.last_trade_id = 0
        self._resting: Execution | None = None
        self._may_cross: set[int] = set()
        self._seq = 0
        self._day_ends_from = 0
        self._day_is_ending = False
        self._where = ""

    def apply(self, seq: int, time_ns: int, command: Command, events: Sequence[Event]) -> None:
        """Take one command, of the time of its frame, and what came of it."""
        self._where = f"command {seq} {command}"
        self._seq = seq
        if isinstance(command, EndTradingDay) and not any(isinstance(event, CommandRefused) for event in events):
            self._day_ends_from, self._day_is_ending = seq, True
        open_orders = {order.order_id: order for orders in self.books.values() for order in orders.values()}
        self.scopes.begin(command, open_orders)
        self.quotes.begin(command, time_ns)
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
                if is_quote(event):
                    self.quotes.executed(event, self._known(event))
            elif isinstance(event, MassStatusReported) and event.execution is not None:
                self._execution(event.execution)
            elif isinstance(event, OrderRefused | MassStatusReported):
                self._exec_id(event.exec_id)
            elif isinstance(event, Posted):
                self.money.posted(command, event)
            elif isinstance(event, AuctionEnded):
                self._may_cross.discard(event.instrument_id)
                self.auctions.ended(event)
            elif isinstance(event, TradeCorrected):
                self.money.corrected(event, self.trades.begin(event).accounts)
            elif isinstance(event, LastPriceSet):
                self.trades.last_price_set(event)
            elif isinstance(event, TradingPhaseSet):
                if event.phase == DELISTED:
                    self.trades.delisted(event.instrument_id)
                if event.phase in RESTING_PHASES:
                    self._may_cross.add(event.instrument_id)
            elif isinstance(event, TradingDayEnded):
                self._day_ended()
        if self._resting is not None:
            self._fail("fills", f"a fill has one side only: {self._resting}")
        for instrument_id in sorted(touched - self._may_cross):
            self._check_crossed(instrument_id)
        if isinstance(command, CorrectTrade):
            self.trades.check(command.instrument_id)
        self.links.accepted(command, events, self.orders)
        self.scopes.apply(command, events, open_orders)
        self.quotes.apply(command, events, seq)

    def rest(self) -> None:
        """Judge what has to hold when nothing of earlier commands is left to be done."""
        self.scopes.rest()
        self.quotes.rest()
        self.links.check()

    # -- answers ------------------------------------------------------------------------------------------------------

    def _check_answer(self, command: ASKED, events: Sequence[Event]) -> None:
        """Promise 5: every request has an answer, and a cancel of an open order is not refused."""
        if isinstance(command, MassQuote) and command.response_level != EVERY_ENTRY:
            # Only what was refused is told.
            return
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
            and named.order_id not in self.quotes.ids
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
            self._close(order, event.text)
        elif event.exec_type in ("5", "D", "L"):
            self._changed(event, order)
        elif event.exec_type in ("H", "G"):
            self.trades.told(event, order)
        if event.cl_ord_id and not is_quote(event):
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
        name = (comp_id, f"O{event.order_id}" if is_quote(event) else event.cl_ord_id)
        before = self.by_cl_ord_id.get(name)
        if event.order_id in self.orders or (before is not None and not before.may_be_forgotten):
            self._fail("second order", f"{event} repeats an order of the day")
        if (event.leaves_qty, event.cum_qty) != (event.qty, 0):
            self._fail("quantities", f"a new order is whole: {event}")
        order = self.orders[event.order_id] = self.by_cl_ord_id[name] = FoldedOrder(event, comp_id)
        order.entered_by = self._seq
        self._side(order.instrument_id, order.side)[order.order_id] = order

    def _changed(self, event: Execution, order: FoldedOrder) -> None:
        """A replace, a restatement, a trigger."""
        is_cut = event.exec_type == "D" and event.exec_restatement_reason == CUT
        is_same = event.exec_type == "L" or event.exec_restatement_reason == REFILLED
        leaves = event.qty - order.cum
        is_wrong = (is_cut and leaves >= order.leaves) or (is_same and leaves != order.leaves)
        if not order.is_open or leaves <= 0 or is_wrong:
            self._fail("quantities", f"{event} changes an order with {order.cum} of {order.qty} done")
        order.change(event)

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
            if side.last_qty > order.shown and not side.is_auction and not side.is_aggressor:
                self._fail("quantities", f"{side} of an order that shows {order.shown}")
            order.cum += side.last_qty
            order.leaves -= side.last_qty
            order.shown = shown_by(side)
            expected = (order.leaves, order.cum, order.qty)
            if order.leaves < 0 or (side.leaves_qty, side.cum_qty, side.qty) != expected:
                self._fail("quantities", f"{side} of an order with leaves, sum and quantity {expected}")
            if not order.leaves:
                self._close(order, "filled")
        self.trades.traded(resting, event)
        self.money.settle(*((resting, event) if resting.side == "1" else (event, resting)))

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
        shown = [order for order in side.values() if order.shown]
        best = min(shown, key=lambda order: order.rank, default=None)
        if best is None or best.order_id != resting.order_id:
            first = "nobody" if best is None else f"order {best.order_id} at {best.price}"
            self._fail("priority", f"{first} comes before {resting}")
        limit = self._known(aggressor).price
        is_within = resting.last_price <= limit if aggressor.side == "1" else resting.last_price >= limit
        if resting.last_price != best.price or not is_within:
            self._fail("priority", f"trade at {resting.last_price}: {resting} {aggressor}")

    def _check_auction(self, buy: Execution, sell: Execution) -> None:
        """Both orders are first on their side, market before limit at a price, and trade within their limits.

        Of linked orders the best alone takes part: one of a link may be passed over.
        """
        for event in (buy, sell):
            rank = self._known(event).auction_rank
            side = self._side(event.instrument_id, event.side).values()
            before = [order for order in side if order.shown and order.auction_rank < rank and not order.is_linked]
            if before:
                self._fail("priority", f"order {before[0].order_id} comes before {event} in an auction")
        if not self._known(sell).price <= sell.last_price <= self._known(buy).price:
            self._fail("priority", f"outside of its limits: {buy} {sell}")
        self.auctions.traded(buy)

    def _close(self, order: FoldedOrder, why: str) -> None:
        order.is_open = False
        order.ended = why
        order.shown = 0
        order.closed_by = self._seq
        order.leaves = 0
        del self._side(order.instrument_id, order.side)[order.order_id]

    def _side(self, instrument_id: int, side: str) -> dict[int, FoldedOrder]:
        return self.books.setdefault((instrument_id, side), {})

    def _check_crossed(self, instrument_id: int) -> None:
        bids, asks = (
            [order.price for order in self._side(instrument_id, side).values() if order.shown] for side in ("1", "2")
        )
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

    # -- what it comes to ---------------------------------------------------------------------------------------------

    def held(self, holds: Callable[[int], bool]) -> dict[tuple[int, str], int]:
        """Return what has to be held, by account and asset; `holds` tells which orders hold for themselves."""
        return self.money.held((order for orders in self.books.values() for order in orders.values()), holds)

    def queue(self, instrument_id: int, side: str) -> list[int]:
        """Return the ids of open orders of a side, the one that trades first in front."""
        return [
            order.order_id
            for order in sorted(self._side(instrument_id, side).values(), key=lambda each: each.auction_rank)
            if order.shown
        ]

    def depth(self, instrument_id: int) -> tuple[list[tuple[int, int, int]], list[tuple[int, int, int]]]:
        """Return bids and asks as the engine does: (price, quantity, orders), best first, without market orders."""
        sides = []
        for side in ("1", "2"):
            levels: dict[int, tuple[int, int]] = {}
            for order in self._side(instrument_id, side).values():
                if order.is_market or not order.shown:
                    continue
                qty, count = levels.get(order.price, (0, 0))
                levels[order.price] = (qty + order.shown, count + 1)
            sides.append([(price, *levels[price]) for price in sorted(levels, reverse=side == "1")])
        return sides[0], sides[1]

    def _fail(self, kind: str, text: str) -> NoReturn:
        raise FindingError(kind, f"{text}; {self._where}")


def _answers(event: Event, command: ASKED) -> bool:
    if isinstance(command, MassQuote):
        is_throttled = isinstance(event, MessageThrottled) and event.ref_id == command.quote_id
        return is_throttled or (isinstance(event, QuotesAnswered) and event.quote_id == command.quote_id)
    if isinstance(command, NewOrderList | RefuseOrderList):
        is_throttled = isinstance(event, MessageThrottled) and event.ref_id == command.list_id
        return is_throttled or (isinstance(event, OrderListAnswered) and event.list_id == command.list_id)
    if isinstance(event, Execution | OrderRefused | CancelRejected):
        named = (event.cl_ord_id, getattr(event, "orig_cl_ord_id", ""), getattr(event, "ord_status_req_id", ""))
        asked = getattr(command, "ord_status_req_id", "") or command.cl_ord_id
        return event.session_id == command.session_id and (asked in named or command.cl_ord_id in named)
    return isinstance(event, MessageThrottled) and event.ref_id == command.cl_ord_id
