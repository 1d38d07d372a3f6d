"""Time zones by name; UTC needs no zone data on the machine."""

import os
import zoneinfo
from datetime import UTC, tzinfo
from functools import lru_cache
from pathlib import Path
from typing import Final

_LOCAL_ZONE_FILE: Final = Path("/etc/localtime")


def is_known_zone(name: str) -> bool:
    """Say whether this machine has the zone of that name."""
    return zone_of(name) is not None


@lru_cache(maxsize=256)
def zone_of(name: str) -> tzinfo | None:
    """Return the zone of that IANA name, or None where this machine does not know it."""
    if name == "UTC":
        return UTC
    try:
        return zoneinfo.ZoneInfo(name)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        return None


def local_zone() -> tzinfo:
    """Return the zone of this machine, as the C library finds it: TZ, then /etc/localtime, then UTC."""
    named = os.environ.get("TZ", "").lstrip(":")
    zone = zone_of(named) if named else None
    if zone is not None:
        return zone
    try:
        with _LOCAL_ZONE_FILE.open("rb") as file:
            return zoneinfo.ZoneInfo.from_file(file, key="local")
    except (OSError, ValueError):
        return UTC
