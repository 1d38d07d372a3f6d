"""Commands about trades in a running exchange: bust one, or correct its price or quantity."""

import getpass
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.cli.live import SocketOption, call_exchange
from gateway.cli.output import JsonOption, print_json
from gateway.cli.setup import DEFAULT_DATA, DataOption

TradeArgument = Annotated[
    str,
    typer.Argument(
        metavar="TRADE", help="T and its number, TrdMatchID(880); or E and the number of a fill, ExecID(17)."
    ),
]
RulingOption = Annotated[str, typer.Option("--reason", help="Why; journaled with who, and told to both sides.")]


def bust(
    trade: TradeArgument,
    reason: RulingOption,
    data: DataOption = DEFAULT_DATA,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Undo a trade of this trading day.

    Money and positions go back, both sides and their drop copies are told by ExecType(150)=H. What was traded is not
    put into the book again. Refused where a side no longer has what it has to give back.
    """
    _change("bust", {"trade": trade, "reason": reason}, data, socket, as_json=as_json)


def correct(
    trade: TradeArgument,
    reason: RulingOption,
    price: Annotated[str, typer.Option(help="The price that it shall have been.")] = "",
    qty: Annotated[str, typer.Option(help="The quantity that it shall have been; not above what it was.")] = "",
    data: DataOption = DEFAULT_DATA,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Correct price or quantity of a trade of this trading day.

    The difference in money goes back, both sides and their drop copies are told by ExecType(150)=G.
    """
    _change("correct", {"trade": trade, "reason": reason, "price": price, "qty": qty}, data, socket, as_json=as_json)


def _change(command: str, arguments: dict[str, Any], data: Path, socket: Path | None, *, as_json: bool) -> None:
    result = call_exchange(data, socket, command, arguments | {"by": getpass.getuser()}, as_json=as_json)
    if as_json:
        print_json({"ok": True, "result": result})
        return
    name = f"trade {result['trade']} in {result['symbol']}"
    done = f"{name} is busted" if command == "bust" else f"{name} is {result['qty']} at {result['price']} now"
    shards = ", ".join(f"shard {shard}" for shard in result.get("unconfirmed", ()))
    print(f"{done}; not confirmed yet, told when it answers: {shards}" if shards else done)
