"""The benchmark of snapshots, small: it runs, and there were snapshots."""

from pathlib import Path

import pytest

from tests.bench.bench_snapshots import PERCENTILES, run


@pytest.mark.bench
@pytest.mark.slow
def test_the_benchmark_of_snapshots_runs(tmp_path: Path) -> None:
    rows = run(tmp_path, orders=200, rounds=1, rate_orders=200)
    assert len(rows) == 3 + len(PERCENTILES)
    assert int(rows[-1].split("|")[3]) >= 1
