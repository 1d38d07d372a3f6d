"""The judge of long runs finds what it is there for, and is silent where all is well."""

from dataclasses import replace

import pytest

from tests.soak.judge import Sample, journal_fault, latency_fault, memory_fault, rise_of, snapshot_pause_us

MIB = 1 << 20
FLAT = [
    Sample(20.0 * n, 1_000 * n, (300 + n % 3) * MIB, 0, 0, 0, 0, 0, n % 2 == 1, 100.0, 200.0, 300.0, 400.0, 0.0)
    for n in range(30)
]


def test_a_flat_run_has_no_fault() -> None:
    assert memory_fault(FLAT) == ""
    assert latency_fault(FLAT) == ""
    assert journal_fault(1_050, 1_000.0) == ""


def test_memory_that_rises_is_named() -> None:
    leaking = [replace(sample, memory_bytes=sample.memory_bytes + n * MIB) for n, sample in enumerate(FLAT)]
    assert memory_fault(leaking).startswith("memory rose by 29.")


def test_the_bounded_index_is_no_leak() -> None:
    filling = [
        replace(sample, memory_bytes=sample.memory_bytes + n * MIB, index_entries=n * MIB // 64)
        for n, sample in enumerate(FLAT)
    ]
    assert memory_fault(filling) == ""


def test_latency_that_grows_is_named() -> None:
    assert latency_fault([replace(sample, p50=100.0 * (n + 1)) for n, sample in enumerate(FLAT)]).startswith("p50")
    assert latency_fault([replace(sample, p99=300.0 * (n + 1)) for n, sample in enumerate(FLAT)]).startswith("p99")


def test_a_journal_that_grows_otherwise_is_named() -> None:
    assert journal_fault(1_200, 1_000.0) == "the journal grew by 1200 bytes, 1000 were computed"
    assert journal_fault(800, 1_000.0) != ""


def test_the_pause_of_snapshots_is_the_difference_of_intervals() -> None:
    paused = [replace(sample, p99=sample.p99 + 1_500.0 * sample.snapshot_taken) for sample in FLAT]
    assert snapshot_pause_us(paused) == 1_500.0
    assert snapshot_pause_us(FLAT[:1]) == 0.0


def test_the_rise_is_that_of_a_line() -> None:
    assert rise_of([5.0, 6.0, 7.0]) == pytest.approx(2.0)
    assert rise_of([5.0]) == 0.0
