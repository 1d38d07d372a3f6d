"""The processes of the shards of an exchange under test, found by their data folders. Linux only, as the exchange."""

import os
import signal
from pathlib import Path
from typing import Final

from tests.support.exchange import ExchangeProcess

_MODULE: Final = b"gateway.shard_process"


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
            found[words[words.index(b"--shard") + 1].decode()] = int(path.parent.name)
    return found


def kill_shards(exchange: ExchangeProcess, *names: str) -> None:
    """kill -9 the shards of these names, or all of them."""
    for name, pid in shard_pids(exchange).items():
        if not names or name in names:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                # It has ended by itself, as shards do without a gateway.
                continue
