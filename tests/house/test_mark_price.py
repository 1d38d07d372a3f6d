"""The operator's mark price, with a shard for each instrument: it reaches the shard, and what is none is refused."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.exchange import ExchangeProcess
from tests.support.fix_peer import unique_id, utc_timestamp
from tests.support.shards import kill_shards


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[ExchangeProcess]:
    """The exchange with a shard for each instrument, where TRADER1's stops wait for the mark price."""
    running = ExchangeProcess(tmp_path, configuration="per-instrument")
    file = running.sessions()
    file.set("TriggerPriceType", "mark", comp_id="TRADER1")
    file.write()
    try:
        running.start()
        yield running
    finally:
        running.kill()
        kill_shards(running)


@pytest.mark.slow
def test_mark_price_reaches_the_shard_and_bad_ones_are_refused(exchange: ExchangeProcess) -> None:
    data = ("--data", str(exchange.data_dir))
    for words, text in (
        (("NOSUCH", "1"), "symbol 'NOSUCH' is not known"),
        (("AAPL", "584.505"), "not a multiple of the tick 0.01"),
        (("AAPL", "0"), "price '0', allowed"),
        (("AAPL", "nan"), "price 'nan', allowed"),
        (("AAPL", "1e99"), "price '1e99', allowed"),
        (("AAPL", "high"), "price 'high', allowed"),
        (("AAPL", "999999999999999999"), "price '999999999999999999', allowed"),
        (("AAPL", "0.000000001"), "price '0.000000001', allowed"),
        (("AAPL", "9999999999.99"), "mark price 999999999999 is not within"),
    ):
        refused = exchange.run("mark", *words, "--reason", "index", *data)
        assert refused.returncode == 1, words
        assert text in refused.stderr, (words, refused.stderr)
    trader = exchange.peer("TRADER1")
    trader.logon()
    name = unique_id()
    stop = [(11, name), (55, "AAPL"), (54, "2"), (38, "10"), (40, "3"), (99, "584.50"), (60, utc_timestamp())]
    trader.send("D", stop)
    assert trader.receive_application()[150] == "0"
    marked = exchange.run("mark", "AAPL", "584.5", "--reason", "index", *data)
    assert (marked.returncode, marked.stdout.strip()) == (0, "the mark price of AAPL is 584.5")
    triggered, expired = trader.receive_application(), trader.receive_application()
    assert [triggered[150], triggered[58], expired[150], expired[11]] == ["D", "Triggered", "C", name]
    trader.cut()
