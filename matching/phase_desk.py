"""The phase desk: moves instruments from phase to phase and executes their auctions, in journaled steps.

Owner: the matching thread. The price of an auction is determined once; from then on the instrument takes no orders,
cancels or replaces, and nothing takes orders away, so that what was determined can be executed. Others trade between
the steps.
"""

from collections.abc import Container, Iterator, Mapping, Sequence
from heapq import merge
from itertools import islice
from operator import itemgetter
from typing import Final

from matching import auction_links, breaker
from matching import work as bounds
from matching.auction import Block, Clearing, clear
from matching.book import BLOCK_LEVELS, KEY_MAX, Book, BookSide, Level
from matching.commands import DelistInstrument, RelistInstrument, SetTradingPhase, TellIndicativePrice
from matching.desk import OrderDesk
from matching.events import AuctionEnded, CommandRefused, Event, IndicativePrice, TradingPhaseSet
from matching.instrument import Auction, Instrument
from matching.order import Order
from matching.order_states import AFTER_FILL, AFTER_PARTIAL_FILL, AFTER_RESTATE
from matching.phases import (
    CLOSED,
    CLOSING_AUCTION,
    DELISTED,
    TABLE,
    VOLATILITY_HALT,
    expires_at_end,
    follows,
    uncrosses,
)
from matching.types import BUY, EXEC_RESTATED, MARKET, TradingPhase
from matching.work import RESTATED_OTHER, Work

WITHOUT_QUOTES: Final[tuple[TradingPhase, ...]] = ("halted", "closed")
"""Phases in which no quote stands: nobody can tell when trading begins again, and at what price."""


class PhaseDesk:
    """Keeps the indicative prices told last; everything else stands at the order desk and in the instruments."""

    __slots__ = ("desk", "instruments", "told")

    def __init__(self, desk: OrderDesk, instruments: Mapping[int, Instrument]) -> None:
        self.desk = desk
        self.instruments = instruments
        self.told: dict[int, Clearing | None] = {}

    # -- phases -------------------------------------------------------------------------------------------------------

    def set_phase(self, command: SetTradingPhase, out: list[Event]) -> Work | None:
        """Move an instrument to another phase; return the work that goes with it: its auction first, where one is due,
        or the entry of the orders that have waited for the close.
        """
        instrument = self.instruments.get(command.instrument_id)
        fault = self._phase_fault(instrument, command)
        if instrument is None or fault:
            out.append(CommandRefused("SetTradingPhase", fault))
            return None
        if uncrosses(instrument.phase, command.phase) and not instrument.is_uncrossed:
            return self._begin_auction(instrument, command, out)
        self._enter(instrument, command.phase, command.reason, command.until_ns, out)
        waiting = self.desk.books[instrument.instrument_id].waiting_for_close()
        if command.phase != CLOSING_AUCTION or not waiting:
            return None
        return Work(kind="join closing auction", target_id=instrument.instrument_id, text="", order_ids=waiting)

    def _phase_fault(self, instrument: Instrument | None, command: SetTradingPhase) -> str:
        """Return why an instrument cannot go to a phase, or nothing."""
        if instrument is None:
            return f"instrument {command.instrument_id} is not defined"
        if instrument.auction is not None:
            return f"the auction of {instrument.symbol} is being executed"
        if any(
            work.kind == "join closing auction" and work.target_id == instrument.instrument_id
            for work in self.desk.works.pending
        ):
            return f"orders at the close are joining the closing auction of {instrument.symbol}"
        if command.phase == DELISTED:
            return f"{instrument.symbol} is delisted by a command of its own"
        if not follows(instrument.phase, command.phase):
            allowed = ", ".join(each for each in TABLE[instrument.phase].following if each != DELISTED) or "nothing"
            return f"{command.phase} cannot follow {instrument.phase} of {instrument.symbol}, allowed: {allowed}"
        return f"until_ns {command.until_ns} is negative" if command.until_ns < 0 else ""

    def _enter(self, instrument: Instrument, phase: TradingPhase, reason: str, until_ns: int, out: list[Event]) -> None:
        instrument.set_phase(phase, until_ns=until_ns)
        self.told.pop(instrument.instrument_id, None)
        out.append(TradingPhaseSet(instrument.instrument_id, phase, reason, until_ns))
        if phase in WITHOUT_QUOTES:
            self.desk.special.quotes.leave_instrument(
                instrument.instrument_id, f"{instrument.symbol} is {phase}: {reason or 'no reason given'}"
            )
        self.desk.special.after.resume(self.desk.books[instrument.instrument_id])

    def join_close(self, work: Work, out: list[Event]) -> None:
        """Let the next orders that have waited for the close join its auction."""
        book = self.desk.books[work.target_id]
        for order_id in work.next_step():
            order = book.at_close.get(order_id)
            if order is not None:
                self.desk.special.join_close(order, book, out)

    def delist(self, command: DelistInstrument, out: list[Event]) -> Work | None:
        """Close an instrument until it is listed again; return the work that cancels its open orders."""
        instrument = self.instruments.get(command.instrument_id)
        if instrument is None:
            out.append(CommandRefused("DelistInstrument", f"instrument {command.instrument_id} is not defined"))
            return None
        if instrument.auction is not None or not follows(instrument.phase, DELISTED):
            state = "delisted" if instrument.auction is None else "in an auction that is being executed"
            out.append(CommandRefused("DelistInstrument", f"{instrument.symbol} is {state}"))
            return None
        self._enter(instrument, DELISTED, command.reason, 0, out)
        text = f"{instrument.symbol} is delisted: {command.reason or 'no reason given'}"
        return Work(kind="cancel instrument", target_id=instrument.instrument_id, text=text, order_ids=[])

    def relist(self, command: RelistInstrument, out: list[Event]) -> None:
        """Open the closed market of a delisted instrument: nothing is left in its book, and no price of an earlier
        trade, auction or mark counts any longer.
        """
        instrument = self.instruments.get(command.instrument_id)
        fault = self._relist_fault(instrument, command.instrument_id)
        if instrument is None or fault:
            out.append(CommandRefused("RelistInstrument", fault))
            return
        book = self.desk.books[instrument.instrument_id]
        assert book.is_empty(), f"{instrument.symbol} was delisted with all of its orders"
        book.on_last.price = book.on_mark.price = instrument.auction_price = 0
        instrument.is_uncrossed = True
        self._enter(instrument, CLOSED, command.reason, 0, out)
        book.renew_stops()

    def _relist_fault(self, instrument: Instrument | None, instrument_id: int) -> str:
        if instrument is None:
            return f"instrument {instrument_id} is not defined"
        if instrument.phase != DELISTED:
            return f"{instrument.symbol} is not delisted, it is {instrument.phase}"
        if any(
            each.kind == "cancel instrument" and each.target_id == instrument_id for each in self.desk.works.pending
        ):
            return f"orders of {instrument.symbol} are being canceled"
        return ""

    # -- the indicative price -----------------------------------------------------------------------------------------

    def tell_indicative(self, command: TellIndicativePrice, out: list[Event]) -> None:
        """Say what the auction would execute now, if that is not what was said last."""
        instrument = self.instruments.get(command.instrument_id)
        if instrument is None:
            out.append(CommandRefused("TellIndicativePrice", f"instrument {command.instrument_id} is not defined"))
            return
        if not TABLE[instrument.phase].calls or instrument.auction is not None:
            return
        clearing = self.clearing(instrument)
        if clearing != self.told.get(instrument.instrument_id):
            self.told[instrument.instrument_id] = clearing
            price, qty, surplus = clearing or (0, 0, 0)
            out.append(IndicativePrice(instrument.instrument_id, price, qty, surplus))

    def clearing(self, instrument: Instrument, *, is_begun: bool = False) -> Clearing | None:
        """Return what the auction of the book would execute: with all market orders in front, or, once it `is_begun`,
        as the book stands, as those that cannot pay for that have stayed behind.
        """
        book = self.desk.books[instrument.instrument_id]
        reference = book.on_last.price or instrument.reference_price
        less: dict[Level, int] = {}
        for order_id in auction_links.standing_aside(self.desk.special.links, instrument.instrument_id):
            order = self.desk.orders[order_id]
            assert order.level is not None, "what stands aside rests"
            less[order.level] = less.get(order.level, 0) + order.leaves_qty
        sides = book.bids, book.asks
        bids, asks = (_blocks(side, less, KEY_MAX if is_begun else _front_key(side, instrument)) for side in sides)
        return clear(bids, asks, reference=reference)

    # -- a gateway's copy ---------------------------------------------------------------------------------------------

    def follow(self, event: TradingPhaseSet | IndicativePrice | AuctionEnded) -> None:
        """Take up what a shard has said of an instrument that it matches; this engine shows it, and matches nothing."""
        instrument = self.instruments[event.instrument_id]
        if isinstance(event, TradingPhaseSet):
            if instrument.phase == DELISTED and event.phase != DELISTED:
                instrument.auction_price, instrument.is_uncrossed = 0, True
            instrument.set_phase(event.phase, until_ns=event.until_ns)
            self.desk.books[event.instrument_id].renew()
            self.told.pop(event.instrument_id, None)
        elif isinstance(event, IndicativePrice):
            self.told[event.instrument_id] = Clearing(event.price, event.qty, event.surplus) if event.qty else None
        else:
            instrument.is_uncrossed = True
            instrument.auction_price = event.price or instrument.auction_price

    # -- the auction --------------------------------------------------------------------------------------------------

    def _begin_auction(self, instrument: Instrument, command: SetTradingPhase, out: list[Event]) -> Work | None:
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
        found.update(each.order_id for side in (book.bids, book.asks) for each in _behind(side, instrument))
        return sorted(found) if found and self.clearing(instrument) is not None else []

    def _determine(self, instrument: Instrument, auction: Auction, work: Work, out: list[Event]) -> bool:
        """Determine what is executed; where that is too far from the last trade, the call is extended: False."""
        auction.price, auction.qty, auction.surplus = self.clearing(instrument, is_begun=True) or (0, 0, 0)
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
        self._end_auction(book, instrument, auction, work, out)
        return True

    def _ending(self, book: Book, phase: TradingPhase, aside: Sequence[int]) -> list[int]:
        """Return the orders that may not stay, and before them those that stood aside for one that has traded."""
        touched = self.desk.special.links.touched
        found: list[int] = []
        for order_id in aside:
            extra = self.desk.orders[order_id].extra
            if extra is not None and extra.link is not None and extra.link in touched:
                found.append(order_id)
        return found + [order_id for order_id in _expiring(book, phase) if order_id not in found]

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
        """Let a market order go before limit orders again; one that cannot pay for that stays where it is."""
        desk, book = self.desk, self.desk.books[order.instrument_id]
        side, leaves = book.side_of(order), order.leaves_qty
        price = _front_key(side, book.instrument) * side.sign
        if price * side.sign >= order.price * side.sign:
            return
        amount, held = desk.risk.balance_of(order.account_id, book.instrument.currency)
        if (price - order.price) * leaves * book.instrument.tick_lot_value > amount - held:
            return
        book.withdraw(order)
        desk.special.release(order)
        order.price = price
        desk.special.hold(order)
        order.status = AFTER_RESTATE[order.status]
        desk.say(order, EXEC_RESTATED, out, text="goes before limit orders", restatement=RESTATED_OTHER)
        order.priority = desk.last_exec_id
        book.place(order)

    def _end_auction(self, book: Book, instrument: Instrument, auction: Auction, work: Work, out: list[Event]) -> None:
        ended, instrument.auction, instrument.is_uncrossed = instrument.phase, None, True
        if auction.qty:
            book.on_last.price = instrument.auction_price = auction.price
        book.renew_stops()
        price, trade_id = (auction.price, self.desk.last_trade_id) if auction.qty else (0, 0)
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
        buys, sells = (_first_orders(side, frozenset(aside), trades_max) for side in (book.bids, book.asks))
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
            desk.last_trade_id += 1
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


def _first_orders(side: BookSide, aside: Container[int], count: int) -> list[Order]:
    """Return the orders of a side that an auction executes next, the first one last."""
    found = list(islice((order for order in side.orders() if order.order_id not in aside), count))
    found.reverse()
    return found


def _drop_ended(*sides: list[Order]) -> None:
    for orders in sides:
        if not orders[-1].leaves_qty:
            orders.pop()


def _front_key(side: BookSide, instrument: Instrument) -> int:
    """Return the key at which market orders go first: that of the best limit order, within the price band."""
    edge = instrument.band_high if side.side == BUY else instrument.band_low
    return KEY_MAX if side.best is None else max(side.best.key, edge * side.sign)


def _behind(side: BookSide, instrument: Instrument) -> list[Order]:
    """Return the market orders that a limit order would go before, because the price band has moved; best first."""
    front = _front_key(side, instrument)
    return [order for order in side.market_orders() if order.price * side.sign > front]


def _blocks(side: BookSide, less: Mapping[Level, int], front_key: int) -> Iterator[Block]:
    """Return what a side offers at each key, hidden quantities counted in, and `less` what stands aside; market orders
    at `front_key` at least.
    """
    if not less and all(key <= front_key for key in side.market_levels):
        # As the book has it.
        yield from side.blocks()
        return
    limits = ((level.key, level) for level in side.levels.values())
    markets = ((min(level.key, front_key), level) for level in side.market_levels.values())
    merged = merge(markets, limits, key=itemgetter(0))
    offered = ((key, level.qty + level.hidden_qty - less.get(level, 0)) for key, level in merged)
    levels = (each for each in offered if each[1])
    while block := list(islice(levels, BLOCK_LEVELS)):
        yield [key for key, _ in block], [qty for _, qty in block]


def _expiring(book: Book, phase: TradingPhase) -> list[int]:
    """Return the ids of the orders that may not stay when the auction is over, ascending: market orders, and those for
    this auction alone.
    """
    found = [key for key, order in book.for_auction.items() if expires_at_end(phase, order.time_in_force)]
    found += [order.order_id for side in (book.bids, book.asks) for order in side.market_orders()]
    return sorted(set(found))
