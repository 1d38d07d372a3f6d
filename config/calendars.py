"""The calendars of instruments.toml: at which local times an instrument is in which trading phase, and on which days.

A day has a list of phases with their first moment; before the first of them, on other days of the week and on holidays
the market is closed. Local times that a change of the clock leaves out are taken as if the old offset still held; of
those it repeats, the first.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final

import msgspec

from config import file_keys
from config.faults import FaultLog, quote
from config.time_zones import zone_of
from config.toml_tables import Table, TomlFile, refuse_repeats
from matching.phases import CLOSED, TABLE, follows
from matching.types import TradingPhase

FILE: Final = "instruments.toml"
CALENDARS_MAX: Final = 1_000
PHASES_PER_DAY_MAX: Final = 32
SECOND_NS: Final = 1_000_000_000


class PhaseStart(msgspec.Struct, frozen=True):
    """A phase and its first moment, in seconds since local midnight."""

    phase: TradingPhase
    start: int


class Calendar(msgspec.Struct, frozen=True):
    """One calendar. `days` are those of the week, 1 is Sunday; `phases` come in the order of their times."""

    name: str
    time_zone: str
    days: frozenset[int]
    holidays: frozenset[date]
    phases: tuple[PhaseStart, ...]

    def is_trading_day(self, day: date) -> bool:
        """Say whether there is trading on a local date."""
        return day.isoweekday() % 7 + 1 in self.days and day not in self.holidays

    def phase_at(self, now_ns: int) -> TradingPhase:
        """Return the phase of a moment."""
        now_s = now_ns // SECOND_NS
        zone = zone_of(self.time_zone)
        assert zone is not None, f"the time zone {self.time_zone} was known when the configuration was read"
        day = datetime.fromtimestamp(now_s, zone).date()
        phase: TradingPhase = CLOSED
        if self.is_trading_day(day):
            for each, start_s in zip(self.phases, _starts(self, day), strict=True):
                if start_s > now_s:
                    break
                phase = each.phase
        return phase


@lru_cache(maxsize=4_096)
def _starts(calendar: Calendar, day: date) -> tuple[int, ...]:
    """Return when each phase of a day begins, in seconds since the epoch."""
    midnight = datetime.combine(day, time(), zone_of(calendar.time_zone))
    # A sum of local times does not look at the offset, which is found when the moment is converted.
    return tuple(
        int((midnight + timedelta(seconds=each.start)).astimezone(UTC).timestamp()) for each in calendar.phases
    )


def read_calendars(file: TomlFile, log: FaultLog) -> Mapping[str, Calendar | None]:
    """Read every [[calendar]] by its name, "" for a name that could not be read; None where it has a fault."""
    tables = file.tables("calendar", file_keys.CALENDAR, count_max=CALENDARS_MAX)
    refuse_repeats(tables, "name", log)
    return {table["name"] or "": _calendar(file, table, log) for table in tables}


def check_calendar_of(table: Table, calendars: Mapping[str, Calendar | None], log: FaultLog) -> None:
    """Refuse an instrument with a calendar that the file certainly does not have."""
    if table.has("calendar") and table["calendar"] not in calendars and "" not in calendars:
        allowed = f"the name of a [[calendar]]: {', '.join(calendars) or 'the file has none'}"
        log.add(FILE, table.line("calendar"), "calendar", found=quote(table["calendar"]), allowed=allowed)


def _calendar(file: TomlFile, table: Table, log: FaultLog) -> Calendar | None:
    before = len(log.faults)
    if table.has("time_zone") and zone_of(table["time_zone"]) is None:
        allowed = "the IANA name of a time zone that this machine knows, such as Europe/Berlin"
        log.add(FILE, table.line("time_zone"), "time_zone", found=quote(table["time_zone"]), allowed=allowed)
    rows = file.tables_in(
        table.path, {"phase": table["phase"] or []}, "phase", file_keys.CALENDAR_PHASE, count_max=PHASES_PER_DAY_MAX
    )
    if not rows and table.has("name"):
        log.add(FILE, table.line(), "phase", found="nothing", allowed="at least one [[calendar.phase]]")
    _check_order(rows, log)
    if len(log.faults) > before or not table.has("name", "time_zone", "days", "holidays"):
        return None
    phases = tuple(PhaseStart(row["phase"], row["start"]) for row in rows)
    return Calendar(table["name"], table["time_zone"], frozenset(table["days"]), frozenset(table["holidays"]), phases)


def _check_order(rows: Sequence[Table], log: FaultLog) -> None:
    """Times ascend, and each phase may follow the one before; a day begins closed and ends in what may be closed."""
    earlier: TradingPhase = CLOSED
    start = -1
    for row in rows:
        if not row.has("phase", "start"):
            return
        if row["start"] <= start:
            log.add(FILE, row.line("start"), "start", found=_time(row["start"]), allowed=f"later than {_time(start)}")
        if row["phase"] == earlier or not follows(earlier, row["phase"]):
            allowed = ", ".join(each for each in TABLE[earlier].following if each in file_keys.CALENDAR_PHASES)
            found = quote(row["phase"])
            log.add(FILE, row.line("phase"), "phase", found=found, allowed=f"what may follow {earlier}: {allowed}")
        earlier, start = row["phase"], row["start"]


def _time(seconds: int) -> str:
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
