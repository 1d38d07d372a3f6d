"""The world of a day: the exchange in one life after the other, its members, and how time goes on for them."""

from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Final

from matching.journal import JournalError
from tests.sim.checks import (
    check_recovered,
)
from tests.sim.clock import SECOND_NS, SimClock
from tests.sim.configuration import DROP_COPIES, MARKET_DATA, TRADING, settings_of
from tests.sim.copier import Copier
from tests.sim.disk import Killed, SimDisk
from tests.sim.life import Life
from tests.sim.member import Member
from tests.sim.watcher import Watcher

RECONNECT: Final = 0.3
LONG_TURN_NS: Final = 1_100_000_000
LONG_TURNS: Final = 0.2
"""How many turns take that long."""
RESET_AT_LOGON: Final = 0.06


class World:
    """One seed's world. Owner: the one thread there is."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.random = Random(seed)
        self.clock = SimClock()
        self.data_dir = folder / "data"
        self.disk = SimDisk(self.data_dir / "journal", self.clock)
        self.generation = 0
        self.io_threads = self.random.choice((1, 2))
        self.members: list[Member] = [Member(*name, keeps_numbers=False) for name in TRADING]
        self.members += [Copier(*name, keeps_numbers=place == 0) for place, name in enumerate(DROP_COPIES)]
        self.traders = self.members[: len(TRADING)]
        self.watcher = Watcher(*MARKET_DATA)
        self.members.append(self.watcher)
        self.trading_day = 20260102
        self._checked: dict[str, int] = {}
        self._life: Life | None = None

    @property
    def life(self) -> Life:
        """The life that is running."""
        assert self._life is not None, "the exchange has been started"
        return self._life

    def _start(self) -> None:
        settings = settings_of(self.generation, self.io_threads)
        while self._life is None:
            try:
                self._life = Life(self.data_dir, settings, self.clock, self.disk)
            except Killed:
                self.disk.come_back()
        for member in self.members:
            begin = self._checked.get(member.name, 0)
            session_id = self._life.session_id(member.begin_string, member.comp_id)
            check_recovered(self._life.journal, session_id, member, begin)
            self._checked[member.name] = len(member.reports)

    def _turn(self, random: Random) -> None:
        """Let the wire, the exchange and the members go on a little; restart what has ended."""
        try:
            for _ in range(random.randrange(14)):
                self.life.wire.step(random)
            self.life.wire.inbound_max = random.choice((1 << 30, 1 << 30, 4, 0))
            self.life.tick()
            self.life.turn()
        except Killed as end:
            self._die(str(end))
        except JournalError:
            self._die("the exchange gave up")
        for member in self.members:
            member.read(random.randrange(8))
            if member.connection is None and random.random() < RECONNECT:
                self._connect(member, reset=random.random() < RESET_AT_LOGON)
        # Mostly less than a message takes; now and then long enough for what is done by the clock, once a second.
        self.clock.advance(LONG_TURN_NS if random.random() < LONG_TURNS else random.randrange(20_000_000))

    def _die(self, how: str, *, again_at: str = "") -> str:
        """Everything in memory is gone; what the disk has is what the next life begins with.

        `again_at` is a fault point of the start at which the next life ends before it has begun.
        """
        life = self.life
        life.end()
        for member in self.members:
            if member.connection is not None:
                arriving, leaving = self.random.randrange(4), 0
                member.cut(arriving, leaving)
        left = self.disk.come_back()
        self.disk.kill_at = (again_at, 1) if again_at else None
        self.clock.advance(self.random.randrange(5 * SECOND_NS))
        self._life = None
        self._start()
        return f"{how}, {left}"

    def _connect(self, member: Member, *, reset: bool) -> bool:
        if member.connection is not None:
            return False
        connection = member.log_on(reset=reset and not member.keeps_numbers)
        if self.life.wire.connect(member.begin_string, member.comp_id, connection):
            return True
        member.refused()
        return False

    def _online(self, among: Sequence[Member]) -> list[Member]:
        return [member for member in among if member.connection is not None and member.is_logged_on]
