"""When a session runs and when it may log on: QuickFIX's ranges of time, as windows of UTC seconds in the coming days.

The rules are those of QuickFIX's `TimeRange`: an end at or before its start is on the next day; equal times are a whole
day, and equal days a whole week. A window is half open, [start, end), so that the windows of a session that ends when
it begins touch. Local times that a change of the clock leaves out are taken as if the old offset still held; of those
it repeats, the first.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any, Final

import msgspec

from config.faults import FaultLog
from config.quickfix_settings import Entry
from config.time_zones import local_zone, zone_of

Window = tuple[int, int]

DAY_SECONDS: Final = 86_400
PAST_SECONDS: Final = DAY_SECONDS
"""Windows that ended less than this before now are given too, for a clock that runs a little behind ours."""
DAYS_AHEAD_MAX: Final = 366


class TimeRange(msgspec.Struct, frozen=True):
    """A range of every day, or of every week where days are given (1 is Sunday). Times are seconds since midnight."""

    start_time: int
    end_time: int
    start_day: int | None = None
    end_day: int | None = None

    def holds(self, time: int, day: int | None) -> bool:
        """Say whether a time on a day lies in the range, both ends included: QuickFIX's rule for LogonTime."""
        if self.start_day is None or self.end_day is None or day is None:
            return self._holds_time(time)
        if self.start_day == self.end_day:
            return day != self.start_day or self._holds_time(time)
        if self.start_day < self.end_day:
            inside = self.start_day <= day <= self.end_day
        else:
            inside = day >= self.start_day or day <= self.end_day
        starts = day != self.start_day or time >= self.start_time
        return inside and starts and (day != self.end_day or time <= self.end_time)

    def _holds_time(self, time: int) -> bool:
        if self.start_time < self.end_time:
            return self.start_time <= time <= self.end_time
        return time >= self.start_time or time <= self.end_time

    def windows(self, zone: tzinfo, *, now_s: int, days_ahead: int) -> list[Window]:
        """Return the windows that end after now and begin within `days_ahead` days, in order; never an empty list."""
        assert 0 <= days_ahead <= DAYS_AHEAD_MAX, f"at most {DAYS_AHEAD_MAX} days ahead, not {days_ahead}"
        today = datetime.fromtimestamp(now_s, zone).date()
        windows = [
            (_utc_s(day, self.start_time, zone), _utc_s(day + timedelta(days=self._days_long()), self.end_time, zone))
            for day in (today + timedelta(days=distance) for distance in range(-8, days_ahead + 1))
            if self.start_day is None or day.isoweekday() % 7 + 1 == self.start_day
        ]
        windows = [(start, end) for start, end in windows if start < end]
        # An empty list would mean "always": between the windows of a week the last one is given.
        return [(start, end) for start, end in windows if end > now_s - PAST_SECONDS] or windows[-1:]

    def _days_long(self) -> int:
        """Return how many midnights lie between a start and its end."""
        if self.start_day is None or self.end_day is None:
            return 0 if self.start_time < self.end_time else 1
        return (self.end_day - self.start_day) % 7 or 7


class Schedule(msgspec.Struct, frozen=True):
    """The session's range and the range of its logon; None: always. `zone` "local" is this machine's."""

    session: TimeRange | None
    logon: TimeRange | None
    zone: str

    def windows(self, *, now_s: int, days_ahead: int) -> tuple[list[Window], list[Window]]:
        """Return the windows of the session and those of its logon; an empty list means always."""
        zone = local_zone() if self.zone == "local" else zone_of(self.zone)
        assert zone is not None, f"the time zone {self.zone} was known when the configuration was read"
        session = self.session.windows(zone, now_s=now_s, days_ahead=days_ahead) if self.session else []
        logon = self.logon.windows(zone, now_s=now_s, days_ahead=days_ahead) if self.logon else []
        return session, logon


NON_STOP: Final = Schedule(None, None, "UTC")


def read_schedule(
    values: Mapping[str, Any], entries: Mapping[str, Entry], *, file: str, line: int, log: FaultLog
) -> Schedule:
    """Build the schedule of one session from its keys; a fault where QuickFIX would refuse them, or they contradict."""
    reader = _Reader(values, entries, file=file, line=line, log=log)
    zone = reader.zone()
    session = reader.session_range()
    logon = reader.logon_range(session)
    return Schedule(session, logon, zone)


class _Reader:
    """The keys of one session's schedule, and where they stand."""

    def __init__(
        self, values: Mapping[str, Any], entries: Mapping[str, Entry], *, file: str, line: int, log: FaultLog
    ) -> None:
        self._values = values
        self._entries = entries
        self._file = file
        self._line = line
        self._log = log

    def zone(self) -> str:
        name = self._values["TimeZone"]
        if name is None:
            return "local" if self._values["UseLocalTime"] else "UTC"
        if zone_of(name) is None:
            self._fault("TimeZone", f'"{name}"', "the IANA name of a time zone that this machine knows")
            return "UTC"
        if "USELOCALTIME" in self._entries and self._values["UseLocalTime"] is False and name != "UTC":
            self._fault("UseLocalTime", f"N beside TimeZone={name}", "Y, or no TimeZone")
        return str(name)

    def session_range(self) -> TimeRange | None:
        start, end = self._values["StartTime"], self._values["EndTime"]
        start_day, end_day = self._values["StartDay"], self._values["EndDay"]
        self._both("StartDay", "EndDay")
        if self._values["NonStopSession"]:
            # As QuickFIX: midnight, its default, may stand beside NonStopSession; other times and days may not.
            for key, value in (("StartTime", start), ("EndTime", end), ("StartDay", start_day), ("EndDay", end_day)):
                if value:  # 0 is midnight
                    self._fault(key, f"{key} beside NonStopSession=Y", "no schedule for a session that never ends")
            return None
        undecided = "NONSTOPSESSION" in self._entries and self._entries["NONSTOPSESSION"].value != "N"
        for key, value in (("StartTime", start), ("EndTime", end)):
            if value is None and key.upper() not in self._entries and not undecided:
                self._fault(key, "nothing", "a time HH:MM:SS, or NonStopSession=Y")
        if start is None or end is None or (start_day is None) != (end_day is None):
            return TimeRange(0, 0)
        if start_day is not None and start_day == end_day and end > start:
            end = start  # QuickFIX makes a session of equal days a whole week.
        return TimeRange(start, end, start_day, end_day)

    def logon_range(self, session: TimeRange | None) -> TimeRange | None:
        within = session or TimeRange(0, 0)
        names = ("LogonTime", "LogoutTime", "LogonDay", "LogoutDay")
        start, end, start_day, end_day = (self._values[name] for name in names)
        if start is None and end is None and start_day is None and end_day is None:
            return session
        start = within.start_time if start is None else start
        end = within.end_time if end is None else end
        start_day = within.start_day if start_day is None else start_day
        end_day = within.end_day if end_day is None else end_day
        if (start_day is None) != (end_day is None):
            lone = "LogonDay" if end_day is None else "LogoutDay"
            self._fault(lone, f"{lone} alone", "LogonDay and LogoutDay together, or StartDay and EndDay too")
            return session
        for key, time, day in (("LogonTime", start, start_day), ("LogoutTime", end, end_day)):
            if not within.holds(time, day):
                self._fault(key, _clock(time), "a time between StartTime and EndTime")
        return TimeRange(start, end, start_day, end_day)

    def _both(self, first: str, second: str) -> None:
        for key, other in ((first, second), (second, first)):
            if self._values[key] is not None and other.upper() not in self._entries:
                self._fault(key, f"{key} without {other}", f"{first} and {second} together")

    def _fault(self, key: str, found: str, allowed: str) -> None:
        entry = self._entries.get(key.upper())
        self._log.add(self._file, entry.line if entry else self._line, key, found=found, allowed=allowed)


def _utc_s(day: date, seconds: int, zone: tzinfo) -> int:
    hour, rest = divmod(seconds, 3600)
    local = datetime(day.year, day.month, day.day, hour, rest // 60, rest % 60, tzinfo=zone)
    return int(local.astimezone(UTC).timestamp())


def _clock(seconds: int) -> str:
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
