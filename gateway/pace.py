"""How much of the matching thread what is sent again, or late, may take: the busier orders keep it, the less.

While orders take all of it, a tenth; while nobody trades, all of it: of drop copies that are behind, and of resends.
Reports that wait to be sent for the first time do not wait for ever: the longer they do, the shorter are the rests.
Owner: the matching thread.
"""

import time
from typing import Final

REST: Final = 9.0
"""Rest after work, as a multiple of it, while orders keep the thread busy all the time: a tenth of it is then taken."""
PATIENCE_S: Final = 10.0
"""After so long that something is late, rests are half as long, after twice as long a third, and so on."""
MEMORY_S: Final = 0.05
"""How far back it is remembered how busy the thread was."""
RESTING_POLL_MS: Final = 1
"""Longest sleep of the loop while work rests for the orders' sake, in milliseconds."""
QUIET: Final = 0.02
"""Share of the time below which nobody trades."""


class Pace:
    """Says when the next piece of work may be done. Asked only while there is any."""

    def __init__(self) -> None:
        self._last = self._rest_until = self._late_since = 0.0
        self._busy = 0.0

    def begin(self) -> None:
        """Begin to measure: there has been no work for some time."""
        self._last = self._late_since = time.monotonic()
        self._busy = 0.0

    def turned(self, *, had_orders: bool, is_late: bool = False) -> None:
        """Note a turn of the loop, whether it had orders, and whether something waits that was never sent."""
        now = time.monotonic()
        if not is_late:
            self._late_since = now
        self._busy += (had_orders - self._busy) * min((now - self._last) / MEMORY_S, 1.0)
        self._last = now

    def is_quiet(self) -> bool:
        """Whether hardly anybody trades."""
        return self._busy < QUIET

    def may_work(self) -> bool:
        """Whether the rest after the last piece of work is over, at the last turn."""
        return self._last >= self._rest_until

    def is_resting(self) -> bool:
        """The same by the clock, between two turns."""
        return time.monotonic() < self._rest_until

    def worked(self) -> None:
        """Note that a piece of work, begun at the last turn, is done."""
        begun, self._last = self._last, time.monotonic()
        rest = REST / (1.0 + (begun - self._late_since) / PATIENCE_S)
        self._rest_until = self._last + (self._last - begun) * rest * self._busy
