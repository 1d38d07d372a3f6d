"""Faults of the exchange that the simulation has found, each as a situation of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from config.settings import Settings
from gateway.inbound import NO_TERMS
from matching.commands import SetTradingPhase
from tests.sim.clock import SimClock
from tests.sim.configuration import CANCELED_ON_DISCONNECT, MARKET_DATA, settings_of
from tests.sim.connection import Sent
from tests.sim.disk import SimDisk
from tests.sim.life import Life, simulated
from tests.sim.watcher import Watcher

pytestmark = pytest.mark.slow
TERMS = ("AAPL", "1", "2", 58_500 * 1_000_000, 100_000_000, "0", None, NO_TERMS)


class World:
    """One exchange after the other on the same disk."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self._folder = folder
        self._settings = settings
        self.clock = SimClock()
        self.disk = SimDisk(folder / "journal", self.clock)
        self.orders = 0

    def start(self) -> Life:
        """Begin a life."""
        return Life(self._folder, self._settings, self.clock, self.disk)

    def buy(self, life: Life) -> None:
        """Enter an order that rests, without a connection."""
        self.orders += 1
        session = life.wire.sessions[life.session_id(*CANCELED_ON_DISCONNECT)]
        session.receive(Sent("D", self.orders, values=(f"B{self.orders}", None, *TERMS)))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path, settings_of(0, 1))
    with simulated(world.clock, world.disk):
        yield world


def settle(life: Life, watcher: Watcher | None = None) -> None:
    """Turn until all is done."""
    for _ in range(6):
        life.wire.run_idle()
        life.turn()
        if watcher is not None:
            watcher.read(100)


def test_an_operation_before_the_first_turn_comes_after_what_the_exchange_begins_with(world: World) -> None:
    life = world.start()
    settle(life)
    world.buy(life)
    settle(life)
    life.end()
    life = world.start()
    life.operate(SetTradingPhase(1, "halted", "operator", "at once"))
    settle(life)
    assert not life.engine.sessions[life.session_id(*CANCELED_ON_DISCONNECT)].open_count()
    assert life.engine.instruments[1].phase == "halted"
    life.end()


def test_market_data_that_a_reset_of_numbers_took_away_is_followed_by_a_fresh_picture(world: World) -> None:
    life = world.start()
    watcher = Watcher(*MARKET_DATA)
    assert life.wire.connect(*MARKET_DATA, watcher.log_on(reset=False))
    settle(life, watcher)
    watcher.check(life.engine)
    world.buy(life)
    session = life.wire.sessions[life.session_id(*MARKET_DATA)]
    connection = session.connection
    assert connection is not None
    while not connection.hold:
        life.turn()
        while session.io.mailbox:
            session.io.mailbox.popleft()()
    watcher.reset()
    session.receive(connection.to_exchange.popleft())
    settle(life, watcher)
    watcher.check(life.engine)
    life.end()
