"""The benchmark of the whole exchange, small: it runs, and every order is answered."""

import random
from pathlib import Path

import pytest

from tests.bench.bench_exchange import PARTS, SMALL, run, table
from tests.bench.load import cross_price, digest_of, percentiles, read_options


@pytest.mark.bench
@pytest.mark.slow
@pytest.mark.parametrize("part", [name for name in PARTS if name != "flow"])
def test_part_of_the_benchmark_runs(part: str, tmp_path: Path) -> None:
    bench, notes = run(SMALL, [part], tmp_path, None, needs_prototype=False)
    assert bench.rows
    assert notes == []
    assert "| measured | prototype | outcry |" in table(bench, notes)


def test_digest_is_of_what_was_reported_and_nothing_else() -> None:
    def report(seq: int, cl_ord_id: str) -> bytes:
        return b"8=FIX.4.4\x019=0\x0135=8\x0134=%d\x01150=F\x0111=%s\x0132=1\x0131=2\x0110=000\x01" % (
            seq,
            cl_ord_id.encode(),
        )

    assert digest_of(report(1, "A") + report(2, "B")) == digest_of(report(7, "A") + report(9, "B"))
    assert digest_of(report(1, "A") + report(2, "B")) != digest_of(report(1, "B") + report(2, "A"))


def test_percentiles_are_in_microseconds() -> None:
    found = percentiles([n / 1_000_000 for n in range(1, 1001)])
    assert found == {"p50": 501.0, "p90": 901.0, "p99": 991.0, "p99.9": 1000.0, "max": 1000.0}


def test_prices_are_drawn_from_the_given_source_alone() -> None:
    first, second = random.Random(3), random.Random(3)
    assert [cross_price("1", first) for _ in range(9)] == [cross_price("1", second) for _ in range(9)]
    assert read_options(["throughput", "--port", "1"]).window == 1_000
