"""Commands to a running exchange by its operator's socket: how each is given, and status, kill switch, transfer, logs,
stop.
"""

import getpass
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.cli import admin_client
from gateway.cli.durations import seconds_of
from gateway.cli.output import ExitCode, JsonOption, console, fail, print_json
from gateway.cli.setup import DEFAULT_DATA, DataOption
from gateway.cli.status_tables import print_status

SocketOption = Annotated[
    Path | None,
    typer.Option(
        "--socket", metavar="PATH", help="The operator's socket, where it is not admin.sock in the data folder."
    ),
]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; journaled with who.")]
SessionScope = Annotated[str, typer.Option("--session", help="Name of a session.")]
AccountScope = Annotated[str, typer.Option("--account", help="Name of an account.")]
FirmScope = Annotated[str, typer.Option("--firm", help="Name of a firm: all its accounts.")]
MarketScope = Annotated[bool, typer.Option("--market", help="The whole market.")]


def call_exchange(data: Path, socket: Path | None, command: str, arguments: dict[str, Any], *, as_json: bool) -> Any:
    """Have the running exchange do a command and return its result, or end with its complaint."""
    try:
        return admin_client.call(socket or data / admin_client.SOCKET_NAME, command, arguments)
    except admin_client.AdminCallError as error:
        fail(str(error), as_json=as_json)


def steer(
    data: Path, socket: Path | None, command: str, arguments: dict[str, Any], *, as_json: bool, done: str
) -> None:
    """Have the running exchange do something and say so."""
    result = call_exchange(data, socket, command, arguments, as_json=as_json)
    if as_json:
        print_json({"ok": True, "result": result})
    else:
        waiting = waiting_for(result)
        print(f"{done}; {waiting}" if waiting else done)


def because(reason: str, **arguments: Any) -> dict[str, Any]:
    """Return arguments of a command together with why it is given and who gives it."""
    return {"reason": reason or "no reason given", "by": getpass.getuser(), **arguments}


def waiting_for(result: dict[str, Any]) -> str:
    """Return which shards have not confirmed what an operator said; nothing where all have."""
    shards = ", ".join(f"shard {name}" for name in result.get("unconfirmed", ()))
    return f"not confirmed yet, told when it answers: {shards}" if shards else ""


def status(
    data: DataOption = DEFAULT_DATA,
    socket: SocketOption = None,
    as_json: JsonOption = False,
    watch: Annotated[float, typer.Option(min=0, metavar="SECONDS", help="Show again every so many seconds.")] = 0.0,
) -> None:
    """Show what the running exchange is doing.

    Rates, latency percentiles, queues, cores, journal, and the sessions with their numbers.
    """
    output = console()
    while True:
        result = call_exchange(data, socket, "status", {}, as_json=as_json)
        if as_json:
            print_json(result)
        else:
            if watch:
                output.clear()
            print_status(result, output)
        if not watch:
            return
        time.sleep(watch)


def engage(
    session: SessionScope = "",
    account: AccountScope = "",
    firm: FirmScope = "",
    market: MarketScope = False,
    reason: ReasonOption = "",
    data: DataOption = DEFAULT_DATA,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Refuse new orders and replaces, let cancels pass, cancel what is open."""
    arguments = _kill_scope(session, account, firm, market, as_json=as_json) | because(reason, engaged=True)
    result = call_exchange(data, socket, "kill_switch", arguments, as_json=as_json)
    if as_json:
        print_json({"ok": True, "result": result})
        return
    waiting = waiting_for(result)
    said = f"the kill switch is engaged, {result.get('canceled', 0)} orders are canceled"
    print(f"{said}; {waiting}" if waiting else said)
    if result.get("canceling"):
        shards = ", ".join(f"shard {name}" for name in result["canceling"])
        print(f"more are being canceled, see `outcry kill-switch report`: {shards}")
    if result.get("left"):
        print(f"{result['left']} more are being canceled, see `outcry kill-switch report`")


def release(
    session: SessionScope = "",
    account: AccountScope = "",
    firm: FirmScope = "",
    market: MarketScope = False,
    reason: ReasonOption = "",
    data: DataOption = DEFAULT_DATA,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Accept orders again."""
    arguments = _kill_scope(session, account, firm, market, as_json=as_json) | because(reason, engaged=False)
    steer(data, socket, "kill_switch", arguments, as_json=as_json, done="the kill switch is released")


def _kill_scope(session: str, account: str, firm: str, market: bool, *, as_json: bool) -> dict[str, Any]:
    named = [
        (scope, target) for scope, target in (("session", session), ("account", account), ("firm", firm)) if target
    ]
    if market:
        named.append(("market", ""))
    if len(named) != 1:
        fail("name exactly one of --session, --account, --firm and --market", as_json=as_json, code=ExitCode.USAGE)
    return {"scope": named[0][0], "target": named[0][1]}


def transfer(
    account: Annotated[str, typer.Argument(help="Name of the account.")],
    amount: Annotated[str, typer.Argument(help="How much, as 2500000.50.")],
    asset: Annotated[str, typer.Argument(help="Currency, as USD.")],
    from_shard: Annotated[str, typer.Option("--from", metavar="SHARD", help="The shard that gives.")],
    to_shard: Annotated[str, typer.Option("--to", metavar="SHARD", help="The shard that takes.")],
    transfer_id: Annotated[
        str, typer.Option("--id", help="Name of this transfer; asked again, it is done once.", show_default="a new one")
    ] = "",
    reason: ReasonOption = "",
    data: DataOption = DEFAULT_DATA,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Move cash of an account from one shard to another.

    Two steps, each done once whatever is killed meanwhile. Without an answer ask again with the same --id.
    """
    transfer_id = transfer_id or f"{getpass.getuser()}-{time.time_ns()}"
    arguments = because(reason, account=account, amount=amount, asset=asset, transfer_id=transfer_id)
    arguments |= {"from_shard": from_shard, "to_shard": to_shard}
    result = call_exchange(data, socket, "transfer", arguments, as_json=as_json)
    if as_json:
        print_json({"ok": True, "result": result})
    else:
        print(f"transfer {result['transfer_id']}: {result['state']}")


def fix_log(
    switch: Annotated[str, typer.Argument(metavar="on|off", help="Begin or end it.")],
    data: DataOption = DEFAULT_DATA,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Log every FIX message, or no longer.

    They go to fix.log in the data folder, in and out, secrets masked, rotated.
    """
    if switch not in ("on", "off"):
        fail(f"found {switch!r}, allowed: on, off", as_json=as_json, code=ExitCode.USAGE)
    arguments = {"on": switch == "on"}
    steer(data, socket, "fix_log", arguments, as_json=as_json, done=f"the log of FIX messages is {switch}")


def snapshot(data: DataOption = DEFAULT_DATA, socket: SocketOption = None, as_json: JsonOption = False) -> None:
    """Have a snapshot written now."""
    steer(data, socket, "snapshot", {}, as_json=as_json, done="a snapshot was asked for")


def stop(
    after: Annotated[
        str, typer.Option("--in", metavar="TIME", help="Tell all members, and stop after 30s, 5m, 2h; else at once.")
    ] = "",
    text: Annotated[str, typer.Option("--text", help="What members are told with it.")] = "",
    call_off: Annotated[bool, typer.Option("--call-off", help="Call off the stop that is planned.")] = False,
    data: DataOption = DEFAULT_DATA,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Stop the exchange in order, as SIGTERM does.

    With --in every member is told by News(B), at once, again a minute before, and when he logs on meanwhile. The plan
    survives a kill; a start after its time calls it off.
    """
    if call_off and after:
        fail("give --in or --call-off, not both", as_json=as_json, code=ExitCode.USAGE)
    told = {"text": text, "by": getpass.getuser()}
    if call_off:
        steer(data, socket, "call_off_stop", told, as_json=as_json, done="the planned stop is called off")
    elif after:
        arguments = told | {"seconds": seconds_of(after, option="--in", as_json=as_json)}
        steer(data, socket, "plan_stop", arguments, as_json=as_json, done=f"the exchange stops in {after}")
    elif text:
        fail("--text goes with --in or --call-off", as_json=as_json, code=ExitCode.USAGE)
    else:
        steer(data, socket, "stop", {}, as_json=as_json, done="the exchange stops")
