"""The journal's benchmark runs, and stores the same on every machine."""

from pathlib import Path

import pytest

from tests.bench import bench_journal


@pytest.mark.bench
def test_the_benchmark_of_the_journal_stores_what_it_should(tmp_path: Path) -> None:
    figures = bench_journal.run(count=3, orders=20, folder=tmp_path)
    assert figures["result"] == "7d26ff1d8272accf6c9c1eec79c441f0"
    assert "us" in figures["append, fsync"]
