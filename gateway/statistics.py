"""What the matching thread counts of itself: rates, latency, and the time that its own work takes. Written by it, read
by all.
"""

import time
from typing import Any, Final

from gateway.pipeline import PendingBatch

BUCKETS_PER_OCTAVE: Final = 8
OCTAVES: Final = 40


class LatencyHistogram:
    """Counts of durations in buckets of an eighth of an octave: percentiles within 9 %. One writer, any reader."""

    def __init__(self) -> None:
        self._counts = [0] * (OCTAVES * BUCKETS_PER_OCTAVE)
        self._total = 0

    def add(self, duration_ns: int, count: int) -> None:
        """Count `count` messages that took `duration_ns` nanoseconds each."""
        octave = max(duration_ns.bit_length() - 1, 3)
        position = (duration_ns >> (octave - 3)) & (BUCKETS_PER_OCTAVE - 1)
        self._counts[min(octave * BUCKETS_PER_OCTAVE + position, len(self._counts) - 1)] += count
        self._total += count

    def percentiles_us(self, *shares: float) -> dict[str, float]:
        """Return the upper edge of the bucket of each percentile, in microseconds; empty where nothing was counted."""
        result: dict[str, float] = {}
        counts = list(self._counts)
        total = sum(counts)
        if not total:
            return result
        for share in shares:
            wanted = total * share / 100
            seen = 0
            for index, count in enumerate(counts):
                seen += count
                if seen >= wanted:
                    octave, position = divmod(index, BUCKETS_PER_OCTAVE)
                    result[f"p{share:g}"] = (BUCKETS_PER_OCTAVE + position + 1) * 2.0 ** (octave - 3) / 1_000
                    break
        return result


class LoopStatistics:
    """Counters of the exchange loop. Owner: the matching thread; other threads read a value or two, never write."""

    def __init__(self) -> None:
        self.batches = 0
        self.commands = 0
        self.events = 0
        self.busy_ns = 0
        self.began = time.monotonic()
        self.latency = LatencyHistogram()
        self._marks: list[tuple[float, int, int]] = [(self.began, 0, 0)]

    def busy(self, duration_ns: int) -> None:
        """Count time that the loop worked, the journal's commit left out."""
        self.busy_ns += duration_ns

    def committed(self, done: list[PendingBatch]) -> None:
        """Count batches that were committed and released just now."""
        now_ns = time.monotonic_ns()
        for pending in done:
            batch = pending.batch
            self.batches += 1
            self.commands += batch.command_count
            self.events += batch.event_count
            if pending.oldest_ns and batch.command_count:
                self.latency.add(now_ns - pending.oldest_ns, batch.command_count)

    def report(self) -> dict[str, Any]:
        """Return the figures for `status`; rates are since the call before, at most."""
        now = time.monotonic()
        then, commands, events = self._marks[-1]
        span = max(now - then, 1e-9)
        report = {
            "uptime_s": round(now - self.began, 1),
            "batches": self.batches,
            "commands": self.commands,
            "events": self.events,
            "commands_per_s": round((self.commands - commands) / span, 1),
            "events_per_s": round((self.events - events) / span, 1),
            "busy_ns": self.busy_ns,
            "busy_ns_per_order": round(self.busy_ns / self.commands) if self.commands else 0,
            "latency_us": self.latency.percentiles_us(50, 90, 99, 99.9),
        }
        self._marks = [(now, self.commands, self.events)]
        return report
