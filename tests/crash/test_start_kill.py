"""kill -9 between the start of the process and its first connection: recovery may be cut short any number of times."""

import contextlib
from pathlib import Path

import pytest

from gateway.fault_points import START_FAULT_POINTS, STEP_FAULT_POINTS
from tests.crash.room import Room
from tests.crash.steps import at, take_snapshot
from tests.support.exchange import ExchangeProcess

SEED = 19870


@pytest.mark.slow
def test_a_start_may_be_cut_short_at_every_step(tmp_path: Path) -> None:
    exchange = ExchangeProcess(tmp_path)
    with contextlib.closing(Room(exchange, SEED)) as room:
        try:
            exchange.start()
            room.trade_for(0.1)
            take_snapshot(exchange)
            room.trade_until_killed_after(0.1)
            for name in START_FAULT_POINTS:
                with at(name):
                    count = 3 if name == "recovery.batch" else 1
                    exchange.spawn(options=("--fault-point", f"{name}:{count}"))
                    assert exchange.wait() == -9, exchange.errors()
            exchange.verify()
            exchange.start()
            room.check()
            assert exchange.terminate() == 0
        finally:
            exchange.kill()


@pytest.mark.slow
def test_nothing_is_lost_or_doubled_between_stage_and_release(tmp_path: Path) -> None:
    exchange = ExchangeProcess(tmp_path)
    with contextlib.closing(Room(exchange, SEED + 1)) as room:
        try:
            for name in STEP_FAULT_POINTS:
                for count in (4, 40):
                    with at(f"{name}:{count}"):
                        exchange.start(options=("--fault-point", f"{name}:{count}"))
                        room.trade_until_dead()
            exchange.verify()
            exchange.start()
            room.check()
            assert exchange.terminate() == 0
        finally:
            exchange.kill()
