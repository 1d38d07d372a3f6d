"""What the simulation has found at the start of a life, as situations of their own."""

from pathlib import Path

from gateway.inbound import NONE_OF_THEM
from matching.commands import SetTradingPhase
from tests.sim.clock import SimClock
from tests.sim.configuration import CANCELED_ON_DISCONNECT, settings_of
from tests.sim.connection import Sent
from tests.sim.disk import SimDisk
from tests.sim.life import Life, simulated


def test_an_operation_before_the_first_turn_comes_after_what_the_exchange_begins_with(tmp_path: Path) -> None:
    clock = SimClock()
    disk = SimDisk(tmp_path / "journal", clock)
    settings = settings_of(0, 1)
    with simulated(clock, disk):
        life = Life(tmp_path, settings, clock, disk)
        session_id = life.session_id(*CANCELED_ON_DISCONNECT)
        terms = ("B1", None, "AAPL", "1", "2", 58_500 * 1_000_000, 100_000_000, "0", None)
        order = Sent("D", 1, values=(*terms, *NONE_OF_THEM))
        life.turn()
        life.wire.sessions[session_id].receive(order)
        life.turn()
        life.wire.run_idle()
        life.turn()
        life.end()
        life = Life(tmp_path, settings, clock, disk)
        life.operate(SetTradingPhase(1, "halted", "operator", "at once"))
        for _ in range(3):
            life.turn()
            life.wire.run_idle()
        assert not life.engine.sessions[session_id].open
        assert life.engine.instruments[1].phase == "halted"
        life.end()
