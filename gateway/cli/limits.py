"""Commands about limits in a running exchange: override them, put the configured ones back, list what is overridden."""

import getpass
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from gateway.cli.durations import seconds_of
from gateway.cli.live import ReasonOption, SocketOption, call_exchange, waiting_for
from gateway.cli.output import ExitCode, JsonOption, fail, print_json
from gateway.cli.setup import DEFAULT_DATA, DataOption

AccountArgument = Annotated[str, typer.Argument(help="Name of the account; none with --firm.")]
FirmOption = Annotated[str, typer.Option("--firm", help="Name of a firm: all its accounts together.")]
SymbolOption = Annotated[str, typer.Option("--symbol", help="Instrument; without it over all instruments.")]


def override(
    reason: ReasonOption,
    account: AccountArgument = "",
    firm: FirmOption = "",
    symbol: SymbolOption = "",
    order_qty_max: Annotated[str, typer.Option(help="Greatest quantity of one order; needs --symbol.")] = "",
    order_value_max: Annotated[str, typer.Option(help="Greatest value of one order.")] = "",
    open_orders_max: Annotated[str, typer.Option(help="Open orders.")] = "",
    open_value_max: Annotated[str, typer.Option(help="Greatest value of all open orders, of a firm.")] = "",
    position_max: Annotated[str, typer.Option(help="Greatest position on either side; needs --symbol.")] = "",
    message_rate: Annotated[str, typer.Option(help="Messages a second, over all instruments.")] = "",
    message_burst: Annotated[str, typer.Option(help="Messages at once, over all instruments.")] = "",
    sides: Annotated[str, typer.Option(help="What may be entered: both, buy, sell, none.")] = "",
    duration: Annotated[
        str, typer.Option("--for", metavar="TIME", help="As 30m, 8h, 1d; without it until they are restored.")
    ] = "",
    data: DataOption = DEFAULT_DATA,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put limits in force at once, in place of those of accounts.toml.

    A limit of 0 is none; one that is not named stays as configured. Open orders stay. They hold over restarts, until
    their time is over or `outcry limits restore`.
    """
    values = {
        "order_qty_max": order_qty_max,
        "order_value_max": order_value_max,
        "open_orders_max": open_orders_max,
        "open_value_max": open_value_max,
        "position_max": position_max,
        "rate": message_rate,
        "burst": message_burst,
    }
    arguments = _whose(account, firm, as_json=as_json) | {"symbol": symbol, "sides": sides} | _because(reason)
    arguments |= {name: value for name, value in values.items() if value}
    seconds = seconds_of(duration, option="--for", as_json=as_json)
    result = call_exchange(data, socket, "limits_override", arguments | {"seconds": seconds}, as_json=as_json)
    _say(result, f"limits of {account or firm} are overridden", as_json=as_json)


def restore(
    reason: ReasonOption,
    account: AccountArgument = "",
    firm: FirmOption = "",
    symbol: SymbolOption = "",
    data: DataOption = DEFAULT_DATA,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put the limits of accounts.toml in force again."""
    arguments = _whose(account, firm, as_json=as_json) | {"symbol": symbol} | _because(reason)
    result = call_exchange(data, socket, "limits_restore", arguments, as_json=as_json)
    _say(result, f"limits of {account or firm} are as configured", as_json=as_json)


def list_overrides(data: DataOption = DEFAULT_DATA, socket: SocketOption = None, as_json: JsonOption = False) -> None:
    """Every limit that an operator has overridden, until when, by whom and why."""
    result = call_exchange(data, socket, "limits", {}, as_json=as_json)
    rows, unanswered = result["overrides"], ", ".join(f"shard {name}" for name in result["unanswered"])
    if as_json:
        print_json(rows)
    else:
        _print_overrides(rows)
    if unanswered:
        fail(f"no answer, what it overrides is not listed: {unanswered}")


def _print_overrides(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        until_ns = row.pop("until_ns")
        until = (
            f"{datetime.fromtimestamp(until_ns // 1_000_000_000, UTC):%Y-%m-%d %H:%M:%S}Z" if until_ns else "restored"
        )
        print(" ".join(f"{name}={value}" for name, value in row.items() if value), f"until={until}")
    if not rows:
        print("no limit is overridden")


def _whose(account: str, firm: str, *, as_json: bool) -> dict[str, str]:
    """Return the arguments that say whose limits are meant: exactly one of both is named."""
    if bool(account) == bool(firm):
        fail("name either an account or --firm", as_json=as_json, code=ExitCode.USAGE)
    return {"account": account, "firm": firm}


def _because(reason: str) -> dict[str, str]:
    return {"reason": reason, "by": getpass.getuser()}


def _say(result: dict[str, Any], done: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"ok": True, "result": result})
    else:
        waiting = waiting_for(result)
        print(f"{done}; {waiting}" if waiting else done)
