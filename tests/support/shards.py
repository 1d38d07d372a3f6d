"""The processes of the shards of an exchange under test, found by their data folders. Linux only, as the exchange."""

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.support.exchange import ExchangeProcess

_MODULE: Final = b"gateway.shard_process"
STOP_SECONDS: Final = 30.0


def shard_pids(exchange: ExchangeProcess) -> dict[str, int]:
    """Return the process ids of the running shards by name."""
    folder = os.fsencode(exchange.data_dir / "shards")
    found: dict[str, int] = {}
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            # It has ended between the two lines.
            continue
        if _MODULE in words and any(word.startswith(folder + b"/") for word in words):
            # A child that has not yet become what it will be has the words of its parent, and a higher id.
            name, pid = words[words.index(b"--shard") + 1].decode(), int(path.parent.name)
            found[name] = min(pid, found.get(name, pid))
    return found


def stop_shard(exchange: ExchangeProcess, name: str) -> int:
    """Let a shard stand still; return its process id when every thread of it does: the signal alone takes a moment."""
    pid = shard_pids(exchange)[name]
    os.kill(pid, signal.SIGSTOP)
    deadline = time.monotonic() + STOP_SECONDS
    while not all(_state(path) in "Tt" for path in Path(f"/proc/{pid}/task").glob("[0-9]*/stat")):
        assert time.monotonic() < deadline, f"shard {name} does not stop"
        time.sleep(0.001)
    return pid


def _state(path: Path) -> str:
    return path.read_text(encoding="utf-8").rpartition(") ")[2][0]


@contextlib.contextmanager
def without_journal(exchange: ExchangeProcess, name: str) -> Iterator[None]:
    """Let a shard find a file where its journal should be, so that it ends whenever it is started."""
    journal = exchange.data_dir / "shards" / name / "journal"
    kept = journal.with_name("kept")
    journal.rename(kept)
    journal.touch()
    try:
        yield
    finally:
        journal.unlink()
        kept.rename(journal)


@contextlib.contextmanager
def standing_still(exchange: ExchangeProcess, name: str) -> Iterator[int]:
    """Let a shard stand still, and not come back before the end; yield its process id."""
    pid = stop_shard(exchange, name)
    with without_journal(exchange, name):
        yield pid


def kill_shards(exchange: ExchangeProcess, *names: str) -> None:
    """kill -9 the shards of these names, or all of them."""
    for name, pid in shard_pids(exchange).items():
        if not names or name in names:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                # It has ended by itself, as shards do without a gateway.
                continue
