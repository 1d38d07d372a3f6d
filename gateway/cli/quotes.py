"""Commands about quotes in a running exchange: list what market-maker protection has frozen, and take it again."""

import getpass
from typing import Annotated

import typer

from gateway.cli.live import ReasonOption, SocketOption, call_exchange, waiting_for
from gateway.cli.output import JsonOption, fail, print_json
from gateway.cli.setup import DEFAULT_DATA, DataOption


def reset(
    session: Annotated[str, typer.Argument(help="Name of the session.")],
    reason: ReasonOption,
    account: Annotated[str, typer.Option("--account", help="Account; without it all of them.")] = "",
    symbol: Annotated[str, typer.Option("--symbol", help="Instrument; without it all of them.")] = "",
    data: DataOption = DEFAULT_DATA,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take quotes again that market-maker protection has frozen, and count its window anew."""
    arguments = {"session": session, "account": account, "symbol": symbol, "reason": reason, "by": getpass.getuser()}
    result = call_exchange(data, socket, "quotes_reset", arguments, as_json=as_json)
    if as_json:
        print_json({"ok": True, "result": result})
        return
    done, waiting = f"{result['reset']} frozen quotes of {session} are taken again", waiting_for(result)
    print(f"{done}; {waiting}" if waiting else done)


def list_frozen(data: DataOption = DEFAULT_DATA, socket: SocketOption = None, as_json: JsonOption = False) -> None:
    """Every quote that market-maker protection has frozen, and why."""
    result = call_exchange(data, socket, "quotes", {}, as_json=as_json)
    rows, unanswered = result["frozen"], ", ".join(f"shard {name}" for name in result["unanswered"])
    if as_json:
        print_json(rows)
    else:
        _print_frozen(rows)
    if unanswered:
        fail(f"no answer, what it has frozen is not listed: {unanswered}")


def _print_frozen(rows: list[dict[str, str]]) -> None:
    for row in rows:
        print(" ".join(f"{name}={value}" for name, value in row.items()))
    if not rows:
        print("no quotes are frozen")
