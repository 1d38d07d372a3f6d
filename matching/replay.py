"""Replay: applies journaled batches to an engine and compares every event with the one that is stored.

What the engine has to offer for that is the protocol ReplayEngine. Owns the comparison; reads nothing itself.
"""

from array import array
from collections.abc import Callable
from itertools import zip_longest
from typing import Protocol, TypeAlias, TypeVar

from matching.codec import encode_events
from matching.commands import Command
from matching.events import Event
from matching.journal import StoredBatch
from matching.types import SeqNum


class ReplayEngine(Protocol):
    """What replay, recovery and snapshots ask of an engine."""

    def apply(self, seq: SeqNum, time_ns: int, command: Command, out: list[Event]) -> None:
        """Append the events of one command."""

    def snapshot(self) -> bytes:
        """The complete state, the same bytes for the same state."""

    def load(self, data: bytes) -> None:
        """Take over the state of a snapshot, as an engine that has seen nothing.

        Raises:
            ValueError, msgspec.DecodeError: this engine does not know states of that version.
        """

    def state_hash(self) -> bytes:
        """16 bytes that stand for the state."""

    @property
    def has_work(self) -> bool:
        """True while a journaled ContinueWork has to follow."""


EngineT = TypeVar("EngineT", bound=ReplayEngine)
EngineFactory: TypeAlias = Callable[[], EngineT]
"""Makes an engine that has seen no command."""


class RecoveryError(Exception):
    """The journal and the snapshots do not lead to a state that can be trusted."""


class ReplayMismatchError(RecoveryError):
    """A replay gave another event than the one that is stored: another program, or a defect of determinism."""

    def __init__(self, *, batch_seq: int, seq: int, expected: str, found: str) -> None:
        self.batch_seq = batch_seq
        self.seq = seq
        self.expected = expected
        self.found = found
        super().__init__(f"replay of batch {batch_seq}, command {seq}: expected {expected}, found {found}")


def replay_batch(engine: ReplayEngine, batch: StoredBatch) -> None:
    """Apply every command of a batch and compare the events; an older program's may lack fields, which have defaults.

    Raises:
        ReplayMismatchError: names the first command whose events differ; the engine must not be used after it.
    """
    events: list[Event] = []
    counts = array("I")
    for seq, command in enumerate(batch.decode_commands(), batch.first_seq):
        before = len(events)
        engine.apply(SeqNum(seq), batch.time_ns, command, events)
        counts.append(len(events) - before)
    stored_counts = batch.event_counts
    same_events = encode_events(events) == batch.events if batch.event_count else not events
    if not same_events:
        # A record of an older program has fewer fields; the same events have other bytes then.
        same_events = batch.decode_events() == events
    if not same_events or (stored_counts and counts != stored_counts):
        raise _mismatch(batch, events, counts)


def _mismatch(batch: StoredBatch, found: list[Event], counts: "array[int]") -> ReplayMismatchError:
    """Name the first command whose events differ, and the first of them that does."""
    expected = batch.decode_events()
    stored_counts = batch.event_counts or counts
    at = index = 0
    while index < len(counts) - 1 and (
        counts[index] == stored_counts[index] and expected[at : at + counts[index]] == found[at : at + counts[index]]
    ):
        at += counts[index]
        index += 1
    # Without stored counts a command that gave more or fewer events shows where the events of the next ones differ.
    ends = at + stored_counts[index], at + counts[index]
    pairs = zip_longest(expected[at : ends[0]], found[at : ends[1]])
    at += next((offset for offset, (one, other) in enumerate(pairs) if one != other), 0)
    return ReplayMismatchError(
        batch_seq=batch.batch_seq,
        seq=batch.first_seq + index,
        expected=_text(expected[: ends[0]], at),
        found=_text(found[: ends[1]], at),
    )


def _text(events: list[Event], at: int) -> str:
    return repr(events[at]) if at < len(events) else "no event"
