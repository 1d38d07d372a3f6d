"""The first hour of a new user, against the real exchange: what the README says is what happens."""

import json
import re
import socket
import ssl
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from gateway.client import FileStore, FixClient, LogonRefusedError, parse
from gateway.client.message import Framer
from tests.support.exchange import ROOT, ExchangeProcess, running_exchange

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExchangeProcess]:
    """The shipped configuration, on ports of its own."""
    with running_exchange(tmp_path_factory.mktemp("first_hour")) as running:
        yield running


def readme_block(language: str, beginning: str) -> str:
    """The code block of the README that begins so, after its imports."""
    blocks = re.findall(rf"```{language}\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    [found] = [block for block in blocks if beginning in block]
    return str(found)


def test_start_says_where_who_and_how(exchange: ExchangeProcess) -> None:
    text = "\n".join(exchange.output)
    assert f"127.0.0.1:{exchange.port}" in text
    assert f"127.0.0.1:{exchange.tls_port}" in text
    for comp_id in ("TRADER1", "TRADER2", "MAKER1", "DROP1", "MD1"):
        assert comp_id in text
        assert f"password {comp_id.lower()}" in text
    assert ".venv/bin/outcry demo" in text
    assert exchange.output[-1].startswith("ready")


def test_demo_trades_as_often_as_it_is_asked_to(exchange: ExchangeProcess) -> None:
    for _ in range(2):
        result = exchange.run("demo", "--port", str(exchange.port))
        assert result.returncode == 0, result.stderr
        for text in ("→ NewOrderSingle(D)", "← ExecutionReport(8)", "ExecType(150)=F trade", "LastQty(32)=60"):
            assert text in result.stdout
        assert "trader1" not in result.stdout, "a password is never shown"
        assert "\x1b" not in result.stdout


def test_demo_for_programs_is_one_message_a_line(exchange: ExchangeProcess) -> None:
    result = exchange.run("demo", "--port", str(exchange.port), "--json")
    assert result.returncode == 0, result.stderr
    messages = [json.loads(line) for line in result.stdout.splitlines()]
    filled = [message for message in messages if message["direction"] == "received" and [150, "F"] in message["fields"]]
    assert {message["client"] for message in filled} == {"TRADER1", "MAKER1"}


def test_client_of_the_readme(exchange: ExchangeProcess, capsys: pytest.CaptureFixture[str]) -> None:
    code = readme_block("python", "gateway.client").replace("9878", str(exchange.port))
    exec(compile(code, "README.md", "exec"), {})
    assert "150=0" in capsys.readouterr().out


def test_simplefix_logon_of_the_readme(exchange: ExchangeProcess) -> None:
    code = readme_block("python", "import simplefix")
    with socket.create_connection(exchange.address, timeout=5) as connection:
        exec(compile(code, "README.md", "exec"), {"connection": connection})
        framer = Framer()
        while (raw := framer.next()) is None:
            framer.feed(connection.recv(4096))
    assert parse(raw).msg_type == "A"


@pytest.mark.parametrize("begin_string", ["FIX.4.2", "FIX.4.4", "FIXT.1.1"])
def test_client_trades_in_each_version_over_tls(exchange: ExchangeProcess, begin_string: str) -> None:
    tls = ssl.create_default_context(cafile=str(exchange.config_dir / "certs" / "server.crt"))
    with FixClient(
        "127.0.0.1",
        exchange.tls_port,
        sender="TRADER2",
        password="trader2",
        account="ACC2",
        begin_string=begin_string,
        tls=tls,
    ) as client:
        client.logon(reset=True)
        order = client.new_order("MSFT", "buy", 10, Decimal("29.99"))
        assert client.wait_for_report(order)[150] == "0"
        canceled = client.wait_for_report(client.cancel(order, "MSFT", "buy", 10))
        assert (canceled[150], canceled[151]) == ("4", "0")


def test_numbers_in_a_file_outlive_the_client(exchange: ExchangeProcess, tmp_path: Path) -> None:
    for attempt in range(2):
        store = FileStore(tmp_path / "MAKER1.numbers")
        with FixClient(
            "127.0.0.1", exchange.port, sender="MAKER1", password="maker1", account="ACC3", store=store
        ) as client:
            client.logon(reset=attempt == 0)
            order = client.new_order("MSFT", "sell", 1, "31.00", time_in_force="3")
            assert client.wait_for_report(order, "C")[39] == "C"
    assert store.next_sender > 5


def test_wrong_password_is_refused_and_changes_no_number(exchange: ExchangeProcess, tmp_path: Path) -> None:
    store = FileStore(tmp_path / "TRADER2.numbers")
    good = FixClient("127.0.0.1", exchange.port, sender="TRADER2", password="trader2", store=store)
    good.logon(reset=True)
    good.logout()
    before = (store.next_sender, store.next_target)
    with pytest.raises(LogonRefusedError):
        FixClient("127.0.0.1", exchange.port, sender="TRADER2", password="wrong", store=store).logon(reset=True)
    assert (store.next_sender, store.next_target) == before
    good.logon()
    assert good.store.next_target == before[1] + 1
    good.close()


def test_market_data_snapshot(exchange: ExchangeProcess) -> None:
    with FixClient("127.0.0.1", exchange.port, sender="MD1", password="md1") as client:
        client.logon(reset=True)
        request = client.market_data_request("BTC-PERP", depth=1)
        snapshot = client.wait_for(lambda message: message.msg_type in ("W", "Y"))
        assert (snapshot.msg_type, snapshot[262], snapshot[55]) == ("W", request, "BTC-PERP")


def test_status_halt_replay_and_verify(exchange: ExchangeProcess) -> None:
    where = ("--data", str(exchange.data_dir))
    status = json.loads(exchange.run("status", *where, "--json").stdout)
    assert {session["name"] for session in status["sessions"]} >= {"FIX.4.4:OUTCRY->TRADER1"}
    assert status["shards"][0]["name"] == "main"
    shown = exchange.run("status", *where)
    assert shown.returncode == 0, shown.stderr
    assert "FIX.4.4:OUTCRY->TRADER1" in shown.stdout
    assert exchange.run("halt", "AAPL", *where, "--reason", "a drill").returncode == 0
    refused = exchange.run("demo", "--port", str(exchange.port))
    assert refused.returncode == 1
    assert "trading phase of AAPL is halted" in refused.stderr
    assert exchange.run("resume", "AAPL", *where).returncode == 0
    replayed = exchange.run("replay", *where, "--json")
    assert replayed.returncode == 0, replayed.stderr
    kinds = [json.loads(line)["command"]["type"] for line in replayed.stdout.splitlines()]
    assert {"DefineInstrument", "SetTradingPhase"} <= set(kinds)
    verified = exchange.run("verify", *where)
    assert verified.returncode == 0, verified.stderr
    assert "whole" in verified.stdout
