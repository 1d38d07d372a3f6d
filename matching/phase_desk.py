"""The phase desk: moves instruments from phase to phase, delists them and lists them again.

Owner: the matching thread.
"""

from collections.abc import Mapping
from typing import Final

from matching import auction_book
from matching.auction import Clearing
from matching.auction_desk import AuctionDesk
from matching.commands import DelistInstrument, RelistInstrument, SetTradingPhase, TellIndicativePrice
from matching.desk import OrderDesk
from matching.events import AuctionEnded, CommandRefused, Event, IndicativePrice, TradingPhaseSet
from matching.instrument import Instrument
from matching.phases import CLOSED, CLOSING_AUCTION, DELISTED, TABLE, follows, uncrosses
from matching.types import TradingPhase
from matching.work import Work

WITHOUT_QUOTES: Final[tuple[TradingPhase, ...]] = ("halted", "closed")
"""Phases in which no quote stands: nobody can tell when trading begins again, and at what price."""


class PhaseDesk:
    """Keeps the indicative prices told last; everything else stands at the order desk and in the instruments."""

    __slots__ = ("auctions", "desk", "instruments", "told")

    def __init__(self, desk: OrderDesk, instruments: Mapping[int, Instrument]) -> None:
        self.desk = desk
        self.instruments = instruments
        self.auctions = AuctionDesk(desk, instruments, self._enter)
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
            return self.auctions.begin(instrument, command, out)
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
        book.on_last.price = book.on_mark.price = instrument.auction_price = book.on_last.trade_id = 0
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
        clearing = auction_book.clearing(self.desk, instrument)
        if clearing != self.told.get(instrument.instrument_id):
            self.told[instrument.instrument_id] = clearing
            price, qty, surplus = clearing or (0, 0, 0)
            out.append(IndicativePrice(instrument.instrument_id, price, qty, surplus))

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
