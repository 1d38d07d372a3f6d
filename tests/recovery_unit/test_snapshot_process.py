"""The snapshot process beside a running exchange."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from matching.commands import SetKillSwitch
from matching.recovery import recover
from matching.snapshot import (
    EXIT_FAILED,
    EXIT_MISMATCH,
    Follower,
    SnapshotProcess,
    engine_factory_named,
    take_snapshot_now,
)
from matching.snapshot_files import read_snapshot, snapshot_paths
from tests.recovery_unit.days import ENGINE, Exchange, has_left_work, new_engine

ROOT = Path(__file__).parents[2]


class Process:
    """The process under test; its lines are waited for, so nothing sleeps."""

    def __init__(self, exchange: Exchange, snapshots: Path, *extra: str, engine: str = ENGINE) -> None:
        command = [sys.executable, "-m", "matching.snapshot", "--journal", exchange.journal.folder]
        command += ["--snapshots", snapshots, "--engine", engine, *extra]
        self.process = subprocess.Popen(list(map(str, command)), cwd=ROOT, stdout=subprocess.PIPE, text=True)

    def line(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        found: dict[str, Any] = json.loads(self.process.stdout.readline())
        return found

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        self.process.communicate(timeout=30)
        return self.process.returncode


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[Exchange]:
    exchange = Exchange(tmp_path / "journal")
    yield exchange
    exchange.close()


@pytest.mark.slow
def test_it_follows_the_exchange_and_the_snapshots_bring_it_back(exchange: Exchange, tmp_path: Path) -> None:
    snapshots = tmp_path / "snapshots"
    exchange.trade(3)
    process = Process(exchange, snapshots, "--every-commands", "1")
    assert (first := process.line())["batch_seq"] == 3
    for _ in range(5):
        exchange.trade(1)
        last = process.line()
        assert (last["batch_seq"], last["written"]) == (exchange.journal.last.batch_seq, True)
    assert process.end() == 0
    assert [int(path.stem) for path in snapshot_paths(snapshots)] == [8, 7, 6]
    assert not Path(first["snapshot"]).exists()
    recovered = recover(exchange.journal, snapshots, new_engine)
    assert (recovered.snapshot_used, recovered.replayed_commands) == (Path(last["snapshot"]), 0)
    assert recovered.engine.state_hash() == exchange.engine.state_hash()


@pytest.mark.slow
def test_it_takes_a_snapshot_when_asked(exchange: Exchange, tmp_path: Path) -> None:
    exchange.trade(2)
    process = Process(exchange, tmp_path, "--every-commands", "29")
    assert process.line()["batch_seq"] == 2
    exchange.trade(1)
    process.process.send_signal(signal.SIGUSR1)
    assert (process.line()["batch_seq"], exchange.journal.last.batch_seq) == (3, 3)
    process.process.send_signal(signal.SIGUSR1)
    again = process.line()
    assert (again["batch_seq"], again["written"]) == (3, False)
    assert process.end(signal.SIGINT) == 0


@pytest.mark.slow
def test_it_ends_with_the_process_that_started_it(exchange: Exchange, tmp_path: Path) -> None:
    """The starter is killed, so that it can tell nobody; the end of output tells that the process ended."""
    exchange.trade(1)
    command = [sys.executable, "-m", "matching.snapshot", "--journal", str(exchange.journal.folder)]
    command += ["--snapshots", str(tmp_path), "--engine", ENGINE, "--every-commands", "1"]
    starter = (
        f"import subprocess, signal; p = subprocess.Popen({command!r});"
        "print(p.pid, file=__import__('sys').stderr, flush=True); signal.pause()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", starter], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stderr is not None
    child = int(process.stderr.readline())
    assert json.loads(process.stdout.readline())["batch_seq"] == 1
    assert os.sched_getscheduler(child) == os.SCHED_IDLE
    assert os.getpriority(os.PRIO_PROCESS, child) == 19
    process.kill()
    assert process.communicate(timeout=30)[0] == ""


@pytest.mark.slow
def test_another_program_is_found_out_and_starting_again_does_not_help(exchange: Exchange, tmp_path: Path) -> None:
    exchange.trade(5)
    engine = "tests.recovery_unit.test_snapshot_process:forgetful_engine"
    process = Process(exchange, tmp_path, engine=engine)
    assert "replay of batch" in process.line()["error"]
    process.process.communicate(timeout=30)
    assert process.process.returncode == EXIT_MISMATCH
    assert snapshot_paths(tmp_path) == []


def forgetful_engine() -> Any:
    """An engine of another program."""
    from risk.engine import RiskEngine
    from tests.recovery_unit.test_recovery import ForgetfulEngine

    return ForgetfulEngine(RiskEngine())


class StillClock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.time_ns = 0

    def now_ns(self) -> int:
        return self.time_ns


def test_a_snapshot_is_due_by_commands_or_by_time_but_not_amid_work(exchange: Exchange, tmp_path: Path) -> None:
    exchange.trade(1)
    exchange.rest(1_200)
    clock = StillClock()
    follower = Follower(exchange.journal, tmp_path, engine_factory_named(ENGINE))
    process = SnapshotProcess(follower, every_s=10, every_commands=3, clock=clock)
    assert not process.is_due()
    assert follower.follow(batches_max=64)
    assert process.is_due()
    process.take()
    assert not process.is_due()
    exchange.commit([SetKillSwitch("session", 2, True, "operator", "test")])
    exchange.finish_work()
    follower.follow(batches_max=64)
    process.take()
    exchange.commit([SetKillSwitch("session", 2, False, "operator", "test")])
    follower.follow(batches_max=64)
    assert not process.is_due()
    clock.time_ns = 10_000_000_000
    assert process.is_due()
    assert has_left_work(exchange.commit([SetKillSwitch("market", 0, True, "operator", "test")]))
    follower.follow(batches_max=64)
    assert not process.is_due()
    exchange.finish_work()
    follower.follow(batches_max=64)
    assert process.is_due()


def test_a_snapshot_holds_the_state_it_was_asked_for(exchange: Exchange, tmp_path: Path) -> None:
    exchange.trade(3)
    info = take_snapshot_now(exchange.journal, tmp_path, engine_factory_named(ENGINE))
    snapshot = read_snapshot(info.path)
    assert (snapshot.position, snapshot.state_hash) == (exchange.journal.last, exchange.engine.state_hash())
    assert snapshot.engine == exchange.engine.snapshot()
    assert not take_snapshot_now(exchange.journal, tmp_path, engine_factory_named(ENGINE)).is_new


@pytest.mark.parametrize("name", ["tests.recovery_unit.days", "no.such.module:f", "tests.recovery_unit.days:nothing"])
def test_a_wrong_engine_is_named(name: str) -> None:
    with pytest.raises(ValueError, match=r"expected module:function|names no function"):
        engine_factory_named(name)


@pytest.mark.slow
def test_no_journal_is_an_error_in_one_line(tmp_path: Path, exchange: Exchange) -> None:
    command = [sys.executable, "-m", "matching.snapshot", "--journal", str(tmp_path / "nothing")]
    command += ["--snapshots", str(tmp_path)]
    ended = subprocess.run([*command, "--engine", ENGINE], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == EXIT_FAILED
    assert "there is no journal" in json.loads(ended.stdout)["error"]
