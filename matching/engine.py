"""The exchange as a state machine: `apply` takes one command and appends its events. Nothing else changes the state.

The engine reads no clock, no random source and no environment; time and sequence come with each command. It never
raises for anything that a peer or an operator can cause: peers are answered with events, operators with
CommandRefused.
"""

import hashlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from matching import state_records
from matching.book import Depth
from matching.commands import (
    AnswerUser,
    CancelOrder,
    CancelQuotes,
    CancelSessionOrders,
    ChangeSessions,
    Command,
    ContinueWork,
    CorrectTrade,
    DefineAccount,
    DefineInstrument,
    DefineSession,
    DefineShard,
    DelistInstrument,
    Deposit,
    EndLimitOverride,
    EndTradingDay,
    ExpireOrders,
    MassCancel,
    MassQuote,
    NewOrder,
    NewOrderList,
    NoteConnection,
    NoteSignedLogon,
    OverrideLimits,
    PlanStop,
    PullQuotes,
    RefuseCancel,
    RefuseOrder,
    RefuseOrderList,
    RelistInstrument,
    ReplaceOrder,
    RequestMassStatus,
    RequestStatus,
    RequestUser,
    ResetQuoteProtection,
    SetAcceptance,
    SetFirmLimits,
    SetKillSwitch,
    SetLimits,
    SetMarkPrice,
    SetPassword,
    SetPermission,
    SetProtection,
    SetQuoteProtection,
    SetReferencePrice,
    SetTradingPhase,
    TellIndicativePrice,
    TransferIn,
    TransferOut,
)
from matching.desk import OrderDesk
from matching.events import CommandRefused, Event, Execution
from matching.instrument import Instrument
from matching.mass_requests import MassRequests
from matching.operations import Operations
from matching.order import Account, Session
from matching.planned_stops import PlannedStop
from matching.quote_requests import QuoteRequests
from matching.requests import Requests
from matching.risk_seam import Risk
from matching.types import SHARD_ID_SHIFT
from matching.users import Users
from matching.work import REPEATED_EXECUTIONS, WorkQueue

__all__ = ["SHARD_ID_SHIFT", "Engine", "Risk"]

STATE_HASH_BYTES: Final = 16


class Engine:
    """One shard's exchange. Owner: the matching thread of the shard; readers on other threads ask that thread.

    `instruments`, `accounts` and `sessions` are live, read-only views by id.
    """

    def __init__(self, risk: Risk, shard_id: int = 0) -> None:
        self.shard_id = shard_id
        self.seq = 0
        self.time_ns = 0
        self.risk = risk
        self.works = WorkQueue()
        self.desk = OrderDesk(risk, self.works)
        self.desk.begin_ids_after(shard_id << SHARD_ID_SHIFT)
        self.requests = Requests(self.desk, risk)
        self.operations = Operations(self.desk, risk, self.works)
        self.mass_requests = MassRequests(self.desk, self.requests, self.operations.steps)
        self.quote_requests = QuoteRequests(self.desk, self.requests, risk, self.operations.steps)
        self.users = Users()
        self.planned_stop = PlannedStop()
        self._choose_ways()
        self.instruments: Mapping[int, Instrument] = MappingProxyType(self.operations.instruments)
        self.accounts: Mapping[int, Account] = MappingProxyType(self.operations.accounts)
        self.sessions: Mapping[int, Session] = MappingProxyType(self.desk.sessions)

    # -- commands -----------------------------------------------------------------------------------------------------

    def apply(self, seq: int, time_ns: int, command: Command, out: list[Event]) -> None:
        """Apply one command and append its events to `out`, in order.

        `seq` is one more than the last command's, the first is 1; `time_ns`, the frame's time, never goes back.
        """
        assert seq == self.seq + 1, f"command {seq} was given, expected {self.seq + 1}"
        assert time_ns >= self.time_ns, f"command {seq} is of {time_ns}, the last one was of {self.time_ns}"
        self.seq = seq
        self.time_ns = self.desk.time_ns = time_ns
        kind = type(command)
        if kind is NewOrder:
            self._enter(command, time_ns, out)  # type: ignore[arg-type]  # `kind` has narrowed it
            return
        if kind is CancelOrder:
            self.requests.cancel(command, time_ns, out)  # type: ignore[arg-type]  # as above
        elif kind is ReplaceOrder:
            self._replace(command, time_ns, out)  # type: ignore[arg-type]  # as above
        else:
            self._apply_other(command, time_ns, out)
        self.desk.special.after.run(out)

    def _choose_ways(self) -> None:
        """Let orders go their plain way while no session has a bound of repeated executions."""
        self._enter: Callable[[NewOrder, int, list[Event]], None] = self.desk.enter
        self._replace: Callable[[ReplaceOrder, int, list[Event]], None] = self.requests.replace
        if self.risk.watches_executions:
            self._enter = self._enter_watched
            self._replace = self._replace_watched

    def _enter_watched(self, command: NewOrder, time_ns: int, out: list[Event]) -> None:
        place = len(out)
        self.desk.enter(command, time_ns, out)
        self._watch(place, time_ns, out)

    def _replace_watched(self, command: ReplaceOrder, time_ns: int, out: list[Event]) -> None:
        place = len(out)
        self.requests.replace(command, time_ns, out)
        self._watch(place, time_ns, out)

    def _watch(self, place: int, time_ns: int, out: list[Event]) -> None:
        """Count each order that was executed on entry; the kill switch of a session that repeats itself is engaged."""
        last_id, stops = 0, []
        for event in out[place:]:
            if type(event) is Execution and event.is_aggressor and event.order_id != last_id:
                last_id = event.order_id
                kind = event.account_id, event.instrument_id, event.side
                why = self.risk.count_execution(event.session_id, kind, time_ns)
                if why:
                    stops.append((event.session_id, why))
        for session_id, why in stops:
            stop = SetKillSwitch("session", session_id, True, REPEATED_EXECUTIONS, why)
            self.operations.set_kill_switch(stop, out)

    def _apply_other(self, command: Command, time_ns: int, out: list[Event]) -> None:
        if isinstance(command, RequestStatus):
            self.requests.request_status(command, time_ns, out)
        elif isinstance(command, RefuseOrder):
            self.requests.refuse_order(command, time_ns, out)
        elif isinstance(command, RefuseCancel):
            self.requests.refuse_cancel(command, time_ns, out)
        elif isinstance(command, ContinueWork):
            self.operations.steps.continue_work(out)
        elif isinstance(command, MassQuote):
            place = len(out)
            self.quote_requests.quote(command, time_ns, out)
            if self.risk.watches_executions:
                self._watch(place, time_ns, out)
        elif isinstance(command, CancelQuotes):
            self.quote_requests.cancel(command, time_ns, out)
        elif isinstance(command, MassCancel):
            self.mass_requests.cancel(command, time_ns, out)
        elif isinstance(command, RequestMassStatus):
            self.mass_requests.status(command, time_ns, out)
        elif isinstance(command, CancelSessionOrders):
            self.operations.cancel_session_orders(command, out)
        elif isinstance(command, SetMarkPrice):
            self.operations.set_mark_price(command, out)
        elif isinstance(command, NewOrderList):
            place = len(out)
            self.desk.special.lists.enter_list(command, time_ns, out)
            if self.risk.watches_executions:
                self._watch(place, time_ns, out)
        elif isinstance(command, RefuseOrderList):
            self.requests.refuse_list(command, time_ns, out)
        elif isinstance(command, ExpireOrders):
            self.operations.expire_orders(command, time_ns, out)
        elif isinstance(command, EndTradingDay):
            self.desk.special.after.expire_until(time_ns)
            self.operations.end_trading_day(command, out)
        elif isinstance(command, SetKillSwitch):
            self.operations.set_kill_switch(command, out)
        elif isinstance(command, SetAcceptance):
            self.operations.set_acceptance(command, out)
        elif isinstance(command, TransferOut):
            self.operations.transfer_out(command, out)
        elif isinstance(command, TransferIn):
            self.operations.transfer_in(command, out)
        elif isinstance(command, SetTradingPhase):
            self.operations.set_trading_phase(command, out)
        elif isinstance(command, TellIndicativePrice):
            self.operations.tell_indicative_price(command, out)
        elif isinstance(command, DelistInstrument):
            self.operations.delist_instrument(command, out)
        elif isinstance(command, CorrectTrade):
            self.operations.corrections.correct(command, out)
        elif isinstance(command, RelistInstrument):
            self.operations.phases.relist(command, out)
        else:
            self._apply_definition(command, time_ns, out)

    def _apply_definition(self, command: Command, time_ns: int, out: list[Event]) -> None:
        if isinstance(command, DefineInstrument):
            self.operations.define_instrument(command, out)
        elif isinstance(command, DefineShard):
            self._define_shard(command, out)
        elif isinstance(command, DefineAccount):
            self.operations.define_account(command, out)
        elif isinstance(command, DefineSession):
            self.operations.define_session(command, out)
        elif isinstance(command, Deposit):
            self.operations.deposit(command, out)
        elif isinstance(command, SetProtection):
            self.operations.set_protection(command, out)
            self._choose_ways()
        elif isinstance(command, SetLimits | SetFirmLimits | OverrideLimits | EndLimitOverride | SetPermission):
            self.operations.limits.change(command, time_ns, out)
        elif isinstance(command, SetQuoteProtection):
            self.operations.set_quote_protection(command, out)
        elif isinstance(command, ResetQuoteProtection):
            fault = self.quote_requests.reset(command, out)
            if fault:
                out.append(CommandRefused("ResetQuoteProtection", fault))
        elif isinstance(command, PullQuotes):
            self.quote_requests.pull(command, out)
        elif isinstance(command, NoteConnection):
            self.operations.note_connection(command, out)
        elif isinstance(command, ChangeSessions):
            self.operations.note_sessions(command, out)
        elif isinstance(command, SetReferencePrice):
            self.operations.set_reference_price(command, out)
        else:
            self._apply_for_users(command, time_ns, out)

    def _apply_for_users(self, command: Command, time_ns: int, out: list[Event]) -> None:
        if isinstance(command, RequestUser):
            ids = command.session_id, command.msg_seq_num, "BE", command.request_id
            if not self.requests.is_throttled(*ids, time_ns, out):
                self.users.request(command, out)
        elif isinstance(command, AnswerUser):
            self.users.answer(command, out)
        elif isinstance(command, SetPassword):
            self.users.set_password(command, out)
        elif isinstance(command, NoteSignedLogon):
            self.users.note_signed_logon(command, time_ns, out)
        else:
            assert isinstance(command, PlanStop), f"{type(command).__name__} is no command"
            self.planned_stop.plan(command, time_ns, out)

    def _define_shard(self, command: DefineShard, out: list[Event]) -> None:
        """Give this engine its id, before its first order."""
        if command.shard_id == self.shard_id:
            return
        if self.desk.orders or self.shard_id:
            out.append(CommandRefused("DefineShard", f"shard {self.shard_id} cannot become shard {command.shard_id}"))
            return
        self.shard_id = command.shard_id
        self.desk.begin_ids_after(command.shard_id << SHARD_ID_SHIFT)

    # -- reading ------------------------------------------------------------------------------------------------------

    @property
    def has_work(self) -> bool:
        """Whether a ContinueWork command has to follow."""
        return bool(self.works.pending) or self.desk.special.after.has_work

    @property
    def next_expiry_ns(self) -> int:
        """When the next Good Till Date order expires, in nanoseconds since the epoch; 0: none does."""
        return self.desk.special.expiries.next_ns()

    @property
    def accepting(self) -> bool:
        """Whether the exchange accepts new orders, as SetAcceptance said last."""
        return self.operations.accepting

    def depth(self, instrument_id: int, levels: int) -> tuple[Depth, Depth]:
        """Return bids and asks as (price, quantity, order count), best first; `levels` 0 returns all."""
        book = self.desk.books[instrument_id]
        return book.bids.depth(levels), book.asks.depth(levels)

    def indicative(self, instrument_id: int) -> tuple[int, int] | None:
        """Return price and quantity that were told last of what an instrument's auction would execute."""
        clearing = self.operations.phases.told.get(instrument_id)
        return None if clearing is None else (clearing.price, clearing.qty)

    def statistics(self) -> dict[str, int]:
        """Return counts of what the engine holds and has done."""
        desk = self.desk
        own = {
            "seq": self.seq,
            "instruments": len(self.instruments),
            "sessions": len(self.sessions),
            "orders": len(desk.orders),
            "open_orders": sum(session.open_count() for session in desk.sessions.values()),
            "trades": desk.last_trade_id - (self.shard_id << SHARD_ID_SHIFT),
            "executions": desk.last_exec_id - (self.shard_id << SHARD_ID_SHIFT),
            "work_left": self.works.left() + self.desk.special.after.left(),
        }
        return own | self.risk.statistics()

    # -- state --------------------------------------------------------------------------------------------------------

    def snapshot(self) -> bytes:
        """Return the complete state as bytes, the same for the same state. 1,000,000 open orders take some seconds."""
        return state_records.dump(self)

    def load(self, data: bytes) -> None:
        """Take the state of a snapshot into this engine, which has applied nothing yet.

        Raises:
            ValueError, msgspec.DecodeError: the bytes are not a state of this version; the engine must not be used.
        """
        assert self.seq == 0, "a snapshot is loaded into a new engine"
        state_records.load(self, data)
        self._choose_ways()

    def state_hash(self) -> bytes:
        """Return 16 bytes that are equal for equal states."""
        return hashlib.blake2b(self.snapshot(), digest_size=STATE_HASH_BYTES).digest()

    def check_invariants(self) -> None:
        """Assert all that must hold between two commands. Slow: for tests, recovery and operators."""
        self.desk.check_invariants()
        self.operations.check_invariants()
        self.risk.check_invariants(self.desk.open_orders())
