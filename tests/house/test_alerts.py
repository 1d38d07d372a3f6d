"""Alerts stand in the log before anybody is answered: whoever reads the log knows no later than the member or operator.

Nothing here waits: the log is read once, as soon as the answer is there.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gateway.cli.application import app
from tests.support.exchange import ExchangeProcess, replace_in
from tests.support.fix_peer import FixPeer, Message, unique_id, utc_timestamp

pytestmark = pytest.mark.slow

KEYS = {
    "RepeatedExecutionMax": "1",
    "RepeatedExecutionSeconds": "600",
    "MessageRate": "1",
    "MessageBurst": "20",
    "LogoutAfterThrottled": "2",
    "LogoutAfterThrottledSeconds": "600",
}


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExchangeProcess]:
    """A running exchange that writes its log as JSON into a file; TRADER1 has the bounds of KEYS."""
    running = ExchangeProcess(tmp_path_factory.mktemp("alerts"))
    replace_in(running.config_dir / "exchange.toml", 'format = "console"', 'format = "json"\nfile = "outcry.log"')
    file = running.sessions()
    for key, value in KEYS.items():
        file.set(key, value, comp_id="TRADER1")
    file.write()
    try:
        running.start()
        yield running
    finally:
        running.kill()


class Log:
    """Reads the alerts that were written since it was made."""

    def __init__(self, exchange: ExchangeProcess) -> None:
        self._path: Path = exchange.data_dir / "outcry.log"
        self._read = self._path.stat().st_size

    def alerts(self) -> list[dict[str, Any]]:
        with self._path.open("rb") as file:
            file.seek(self._read)
            records = [json.loads(line) for line in file.read().splitlines()]
        return [record for record in records if record["event"] == "alert"]

    def named(self) -> list[str]:
        """Return what the alerts are of."""
        return [str(record["what"]) for record in self.alerts()]


def outcry(exchange: ExchangeProcess, *words: str) -> None:
    """Run a command of the operator; it returns when he is answered."""
    result = CliRunner().invoke(app, [*words, "--data", str(exchange.data_dir)])
    assert result.exit_code == 0, result.output


def order(peer: FixPeer, side: str, price: str, *, symbol: str = "AAPL", tif: str = "1") -> None:
    fields = [(11, unique_id()), (55, symbol), (54, side), (38, "10"), (40, "2"), (44, price), (59, tif)]
    peer.send("D", [*fields, (60, utc_timestamp())])


def answered(peer: FixPeer, msg_type: str, **fields: str) -> Message:
    """Return the next message of that type whose fields are those."""
    while True:
        message = peer.receive()
        wanted = {int(tag.lstrip("_")): value for tag, value in fields.items()}
        if message.msg_type == msg_type and all(message.get(tag) == value for tag, value in wanted.items()):
            return message


@pytest.fixture
def maker(exchange: ExchangeProcess) -> Iterator[FixPeer]:
    peer = exchange.peer("MAKER1")
    peer.logon()
    yield peer
    peer.logout()
    exchange.remember(peer)


COMMANDS = [
    (("limits", "override", "ACC2", "--open-orders-max", "9", "--reason", "news"), "LimitsOverridden"),
    (("limits", "restore", "ACC2", "--reason", "over"), "LimitOverrideEnded"),
    (("limits", "override", "--firm", "FIRM2", "--open-orders-max", "9", "--reason", "news"), "LimitsOverridden"),
    (("limits", "restore", "--firm", "FIRM2", "--reason", "over"), "LimitOverrideEnded"),
    (("kill-switch", "engage", "--account", "ACC2", "--reason", "runaway"), "KillSwitchSet"),
    (("kill-switch", "release", "--account", "ACC2", "--reason", "checked"), "KillSwitchSet"),
    (("kill-switch", "engage", "--firm", "FIRM2", "--reason", "runaway"), "KillSwitchSet"),
    (("kill-switch", "release", "--firm", "FIRM2", "--reason", "checked"), "KillSwitchSet"),
]


def test_what_an_operator_does_is_in_the_log_when_he_is_answered(exchange: ExchangeProcess) -> None:
    for words, what in COMMANDS:
        log = Log(exchange)
        outcry(exchange, *words)
        found = log.alerts()
        assert found, f"{words} has no alert"
        assert found[0]["what"] == what
        assert (found[0]["level"], found[0]["reason"]) == ("warning", words[words.index("--reason") + 1])
        assert found[0]["by"]


def test_kill_switch_is_in_the_log_before_the_member_is_told_of_his_canceled_order(
    exchange: ExchangeProcess, maker: FixPeer
) -> None:
    order(maker, "1", "584.00")
    answered(maker, "8", _150="0")
    log = Log(exchange)
    outcry(exchange, "kill-switch", "engage", "--account", "ACC3", "--reason", "runaway")
    answered(maker, "8", _150="4")
    assert log.named() == ["KillSwitchSet", "ScopeCanceled"]
    outcry(exchange, "kill-switch", "release", "--account", "ACC3", "--reason", "checked")


def test_end_of_an_override_is_in_the_log_before_the_first_order_under_the_limit_again(
    exchange: ExchangeProcess, maker: FixPeer
) -> None:
    log = Log(exchange)
    words = ("ACC3", "--symbol", "MSFT", "--order-qty-max", "1", "--for", "1s", "--reason", "news")
    outcry(exchange, "limits", "override", *words)
    for _ in range(2_000):
        order(maker, "1", "30.00", symbol="MSFT", tif="3")
        if answered(maker, "8")[150] == "0":
            break
    assert log.named() == ["LimitsOverridden", "LimitOverrideEnded"]


def test_bust_is_in_the_log_before_the_operator_is_answered(exchange: ExchangeProcess, maker: FixPeer) -> None:
    order(maker, "2", "31.00", symbol="MSFT")
    taker = exchange.peer("TRADER2")
    taker.logon()
    order(taker, "1", "31.00", symbol="MSFT", tif="3")
    fill = answered(taker, "8", _150="F")
    taker.logout()
    log = Log(exchange)
    outcry(exchange, "bust", str(fill[17]), "--reason", "erroneous price")
    assert log.named() == ["TradeCorrected"]


def test_session_that_stops_itself_is_in_the_log_before_it_is_told(exchange: ExchangeProcess, maker: FixPeer) -> None:
    order(maker, "2", "585.00")
    trader = exchange.peer("TRADER1")
    trader.logon()
    log = Log(exchange)
    for _ in range(2):
        order(trader, "1", "585.00", tif="3")
    order(maker, "2", "585.00")
    order(trader, "1", "585.00", tif="3")
    while "10003" not in (answered(trader, "8").get(58) or ""):
        order(trader, "1", "585.00", tif="3")
    assert log.named() == ["KillSwitchSet", "ScopeCanceled"]
    # And more than its throttle allows cuts it.
    for _ in range(40):
        order(trader, "1", "585.00", tif="3")
    answered(trader, "5")
    # What was under way behind the message that cut it may cut it again.
    assert log.named()[:3] == ["KillSwitchSet", "ScopeCanceled", "SessionCut"]
    trader.close()
