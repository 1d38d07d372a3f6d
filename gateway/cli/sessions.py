"""Commands about FIX sessions of a running exchange: list them, log them out, bar them, set their numbers."""

from typing import Annotated

import typer

from gateway.cli.live import SocketOption, call_exchange, steer
from gateway.cli.output import JsonOption, console, print_json
from gateway.cli.setup import DEFAULT_DATA, DataOption
from gateway.cli.status_tables import print_status

NameArgument = Annotated[
    str, typer.Argument(help="Name of the session, as `outcry sessions list` shows it; quote it for the shell.")
]


def list_sessions(data: DataOption = DEFAULT_DATA, socket: SocketOption = None, as_json: JsonOption = False) -> None:
    """Every session with its state and numbers."""
    result = call_exchange(data, socket, "status", {}, as_json=as_json)
    if as_json:
        print_json(result["sessions"])
    else:
        print_status({"sessions": result["sessions"]}, console())


def logout(
    name: NameArgument, data: DataOption = DEFAULT_DATA, socket: SocketOption = None, as_json: JsonOption = False
) -> None:
    """Log a session out; it may log on again."""
    steer(data, socket, "session_logout", {"name": name}, as_json=as_json, done=f"{name} is being logged out")


def enable(
    name: NameArgument, data: DataOption = DEFAULT_DATA, socket: SocketOption = None, as_json: JsonOption = False
) -> None:
    """Let a session log on again."""
    arguments = {"name": name, "enabled": True}
    steer(data, socket, "session_enable", arguments, as_json=as_json, done=f"{name} may log on")


def disable(
    name: NameArgument, data: DataOption = DEFAULT_DATA, socket: SocketOption = None, as_json: JsonOption = False
) -> None:
    """Log a session out and refuse its logons until it is enabled."""
    arguments = {"name": name, "enabled": False}
    steer(data, socket, "session_enable", arguments, as_json=as_json, done=f"{name} may no longer log on")


def reset(
    name: NameArgument, data: DataOption = DEFAULT_DATA, socket: SocketOption = None, as_json: JsonOption = False
) -> None:
    """Begin both sequence numbers of a session anew at 1; agree on it with the other side first."""
    steer(data, socket, "session_reset", {"name": name}, as_json=as_json, done=f"{name} begins at 1")


def renumber(
    name: NameArgument,
    next_sender: Annotated[int, typer.Option(min=1, help="MsgSeqNum(34) of our next message.")],
    next_target: Annotated[int, typer.Option(min=1, help="MsgSeqNum(34) expected from the other side.")],
    data: DataOption = DEFAULT_DATA,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Set both sequence numbers of a session."""
    arguments = {"name": name, "next_sender": next_sender, "next_target": next_target}
    done = f"{name} sends {next_sender} next and expects {next_target}"
    steer(data, socket, "session_renumber", arguments, as_json=as_json, done=done)
