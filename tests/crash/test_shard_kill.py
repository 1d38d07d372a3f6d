"""kill -9 of shards and of the gateway, each alone and together, under load: promises 1 and 2, judged from outside."""

import contextlib
import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.crash.member import AAPL, BTC_PERP, MSFT
from tests.crash.room import Room
from tests.support.exchange import ExchangeProcess
from tests.support.fix_peer import unique_id, utc_timestamp
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
        exchange.kill()
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
            room.trade_for(0.3)
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


@pytest.mark.slow
def test_what_waits_for_a_shard_that_was_not_heard_of_keeps_its_order(tmp_path: Path) -> None:
    """A cancel on disconnect comes after the orders that waited before it, whichever shard they waited for."""
    exchange = ExchangeProcess(tmp_path, configuration="per-instrument")
    file = exchange.sessions()
    file.set("CancelOnDisconnect", "Y", comp_id="TRADER1")
    file.write()
    peer = exchange.peer("TRADER1")
    try:
        exchange.start()
        stopped = shard_pids(exchange)["aapl"]
        os.kill(stopped, signal.SIGSTOP)
        exchange.kill()
        exchange.start(seconds=120.0)
        peer.logon()
        for symbol, price in (("AAPL", "580"), ("MSFT", "29")):
            terms = [
                (11, unique_id()),
                (21, "1"),
                (55, symbol),
                (54, "1"),
                (38, "10"),
                (40, "2"),
                (44, price),
                (59, "1"),
            ]
            peer.send("D", [*terms, (60, utc_timestamp())])
        assert peer.receive_application()[55] == "MSFT"
        peer.cut()
        os.kill(stopped, signal.SIGCONT)
        peer.gap_allowed = True
        peer.logon()
        peer.send("2", [(7, "1"), (16, "0")])
        last: dict[str, str] = {}
        while last != {"AAPL": "4", "MSFT": "4"}:
            message = peer.receive_application()
            if message.msg_type == "8":
                last[message[55]] = message[150]
            if message.msg_type == "2":
                gap = [(34, message[7]), (43, "Y"), (123, "Y"), (36, str(peer.next_out)), (122, utc_timestamp())]
                peer.send("4", gap)
        assert exchange.terminate() == 0
        exchange.verify()
    finally:
        exchange.kill()
        kill_shards(exchange)
        peer.cut()
