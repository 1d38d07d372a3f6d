"""Simulated time: one number that everything in a simulated day reads."""

from typing import Final

SECOND_NS: Final = 1_000_000_000
BEGIN_NS: Final = 1_767_344_400 * SECOND_NS
"""Friday 2026-01-02 09:00 UTC."""


class SimClock:
    """A `matching.clock.Clock`, and the `time` of modules that wait: `sleep` returns at once, later."""

    def __init__(self) -> None:
        self.ns = BEGIN_NS
        self.wrong_ns = 0

    def now_ns(self) -> int:
        """Return nanoseconds since 1970, as far as the machine knows."""
        return self.ns + self.wrong_ns

    def set_wrong(self, ns: int) -> None:
        """Step the time of day away from the true one; waits go on as they are."""
        self.wrong_ns = ns

    def monotonic(self) -> float:
        """Return seconds, as `time.monotonic` does."""
        return self.ns / SECOND_NS

    def sleep(self, seconds: float) -> None:
        """Let time go by, as `time.sleep` does."""
        self.advance(round(seconds * SECOND_NS))

    def advance(self, ns: int) -> None:
        """Let time go by."""
        assert ns >= 0, f"time goes forward, found {ns}"
        self.ns += ns
