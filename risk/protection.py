"""Bounds of a session beyond its throttles: how many refused messages cut it, how many repeated executions stop it.

Counted in windows of the frame's time: a window begins with its first count and ends after its length, so that the
same commands count the same everywhere. Owner: the risk engine.
"""

from matching.commands import SetProtection

REPEATS_PER_SESSION_MAX = 10_000
"""Kinds of orders that one session's windows are kept for; the oldest goes where there are more."""


class Window:
    """How often something happened since `begin_ns`."""

    __slots__ = ("begin_ns", "count")

    def __init__(self, begin_ns: int, count: int = 0) -> None:
        self.begin_ns = begin_ns
        self.count = count

    def add(self, time_ns: int, length_ns: int) -> int:
        """Count once more and return the count of the window that `time_ns` lies in."""
        if time_ns - self.begin_ns >= length_ns:
            self.begin_ns, self.count = time_ns, 0
        self.count += 1
        return self.count


class Protection:
    """The bounds of one session and what has been counted: refused messages, and executed orders by kind (account,
    instrument, side).
    """

    __slots__ = ("bounds", "overrun", "repeats")

    def __init__(self, bounds: SetProtection) -> None:
        self.bounds = bounds
        self.overrun = Window(0)
        self.repeats: dict[tuple[int, int, str], Window] = {}

    def count_overrun(self, time_ns: int) -> str:
        """Count a refused message; return why the session is to be cut, or nothing. Counting begins anew then."""
        bounds = self.bounds
        if not bounds.cut_count or self.overrun.add(time_ns, bounds.cut_ns) <= bounds.cut_count:
            return ""
        self.overrun = Window(0)
        return f"more than {bounds.cut_count} messages over the throttle within {_seconds(bounds.cut_ns)} s"

    def count_execution(self, kind: tuple[int, int, str], time_ns: int) -> str:
        """Count an order that was executed on entry; return why the session is to be stopped, or nothing."""
        bounds = self.bounds
        if not bounds.repeat_max:
            return ""
        window = self.repeats.get(kind)
        if window is None:
            if len(self.repeats) >= REPEATS_PER_SESSION_MAX:
                del self.repeats[next(iter(self.repeats))]
            window = self.repeats[kind] = Window(time_ns)
        if window.add(time_ns, bounds.repeat_ns) <= bounds.repeat_max:
            return ""
        self.repeats.clear()
        return f"more than {bounds.repeat_max} executed orders of one kind within {_seconds(bounds.repeat_ns)} s"

    def is_empty(self) -> bool:
        """Tell whether there is no bound and nothing to remember."""
        bounds = self.bounds
        return not bounds.cut_count and not bounds.repeat_max


def _seconds(length_ns: int) -> str:
    whole, rest = divmod(length_ns, 1_000_000_000)
    return f"{whole}.{rest:09d}".rstrip("0") if rest else str(whole)
