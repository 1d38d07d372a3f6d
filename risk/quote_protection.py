"""Market-maker protection: how much of a session's quotes was filled within a window, and which quotes are frozen.

Counted by session, account and instrument, so that a net quantity means something. The window slides with the frame's
time: what was filled within the last `window_ns` counts, whichever instant one looks at. Frozen quotes stay frozen
until somebody resets them, over restarts and changed bounds. Owner: the risk engine.
"""

from collections import deque
from typing import Final, TypeAlias

from matching.commands import SetQuoteProtection
from matching.types import BUY, QuoteKey, Side

FILLS_MAX: Final = 1_000
"""Instants of a window that are kept apart. Fills beyond them count with the newest one, for longer than they should:
a bound may be reached too early, never too late.
"""
MILLISECOND_NS: Final = 1_000_000

Fill: TypeAlias = tuple[int, int, int, int]
"""Time, lots, lots net (bought less sold), fills."""


class FillWindow:
    """What was filled of one key's quotes, oldest first, with its sums."""

    __slots__ = ("count", "fills", "net", "qty")

    def __init__(self) -> None:
        self.fills: deque[Fill] = deque()
        self.qty = self.net = self.count = 0

    def add(self, fill: Fill, window_ns: int) -> None:
        """Count a fill, and no longer those that are older than the window."""
        time_ns, qty, net, count = fill
        fills = self.fills
        while fills and time_ns - fills[0][0] >= window_ns:
            _, old_qty, old_net, old_count = fills.popleft()
            self.qty -= old_qty
            self.net -= old_net
            self.count -= old_count
        self.qty += qty
        self.net += net
        self.count += count
        if fills and (fills[-1][0] == time_ns or len(fills) >= FILLS_MAX):
            _, old_qty, old_net, old_count = fills.pop()
            fill = time_ns, qty + old_qty, net + old_net, count + old_count
        fills.append(fill)


class QuoteProtection:
    """Bounds by session, windows by key, and the keys that are frozen with the reason."""

    __slots__ = ("bounds", "frozen", "windows")

    def __init__(self) -> None:
        self.bounds: dict[int, SetQuoteProtection] = {}
        self.windows: dict[QuoteKey, FillWindow] = {}
        self.frozen: dict[QuoteKey, str] = {}

    def set_bounds(self, command: SetQuoteProtection) -> None:
        """Put bounds in force; what was counted and what is frozen stays."""
        if command.qty_max or command.delta_max or command.count_max:
            self.bounds[command.session_id] = command
            return
        self.bounds.pop(command.session_id, None)
        for key in [key for key in self.windows if key[0] == command.session_id]:
            del self.windows[key]

    def count_fill(self, key: QuoteKey, side: Side, qty: int, time_ns: int) -> str:
        """Count a fill; where that breaks a bound, freeze the quotes of the key and return why."""
        bounds = self.bounds.get(key[0])
        if bounds is None or key in self.frozen:
            return ""
        window = self.windows.get(key)
        if window is None:
            window = self.windows[key] = FillWindow()
        window.add((time_ns, qty, qty if side == BUY else -qty, 1), bounds.window_ns)
        why = _broken(bounds, window)
        if why:
            self.frozen[key] = why
            del self.windows[key]
        return why

    def reset(self, key: QuoteKey) -> bool:
        """Forget what was counted of a key and take its quotes again; tell whether they were frozen."""
        self.windows.pop(key, None)
        return self.frozen.pop(key, None) is not None

    def is_empty(self) -> bool:
        """Tell whether there is nothing to remember."""
        return not (self.bounds or self.windows or self.frozen)


def _broken(bounds: SetQuoteProtection, window: FillWindow) -> str:
    """Return which bound is broken, by what, or nothing."""
    within = f"within {bounds.window_ns // MILLISECOND_NS} ms"
    if bounds.qty_max and window.qty > bounds.qty_max:
        return f"{window.qty} lots were filled {within}, allowed: {bounds.qty_max}"
    if bounds.delta_max and abs(window.net) > bounds.delta_max:
        return f"{window.net:+d} lots net were filled {within}, allowed: {bounds.delta_max} either way"
    if bounds.count_max and window.count > bounds.count_max:
        return f"{window.count} fills {within}, allowed: {bounds.count_max}"
    return ""
