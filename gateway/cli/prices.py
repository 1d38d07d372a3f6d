"""Commands about prices in a running exchange: the mark price of an instrument."""

from typing import Annotated

import typer

from gateway.cli.instruments import SymbolArgument
from gateway.cli.live import ReasonOption, SocketOption, because, steer
from gateway.cli.output import JsonOption
from gateway.cli.setup import DEFAULT_DATA, DataOption


def mark(
    symbol: SymbolArgument,
    price: Annotated[str, typer.Argument(metavar="PRICE", help="The mark price, as 584.50.")],
    reason: ReasonOption = "",
    data: DataOption = DEFAULT_DATA,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Set the mark price of an instrument.

    Orders that wait for the mark price are triggered by it; no order is refused or repriced for it.
    """
    arguments = because(reason, symbol=symbol, price=price)
    steer(data, socket, "mark", arguments, as_json=as_json, done=f"the mark price of {symbol} is {price}")
