"""Commands that change which sessions there are: reload, add, change, remove. sessions.cfg stays what holds.

One session is changed by an edit of the file: what it would change is asked of the running exchange first, then the
file is replaced in one step, then the exchange reads it.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

import typer

from config.session_edits import EditError, added, changed, removed
from gateway.cli.live import ReasonOption, SocketOption, because, call_exchange, waiting_for
from gateway.cli.output import ExitCode, JsonOption, fail, print_json
from gateway.cli.sessions import NameArgument
from gateway.cli.setup import DEFAULT_DATA, DataOption

FILE: Final = "sessions.cfg"
CANDIDATE: Final = "sessions.cfg.new"

DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")]
CancelOrdersOption = Annotated[
    bool, typer.Option("--cancel-orders", help="Cancel the open orders of sessions that are removed.")
]
SetOption = Annotated[list[str], typer.Option("--set", metavar="KEY=VALUE", help="A key of sessions.cfg; repeat it.")]
NewNameArgument = Annotated[
    str, typer.Argument(help="BeginString:SenderCompID->TargetCompID, as 'FIX.4.4:OUTCRY->TRADER9'; quote it.")
]


class Ask:
    """Asks the running exchange to read the sessions again."""

    def __init__(self, data: Path, socket: Path | None, reason: str, *, as_json: bool, cancel_orders: bool) -> None:
        self._path = (data, socket)
        self._reason = reason
        self._as_json = as_json
        self._cancel_orders = cancel_orders

    def __call__(self, *, dry_run: bool, candidate: bool = False) -> dict[str, Any]:
        """Return what it says; a refusal has `faults`."""
        arguments = because(self._reason, dry_run=dry_run, candidate=candidate, cancel_orders=self._cancel_orders)
        result: dict[str, Any] = call_exchange(*self._path, "reload_sessions", arguments, as_json=self._as_json)
        return result


def reload_sessions(
    reason: ReasonOption = "",
    dry_run: DryRunOption = False,
    cancel_orders: CancelOrdersOption = False,
    data: DataOption = DEFAULT_DATA,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read sessions.cfg, accounts.toml and passwords again, and do what has changed.

    A file with one fault, or one change that contradicts what goes on, changes nothing. Exit code 2 then.
    """
    ask = Ask(data, socket, reason, as_json=as_json, cancel_orders=cancel_orders)
    _print(ask(dry_run=dry_run), as_json=as_json)


def add(
    name: NewNameArgument,
    values: SetOption = [],  # noqa: B006  # Typer reads it and nobody writes to it
    reason: ReasonOption = "",
    dry_run: DryRunOption = False,
    data: DataOption = DEFAULT_DATA,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add a session to sessions.cfg and to the running exchange.

    Set its password with `outcry passwd` first; without one nobody can log on.
    """
    ask = Ask(data, socket, reason, as_json=as_json, cancel_orders=False)
    given = _pairs(values, as_json=as_json)
    _edit(ask, lambda text: added(text, name, given), dry_run=dry_run, as_json=as_json)


def change(
    name: NameArgument,
    values: SetOption = [],  # noqa: B006  # as above
    unset: Annotated[
        list[str], typer.Option("--unset", metavar="KEY", help="Take a key out of the section; repeat it.")
    ] = [],  # noqa: B006  # as above
    reason: ReasonOption = "",
    dry_run: DryRunOption = False,
    data: DataOption = DEFAULT_DATA,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change keys of a session in sessions.cfg and in the running exchange."""
    ask = Ask(data, socket, reason, as_json=as_json, cancel_orders=False)
    given = _pairs(values, as_json=as_json)
    if not given and not unset:
        fail("nothing to change: give --set KEY=VALUE or --unset KEY", as_json=as_json, code=ExitCode.USAGE)
    _edit(ask, lambda text: changed(text, name, given, unset), dry_run=dry_run, as_json=as_json)


def remove(
    name: NameArgument,
    reason: ReasonOption = "",
    dry_run: DryRunOption = False,
    cancel_orders: CancelOrdersOption = False,
    data: DataOption = DEFAULT_DATA,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove a session from sessions.cfg and log it out; its numbers are kept.

    While it has open orders that its CancelOnDisconnect would not cancel, it stays, unless --cancel-orders is given.
    """
    ask = Ask(data, socket, reason, as_json=as_json, cancel_orders=cancel_orders)
    _edit(ask, lambda text: removed(text, name), dry_run=dry_run, as_json=as_json)


def _pairs(values: list[str], *, as_json: bool) -> dict[str, str]:
    pairs = {}
    for each in values:
        key, equals, value = each.partition("=")
        if not equals or not key.strip():
            fail(f"--set {each!r}, allowed: KEY=VALUE", as_json=as_json, code=ExitCode.USAGE)
        pairs[key.strip()] = value.strip()
    return pairs


def _edit(ask: Ask, edit: Callable[[str], str], *, dry_run: bool, as_json: bool) -> None:
    """Have an edit judged, then put it into the file in one step, then into the exchange."""
    present = ask(dry_run=True)
    _refuse(present, as_json=as_json)
    if present["added"] or present["removed"] or present["changed"] or present["accounts_changed"]:
        fail(f"{FILE} has changes that are not in force: `outcry sessions reload` first", as_json=as_json)
    path = Path(present["config"]) / FILE
    if path.is_symlink():
        fail(f"{path} is a symbolic link: edit what it leads to, then `outcry sessions reload`", as_json=as_json)
    candidate = path.with_name(CANDIDATE)
    try:
        before = path.read_text("utf-8")
        _write_new(candidate, edit(before), path.stat())
    except EditError as error:
        fail(str(error), as_json=as_json, code=ExitCode.USAGE)
    except FileExistsError:
        fail(f"{candidate} is there: another change is under way; remove the file where none is", as_json=as_json)
    except OSError as error:
        fail(f"{error}", as_json=as_json)
    try:
        judged = ask(dry_run=True, candidate=True)
        _refuse(judged, as_json=as_json)
        if dry_run:
            _print(judged, as_json=as_json)
            return
        _put(candidate, path)
    finally:
        candidate.unlink(missing_ok=True)
    result = ask(dry_run=False)
    if not result["done"]:
        # Something has happened between the two questions: what holds is what runs.
        _write_new(candidate, before, path.stat())
        _put(candidate, path)
    _print(result, as_json=as_json)


def _write_new(path: Path, text: str, like: os.stat_result) -> None:
    """Write a file that is not there, durably, with the mode and the owner of another."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        if (like.st_uid, like.st_gid) != (os.geteuid(), os.getegid()):
            os.fchown(descriptor, like.st_uid, like.st_gid)
        os.fchmod(descriptor, like.st_mode & 0o777)
        file.write(text)
        file.flush()
        os.fsync(descriptor)


def _put(new: Path, path: Path) -> None:
    """Let one file take the place of another in one step, durably."""
    new.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _refuse(result: dict[str, Any], *, as_json: bool) -> None:
    if "faults" in result:
        _end_with_faults(result, as_json=as_json)


def _end_with_faults(result: dict[str, Any], *, as_json: bool) -> NoReturn:
    faults = result["faults"]
    if as_json:
        print_json({"ok": False, "faults": faults})
    for fault in faults:
        typer.echo(fault["text"], err=True)
    typer.echo(f"nothing has changed: {len(faults)} fault{'' if len(faults) == 1 else 's'}", err=True)
    raise typer.Exit(ExitCode.USAGE)


def _print(result: dict[str, Any], *, as_json: bool) -> None:
    _refuse(result, as_json=as_json)
    if as_json:
        print_json({"ok": True, "result": result})
        return
    for note in result["notes"]:
        print(f"note: {note}")
    for name in result["added"]:
        print(f"added    {name}")
    for name in result["removed"]:
        canceled = ", its open orders are canceled" if name in result["orders_canceled_of"] else ""
        print(f"removed  {name}{canceled}")
    for each in result["changed"]:
        print(f"changed  {each['session']}: {', '.join(_key_text(key) for key in each['keys'])}")
    if result["accounts_changed"]:
        print("changed  accounts or their limits")
    waiting = waiting_for(result)
    nothing = "" if result["done"] else "; nothing has been done: --dry-run"
    print(f"{result['unchanged']} sessions as they were{nothing}{f'; {waiting}' if waiting else ''}")


def _key_text(key: dict[str, str]) -> str:
    values = f" {key['before'] or 'none'} -> {key['after'] or 'none'}" if key["before"] or key["after"] else ""
    return f"{key['key']}{values}{' (from the next logon)' if key['effect'] == 'next logon' else ''}"
