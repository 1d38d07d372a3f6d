"""kill -9 between acknowledgement and drop copy, at every fault point of a batch, with reconnects of both sides, with
and without a reset of numbers: the same ExecIDs on every channel, none lost, none twice.
"""

import contextlib
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import pytest

from gateway.fault_points import BATCH_FAULT_POINTS, STEP_FAULT_POINTS
from tests.crash.member import Content, content_of
from tests.support.exchange import ExchangeProcess
from tests.support.fix_peer import FixPeer, Message, PeerError, unique_id, utc_timestamp
from tests.support.orders import fill_gap

SEED: Final = 19870
POINTS: Final = (*BATCH_FAULT_POINTS, *STEP_FAULT_POINTS)
COUNTS: Final = (8, 30)
"""Times that a fault point is passed before the kill: from around the Logons to amid the orders."""
IN_FLIGHT: Final = 8
ORDERS_MAX: Final = 600
SESSION_PARTS: Final = (49, 56)


class Channel:
    """One session that is connected again and again: what it was told by ExecID, and how often for the first time."""

    def __init__(self, peer: FixPeer) -> None:
        self.peer = peer
        self.reports: dict[str, Content] = {}
        self.ends: list[Message] = []
        peer.gap_allowed = True

    def connect(self, *, reset: bool) -> None:
        """Log on, with the number that we are at or with new numbers, and ask for what is missing."""
        answer = self.peer.logon([(141, "Y")] if reset else [])
        if answer.seq + 1 > self.peer.next_in:
            self.peer.send("2", [(7, str(self.peer.next_in)), (16, "0")])

    def take(self, message: Message) -> None:
        """Take one message; a report that comes again says so, and says the same."""
        if message.msg_type == "2":
            fill_gap(self.peer, int(message[7]), self.peer.next_out)
        elif message.msg_type == "1":
            self.peer.send("0", [(112, message[112])])
        elif message.msg_type == "BX":
            self.ends.append(message)
        elif message.msg_type == "8":
            self._record(message)
        else:
            assert message.msg_type in "045", message

    def _record(self, message: Message) -> None:
        said = tuple(pair for pair in content_of(message) if pair[0] not in SESSION_PARTS)
        is_again = message.poss_dup or message.get(97) == "Y"
        assert is_again or message[17] not in self.reports, f"{message[17]} came twice for the first time: {message}"
        assert self.reports.setdefault(message[17], said) == said, f"{message[17]} says two things"

    def take_until(self, is_done: Callable[[], bool]) -> None:
        """Take messages until it is done."""
        while not is_done():
            self.take(self.peer.receive())

    def drain(self) -> None:
        """Take what the exchange had sent before it died."""
        with contextlib.suppress(PeerError):
            while self.peer.is_connected:
                self.take(self.peer.receive(1.0))
        self.peer.close()


class Between:
    """A member, his drop copy, and the exchange that dies between them."""

    def __init__(self, exchange: ExchangeProcess) -> None:
        self.exchange = exchange
        self.member = Channel(exchange.peer("TRADER1"))
        self.copy = Channel(exchange.peer("DROP1"))

    def live_until_killed(self, *, is_copy_live: bool, resets: tuple[bool, bool]) -> None:
        """Connect and trade until the fault point; take all that had left before."""
        with contextlib.suppress(PeerError, ConnectionError):
            self.member.connect(reset=resets[0])
            if is_copy_live:
                self.copy.connect(reset=resets[1])
            sent = 0
            while sent < ORDERS_MAX:
                for _ in range(IN_FLIGHT):
                    self._order()
                sent += IN_FLIGHT
                self.member.take(self.member.peer.receive())
                for channel in (self.member, self.copy) if is_copy_live else (self.member,):
                    for message in channel.peer.receive_nowait():
                        channel.take(message)
        assert self.exchange.wait() == -9, self.exchange.errors()
        self.member.drain()
        self.copy.drain()

    def _order(self) -> str:
        """Send an order that nobody meets, which gives two reports; return its ClOrdID."""
        name = unique_id()
        terms = [(55, "AAPL"), (54, "1"), (38, "10"), (40, "2"), (44, "580.00"), (59, "3"), (60, utc_timestamp())]
        self.member.peer.send("D", [(11, name), *terms])
        return name

    def settle(self, *, resets: tuple[bool, bool]) -> None:
        """Both reconnect to an exchange that lives: after one more order each has every report of the other."""
        for channel, reset in zip((self.member, self.copy), resets, strict=True):
            channel.connect(reset=reset)
        name = self._order()
        self.member.take_until(lambda: self._is_told(name))
        last = max(self.member.reports, key=_number)
        self.copy.take_until(lambda: last in self.copy.reports and len(self.copy.reports) >= len(self.member.reports))
        assert self.copy.reports == self.member.reports
        self._compare_range()

    def _is_told(self, name: str) -> bool:
        """Whether that order is done, and no report of before it is missing: ExecIDs have no holes here."""
        reports = self.member.reports
        if not reports or len(reports) != max(map(_number, reports)):
            return False
        last = dict(reports[f"E{len(reports)}"])
        return (last[11], last[150]) == (name, "C")

    def _compare_range(self) -> None:
        """A range by ExecID gives the same: each report once."""
        ids = [(1346, unique_id()), (1347, "0"), (1351, "1"), (1355, "DROPCOPY"), (1182, "1"), (1183, "0")]
        again = Channel(self.copy.peer)
        self.copy.peer.send("BW", ids)
        again.take_until(lambda: bool(again.ends))
        assert again.reports == self.member.reports
        assert again.ends[0][1349] == str(len(again.reports))

    def close(self) -> None:
        """Close both connections."""
        self.member.peer.cut()
        self.copy.peer.cut()


def _number(exec_id: str) -> int:
    return int(exec_id.removeprefix("E"))


@contextlib.contextmanager
def between(folder: Path) -> Iterator[Between]:
    """Run an exchange that is killed again and again."""
    exchange = ExchangeProcess(folder)
    both = Between(exchange)
    try:
        yield both
    finally:
        exchange.kill()
        both.close()


def die_at(both: Between, points: Sequence[tuple[str, int]], draw: random.Random) -> None:
    """Live one life for each fault point, each begun where the last one was killed; then a life that stays."""
    for point, count in points:
        resets = draw.random() < 0.5, draw.random() < 0.5
        both.exchange.start(options=("--fault-point", f"{point}:{count}"))
        both.live_until_killed(is_copy_live=draw.random() < 0.6, resets=resets)
    both.exchange.start()
    both.settle(resets=(draw.random() < 0.5, draw.random() < 0.5))
    both.close()
    assert both.exchange.terminate() == 0
    both.exchange.verify()


@pytest.mark.slow
def test_copy_and_member_have_the_same_after_a_kill_at_every_fault_point(tmp_path: Path) -> None:
    draw = random.Random(SEED)
    points = [(point, draw.choice(COUNTS)) for point in POINTS]
    draw.shuffle(points)
    with between(tmp_path) as both:
        die_at(both, points, draw)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(SEED, SEED + 4))
@pytest.mark.parametrize("point", POINTS)
def test_copy_and_member_have_the_same_after_kills_at_one_point(point: str, seed: int, tmp_path: Path) -> None:
    """Eight kills at one point: also within a Logon and within a reset."""
    draw = random.Random(f"{seed} {point}")
    with between(tmp_path) as both:
        for _ in range(4):
            die_at(both, [(point, draw.randrange(4, 60)) for _ in range(2)], draw)
