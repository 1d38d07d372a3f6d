"""kill -9 at every step of retention: what is to stay is there, what went is gone, and the chain goes on."""

import contextlib
import sys
from pathlib import Path

import pytest

from matching.journal import RETAIN_FAULT_POINTS
from tests.crash.room import Room
from tests.crash.steps import ask, at, take_snapshot, wait_for
from tests.support.exchange import ExchangeProcess

SEED = 1987
QUICK_RETENTION = (sys.executable, "-m", "tests.crash.quick_retention")


@pytest.mark.slow
def test_nothing_is_lost_when_retention_is_cut_short_at_every_step(tmp_path: Path) -> None:
    exchange = ExchangeProcess(tmp_path, prefix=QUICK_RETENTION)
    with contextlib.closing(Room(exchange, SEED)) as room:
        try:
            exchange.start()
            room.trade_for(0.5)
            take_snapshot(exchange)
            room.kill()
            for name in RETAIN_FAULT_POINTS:
                with at(name):
                    # In the second of its bounded steps; what comes after all of them is passed once.
                    count = 1 if name == "retain.index" else 2
                    exchange.start(options=("--fault-point", f"{name}:{count}"))
                    room.trade_until_dead()
            exchange.verify()
            exchange.start()
            room.check()
            wait_for(lambda: ask(exchange, "status")["journal"]["base_batch_seq"] > 0, "batches deleted")
            assert exchange.terminate() == 0
            exchange.verify()
        finally:
            exchange.kill()
