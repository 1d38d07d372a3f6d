"""60 kills -9 of shards and gateway under load, whichever of them a seed says, in `make soak`; the ordinary run has a
few.
"""

import contextlib
import os
import random
import time
from pathlib import Path

import pytest

from tests.crash.room import Room
from tests.crash.test_shard_kill import MARKETS, SHARDS, sharded
from tests.support.shards import kill_shards

KILLS = int(os.environ.get("OUTCRY_SHARD_KILLS", "60"))
SEED = int(os.environ.get("OUTCRY_SHARD_SEED", "20100506"))
WHOLE_DAY_EVERY = 10


@pytest.mark.soak
def test_nothing_is_lost_or_doubled_by_kills_of_shards_and_gateway(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chance = random.Random(SEED)
    begun = time.monotonic()

    def say(text: str) -> None:
        with capsys.disabled():
            print(text, flush=True)

    say(f"\n{KILLS} kills -9 of shards and gateway at random instants under load, seed {SEED}")
    with sharded(tmp_path) as exchange, contextlib.closing(Room(exchange, SEED, MARKETS)) as room:
        for kill in range(1, KILLS + 1):
            room.trade_for(chance.uniform(0.02, 0.6))
            victims = [name for name in SHARDS if chance.random() < 0.4]
            if victims:
                kill_shards(exchange, *victims)
            is_whole_day = kill % WHOLE_DAY_EVERY == 0
            if chance.random() < 0.5 or is_whole_day:
                if chance.random() < 0.5:
                    room.trade_for(chance.uniform(0.02, 0.3))
                exchange.kill()
                room.drain()
                exchange.start()
                room.check(is_whole_day=is_whole_day)
            else:
                room.trade_for(0.1)
                room.settle()
            if is_whole_day:
                reports = sum(len(member.reports) for member in room.members)
                say(
                    f"kill {kill} of {KILLS}, {time.monotonic() - begun:.0f} s, {reports} reports, none lost or doubled"
                )
        assert exchange.terminate() == 0
        exchange.verify()
