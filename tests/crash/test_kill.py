"""kill -9 under load, at random instants and at every fault point: promises 1 and 2 hold, judged from outside."""

import contextlib
import random
from pathlib import Path

import pytest

from gateway.fault_points import BATCH_FAULT_POINTS
from tests.crash.room import Room
from tests.support.exchange import ExchangeProcess, running_exchange

KILLS = 20
SEED = 20120621
COUNTS = (2, pytest.param(3, marks=pytest.mark.soak), 40)
"""The first commit behind a Logon, and one when many orders are on their way."""
"""The first commit after a Logon has been answered, the next one, and one under load."""


@pytest.mark.slow
def test_nothing_is_lost_or_doubled_by_twenty_kills_at_random_instants(tmp_path: Path) -> None:
    instants = random.Random(SEED)
    with running_exchange(tmp_path) as exchange, contextlib.closing(Room(exchange, SEED)) as room:
        for kill in range(KILLS):
            room.trade_until_killed_after(instants.uniform(0.02, 0.4))
            if kill % 5 == 4:
                exchange.verify()
            exchange.start()
            room.check(is_whole_day=kill % 5 == 4)
        assert exchange.terminate() == 0
        exchange.verify()
        assert sum(len(member.reports) for member in room.members) > 100 * KILLS


@pytest.mark.slow
@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("name", BATCH_FAULT_POINTS)
def test_nothing_is_lost_or_doubled_at_a_fault_point(name: str, count: int, tmp_path: Path) -> None:
    exchange = ExchangeProcess(tmp_path)
    room = Room(exchange, SEED + count)
    try:
        exchange.start(options=("--fault-point", f"{name}:{count}"))
        room.trade_until_dead()
        exchange.verify()
        exchange.start()
        room.check()
        room.trade_until_killed_after(0.1)
        exchange.start()
        room.check()
        assert exchange.terminate() == 0
        exchange.verify()
    finally:
        exchange.kill()
        room.close()
