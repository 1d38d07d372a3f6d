"""Dates of orders that are good until a date, in the exchange's time zone."""

from datetime import UTC, datetime

import pytest

from config.exchange import TradingDaySettings
from gateway.trading_days import trading_day_end


def utc_ns(text: str) -> int:
    """Nanoseconds since the epoch of a time in UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 10**9


@pytest.mark.parametrize(
    ("end_time", "zone", "date", "expected"),
    [
        (0, "UTC", "20260102", "2026-01-03 00:00:00"),
        (17 * 3600, "UTC", "20260102", "2026-01-02 17:00:00"),
        (17 * 3600, "America/New_York", "20260102", "2026-01-02 22:00:00"),
        (17 * 3600, "America/New_York", "20260702", "2026-07-02 21:00:00"),
        (0, "UTC", "20240229", "2024-03-01 00:00:00"),
    ],
)
def test_a_date_ends_with_its_trading_day(end_time: int, zone: str, date: str, expected: str) -> None:
    settings = TradingDaySettings(end_time=end_time, time_zone=zone)
    assert trading_day_end(settings, date) == utc_ns(expected)


@pytest.mark.parametrize("date", ["", "2026", "20260230", "20261301", "2026-1-2", "19991231", "22000101", "٢٠٢٦٠١٠٢"])
def test_what_is_no_date_has_no_end(date: str) -> None:
    assert trading_day_end(TradingDaySettings(end_time=0, time_zone="UTC"), date) is None
