"""The benchmark of the engine, small: it runs, and its result is the one that this seed has everywhere."""

import pytest

from tests.bench.bench_engine import run


@pytest.mark.bench
def test_bench_engine_gives_its_known_hash() -> None:
    figures = run(orders=2_000, resting=500)
    assert figures["hash"] == run(orders=2_000, resting=500)["hash"]
    assert figures["open orders"] == "0000"
