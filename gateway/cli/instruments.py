"""Commands about instruments of a running exchange: halt, resume, move to a phase, delist, list again, read again."""

from typing import Annotated

import typer

from gateway.cli.live import ReasonOption, SocketOption, because, call_exchange, steer, waiting_for
from gateway.cli.output import JsonOption, print_json
from gateway.cli.setup import DEFAULT_DATA, DataOption

SymbolArgument = Annotated[str, typer.Argument(help="Symbol of an instrument.")]
AuctionOption = Annotated[
    int, typer.Option("--auction", min=0, metavar="SECONDS", help="Call for an auction for so long before.")
]


def halt(
    symbol: SymbolArgument,
    reason: ReasonOption = "",
    data: DataOption = DEFAULT_DATA,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Halt trading in an instrument.

    New orders and replaces are refused, cancels pass. No calendar ends it, only `outcry resume`.
    """
    arguments = because(reason, symbol=symbol, phase="halted")
    steer(data, socket, "trading_phase", arguments, as_json=as_json, done=f"{symbol} is halted")


def resume(
    symbol: SymbolArgument,
    reason: ReasonOption = "",
    auction: AuctionOption = 0,
    data: DataOption = DEFAULT_DATA,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Resume trading in an instrument.

    It goes on with the phase that its calendar says for now, without one with continuous trading; with --auction it
    calls for an auction first.
    """
    arguments = because(reason, symbol=symbol, seconds=auction)
    steer(data, socket, "resume", arguments, as_json=as_json, done=f"{symbol} goes on")


def phase(
    symbol: SymbolArgument,
    wanted: Annotated[str, typer.Argument(metavar="PHASE", help="The phase; quote it for the shell.")],
    reason: ReasonOption = "",
    data: DataOption = DEFAULT_DATA,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Move an instrument to a trading phase: pre-open, opening auction, continuous, closing auction, closed.

    An instrument with a calendar goes back to the calendar's phase within a second: halt it instead.
    """
    arguments = because(reason, symbol=symbol, phase=wanted)
    steer(data, socket, "trading_phase", arguments, as_json=as_json, done=f"{symbol}: {wanted}")


def delist(
    symbol: SymbolArgument,
    reason: ReasonOption = "",
    data: DataOption = DEFAULT_DATA,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """End the trading of an instrument until `outcry instruments relist`.

    Its open orders are canceled, positions and balances stay.
    """
    steer(data, socket, "delist", because(reason, symbol=symbol), as_json=as_json, done=f"{symbol} is delisted")


def relist(
    symbol: SymbolArgument,
    reason: ReasonOption = "",
    data: DataOption = DEFAULT_DATA,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """List a delisted instrument again, as instruments.toml has it now.

    Its book is empty, its earlier trades count for no price; positions and balances are what they were. A restart
    or a reload lists nothing again by itself. A shard that has not confirmed lists it again when it is back.
    """
    steer(data, socket, "relist", because(reason, symbol=symbol), as_json=as_json, done=f"{symbol} is listed again")


def reload_instruments(
    data: DataOption = DEFAULT_DATA, socket: SocketOption = None, as_json: JsonOption = False
) -> None:
    """Read instruments.toml again.

    New instruments are added, changed ones changed. A file with one fault changes nothing. What is no longer in the
    file goes on: see `outcry instruments delist`.
    """
    result = call_exchange(data, socket, "reload_instruments", {}, as_json=as_json)
    if as_json:
        print_json({"ok": True, "result": result})
        return
    changed = f"changed: {', '.join(result['changed']) or 'nothing'}"
    waiting = waiting_for(result)
    print(f"{changed}; {waiting}" if waiting else changed)
    if result["not in the file"]:
        print(f"not in the file, and going on: {', '.join(result['not in the file'])}")
