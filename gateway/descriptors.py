"""The limit of open files of this process: raised at start to what the configuration's bounds need."""

import resource

import structlog

from config.descriptors import descriptors_needed
from config.settings import Settings

log = structlog.get_logger("descriptors")


def needed_by(settings: Settings) -> int:
    """Return how many descriptors the exchange has open when every bound of its configuration is reached."""
    exchange = settings.exchange
    return descriptors_needed(
        connections_max=exchange.logon.connections_max,
        listeners=len(exchange.listeners),
        io_threads=exchange.io_threads,
        sessions=len(settings.sessions),
        shards=len(exchange.shards),
    )


def raise_descriptor_limit(settings: Settings) -> int:
    """Raise the soft RLIMIT_NOFILE to what the bounds need, never lower it; return what it is now.

    The loader has refused bounds above the hard limit, so that a failure here is one of the system.

    Raises:
        OSError, ValueError: the system does not grant what its hard limit promises.
    """
    needed = needed_by(settings)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
    log.info("limit of open files raised", soft=needed, before=soft, hard=hard)
    return needed
