"""The phase desk: moves instruments from phase to phase and executes their auctions, in journaled steps.

Owner: the matching thread. The price of an auction is determined once, when it begins; from then on the instrument
takes no orders, cancels or replaces, so that what was determined can be executed, and others trade between the steps.
"""

from collections.abc import Iterator, Mapping

from matching import work as bounds
from matching.auction import Clearing, PriceLevel, clear
from matching.book import Book, BookSide, Level
from matching.commands import DelistInstrument, SetTradingPhase, TellIndicativePrice
from matching.desk import OrderDesk
from matching.events import AuctionEnded, CommandRefused, Event, Execution, IndicativePrice, TradingPhaseSet
from matching.instrument import Auction, Instrument
from matching.order import Order
from matching.order_states import AFTER_FILL, AFTER_PARTIAL_FILL
from matching.phases import DELISTED, TABLE, expires_at_end, follows, uncrosses
from matching.types import EXEC_TRADE, MARKET, TradingPhase
from matching.work import Work

__all__ = ["PhaseDesk"]


class PhaseDesk:
    """Keeps the indicative prices told last; everything else stands at the order desk and in the instruments."""

    __slots__ = ("desk", "instruments", "told")

    def __init__(self, desk: OrderDesk, instruments: Mapping[int, Instrument]) -> None:
        self.desk = desk
        self.instruments = instruments
        self.told: dict[int, Clearing | None] = {}

    # -- phases -------------------------------------------------------------------------------------------------------

    def set_phase(self, command: SetTradingPhase, out: list[Event]) -> Work | None:
        """Move an instrument to another phase; return the work of its auction where one is to be executed first."""
        instrument = self.instruments.get(command.instrument_id)
        fault = _phase_fault(instrument, command)
        if instrument is None or fault:
            out.append(CommandRefused("SetTradingPhase", fault))
            return None
        if uncrosses(instrument.phase, command.phase) and not instrument.is_uncrossed:
            return self._begin_auction(instrument, command)
        self._enter(instrument, command.phase, command.reason, command.until_ns, out)
        return None

    def _enter(self, instrument: Instrument, phase: TradingPhase, reason: str, until_ns: int, out: list[Event]) -> None:
        instrument.set_phase(phase, until_ns=until_ns)
        self.told.pop(instrument.instrument_id, None)
        out.append(TradingPhaseSet(instrument.instrument_id, phase, reason, until_ns))

    def delist(self, command: DelistInstrument, out: list[Event]) -> Work | None:
        """Close an instrument for good; return the work that cancels its open orders."""
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

    def clearing(self, instrument: Instrument) -> Clearing | None:
        """Return what the auction of the book as it stands would execute."""
        book = self.desk.books[instrument.instrument_id]
        return clear(_price_levels(book.bids), _price_levels(book.asks), reference=instrument.auction_reference)

    # -- a gateway's copy ---------------------------------------------------------------------------------------------

    def follow(self, event: TradingPhaseSet | IndicativePrice | AuctionEnded) -> None:
        """Take up what a shard has said of an instrument that it matches; this engine shows it, and matches nothing."""
        instrument = self.instruments[event.instrument_id]
        if isinstance(event, TradingPhaseSet):
            instrument.set_phase(event.phase, until_ns=event.until_ns)
            self.told.pop(event.instrument_id, None)
        elif isinstance(event, IndicativePrice):
            self.told[event.instrument_id] = Clearing(event.price, event.qty, event.surplus) if event.qty else None
        else:
            instrument.is_uncrossed = True
            instrument.last_price = instrument.auction_price = event.price or instrument.auction_price

    # -- the auction --------------------------------------------------------------------------------------------------

    def _begin_auction(self, instrument: Instrument, command: SetTradingPhase) -> Work:
        """Determine the price; from now on nothing comes in and nothing goes out."""
        price, qty, surplus = self.clearing(instrument) or (0, 0, 0)
        instrument.begin_auction(
            Auction(
                price=price,
                qty=qty,
                surplus=surplus,
                following=command.phase,
                until_ns=command.until_ns,
                reason=command.reason,
            )
        )
        text = f"the auction of {instrument.symbol} is over"
        return Work(kind="auction", target_id=instrument.instrument_id, text=text, order_ids=[instrument.instrument_id])

    def step(self, work: Work, out: list[Event]) -> bool:
        """Do the next step of an auction and tell whether it is over: trades first, then what may not stay expires.

        Determining the price, and finding what expires, are each as much as a step may be.
        """
        instrument = self.instruments[work.target_id]
        auction = instrument.auction
        assert auction is not None, f"work on the auction of {instrument.symbol}, which has none"
        book = self.desk.books[instrument.instrument_id]
        if auction.qty_left:
            # A trade is of two orders.
            self._trade(book, auction, max(bounds.ORDERS_PER_STEP_MAX // 2, 1), out)
            return False
        if not auction.is_traded:
            auction.is_traded = True
            work.order_ids, work.done = [order.order_id for order in _expiring(book, instrument.phase)], 0
            if work.order_ids:
                return False
        for order_id in work.next_step():
            self.desk.expire(self.desk.orders[order_id], out, work.text)
        if work.left():
            return False
        self._end_auction(book, instrument, auction, out)
        return True

    def _end_auction(self, book: Book, instrument: Instrument, auction: Auction, out: list[Event]) -> None:
        ended, instrument.auction, instrument.is_uncrossed = instrument.phase, None, True
        if auction.qty:
            instrument.last_price = instrument.auction_price = auction.price
        book.renew_stops()
        trade_id = self.desk.last_trade_id if auction.qty else 0
        out.append(AuctionEnded(instrument.instrument_id, ended, auction.price, auction.qty, auction.surplus, trade_id))
        self._enter(instrument, auction.following, auction.reason, auction.until_ns, out)

    def _trade(self, book: Book, auction: Auction, trades_max: int, out: list[Event]) -> None:
        """Trade at the auction's price, the best orders of both sides with each other."""
        desk, bids, asks, price = self.desk, book.bids, book.asks, auction.price
        settle = desk.risk.settle
        trades = 0
        while auction.qty_left and trades < trades_max:
            buy_level, sell_level = bids.first(), asks.first()
            assert buy_level is not None, "the buys that were determined are there"
            assert sell_level is not None, "the sells that were determined are there"
            buy, sell = buy_level.head, sell_level.head
            assert buy is not None, "a level of buys has orders"
            assert sell is not None, "a level of sells has orders"
            assert buy.price >= price >= sell.price, f"{price} for {buy.order_id} and {sell.order_id}"
            qty = min(auction.qty_left, buy.leaves_qty, sell.leaves_qty)
            auction.qty_left -= qty
            trades += 1
            desk.last_trade_id += 1
            self._fill(buy, buy_level, qty, price, out)
            self._fill(sell, sell_level, qty, price, out)
            settle(buy.exposure, buy.price, buy.leaves_qty, sell.exposure, sell.price, sell.leaves_qty, price, qty)
            if not buy.leaves_qty and bids.remove_filled_head(buy_level, buy) is None:
                bids.remove_level(buy_level)
            if not sell.leaves_qty and asks.remove_filled_head(sell_level, sell) is None:
                asks.remove_level(sell_level)

    def _fill(self, order: Order, level: Level, qty: int, price: int, out: list[Event]) -> None:
        """Fill one side of a trade and say so."""
        desk = self.desk
        order.leaves_qty = leaves = order.leaves_qty - qty
        order.cum_qty += qty
        order.cum_value += price * qty
        order.status = (AFTER_PARTIAL_FILL if leaves else AFTER_FILL)[order.status]
        level.qty -= qty
        desk.last_exec_id = exec_id = desk.last_exec_id + 1
        out.append(Execution(
            exec_id, EXEC_TRADE, order.status, order.order_id, order.session.session_id, order.cl_ord_id, "",
            order.account_id, order.instrument_id, order.side, order.ord_type, order.time_in_force, order.price,
            order.qty, leaves, order.cum_qty, order.cum_value, price, qty, desk.last_trade_id, is_auction=True,
        ))  # fmt: skip


def _price_levels(side: BookSide) -> Iterator[PriceLevel]:
    return ((level.price, level.qty) for level in side.all_levels())


def _expiring(book: Book, phase: TradingPhase) -> Iterator[Order]:
    """Yield the orders that may not stay when the auction is over: market orders, and those for this auction alone."""
    for side in (book.bids, book.asks):
        for level in side.all_levels():
            order = level.head
            while order is not None:
                if order.ord_type == MARKET or expires_at_end(phase, order.time_in_force):
                    yield order
                order = order.next


def _phase_fault(instrument: Instrument | None, command: SetTradingPhase) -> str:
    """Return why an instrument cannot go to a phase, or nothing."""
    if instrument is None:
        return f"instrument {command.instrument_id} is not defined"
    if instrument.auction is not None:
        return f"the auction of {instrument.symbol} is being executed"
    if command.phase == DELISTED:
        return f"{instrument.symbol} is delisted by a command of its own"
    if not follows(instrument.phase, command.phase):
        allowed = ", ".join(each for each in TABLE[instrument.phase].following if each != DELISTED) or "nothing"
        return f"{command.phase} cannot follow {instrument.phase} of {instrument.symbol}, allowed: {allowed}"
    if command.until_ns < 0:
        return f"until_ns {command.until_ns} is negative"
    return ""
