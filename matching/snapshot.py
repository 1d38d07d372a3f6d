"""The snapshot process: follows the journal, replays and compares it, and writes the engine's state to files.

Started by the exchange as `python -m matching.snapshot`, so that no snapshot ever makes the market wait. It reads
only, takes no lock, runs when nothing else wants the core, and ends with the process that started it. One line of
JSON on standard output for each snapshot. SIGUSR1: catch up and take one now; SIGTERM: end.
"""

import argparse
import importlib
import json
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Generic

from matching.clock import Clock, SystemClock
from matching.fault_points import arm
from matching.journal import Journal, JournalError, JournalReader, Position
from matching.recovery import starting_point
from matching.replay import EngineFactory, EngineT, RecoveryError, ReplayEngine, replay_batch
from matching.snapshot_files import SNAPSHOT_FAULT_POINTS, delete_old_snapshots, write_snapshot

EXIT_FAILED: Final = 1
EXIT_MISMATCH: Final = 3
"""The replay differs from the journal: starting again will not help."""
WAIT_SECONDS: Final = 0.2
"""How long the end of the journal is left alone before it is looked at again."""
_SIGNALS: Final = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGUSR1})


@dataclass(frozen=True, slots=True)
class SnapshotInfo:
    """A snapshot that is there. `is_new`: it was written for this; else nothing has happened since it was."""

    path: Path
    position: Position
    is_new: bool

    def line(self) -> str:
        """One line of JSON."""
        place = {"batch_seq": self.position.batch_seq, "seq": self.position.seq, "chain": self.position.chain.hex()}
        return json.dumps({"snapshot": os.fspath(self.path), "written": self.is_new} | place)


class Follower(Generic[EngineT]):
    """An engine that follows a journal, batch by batch. Owner: one thread."""

    def __init__(self, journal: JournalReader, snapshots_dir: Path, engine_factory: EngineFactory[EngineT]) -> None:
        """Begin with the newest snapshot that fits. Raises RecoveryError, JournalError."""
        start = starting_point(journal, snapshots_dir, engine_factory)
        self._journal = journal
        self._snapshots_dir = snapshots_dir
        self.engine: Final = start.engine
        self.position = start.position
        self.snapshot_position = start.position
        self._path = start.snapshot

    def follow(self, *, batches_max: int) -> bool:
        """Replay up to `batches_max` batches; return whether the journal's end was reached.

        Raises:
            ReplayMismatchError: an event differs from the stored one.
            JournalError: a record is damaged or deleted.
        """
        for _, batch in zip(range(batches_max), self._journal.read(self.position.batch_seq + 1), strict=False):
            replay_batch(self.engine, batch)
            self.position = batch.position
        return self.position.batch_seq >= self.end_batch_seq()

    def end_batch_seq(self) -> int:
        """The journal's last batch at this moment. Raises JournalCorruptError."""
        return self._journal.last.batch_seq

    @property
    def commands_since(self) -> int:
        """Commands replayed since the last snapshot."""
        return self.position.seq - self.snapshot_position.seq

    def take_snapshot(self) -> SnapshotInfo:
        """Write the state as it is now, and delete old files. Nothing is written where nothing has happened since.

        Raises:
            OSError: the file cannot be written; the old ones are all there.
        """
        if self._path is not None and self.position == self.snapshot_position:
            return SnapshotInfo(self._path, self.position, is_new=False)
        self._path = write_snapshot(
            self._snapshots_dir, self.position, state_hash=self.engine.state_hash(), engine=self.engine.snapshot()
        )
        self.snapshot_position = self.position
        delete_old_snapshots(self._snapshots_dir)
        return SnapshotInfo(self._path, self.position, is_new=True)


def take_snapshot_now(
    journal: JournalReader, snapshots_dir: Path, engine_factory: EngineFactory[ReplayEngine]
) -> SnapshotInfo:
    """Replay to the journal's end and write a snapshot of that. Raises RecoveryError, JournalError, OSError."""
    follower = Follower(journal, snapshots_dir, engine_factory)
    while not follower.follow(batches_max=1 << 30):
        pass
    return follower.take_snapshot()


class SnapshotProcess:
    """The loop of the process: follows, takes a snapshot when one is due, listens to signals.

    A snapshot that is due waits until work over several steps is done, so that it is of a book at rest; one that was
    asked for does not wait.
    """

    def __init__(self, follower: Follower[ReplayEngine], *, every_s: float, every_commands: int, clock: Clock) -> None:
        self._follower = follower
        self._every_ns = int(every_s * 1_000_000_000)
        self._every_commands = every_commands
        self._clock = clock
        self._taken_at_ns = clock.now_ns()

    def run(self, parent: int) -> None:
        """Run until SIGTERM, or until the process `parent` is no longer the one that this one belongs to.

        The signals must be blocked: they are taken here, between batches, and never interrupt a write.
        """
        asked_for: int | None = None
        while os.getppid() == parent:
            at_end = self._follower.follow(batches_max=64)
            is_reached = asked_for is not None and self._follower.position.batch_seq >= asked_for
            if is_reached or self.is_due():
                asked_for = None if is_reached else asked_for
                self.take()
            received = signal.sigtimedwait(_SIGNALS, WAIT_SECONDS if at_end and asked_for is None else 0)
            if received is not None and received.si_signo != signal.SIGUSR1:
                return
            if received is not None:
                # What is asked for is a snapshot of everything that was committed before the signal.
                asked_for = self._follower.end_batch_seq()

    def is_due(self) -> bool:
        commands = self._follower.commands_since
        if commands == 0 or self._follower.engine.has_work:
            return False
        return commands >= self._every_commands or self._clock.now_ns() - self._taken_at_ns >= self._every_ns

    def take(self) -> None:
        print(self._follower.take_snapshot().line(), flush=True)
        self._taken_at_ns = self._clock.now_ns()


def engine_factory_named(name: str) -> EngineFactory[ReplayEngine]:
    """Return the function that "module:function" names. Raises ValueError: what is wrong with the name."""
    module, separator, function = name.partition(":")
    if not separator:
        raise ValueError(f"expected module:function, found {name!r}")
    try:
        factory: EngineFactory[ReplayEngine] = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"{name!r} names no function: {error}") from error
    return factory


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the process; returns its exit code."""
    options = _parser().parse_args(arguments)
    if options.fault_point:
        arm(options.fault_point, SNAPSHOT_FAULT_POINTS)
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    _give_way()
    parent = options.parent or os.getppid()
    try:
        journal = Journal.open(options.journal, read_only=True)
        follower = Follower(journal, options.snapshots, engine_factory_named(options.engine))
        SnapshotProcess(
            follower, every_s=options.every_seconds, every_commands=options.every_commands, clock=SystemClock()
        ).run(parent)
        journal.close()
    except RecoveryError as error:
        print(json.dumps({"error": str(error)}), flush=True)
        return EXIT_MISMATCH
    except (JournalError, OSError, ValueError) as error:
        print(json.dumps({"error": str(error)}), flush=True)
        return EXIT_FAILED
    return 0


def _give_way() -> None:
    """Run only when no other thread wants the core: the matching threads come first on a machine with few cores."""
    os.nice(19)
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m matching.snapshot", description=__doc__)
    parser.add_argument("--journal", type=Path, required=True, help="folder of the journal")
    parser.add_argument("--snapshots", type=Path, required=True, help="folder for the snapshots")
    parser.add_argument("--engine", required=True, help="module:function that makes an engine")
    parser.add_argument("--every-seconds", type=float, default=300.0, help="a snapshot at the latest after so long")
    parser.add_argument("--every-commands", type=int, default=1_000_000, help="a snapshot after so many commands")
    parser.add_argument("--parent", type=int, default=0, help="end when this process is gone; default: who started it")
    parser.add_argument("--fault-point", default="", help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
