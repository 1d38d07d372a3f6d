"""An operator stops a firm and changes limits in a running exchange: at once, over a kill, with who and why."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.exchange import ExchangeProcess, running_exchange
from tests.support.fix_peer import FixPeer, Message, unique_id, utc_timestamp

WAIT_SECONDS = 20.0


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[ExchangeProcess]:
    """A running exchange with data of its own."""
    with running_exchange(tmp_path) as running:
        yield running


def outcry(exchange: ExchangeProcess, *arguments: str) -> Any:
    """Run a command with --json and return what it says."""
    result = exchange.run(*arguments, "--data", str(exchange.data_dir), "--json")
    assert result.returncode == 0, result.stdout + result.stderr
    return json.loads(result.stdout)


def logged_on(exchange: ExchangeProcess, comp_id: str = "TRADER1", numbers: FixPeer | None = None) -> FixPeer:
    """Return a peer that is logged on, with the numbers of an earlier connection."""
    peer = exchange.peer(comp_id)
    if numbers is not None:
        peer.next_out, peer.next_in = numbers.next_out, numbers.next_in
    peer.logon()
    return peer


def enter(peer: FixPeer, qty: str = "10", price: str = "585.00") -> Message:
    """Send a buy of AAPL and return its first report."""
    fields = [(11, unique_id()), (55, "AAPL"), (54, "1"), (38, qty), (40, "2"), (44, price), (59, "1")]
    peer.send("D", [*fields, (60, utc_timestamp())])
    return peer.receive_application()


@pytest.mark.slow
def test_kill_switch_of_a_firm_stops_it_over_a_kill_until_it_is_released_and_is_reported(
    exchange: ExchangeProcess,
) -> None:
    trader, other = logged_on(exchange), logged_on(exchange, "TRADER2")
    orders = {enter(trader)[37], enter(trader)[37]}
    kept = enter(other)
    assert kept[150] == "0"
    told = outcry(exchange, "kill-switch", "engage", "--firm", "FIRM1", "--reason", "runaway")
    assert told["result"]["canceled"] == 2
    cancels = [trader.receive_application(), trader.receive_application()]
    assert {cancel[37] for cancel in cancels} == orders
    assert all(cancel[150] == "4" and "firm FIRM1 engaged: runaway" in cancel[58] for cancel in cancels)
    assert "10004: kill switch of firm FIRM1" in enter(trader)[58]
    exchange.kill()
    trader.cut()
    other.cut()
    exchange.start()
    trader = logged_on(exchange, numbers=trader)
    assert "10004: kill switch of firm FIRM1" in enter(trader)[58]
    outcry(exchange, "kill-switch", "release", "--firm", "FIRM1", "--reason", "checked")
    assert enter(trader)[150] == "0"
    trader.cut()
    session = "FIX.4.4:OUTCRY->TRADER2"
    outcry(exchange, "kill-switch", "engage", "--session", session, "--reason", "drill")
    engaged, released, of_session = outcry(exchange, "kill-switch", "report")
    assert (of_session["scope"], of_session["target"], len(of_session["orders"])) == ("session", session, 1)
    assert {order["order_id"] for order in engaged["orders"]} == orders
    assert {order["account"] for order in engaged["orders"]} == {"ACC1"}
    assert (engaged["scope"], engaged["target"], engaged["reason"], engaged["is_complete"]) == (
        "firm",
        "FIRM1",
        "runaway",
        True,
    )
    assert engaged["by"]
    assert (released["engaged"], released["reason"], released["orders"]) == (False, "checked", [])


@pytest.mark.slow
def test_override_of_a_limit_holds_over_a_kill_and_ends_by_itself(exchange: ExchangeProcess) -> None:
    trader = logged_on(exchange)
    assert enter(trader, "100")[150] == "0"
    arguments = ("ACC1", "--symbol", "AAPL", "--order-qty-max", "10", "--for", "1h", "--reason", "news")
    outcry(exchange, "limits", "override", *arguments)
    refused = enter(trader, "11")
    assert refused[150] == "8"
    assert "exceeds order_qty_max 10 of account ACC1 in AAPL, as an operator has set it" in refused[58]
    exchange.kill()
    trader.cut()
    exchange.start()
    trader = logged_on(exchange, numbers=trader)
    (row,) = outcry(exchange, "limits", "list") or [{}]
    assert {name: row[name] for name in ("account", "symbol", "order_qty_max", "reason")} == {
        "account": "ACC1",
        "symbol": "AAPL",
        "order_qty_max": "10",
        "reason": "news",
    }
    nothing = exchange.run(
        "limits", "override", *arguments[:-3], "0s", *arguments[-2:], "--data", str(exchange.data_dir)
    )
    assert (nothing.returncode, "allowed: more than nothing" in nothing.stderr) == (2, True)
    again = ("ACC1", "--symbol", "AAPL", "--order-qty-max", "9", "--for", "1s", "--reason", "news")
    outcry(exchange, "limits", "override", *again)
    until = time.monotonic() + WAIT_SECONDS
    while (report := enter(trader, "11"))[150] == "8":
        assert "order_qty_max 9" in report[58]
        assert time.monotonic() < until, "the override ends by itself"
        time.sleep(0.2)
    assert outcry(exchange, "limits", "list") == []
    outcry(exchange, "limits", "override", "ACC1", "--sides", "sell", "--reason", "reduce")
    assert "10005: Side(54) 1 is not permitted" in enter(trader)[58]
    outcry(exchange, "limits", "restore", "ACC1", "--reason", "over")
    assert enter(trader)[150] == "0"
    trader.cut()
    refused_command = exchange.run("limits", "restore", "ACC1", "--reason", "x", "--data", str(exchange.data_dir))
    assert refused_command.returncode == 1
    assert "not overridden" in refused_command.stderr
