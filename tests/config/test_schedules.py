"""Windows of sessions: QuickFIX's ranges, day by day and week by week, over changes of the clock."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.schedules import DAY_SECONDS, NON_STOP, Schedule, TimeRange
from config.settings import load
from config.time_zones import local_zone, zone_of
from tests.config.folder import Edit, write_config


def seconds(text: str) -> int:
    """Return UTC seconds of a time as 2026-03-08T12:00:00."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def readable(windows: list[tuple[int, int]]) -> list[str]:
    """Return windows as texts of UTC."""
    return [
        " .. ".join(datetime.fromtimestamp(second, UTC).strftime("%d %H:%M:%S") for second in window)
        for window in windows
    ]


def windows_of(folder: Path, schedule: str, now: str, days_ahead: int) -> tuple[list[str], list[str]]:
    """Return the session's and the logon's windows of a schedule as sessions.cfg has it."""
    settings = load(write_config(folder, Edit("sessions.cfg", "NonStopSession=Y", schedule)))
    session, logon = settings.sessions[0].windows(now_s=seconds(now), days_ahead=days_ahead)
    return readable(session), readable(logon)


def test_a_session_of_every_day_ends_on_its_day(tmp_path: Path) -> None:
    session, logon = windows_of(tmp_path, "StartTime=09:00:00\nEndTime=17:00:00", "2026-06-10T12:00:00", 1)
    assert (
        session == logon == ["09 09:00:00 .. 09 17:00:00", "10 09:00:00 .. 10 17:00:00", "11 09:00:00 .. 11 17:00:00"]
    )


def test_a_session_over_midnight_ends_the_next_day(tmp_path: Path) -> None:
    session, _ = windows_of(tmp_path, "StartTime=22:00:00\nEndTime=06:00:00", "2026-06-10T12:00:00", 0)
    assert session == ["09 22:00:00 .. 10 06:00:00", "10 22:00:00 .. 11 06:00:00"]


def test_equal_times_are_whole_days_that_touch(tmp_path: Path) -> None:
    session, _ = windows_of(tmp_path, "StartTime=00:00:00\nEndTime=00:00:00", "2026-06-10T12:00:00", 1)
    assert session == ["09 00:00:00 .. 10 00:00:00", "10 00:00:00 .. 11 00:00:00", "11 00:00:00 .. 12 00:00:00"]


def test_times_of_new_york_follow_daylight_saving(tmp_path: Path) -> None:
    times = "StartTime=17:00:00\nEndTime=17:00:00\nTimeZone=America/New_York"
    session, _ = windows_of(tmp_path, times, "2026-03-07T12:00:00", 1)
    assert session[1:] == ["06 22:00:00 .. 07 22:00:00", "07 22:00:00 .. 08 21:00:00", "08 21:00:00 .. 09 21:00:00"]


def test_a_day_of_autumn_has_an_hour_more(tmp_path: Path) -> None:
    times = "StartTime=00:00:00\nEndTime=00:00:00\nTimeZone=America/New_York"
    session, _ = windows_of(tmp_path, times, "2026-11-01T12:00:00", 0)
    assert session == ["31 04:00:00 .. 01 04:00:00", "01 04:00:00 .. 02 05:00:00"]


def test_a_time_that_the_clock_leaves_out_is_of_the_old_offset_and_one_it_repeats_the_first(tmp_path: Path) -> None:
    left_out = "StartTime=02:30:00\nEndTime=12:00:00\nTimeZone=America/New_York"
    session, _ = windows_of(tmp_path, left_out, "2026-03-08T12:00:00", 0)
    assert session[-1] == "08 07:30:00 .. 08 16:00:00"
    repeated = "StartTime=01:30:00\nEndTime=12:00:00\nTimeZone=America/New_York"
    session, _ = windows_of(tmp_path, repeated, "2026-11-01T12:00:00", 0)
    assert session[-1] == "01 05:30:00 .. 01 17:00:00"


def test_a_session_of_a_week_runs_from_day_to_day(tmp_path: Path) -> None:
    week = "StartDay=Sunday\nStartTime=17:00:00\nEndDay=fri\nEndTime=16:00:00\nTimeZone=America/Chicago"
    session, _ = windows_of(tmp_path, week, "2026-06-10T12:00:00", 7)
    assert session == ["07 22:00:00 .. 12 21:00:00", "14 22:00:00 .. 19 21:00:00"]


def test_equal_days_are_a_whole_week(tmp_path: Path) -> None:
    week = "StartDay=mo\nStartTime=08:00:00\nEndDay=mo\nEndTime=17:00:00"
    session, _ = windows_of(tmp_path, week, "2026-06-10T12:00:00", 0)
    assert session == ["08 08:00:00 .. 15 08:00:00"]


def test_between_the_windows_of_a_week_the_last_one_is_given_since_none_would_mean_always(tmp_path: Path) -> None:
    week = "StartDay=mo\nStartTime=08:00:00\nEndDay=tu\nEndTime=17:00:00"
    session, logon = windows_of(tmp_path, week, "2026-06-12T12:00:00", 0)
    assert session == logon == ["08 08:00:00 .. 09 17:00:00"]


def test_the_logon_has_windows_of_its_own(tmp_path: Path) -> None:
    times = "StartTime=08:00:00\nEndTime=18:00:00\nLogonTime=09:00:00\nLogoutTime=17:00:00"
    session, logon = windows_of(tmp_path, times, "2026-06-10T12:00:00", 0)
    assert (session[-1], logon[-1]) == ("10 08:00:00 .. 10 18:00:00", "10 09:00:00 .. 10 17:00:00")


def test_a_session_that_never_ends_has_no_windows_and_may_have_times_of_logon(tmp_path: Path) -> None:
    assert windows_of(tmp_path, "NonStopSession=Y\nStartTime=00:00:00", "2026-06-10T12:00:00", 1) == ([], [])
    times = "NonStopSession=Y\nLogonTime=09:00:00\nLogoutTime=17:00:00"
    session, logon = windows_of(tmp_path, times, "2026-06-10T12:00:00", 0)
    assert (session, logon[-1]) == ([], "10 09:00:00 .. 10 17:00:00")
    assert NON_STOP.windows(now_s=0, days_ahead=366) == ([], [])


def test_local_time_is_that_of_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    times = "StartTime=09:00:00\nEndTime=17:00:00\nUseLocalTime=Y"
    session, _ = windows_of(tmp_path, times, "2026-06-10T12:00:00", 0)
    assert session == ["10 00:00:00 .. 10 08:00:00"]
    assert local_zone() == zone_of("Asia/Tokyo")


TIMES = st.integers(0, DAY_SECONDS - 1)
DAYS = st.integers(1, 7)


def in_range(within: TimeRange, time: int, day: int) -> bool:
    """Say what QuickFIX's TimeRange::isInRange says, written after its source, the end left out."""
    start_time, end_time = within.start_time, within.end_time
    if within.start_day is None or within.end_day is None:
        if start_time < end_time:
            return start_time <= time < end_time
        return time >= start_time or time < end_time
    if within.start_day == within.end_day:
        if day != within.start_day:
            return True
        return start_time <= time < end_time if start_time < end_time else time >= start_time or time < end_time
    if within.start_day < within.end_day:
        outside = day < within.start_day or day > within.end_day
    else:
        outside = within.end_day < day < within.start_day
    early = day == within.start_day and time < start_time
    late = day == within.end_day and time >= end_time
    return not (outside or early or late)


@given(start=TIMES, end=TIMES, days=st.none() | st.tuples(DAYS, DAYS), now_s=st.integers(0, 2_000_000_000))
def test_now_is_in_a_window_when_quickfix_says_so(
    start: int, end: int, days: tuple[int, int] | None, now_s: int
) -> None:
    if days is not None and days[0] == days[1]:
        end = min(start, end)  # as QuickFIX does, and so does the reader of sessions.cfg
        start = end
    within = TimeRange(start, end, *(days or (None, None)))
    windows, _ = Schedule(within, None, "UTC").windows(now_s=now_s, days_ahead=0)
    moment = datetime.fromtimestamp(now_s, UTC)
    expected = in_range(within, now_s % DAY_SECONDS, moment.isoweekday() % 7 + 1)
    assert windows
    assert any(begin <= now_s < finish for begin, finish in windows) == expected
