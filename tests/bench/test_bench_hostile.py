"""The benchmark of attacks, small: it runs, and every situation has its figures."""

from pathlib import Path

import pytest

from tests.bench.bench_hostile import BAR, SMALL, STORMS, UNLOGGED, Bench, Row, run, table
from tests.support.exchange import ExchangeProcess


@pytest.mark.bench
@pytest.mark.slow
def test_latency_is_measured_under_each_attack(tmp_path: Path) -> None:
    bench = run(SMALL, tmp_path)
    assert [row.what for row in bench.rows] == [UNLOGGED, *STORMS]
    assert all(row.p99 > 0 and row.p99_quiet > 0 for row in bench.rows)


def test_the_table_shows_the_ratio_beside_the_bar(tmp_path: Path) -> None:
    bench = Bench(SMALL, ExchangeProcess(tmp_path / "exchange"), rows=[Row("an attack", 100.0, 300.0, 200.0)])
    assert f"| an attack | 100 | 300 | 200 | 1.50 x | {BAR} |" in table(bench)
