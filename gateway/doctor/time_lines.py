"""The schedules of sessions on a time line: a week in the session's own zone, the next reset, changes of the clock."""

import itertools
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

import msgspec

from config.schedules import Schedule, Window
from config.session_changes import schedule_text
from config.sessions import SessionSettings
from config.time_zones import local_zone, zone_of

DAYS: Final = 7
CELLS_PER_DAY: Final = 12
CELL_SECONDS: Final = 86_400 // CELLS_PER_DAY
CLOCK_DAYS_AHEAD: Final = 200
OPEN: Final = "#"
NO_LOGON: Final = "="
CLOSED: Final = "."
RESET: Final = "R"
HOURS: Final = "0  6  12 18 "
"""What stands above the signs of a day."""
LEGEND: Final = (
    f"{OPEN} open, {NO_LOGON} open without logons, {CLOSED} closed, {RESET} numbers begin anew; 2 hours a sign"
)


class TimeLine(msgspec.Struct, frozen=True):
    """One schedule, the sessions that have it, and its days from today on. `week` has (day, signs).

    Times are in UTC as ISO text, "" where there is none. `clock_change` says when the zone's offset changes next.
    """

    schedule: str
    sessions: tuple[str, ...]
    week: tuple[tuple[str, str], ...]
    open_now: bool
    next_reset: str
    next_logon: str
    clock_change: str


def time_lines(sessions: Iterable[SessionSettings], now_s: int) -> list[TimeLine]:
    """Return one time line for each schedule, those of most sessions first."""
    by_schedule: dict[Schedule, list[SessionSettings]] = {}
    for session in sessions:
        by_schedule.setdefault(session.schedule, []).append(session)
    lines = [_time_line(schedule, found, now_s) for schedule, found in by_schedule.items()]
    return sorted(lines, key=lambda line: -len(line.sessions))


def _time_line(schedule: Schedule, sessions: Sequence[SessionSettings], now_s: int) -> TimeLine:
    zone = local_zone() if schedule.zone == "local" else zone_of(schedule.zone)
    assert zone is not None, "the zone was known when the file was read"
    windows, logons = schedule.windows(now_s=now_s, days_ahead=DAYS + 8)
    starts = [start for start, _ in windows if start > now_s]
    logon_starts = [start for start, _ in logons or windows if start > now_s]
    is_open = _holds(windows, now_s) and _holds(logons, now_s)
    return TimeLine(
        schedule=schedule_text(sessions[0]),
        sessions=tuple(session.name for session in sessions),
        week=_week(windows, logons, zone, now_s) if windows or logons else (),
        open_now=is_open,
        next_reset=_moment(starts[0]) if starts else "",
        next_logon="" if is_open or not logon_starts else _moment(logon_starts[0]),
        clock_change=_clock_change(zone, now_s) if windows or logons else "",
    )


def _week(windows: Sequence[Window], logons: Sequence[Window], zone: tzinfo, now_s: int) -> tuple[tuple[str, str], ...]:
    """Return the signs of each day, by the clock of the zone; on a day of 23 or 25 hours one is shorter or longer."""
    today = datetime.fromtimestamp(now_s, zone).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    days = []
    for day in (today + timedelta(days=distance) for distance in range(DAYS)):
        cells = [
            int((day + timedelta(seconds=cell * CELL_SECONDS)).replace(tzinfo=zone).timestamp())
            for cell in range(CELLS_PER_DAY + 1)
        ]
        signs = "".join(_sign(windows, logons, *cell) for cell in itertools.pairwise(cells))
        days.append((f"{day:%a %d}", signs))
    return tuple(days)


def _sign(windows: Sequence[Window], logons: Sequence[Window], start: int, end: int) -> str:
    if any(start <= window_start < end for window_start, _ in windows):
        return RESET
    if not _touches(windows, start, end):
        return CLOSED
    return OPEN if _touches(logons, start, end) else NO_LOGON


def _touches(windows: Sequence[Window], start: int, end: int) -> bool:
    return not windows or any(window_start < end and window_end > start for window_start, window_end in windows)


def _holds(windows: Sequence[Window], now_s: int) -> bool:
    return not windows or any(start <= now_s < end for start, end in windows)


def _clock_change(zone: tzinfo, now_s: int) -> str:
    """Return when the clocks of a zone are put forward or back next, "" where they are not for long."""
    today = datetime.fromtimestamp(now_s, zone).replace(hour=12, minute=0, second=0, microsecond=0)
    noons = [today + timedelta(days=distance) for distance in range(-1, CLOCK_DAYS_AHEAD)]
    for before, after in itertools.pairwise(noons):
        was, now = before.utcoffset(), after.utcoffset()
        if was is not None and now is not None and was != now:
            minutes = int((now - was).total_seconds()) // 60
            way, when = ("forward", "earlier") if minutes > 0 else ("back", "later")
            return f"clocks go {way} on {after:%Y-%m-%d}: from then on all is {abs(minutes)} minutes {when} in UTC"
    return ""


def _moment(at_s: int) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
