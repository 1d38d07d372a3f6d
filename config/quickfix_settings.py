"""Reader of QuickFIX's settings format, with the line of everything.

The grammar is QuickFIX's own (`Settings.cpp`, release 1.16): a line is stripped; `#` first makes it a comment; `[NAME]`
opens a section; anything with `=` is a key and its value, split at the first `=`, both stripped; keys are compared
without case, and the last of two equal keys in a section holds. What QuickFIX passes over in silence (a key before any
section, a line that is none of these, a section that is not DEFAULT or SESSION, a second DEFAULT) is a fault here: it
is never what was meant.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from config.faults import FaultLog, quote

LINE_CHARACTERS_MAX: Final = 1022
"""QuickFIX reads a line into 1,024 bytes and stops reading the file, silently, at a longer one."""

WHITESPACE: Final = " \t\r\n\f\v"

DEFAULT: Final = "DEFAULT"
SESSION: Final = "SESSION"


class Entry(msgspec.Struct, frozen=True):
    """One `Key=Value` line; `key` as it is written."""

    key: str
    value: str
    line: int


class Section(msgspec.Struct, frozen=True):
    """One section: its entries by key in upper case, the last one of equal keys."""

    name: str
    line: int
    entries: Mapping[str, Entry]


class SettingsFile(msgspec.Struct, frozen=True):
    """The sections of a file in their order; `default` is empty where the file has no [DEFAULT]."""

    default: Section
    sessions: tuple[Section, ...]


def parse(data: bytes, *, file: str, log: FaultLog) -> SettingsFile:
    """Read a whole file; every line that is not understood becomes a fault, and reading goes on after it."""
    sections: list[tuple[str, int, dict[str, Entry]]] = []
    for number, line in _lines(data, file=file, log=log):
        if line[0] == "[" and line[-1] == "]":
            sections.append((line[1:-1].strip(WHITESPACE), number, {}))
        elif "=" not in line:
            log.add(file, number, "line", found=quote(line), allowed="[DEFAULT], [SESSION], Key=Value or # comment")
        elif not sections:
            log.add(file, number, "line", found=quote(line), allowed="a key only below [DEFAULT] or [SESSION]")
        else:
            _add_entry(sections[-1][2], line, number, file=file, log=log)
    return _sort_sections(sections, file=file, log=log)


def _lines(data: bytes, *, file: str, log: FaultLog) -> list[tuple[int, str]]:
    """Return (number, stripped text) of each line that says something and can be read."""
    lines: list[tuple[int, str]] = []
    for number, raw in enumerate(data.split(b"\n"), start=1):
        if len(raw) > LINE_CHARACTERS_MAX:
            log.add(file, number, "line", found=f"{len(raw)} bytes", allowed=f"at most {LINE_CHARACTERS_MAX} bytes")
            continue
        if raw.lstrip().startswith(b"#"):
            continue  # A comment may be in any encoding.
        try:
            line = raw.decode("utf-8").strip(WHITESPACE)
        except UnicodeDecodeError as error:
            log.add(file, number, "line", found=f"byte 0x{raw[error.start]:02x}", allowed="text in UTF-8")
            continue
        control = next((c for c in line if (ord(c) < 0x20 and c != "\t") or ord(c) == 0x7F), None)
        if control is not None:
            log.add(file, number, "line", found=f"control character 0x{ord(control):02x}", allowed="printable text")
        elif line:
            lines.append((number, line))
    return lines


def _add_entry(entries: dict[str, Entry], line: str, number: int, *, file: str, log: FaultLog) -> None:
    key, _, value = line.partition("=")
    key, value = key.strip(WHITESPACE), value.strip(WHITESPACE)
    if not key:
        log.add(file, number, "line", found=quote(line), allowed="a key before the =")
        return
    earlier = entries.get(key.upper())
    if earlier is not None and earlier.value != value:
        log.note(file, number, key, f"holds over line {earlier.line} of the same section, as in QuickFIX")
    entries[key.upper()] = Entry(key, value, number)


def _sort_sections(sections: list[tuple[str, int, dict[str, Entry]]], *, file: str, log: FaultLog) -> SettingsFile:
    default: Section | None = None
    sessions: list[Section] = []
    for name, line, entries in sections:
        section = Section(name, line, entries)
        if name == SESSION:
            sessions.append(section)
        elif name != DEFAULT:
            log.add(file, line, "section", found=quote(f"[{name}]"), allowed="[DEFAULT] or [SESSION]")
        elif default is not None:
            log.add(file, line, "section", found="a second [DEFAULT]", allowed=f"one, which is at line {default.line}")
        else:
            default = section
    return SettingsFile(default or Section(DEFAULT, 0, {}), tuple(sessions))
