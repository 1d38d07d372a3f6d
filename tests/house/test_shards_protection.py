"""With a shard for each instrument: what one shard stops is stopped on all, and a mass cancel is for all or for one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.exchange import ExchangeProcess
from tests.support.fix_peer import FixPeer, Message, unique_id, utc_timestamp
from tests.support.shards import kill_shards

KEYS = {
    "RepeatedExecutionMax": "1",
    "RepeatedExecutionSeconds": "600",
    "MessageRate": "1",
    "MessageBurst": "8",
    "LogoutAfterThrottled": "3",
    "LogoutAfterThrottledSeconds": "600",
}


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[ExchangeProcess]:
    """The exchange with a shard for each instrument and bounds for TRADER1."""
    running = ExchangeProcess(tmp_path, configuration="per-instrument")
    file = running.sessions()
    for key, value in KEYS.items():
        file.set(key, value, comp_id="TRADER1")
    file.write()
    try:
        running.start()
        yield running
    finally:
        running.kill()
        kill_shards(running)


def send(peer: FixPeer, symbol: str, side: str, price: str, qty: str = "10") -> str:
    """Send a Day order and return its ClOrdID."""
    cl_ord_id = unique_id()
    fields = [(11, cl_ord_id), (55, symbol), (54, side), (38, qty), (40, "2"), (44, price), (59, "0")]
    peer.send("D", [*fields, (60, utc_timestamp())])
    return cl_ord_id


def until(peer: FixPeer, msg_type: str, **wanted: str) -> Message:
    """Return the next message of that type with these fields, as `tag_150="4"`; what comes before it is passed over."""
    while True:
        message = peer.receive_application()
        found = {name: message.get(int(name.removeprefix("tag_"))) for name in wanted}
        if message.msg_type == msg_type and found == wanted:
            return message


def mass_cancel(peer: FixPeer, *scope: tuple[int, str]) -> str:
    """Send a mass cancel and return its ClOrdID."""
    cl_ord_id = unique_id()
    peer.send("q", [(11, cl_ord_id), *scope, (60, utc_timestamp())])
    return cl_ord_id


@pytest.mark.slow
def test_what_one_shard_stops_is_stopped_on_all(exchange: ExchangeProcess) -> None:
    maker, trader = exchange.peer("MAKER1"), exchange.peer("TRADER1")
    maker.logon()
    trader.logon()
    resting = send(trader, "MSFT", "1", "30.00")
    until(trader, "8", tag_11=resting, tag_150="0")

    all_of_them = mass_cancel(trader, (530, "7"))
    report = until(trader, "r", tag_11=all_of_them)
    assert (report[531], report[533], 58 in report) == ("7", "1", False)
    of_msft = mass_cancel(trader, (530, "1"), (55, "MSFT"))
    assert until(trader, "r", tag_11=of_msft)[533] == "0"

    resting = send(trader, "MSFT", "1", "30.00")
    until(trader, "8", tag_11=resting, tag_150="0")
    until(maker, "8", tag_11=send(maker, "AAPL", "2", "585.00", "100"), tag_150="0")
    for _ in range(2):
        until(trader, "8", tag_11=send(trader, "AAPL", "1", "585.00"), tag_150="F")
    canceled = until(trader, "8", tag_11=resting, tag_150="4")
    assert "executed orders of one kind" in canceled[58]
    assert "10003" in until(trader, "8", tag_11=send(trader, "MSFT", "1", "30.00"), tag_150="8")[58]
    released = exchange.run(
        "kill-switch",
        "release",
        *("--session", "FIX.4.4:OUTCRY->TRADER1", "--reason", "checked", "--data", str(exchange.data_dir)),
    )
    assert released.returncode == 0, released.stderr
    while "150=8" in str(until(trader, "8", tag_11=(resting := send(trader, "MSFT", "1", "30.00")))):
        # A shard that has not confirmed the release in time refuses for a moment longer.
        continue
    for _ in range(20):
        send(trader, "AAPL", "2", "999.00", "1")
    canceled = until(trader, "8", tag_11=resting, tag_150="4")
    assert "messages over the throttle" in canceled[58]
    # The order rested on another shard than the one that counted: its cancel comes before the Logout all the same.
    assert "messages over the throttle" in until(trader, "5")[58]
    maker.cut()
    trader.cut()
