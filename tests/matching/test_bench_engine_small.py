"""The benchmark of the engine, small: it runs, and its result is the one that its seed has everywhere."""

import pytest

from tests.bench.bench_engine import run

HASH = "82eaef023e22a3f8a9c1dd40e0addda7"
"""Of all events and the state: changes with their formats and with the rules of matching, and with nothing else."""


@pytest.mark.bench
def test_bench_engine_gives_its_known_hash() -> None:
    figures = run(orders=2_000, resting=500)
    assert (figures["hash"], figures["open orders"]) == (HASH, "899")
