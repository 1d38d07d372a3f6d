"""The benchmark of the auction, small: it runs, and everything that can trade has traded."""

import pytest

from tests.bench.bench_auction import run


@pytest.mark.bench
def test_bench_auction_executes_in_steps() -> None:
    figures = run(orders=2_000, spread=50)
    assert "in 6 steps" in figures["auction"]
    assert run(orders=2_000, spread=50)["hash"] == figures["hash"]
