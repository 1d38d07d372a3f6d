"""What the session doctor says: one thing that it found, about whom, and what to do."""

from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

import msgspec

Level: TypeAlias = Literal["fault", "warning"]
FAULT: Final = "fault"
WARNING: Final = "warning"
NAMES_SHOWN_MAX: Final = 3


class Finding(msgspec.Struct, frozen=True):
    """One thing. `about` names the session, file or listener; `advice` says what to do."""

    level: Level
    about: str
    found: str
    advice: str

    def __str__(self) -> str:
        return f"{self.level}: {self.about}: {self.found}; {self.advice}"


def names(found: Sequence[str]) -> str:
    """Return a few names, and how many more there are."""
    more = len(found) - NAMES_SHOWN_MAX
    return ", ".join(found[:NAMES_SHOWN_MAX]) + (f" and {more} more" if more > 0 else "")
