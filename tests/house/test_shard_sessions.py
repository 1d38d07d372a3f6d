"""With a shard for each instrument: sessions are added, changed and removed on all of them, also while one is away."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from typer.testing import CliRunner

from gateway.cli.application import app
from tests.support.exchange import ExchangeProcess, replace_in
from tests.support.fix_peer import FixPeer, Message, unique_id, utc_timestamp
from tests.support.shards import kill_shards, standing_still

NAME: Final = "FIX.4.4:OUTCRY->TRADER9"
KEYS: Final = ("--set", "Accounts=ACC1", "--set", "Username=TRADER1")

PEERS: Final[list[FixPeer]] = []
LOOKS: Final = 300
LOOK_SECONDS: Final = 0.1
"""A shard that was killed is started again within seconds."""

pytestmark = pytest.mark.slow


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[ExchangeProcess]:
    running = ExchangeProcess(tmp_path, configuration="per-instrument")
    try:
        running.start()
        yield running
    finally:
        while PEERS:
            PEERS.pop().cut()
        running.kill()
        kill_shards(running)


def sessions(exchange: ExchangeProcess, *words: str, code: int = 0) -> Any:
    """Run a command that changes sessions; return its result, or what it prints where it refuses."""
    result = CliRunner().invoke(app, ["sessions", *words, "--data", str(exchange.data_dir), "--json"])
    assert result.exit_code == code, result.output
    return result.output if code else json.loads(result.output)["result"]


def trader9(exchange: ExchangeProcess) -> FixPeer:
    peer = exchange.peer("TRADER9")
    peer.username = "TRADER1"
    PEERS.append(peer)
    peer.logon()
    return peer


def order(peer: FixPeer, symbol: str, price: str) -> Message:
    """Send an order to buy and return the first report of it."""
    fields = [(11, unique_id()), (55, symbol), (54, "1"), (38, "1"), (40, "2"), (44, price), (60, utc_timestamp())]
    peer.send("D", fields)
    return peer.receive_application()


def test_sessions_come_change_and_go_on_every_shard_and_over_a_kill(exchange: ExchangeProcess) -> None:
    assert sessions(exchange, "add", NAME, *KEYS)["added"] == [NAME]
    peer = trader9(exchange)
    assert [order(peer, *each)[39] for each in (("AAPL", "580.00"), ("MSFT", "30.00"))] == ["0", "0"]
    sessions(exchange, "change", NAME, "--set", "MessageRate=1", "--set", "MessageBurst=1")
    assert order(peer, "MSFT", "30.00")[39] == "0"
    assert "messages a second" in order(peer, "MSFT", "30.00")[58]
    sessions(exchange, "change", NAME, "--unset", "MessageRate", "--unset", "MessageBurst")
    assert order(peer, "MSFT", "30.00")[39] == "0"

    refused = sessions(exchange, "remove", NAME, code=2)
    assert "may have open orders, which its shards alone know" in refused
    refused = sessions(exchange, "change", NAME, "--set", "Accounts=ACC2", code=2)
    assert "with shards, this needs a restart of the exchange" in refused
    replace_in(exchange.config_dir / "accounts.toml", 'firm = "FIRM1"', 'firm = "FIRM9"')
    assert "accounts and their limits change with a restart" in sessions(exchange, "reload", code=2)
    replace_in(exchange.config_dir / "accounts.toml", 'firm = "FIRM9"', 'firm = "FIRM1"')

    exchange.remember(peer)
    exchange.kill()
    peer.cut()
    exchange.start()
    peer = trader9(exchange)
    assert order(peer, "MSFT", "30.00")[39] == "0"
    exchange.remember(peer)
    sessions(exchange, "remove", NAME, "--cancel-orders")
    told = [message.get(39) for message in peer.expect_closed() if message.msg_type == "8"]
    assert told == ["4"] * 5
    assert exchange.terminate() == 0
    exchange.verify()


def test_a_shard_that_is_away_hears_of_a_session_when_it_is_back(exchange: ExchangeProcess) -> None:
    with standing_still(exchange, "msft") as pid:
        kill_shards(exchange, "msft")
        added = sessions(exchange, "add", NAME, *KEYS)
        assert added["unconfirmed"] == ["msft"], pid
        peer = trader9(exchange)
        assert order(peer, "AAPL", "580.00")[39] == "0"
    for _ in range(LOOKS):
        answer = order(peer, "MSFT", "30.00")
        if answer[39] == "0":
            break
        assert "shard" in answer[58], answer
        time.sleep(LOOK_SECONDS)
    assert answer[39] == "0"
    peer.logout()
    assert exchange.terminate() == 0
    exchange.verify()
