"""Times as texts, made of integers, are those of the calendar."""

import random
from datetime import UTC, datetime

from matching.texts import time_text


def calendar_text(time_ns: int) -> str:
    """The same by the standard library."""
    second, rest = divmod(time_ns, 10**9)
    return f"{datetime.fromtimestamp(second, UTC):%Y%m%d-%H:%M:%S}.{rest // 10**6:03d}"


def test_times_are_those_of_the_calendar() -> None:
    draw = random.Random(1)
    times = [0, 951_782_399_999_999_999, 951_782_400 * 10**9, 4_107_542_400 * 10**9, 7_258_118_399 * 10**9]
    times += [draw.randrange(7_258_118_400 * 10**9) for _ in range(5_000)]
    assert [time_text(each) for each in times] == [calendar_text(each) for each in times]
