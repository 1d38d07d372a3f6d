"""The only place that reads the time. Everything else is given a Clock, or a time in a command.

Refuses nothing and steps back whenever the machine's clock does: who needs increasing times makes them so.
"""

import time
from typing import Protocol


class Clock(Protocol):
    """A source of nanoseconds since 1970."""

    def now_ns(self) -> int: ...


class SystemClock:
    """The machine's own clock."""

    __slots__ = ()

    def now_ns(self) -> int:
        return time.time_ns()
