"""Operators of an exchange with shards: they are answered when shards have confirmed, or told which have not."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from typer.testing import CliRunner

from config.settings import load
from config.shards import leave_settings
from gateway.cli.application import app
from gateway.shard_keeper import SETTINGS_NAME, SHARDS_FOLDER
from tests.crash.steps import ask, wait_for
from tests.crash.test_shard_kill import sharded
from tests.support.exchange import ExchangeProcess
from tests.support.fix_peer import FixPeer, Message
from tests.support.orders import answer_to, order_fields
from tests.support.shards import kill_shards, shard_pids, standing_still

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
shard = "msft"
"""
PRICES: Final = (("AAPL", "580", "10"), ("MSFT", "29", "10"), ("BTC-PERP", "60000", "0.001"))


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[ExchangeProcess]:
    """The exchange with a shard for each instrument."""
    with sharded(tmp_path) as running:
        yield running


def outcry(exchange: ExchangeProcess, *words: str, code: int = 0) -> str:
    """Give an operator's command; return what was said."""
    result = CliRunner().invoke(app, [*words, "--data", str(exchange.data_dir)])
    assert result.exit_code == code, result.output
    return " ".join(result.output.split())


def order(peer: FixPeer, cl_ord_id: str, symbol: str, price: str, qty: str = "10") -> Message:
    """Send an order and return its answer."""
    peer.send("D", order_fields(cl_ord_id, symbol, price, qty=qty))
    return answer_to(peer, cl_ord_id)


@contextlib.contextmanager
def away(exchange: ExchangeProcess, name: str) -> Iterator[None]:
    """Let a shard stand still, and come back at the end."""
    with standing_still(exchange, name):
        yield
    killed(exchange, name)


def killed(exchange: ExchangeProcess, name: str) -> None:
    """kill -9 a shard and wait until it is back."""
    before = shard_pids(exchange).get(name)
    kill_shards(exchange, name)
    wait_for(lambda: pid_of(exchange, name) not in (None, before), "the shard is back")


def pid_of(exchange: ExchangeProcess, name: str) -> int | None:
    """Return the process id of a shard that is up."""
    pid: int | None = next(shard["pid"] for shard in shards_of(exchange) if shard["name"] == name)
    return pid


def shards_of(exchange: ExchangeProcess) -> list[dict[str, Any]]:
    """Return what `status` shows of the shards."""
    found: list[dict[str, Any]] = ask(exchange, "status")["shards"]
    return found


def test_overridden_limits_are_listed_with_their_shards(exchange: ExchangeProcess) -> None:
    outcry(exchange, "limits", "override", "ACC1", "--sides", "sell", "--reason", "all")
    outcry(exchange, "limits", "override", "ACC1", "--symbol", "AAPL", "--order-qty-max", "5", "--reason", "one")
    rows = [
        {key: row[key] for key in ("symbol", "reason", "shards")}
        for row in json.loads(outcry(exchange, "limits", "list", "--json"))
    ]
    both = [
        {"symbol": "", "reason": "all", "shards": "aapl, msft, btc-perp"},
        {"symbol": "AAPL", "reason": "one", "shards": "aapl"},
    ]
    assert rows == both
    with away(exchange, "aapl"):
        said = outcry(exchange, "limits", "list", code=1)
        assert "shards=msft, btc-perp" in said
        assert "no answer, what it overrides is not listed: shard aapl" in said
        said = outcry(exchange, "limits", "restore", "ACC1", "--reason", "over")
        assert said.endswith("not confirmed yet, told when it answers: shard aapl")
    wait_for(lambda: not any(shard["instructions_unconfirmed"] for shard in shards_of(exchange)), "all have confirmed")
    (left,) = json.loads(outcry(exchange, "limits", "list", "--json"))
    assert (left["symbol"], left["order_qty_max"]) == ("AAPL", "5")
    assert exchange.terminate() == 0
    exchange.verify()


def test_a_kill_switch_says_what_it_has_canceled_on_all_shards(exchange: ExchangeProcess) -> None:
    with contextlib.closing(exchange.peer("TRADER1")) as peer:
        peer.logon()
        for symbol, price, qty in PRICES:
            assert order(peer, symbol, symbol, price, qty)[150] == "0"
        said = outcry(exchange, "kill-switch", "engage", "--market", "--reason", "drill")
        assert said == "the kill switch is engaged, 3 orders are canceled"
        (report,) = json.loads(outcry(exchange, "kill-switch", "report", "--json"))
        assert (report["is_complete"], report["unconfirmed"]) == (True, [])
        assert sorted(each["cl_ord_id"] for each in report["orders"]) == ["AAPL", "BTC-PERP", "MSFT"]
        assert outcry(exchange, "kill-switch", "release", "--market") == "the kill switch is released"
        for symbol, price, qty in PRICES:
            assert order(peer, f"{symbol}-2", symbol, price, qty)[150] == "0"
        with away(exchange, "aapl"):
            said = outcry(exchange, "kill-switch", "engage", "--firm", "FIRM1", "--reason", "drill")
            waiting = "not confirmed yet, told when it answers: shard aapl"
            assert said == f"the kill switch is engaged, 2 orders are canceled; {waiting}"
            last = json.loads(outcry(exchange, "kill-switch", "report", "--json"))[-1]
            assert (last["is_complete"], last["unconfirmed"], len(last["orders"])) == (False, ["aapl"], 2)
        assert answer_to(peer, "AAPL-2")[150] == "4"
        last = json.loads(outcry(exchange, "kill-switch", "report", "--json"))[-1]
        assert (last["is_complete"], last["unconfirmed"], len(last["orders"])) == (True, [], 3)


def test_instruments_are_added_changed_and_delisted_while_shards_trade(exchange: ExchangeProcess) -> None:
    file = exchange.config_dir / "instruments.toml"
    shipped = file.read_text(encoding="utf-8")
    with contextlib.closing(exchange.peer("TRADER1")) as peer:
        peer.logon()
        assert order(peer, "early", "TSLA", "200.00")[103] == "1"
        file.write_text(shipped + TSLA.replace('"msft"', '"new"'), encoding="utf-8")
        assert "nothing has changed" in outcry(exchange, "instruments", "reload", code=1)
        changed = shipped.replace('symbol = "MSFT"', 'symbol = "MSFT"\nbreaker_percent = "1"\nbreaker_seconds = 9')
        file.write_text(changed + TSLA, encoding="utf-8")
        assert outcry(exchange, "instruments", "reload") == "changed: MSFT, TSLA"
        assert outcry(exchange, "instruments", "reload") == "changed: nothing"
        taken = order(peer, "first", "TSLA", "200.00")
        assert taken[39] == "0"
        # A shard that is started again has what was read last; so has one with its gateway.
        killed(exchange, "msft")
        assert order(peer, "second", "TSLA", "200.00")[39] == "0"
        exchange.kill()
        kill_shards(exchange)
        peer.cut()
        exchange.start()
        peer.gap_allowed = True
        peer.logon()
        assert order(peer, "third", "TSLA", "200.00")[39] == "0"
        assert outcry(exchange, "instruments", "reload") == "changed: nothing"
        outcry(exchange, "instruments", "delist", "TSLA", "--reason", "merger")
        assert answer_to(peer, "first")[58] == "TSLA is delisted: merger"
        assert "10202" in order(peer, "late", "TSLA", "200.00")[58]
    assert exchange.terminate() == 0
    exchange.verify()


def test_a_delisted_instrument_is_listed_again_on_its_shard(exchange: ExchangeProcess) -> None:
    file = exchange.config_dir / "instruments.toml"
    with contextlib.closing(exchange.peer("TRADER1")) as peer:
        peer.logon()
        assert order(peer, "open", "MSFT", "29")[39] == "0"
        said = outcry(exchange, "instruments", "relist", "MSFT", code=1)
        assert said.endswith("shard msft: MSFT is not delisted, it is continuous")
        outcry(exchange, "instruments", "delist", "MSFT", "--reason", "merger")
        assert answer_to(peer, "open")[58] == "MSFT is delisted: merger"
        assert "10202" in order(peer, "late", "MSFT", "29")[58]
        shipped = file.read_text(encoding="utf-8")
        file.write_text(shipped.replace('tick = "0.01"', 'tick = "0.02"'), encoding="utf-8")
        assert "nothing has changed" in outcry(exchange, "instruments", "relist", "MSFT", code=1)
        assert "10202" in order(peer, "later", "MSFT", "29")[58]
        # Its reference price is now another, and its price band: 48 to 72.
        at_60 = shipped.replace('"30.00"\nband_percent = "50"', '"60.00"\nband_percent = "20"')
        file.write_text(at_60, encoding="utf-8")
        assert outcry(exchange, "instruments", "relist", "MSFT", "--reason", "off") == "MSFT is listed again"
        assert order(peer, "below", "MSFT", "47")[39] == "8"
        assert traded(peer, "bought", "sold") == "F"
        outcry(exchange, "instruments", "delist", "MSFT", "--reason", "merger")
        file.write_text(at_60.replace('"60.00"', '"61.00"'), encoding="utf-8")
        with away(exchange, "msft"):
            said = outcry(exchange, "instruments", "relist", "MSFT", "--reason", "off")
            assert said == "MSFT is listed again; not confirmed yet, told when it answers: shard msft"
        wait_for(lambda: not any(shard["instructions_unconfirmed"] for shard in shards_of(exchange)), "it is confirmed")
        assert order(peer, "below again", "MSFT", "48.50")[39] == "8"
        assert traded(peer, "bought again", "sold again") == "F"
        exchange.kill()
        kill_shards(exchange)
        peer.cut()
        exchange.start()
        peer.gap_allowed = True
        peer.logon()
        assert order(peer, "third", "MSFT", "60")[39] == "0"
        assert ask(exchange, "status")["phases"] is None
    assert exchange.terminate() == 0
    exchange.verify()


def traded(peer: FixPeer, bought: str, sold: str) -> str:
    """Buy MSFT and sell it to oneself; return the ExecType(150) of what is said last."""
    assert order(peer, bought, "MSFT", "60")[39] == "0"
    peer.send("D", order_fields(sold, "MSFT", "60", side="2"))
    assert answer_to(peer, sold)[39] == "0"
    return answer_to(peer, sold)[150]


def test_a_new_instrument_waits_for_its_shard(exchange: ExchangeProcess) -> None:
    file = exchange.config_dir / "instruments.toml"
    with file.open("a", encoding="utf-8") as end:
        end.write(TSLA)
    with contextlib.closing(exchange.peer("TRADER1")) as peer:
        peer.logon()
        with away(exchange, "msft"):
            said = outcry(exchange, "instruments", "reload")
            assert said == "changed: TSLA; not confirmed yet, told when it answers: shard msft"
            assert order(peer, "early", "TSLA", "200.00")[103] == "1"
            said = outcry(exchange, "instruments", "reload", code=1)
            assert said.endswith("nothing has changed: not confirmed yet what was read last: shard msft")
        wait_for(lambda: not any(shard["instructions_unconfirmed"] for shard in shards_of(exchange)), "it is confirmed")
        assert order(peer, "taken", "TSLA", "200.00")[39] == "0"
    assert exchange.terminate() == 0
    exchange.verify()


def test_a_shard_that_is_started_before_it_is_told_of_an_instrument_goes_without(exchange: ExchangeProcess) -> None:
    """The settings are left for shards before any of them is told: the gateway may be killed between the two."""
    with (exchange.config_dir / "instruments.toml").open("a", encoding="utf-8") as end:
        end.write(TSLA)
    leave_settings(load(exchange.config_dir), exchange.data_dir / SHARDS_FOLDER / SETTINGS_NAME)
    killed(exchange, "msft")
    with contextlib.closing(exchange.peer("TRADER1")) as peer:
        peer.logon()
        assert order(peer, "known", "MSFT", "29")[39] == "0"
        assert order(peer, "early", "TSLA", "200.00")[103] == "1"
        exchange.kill()
        peer.cut()
        exchange.start()
        peer.gap_allowed = True
        peer.logon()
        assert order(peer, "taken", "TSLA", "200.00")[39] == "0"
    assert exchange.terminate() == 0
    exchange.verify()
