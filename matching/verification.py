"""Verification: the whole journal against a replay from its begin; and the journal made readable. Changes nothing."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic

from matching.journal import JournalCorruptError, JournalError, JournalReader, Outcome, Position, StoredBatch, measured
from matching.recovery import fitting_snapshots
from matching.replay import EngineFactory, EngineT, RecoveryError, ReplayEngine, replay_batch
from matching.snapshot_files import Snapshot, SnapshotError, read_snapshot, snapshot_paths


@dataclass(slots=True)
class VerifyReport:
    """What was verified, and what is wrong.

    `first_batch_seq` to `last_batch_seq` were replayed and every event compared; `chain` and `state_hash` are those
    after the last one. `snapshots` are the batches whose snapshot has the state of the replay. `messages` counts the
    outbound messages whose bytes were verified. `faults` is empty where all is well.
    """

    first_batch_seq: int = 0
    last_batch_seq: int = 0
    batches: int = 0
    commands: int = 0
    events: int = 0
    messages: int = 0
    sessions: int = 0
    chain: str = ""
    state_hash: str = ""
    snapshots: list[int] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """True when nothing is wrong."""
        return not self.faults


def verify(
    journal: JournalReader,
    engine_factory: EngineFactory[EngineT],
    progress: Callable[[int, int], None] | None = None,
    snapshots_dir: Path | None = None,
) -> VerifyReport:
    """Replay the journal and compare every event, every link of the chain, all outbound bytes and every snapshot.

    Damage is reported, never raised; the replay ends with it. `progress` is called with (batch, last batch). A
    journal that is being written is verified as far as it goes at the start of the call. Cost: that of a recovery
    from the first batch.
    """
    return _Verification(journal, engine_factory, snapshots_dir).run(progress)


def replay(journal: JournalReader, from_seq: int, to_seq: int) -> Iterator[Outcome]:
    """Yield the commands numbered `from_seq` to `to_seq` with their stored events, in order. Nothing is applied.

    Raises:
        JournalCorruptError: names the batch; what comes before it was yielded.
        JournalError: retention has deleted `from_seq`.
    """
    if from_seq <= journal.base.seq:
        raise JournalError(f"command {from_seq} was deleted; the journal begins with command {journal.base.seq + 1}")
    for batch in journal.read(journal.batch_of(from_seq)):
        if batch.first_seq > to_seq:
            return
        for outcome in batch.outcomes():
            if from_seq <= outcome.seq <= to_seq:
                yield outcome


class _Verification(Generic[EngineT]):
    """One run of `verify`."""

    def __init__(self, journal: JournalReader, factory: EngineFactory[EngineT], snapshots_dir: Path | None) -> None:
        self._journal = journal
        self._factory = factory
        self._snapshots_dir = snapshots_dir
        self._report = VerifyReport()
        self._pending: dict[int, list[Path]] = {}

    def run(self, progress: Callable[[int, int], None] | None) -> VerifyReport:
        report = self._report
        try:
            last = self._journal.last.batch_seq
            report.sessions = len(self._journal.sessions())
            self._look_at_snapshots(last)
            engine, position = self._begin()
            report.first_batch_seq = position.batch_seq + 1
            self._check_snapshots(position, engine)
            for batch in self._journal.read(position.batch_seq + 1):
                if batch.batch_seq > last:
                    break
                self._take(engine, batch)
                if progress is not None:
                    progress(batch.batch_seq, last)
            report.state_hash = engine.state_hash().hex()
        except JournalCorruptError as error:
            report.faults.append(str(measured(error, self._journal.folder)))
        except RecoveryError as error:
            report.faults.append(str(error))
        return report

    def _look_at_snapshots(self, last_batch_seq: int) -> None:
        """Note every file that is whole; a file that is not is a fault, as recovery may be left without one."""
        for path in snapshot_paths(self._snapshots_dir) if self._snapshots_dir is not None else ():
            try:
                batch_seq = read_snapshot(path).position.batch_seq
            except SnapshotError as error:
                self._report.faults.append(str(error))
                continue
            if self._journal.base.batch_seq <= batch_seq <= last_batch_seq:
                self._pending.setdefault(batch_seq, []).append(path)
            elif batch_seq > last_batch_seq:
                self._report.faults.append(f"{path} is of batch {batch_seq}, the journal ends at {last_batch_seq}")

    def _begin(self) -> tuple[EngineT, Position]:
        """The journal's own begin, or the oldest snapshot after it where retention has deleted that."""
        engine, base = self._factory(), self._journal.base
        if base.batch_seq == 0:
            return engine, base
        folder = self._snapshots_dir
        oldest: Snapshot | None = None
        for snapshot in fitting_snapshots(self._journal, folder) if folder is not None else ():
            oldest = snapshot
        if oldest is None:
            raise RecoveryError(f"the journal begins after batch {base.batch_seq} and no snapshot fits")
        engine.load(oldest.engine)
        return engine, oldest.position

    def _take(self, engine: ReplayEngine, batch: StoredBatch) -> None:
        report = self._report
        replay_batch(engine, batch)
        report.messages += sum(run[3] for run in batch.outbound.runs)
        report.last_batch_seq = batch.batch_seq
        report.batches += 1
        report.commands += batch.command_count
        report.events += batch.event_count
        report.chain = batch.chain.hex()
        self._check_snapshots(batch.position, engine)

    def _check_snapshots(self, position: Position, engine: ReplayEngine) -> None:
        """Compare the snapshots of this place with the replay: file, chain, state hash, and the state they load to."""
        for path in self._pending.pop(position.batch_seq, ()):
            snapshot = read_snapshot(path)
            loaded = self._factory()
            loaded.load(snapshot.engine)
            state_hash = engine.state_hash()
            if snapshot.position != position:
                self._report.faults.append(f"{path} has another chain value than batch {position.batch_seq}")
            elif not state_hash == snapshot.state_hash == loaded.state_hash():
                self._report.faults.append(f"{path} has another state than the replay: {state_hash.hex()}")
            else:
                self._report.snapshots.append(position.batch_seq)
