"""The benchmark of scopes, small: it runs, and every scope has its own orders and no others."""

import pytest

from tests.bench.bench_scopes import SCOPES, run


@pytest.mark.bench
def test_every_scope_has_its_orders() -> None:
    result = run(orders=600, others=900)
    assert all(600 <= result.events[name] <= 602 for name in SCOPES), result.events
    assert result.events["first limit of a firm"] == 1
