"""How much of the matching thread what is sent again, or late, may take: the busier orders keep it, the less.

While orders take all of it, a tenth; while nobody trades, all of it. Owner: the matching thread.
"""

import time
from typing import Final

REST: Final = 9.0
"""Rest after work, as a multiple of it, while orders keep the thread busy all the time: a tenth of it is then taken."""


class Pace:
    """Says when the next piece of work may be done. Asked only while there is any."""

    def __init__(self) -> None:
        self._last = self._since = self._rest_until = 0.0
        self._busy = 0.0

    def turned(self, *, had_orders: bool) -> None:
        """Note a turn of the loop, and whether it had orders."""
        now = time.monotonic()
        if had_orders:
            self._busy += now - self._last
        self._last = now

    def may_work(self) -> bool:
        """Whether the rest after the last piece of work is over."""
        return self._last >= self._rest_until

    def is_resting(self) -> bool:
        """The same by the clock, between two turns."""
        return time.monotonic() < self._rest_until

    def begin(self) -> None:
        """Begin to measure: there has been no work for some time."""
        self._last = self._since = time.monotonic()
        self._busy = 0.0

    def worked(self) -> None:
        """Note that a piece of work, begun at the last turn, is done."""
        begun, now = self._last, time.monotonic()
        window = begun - self._since
        share = min(self._busy / window, 1.0) if window > 0.0 else 0.0
        self._rest_until = now + (now - begun) * REST * share
        self._last = self._since = now
        self._busy = 0.0
