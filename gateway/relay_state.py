"""The layout of the state of a gateway before shards: what its snapshots hold, and how they are read again."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import msgspec

from gateway.depth_view import DepthView
from gateway.shard_asked import Asked
from gateway.shard_instructions import Instructed, Instructions
from gateway.shard_names import NamesRecord
from gateway.shard_transfers import Transfer, Transfers
from matching.commands import Instruction

if TYPE_CHECKING:
    from gateway.relay import RelayEngine

RELAY_STATE_VERSION: Final = 4
"""Version that this program writes. Version 1 has no instructions and no names, 2 no requests, 3 no quotes over several
shards; all are read.
"""
REFUSED_NUMBERS_LOOK: Final = 4_096
"""From so many numbers of a session on it is looked at which of them cannot come again."""


class ShardCursor:
    """What the gateway has of one shard: its last batch, and by session the epoch and number that it answered last."""

    __slots__ = ("answered", "batch_seq", "shard_id")

    def __init__(self, shard_id: int, batch_seq: int = 0) -> None:
        self.shard_id = shard_id
        self.batch_seq = batch_seq
        self.answered: dict[int, tuple[int, int]] = {}


class Refused:
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
    """`refused`: session id, epoch, numbers. `depths`: instrument id, bids, asks. `engaged`: kill switches, and limits
    that are overridden. `quoted`: session id, epoch, number. All ascending.
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
    requests: list[Asked] = []
    quoted: list[tuple[int, int, int]] = []


_decoder: Final = msgspec.msgpack.Decoder(_State)
_encoder: Final = msgspec.msgpack.Encoder()


def dump(relay: "RelayEngine") -> bytes:
    """Return the complete state as bytes, the same for the same state."""
    state = _State(
        RELAY_STATE_VERSION,
        relay.local.snapshot(),
        [
            _Shard(
                name,
                cursor.shard_id,
                cursor.batch_seq,
                [(session_id, *numbers) for session_id, numbers in sorted(cursor.answered.items())],
            )
            for name, cursor in sorted(relay.shards.items())
        ],
        [(session_id, each.epoch, sorted(each.numbers)) for session_id, each in sorted(relay.refused.items())],
        [(instrument_id, *relay.depth(instrument_id, 0)) for instrument_id in sorted(relay.depths)],
        [relay.transfers.by_id[key] for key in sorted(relay.transfers.by_id)],
        sorted(relay.homes.items()),
        relay.instructions.last_id,
        list(relay.instructions.waiting.values()),
        relay.instructions.engaged(),
        *relay.names.records(),
        relay.requests.records(),
        [(session_id, *number) for session_id, number in sorted(relay.requests.quoted.items())],
    )
    return _encoder.encode(state)


def load(relay: "RelayEngine", data: bytes) -> None:
    """Give an engine that has seen nothing the state of a snapshot.

    Raises:
        ValueError, msgspec.DecodeError: the bytes are not a state of this version.
    """
    state = _decoder.decode(data)
    if not 1 <= state.version <= RELAY_STATE_VERSION:
        found = f"found {state.version}"
        raise ValueError(f"expected the state of a relay of version 1 to {RELAY_STATE_VERSION}, {found}")
    relay.local.load(state.local)
    for shard in state.shards:
        cursor = relay.shards[shard.name] = ShardCursor(shard.shard_id, shard.batch_seq)
        cursor.answered = {session_id: (epoch, number) for session_id, epoch, number in shard.answered}
    relay.refused = {session_id: Refused(epoch, numbers) for session_id, epoch, numbers in state.refused}
    relay.homes = dict(state.homes)
    relay.transfers = Transfers(state.transfers)
    relay.instructions = Instructions(state.last_instruction_id, state.instructions, state.engaged)
    relay.names.load(state.names, state.staying_orders)
    relay.depths = {instrument_id: DepthView(0, bids, asks) for instrument_id, bids, asks in state.depths}
    relay.requests.load(state.requests)
    relay.requests.quoted = {session_id: (epoch, number) for session_id, epoch, number in state.quoted}
