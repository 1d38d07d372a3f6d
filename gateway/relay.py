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
from matching.book import Depth
from matching.codec import decode_events
from matching.commands import (
    CancelOrder,
    Command,
    DefineShard,
    MassCancel,
    RefuseCancel,
    RefuseMessage,
    RefuseOrder,
    RelayBatch,
    ReplaceOrder,
    RequestMassStatus,
    RequestStatus,
    RequestTransfer,
)
from matching.engine import STATE_HASH_BYTES, Engine
from matching.events import (
    CommandRefused,
    Event,
    Execution,
    InstrumentDefined,
    MessageUnavailable,
    TransferredIn,
    TransferredOut,
)
from matching.instrument import Instrument
from matching.order import Account, Session
from matching.risk_seam import Risk

RELAY_STATE_VERSION: Final = 1
REQUESTED: Final = "requested"
UNDER_WAY: Final = "under way"
DONE: Final = "done"
REFUSED: Final = "refused"
STUCK: Final = "taken but not given"
"""The giving shard has let go what the taking one refuses: for an operator to look at."""
OPEN_STATES: Final = (REQUESTED, UNDER_WAY)
NUMBERED: Final = (
    RefuseOrder,
    RefuseCancel,
    CancelOrder,
    ReplaceOrder,
    RequestMassStatus,
    RequestStatus,
    MassCancel,
    RequestMassStatus,
)
"""Commands of a peer that the gateway answers itself."""


class ShardCursor:
    """What the gateway has of one shard: its last batch, and by session the epoch and number that it answered last."""

    __slots__ = ("answered", "batch_seq", "shard_id")

    def __init__(self, shard_id: int, batch_seq: int = 0) -> None:
        self.shard_id = shard_id
        self.batch_seq = batch_seq
        self.answered: dict[int, tuple[int, int]] = {}


class Transfer(msgspec.Struct, array_like=True):
    """A transfer between shards and how far it is: see REQUESTED and the states after it."""

    command: RequestTransfer
    state: str
    text: str = ""


class _Refused:
    """The numbers of one session's epoch that were answered here."""

    __slots__ = ("epoch", "numbers")

    def __init__(self, epoch: int, numbers: Iterable[int] = ()) -> None:
        self.epoch = epoch
        self.numbers = set(numbers)


class _Shard(msgspec.Struct, array_like=True):
    """`answered`: session id, epoch, number; ascending."""

    name: str
    shard_id: int
    batch_seq: int
    answered: list[tuple[int, int, int]]


class _State(msgspec.Struct, array_like=True):
    """`refused`: session id, epoch, numbers. `depths`: instrument id, bids, asks. All ascending."""

    version: int
    local: bytes
    shards: list[_Shard]
    refused: list[tuple[int, int, list[int]]]
    depths: list[tuple[int, list[tuple[int, int, int]], list[tuple[int, int, int]]]]
    transfers: list[Transfer]
    homes: list[tuple[str, str]]


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
        self.transfers: dict[str, Transfer] = {}
        self.due: list[str] = []
        """Transfers whose next step is to be sent: no part of the state, a step may be sent once too often."""
        self._depths: dict[int, DepthView] = {}

    # -- commands -----------------------------------------------------------------------------------------------------

    def apply(self, seq: int, time_ns: int, command: Command, out: list[Event]) -> None:
        """Apply one command and append its events; of a shard's batch, these are the shard's own."""
        if type(command) is RelayBatch:
            self._take(command, out)
            # The definitions' engine counts every command.
            self._local.seq, self._local.time_ns = seq, time_ns
            return
        if isinstance(command, DefineShard | RequestTransfer | RefuseMessage):
            self._apply_own(command, out)
            self._local.seq, self._local.time_ns = seq, time_ns
            return
        if isinstance(command, NUMBERED):
            self._answered_here(command)
        self._local.apply(seq, time_ns, command, out)

    def _apply_own(self, command: DefineShard | RequestTransfer | RefuseMessage, out: list[Event]) -> None:
        if isinstance(command, DefineShard):
            self._define_shard(command, out)
        elif isinstance(command, RequestTransfer):
            self._request_transfer(command, out)
        else:
            self._answered_here(command)
            out.append(
                MessageUnavailable(
                    command.session_id,
                    command.msg_seq_num,
                    command.ref_msg_type,
                    command.ref_id,
                    command.text,
                    command.code,
                )
            )

    def _answered_here(
        self,
        command: RefuseOrder
        | RefuseCancel
        | RefuseMessage
        | CancelOrder
        | ReplaceOrder
        | RequestStatus
        | MassCancel
        | RequestMassStatus,
    ) -> None:
        refused = self._refused.get(command.session_id)
        if refused is None or refused.epoch != command.epoch:
            refused = self._refused[command.session_id] = _Refused(command.epoch)
        refused.numbers.add(command.msg_seq_num)

    def _define_shard(self, command: DefineShard, out: list[Event]) -> None:
        known = self.shards.get(command.name)
        if known is not None and known.shard_id != command.shard_id:
            out.append(CommandRefused("DefineShard", f"shard {command.name} has the id {known.shard_id}"))
        elif known is None:
            self.shards[command.name] = ShardCursor(command.shard_id)

    def _request_transfer(self, command: RequestTransfer, out: list[Event]) -> None:
        known = self.transfers.get(command.transfer_id)
        if known is not None and known.command != msgspec.structs.replace(
            command, by=known.command.by, reason=known.command.reason
        ):
            out.append(CommandRefused("RequestTransfer", f"transfer {command.transfer_id} is another: {known.command}"))
        elif known is None:
            self.transfers[command.transfer_id] = Transfer(command, REQUESTED)
            self.due.append(command.transfer_id)

    def _move(self, shard: str, event: TransferredOut | TransferredIn) -> None:
        transfer = self.transfers.get(event.transfer_id)
        if transfer is None:
            return
        if isinstance(event, TransferredOut) and transfer.state == REQUESTED and shard == transfer.command.from_shard:
            transfer.state = UNDER_WAY
            self.due.append(event.transfer_id)
        elif isinstance(event, TransferredIn) and transfer.state == UNDER_WAY and shard == transfer.command.to_shard:
            transfer.state = DONE

    def _take(self, command: RelayBatch, out: list[Event]) -> None:
        cursor = self.shards[command.shard]
        assert command.shard_batch_seq > cursor.batch_seq, f"batch {command.shard_batch_seq} after {cursor.batch_seq}"
        cursor.batch_seq = command.shard_batch_seq
        for session_id, epoch, msg_seq_num in command.answered:
            cursor.answered[session_id] = (epoch, msg_seq_num)
        events = decode_events(command.events) if command.events else []
        depths = self._depths
        touched: set[int] = set()
        for event in events:
            if type(event) is Execution and event.instrument_id:
                view = depths.get(event.instrument_id)
                if view is None:
                    view = depths[event.instrument_id] = DepthView(0, (), ())
                view.fold(event)
                touched.add(event.instrument_id)
            elif isinstance(event, InstrumentDefined):
                self.homes[event.symbol] = command.shard
            elif isinstance(event, TransferredOut | TransferredIn):
                self._move(command.shard, event)
        for transfer_id, text in command.refused_transfers:
            transfer = self.transfers.get(transfer_id)
            if transfer is not None and transfer.state in OPEN_STATES:
                transfer.state = REFUSED if transfer.state == REQUESTED else STUCK
                transfer.text = text
        for instrument_id in touched:
            depths[instrument_id].take_changes()
        out += events

    # -- reading ------------------------------------------------------------------------------------------------------

    def is_answered(self, shard: str, session_id: int, epoch: int, msg_seq_num: int) -> bool:
        """Tell whether a message that is for `shard` was answered already, by it or in its place by the gateway.

        A shard is given the messages of a session in the order of their numbers.
        """
        known, highest = self.shards[shard].answered.get(session_id, (0, 0))
        return (known == epoch and msg_seq_num <= highest) or self.is_answered_here(session_id, epoch, msg_seq_num)

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
            [self.transfers[key] for key in sorted(self.transfers)],
            sorted(self.homes.items()),
        )
        return _encoder.encode(state)

    def load(self, data: bytes) -> None:
        """Take the state of a snapshot, as an engine that has seen nothing.

        Raises:
            ValueError, msgspec.DecodeError: the bytes are not a state of this version.
        """
        state = _decoder.decode(data)
        if state.version != RELAY_STATE_VERSION:
            raise ValueError(f"expected the state of a relay of version {RELAY_STATE_VERSION}, found {state.version}")
        self._local.load(state.local)
        for shard in state.shards:
            cursor = self.shards[shard.name] = ShardCursor(shard.shard_id, shard.batch_seq)
            cursor.answered = {session_id: (epoch, number) for session_id, epoch, number in shard.answered}
        self._refused = {session_id: _Refused(epoch, numbers) for session_id, epoch, numbers in state.refused}
        self.homes = dict(state.homes)
        self.transfers = {each.command.transfer_id: each for each in state.transfers}
        self.due = [key for key, each in self.transfers.items() if each.state in OPEN_STATES]
        self._depths = {instrument_id: DepthView(0, bids, asks) for instrument_id, bids, asks in state.depths}

    def state_hash(self) -> bytes:
        """Return 16 bytes that are equal for equal states."""
        return hashlib.blake2b(self.snapshot(), digest_size=STATE_HASH_BYTES).digest()


GatewayEngine: TypeAlias = Engine | RelayEngine
"""What the exchange loop applies its commands to: the market itself, or the record of what shards have said."""
