"""What operators and configuration do: definitions, limits, switches, phases, and work over whole scopes.

Owner: the matching thread. A command that cannot be obeyed is answered with CommandRefused and changes nothing.
"""

from typing import Final

from matching.book import Book
from matching.commands import (
    CancelSessionOrders,
    ChangeSessions,
    Command,
    DefineAccount,
    DefineInstrument,
    DefineSession,
    DelistInstrument,
    Deposit,
    EndTradingDay,
    ExpireOrders,
    NoteConnection,
    SetAcceptance,
    SetKillSwitch,
    SetMarkPrice,
    SetProtection,
    SetQuoteProtection,
    SetReferencePrice,
    SetTradingPhase,
    TellIndicativePrice,
    TransferIn,
    TransferOut,
)
from matching.corrections import Corrections
from matching.desk import OrderDesk
from matching.events import (
    AcceptanceSet,
    AccountDefined,
    CommandRefused,
    Event,
    InstrumentDefined,
    KillSwitchSet,
    MarkPriceSet,
    Posted,
    ProtectionSet,
    ReferencePriceSet,
    SessionDefined,
    SessionsChanged,
    TransferredIn,
    TransferredOut,
)
from matching.instrument import (
    BASIS_POINTS,
    BREAKER_EXTENSIONS_MAX,
    BREAKER_SECONDS_MAX,
    PRICE_TICKS_MAX,
    Instrument,
    band_around,
)
from matching.limit_desk import LimitDesk
from matching.order import Account, Member, Session
from matching.phase_desk import PhaseDesk
from matching.phases import DELISTED
from matching.quote_events import QuoteProtectionSet
from matching.risk_seam import Risk
from matching.steps import Steps
from matching.types import KillScope
from matching.work import Work, WorkKind, WorkQueue

KILL_WORK: Final[dict[KillScope, WorkKind]] = {
    "session": "cancel session",
    "account": "cancel account",
    "firm": "cancel firm",
    "market": "cancel market",
}


class Operations:
    """Definitions by id, the acceptance of orders, and the beginning of work over whole scopes."""

    __slots__ = (
        "accepting",
        "accounts",
        "corrections",
        "desk",
        "instruments",
        "limits",
        "phases",
        "risk",
        "steps",
        "trading_day",
        "works",
    )

    def __init__(self, desk: OrderDesk, risk: Risk, works: WorkQueue) -> None:
        self.desk = desk
        self.risk = risk
        self.works = works
        self.instruments: dict[int, Instrument] = {}
        self.phases = PhaseDesk(desk, self.instruments)
        self.accounts = desk.accounts
        self.corrections = Corrections(desk)
        self.steps = Steps(desk, works, self.instruments, self.phases, self.corrections)
        self.limits = LimitDesk(risk, accounts=self.accounts, instruments=self.instruments)
        self.accepting = True
        self.trading_day = 0

    # -- definitions --------------------------------------------------------------------------------------------------

    def define_instrument(self, command: DefineInstrument, out: list[Event]) -> None:
        """Define an instrument, or lay its band, reference and circuit breaker anew."""
        present = self.instruments.get(command.instrument_id)
        fault = self._instrument_fault(command, present)
        if fault:
            _refuse(command, fault, out)
            return
        if present is None:
            self.add_instrument(
                Instrument(
                    instrument_id=command.instrument_id,
                    symbol=command.symbol,
                    kind=command.kind,
                    currency=command.currency,
                    tick_e8=command.tick_e8,
                    lot_e8=command.lot_e8,
                    tick_lot_value=command.tick_lot_value,
                    reference_price=command.reference_price,
                    band_bp=command.band_bp,
                    breaker_bp=command.breaker_bp,
                    breaker_static_bp=command.breaker_static_bp,
                    breaker_seconds=command.breaker_seconds,
                    breaker_extended_bp=command.breaker_extended_bp,
                    breaker_extensions=command.breaker_extensions,
                    follows_trades=command.follows_trades,
                )
            )
        else:
            present.set_band(reference_price=command.reference_price, band_bp=command.band_bp)
            present.breaker_bp, present.breaker_static_bp = command.breaker_bp, command.breaker_static_bp
            present.breaker_seconds = command.breaker_seconds
            present.breaker_extended_bp = command.breaker_extended_bp
            present.breaker_extensions = command.breaker_extensions
            book = self.desk.books[command.instrument_id]
            if present.follows_trades != command.follows_trades:
                # What an older program has traded is known by the journal alone.
                present.follows_trades, book.on_last.trade_id = command.follows_trades, 0
            book.renew_stops()
        out.append(InstrumentDefined(command.instrument_id, command.symbol))

    def add_instrument(self, instrument: Instrument) -> None:
        """Open the book of a new instrument."""
        self.instruments[instrument.instrument_id] = instrument
        book = self.desk.books[instrument.instrument_id] = Book(instrument)
        book.renew_stops()
        self.risk.define_instrument(instrument)

    def _instrument_fault(self, command: DefineInstrument, present: Instrument | None) -> str:
        if command.instrument_id < 1:
            return f"instrument_id {command.instrument_id} is below 1"
        if min(command.tick_e8, command.lot_e8, command.tick_lot_value) < 1:
            return f"tick, lot and their value have to be positive in {command.symbol}"
        if not 0 <= command.band_bp < BASIS_POINTS:
            return f"band_bp {command.band_bp} is not within 0 to {BASIS_POINTS - 1}"
        breaker_fault = _breaker_fault(command)
        if breaker_fault:
            return breaker_fault
        reference_fault = _reference_fault(command.symbol, command.reference_price, command.band_bp)
        if reference_fault:
            return reference_fault
        if present is not None:
            if present.phase == DELISTED:
                return f"{present.symbol} is delisted"
            for name in ("symbol", "kind", "currency", "tick_e8", "lot_e8", "tick_lot_value"):
                was, wanted = getattr(present, name), getattr(command, name)
                if was != wanted:
                    return f"{name} of {present.symbol} is {was} and cannot become {wanted}"
            return ""
        for other in self.instruments.values():
            if command.symbol in (other.symbol, other.currency) or command.currency == other.symbol:
                return f"symbol {command.symbol} of currency {command.currency} collides with {other.symbol}"
        return f"symbol {command.symbol} is its own currency" if command.symbol == command.currency else ""

    def define_account(self, command: DefineAccount, out: list[Event]) -> None:
        """Define an account, or change its firm; an id keeps its name for ever."""
        present = self.accounts.get(command.account_id)
        if command.account_id < 1:
            _refuse(command, f"account_id {command.account_id} is below 1", out)
        elif present is not None and present.name != command.name:
            _refuse(command, f"account {command.account_id} is {present.name} and cannot become {command.name}", out)
        elif present is None and any(each.name == command.name for each in self.accounts.values()):
            _refuse(command, f"another account has the name {command.name}", out)
        else:
            self.accounts[command.account_id] = Account(
                account_id=command.account_id, name=command.name, firm=command.firm
            )
            self.risk.define_account(command)
            if present is not None and present.firm != command.firm:
                self.limits.recount_firms()
            out.append(AccountDefined(command.account_id, command.name))

    def define_session(self, command: DefineSession, out: list[Event]) -> None:
        """Define a FIX session, or change its throttles; an id keeps its name and CompID for ever."""
        present = self.desk.sessions.get(command.session_id)
        fault = self._session_fault(command, present)
        if fault:
            _refuse(command, fault, out)
            return
        if present is None:
            present = self.add_session(command.session_id, command.name, command.comp_id)
        present.rate, present.burst = command.rate, command.burst
        present.cancel_rate, present.cancel_burst = command.cancel_rate, command.cancel_burst
        self.risk.define_session(command)
        out.append(SessionDefined(command.session_id, command.name))

    def add_session(self, session_id: int, name: str, comp_id: str) -> Session:
        """Add a session to its member, which comes into being with its first session."""
        member = self.desk.members.get(comp_id)
        if member is None:
            member = self.desk.members[comp_id] = Member(comp_id)
        session = self.desk.sessions[session_id] = Session(session_id=session_id, name=name, member=member)
        return session

    def _session_fault(self, command: DefineSession, present: Session | None) -> str:
        if command.session_id < 1:
            return f"session_id {command.session_id} is below 1"
        if min(command.rate, command.burst, command.cancel_rate, command.cancel_burst) < 0:
            return f"a throttle of session {command.name} is negative"
        if present is None:
            taken = any(each.name == command.name for each in self.desk.sessions.values())
            return f"another session has the name {command.name}" if taken else ""
        if (present.name, present.comp_id) != (command.name, command.comp_id):
            was, wanted = f"{present.name} of {present.comp_id}", f"{command.name} of {command.comp_id}"
            return f"session {command.session_id} is {was} and cannot become {wanted}"
        return ""

    def deposit(self, command: Deposit, out: list[Event]) -> None:
        """Post a deposit once; a repeat of its transfer_id is refused and changes nothing."""
        if command.account_id not in self.accounts:
            _refuse(command, f"account {command.account_id} is not defined", out)
            return
        fault, balance = self.risk.deposit(command)
        if fault:
            _refuse(command, fault, out)
        else:
            out.append(Posted(command.account_id, command.asset, command.amount, balance, command.transfer_id))

    def transfer_out(self, command: TransferOut, out: list[Event]) -> None:
        """Post the first step of a transfer once; a repeat posts nothing and gets its event with the balance of now."""
        fault, balance = self.risk.transfer_out(command)
        if fault:
            _refuse(command, fault, out)
        else:
            content = command.account_id, command.asset, command.amount, command.transfer_id
            out.append(TransferredOut(*content, command.to_shard, command.by, command.reason, balance))

    def transfer_in(self, command: TransferIn, out: list[Event]) -> None:
        """Post the second step of a transfer, with the same answers as the first."""
        fault, balance = self.risk.transfer_in(command)
        if fault:
            _refuse(command, fault, out)
        else:
            content = command.account_id, command.asset, command.amount, command.transfer_id
            out.append(TransferredIn(*content, command.from_shard, command.by, command.reason, balance))

    # -- switches -----------------------------------------------------------------------------------------------------

    def set_acceptance(self, command: SetAcceptance, out: list[Event]) -> None:
        """Open or close the acceptance of orders; cancels always pass."""
        self.accepting = command.accepting
        self.risk.set_acceptance(command)
        out.append(AcceptanceSet(command.accepting, command.reason))

    def set_trading_phase(self, command: SetTradingPhase, out: list[Event]) -> None:
        """Move an instrument to another phase, after its auction where one is due; its open orders stay, quotes leave
        where it is halted or closed.
        """
        work = self.phases.set_phase(command, out)
        if work is not None:
            self.steps.begin(work, out)

    def tell_indicative_price(self, command: TellIndicativePrice, out: list[Event]) -> None:
        """Say what an auction would execute now."""
        self.phases.tell_indicative(command, out)

    def delist_instrument(self, command: DelistInstrument, out: list[Event]) -> None:
        """End the trading of an instrument until it is listed again, and cancel its open orders."""
        work = self.phases.delist(command, out)
        if work is not None:
            self.steps.begin(work, out)

    def set_reference_price(self, command: SetReferencePrice, out: list[Event]) -> None:
        """Lay the price band elsewhere; open orders outside it stay."""
        instrument = self.instruments.get(command.instrument_id)
        if instrument is None:
            _refuse(command, f"instrument {command.instrument_id} is not defined", out)
            return
        fault = _reference_fault(instrument.symbol, command.price, instrument.band_bp)
        if fault:
            _refuse(command, fault, out)
            return
        instrument.set_band(reference_price=command.price, band_bp=instrument.band_bp)
        self.desk.books[command.instrument_id].renew_stops()
        out.append(ReferencePriceSet(command.instrument_id, command.price))

    def set_mark_price(self, command: SetMarkPrice, out: list[Event]) -> None:
        """Note the mark price; what it triggers enters in the same step, or in the next ones."""
        instrument = self.instruments.get(command.instrument_id)
        if instrument is None:
            _refuse(command, f"instrument {command.instrument_id} is not defined", out)
        elif not 0 < command.price <= PRICE_TICKS_MAX:
            _refuse(command, f"mark price {command.price} is not within 1 to {PRICE_TICKS_MAX} ticks", out)
        else:
            out.append(MarkPriceSet(command.instrument_id, command.price))
            self.desk.special.after.set_mark(self.desk.books[command.instrument_id], command.price)

    def expire_orders(self, command: ExpireOrders, time_ns: int, out: list[Event]) -> None:
        """Begin to expire orders whose time has come; the special desk does it, in steps."""
        if command.until_ns > time_ns:
            _refuse(command, f"time {command.until_ns} is after the present {time_ns}", out)
        else:
            self.desk.special.after.expire_until(command.until_ns)

    def set_kill_switch(self, command: SetKillSwitch, out: list[Event]) -> None:
        """Engage a kill switch and cancel the open orders of its scope, or release it."""
        scope, target_id = command.scope, command.target_id
        name = self._kill_target(command)
        if not name:
            _refuse(command, f"{scope} {command.target_name or target_id} is not defined", out)
            return
        self.risk.set_kill_switch(command, self.limits.accounts_of(command.target_name) if scope == "firm" else ())
        content = scope, target_id, command.engaged, command.by, command.reason
        out.append(KillSwitchSet(*content, command.target_name))
        if command.engaged:
            text = f"kill switch of {name} engaged: {command.reason or 'no reason given'}"
            kind = KILL_WORK[scope]
            self.steps.begin(Work(kind=kind, target_id=target_id, text=text, order_ids=[], request=command), out)

    def _kill_target(self, command: SetKillSwitch) -> str:
        """Return what a kill switch is of in words, or nothing where that is not defined."""
        scope, target_id = command.scope, command.target_id
        if scope == "market":
            return "the market" if target_id == 0 else ""
        if scope == "account":
            return f"account {self.accounts[target_id].name}" if target_id in self.accounts else ""
        if scope == "firm":
            return f"firm {command.target_name}" if self.limits.accounts_of(command.target_name) else ""
        return f"session {self.desk.sessions[target_id].name}" if target_id in self.desk.sessions else ""

    def set_protection(self, command: SetProtection, out: list[Event]) -> None:
        """Set the bounds of a session beyond its throttles."""
        values = command.cut_count, command.cut_ns, command.repeat_max, command.repeat_ns
        if command.session_id not in self.desk.sessions:
            _refuse(command, f"session {command.session_id} is not defined", out)
        elif min(values) < 0:
            _refuse(command, f"a bound of session {command.session_id} is negative: {min(values)}", out)
        else:
            self.risk.set_protection(command)
            out.append(ProtectionSet(command.session_id))

    def set_quote_protection(self, command: SetQuoteProtection, out: list[Event]) -> None:
        """Set the bounds of a session's market-maker protection; what is frozen stays so."""
        bounds = command.qty_max, command.delta_max, command.count_max
        if command.session_id not in self.desk.sessions:
            _refuse(command, f"session {command.session_id} is not defined", out)
        elif min(bounds) < 0:
            _refuse(command, f"a bound of quotes of session {command.session_id} is negative: {min(bounds)}", out)
        elif any(bounds) and command.window_ns < 1:
            _refuse(command, f"the window of session {command.session_id} is {command.window_ns} ns, at least 1", out)
        else:
            self.risk.set_quote_protection(command)
            out.append(QuoteProtectionSet(command.session_id))

    def note_connection(self, command: NoteConnection, out: list[Event]) -> None:
        """Keep whether a session was left logged on."""
        session = self.desk.sessions.get(command.session_id)
        if session is None:
            _refuse(command, f"session {command.session_id} is not defined", out)
        else:
            session.is_connected = command.is_connected

    def note_sessions(self, command: ChangeSessions, out: list[Event]) -> None:
        """Tell who has changed the sessions; those that were removed stay defined, as their orders' names do."""
        ids = (*command.added, *command.removed, *command.changed)
        unknown = [each for each in ids if each not in self.desk.sessions]
        if unknown:
            _refuse(command, f"session {unknown[0]} is not defined", out)
        else:
            out.append(SessionsChanged(command.added, command.removed, command.changed, command.by, command.reason))

    # -- work in steps ------------------------------------------------------------------------------------------------

    def cancel_session_orders(self, command: CancelSessionOrders, out: list[Event]) -> None:
        """Cancel all open orders that a session entered, or those of accounts, after a disconnect."""
        unknown = [each for each in command.account_ids if each not in self.accounts]
        if command.session_id not in self.desk.sessions:
            _refuse(command, f"session {command.session_id} is not defined", out)
        elif unknown:
            _refuse(command, f"account {unknown[0]} is not defined", out)
        else:
            kind: WorkKind = "cancel disconnected accounts" if command.account_ids else "cancel disconnected session"
            target, text = command.session_id, command.text
            self.steps.begin(Work(kind=kind, target_id=target, text=text, order_ids=[], request=command), out)

    def end_trading_day(self, command: EndTradingDay, out: list[Event]) -> None:
        """Expire Day orders and forget closed ones; the whole market waits until that is done."""
        if command.trading_day <= self.trading_day:
            text = f"trading day {command.trading_day} is not after {self.trading_day}, which ended before"
            _refuse(command, text, out)
            return
        self.trading_day = command.trading_day
        text = f"trading day {command.trading_day} has ended"
        work = Work(kind="end trading day", target_id=command.trading_day, text=text, order_ids=[])
        self.steps.begin(work, out)

    def check_invariants(self) -> None:
        """Assert that unfinished work has orders left and that definitions agree with their ids."""
        for work in self.works.pending:
            assert work.left() > 0, f"work {work.kind} is finished but pending"
        auctions = [work.target_id for work in self.works.pending if work.kind == "auction"]
        for instrument_id, instrument in self.instruments.items():
            assert self.desk.books[instrument_id].instrument is instrument, "a book is of its instrument"
            assert (instrument.auction is not None) == (instrument_id in auctions), "work goes on for each auction"


def _reference_fault(symbol: str, price: int, band_bp: int) -> str:
    if price < 0:
        return f"reference price {price} of {symbol} is negative"
    high = band_around(reference_price=price, band_bp=band_bp)[1]
    return f"price band of {symbol} ends at {high} ticks, allowed {PRICE_TICKS_MAX}" if high > PRICE_TICKS_MAX else ""


def _breaker_fault(command: DefineInstrument) -> str:
    """Return what is wrong with a circuit breaker, or nothing."""
    for name in ("breaker_bp", "breaker_static_bp", "breaker_extended_bp"):
        if not 0 <= getattr(command, name) < BASIS_POINTS:
            return f"{name} {getattr(command, name)} of {command.symbol} is not within 0 to {BASIS_POINTS - 1}"
    if not 0 <= command.breaker_seconds <= BREAKER_SECONDS_MAX:
        return f"breaker_seconds {command.breaker_seconds} of {command.symbol} is not within 0 to {BREAKER_SECONDS_MAX}"
    if bool(command.breaker_bp or command.breaker_static_bp) != bool(command.breaker_seconds):
        return f"{command.symbol} has a range of the circuit breaker without its time, or the other way round"
    return _extension_fault(command)


def _extension_fault(command: DefineInstrument) -> str:
    """Return what is wrong with the extension of a volatility halt, or nothing."""
    if command.breaker_extended_bp and command.breaker_extended_bp <= command.breaker_bp:
        found = f"{command.breaker_extended_bp} of {command.symbol}"
        return f"breaker_extended_bp {found} is not above breaker_bp {command.breaker_bp}"
    if command.breaker_extended_bp and not command.breaker_seconds:
        return f"{command.symbol} has an extended range without a circuit breaker"
    if not 0 <= command.breaker_extensions <= BREAKER_EXTENSIONS_MAX:
        found = f"{command.breaker_extensions} of {command.symbol}"
        return f"breaker_extensions {found} is not within 0 to {BREAKER_EXTENSIONS_MAX}"
    if command.breaker_extensions and not command.breaker_extended_bp:
        return f"{command.symbol} has extensions without an extended range"
    return ""


def _refuse(command: Command, text: str, out: list[Event]) -> None:
    out.append(CommandRefused(type(command).__name__, text))
