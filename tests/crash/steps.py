"""What the kill tests of snapshots, retention and start share: steering a running exchange, naming the place."""

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

from gateway.cli.admin_client import call
from tests.support.exchange import ExchangeProcess

WAIT_SECONDS = 90.0
"""Long: the snapshot process runs only when nothing else wants a core."""


@contextlib.contextmanager
def at(place: str) -> Iterator[None]:
    """Name the fault point in whatever goes wrong there."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"at fault point {place}")
        raise


def ask(exchange: ExchangeProcess, command: str) -> Any:
    """Have the running exchange do what an operator's command does."""
    return call(exchange.data_dir / "admin.sock", command)


def wait_for(is_so: Callable[[], bool], what: str) -> None:
    """Wait until `is_so`, at most WAIT_SECONDS."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, f"not within {WAIT_SECONDS:.0f} s: {what}"
        time.sleep(0.02)


def snapshot_names(exchange: ExchangeProcess) -> set[str]:
    """Names of the whole snapshot files."""
    return {path.name for path in (exchange.data_dir / "snapshots").glob("[0-9]*.snapshot")}


def take_snapshot(exchange: ExchangeProcess) -> None:
    """Ask for a snapshot of what is journaled now, and wait until it is there."""
    before = snapshot_names(exchange)
    ask(exchange, "snapshot")
    wait_for(lambda: bool(snapshot_names(exchange) - before), "a new snapshot")
