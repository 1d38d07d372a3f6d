"""Open files: `serve` raises its limit to what its bounds need; bounds that the hard limit cannot meet are refused."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from config.descriptors import PROCESS_DESCRIPTORS, descriptors_needed
from config.exchange import FILE as EXCHANGE
from config.settings import Settings, check
from gateway.descriptors import needed_by, raise_descriptor_limit
from tests.config.folder import EXCHANGE as SMALL_EXCHANGE
from tests.config.folder import Edit, write_config
from tests.support.exchange import ROOT, ExchangeProcess, outcry_command, replace_in

LIMITED = (
    "import os, resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]), int(sys.argv[2]))); "
    "os.execv(sys.argv[3], sys.argv[3:])"
)


def limited(soft: int, hard: int) -> tuple[str, ...]:
    """Return the beginning of a command line that runs the rest with these limits of open files."""
    return (sys.executable, "-c", LIMITED, str(soft), str(hard))


def limits(pid: int) -> tuple[int, int]:
    """Return the soft and the hard limit of open files of a process."""
    return resource.prlimit(pid, resource.RLIMIT_NOFILE)


def run(command: str, folder: Path, hard: int) -> subprocess.CompletedProcess[str]:
    """Run `outcry check` or `outcry serve` under a hard limit of open files."""
    more = ["--data", str(folder / "data")] if command == "serve" else []
    return subprocess.run(
        [*limited(hard, hard), *outcry_command(command, "--config", str(folder), *more)],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def spoiled(folder: Path, logon: str = "") -> Path:
    """Write the small configuration, with a table [logon] at line 10."""
    text = f"[logon]\n{logon}\n" if logon else ""
    return write_config(folder, Edit(EXCHANGE, SMALL_EXCHANGE, SMALL_EXCHANGE + text))


def test_every_bound_counts_once() -> None:
    alone = descriptors_needed(connections_max=0, listeners=0, io_threads=0, sessions=0, shards=1)
    assert alone == PROCESS_DESCRIPTORS
    needed = descriptors_needed(connections_max=100, listeners=3, io_threads=2, sessions=10, shards=4)
    assert needed == alone + 100 + 3 + 4 + 20 + 12


@pytest.mark.slow
@pytest.mark.parametrize("command", ["check", "serve"])
def test_connections_above_the_hard_limit_are_refused(command: str, tmp_path: Path) -> None:
    result = run(command, spoiled(tmp_path, "connections_max = 900"), 500)
    assert result.returncode == 2
    said = result.stdout + result.stderr
    assert (
        "exchange.toml:11: connections_max: found 900, allowed: at most 433, since the hard limit of open files "
        "(RLIMIT_NOFILE) is 500"
    ) in said.splitlines()
    assert not (tmp_path / "data").exists(), "nothing is begun with a refused configuration"


@pytest.mark.slow
def test_as_many_connections_as_the_hard_limit_leaves_are_taken(tmp_path: Path) -> None:
    # Two sessions of the small configuration take four descriptors.
    assert run("check", spoiled(tmp_path, "connections_max = 429"), 500).returncode == 0


@pytest.mark.slow
def test_more_sessions_than_the_hard_limit_leaves_are_refused(tmp_path: Path) -> None:
    result = run("check", spoiled(tmp_path, "connections_max = 430"), 500)
    assert result.returncode == 2
    assert (
        "sessions.cfg: SESSION: found 2 sessions, allowed: at most 1, since the hard limit of open files "
        "(RLIMIT_NOFILE) is 500 and connections_max is 430"
    ) in (result.stdout + result.stderr).splitlines()


@pytest.mark.slow
def test_the_soft_limit_is_raised_to_what_the_bounds_need(tmp_path: Path) -> None:
    needed = needed_by(_settings(tmp_path))
    exchange = ExchangeProcess(tmp_path / "exchange", prefix=limited(128, needed + 1_000))
    replace_in(exchange.config_dir / "exchange.toml", "connections_max = 1000", "connections_max = 1200")
    try:
        exchange.start()
        # The launcher became the exchange: exec keeps the process id.
        assert limits(exchange.pid) == (needed + 200, needed + 1_000)
        assert exchange.terminate() == 0
    finally:
        exchange.kill()


def test_a_soft_limit_that_is_high_enough_stays(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    settings = _settings(tmp_path)
    if before[0] != resource.RLIM_INFINITY and before[0] < needed_by(settings):
        pytest.skip(f"the soft limit of open files of this process is {before[0]}")
    assert raise_descriptor_limit(settings) == before[0]
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == before


def _settings(folder: Path) -> Settings:
    """Return the shipped settings as ExchangeProcess copies them."""
    exchange = ExchangeProcess(folder / "settings")
    report = check(exchange.config_dir)
    assert report.settings is not None, report.faults
    return report.settings
