"""The one place where commands, events and session states become bytes, and bytes become them again.

MessagePack by msgspec, in the layout of the records themselves: arrays with a leading tag. Equal records give equal
bytes on every machine, which is what replay compares. Owns the layout of SessionState; refuses what the types do not
allow.
"""

import sys
from array import array
from collections.abc import Sequence
from typing import Final

import msgspec

from matching.commands import Command
from matching.events import Event

# Event counts are stored as native 32-bit words and read the same way; the journal is defined as little-endian.
assert sys.byteorder == "little", "the journal's format is little-endian and so must the machine be"
COUNT_BYTES: Final = 4
assert array("I").itemsize == COUNT_BYTES


class Unsent(msgspec.Struct, array_like=True, frozen=True):
    """Reports of an epoch that has ended which no socket took: those from number `begin` on are still to be sent.

    `poss_resend` says which of them: those that stand there with PossResend(97)=Y, as a still older epoch had left
    them, or those that this epoch said for the first time.
    """

    epoch: int
    begin: int
    poss_resend: bool


class _SessionNumbers(msgspec.Struct, array_like=True):
    """The fields that session states of every version begin with; see SessionState."""

    session_id: int
    name: str
    comp_id: str
    epoch: int
    created_s: int
    next_sender: int
    target_epoch: int
    next_target: int
    written_through: int
    reserved_through: int
    drop_copy_seq: int


class SessionState(_SessionNumbers, array_like=True):
    """What a FIX session needs to go on after a restart; journaled with the batch in which it changed.

    `next_sender` and `next_target` are the next MsgSeqNum(34) out and in, the latter with its own `target_epoch`,
    because input is committed later than numbers of output. `written_through` is the last number handed to a socket,
    `reserved_through` the last one reserved for messages that are not stored. `drop_copy_seq` is the last batch that
    was reported to this session, where it is a drop copy. `anew` is what epochs that have ended left to be sent in the
    present one, in the order in which it happened; who resets faster than that is sent is cut (gateway.resends).
    """

    anew: tuple[Unsent, ...] = ()


class _SessionState2(_SessionNumbers, array_like=True):
    """The layout before `anew`: one epoch at most, 0 for none. In the oldest records the last two fields are absent."""

    anew_epoch: int = 0
    anew_from: int = 0


_encoder: Final = msgspec.msgpack.Encoder()
_commands: Final = msgspec.msgpack.Decoder(list[Command])
_events: Final = msgspec.msgpack.Decoder(list[Event])
_session: Final = msgspec.msgpack.Decoder(SessionState)
_session_2: Final = msgspec.msgpack.Decoder(_SessionState2)


def encode_commands(commands: Sequence[Command]) -> bytes:
    """Equal commands give equal bytes."""
    return _encoder.encode(commands)


def decode_commands(data: bytes | memoryview) -> list[Command]:
    """Raises msgspec.DecodeError for bytes that are no commands; a checksum is verified before this is called."""
    return _commands.decode(data)


def list_header_bytes(count: int) -> int:
    """Return how many bytes of an encoded list of `count` records come before the first of them."""
    if count < 16:
        return 1
    return 3 if count < 65_536 else 5


def encode_events(events: Sequence[Event]) -> bytes:
    """Equal events give equal bytes; a replay compares them."""
    return _encoder.encode(events)


def decode_events(data: bytes | memoryview) -> list[Event]:
    """Raises msgspec.DecodeError for bytes that are no events; a checksum is verified before this is called."""
    return _events.decode(data)


def encode_event_counts(counts: Sequence[int]) -> bytes:
    """How many events each command of a batch gave, in the order of the commands."""
    return array("I", counts).tobytes()


def decode_event_counts(data: bytes | memoryview) -> "array[int]":
    counts = array("I")
    counts.frombytes(data)
    return counts


def encode_session(state: SessionState) -> bytes:
    return _encoder.encode(state)


def decode_session(data: bytes | memoryview) -> SessionState:
    return _session.decode(data)


def decode_session_before_3(data: bytes | memoryview) -> SessionState:
    """Read a session's state as records of format version 1 and 2 hold it."""
    *fields, anew_epoch, anew_from = msgspec.structs.astuple(_session_2.decode(data))
    state = SessionState(*fields)
    if anew_epoch:
        state.anew = (Unsent(anew_epoch, anew_from, True), Unsent(anew_epoch, anew_from, False))
    return state
