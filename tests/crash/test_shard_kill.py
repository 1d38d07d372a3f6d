"""kill -9 of shards and of the gateway, each alone and together, under load: promises 1 and 2, judged from outside."""

import contextlib
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.crash.member import AAPL, BTC_PERP, MSFT
from tests.crash.room import Room
from tests.support.exchange import ExchangeProcess
from tests.support.shards import kill_shards, shard_pids

SEED: Final = 20261121
MARKETS: Final = (AAPL, MSFT, BTC_PERP)
SHARDS: Final = ("aapl", "msft", "btc-perp")


@contextlib.contextmanager
def sharded(base: Path) -> Iterator[ExchangeProcess]:
    """Run the exchange with a shard for each instrument; nothing of it is left at the end."""
    exchange = ExchangeProcess(base, configuration="per-instrument")
    try:
        exchange.start()
        yield exchange
    finally:
        exchange.close()
        kill_shards(exchange)


@pytest.mark.slow
def test_one_session_trades_on_all_shards_and_all_journals_agree(tmp_path: Path) -> None:
    with sharded(tmp_path) as exchange, contextlib.closing(Room(exchange, SEED, MARKETS)) as room:
        assert set(shard_pids(exchange)) == set(SHARDS)
        room.trade_for(1.0)
        room.check()
        traded = set[str]().union(*(member.traded_symbols() for member in room.members))
        assert traded == {market.symbol for market in MARKETS}
        assert exchange.terminate() == 0
        assert shard_pids(exchange) == {}
        exchange.verify()
        exchange.start()
        room.check()
        assert exchange.terminate() == 0
        exchange.verify()


@pytest.mark.slow
@pytest.mark.parametrize("victims", [("aapl",), SHARDS])
def test_shards_are_killed_and_nothing_is_lost_or_doubled(tmp_path: Path, victims: tuple[str, ...]) -> None:
    with sharded(tmp_path) as exchange, contextlib.closing(Room(exchange, SEED, MARKETS)) as room:
        instants = random.Random(SEED)
        for _ in range(2):
            room.trade_for(instants.uniform(0.05, 0.4))
            kill_shards(exchange, *victims)
            room.trade_for(0.2)
            for member in room.members:
                member.enter_everywhere()
            room.settle()
        room.check()
        said = set[str]().union(*(member.texts() for member in room.members))
        assert {text.rpartition("shard ")[2] for text in said if "not available" in text} == {
            f"{name} is down" for name in victims
        }
        assert exchange.terminate() == 0
        exchange.verify()


@pytest.mark.slow
@pytest.mark.parametrize("victims", [(), SHARDS])
def test_the_gateway_is_killed_alone_and_with_shards(tmp_path: Path, victims: tuple[str, ...]) -> None:
    with sharded(tmp_path) as exchange, contextlib.closing(Room(exchange, SEED, MARKETS)) as room:
        instants = random.Random(SEED)
        for _ in range(2):
            room.trade_for(instants.uniform(0.05, 0.4))
            if victims:
                kill_shards(exchange, *victims)
            exchange.kill()
            room.drain()
            exchange.start()
            room.check()
        assert exchange.terminate() == 0
        exchange.verify()
