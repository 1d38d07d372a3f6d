"""Cash moves between shards once, whatever is killed: the operator's command against the real processes."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.crash.test_shard_kill import sharded
from tests.support.exchange import ExchangeProcess
from tests.support.shards import kill_shards

OPENING_MICRO = {"aapl": 3_000_000_000_000_000, "msft": 3_000_000_000_000_000}


def transfer(exchange: ExchangeProcess, amount: str, transfer_id: str, *, target: str = "msft") -> tuple[int, str]:
    """Ask for a transfer of ACC1's from aapl; return the exit code and what was said."""
    words = ("ACC1", amount, "USD", "--from", "aapl", "--to", target, "--id", transfer_id)
    done = exchange.run("transfer", *words, "--data", str(exchange.data_dir))
    return done.returncode, done.stdout + done.stderr


def transferred(exchange: ExchangeProcess, shard: str) -> Iterator[dict[str, Any]]:
    """Yield the events of transfers that a shard's journal holds."""
    done = exchange.run("replay", "--shard", shard, "--json", "--data", str(exchange.data_dir))
    assert done.returncode == 0, done.stderr
    for line in done.stdout.splitlines():
        yield from (event for event in json.loads(line)["events"] if event["type"].startswith("Transferred"))


@pytest.mark.slow
def test_a_transfer_is_done_once_and_its_faults_are_named(tmp_path: Path) -> None:
    with sharded(tmp_path) as exchange:
        assert transfer(exchange, "1000000.5", "T1") == (0, "transfer T1: done\n")
        assert transfer(exchange, "1000000.5", "T1") == (0, "transfer T1: done\n")
        for code, said in (
            transfer(exchange, "7", "T1"),
            transfer(exchange, "0", "T2"),
            transfer(exchange, "0.0000001", "T2"),
            transfer(exchange, "5", "T2", target="nowhere"),
            transfer(exchange, "5", "T2", target="aapl"),
            transfer(exchange, "99999999999", "T3"),
        ):
            assert code == 1, said
        kill_shards(exchange, "msft")
        code, said = transfer(exchange, "2", "T4")
        assert (code, said.partition(":")[0]) == (0, "transfer T4")
        exchange.kill()
        kill_shards(exchange, "aapl")
        exchange.start()
        assert transfer(exchange, "2", "T4") == (0, "transfer T4: done\n")
        assert exchange.terminate() == 0
        exchange.verify()
        balances = {}
        for shard in OPENING_MICRO:
            with contextlib.suppress(StopIteration):
                balances[shard] = {event["transfer_id"]: event["balance"] for event in transferred(exchange, shard)}
        moved = 1_000_002_500_000
        assert balances["aapl"]["T4"] == OPENING_MICRO["aapl"] - moved
        assert balances["msft"]["T4"] == OPENING_MICRO["msft"] + moved
