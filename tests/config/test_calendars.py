"""Calendars: the phase of a moment over days, holidays and changes of the clock; every fault with its line."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from config.calendars import Calendar
from config.settings import check
from tests.config.folder import Edit, faults, write_config

CALENDAR = """
[[calendar]]
name = "NYSE"
time_zone = "America/New_York"
holidays = ["2026-12-25"]
[[calendar.phase]]
phase = "pre-open"
start = "08:00:00"
[[calendar.phase]]
phase = "opening auction"
start = "09:25:00"
[[calendar.phase]]
phase = "continuous"
start = "09:30:00"
[[calendar.phase]]
phase = "closing auction"
start = "15:55:00"
[[calendar.phase]]
phase = "closed"
start = "16:00:00"
"""
AAPL = '"585.00"\nband_percent = "50"\nshard = "main"\n'
PERP = '"60000"\nband_percent = "50"\nshard = "main"\n'
NAMED = Edit("instruments.toml", AAPL, AAPL + 'calendar = "NYSE"\n')
ADDED = Edit("instruments.toml", PERP, PERP + CALENDAR)


def calendar_of(folder: Path, *edits: Edit) -> Calendar:
    """Return the calendar of AAPL."""
    report = check(write_config(folder, NAMED, ADDED, *edits))
    assert report.settings is not None, report.faults
    calendar = report.settings.instruments[0].calendar
    assert calendar is not None
    return calendar


def ns(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000_000


MOMENTS = [
    # New York is five hours behind in winter, four in summer.
    ("2026-01-05T12:59:59", "closed"),
    ("2026-01-05T13:00:00", "pre-open"),
    ("2026-01-05T14:25:00", "opening auction"),
    ("2026-01-05T14:29:59", "opening auction"),
    ("2026-01-05T14:30:00", "continuous"),
    ("2026-01-05T20:55:00", "closing auction"),
    ("2026-01-05T21:00:00", "closed"),
    ("2026-01-06T03:00:00", "closed"),
    ("2026-07-06T13:30:00", "continuous"),
    ("2026-07-06T13:29:59", "opening auction"),
    # A Saturday, a Sunday, a holiday on a Friday.
    ("2026-01-10T16:00:00", "closed"),
    ("2026-01-11T16:00:00", "closed"),
    ("2026-12-25T16:00:00", "closed"),
]


def test_phase_of_a_moment(tmp_path: Path) -> None:
    calendar = calendar_of(tmp_path)
    assert [(moment, calendar.phase_at(ns(moment))) for moment, _ in MOMENTS] == MOMENTS


def test_repeated_hour_counts_once_and_one_left_out_as_if_the_old_offset_held(tmp_path: Path) -> None:
    """Berlin, 2026-10-25: 02:00 to 03:00 comes twice; 2026-03-29: it is left out."""
    calendar = calendar_of(
        tmp_path,
        Edit("instruments.toml", "America/New_York", "Europe/Berlin"),
        Edit("instruments.toml", 'holidays = ["2026-12-25"]', 'days = ["Su"]'),
        Edit("instruments.toml", "08:00:00", "02:10:00"),
        Edit("instruments.toml", "09:25:00", "02:30:00"),
    )
    moments = {
        "2026-10-25T00:09:59": "closed",
        "2026-10-25T00:10:00": "pre-open",
        "2026-10-25T00:30:00": "opening auction",
        "2026-10-25T01:10:00": "opening auction",
        "2026-03-29T01:09:59": "closed",
        "2026-03-29T01:10:00": "pre-open",
        "2026-03-29T01:30:00": "opening auction",
    }
    assert {moment: calendar.phase_at(ns(moment)) for moment in moments} == moments


FAULTS = [
    ('calendar = "NYSE"', 'calendar = "LSE"', '10: calendar: found "LSE", allowed: the name of a [[calendar]]: NYSE'),
    ("America/New_York", "America/Newyork", '24: time_zone: found "America/Newyork", allowed: the IANA name'),
    ("2026-12-25", "2026-12-32", "25: holidays: found"),
    ('["2026-12-25"]', '["2026-12-25", "2026-12-25"]', "25: holidays: found"),
    ('phase = "pre-open"', 'phase = "lunch"', '27: phase: found "lunch", allowed: pre-open, opening auction,'),
    ('start = "09:25:00"', 'start = "08:00:00"', "31: start: found 08:00:00, allowed: later than 08:00:00"),
    ('start = "09:25:00"', 'start = "9:25"', '31: start: found "9:25", allowed: a time HH:MM:SS'),
    (
        'phase = "continuous"',
        'phase = "closing auction"',
        '33: phase: found "closing auction", allowed: what may follow opening auction: continuous, pre-open',
    ),
    ("holidays", "hollidays", "25: hollidays: found an unknown key, allowed: a known key; did you mean holidays?"),
    ('name = "NYSE"\n', "", "22: name: found nothing"),
    ('calendar = "NYSE"', "breaker_seconds = 5", "10: breaker_seconds: found 5, allowed: only with breaker_percent"),
    (
        'calendar = "NYSE"',
        'breaker_percent = "1"',
        "1: breaker_seconds: found nothing, allowed: a whole number of seconds",
    ),
    (
        'calendar = "NYSE"',
        'breaker_extended_percent = "3"',
        "10: breaker_extended_percent: found 3, allowed: only with breaker_seconds",
    ),
    (
        'calendar = "NYSE"',
        'breaker_percent = "3"\nbreaker_seconds = 5\nbreaker_extended_percent = "3"',
        "12: breaker_extended_percent: found 3, allowed: more than breaker_percent, which is 3",
    ),
    (
        'calendar = "NYSE"',
        "breaker_extensions = 5",
        "10: breaker_extensions: found 5, allowed: only with breaker_extended_percent",
    ),
    ('calendar = "NYSE"', 'breaker_percent = "0.001"', '10: breaker_percent: found "0.001", allowed: a decimal'),
]


@pytest.mark.parametrize(("old", "new", "said"), FAULTS, ids=[said for *_, said in FAULTS])
def test_fault_names_line_key_value_and_what_is_allowed(tmp_path: Path, old: str, new: str, said: str) -> None:
    found = faults(tmp_path, NAMED, ADDED, Edit("instruments.toml", old, new))
    assert any(said in fault for fault in found), found
