"""The gateway's engine where markets are matched in shards: it matches nothing, and keeps what shards have said.

Everything that a shard answers is journaled here too, so that reports, drop copies and market data are drawn from one
journal, in one order, whatever becomes of a shard. What can be refused without a shard is refused here. A state machine
as the matching engine is one: snapshots, recovery, replay and `outcry verify` treat both alike. Owner: the matching
thread.
"""

import hashlib
from collections.abc import Mapping
from typing import Final, TypeAlias

from gateway import relay_state
from gateway.depth_view import BID, OFFER, DepthView
from gateway.relay_state import Refused, ShardCursor
from gateway.shard_instructions import Instructions
from gateway.shard_names import OrderNames
from gateway.shard_requests import REFUSED, ShardRequests
from gateway.shard_transfers import Transfers
from matching.book import Depth
from matching.codec import decode_events
from matching.commands import (
    AnswerRequest,
    AskShards,
    CancelOrder,
    CancelQuotes,
    Command,
    ContinueWork,
    DefineInstrument,
    DefineShard,
    ForgetNumbers,
    InstructShards,
    MassCancel,
    MassQuote,
    RefuseCancel,
    RefuseMessage,
    RefuseOrder,
    RefuseOrderList,
    RelayBatch,
    ReplaceOrder,
    RequestMassStatus,
    RequestStatus,
    RequestTransfer,
    RequestUser,
)
from matching.engine import STATE_HASH_BYTES, Engine
from matching.events import (
    AuctionEnded,
    CommandRefused,
    Event,
    Execution,
    IndicativePrice,
    InstrumentDefined,
    MassCancelReported,
    MassStatusReported,
    MessageThrottled,
    MessageUnavailable,
    OrderRefused,
    ReferencePriceSet,
    ScopeCanceled,
    ShardsInstructed,
    TradingDayEnded,
    TradingPhaseSet,
    TransferredIn,
    TransferredOut,
)
from matching.instrument import Instrument
from matching.order import Account, Session
from matching.planned_stops import PlannedStop
from matching.quote_events import QuotesAnswered, QuotesReset
from matching.risk_seam import Risk
from matching.types import EXEC_TRADE
from matching.users import Users

Numbered: TypeAlias = (
    RefuseOrder
    | RefuseOrderList
    | RefuseCancel
    | CancelOrder
    | ReplaceOrder
    | RequestStatus
    | MassCancel
    | RequestMassStatus
    | MassQuote
    | CancelQuotes
    | RequestUser
)
"""Commands of a peer that the gateway answers itself."""
Own: TypeAlias = (
    DefineShard
    | RequestTransfer
    | RefuseMessage
    | InstructShards
    | ForgetNumbers
    | AskShards
    | AnswerRequest
    | ContinueWork
)
"""Commands that no engine but this one knows."""
ANSWERS: Final = (MassCancelReported, MassStatusReported, MessageThrottled, QuotesAnswered)
"""How shards end their part of a request that was asked of several."""


class RelayEngine:
    """Instruments, accounts and sessions by id as the matching engine has them; cursors and depth of every shard."""

    def __init__(self, risk: Risk) -> None:
        self.local = Engine(risk)
        self.shards: dict[str, ShardCursor] = {}
        self.refused: dict[int, Refused] = {}
        self.homes: dict[str, str] = {}
        """The shard of every instrument that a shard has said to have, by symbol."""
        self.transfers = Transfers()
        self.instructions = Instructions()
        self.names = OrderNames()
        self.requests = ShardRequests(self.local, self.names)
        self.crowded: dict[int, None] = {}
        """Sessions of which many numbers were answered here: no part of the state, it asks for ForgetNumbers."""
        self.depths: dict[int, DepthView] = {}

    # -- commands -----------------------------------------------------------------------------------------------------

    def apply(self, seq: int, time_ns: int, command: Command, out: list[Event]) -> None:
        """Apply one command and append its events; of a shard's batch, these are the shard's own."""
        if type(command) is RelayBatch:
            self._take(command, out)
            # The definitions' engine counts every command.
            self.local.seq, self.local.time_ns = seq, time_ns
            return
        if isinstance(command, Own):
            self._apply_own(command, time_ns, out)
            self.local.seq, self.local.time_ns = seq, time_ns
            return
        if isinstance(command, Numbered):
            self._answered_here(command)
        self.local.apply(seq, time_ns, command, out)

    def _apply_own(self, command: Own, time_ns: int, out: list[Event]) -> None:
        if isinstance(command, AskShards):
            self._answered_here(command.request)
            self.requests.ask(command, self, time_ns, out)
        elif isinstance(command, AnswerRequest):
            self.requests.close(command.request_id, self, out)
        elif isinstance(command, ContinueWork):
            self.requests.tell_more(out)
        elif isinstance(command, DefineShard):
            self._define_shard(command, out)
        elif isinstance(command, RequestTransfer):
            fault = self.transfers.request(command)
            if fault:
                out.append(CommandRefused("RequestTransfer", fault))
        elif isinstance(command, InstructShards):
            self._instruct(command, out)
        elif isinstance(command, ForgetNumbers):
            self._forget_numbers(command)
        else:
            self._answered_here(command)
            ids = (command.session_id, command.msg_seq_num)
            out.append(MessageUnavailable(*ids, command.ref_msg_type, command.ref_id, command.text, command.code))

    def _instruct(self, command: InstructShards, out: list[Event]) -> None:
        if isinstance(command.instruction, DefineInstrument):
            refused = self._define(command.instruction)
            if refused:
                out += refused
                return
        instruction_id = self.instructions.instruct(command.shards, command.instruction)
        if instruction_id:
            out.append(ShardsInstructed(instruction_id, command.shards))
        else:
            text = f"{len(self.instructions.waiting)} instructions wait for shards that are down"
            out.append(CommandRefused(type(command.instruction).__name__, text))

    def _define(self, command: DefineInstrument) -> list[Event]:
        """Give an instrument its id and terms here; return what is against it. It is told of when its shard has it."""
        said: list[Event] = []
        self.local.operations.define_instrument(command, said)
        return [event for event in said if isinstance(event, CommandRefused)]

    def _answered_here(self, command: Numbered | RefuseMessage) -> None:
        refused = self.refused.get(command.session_id)
        if refused is None or refused.epoch != command.epoch:
            refused = self.refused[command.session_id] = Refused(command.epoch)
        refused.numbers.add(command.msg_seq_num)
        if len(refused.numbers) >= refused.look_at:
            self.crowded[command.session_id] = None

    def _forget_numbers(self, command: ForgetNumbers) -> None:
        refused = self.refused.get(command.session_id)
        if refused is not None and refused.epoch == command.epoch:
            left = [number for number in refused.numbers if number >= command.below]
            self.refused[command.session_id] = Refused(command.epoch, left)
        self.crowded.pop(command.session_id, None)

    def _define_shard(self, command: DefineShard, out: list[Event]) -> None:
        known = self.shards.get(command.name)
        if known is not None and known.shard_id != command.shard_id:
            out.append(CommandRefused("DefineShard", f"shard {command.name} has the id {known.shard_id}"))
        elif known is None:
            self.shards[command.name] = ShardCursor(command.shard_id)
            self.instructions.add_shard(command.name)

    def _take(self, command: RelayBatch, out: list[Event]) -> None:
        cursor = self.shards[command.shard]
        assert command.shard_batch_seq > cursor.batch_seq, f"batch {command.shard_batch_seq} after {cursor.batch_seq}"
        cursor.batch_seq = command.shard_batch_seq
        self.instructions.obeyed(command.shard, command.obeyed)
        for session_id, epoch, msg_seq_num in command.answered:
            cursor.answered[session_id] = (epoch, msg_seq_num)
        events = decode_events(command.events) if command.events else []
        depths = self.depths
        sessions, names = self.local.sessions, self.names
        touched: dict[int, DepthView] = {}
        kept: dict[int, list[Event]] = {}
        answers: list[Event] = []
        for at, event in enumerate(events):
            if type(event) is Execution and event.instrument_id:
                view = depths.get(event.instrument_id)
                if view is None:
                    view = depths[event.instrument_id] = DepthView(0, (), ())
                view.fold(event)
                touched[event.instrument_id] = view
                if self.requests.is_restating:
                    self.requests.follow(command.shard, event)
                if event.terms is not None and event.terms.quote is not None:
                    # Nothing reaches a quote by its QuoteID.
                    continue
                if event.exec_type != EXEC_TRADE:
                    names.fold(sessions[event.session_id].comp_id, event, cursor.shard_id)
                elif not event.leaves_qty:
                    names.filled(event.order_id)
            elif isinstance(event, TradingPhaseSet | IndicativePrice | AuctionEnded):
                self.local.operations.phases.follow(event)
            elif isinstance(event, ANSWERS):
                # The answer to a mass quote stands before the fills that the last shard's part has brought about.
                place: list[Event] = [] if isinstance(event, QuotesAnswered) else answers
                if self.requests.take(command.shard, event, place):
                    kept[at] = place
                elif isinstance(event, MassCancelReported) and event.response != REFUSED:
                    names.use(sessions[event.session_id].comp_id, event.cl_ord_id, cursor.shard_id)
            else:
                self._note(command.shard, event)
        for transfer_id, text in command.refused_transfers:
            self.transfers.refused(command.shard, transfer_id, text)
        if self.instructions.has_resets:
            self.instructions.quotes_reset([event for event in events if isinstance(event, QuotesReset)])
        for view in touched.values():
            view.take_changes()
        for at, event in enumerate(events) if kept else ():
            if at not in kept:
                out.append(event)
            elif kept[at] is not answers:
                out += kept[at]
        out += answers if kept else events

    def _note(self, shard: str, event: Event) -> None:
        """Take what a shard has said beside the steps of orders."""
        if isinstance(event, OrderRefused):
            self.names.refused(self.local.sessions[event.session_id].comp_id, event, self.shards[shard].shard_id)
        elif isinstance(event, InstrumentDefined):
            self.homes[event.symbol] = shard
        elif isinstance(event, ScopeCanceled):
            self.instructions.canceled(shard, event)
        elif isinstance(event, ReferencePriceSet):
            instrument = self.local.instruments[event.instrument_id]
            instrument.set_band(reference_price=event.price, band_bp=instrument.band_bp)
        elif isinstance(event, TransferredOut | TransferredIn):
            self.transfers.posted(shard, event)
        elif isinstance(event, TradingDayEnded):
            self.names.end_day(self.shards[shard].shard_id)
            self.requests.end_day(self.shards[shard].shard_id)

    # -- reading ------------------------------------------------------------------------------------------------------

    def has_answered(self, shard: str, session_id: int, epoch: int, msg_seq_num: int) -> bool:
        """Tell whether `shard` has answered a message that is for it already.

        A shard is given the messages of a session in the order of their numbers.
        """
        known = self.shards[shard].answered.get(session_id)
        return known is not None and known[0] == epoch and msg_seq_num <= known[1]

    def numbers_to_forget(self, session_id: int, epoch: int, next_target: int) -> ForgetNumbers | None:
        """Return the command that forgets what cannot come again, where the journal expects `next_target`.

        Where that is nothing, as a lower number has no answer yet, it is looked at again when there are twice as many.
        """
        self.crowded.pop(session_id, None)
        refused = self.refused[session_id]
        if refused.epoch == epoch and min(refused.numbers) < next_target:
            return ForgetNumbers(session_id, epoch, next_target)
        refused.look_at = 2 * len(refused.numbers)
        return None

    def is_answered_here(self, session_id: int, epoch: int, msg_seq_num: int) -> bool:
        """Tell whether the gateway itself has answered a message already."""
        refused = self.refused.get(session_id)
        return refused is not None and refused.epoch == epoch and msg_seq_num in refused.numbers

    @property
    def instruments(self) -> Mapping[int, Instrument]:
        """Instruments by id, whatever shard they live on."""
        return self.local.instruments

    @property
    def accounts(self) -> Mapping[int, Account]:
        """Accounts by id."""
        return self.local.accounts

    @property
    def sessions(self) -> Mapping[int, Session]:
        """FIX sessions by id."""
        return self.local.sessions

    @property
    def users(self) -> Users:
        """What users have changed by themselves."""
        return self.local.users

    @property
    def planned_stop(self) -> PlannedStop:
        """The stop that is planned."""
        return self.local.planned_stop

    @property
    def risk(self) -> Risk:
        """The risk engine of the definitions; it holds no money and no limits."""
        return self.local.risk

    @property
    def has_work(self) -> bool:
        """Whether answers to a mass status are left to tell. All other work that is left over is the shard's own."""
        return self.requests.has_work

    @property
    def next_expiry_ns(self) -> int:
        """Never: orders are the shards' own."""
        return 0

    @property
    def accepting(self) -> bool:
        """Whether the gateway lets new orders through, as SetAcceptance said last."""
        return self.local.operations.accepting

    def depth(self, instrument_id: int, levels: int) -> tuple[Depth, Depth]:
        """Return bids and asks as (price, quantity, order count), best first; `levels` 0 returns all."""
        view = self.depths.get(instrument_id)
        if view is None:
            return [], []
        bids = [(-key, qty, count) for key, (qty, count) in view.top(BID, levels).items()]
        return bids, [(key, qty, count) for key, (qty, count) in view.top(OFFER, levels).items()]

    def indicative(self, instrument_id: int) -> tuple[int, int] | None:
        """Return price and quantity that were told last of what an instrument's auction would execute."""
        return self.local.indicative(instrument_id)

    def statistics(self) -> dict[str, int]:
        """Return counts of what the gateway holds."""
        known = self.local.statistics()
        return {key: known[key] for key in ("seq", "instruments", "sessions")} | {
            f"batches of {name}": cursor.batch_seq for name, cursor in self.shards.items()
        }

    # -- state --------------------------------------------------------------------------------------------------------

    def snapshot(self) -> bytes:
        """Return the complete state as bytes, the same for the same state."""
        return relay_state.dump(self)

    def load(self, data: bytes) -> None:
        """Take the state of a snapshot, as an engine that has seen nothing.

        Raises:
            ValueError, msgspec.DecodeError: the bytes are not a state of this version.
        """
        relay_state.load(self, data)

    def state_hash(self) -> bytes:
        """Return 16 bytes that are equal for equal states."""
        return hashlib.blake2b(self.snapshot(), digest_size=STATE_HASH_BYTES).digest()


GatewayEngine: TypeAlias = Engine | RelayEngine
"""What the exchange loop applies its commands to: the market itself, or the record of what shards have said."""
