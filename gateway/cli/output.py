"""How every command speaks: results on standard output, text or JSON, complaints on standard error, an exit code."""

import enum
import sys
from typing import Annotated, Any, Final, NoReturn

import msgspec
import typer
from rich.console import Console

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
OUTPUT_WIDTH: Final = 160
"""Width of tables where the output is no terminal, which has none to ask for."""


class ExitCode(enum.IntEnum):
    """What the shell is told."""

    IN_ORDER = 0
    FAILED = 1
    USAGE = 2


def print_json(value: Any) -> None:
    """One line of JSON."""
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")


def console() -> Console:
    """Where text for people goes; without colours when it is no terminal."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else OUTPUT_WIDTH)


def fail(text: str, *, as_json: bool = False, code: ExitCode = ExitCode.FAILED) -> NoReturn:
    """End the command with a complaint; with `as_json` it is on standard output too, as {"ok": false, "error": ...}."""
    if as_json:
        print_json({"ok": False, "error": text})
    print(f"outcry: {text}", file=sys.stderr)
    raise typer.Exit(code)
