"""The benchmark of what follows a price, small: it runs, and all that should move does."""

import pytest

from tests.bench.bench_followers import run


@pytest.mark.bench
def test_bench_followers_moves_them_all() -> None:
    assert len(run(moves=2)) == 5
