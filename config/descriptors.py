"""File descriptors: how many a configuration needs, and how many the system lets this process have.

A connection is a descriptor. Bounds that the system cannot meet are refused at start: an exchange that runs out of
descriptors while it trades would turn away members for what strangers hold.
"""

import resource
from typing import Final

PROCESS_DESCRIPTORS: Final = 64
"""Journal, logs, event loops, snapshot process: 21 were counted; the rest is for operators' calls."""
DESCRIPTORS_PER_IO_THREAD: Final = 2
DESCRIPTORS_PER_SESSION: Final = 2
"""The connection of a session, and the one before it, which may still be closing."""
DESCRIPTORS_PER_SHARD: Final = 3
"""The connection to a shard in a process of its own, the next one, and a handle of its process while it is ended."""


def hard_limit() -> int | None:
    """Return how many descriptors this process may have at most; None where the system sets no limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if hard == resource.RLIM_INFINITY else hard


def descriptors_needed(*, connections_max: int, listeners: int, io_threads: int, sessions: int, shards: int) -> int:
    """Return how many descriptors the exchange has open when every bound is reached; one shard is in its process."""
    return (
        PROCESS_DESCRIPTORS
        + connections_max
        + listeners
        + DESCRIPTORS_PER_IO_THREAD * io_threads
        + DESCRIPTORS_PER_SESSION * sessions
        + (DESCRIPTORS_PER_SHARD * shards if shards > 1 else 0)
    )
