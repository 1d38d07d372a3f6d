"""The benchmark of drop copies, small: it runs, and every report arrives."""

from pathlib import Path

import pytest

from tests.bench.bench_drop_copy import PARTS, SMALL, run, table


@pytest.mark.bench
@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_part_of_the_benchmark_of_drop_copies_runs(part: str, tmp_path: Path) -> None:
    bench = run(SMALL, [part], tmp_path)
    assert bench.rows
    assert "| measured | figures | ratio | bar |" in table(bench)
