"""A shard as a process: `python -m gateway.shard_process`, started and watched by `outcry serve`.

The main thread waits for signals, watches the snapshot process and looks after retention; the matching thread, pinned
to the core that exchange.toml gives the shard, does everything else. A shard outlives its gateway by a minute, so that
one that is started again finds the books warm.
"""

import argparse
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Final

import msgspec
import structlog

from config.commands import configuration_commands
from config.faults import ConfigFaults
from config.settings import Settings
from config.shards import left_settings, shard_settings
from gateway.fault_points import JOURNAL_PREFIX, fault_point, no_fault
from gateway.logs import configure_logs
from gateway.shard_exchange import ShardExchange
from gateway.shard_frames import Hello
from gateway.snapshotter import Snapshotter
from gateway.start_up import ENGINE_FACTORY, end_collections, open_journal, snapshot_folder
from gateway.storage import COMMIT_GIVE_UP_S, Storage
from matching.clock import SystemClock
from matching.commands import Command, DefineShard, SetAcceptance
from matching.engine import Engine
from matching.frames import FrameError
from matching.journal import Ballast, Journal, JournalError
from matching.recovery import RecoveryError
from matching.retention import retention_bound
from matching.shard import ShardPinError, start_shard

SOCKET_NAME: Final = "gateway.sock"
ORPHAN_SECONDS: Final = 60.0
RETENTION_SECONDS: Final = 600.0
SECOND_NS: Final = 1_000_000_000

log = structlog.get_logger("shard")


class ShardProcess:
    """All parts of a shard's process. Owner: the main thread."""

    def __init__(self, settings_path: Path, data_dir: Path, name: str, fault: str) -> None:
        self._settings_path = settings_path
        self._data_dir = data_dir
        self._name = name
        self._passes = fault_point(fault)
        self._clock = SystemClock()
        self._ended = threading.Event()
        self._failure: BaseException | None = None

    def run(self) -> int:
        """Recover, serve the gateway, stop; return the exit code."""
        settings = left_settings(self._settings_path)
        self._data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        configure_logs(settings.exchange.logs, self._data_dir)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._ended.set())
        journal, recovered = open_journal(settings, self._data_dir)
        end_collections()
        exchange = self._exchange(settings, journal, recovered.engine)
        journal.hand_over()
        cores = {shard.name: shard.core for shard in settings.exchange.shards}
        thread = start_shard(self._name, cores[self._name], exchange.run, self._failed)
        snapshotter = Snapshotter(self._data_dir, settings.exchange.snapshot, ENGINE_FACTORY)
        snapshotter.start()
        try:
            self._watch(settings, journal, exchange, snapshotter)
        finally:
            exchange.stop()
            thread.join()
            snapshotter.stop()
            journal.hand_over()
            journal.close()
        if self._failure is not None:
            log.error("matching thread ended", error=repr(self._failure))
            return 1
        return 0

    def _failed(self, error: BaseException) -> None:
        self._failure = error
        self._ended.set()

    def _exchange(self, settings: Settings, journal: Journal, engine: Engine) -> ShardExchange:
        exchange = settings.exchange
        ballast = Ballast(self._data_dir / "ballast", exchange.journal.ballast_bytes)
        storage = Storage(
            journal,
            ballast,
            free_bytes_min=exchange.journal.disk_free_bytes_min,
            alarm_percent=exchange.journal.disk_alarm_percent,
            give_up_s=COMMIT_GIVE_UP_S,
        )
        if self._passes is not no_fault:
            journal.faults = lambda name: self._passes(JOURNAL_PREFIX + name)
        return ShardExchange(
            listener=_listen(self._data_dir / SOCKET_NAME),
            engine=engine,
            journal=journal,
            storage=storage,
            clock=self._clock,
            configure=lambda hello: self._configuration(hello, engine),
            fault_point=self._passes,
            flushes=exchange.durability == "async",
        )

    def _configuration(self, hello: Hello, engine: Engine) -> list[Command]:
        """Return what a gateway's hello changes: the settings are those that it has left, the ids are its own."""
        try:
            left = left_settings(self._settings_path)
            # What was left and is not known to the gateway yet was read again by an operator: it is told by itself.
            known = tuple(each for each in left.instruments if each.symbol in hello.instruments)
            sessions = tuple(each for each in left.sessions if each.name in hello.sessions)
            left = msgspec.structs.replace(left, instruments=known, sessions=sessions)
            settings = shard_settings(left, self._name, hello.instruments, hello.accounts)
            commands: list[Command] = [DefineShard(self._name, hello.shard_id)] if not engine.shard_id else []
            commands += configuration_commands(settings, engine, hello.sessions)
        except ConfigFaults as error:
            raise FrameError("; ".join(map(str, error.faults))) from error
        except (OSError, msgspec.DecodeError) as error:
            raise FrameError(f"{self._settings_path}: {error}") from error
        if not engine.accepting:
            commands.append(SetAcceptance(True, "the shard has started"))
        return commands

    def _watch(self, settings: Settings, journal: Journal, exchange: ShardExchange, snapshotter: Snapshotter) -> None:
        """Return when a signal came, the matching thread failed, or no gateway has been there for a minute."""
        connected = retained = time.monotonic()
        while not self._ended.wait(1.0):
            snapshotter.watch()
            now = time.monotonic()
            if exchange.is_connected:
                connected = now
            elif now - connected > ORPHAN_SECONDS:
                log.info("no gateway", seconds=ORPHAN_SECONDS)
                return
            if now - retained > RETENTION_SECONDS:
                retained = now
                kept_ns = settings.exchange.journal.retention_days * 86_400 * SECOND_NS
                before_ns = self._clock.now_ns() - kept_ns
                exchange.retain_from(retention_bound(journal, snapshot_folder(self._data_dir), keep_from_ns=before_ns))


def _listen(path: Path) -> socket.socket:
    """Listen where the gateway of the same user connects; a socket that a killed shard left behind is replaced."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(os.fspath(path))
    finally:
        os.umask(before)
    listener.listen(4)
    return listener


def main() -> int:
    """Run the shard that the arguments name; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m gateway.shard_process", description=__doc__)
    parser.add_argument("--settings", type=Path, required=True, help="what the gateway has left")
    parser.add_argument("--data", type=Path, required=True, help="the shard's own folder")
    parser.add_argument("--shard", required=True)
    parser.add_argument("--fault-point", default="")
    options = parser.parse_args()
    try:
        return ShardProcess(options.settings, options.data, options.shard, options.fault_point).run()
    except (JournalError, RecoveryError, ShardPinError, msgspec.DecodeError, OSError) as error:
        print(f"shard {options.shard}: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
