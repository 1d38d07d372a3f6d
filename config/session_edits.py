"""Edits of sessions.cfg as text: one session added, changed or removed, every other line left as it is."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from config.faults import FaultLog
from config.quickfix_settings import Section, SettingsFile, parse
from config.session_file import FILE, FIX50SP2, FIXT11
from config.session_keys import find

_NAME: Final = re.compile(r"(?P<begin>FIX\.4\.2|FIX\.4\.4|FIXT\.1\.1):(?P<sender>[^>]+)->(?P<target>.+)")
_IDENTITY: Final = ("BeginString", "SenderCompID", "TargetCompID")


class EditError(Exception):
    """The edit cannot be made; the text says why."""


def added(text: str, name: str, values: Mapping[str, str]) -> str:
    """Return the file with one more session at its end. Raises EditError."""
    file = _parsed(text)
    identity = _identity(name)
    _check(values)
    if _section(file, name) is not None:
        raise EditError(f"{FILE} has {name} already, at line {_known(file, name).line}")
    own = dict(zip(_IDENTITY, identity, strict=True))
    default = file.default.entries
    lines = [f"{key}={value}" for key, value in own.items() if not _is_default(default, key, value)]
    given = {key.upper() for key in values}
    if own["BeginString"] == FIXT11 and "DEFAULTAPPLVERID" not in default.keys() | given:
        lines.append(f"DefaultApplVerID={FIX50SP2}")
    lines += [f"{_spelled(key)}={value}" for key, value in values.items()]
    return "\n".join([text.rstrip("\n"), "", "[SESSION]", *lines, ""])


def changed(text: str, name: str, values: Mapping[str, str], unset: Sequence[str]) -> str:
    """Return the file with keys of one session set, or taken out of its section. Raises EditError."""
    file = _parsed(text)
    section = _known(file, name)
    _check(dict.fromkeys(unset, "") | dict(values))
    lines = text.split("\n")
    more = []
    for key, value in values.items():
        entry = section.entries.get(key.upper())
        if entry is None:
            more.append(f"{_spelled(key)}={value}")
        else:
            lines[entry.line - 1] = f"{entry.key}={value}"
    at = _end(section)
    lines[at:at] = more
    for line in sorted((_entry_line(section, key, name) for key in unset), reverse=True):
        del lines[line - 1]
    return "\n".join(lines)


def removed(text: str, name: str) -> str:
    """Return the file without one session; comments behind its last key stay. Raises EditError."""
    section = _known(_parsed(text), name)
    lines = text.split("\n")
    end = _end(section)
    while end < len(lines) - 1 and not lines[end].strip():
        end += 1
    del lines[section.line - 1 : end]
    return "\n".join(lines)


def _parsed(text: str) -> SettingsFile:
    log = FaultLog()
    file = parse(text.encode(), file=FILE, log=log)
    if log.faults:
        raise EditError(str(log.faults[0]))
    return file


def _identity(name: str) -> tuple[str, str, str]:
    found = _NAME.fullmatch(name)
    if found is None:
        raise EditError(
            f"session {name!r}, allowed: BeginString:SenderCompID->TargetCompID, as FIX.4.4:OUTCRY->TRADER1"
        )
    return found["begin"], found["sender"], found["target"]


def _section(file: SettingsFile, name: str) -> Section | None:
    wanted = _identity(name)
    for section in file.sessions:
        entries = {**file.default.entries, **section.entries}
        found = tuple(entries[key.upper()].value if key.upper() in entries else "" for key in _IDENTITY)
        if found == wanted:
            return section
    return None


def _known(file: SettingsFile, name: str) -> Section:
    section = _section(file, name)
    if section is None:
        raise EditError(f"{FILE} has no session {name}")
    return section


def _check(values: Mapping[str, str]) -> None:
    """Refuse what no key of a session is, and what would change which session it is."""
    for key, value in values.items():
        if find(key) is None:
            raise EditError(f"{key!r} is no key of {FILE}, see config/README.md")
        if _spelled(key) in _IDENTITY:
            raise EditError(f"{_spelled(key)} is the session's name: add another session and remove this one")
        if any(ord(char) < 0x20 or ord(char) == 0x7F for char in value):
            raise EditError(f"{key}: the value has a control character")


def _spelled(key: str) -> str:
    known = find(key)
    return key if known is None or "." in key else known.name


def _is_default(default: Mapping[str, object], key: str, value: str) -> bool:
    entry = default.get(key.upper())
    return entry is not None and getattr(entry, "value", None) == value


def _entry_line(section: Section, key: str, name: str) -> int:
    entry = section.entries.get(key.upper())
    if entry is None:
        raise EditError(f"{key} is not given in the section of {name}, at line {section.line}")
    return entry.line


def _end(section: Section) -> int:
    """Return the number of the last line that is the section's: that of its last key, or its own."""
    return max((entry.line for entry in section.entries.values()), default=section.line)
