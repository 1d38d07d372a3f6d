"""200 kills -9 at random instants under load, in `make soak`; the ordinary run has 20 of them."""

import contextlib
import random
import time
from pathlib import Path

import pytest

from tests.crash.room import Room
from tests.support.exchange import running_exchange

KILLS = 200
SEED = 20100506
WHOLE_DAY_EVERY = 10
"""Between these only what is missing is asked for: a day's reports grow with every life."""


@pytest.mark.soak
def test_nothing_is_lost_or_doubled_by_two_hundred_kills(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    instants = random.Random(SEED)
    begun = time.monotonic()

    def say(text: str) -> None:
        with capsys.disabled():
            print(text, flush=True)

    say(f"\n{KILLS} kills -9 at random instants under load, seed {SEED}; each life is a start, a load and a check")
    with running_exchange(tmp_path) as exchange, contextlib.closing(Room(exchange, SEED)) as room:
        for kill in range(1, KILLS + 1):
            room.trade_until_killed_after(instants.uniform(0.02, 0.6))
            is_tenth = kill % WHOLE_DAY_EVERY == 0
            if is_tenth:
                exchange.verify()
            exchange.start()
            room.check(is_whole_day=is_tenth)
            if is_tenth:
                reports = sum(len(member.reports) for member in room.members)
                say(
                    f"kill {kill} of {KILLS}, {time.monotonic() - begun:.0f} s, {reports} reports, none lost or doubled"
                )
        assert exchange.terminate() == 0
        exchange.verify()
