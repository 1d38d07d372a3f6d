"""The gateway's engine where markets are matched in shards: it matches nothing, and keeps what shards have said.

Everything that a shard answers is journaled here too, so that reports, drop copies and market data are drawn from one
journal, in one order, whatever becomes of a shard. What can be refused without a shard is refused here. A state machine
as the matching engine is one: snapshots, recovery, replay and `outcry verify` treat both alike. Owner: the matching
thread.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

import msgspec

from gateway.depth_view import BID, OFFER, DepthView
from gateway.shard_instructions import Instructed, Instructions
from gateway.shard_names import NamesRecord, OrderNames
from gateway.shard_transfers import Transfer, Transfers
from matching.book import Depth
from matching.codec import decode_events
from matching.commands import (
    CancelOrder,
    CancelQuotes,
    Command,
    DefineShard,
    ForgetNumbers,
    Instruction,
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
)
from matching.engine import STATE_HASH_BYTES, Engine
from matching.events import (
    AuctionEnded,
    CommandRefused,
    Event,
    Execution,
    IndicativePrice,
    InstrumentDefined,
    MessageUnavailable,
    OrderRefused,
    ShardsInstructed,
    TradingDayEnded,
    TradingPhaseSet,
    TransferredIn,
    TransferredOut,
)
from matching.instrument import Instrument
from matching.order import Account, Session
from matching.risk_seam import Risk
from matching.types import EXEC_TRADE

RELAY_STATE_VERSION: Final = 2
"""Version that this program writes. Version 1 has no instructions and no names, and is read."""
REFUSED_NUMBERS_LOOK: Final = 4_096
"""From so many numbers of a session on it is looked at which of them cannot come again."""
NUMBERED: Final = (
    RefuseOrder,
    RefuseOrderList,
    RefuseCancel,
    CancelOrder,
    ReplaceOrder,
    RequestStatus,
    MassCancel,
    RequestMassStatus,
    MassQuote,
    CancelQuotes,
)
"""Commands of a peer that the gateway answers itself."""
OWN: Final = (DefineShard, RequestTransfer, RefuseMessage, InstructShards, ForgetNumbers)


class ShardCursor:
    """What the gateway has of one shard: its last batch, and by session the epoch and number that it answered last."""

    __slots__ = ("answered", "batch_seq", "shard_id")

    def __init__(self, shard_id: int, batch_seq: int = 0) -> None:
        self.shard_id = shard_id
        self.batch_seq = batch_seq
        self.answered: dict[int, tuple[int, int]] = {}


class _Refused:
    """The numbers of one session's epoch that were answered here. `look_at`: how many are worth a look."""

    __slots__ = ("epoch", "look_at", "numbers")

    def __init__(self, epoch: int, numbers: Iterable[int] = ()) -> None:
        self.epoch = epoch
        self.numbers = set(numbers)
        self.look_at = max(REFUSED_NUMBERS_LOOK, 2 * len(self.numbers))


class _Shard(msgspec.Struct, array_like=True):
    """`answered`: session id, epoch, number; ascending."""

    name: str
    shard_id: int
    batch_seq: int
    answered: list[tuple[int, int, int]]


class _State(msgspec.Struct, array_like=True):
    """`refused`: session id, epoch, numbers. `depths`: instrument id, bids, asks. `engaged`: kill switches. All
    ascending.
    """

    version: int
    local: bytes
    shards: list[_Shard]
    refused: list[tuple[int, int, list[int]]]
    depths: list[tuple[int, list[tuple[int, int, int]], list[tuple[int, int, int]]]]
    transfers: list[Transfer]
    homes: list[tuple[str, str]]
    last_instruction_id: int = 0
    instructions: list[Instructed] = []
    engaged: list[Instruction] = []
    names: list[NamesRecord] = []
    staying_orders: list[int] = []


_decoder: Final = msgspec.msgpack.Decoder(_State)
_encoder: Final = msgspec.msgpack.Encoder()


class RelayEngine:
    """Instruments, accounts and sessions by id as the matching engine has them; cursors and depth of every shard."""

    def __init__(self, risk: Risk) -> None:
        self._local = Engine(risk)
        self.shards: dict[str, ShardCursor] = {}
        self._refused: dict[int, _Refused] = {}
        self.homes: dict[str, str] = {}
        """The shard of every instrument that a shard has said to have, by symbol."""
        self.transfers = Transfers()
        self.instructions = Instructions()
        self.names = OrderNames()
        self.crowded: dict[int, None] = {}
        """Sessions of which many numbers were answered here: no part of the state, it asks for ForgetNumbers."""
        self._depths: dict[int, DepthView] = {}

    # -- commands -----------------------------------------------------------------------------------------------------

    def apply(self, seq: int, time_ns: int, command: Command, out: list[Event]) -> None:
        """Apply one command and append its events; of a shard's batch, these are the shard's own."""
        if type(command) is RelayBatch:
            self._take(command, out)
            # The definitions' engine counts every command.
            self._local.seq, self._local.time_ns = seq, time_ns
            return
        if isinstance(command, OWN):
            self._apply_own(command, out)
            self._local.seq, self._local.time_ns = seq, time_ns
            return
        if isinstance(command, NUMBERED):
            self._answered_here(command)
        self._local.apply(seq, time_ns, command, out)

    def _apply_own(
        self,
        command: DefineShard | RequestTransfer | RefuseMessage | InstructShards | ForgetNumbers,
        out: list[Event],
    ) -> None:
        if isinstance(command, DefineShard):
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
        instruction_id = self.instructions.instruct(command.shards, command.instruction)
        if instruction_id:
            out.append(ShardsInstructed(instruction_id, command.shards))
        else:
            text = f"{len(self.instructions.waiting)} instructions wait for shards that are down"
            out.append(CommandRefused(type(command.instruction).__name__, text))

    def _answered_here(
        self,
        command: RefuseOrder
        | RefuseOrderList
        | RefuseCancel
        | RefuseMessage
        | CancelOrder
        | ReplaceOrder
        | RequestStatus
        | MassCancel
        | RequestMassStatus
        | MassQuote
        | CancelQuotes,
    ) -> None:
        refused = self._refused.get(command.session_id)
        if refused is None or refused.epoch != command.epoch:
            refused = self._refused[command.session_id] = _Refused(command.epoch)
        refused.numbers.add(command.msg_seq_num)
        if len(refused.numbers) >= refused.look_at:
            self.crowded[command.session_id] = None

    def _forget_numbers(self, command: ForgetNumbers) -> None:
        refused = self._refused.get(command.session_id)
        if refused is not None and refused.epoch == command.epoch:
            left = [number for number in refused.numbers if number >= command.below]
            self._refused[command.session_id] = _Refused(command.epoch, left)
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
        for session_id, epoch, msg_seq_num in command.answered:
            cursor.answered[session_id] = (epoch, msg_seq_num)
        events = decode_events(command.events) if command.events else []
        depths = self._depths
        sessions, names = self._local.sessions, self.names
        touched: set[int] = set()
        for event in events:
            if type(event) is Execution and event.instrument_id:
                view = depths.get(event.instrument_id)
                if view is None:
                    view = depths[event.instrument_id] = DepthView(0, (), ())
                view.fold(event)
                touched.add(event.instrument_id)
                if event.terms is not None and event.terms.quote is not None:
                    # Nothing reaches a quote by its QuoteID.
                    continue
                if event.exec_type != EXEC_TRADE:
                    names.fold(sessions[event.session_id].comp_id, event, cursor.shard_id)
                elif not event.leaves_qty:
                    names.filled(event.order_id)
            elif isinstance(event, TradingPhaseSet | IndicativePrice | AuctionEnded):
                self._local.operations.phases.follow(event)
            else:
                self._note(command.shard, event)
        for transfer_id, text in command.refused_transfers:
            self.transfers.refused(command.shard, transfer_id, text)
        self.instructions.obeyed(command.shard, command.obeyed)
        for instrument_id in touched:
            depths[instrument_id].take_changes()
        out += events

    def _note(self, shard: str, event: Event) -> None:
        """Take what a shard has said beside the steps of orders."""
        if isinstance(event, OrderRefused):
            self.names.refused(self._local.sessions[event.session_id].comp_id, event, self.shards[shard].shard_id)
        elif isinstance(event, InstrumentDefined):
            self.homes[event.symbol] = shard
        elif isinstance(event, TransferredOut | TransferredIn):
            self.transfers.posted(shard, event)
        elif isinstance(event, TradingDayEnded):
            self.names.end_day(self.shards[shard].shard_id)

    # -- reading ------------------------------------------------------------------------------------------------------

    def is_answered(self, shard: str, session_id: int, epoch: int, msg_seq_num: int) -> bool:
        """Tell whether a message that is for `shard` was answered already, by it or in its place by the gateway.

        A shard is given the messages of a session in the order of their numbers.
        """
        known, highest = self.shards[shard].answered.get(session_id, (0, 0))
        return (known == epoch and msg_seq_num <= highest) or self.is_answered_here(session_id, epoch, msg_seq_num)

    def numbers_to_forget(self, session_id: int, epoch: int, next_target: int) -> ForgetNumbers | None:
        """Return the command that forgets what cannot come again, where the journal expects `next_target`.

        Where that is nothing, as a lower number has no answer yet, it is looked at again when there are twice as many.
        """
        self.crowded.pop(session_id, None)
        refused = self._refused[session_id]
        if refused.epoch == epoch and min(refused.numbers) < next_target:
            return ForgetNumbers(session_id, epoch, next_target)
        refused.look_at = 2 * len(refused.numbers)
        return None

    def is_answered_here(self, session_id: int, epoch: int, msg_seq_num: int) -> bool:
        """Tell whether the gateway itself has answered a message already."""
        refused = self._refused.get(session_id)
        return refused is not None and refused.epoch == epoch and msg_seq_num in refused.numbers

    @property
    def instruments(self) -> Mapping[int, Instrument]:
        """Instruments by id, whatever shard they live on."""
        return self._local.instruments

    @property
    def accounts(self) -> Mapping[int, Account]:
        """Accounts by id."""
        return self._local.accounts

    @property
    def sessions(self) -> Mapping[int, Session]:
        """FIX sessions by id."""
        return self._local.sessions

    @property
    def risk(self) -> Risk:
        """The risk engine of the definitions; it holds no money and no limits."""
        return self._local.risk

    @property
    def has_work(self) -> bool:
        """Never: work that is left over is the shard's own."""
        return False

    @property
    def next_expiry_ns(self) -> int:
        """Never: orders are the shards' own."""
        return 0

    @property
    def accepting(self) -> bool:
        """Whether the gateway lets new orders through, as SetAcceptance said last."""
        return self._local.accepting

    def depth(self, instrument_id: int, levels: int) -> tuple[Depth, Depth]:
        """Return bids and asks as (price, quantity, order count), best first; `levels` 0 returns all."""
        view = self._depths.get(instrument_id)
        if view is None:
            return [], []
        bids = [(-key, qty, count) for key, (qty, count) in view.top(BID, levels).items()]
        return bids, [(key, qty, count) for key, (qty, count) in view.top(OFFER, levels).items()]

    def indicative(self, instrument_id: int) -> tuple[int, int] | None:
        """Return price and quantity that were told last of what an instrument's auction would execute."""
        return self._local.indicative(instrument_id)

    def statistics(self) -> dict[str, int]:
        """Return counts of what the gateway holds."""
        known = self._local.statistics()
        return {key: known[key] for key in ("seq", "instruments", "sessions")} | {
            f"batches of {name}": cursor.batch_seq for name, cursor in self.shards.items()
        }

    # -- state --------------------------------------------------------------------------------------------------------

    def snapshot(self) -> bytes:
        """Return the complete state as bytes, the same for the same state."""
        state = _State(
            RELAY_STATE_VERSION,
            self._local.snapshot(),
            [
                _Shard(
                    name,
                    cursor.shard_id,
                    cursor.batch_seq,
                    [(session_id, *numbers) for session_id, numbers in sorted(cursor.answered.items())],
                )
                for name, cursor in sorted(self.shards.items())
            ],
            [(session_id, each.epoch, sorted(each.numbers)) for session_id, each in sorted(self._refused.items())],
            [(instrument_id, *self.depth(instrument_id, 0)) for instrument_id in sorted(self._depths)],
            [self.transfers.by_id[key] for key in sorted(self.transfers.by_id)],
            sorted(self.homes.items()),
            self.instructions.last_id,
            list(self.instructions.waiting.values()),
            self.instructions.engaged(),
            *self.names.records(),
        )
        return _encoder.encode(state)

    def load(self, data: bytes) -> None:
        """Take the state of a snapshot, as an engine that has seen nothing.

        Raises:
            ValueError, msgspec.DecodeError: the bytes are not a state of this version.
        """
        state = _decoder.decode(data)
        if not 1 <= state.version <= RELAY_STATE_VERSION:
            found = f"found {state.version}"
            raise ValueError(f"expected the state of a relay of version 1 to {RELAY_STATE_VERSION}, {found}")
        self._local.load(state.local)
        for shard in state.shards:
            cursor = self.shards[shard.name] = ShardCursor(shard.shard_id, shard.batch_seq)
            cursor.answered = {session_id: (epoch, number) for session_id, epoch, number in shard.answered}
        self._refused = {session_id: _Refused(epoch, numbers) for session_id, epoch, numbers in state.refused}
        self.homes = dict(state.homes)
        self.transfers = Transfers(state.transfers)
        self.instructions = Instructions(state.last_instruction_id, state.instructions, state.engaged)
        self.names.load(state.names, state.staying_orders)
        self._depths = {instrument_id: DepthView(0, bids, asks) for instrument_id, bids, asks in state.depths}

    def state_hash(self) -> bytes:
        """Return 16 bytes that are equal for equal states."""
        return hashlib.blake2b(self.snapshot(), digest_size=STATE_HASH_BYTES).digest()


GatewayEngine: TypeAlias = Engine | RelayEngine
"""What the exchange loop applies its commands to: the market itself, or the record of what shards have said."""
