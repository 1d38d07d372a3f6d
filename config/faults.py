"""What is wrong with a configuration, and what is worth saying about it: all of it, never the first fault alone."""

from collections.abc import Iterable
from typing import Final

import msgspec

FOUND_CHARACTERS_MAX: Final = 300
"""A value found is shown up to here: a fault is a line for a person, and the file may hold anything."""


class Fault(msgspec.Struct, frozen=True, order=True):
    """One thing that is wrong. `line` is 0 where the fault is that something is not there at all."""

    file: str
    line: int
    key: str
    found: str
    allowed: str

    def __str__(self) -> str:
        return f"{_place(self.file, self.line)}: {self.key}: found {self.found}, allowed: {self.allowed}"


class Note(msgspec.Struct, frozen=True, order=True):
    """Something that an operator should know and that does not stop the exchange."""

    file: str
    line: int
    key: str
    text: str

    def __str__(self) -> str:
        return f"{_place(self.file, self.line)}: {self.key}: {self.text}"


class ConfigFaults(Exception):  # noqa: N818 - it is a list of faults, each of which is the error
    """Every fault of a configuration, in the order of files and lines."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults: Final = sorted(faults)
        assert self.faults, "a configuration is refused for at least one fault"
        super().__init__("\n".join(str(fault) for fault in self.faults))


class FaultLog:
    """Collects the faults and notes of one loading. A note is kept once per file, key and text: at its first line."""

    def __init__(self) -> None:
        self._faults: dict[Fault, None] = {}
        self._notes: dict[tuple[str, str, str], Note] = {}

    def add(self, file: str, line: int, key: str, *, found: str, allowed: str) -> None:
        """Record a fault; `found` is the text to show, see `quote`."""
        self._faults[Fault(file, line, key, found, allowed)] = None

    def note(self, file: str, line: int, key: str, text: str) -> None:
        """Record a note, once per file, key and text."""
        known = self._notes.get((file, key, text))
        if known is None or line < known.line:
            self._notes[(file, key, text)] = Note(file, line, key, text)

    @property
    def faults(self) -> list[Fault]:
        """Return the faults in the order of files and lines, each once."""
        return sorted(self._faults)

    @property
    def notes(self) -> list[Note]:
        """Return the notes in the order of files and lines."""
        return sorted(self._notes.values())


def quote(value: object) -> str:
    """Return `value` as a person reads it in a fault: quoted text, TOML's words for the rest, bounded and printable."""
    if isinstance(value, str):
        shown = value if len(value) <= FOUND_CHARACTERS_MAX else value[:FOUND_CHARACTERS_MAX] + "..."
        printable = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in shown)
        return f'"{printable}"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return "a table"
    text = str(value)
    return text if len(text) <= FOUND_CHARACTERS_MAX else text[:FOUND_CHARACTERS_MAX] + "..."


def _place(file: str, line: int) -> str:
    return f"{file}:{line}" if line else file
