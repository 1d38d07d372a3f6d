"""Storms that a member who is logged on can make: each runs on a thread of its own until it is told to stop.

Raw bytes in and out: what comes back is counted, not read, so that the attacker is no slower than he can be.
"""

import contextlib
import select
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from tests.support.fix_peer import Fields, FixPeer, utc_timestamp

RESENDS_AT_ONCE: Final = 8
"""More that wait at once and the exchange cuts the session."""
RECEIVE_BYTES: Final = 1 << 20
TURN_SECONDS: Final = 0.02


class Line:
    """The raw socket beneath a peer that has logged on, and counts of what came back. Owner: one thread."""

    def __init__(self, peer: FixPeer) -> None:
        self.peer = peer
        self._socket = socket.socket(fileno=socket.dup(peer.fileno()))
        self._socket.setblocking(False)
        self._pending = b""
        self._tail = b""
        self.is_closed = False
        self.counts: dict[bytes, int] = {}

    def watch(self, *patterns: bytes) -> None:
        """Count these bytes in what comes back."""
        self.counts.update(dict.fromkeys(patterns, 0))

    def send(self, msg_type: str, fields: Fields) -> None:
        """Put a message behind what is still to be sent, with the peer's next number."""
        self._pending += self.peer.encode(msg_type, fields)
        self.peer.next_out += 1

    @property
    def is_idle(self) -> bool:
        """Whether everything was handed to the system."""
        return not self._pending

    def turn(self, *, reads: bool = True) -> None:
        """Send and receive what is possible within a moment."""
        readable, writable, _ = select.select(
            [self._socket] if reads else [], [self._socket] if self._pending else [], [], TURN_SECONDS
        )
        try:
            if writable:
                self._pending = self._pending[self._socket.send(self._pending) :]
            if readable:
                self._take(self._socket.recv(RECEIVE_BYTES))
        except BlockingIOError:
            return
        except ConnectionError:
            self.is_closed = True

    def _take(self, data: bytes) -> None:
        if not data:
            self.is_closed = True
            return
        data = self._tail + data
        for pattern in self.counts:
            # Patterns end with a separator, so that one that is cut in two is counted once, with its second half.
            self.counts[pattern] += data.count(pattern) - self._tail.count(pattern)
        self._tail = data[-64:]

    def close(self) -> None:
        """Close this end; the peer's own stays."""
        self._socket.close()


class Progress:
    """What a storm and its test tell each other: that it is to stop, and how many messages it has sent."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.sent = 0


Storm: TypeAlias = Callable[[FixPeer, Progress], None]
"""Makes a storm until it is told to stop or the exchange cuts."""


def resend_storm(peer: FixPeer, progress: Progress) -> None:
    """Ask for the whole range again and again, as often as the exchange lets a session wait for answers."""
    line = Line(peer)
    copy = b"\x0143=Y\x01"
    line.watch(copy)
    last = peer.next_in - 1
    # Logons and Heartbeats are filled over: how many copies one answer has is counted with the first.
    line.send("2", [(7, "1"), (16, str(last))])
    line.send("1", [(112, "END")])
    end = b"\x01112=END\x01"
    line.watch(end)
    while not (line.counts[end] or line.is_closed or progress.stop.is_set()):
        line.turn()
    copies = max(line.counts[copy], 1)
    while not (progress.stop.is_set() or line.is_closed):
        answered = line.counts[copy] // copies - 1
        while line.is_idle and progress.sent - answered < RESENDS_AT_ONCE - 1:
            line.send("2", [(7, "1"), (16, str(last))])
            progress.sent += 1
        line.turn()
    line.close()


def order_flood(peer: FixPeer, progress: Progress) -> None:
    """Send orders as fast as the exchange takes them."""
    _flood(peer, progress, reads=True)


def slow_reader(peer: FixPeer, progress: Progress) -> None:
    """Send orders and never read what is said of them."""
    _flood(peer, progress, reads=False)


def _flood(peer: FixPeer, progress: Progress, *, reads: bool) -> None:
    line = Line(peer)
    terms = [(55, "AAPL"), (54, "1"), (38, "1"), (40, "2"), (44, "300.00"), (59, "3"), (60, utc_timestamp())]
    while not (progress.stop.is_set() or line.is_closed):
        if line.is_idle:
            for _ in range(100):
                line.send("D", [(11, f"{peer.comp_id}F{progress.sent}"), *terms])
                progress.sent += 1
        line.turn(reads=reads)
    line.close()


class RunningStorm:
    """A storm on its thread."""

    def __init__(self, storm: Storm, peer: FixPeer) -> None:
        self._progress = Progress()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(storm, peer))
        self._thread.start()

    @property
    def sent(self) -> int:
        """How many messages it has sent by now."""
        return self._progress.sent

    @property
    def is_over(self) -> bool:
        """Whether it ended by itself: the exchange has cut it, or it failed."""
        return not self._thread.is_alive()

    def _run(self, storm: Storm, peer: FixPeer) -> None:
        try:
            storm(peer, self._progress)
        except BaseException as error:
            self._failure = error

    def end(self) -> None:
        """Stop it; a failure of the storm itself is one of the test."""
        self._progress.stop.set()
        self._thread.join()
        if self._failure is not None:
            raise self._failure


@contextlib.contextmanager
def storming(storm: Storm, peer: FixPeer) -> Iterator[RunningStorm]:
    """Run a storm while the block runs."""
    running = RunningStorm(storm, peer)
    try:
        yield running
    finally:
        running.end()
