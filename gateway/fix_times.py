"""UTCTimestamps as reports carry them."""

from datetime import UTC, datetime
from functools import lru_cache


def transact_time(time_ns: int) -> str:
    """Return the text of a time, in milliseconds as every version allows."""
    second, rest = divmod(time_ns, 1_000_000_000)
    return f"{_second_text(second)}.{rest // 1_000_000:03d}"


@lru_cache(maxsize=64)
def _second_text(second: int) -> str:
    """Return the text of a second; most frames lie in the second of the one before."""
    return f"{datetime.fromtimestamp(second, UTC):%Y%m%d-%H:%M:%S}"
