"""Commands that need no running exchange: `serve`, `passwd`; and what `check` shares with them."""

import getpass
import os
import secrets
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from config.settings import SHIPPED, Report
from config.settings import check as check_configuration
from gateway.certificates import make_demo_certificate, named_folders
from gateway.cli.output import ExitCode, JsonOption, fail, print_json

PASSWORD_CHARACTERS: Final = range(1, 257)
PASSWORD_FILE: Final = "passwords"
KEY_BYTES: Final = 32

ConfigOption = Annotated[
    Path, typer.Option("--config", metavar="DIR", help="Folder of the configuration.", show_default="the shipped demo")
]
DataOption = Annotated[
    Path, typer.Option("--data", metavar="DIR", help="Folder of the journal and the operator's socket.")
]
DEFAULT_DATA: Final = Path("data")


def serve(
    config: ConfigOption = SHIPPED,
    data: DataOption = DEFAULT_DATA,
    as_json: JsonOption = False,
    fault_point: Annotated[str, typer.Option(hidden=True, metavar="NAME:COUNT")] = "",
) -> None:
    """Start the exchange and run it until SIGTERM or SIGINT.

    Ready is one line on standard output that begins `ready`. Before anything starts the whole configuration is
    checked; every fault is named and the exit code is 2. With --json faults are printed as `outcry check --json` does.
    """
    prepare(config)
    if as_json:
        report = check_configuration(config)
        if report.faults:
            print_report(report, as_json=True)
            raise typer.Exit(ExitCode.USAGE)
    # The wire and everything behind it takes time to load, which the other commands need not wait for.
    from gateway.server import serve as run

    raise typer.Exit(run(config, data, fault=fault_point))


def passwd(
    user: Annotated[str, typer.Argument(help="Username(553) of a session.")],
    config: ConfigOption = SHIPPED,
    stdin: Annotated[
        bool, typer.Option("--stdin", help="Read the password from the first line of standard input.")
    ] = False,
    hmac: Annotated[
        bool, typer.Option("--hmac", help="Make a new key for signed Logons instead, and show it this once.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Set a user's password.

    Only its argon2 hash is stored, in the file `passwords` of the configuration folder, mode 0600. A running
    exchange reads it at `outcry sessions reload`; it takes the place of a password that the user has set himself.
    """
    from config.passwords import hash_password

    if not config.is_dir():
        fail(f"{config} is no folder", as_json=as_json, code=ExitCode.USAGE)
    if not user or not user.isprintable() or any(sign in user for sign in ":# \t"):
        fail(f"user {user!r} may hold no colon, space or #", as_json=as_json, code=ExitCode.USAGE)
    path = config / PASSWORD_FILE
    if hmac:
        key = secrets.token_hex(KEY_BYTES)
        existed = _store_line(path, user, f"{user}:hmac:{key}")
        if as_json:
            print_json({"ok": True, "user": user, "file": str(path), "replaced": existed, "key": key})
        else:
            print(f"{'changed' if existed else 'added'} {user} in {path}; the key, in hex: {key}")
        return
    password = sys.stdin.readline().rstrip("\n") if stdin else _ask_twice(as_json)
    if len(password) not in PASSWORD_CHARACTERS or not password.isprintable():
        text = f"a password has {PASSWORD_CHARACTERS.start} to {PASSWORD_CHARACTERS.stop - 1} printable characters"
        fail(text, as_json=as_json, code=ExitCode.USAGE)
    existed = _store_line(path, user, f"{user}:{hash_password(password)}")
    if as_json:
        print_json({"ok": True, "user": user, "file": str(path), "replaced": existed})
    else:
        print(f"{'changed' if existed else 'added'} {user} in {path}")


def prepare(config: Path) -> None:
    """The shipped configurations need a certificate that cannot be shipped."""
    if SHIPPED.resolve() in (config.resolve(), *config.resolve().parents):
        try:
            for folder in named_folders(config):
                make_demo_certificate(folder)
        except OSError as error:
            print(f"outcry: no certificate for the demo could be made: {error}", file=sys.stderr)


def print_report(report: Report, *, as_json: bool) -> None:
    """Show what the loader has found."""
    if as_json:
        print_json({"ok": not report.faults, "faults": report.faults, "notes": report.notes})
        return
    for note in report.notes:
        print(f"note: {note}")
    for fault in report.faults:
        print(fault, file=sys.stderr)
    if report.faults:
        print(f"{len(report.faults)} faults", file=sys.stderr)
    elif report.settings is not None:
        found = report.settings
        print(
            f"in order: {len(found.instruments)} instruments, {len(found.accounts)} accounts,"
            f" {len(found.sessions)} sessions, {len(found.exchange.listeners)} listeners"
        )


def _ask_twice(as_json: bool) -> str:
    password = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != password:
        fail("the two passwords differ; nothing was changed", as_json=as_json, code=ExitCode.USAGE)
    return password


def _store_line(path: Path, user: str, line: str) -> bool:
    """Put the user's line into the file in one step, other lines untouched; say whether the user was there already."""
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    places = [at for at, old in enumerate(lines) if old.strip().partition(":")[0] == user]
    if places:
        lines[places[0]] = line
        for at in reversed(places[1:]):
            del lines[at]
    else:
        lines.append(line)
    temporary = path.with_name(path.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    return bool(places)
