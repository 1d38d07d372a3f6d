"""Operators wait for others no longer than was said, and are told what was found last."""

import asyncio
from collections.abc import Awaitable, Callable

from gateway.operator_waits import look_until

NO_TIME_S = -1.0
LONG_S = 3_600.0


def counting() -> Callable[[], Awaitable[int]]:
    """Return a look that finds 1, then 2, and so on."""
    looks = 0

    async def look() -> int:
        nonlocal looks
        looks += 1
        return looks

    return look


def test_it_looks_until_all_is_done_and_not_once_more() -> None:
    look = counting()
    assert asyncio.run(look_until(look, lambda found: found >= 3, LONG_S)) == 3
    assert asyncio.run(look_until(look, lambda found: found >= 3, LONG_S)) == 4


def test_without_time_left_it_looks_once_and_says_what_it_found() -> None:
    assert asyncio.run(look_until(counting(), lambda found: found >= 3, NO_TIME_S)) == 1
