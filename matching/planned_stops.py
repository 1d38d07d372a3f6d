"""A stop of the exchange that is planned: when, what members are told of it, and whether they were told again. Owner:
the matching thread.

Whoever keeps the time stops the exchange then; this only knows, over restarts, that it is to be.
"""

from typing import Final, TypeAlias

from matching.events import (
    CommandRefused,
    Event,
)
from matching.user_commands import PlanStop
from matching.user_events import StopPlanned

REMINDER_NS: Final = 60_000_000_000
"""How long before the stop members are told again; one that is planned for sooner is told once."""
StopRecord: TypeAlias = tuple[int, str, bool]
"""When, in nanoseconds since the epoch; the operator's text; whether it was said again."""


class PlannedStop:
    """`at_ns` 0: none is planned."""

    def __init__(self) -> None:
        self.at_ns = 0
        self.text = ""
        self.is_reminded = False

    def plan(self, command: PlanStop, time_ns: int, out: list[Event]) -> None:
        """Plan a stop, in place of one that was; say it again; or call it off."""
        if command.is_reminder:
            if not self.at_ns or command.at_ns != self.at_ns or self.is_reminded:
                out.append(CommandRefused("PlanStop", "there is no such stop to be reminded of"))
                return
            self.is_reminded = True
            out.append(StopPlanned(self.at_ns, self.text, command.by, True))
        elif not command.at_ns:
            if not self.at_ns:
                out.append(CommandRefused("PlanStop", "no stop is planned"))
                return
            self.at_ns, self.text, self.is_reminded = 0, "", False
            if not command.is_done:
                out.append(StopPlanned(0, command.text, command.by))
        elif command.at_ns <= time_ns:
            out.append(CommandRefused("PlanStop", f"the stop is planned for {command.at_ns}, it is {time_ns}"))
        else:
            is_soon = command.at_ns - time_ns <= REMINDER_NS
            self.at_ns, self.text, self.is_reminded = command.at_ns, command.text, is_soon
            out.append(StopPlanned(command.at_ns, command.text, command.by))

    def is_reminder_due(self, now_ns: int) -> bool:
        """Tell whether members are to be told again."""
        return bool(self.at_ns) and not self.is_reminded and now_ns >= self.at_ns - REMINDER_NS

    def is_due(self, now_ns: int) -> bool:
        """Tell whether the exchange is to stop."""
        return 0 < self.at_ns <= now_ns

    def record(self) -> StopRecord | None:
        """Return the state; None where no stop is planned."""
        return (self.at_ns, self.text, self.is_reminded) if self.at_ns else None

    def load(self, record: StopRecord) -> None:
        """Take what `record` has returned."""
        self.at_ns, self.text, self.is_reminded = record
