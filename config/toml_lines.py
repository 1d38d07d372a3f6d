"""Where each key of a TOML text stands: `tomllib` gives values without lines, and a fault needs its line.

The text has been read by `tomllib` before, so it is valid; what stands inside an inline table or an array has the line
of its key.
"""

import re
import tomllib
from typing import Final, TypeAlias

Path: TypeAlias = tuple[str | int, ...]

_KEY_PART: Final = r"""(?:"(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+)"""
_KEY: Final = re.compile(rf"[ \t]*({_KEY_PART}(?:[ \t]*\.[ \t]*{_KEY_PART})*)[ \t]*")
_PART: Final = re.compile(_KEY_PART)
_HEADER: Final = re.compile(r"[ \t]*(\[\[?)")
_VALUE_TOKEN: Final = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'"
    r"|\#[^\n]*"
    r"|[\[\]{}\n]"
    r"|[^\"'\#\[\]{}\n]+",
    re.DOTALL,
)


class Lines:
    """The line of every key and table of one text."""

    def __init__(self, text: str) -> None:
        self._lines: dict[Path, int] = {}
        self._counts: dict[Path, int] = {}
        table: Path = ()
        position, line = 0, 1
        while position < len(text):
            header = _HEADER.match(text, position)
            start = position
            if header is not None:
                table = self._enter(text, header, line)
                position = _end_of_line(text, position)
            else:
                key = _KEY.match(text, position)
                if key is not None and text[key.end() : key.end() + 1] == "=":
                    self._note((*table, *_parts(key.group(1))), line)
                    position = _end_of_value(text, key.end() + 1)
                else:
                    position = _end_of_line(text, position)
            line += text.count("\n", start, position)

    def __contains__(self, path: Path) -> bool:
        return path in self._lines

    def of(self, path: Path) -> int:
        """Return the line of `path`, or of the nearest table around it; 0 where there is none."""
        while path:
            if path in self._lines:
                return self._lines[path]
            path = path[:-1]
        return 0

    def _enter(self, text: str, header: re.Match[str], line: int) -> Path:
        key = _KEY.match(text, header.end())
        names = _parts(key.group(1)) if key is not None else []
        path: Path = ()
        for name in names[:-1]:
            path = (*path, name)
            if path in self._counts:
                path = (*path, self._counts[path] - 1)
        path = (*path, *names[-1:])
        if header.group(1) == "[[":
            self._counts[path] = self._counts.get(path, 0) + 1
            path = (*path, self._counts[path] - 1)
        self._note(path, line)
        return path

    def _note(self, path: Path, line: int) -> None:
        for end in range(1, len(path) + 1):
            self._lines.setdefault(path[:end], line)


def _parts(key: str) -> list[str]:
    return [_unquoted(part) for part in _PART.findall(key)]


def _unquoted(part: str) -> str:
    if part[0] not in "\"'":
        return part
    return str(tomllib.loads(f"key = {part}")["key"])


def _end_of_line(text: str, position: int) -> int:
    end = text.find("\n", position)
    return len(text) if end < 0 else end + 1


def _end_of_value(text: str, position: int) -> int:
    """Return where the line after a value begins; strings, arrays and inline tables may go over many lines."""
    depth = 0
    while position < len(text):
        token = _VALUE_TOKEN.match(text, position)
        if token is None:
            return _end_of_line(text, position)
        position = token.end()
        first = token.group()[0]
        if first in "[{":
            depth += 1
        elif first in "]}":
            depth -= 1
        elif first == "\n" and depth <= 0:
            return position
    return position
