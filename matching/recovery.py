"""Recovery: the newest snapshot that the journal vouches for, then a replay of all that came after it.

Refuses to go on where a record is damaged or an event comes out differently: a wrong book is worse than none.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Generic

import msgspec

from matching.codec import SessionState
from matching.fault_points import passed
from matching.journal import JournalReader, Position
from matching.replay import EngineFactory, EngineT, RecoveryError, ReplayMismatchError, replay_batch
from matching.snapshot_files import Snapshot, SnapshotError, read_snapshot, snapshot_paths

__all__ = ["RecoveredState", "RecoveryError", "ReplayMismatchError", "StartingPoint", "recover", "starting_point"]


RECOVERY_FAULT_POINTS: Final = ("recovery.begin", "recovery.snapshot", "recovery.batch", "recovery.replayed")
"""Before anything is read, with the snapshot loaded, after each batch that is replayed, after the last."""


@dataclass(frozen=True, slots=True)
class RecoveredState(Generic[EngineT]):
    """What a shard goes on with.

    `time_ns` is the time of the last batch; `snapshot_used` the file that recovery began with, None for the first
    batch; `snapshots_ignored` says of every newer file why it was not used.
    """

    engine: EngineT
    next_batch_seq: int
    next_seq: int
    time_ns: int
    sessions: dict[int, SessionState]
    replayed_commands: int
    snapshot_used: Path | None
    snapshots_ignored: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StartingPoint(Generic[EngineT]):
    """An engine in the state after `position`."""

    engine: EngineT
    position: Position
    snapshot: Path | None
    ignored: tuple[str, ...]


def recover(
    journal: JournalReader, snapshots_dir: Path, engine_factory: EngineFactory[EngineT]
) -> RecoveredState[EngineT]:
    """Return the state after the journal's last batch, with every replayed event compared.

    Owner: the thread that starts the exchange. Holds one slice of the journal in memory besides the state.

    Raises:
        ReplayMismatchError: an event differs from the stored one; names batch, command and both events.
        RecoveryError: the journal's begin was deleted and no snapshot fits.
        JournalCorruptError: a record is damaged; names it and the last one that is whole.
    """
    passed("recovery.begin")
    with _without_collection():
        start = starting_point(journal, snapshots_dir, engine_factory)
        position = start.position
        passed("recovery.snapshot")
        for batch in journal.read(position.batch_seq + 1):
            replay_batch(start.engine, batch)
            position = batch.position
            passed("recovery.batch")
    passed("recovery.replayed")
    last = journal.last
    assert position == last, f"recovery ended at batch {position.batch_seq}, the journal at {last.batch_seq}"
    return RecoveredState(
        engine=start.engine,
        next_batch_seq=last.batch_seq + 1,
        next_seq=last.seq + 1,
        time_ns=last.time_ns,
        sessions=journal.sessions(),
        replayed_commands=last.seq - start.position.seq,
        snapshot_used=start.snapshot,
        snapshots_ignored=start.ignored,
    )


def starting_point(
    journal: JournalReader, snapshots_dir: Path, engine_factory: EngineFactory[EngineT]
) -> StartingPoint[EngineT]:
    """Return an engine loaded from the newest snapshot that fits the journal, or one that has seen nothing.

    Raises:
        RecoveryError: the journal's begin was deleted and no snapshot fits.
    """
    ignored: list[str] = []
    for path in snapshot_paths(snapshots_dir):
        try:
            snapshot = read_snapshot(path)
            _check_place(journal, snapshot)
            engine = _loaded(snapshot, engine_factory)
        except SnapshotError as error:
            ignored.append(str(error))
            continue
        return StartingPoint(engine, snapshot.position, path, tuple(ignored))
    base = journal.base
    if base.batch_seq:
        reasons = "; ".join(ignored) or f"there is none in {snapshots_dir}"
        raise RecoveryError(f"the journal begins after batch {base.batch_seq} and no snapshot fits: {reasons}")
    return StartingPoint(engine_factory(), base, None, tuple(ignored))


def fitting_snapshots(journal: JournalReader, snapshots_dir: Path) -> Iterator[Snapshot]:
    """Yield the snapshots that are whole and fit the journal, the newest first, one in memory at a time."""
    for path in snapshot_paths(snapshots_dir):
        try:
            snapshot = read_snapshot(path)
            _check_place(journal, snapshot)
        except SnapshotError:
            # Whoever asks wants those that can be relied on; `starting_point` reports the others.
            continue
        yield snapshot


def _loaded(snapshot: Snapshot, engine_factory: EngineFactory[EngineT]) -> EngineT:
    """Raises SnapshotError where this program's engine does not know the state: another version has written it."""
    engine = engine_factory()
    try:
        engine.load(snapshot.engine)
    except (ValueError, msgspec.DecodeError) as error:
        raise SnapshotError(f"{snapshot.path} cannot be loaded: {error}") from error
    return engine


def _check_place(journal: JournalReader, snapshot: Snapshot) -> None:
    """Raises SnapshotError unless the journal has this very batch at this place of its chain."""
    place = journal.position_at(snapshot.position.batch_seq)
    if place is None:
        raise SnapshotError(f"{snapshot.path} is of a batch that the journal does not have")
    if place != snapshot.position:
        found, expected = snapshot.position.chain.hex(), place.chain.hex()
        raise SnapshotError(
            f"{snapshot.path} is of another journal: expected the chain value {expected}, found {found}"
        )


@contextmanager
def _without_collection() -> Iterator[None]:
    """Replay makes millions of objects that stay: looking through them for cycles again and again is in vain."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
