"""The snapshot process: a second process that follows the journal and writes snapshots, so that the market never
pauses for one.
"""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import structlog

from config.exchange import SnapshotSettings
from gateway.fault_points import snapshot_options
from gateway.start_up import journal_folder, snapshot_folder

STOP_SECONDS: Final = 5.0
REPLAY_FAILED: Final = 3
"""Exit code of a process whose replay differs from the journal: starting it again would not help."""

log = structlog.get_logger("snapshotter")


class Snapshotter:
    """Starts, watches and stops the snapshot process. Owner: the main thread."""

    def __init__(self, data_dir: Path, settings: SnapshotSettings, engine_factory: str) -> None:
        self._arguments = [
            *("--journal", os.fspath(journal_folder(data_dir))),
            *("--snapshots", os.fspath(snapshot_folder(data_dir))),
            *("--engine", engine_factory),
            *("--every-seconds", str(settings.every_seconds)),
            *("--every-commands", str(settings.every_commands)),
            *("--parent", str(os.getpid())),
        ]
        self._log_path = data_dir / "snapshots.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.restarts = 0
        self._given_up = False

    def start(self) -> None:
        """Start the process; it ends by itself when this one does."""
        with self._log_path.open("ab") as output, _asked_later():
            self._process = subprocess.Popen(
                [sys.executable, "-m", "matching.snapshot", *self._arguments, *snapshot_options()],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def pid(self) -> int | None:
        """Process id, or None while it does not run."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def watch(self) -> None:
        """Start the process again where it has ended; an exchange without snapshots trades on and recovers more
        slowly.
        """
        if self._process is None or self._process.poll() is None or self._given_up:
            return
        self._given_up = self._process.returncode == REPLAY_FAILED
        log.error("snapshot process ended", exit_code=self._process.returncode, output=os.fspath(self._log_path))
        if not self._given_up:
            self.restarts += 1
            self.start()

    def take(self) -> None:
        """Ask for a snapshot now."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGUSR1)

    def stop(self) -> None:
        """End the process, by force if it does not answer."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def _asked_later() -> Iterator[None]:
    """Block SIGUSR1 for the process that is started: one that is asked before it listens must not die of it.

    It finds the signal pending when it begins to listen.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
