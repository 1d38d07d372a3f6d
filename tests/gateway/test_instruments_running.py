"""Instruments and phases of a running exchange: added, changed, delisted; calls and halts over kill -9 and restart."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from typer.testing import CliRunner

from gateway.cli.application import app
from tests.support.exchange import ExchangeProcess, replace_in, running_exchange
from tests.support.fix_peer import FixPeer, Message, unique_id, utc_timestamp

pytestmark = pytest.mark.slow

TSLA: Final = """
[[instrument]]
symbol = "TSLA"
kind = "perpetual"
currency = "USD"
tick = "0.01"
lot = "1"
reference_price = "200.00"
band_percent = "10"
shard = "main"
"""


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[ExchangeProcess]:
    with running_exchange(tmp_path) as running:
        yield running


def outcry(exchange: ExchangeProcess, *words: str, code: int = 0) -> str:
    """Run a command of the operator; return what it prints."""
    result = CliRunner().invoke(app, [*words, "--data", str(exchange.data_dir)])
    assert result.exit_code == code, result.output
    return result.output


def order(peer: FixPeer, symbol: str, side: str, qty: int, price: str) -> Message:
    """Send a limit order and return the first report of it."""
    fields = [
        (11, unique_id()),
        (55, symbol),
        (54, side),
        (38, str(qty)),
        (40, "2"),
        (44, price),
        (60, utc_timestamp()),
    ]
    peer.send("D", fields)
    return peer.receive()


def test_instruments_are_added_changed_and_delisted_while_trading_goes_on(exchange: ExchangeProcess) -> None:
    file = exchange.config_dir / "instruments.toml"
    peer = exchange.peer("TRADER1", "FIX.4.4")
    peer.logon()
    assert order(peer, "TSLA", "1", 1, "200.00")[103] == "1"
    shipped = file.read_text(encoding="utf-8")
    file.write_text(shipped.replace('"585.00"', '"586.00"', 1) + TSLA.replace('"0.01"', '"0"'), encoding="utf-8")
    said = outcry(exchange, "instruments", "reload", code=1)
    assert "nothing has changed" in said.replace("\n", " ")
    assert "instruments.toml:38: tick" in said.replace("\n", " ")
    assert order(peer, "TSLA", "1", 1, "200.00")[103] == "1"

    file.write_text(
        shipped.replace('symbol = "MSFT"', 'symbol = "MSFT"\nbreaker_percent = "1"\nbreaker_seconds = 9') + TSLA,
        encoding="utf-8",
    )
    assert "changed: MSFT, TSLA" in outcry(exchange, "instruments", "reload")
    assert "changed: nothing" in outcry(exchange, "instruments", "reload")
    taken = order(peer, "TSLA", "1", 1, "200.00")
    assert taken[39] == "0"

    outcry(exchange, "instruments", "delist", "TSLA", "--reason", "merger")
    canceled = peer.receive()
    assert (canceled[37], canceled[39], canceled[58]) == (taken[37], "4", "TSLA is delisted: merger")
    assert exchange.terminate() == 0
    peer.expect_closed()
    exchange.start()
    peer.logon()
    refused = order(peer, "TSLA", "1", 1, "200.00")
    assert (refused[103], refused[58].partition(":")[0]) == ("2", "10202")
    assert "cannot follow delisted of TSLA" in outcry(exchange, "phase", "TSLA", "continuous", code=1).replace(
        "\n", " "
    )
    peer.cut()


def test_call_and_halt_go_on_after_a_kill(exchange: ExchangeProcess) -> None:
    peer = exchange.peer("TRADER1", "FIX.4.4")
    peer.logon()
    outcry(exchange, "phase", "AAPL", "volatility halt")
    assert order(peer, "AAPL", "1", 10, "585.00")[39] == "0"
    assert order(peer, "AAPL", "2", 10, "585.00")[39] == "0"
    outcry(exchange, "halt", "MSFT")
    exchange.kill()
    peer.cut()
    exchange.start()
    peer.logon()
    assert order(peer, "MSFT", "1", 1, "30.00")[103] == "2"
    status = json.loads(outcry(exchange, "status", "--json"))
    assert status["phases"] == {"AAPL": "volatility halt", "MSFT": "halted"}
    outcry(exchange, "resume", "AAPL")
    fills = [peer.receive() for _ in range(2)]
    assert [(fill[150], fill[31], fill[32]) for fill in fills] == [("F", "585.00", "10")] * 2
    exchange.kill()
    peer.cut()
    exchange.verify()


def test_calendar_moves_an_instrument_at_the_start_before_any_order(tmp_path: Path) -> None:
    """A calendar without trading days: the first message already finds the market closed."""
    base = tmp_path / "closed"
    base.mkdir()
    exchange = ExchangeProcess(base)
    file = exchange.config_dir / "instruments.toml"
    replace_in(file, 'symbol = "AAPL"\n', 'symbol = "AAPL"\ncalendar = "NEVER"\n')
    with file.open("a", encoding="utf-8") as end:
        end.write(
            '[[calendar]]\nname = "NEVER"\ndays = []\n[[calendar.phase]]\nphase = "continuous"\nstart = "00:00:00"\n'
        )
    try:
        exchange.start()
        peer = exchange.peer("TRADER1", "FIX.4.4")
        peer.logon()
        assert "trading phase of AAPL is closed" in order(peer, "AAPL", "1", 1, "585.00")[58]
        assert order(peer, "MSFT", "1", 1, "30.00")[39] == "0"
        peer.cut()
    finally:
        exchange.kill()
