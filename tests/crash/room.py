"""One life of the exchange after another: load, crash, restart, and every promise held against the members' records."""

import contextlib
import random
import time
from collections.abc import Sequence
from typing import Final

from tests.crash.member import AAPL, Market, Member, Recorder, trade_all
from tests.support.exchange import ExchangeProcess
from tests.support.fix_peer import PeerClosedError

MEMBERS: Final = (("TRADER1", "FIX.4.4"), ("TRADER2", "FIXT.1.1"), ("MAKER1", "FIX.4.4"))
LOAD_SECONDS_MAX: Final = 20.0
BOOKS_SAMPLE: Final = 40
REPEATS: Final = 5


class Room:
    """The members, the drop copy and the exchange between them. Owner: one test."""

    def __init__(self, exchange: ExchangeProcess, seed: int, markets: Sequence[Market] = (AAPL,)) -> None:
        self._exchange = exchange
        self._random = random.Random(seed)
        self.members = [Member(exchange, comp_id, version, seed, markets) for comp_id, version in MEMBERS]
        self.drop_copy = Recorder(exchange, "DROP1", "FIX.4.4")

    def trade_until_killed_after(self, seconds: float) -> None:
        """Trade for `seconds`, then kill -9 while orders are in flight."""
        self.trade_for(seconds)
        self.kill()

    def trade_for(self, seconds: float) -> None:
        """Trade for `seconds` and leave the exchange alive, orders in flight."""
        self.connect()
        end = time.monotonic() + seconds
        alive = trade_all(self.members, [self.drop_copy], lambda: time.monotonic() > end)
        assert alive, f"the exchange died by itself:\n{self._exchange.errors()}"

    def kill(self) -> None:
        """kill -9, and take what had been handed to the network before it."""
        self._exchange.kill()
        self.drain()

    def trade_until_dead(self) -> None:
        """Trade until the exchange meets its fault point, which may be as early as a Logon."""
        with contextlib.suppress(PeerClosedError, ConnectionError):
            self.connect()
            end = time.monotonic() + LOAD_SECONDS_MAX
            alive = trade_all(self.members, [self.drop_copy], lambda: time.monotonic() > end)
            assert not alive, "the fault point was not reached"
        code = self._exchange.wait()
        assert code == -9, f"exit code {code}, expected SIGKILL:\n{self._exchange.errors()}"
        self.drain()

    def check(self, *, is_whole_day: bool = True) -> None:
        """After a restart: nothing acknowledged is lost, nothing was done twice, everybody was told the same."""
        self.connect(is_whole_day=is_whole_day)
        self.settle()
        for member in self.members:
            member.pump_nowait()
        self._check_drop_copy()
        for member in self.members:
            member.check_books(BOOKS_SAMPLE)
            member.repeat_orders(REPEATS)
        self._check_drop_copy()
        for recorder in (*self.members, self.drop_copy):
            for message in recorder.peer.logout():
                recorder.take(message)

    def _check_drop_copy(self) -> None:
        """The drop copy has every report of every member exactly once, and no other."""
        wanted = set[str]().union(*(member.trade_reports() for member in self.members))
        self.drop_copy.pump_until(lambda: wanted <= self.drop_copy.trade_reports())
        for member in self.members:
            member.pump_nowait()
        wanted = set[str]().union(*(member.trade_reports() for member in self.members))
        assert self.drop_copy.trade_reports() == wanted
        for member in self.members:
            for exec_id in member.trade_reports():
                told = dict(member.reports[exec_id])
                copied = dict(self.drop_copy.reports[exec_id])
                differing = {
                    tag for tag in (11, 37, 38, 39, 14, 151, 6, 31, 32, 150) if told.get(tag) != copied.get(tag)
                }
                assert not differing, f"{exec_id}: {differing} differ:\n{told}\n{copied}"

    def settle(self) -> None:
        """Wait until every request has an answer."""
        for member in self.members:
            member.settle()

    def connect(self, *, is_whole_day: bool = False) -> None:
        """Log on whoever is not connected."""
        for recorder in (*self.members, self.drop_copy):
            if not recorder.peer.is_connected:
                recorder.connect(is_whole_day=is_whole_day)

    def close(self) -> None:
        """Close every connection, whatever state it is in: for the end of a test."""
        for recorder in (*self.members, self.drop_copy):
            recorder.peer.cut()

    def drain(self) -> None:
        """Take all that the exchange had sent before it died."""
        for recorder in (*self.members, self.drop_copy):
            recorder.drain()
