"""The journal's benchmark runs, and stores the same on every machine."""

from pathlib import Path

import pytest

from tests.bench import bench_journal


@pytest.mark.bench
def test_the_benchmark_of_the_journal_stores_what_it_should(tmp_path: Path) -> None:
    figures = bench_journal.run(count=3, orders=20, folder=tmp_path)
    assert figures["result"] == "ea93212cecf770a07b1bd0cc72255982"
    assert "us" in figures["append, fsync"]
