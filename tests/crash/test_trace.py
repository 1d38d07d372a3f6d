"""Promise 1, seen by the system: no bytes of MsgSeqNum N reach a socket before the fdatasync that holds N."""

import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.crash.room import Room
from tests.crash.system_calls import FILE_WRITES, SOCKET_WRITES, SYNCS, TRACED, Call, messages_in, read_trace, readable
from tests.support.exchange import ExchangeProcess

JOURNAL = "data.mdb"


def trace_is_permitted(base: Path) -> bool:
    """Tell whether this machine has strace and lets us use it."""
    if shutil.which("strace") is None:
        return False
    return subprocess.run(["strace", "-o", str(base / "try"), "true"], capture_output=True, check=False).returncode == 0


@dataclass
class Commits:
    """Commits as LMDB makes them: pages written, fdatasync, then the meta page by a descriptor that writes through."""

    pages: dict[bytes, Call] = field(default_factory=dict)
    syncs: list[Call] = field(default_factory=list)
    metas: list[Call] = field(default_factory=list)

    def end_of_commit(self, raw: bytes) -> int:
        """Return where in the trace the commit that holds this message has ended; 0 when no commit does."""
        page = self.pages.get(raw)
        if page is None or not page.ended:
            return 0
        sync = next((one for one in self.syncs if one.begun > page.ended and one.result == "0"), None)
        if sync is None:
            return 0
        return next((meta.ended for meta in self.metas if meta.begun > sync.ended), 0)


def commits_of(calls: list[Call]) -> Commits:
    """Sort the calls on the journal's file; a page counts from when it was first written."""
    written_through = set()
    for call in calls:
        if call.name == "openat" and JOURNAL in readable(call.arguments) and "SYNC" in call.arguments:
            written_through.add(call.result.partition("<")[0])
    commits = Commits()
    for call in calls:
        if JOURNAL not in call.target:
            continue
        descriptor = call.arguments.partition("<")[0]
        if call.name in SYNCS:
            commits.syncs.append(call)
        elif call.name in FILE_WRITES and descriptor in written_through:
            commits.metas.append(call)
        elif call.name in FILE_WRITES:
            for message in messages_in(call.data):
                commits.pages.setdefault(message.raw, call)
    return commits


@pytest.mark.slow
def test_no_numbered_bytes_reach_a_socket_before_they_are_durable(tmp_path: Path) -> None:
    if not trace_is_permitted(tmp_path):
        pytest.skip("strace is not installed or ptrace is not permitted")
    trace = tmp_path / "trace"
    strace = ["strace", "-D", "-f", "-yy", "-xx", "-s", "1048576", "-e", f"trace={TRACED}", "-o", str(trace)]
    (tmp_path / "exchange").mkdir()
    exchange = ExchangeProcess(tmp_path / "exchange", prefix=strace)
    try:
        exchange.start(seconds=120)
        Room(exchange, 7).trade_until_killed_after(1.5)
    finally:
        exchange.kill()
    calls = read_trace(trace)
    commits = commits_of(calls)
    seen = 0
    for call in calls:
        if call.name not in SOCKET_WRITES or "TCP" not in call.target:
            continue
        for message in messages_in(call.data):
            seen += 1
            end = commits.end_of_commit(message.raw)
            assert end, f"sent, but in no commit: {message}"
            assert end < call.begun, f"sent at {call.begun}, durable at {end}: {message}"
    assert seen > 100
    assert commits.metas
