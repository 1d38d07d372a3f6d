"""kill -9 in the snapshot process, at every step of a snapshot, and of the exchange with it: no half file is used."""

import contextlib
from pathlib import Path

import pytest

from matching.snapshot_files import SNAPSHOT_FAULT_POINTS, SNAPSHOTS_KEPT
from tests.crash.room import Room
from tests.crash.steps import ask, at, snapshot_names, take_snapshot, wait_for
from tests.support.exchange import ExchangeProcess

SEED = 1929


def die_in_a_snapshot(exchange: ExchangeProcess, room: Room, name: str) -> None:
    """Have the snapshot process die while the market goes on, and then all of it."""
    folder = exchange.data_dir / "snapshots"
    before = set(folder.glob(".*"))
    pid = ask(exchange, "status")["snapshots"]["pid"]
    ask(exchange, "snapshot")
    wait_for(lambda: has_died(pid), f"the end of the snapshot process {pid}")
    room.trade_for(0.05)
    room.kill()
    half_written = set(folder.glob(".*")) - before
    assert bool(half_written) == (name in ("snapshot.written", "snapshot.synced")), half_written


def has_died(pid: int) -> bool:
    """Whether a process is gone, or waits only for its parent to notice."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def check_leftovers(exchange: ExchangeProcess) -> None:
    """The next snapshot leaves nothing that is half written, and no more files than are kept."""
    take_snapshot(exchange)
    folder = exchange.data_dir / "snapshots"
    wait_for(lambda: not list(folder.glob(".*")), "half a file deleted")
    wait_for(lambda: len(snapshot_names(exchange)) <= SNAPSHOTS_KEPT, "old files deleted")


@pytest.mark.slow
def test_the_exchange_goes_on_when_a_snapshot_is_cut_short_at_every_step(tmp_path: Path) -> None:
    exchange = ExchangeProcess(tmp_path)
    with contextlib.closing(Room(exchange, SEED)) as room:
        try:
            exchange.start()
            for _ in range(SNAPSHOTS_KEPT):
                room.trade_for(0.05)
                take_snapshot(exchange)
            room.kill()
            for name in SNAPSHOT_FAULT_POINTS:
                with at(name):
                    exchange.start(options=("--fault-point", f"{name}:1"))
                    room.trade_for(0.05)
                    die_in_a_snapshot(exchange, room, name)
            exchange.verify()
            exchange.start()
            room.check()
            check_leftovers(exchange)
            assert exchange.terminate() == 0
        finally:
            exchange.kill()
