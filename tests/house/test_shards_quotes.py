"""With a shard for each instrument: quotes over several of them, and protection that holds over the kill of one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.exchange import ExchangeProcess
from tests.support.fix_peer import FixPeer, Message, unique_id, utc_timestamp
from tests.support.shards import kill_shards

KEYS = {"QuoteProtectionQty": "10", "QuoteProtectionMilliseconds": "600000"}
MAKER = "FIX.4.4:OUTCRY->MAKER1"


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[ExchangeProcess]:
    """The exchange with a shard for each instrument and protection for MAKER1."""
    running = ExchangeProcess(tmp_path, configuration="per-instrument")
    file = running.sessions()
    for key, value in KEYS.items():
        file.set(key, value, comp_id="MAKER1")
    file.write()
    try:
        running.start()
        yield running
    finally:
        running.kill()
        kill_shards(running)


def quote(peer: FixPeer, *entries: tuple[str, str, str]) -> Message:
    """Send a mass quote of (symbol, bid, offer), 20 lots each, and return its answer."""
    quote_id = unique_id()
    head = [(117, quote_id), (301, "2"), (296, "1"), (302, "S"), (304, str(len(entries))), (295, str(len(entries)))]
    for number, (symbol, bid, offer) in enumerate(entries):
        head += [(299, str(number)), (55, symbol), (132, bid), (133, offer), (134, "20"), (135, "20")]
    peer.send("i", head)
    return answer_to(peer, quote_id)


def answer_to(peer: FixPeer, quote_id: str) -> Message:
    """Return the b, or j, of a message; other messages are passed over."""
    while True:
        message = peer.receive_application()
        if quote_id in (message.get(117), message.get(379)) and message.msg_type in "bj":
            return message


def take(peer: FixPeer, qty: str) -> None:
    """Buy AAPL from the maker, and wait for the fill."""
    cl_ord_id = unique_id()
    peer.send(
        "D",
        [
            (11, cl_ord_id),
            (55, "AAPL"),
            (54, "1"),
            (38, qty),
            (40, "2"),
            (44, "585.10"),
            (59, "3"),
            (60, utc_timestamp()),
        ],
    )
    while (peer.receive_application()).get(150) != "F":
        continue


@pytest.mark.slow
def test_quotes_are_over_shards_and_their_protection_survives_one(exchange: ExchangeProcess) -> None:
    maker, trader = exchange.peer("MAKER1"), exchange.peer("TRADER1")
    maker.logon()
    trader.logon()
    both = quote(maker, ("AAPL", "584.90", "585.10"), ("MSFT", "29.90", "30.10"))
    assert (both[297], 58 in both) == ("0", False)
    assert [value for tag, value in both.fields if tag == 55] == ["AAPL", "MSFT"]
    assert quote(maker, ("AAPL", "584.90", "585.10"), ("NOSUCH", "1", "2"))[58].startswith("50101: entry 1")
    maker.send("Z", [(117, "all"), (298, "4")])
    assert answer_to(maker, "all")[58] == "4 sides of quotes are canceled"
    assert quote(maker, ("AAPL", "584.90", "585.10"))[297] == "0"
    take(trader, "8")
    kill_shards(exchange, "aapl")
    while (answer := quote(maker, ("AAPL", "584.90", "585.10"))).msg_type == "j":
        assert "not available" in answer[58]
    assert answer[297] == "0"
    take(trader, "3")
    while (stopped := maker.receive_application()).msg_type != "b":
        continue
    assert (stopped[297], stopped[300]) == ("6", "9")
    assert "11 lots were filled within 600000 ms, allowed: 10" in stopped[58]
    assert "50901" in quote(maker, ("AAPL", "584.90", "585.10"))[58]
    assert quote(maker, ("MSFT", "29.90", "30.10"))[297] == "0"
    listed = exchange.run("quotes", "list", "--data", str(exchange.data_dir))
    reason = "11 lots were filled within 600000 ms, allowed: 10"
    assert listed.stdout == f"session={MAKER} account=ACC3 symbol=AAPL reason={reason}\n"
    reset = exchange.run(
        "quotes", "reset", MAKER, "--symbol", "AAPL", "--reason", "checked", "--data", str(exchange.data_dir)
    )
    assert reset.stdout == f"1 frozen quotes of {MAKER} are taken again\n"
    assert exchange.run("quotes", "list", "--data", str(exchange.data_dir)).stdout == "no quotes are frozen\n"
    assert quote(maker, ("AAPL", "584.90", "585.10"))[297] == "0"
    maker.cut()
    trader.cut()
