"""When the trading day of a date ends, for orders that are good until a date."""

from datetime import datetime, timedelta
from typing import Final

from config.exchange import TradingDaySettings
from config.time_zones import zone_of

SECOND_NS: Final = 1_000_000_000
FIRST_YEAR: Final = 2000
LAST_YEAR: Final = 2199
"""Times up to it are nanoseconds within 63 bits."""


def trading_day_end(settings: TradingDaySettings, date: str) -> int | None:
    """Return when the trading day of a date (YYYYMMDD) ends, in nanoseconds since the epoch; None: it is no date.

    A trading day that ends at midnight is over when its date is.
    """
    if len(date) != len("YYYYMMDD") or not date.isascii() or not date.isdigit():
        return None
    try:
        day = datetime.strptime(date, "%Y%m%d").replace(tzinfo=zone_of(settings.time_zone))
    except ValueError:
        return None
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        return None
    end = day + (timedelta(seconds=settings.end_time) if settings.end_time else timedelta(days=1))
    return int(end.timestamp()) * SECOND_NS
