"""The auction desk: executes the auctions of instruments, in journaled steps.

Owner: the matching thread. The price of an auction is determined once; from then on the instrument takes no orders,
cancels or replaces, and nothing takes orders away, so that what was determined can be executed. Others trade between
the steps.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from matching import auction_book, auction_links, breaker
from matching import work as bounds
from matching.book import Book
from matching.commands import SetTradingPhase
from matching.desk import OrderDesk
from matching.events import AuctionEnded, Event
from matching.instrument import Auction, Instrument
from matching.order import Order
from matching.order_states import AFTER_FILL, AFTER_PARTIAL_FILL, AFTER_RESTATE
from matching.phases import VOLATILITY_HALT, expires_at_end
from matching.types import EXEC_RESTATED, MARKET, TradingPhase
from matching.work import RESTATED_OTHER, Work

EnterPhase: TypeAlias = Callable[[Instrument, TradingPhase, str, int, list[Event]], None]
"""Moves an instrument to a phase: reason, end in nanoseconds since the epoch or 0, and where its events go."""


class AuctionDesk:
    """Keeps nothing: an auction stands in its instrument and in the work that goes on. `enter` moves an instrument to
    the phase behind its auction.
    """

    __slots__ = ("_enter", "desk", "instruments")

    def __init__(self, desk: OrderDesk, instruments: Mapping[int, Instrument], enter: EnterPhase) -> None:
        self.desk = desk
        self.instruments = instruments
        self._enter = enter

    def begin(self, instrument: Instrument, command: SetTradingPhase, out: list[Event]) -> Work | None:
        """Let nothing in any more, and determine the price, unless orders have to leave before; None: the call has been
        extended instead.
        """
        instrument_id = instrument.instrument_id
        may_extend = command.may_extend and instrument.phase == VOLATILITY_HALT
        auction = Auction(
            following=command.phase, until_ns=command.until_ns, reason=command.reason, may_extend=may_extend
        )
        instrument.begin_auction(auction)
        text = f"the auction of {instrument.symbol} is over"
        work = Work(kind="auction", target_id=instrument_id, text=text, order_ids=self._in_the_way(instrument))
        if not work.order_ids and not self._determine(instrument, auction, work, out):
            return None
        return work

    def _in_the_way(self, instrument: Instrument) -> list[int]:
        """Return the orders to look at before the price is determined, none where nothing would trade: resting
        reduce-only orders, as at one price for all nobody can say which of them would still reduce, and one of each
        link that has still to be cut to what it may trade, and market orders behind a limit order.
        """
        special, instrument_id = self.desk.special, instrument.instrument_id
        reducing = special.reducing.values()
        found = {key for orders in reducing for key, each in orders.items() if each.instrument_id == instrument_id}
        touched = auction_links.touched(special.links, instrument_id)
        found.update(link.orders()[0].order_id for link in touched)
        book = self.desk.books[instrument_id]
        found.update(each.order_id for side in (book.bids, book.asks) for each in auction_book.behind(side, instrument))
        return sorted(found) if found and auction_book.clearing(self.desk, instrument) is not None else []

    def _determine(self, instrument: Instrument, auction: Auction, work: Work, out: list[Event]) -> bool:
        """Determine what is executed; where that is too far from the last trade, the call is extended: False."""
        auction.price, auction.qty, auction.surplus = auction_book.clearing(self.desk, instrument, is_begun=True) or (
            0,
            0,
            0,
        )
        if auction.may_extend and auction.qty:
            time_ns = self.desk.time_ns
            extended = breaker.extension(self.desk.books[instrument.instrument_id], auction.price, time_ns)
            if extended is not None:
                reason, until_ns = extended
                instrument.auction = None
                instrument.extension_count += 1
                self._enter(instrument, VOLATILITY_HALT, reason, until_ns, out)
                return False
        auction.qty_left = auction.qty
        auction.stage = "trading"
        # Something is left to do until the end, whatever is traded; behind it, who stands aside until then.
        aside = auction_links.standing_aside(self.desk.special.links, instrument.instrument_id) if auction.qty else []
        work.order_ids, work.done = [instrument.instrument_id, *aside], 0
        return True

    def step(self, work: Work, out: list[Event]) -> bool:
        """Do the next step of an auction and tell whether it is over: trades first, then what may not stay expires.

        Determining the price is a step of its own, done by the command.
        """
        instrument = self.instruments[work.target_id]
        auction = instrument.auction
        assert auction is not None, f"work on the auction of {instrument.symbol}, which has none"
        book = self.desk.books[instrument.instrument_id]
        if auction.stage == "clearing the way":
            return not self._clear_the_way(instrument, auction, work, out)
        if auction.qty_left:
            # A trade is of two orders.
            self._trade(book, auction, work.order_ids[1:], max(bounds.ORDERS_PER_STEP_MAX // 2, 1), out)
            return False
        if auction.stage == "trading":
            auction.stage = "expiring"
            work.order_ids, work.done = self._ending(book, instrument.phase, work.order_ids[1:]), 0
            if work.order_ids:
                return False
        for order_id in work.next_step():
            self._end(self.desk.orders[order_id], instrument.phase, work.text, out)
        if work.left():
            return False
        self._close(book, instrument, auction, work, out)
        return True

    def _ending(self, book: Book, phase: TradingPhase, aside: Sequence[int]) -> list[int]:
        """Return the orders that may not stay, and before them those that stood aside for one that has traded."""
        touched = self.desk.special.links.touched
        found: list[int] = []
        for order_id in aside:
            extra = self.desk.orders[order_id].extra
            if extra is not None and extra.link is not None and extra.link in touched:
                found.append(order_id)
        return found + [order_id for order_id in auction_book.expiring(book, phase) if order_id not in found]

    def _end(self, order: Order, phase: TradingPhase, text: str, out: list[Event]) -> None:
        """Bring the link of an order up to date, so that the book is not crossed any more, or let the order expire."""
        links = self.desk.special.links
        if order.extra is not None and order.extra.link in links.touched:
            links.shrink(order.extra.link, out)
        if order.is_open() and (order.ord_type == MARKET or expires_at_end(phase, order.time_in_force)):
            self.desk.expire(order, out, text)

    def _clear_the_way(self, instrument: Instrument, auction: Auction, work: Work, out: list[Event]) -> bool:
        """Look at the next orders that have to leave; False: the call has been extended, and nothing is left to do."""
        for order_id in work.next_step():
            order = self.desk.orders[order_id]
            link = None if order.extra is None else order.extra.link
            if order.level is not None and order.ord_type == MARKET:
                self._bring_forward(order, out)
            elif order.level is not None and order.terms is not None and order.terms.reduce_only:
                text = "a reduce-only order takes no part in an auction"
                self.desk.cancel_unsolicited(order, text, out, restatement=RESTATED_OTHER)
            if link is not None:
                self.desk.special.links.shrink(link, out)
        return bool(work.left()) or self._determine(instrument, auction, work, out)

    def _bring_forward(self, order: Order, out: list[Event]) -> None:
        """Let a market order go before limit orders again; one whose cash or limits do not reach so far stays where it
        is.
        """
        desk, book = self.desk, self.desk.books[order.instrument_id]
        side = book.side_of(order)
        price = auction_book.front_key(side, book.instrument) * side.sign
        if price * side.sign >= order.price * side.sign:
            return
        if not desk.risk.may_reprice(order.exposure, order.side, price, order.qty, order.leaves_qty, order.price):
            return
        book.withdraw(order)
        desk.special.release(order)
        order.price = price
        desk.special.hold(order)
        order.status = AFTER_RESTATE[order.status]
        desk.say(order, EXEC_RESTATED, out, text="goes before limit orders", restatement=RESTATED_OTHER)
        order.priority = desk.last_exec_id
        book.place(order)

    def _close(self, book: Book, instrument: Instrument, auction: Auction, work: Work, out: list[Event]) -> None:
        ended, instrument.auction, instrument.is_uncrossed = instrument.phase, None, True
        if auction.qty:
            book.on_last.price = instrument.auction_price = auction.price
        book.renew_stops()
        price, trade_id = (auction.price, auction.trade_id) if auction.qty else (0, 0)
        out.append(AuctionEnded(instrument.instrument_id, ended, price, auction.qty, auction.surplus, trade_id))
        self._enter(instrument, auction.following, auction.reason, auction.until_ns, out)
        auction_links.enter_again(self.desk, book, work.order_ids, out)

    def _trade(self, book: Book, auction: Auction, aside: Sequence[int], trades_max: int, out: list[Event]) -> None:
        """Trade at the auction's price, the best orders of both sides with each other, but for those `aside`.

        Two orders that must not trade with each other both give way by what they would have traded, whatever their
        mode: it is executable on neither side, so that the price stays the one that was determined.
        """
        desk, price = self.desk, auction.price
        special = desk.special
        # Each trade ends one of its orders, or the auction.
        buys, sells = (auction_book.first_orders(side, frozenset(aside), trades_max) for side in (book.bids, book.asks))
        trades = 0
        while auction.qty_left and trades < trades_max:
            assert buys, "the buys that were determined are there"
            assert sells, "the sells that were determined are there"
            buy, sell = buys[-1], sells[-1]
            assert buy.price >= price >= sell.price, f"{price} for {buy.order_id} and {sell.order_id}"
            qty = min(auction.qty_left, buy.leaves_qty, sell.leaves_qty)
            auction.qty_left -= qty
            trades += 1
            if special.matching.is_self_match(buy, sell):
                auction.qty -= qty
                text = "self-match prevention in an auction, against O"
                special.cut(buy, buy.leaves_qty - qty, f"{text}{sell.order_id}", out)
                special.cut(sell, sell.leaves_qty - qty, f"{text}{buy.order_id}", out)
                _drop_ended(buys, sells)
                continue
            desk.last_trade_id = auction.trade_id = book.on_last.trade_id = desk.last_trade_id + 1
            self._fill(buy, qty, price)
            self._fill(sell, qty, price)
            desk.risk.settle(
                buy.exposure, buy.price, buy.leaves_qty, sell.exposure, sell.price, sell.leaves_qty, price, qty
            )
            special.say_fill(buy, price, qty, out, is_aggressor=False, is_auction=True)
            special.say_fill(sell, price, qty, out, is_aggressor=False, is_auction=True)
            for each in (buy, sell):
                self._leave_if_filled(book, each)
                if each.extra is not None:
                    special.links.touch(each.extra)
                    special.quotes.note_fill(each, qty, out)
            _drop_ended(buys, sells)

    def _fill(self, order: Order, qty: int, price: int) -> None:
        """Fill one side of a trade; of an iceberg all takes part, and what is left of it is shown and hidden anew."""
        extra, level = order.extra, order.level
        assert level is not None, "what trades in an auction rests"
        hidden = 0 if extra is None else extra.hidden_qty
        order.leaves_qty = leaves = order.leaves_qty - qty
        order.cum_qty += qty
        order.cum_value += price * qty
        order.status = (AFTER_PARTIAL_FILL if leaves else AFTER_FILL)[order.status]
        level.qty -= qty
        if hidden:
            self.desk.special.hide(order)
            assert extra is not None, "only orders with terms hide something"
            freed = hidden - extra.hidden_qty
            level.qty += freed
            level.hidden_qty -= freed

    def _leave_if_filled(self, book: Book, order: Order) -> None:
        if not order.leaves_qty:
            book.withdraw(order)
            self.desk.special.close(order)


def _drop_ended(*sides: list[Order]) -> None:
    for orders in sides:
        if not orders[-1].leaves_qty:
            orders.pop()
