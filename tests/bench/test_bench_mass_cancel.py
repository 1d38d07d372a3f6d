"""The benchmark of mass cancels, small: it runs, and every order is reported canceled."""

from pathlib import Path

import pytest

from tests.bench.bench_mass_cancel import run


@pytest.mark.bench
@pytest.mark.slow
def test_every_order_of_a_mass_cancel_is_reported(tmp_path: Path) -> None:
    result = run(tmp_path, orders=1_200, rounds=1)
    assert result.canceled == 1_200
    assert result.milliseconds[0] > 0
