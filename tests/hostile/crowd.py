"""Strangers who connect and never log on, in a process of their own: many connections from many addresses.

    python -m tests.hostile.crowd --port 9878 --count 10000 [--again]

It prints a line of JSON once every connection was tried, holds what is open until its standard input ends, and prints
how many connections it made and how many the exchange closed. `--again` opens a new one for each that is closed.
"""

import argparse
import contextlib
import errno
import json
import resource
import select
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import Any, Final

from tests.support.exchange import ROOT

FIRST_ADDRESS: Final = 2
LAST_ADDRESS: Final = 11
"""127.0.0.2 to 127.0.0.11: members come from 127.0.0.1."""
DESCRIPTORS_BESIDE: Final = 64
CONNECT_SECONDS: Final = 5.0
TURN_SECONDS: Final = 0.05
FIRST_BYTES: Final = b"8=FIX.4.4\x019=100\x0135=A\x01"
"""What those who are not silent begin with; it never becomes a Logon."""


def descriptors_allowed() -> int:
    """Return how many open files a process may have here."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if hard == resource.RLIM_INFINITY else hard


def raise_limit(count: int) -> None:
    """Let this process hold so many connections."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (count + DESCRIPTORS_BESIDE, hard))


class Crowd:
    """The connections of all strangers. Owner: one thread."""

    def __init__(self, port: int) -> None:
        self._address = ("127.0.0.1", port)
        self._poll = select.epoll()
        self._open: dict[int, socket.socket] = {}
        self.made = 0
        self.closed = 0
        self.failed = 0

    def connect(self) -> None:
        """Open one connection from the next address; every second one sends the beginning of a message."""
        number = FIRST_ADDRESS + (self.made + self.failed) % (LAST_ADDRESS - FIRST_ADDRESS + 1)
        try:
            source = (f"127.0.0.{number}", 0)
            connection = socket.create_connection(self._address, timeout=CONNECT_SECONDS, source_address=source)
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ECONNREFUSED):
                raise
            self.failed += 1
            return
        self.made += 1
        connection.setblocking(False)
        self._open[connection.fileno()] = connection
        self._poll.register(connection, select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLHUP)
        if self.made % 2:
            with contextlib.suppress(OSError):
                connection.send(FIRST_BYTES)

    def sweep(self, seconds: float) -> int:
        """Forget what the exchange has closed; return how many those were."""
        gone = 0
        for descriptor, _ in self._poll.poll(seconds, 1_024):
            self._poll.unregister(descriptor)
            self._open.pop(descriptor).close()
            gone += 1
        self.closed += gone
        return gone

    def counts(self) -> dict[str, int]:
        """Return what has happened so far."""
        return {"made": self.made, "open": len(self._open), "closed": self.closed, "failed": self.failed}

    def close(self) -> None:
        """Close everything."""
        for connection in self._open.values():
            connection.close()
        self._poll.close()


def main(arguments: Sequence[str]) -> int:
    """Open, hold, close; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--again", action="store_true")
    options = parser.parse_args(arguments)
    raise_limit(options.count)
    crowd = Crowd(options.port)
    for number in range(options.count):
        crowd.connect()
        if number % 64 == 0:
            crowd.sweep(0.0)
    crowd.sweep(0.0)
    print(json.dumps(crowd.counts()), flush=True)
    while not select.select([sys.stdin], [], [], 0.0)[0]:
        gone = crowd.sweep(TURN_SECONDS)
        for _ in range(gone if options.again else 0):
            crowd.connect()
    print(json.dumps(crowd.counts()), flush=True)
    crowd.close()
    return 0


class RunningCrowd:
    """The process of a crowd; `stood`: what it had when every connection was tried, `ended`: at its end."""

    def __init__(self, port: int, count: int, *, again: bool = False, prefix: Sequence[str] = ()) -> None:
        command = [*prefix, sys.executable, "-m", "tests.hostile.crowd", "--port", str(port), "--count", str(count)]
        self._process = subprocess.Popen(
            [*command, *(["--again"] if again else [])],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.stood: dict[str, Any] = {}
        self.ended: dict[str, Any] = {}

    def wait_until_it_stands(self) -> None:
        """Wait until every connection was tried."""
        assert self._process.stdout is not None
        self.stood = json.loads(self._process.stdout.readline())

    def end(self) -> None:
        """Let it close its connections and end."""
        said, _ = self._process.communicate("")
        assert self._process.returncode == 0, f"the crowd ended with {self._process.returncode}"
        self.ended = json.loads(said.splitlines()[-1])

    def kill(self) -> None:
        """End it in any case."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()


@contextlib.contextmanager
def crowd_before(port: int, count: int, *, again: bool = False, prefix: Sequence[str] = ()) -> Iterator[RunningCrowd]:
    """Run a crowd before a port until the block ends; it stands when the block begins, unless it comes again.

    `prefix` is the command that runs it.
    """
    crowd = RunningCrowd(port, count, again=again, prefix=prefix)
    try:
        if not again:
            crowd.wait_until_it_stands()
        yield crowd
        crowd.end()
    finally:
        crowd.kill()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
