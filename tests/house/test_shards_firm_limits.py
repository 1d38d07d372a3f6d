"""With a shard for each instrument: limits of a firm hold on each by itself, and an override reaches all of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.test_shards_protection import send, until
from tests.support.exchange import ExchangeProcess, set_keys
from tests.support.fix_peer import FixPeer, Message
from tests.support.shards import kill_shards

FIRM = ("[[firm]]", 'name = "FIRM1"', "open_orders_max = 1")


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[ExchangeProcess]:
    """The exchange with a shard for each instrument, where FIRM1 may have one open order on each."""
    running = ExchangeProcess(tmp_path, configuration="per-instrument")
    set_keys(running.config_dir / "accounts.toml", "", FIRM)
    try:
        running.start()
        yield running
    finally:
        running.kill()
        kill_shards(running)


def entered(peer: FixPeer, symbol: str) -> Message:
    """Send an order and return its first report."""
    return until(peer, "8", tag_11=send(peer, symbol, "1", "585.00" if symbol == "AAPL" else "30.00"))


@pytest.mark.slow
def test_limits_of_a_firm_hold_on_each_shard_and_an_override_reaches_all(exchange: ExchangeProcess) -> None:
    trader = exchange.peer("TRADER1")
    trader.logon()
    for symbol in ("AAPL", "MSFT"):
        assert entered(trader, symbol)[150] == "0"
        assert "10308: open orders 2 would exceed open_orders_max 1 of firm FIRM1" in entered(trader, symbol)[58]
    words = ("--firm", "FIRM1", "--open-orders-max", "2", "--reason", "agreed")
    done = exchange.run("limits", "override", *words, "--data", str(exchange.data_dir))
    assert done.returncode == 0, done.stderr
    for symbol in ("AAPL", "MSFT"):
        # The operator's command may be answered before a shard has obeyed it.
        while entered(trader, symbol)[150] == "8":
            continue
        assert "as an operator has set it" in entered(trader, symbol)[58]
    trader.cut()
