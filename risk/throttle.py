"""Throttles: token buckets in integers. Time is the frame's; a full bucket lets its burst through at once."""

from collections.abc import Sequence
from typing import Final

TOKEN: Final = 1_000_000_000
"""One message, in token-nanoseconds: `rate` messages a second refill `rate` of them a nanosecond, exactly."""


class Bucket:
    """A token bucket: `rate` messages a second, `burst` at once. Starts full."""

    __slots__ = ("burst", "capacity", "level", "rate", "time_ns")

    def __init__(self, rate: int, burst: int) -> None:
        assert rate > 0, "a throttle of rate 0 is no throttle"
        self.rate = rate
        self.burst = burst
        self.capacity = max(burst, 1) * TOKEN
        self.level = self.capacity
        self.time_ns = 0

    def refill(self, time_ns: int) -> None:
        """Put in the tokens of the time since the last refill. Looking at `level` and taking one is the caller's."""
        if time_ns > self.time_ns:
            level = self.level + (time_ns - self.time_ns) * self.rate
            capacity = self.capacity
            self.level = level if level < capacity else capacity
            self.time_ns = time_ns

    def change(self, rate: int, burst: int) -> None:
        """Take other bounds; what was used up of the burst stays used up."""
        used = self.capacity - self.level
        self.rate = rate
        self.burst = burst
        self.capacity = max(burst, 1) * TOKEN
        self.level = max(self.capacity - used, 0)


def bucket_of(present: Bucket | None, *, rate: int, burst: int) -> Bucket | None:
    """Return the bucket for these bounds, with what a present one has used; None where rate 0 leaves it unbounded."""
    if rate == 0:
        return None
    if present is None:
        return Bucket(rate, burst)
    if present.rate != rate or present.burst != burst:
        present.change(rate, burst)
    return present


def take_all(buckets: Sequence[Bucket], count: int, time_ns: int) -> Bucket | None:
    """Take `count` tokens out of each bucket, or none: then return the first that has not so many."""
    for bucket in buckets:
        bucket.refill(time_ns)
        if bucket.level < count * TOKEN:
            return bucket
    for bucket in buckets:
        bucket.level -= count * TOKEN
    return None
