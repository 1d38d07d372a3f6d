"""`outcry status` for people: the answer of the exchange as tables. Shows every figure that it gets, known or new."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

_SESSIONS: Final = "sessions"
_FIRST_COLUMNS: Final = ("name", "role", "begin_string", "logged_on", "enabled", "peer", "next_sender", "next_target")
_LEFT_OUT: Final = frozenset({"session_id"})
_BYTES_SUFFIX: Final = "_bytes"


def print_status(status: Mapping[str, Any], output: Console) -> None:
    """Print every part of an answer to `status`; its sessions last, since they are the longest."""
    for title, part in status.items():
        if title == _SESSIONS:
            continue
        if isinstance(part, Mapping):
            output.print(_figures(title, part))
        elif isinstance(part, Sequence) and not isinstance(part, str):
            for entry in part:
                output.print(_figures(f"{title.removesuffix('s')} {entry.get('name', '')}".strip(), entry))
    single = {name: value for name, value in status.items() if not isinstance(value, (Mapping, list))}
    if single:
        output.print(_figures("process", single))
    if status.get(_SESSIONS):
        output.print(_sessions(status[_SESSIONS]))


def shown(name: str, value: Any) -> str:
    """One figure as people read it: thousands apart, bytes in their unit, lists and percentiles in a row."""
    if value is None:
        return "–"
    if name == "time" and isinstance(value, float):
        return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return "  ".join(f"{key} {shown(key, inner)}" for key, inner in value.items()) or "–"
    if isinstance(value, (list, tuple)):
        return ", ".join(shown(name, inner) for inner in value) or "–"
    if isinstance(value, int) and name.endswith(_BYTES_SUFFIX):
        return _bytes(value)
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.1f}"
    return str(value)


def _bytes(count: int) -> str:
    size = float(count)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:,.0f} {unit}" if unit == "bytes" else f"{size:,.1f} {unit}"
        size /= 1024
    return f"{size:,.1f} TiB"


def _figures(title: str, figures: Mapping[str, Any]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", show_header=False, box=None, pad_edge=False)
    table.add_column(style="dim")
    table.add_column()
    for name, value in figures.items():
        table.add_row(Text(f"  {_words(name)}"), Text(shown(name, value)))
    return table


def _sessions(entries: Sequence[Mapping[str, Any]]) -> Table:
    names = [name for name in _FIRST_COLUMNS if any(name in entry for entry in entries)]
    for entry in entries:
        names += [name for name in entry if name not in names and name not in _LEFT_OUT]
    # A column that says nothing about any session only makes the others narrower.
    names = [name for name in names if any(entry.get(name) not in (None, "", 0) for entry in entries)]
    table = Table(title="sessions", title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 1))
    for name in names:
        numeric = all(
            isinstance(entry.get(name, 0), int) and not isinstance(entry.get(name), bool) for entry in entries
        )
        table.add_column(Text(_words(name)), justify="right" if numeric else "left")
    for entry in entries:
        table.add_row(*(Text(shown(name, entry.get(name))) for name in names))
    return table


def _words(name: str) -> str:
    return name.replace("_", " ")
