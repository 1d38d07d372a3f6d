"""How long an operator is kept waiting for what others have to do, and how they are looked at meanwhile."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

SHARDS_WAIT_S: Final = 2.0
TRANSFER_WAIT_S: Final = 5.0
LOOK_S: Final = 0.01

Found = TypeVar("Found")


async def look_until(look: Callable[[], Awaitable[Found]], is_done: Callable[[Found], bool], seconds: float) -> Found:
    """Return what the first look finds that is done; or, after so many seconds, what the last one has found."""
    until = time.monotonic() + seconds
    while True:
        found = await look()
        if is_done(found) or time.monotonic() > until:
            return found
        await asyncio.sleep(LOOK_S)
