"""Judges a long run by its samples: is memory flat, is latency flat, does the journal grow as computed."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

MEMORY_TOLERANCE: Final = 0.05
"""How much of its mean the memory after warm-up may rise over the whole run, by a line through all samples."""
MEMORY_BYTES_MIN: Final = 16 << 20
"""Below this a rise is nothing but how full the last trading day was when it was sampled."""
LATENCY_RATIO_MAX: Final = 2.0
JOURNAL_TOLERANCE: Final = 0.15
PAUSE_US_MAX: Final = 2_000.0
_INDEX_ENTRY_BYTES: Final = 64
"""An entry of the index of stored messages has 32 bytes, in lists that grow by steps; the index itself is bounded."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What was seen at the end of one interval. Latencies are in microseconds, from the intended time of sending."""

    seconds: float
    orders: int
    memory_bytes: int
    snapshot_memory_bytes: int
    index_entries: int
    orders_kept: int
    journal_bytes: int
    trading_days: int
    snapshot_taken: bool
    p50: float
    p90: float
    p99: float
    p999: float
    served_p99: float
    """As the exchange itself measures it, since its start: `outcry status --json`."""


def memory_fault(samples: Sequence[Sample]) -> str:
    """Say how memory is not flat, "" where it is: samples after warm-up, the bounded index taken off."""
    rise = rise_of([sample.memory_bytes - _INDEX_ENTRY_BYTES * sample.index_entries for sample in samples])
    allowed = max(MEMORY_TOLERANCE * statistics.mean(sample.memory_bytes for sample in samples), MEMORY_BYTES_MIN)
    if rise <= allowed:
        return ""
    return f"memory rose by {rise / 2**20:.1f} MiB over the run, allowed are {allowed / 2**20:.1f} MiB"


def latency_fault(samples: Sequence[Sample]) -> str:
    """Say how latency is not flat: the median of the last third against that of the first."""
    third = max(len(samples) // 3, 1)
    for name in ("p50", "p99"):
        first = statistics.median(getattr(sample, name) for sample in samples[:third])
        last = statistics.median(getattr(sample, name) for sample in samples[-third:])
        if last > LATENCY_RATIO_MAX * first:
            return f"{name} was {first:.0f} us in the first third and {last:.0f} us in the last"
    return ""


def journal_fault(grown_bytes: int, computed_bytes: float) -> str:
    """Say how far the growth of the file is from what its records take."""
    if abs(grown_bytes - computed_bytes) <= JOURNAL_TOLERANCE * computed_bytes:
        return ""
    return f"the journal grew by {grown_bytes} bytes, {computed_bytes:.0f} were computed"


def snapshot_pause_us(samples: Sequence[Sample]) -> float:
    """How much longer the slowest hundredth took in intervals with a snapshot than in those without."""
    groups = [[sample.p99 for sample in samples if sample.snapshot_taken is taken] for taken in (True, False)]
    return statistics.median(groups[0]) - statistics.median(groups[1]) if all(groups) else 0.0


def rise_of(values: Sequence[float]) -> float:
    """The rise of a straight line through the values from the first to the last."""
    if len(values) < 2:
        return 0.0
    places = range(len(values))
    return statistics.linear_regression(places, values).slope * (len(values) - 1)
