"""`outcry demo`: two real FIX clients log on to the running exchange, trade and cancel, and what they say is shown."""

from collections.abc import Callable
from typing import Annotated, Final

import typer

from gateway.cli.output import JsonOption, console, fail, print_json
from gateway.client import Direction, FixClient, FixClientError, LogonRefusedError, Message
from gateway.client.dictionary import SECRET_MASK, SECRET_TAGS, shipped

BEGIN_STRING: Final = "FIX.4.4"
SYMBOL: Final = "AAPL"
PRICE: Final = "585.00"
FAR_PRICE: Final = "580.00"
TRADER: Final = ("TRADER1", "trader1", "ACC1")
MAKER: Final = ("MAKER1", "maker1", "ACC3")
HEADER_TAGS: Final = frozenset({34, 49, 52, 56})
"""Shown once in the line above, or the same in every message."""


class UnexpectedAnswerError(FixClientError):
    """The exchange answers, but not as the demo needs it: a halted market, or another order in the way."""


Show = Callable[[str, Direction, Message], None]


def demo(
    host: Annotated[str, typer.Option(help="Address of the exchange.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Its port without TLS.")] = 9878,
    as_json: JsonOption = False,
) -> None:
    """Two FIX clients trade on the running exchange.

    They log on, trade, replace, cancel and log out, and every message is shown. It needs the shipped
    configuration: sessions TRADER1 and MAKER1 with the demo's passwords, instrument AAPL.
    """
    show = _show_json if as_json else _show_text()
    try:
        with _client(host, port, MAKER, show) as maker, _client(host, port, TRADER, show) as trader:
            _converse(maker, trader, say=_silent if as_json else _say())
    except LogonRefusedError as error:
        fail(f"the exchange refused the logon: {error}; does it run on the shipped configuration?", as_json=as_json)
    except UnexpectedAnswerError as error:
        fail(f"the demo goes another way here: {error}", as_json=as_json)
    except FixClientError as error:
        fail(f"{error}; is an exchange running? Start one with `outcry serve`", as_json=as_json)


def _client(host: str, port: int, who: tuple[str, str, str], show: Show) -> FixClient:
    name, password, account = who
    return FixClient(
        host,
        port,
        sender=name,
        password=password,
        account=account,
        begin_string=BEGIN_STRING,
        on_message=lambda direction, message: show(name, direction, message),
    )


def _converse(maker: FixClient, trader: FixClient, *, say: Callable[[str], None]) -> None:
    """The conversation itself; each step waits for its answer.

    Raises:
        FixClientError: an answer did not come.
    """
    say("Both log on and begin at sequence number 1.")
    maker.logon(reset=True)
    trader.logon(reset=True)
    say(f"The maker offers 100 {SYMBOL} at {PRICE}; the order rests in the book.")
    offer = maker.new_order(SYMBOL, "sell", 100, PRICE)
    _await(maker, offer, "0")
    say("The trader buys 60 of it. Each side hears of the fill on its own session.")
    bid = trader.new_order(SYMBOL, "buy", 60, PRICE)
    _await(trader, bid, "0")
    _await(trader, bid, "F")
    _await(maker, offer, "F")
    say("The trader bids far below, thinks again and replaces, then cancels.")
    far = trader.new_order(SYMBOL, "buy", 10, FAR_PRICE)
    _await(trader, far, "0")
    nearer = trader.replace(far, SYMBOL, "buy", 20, FAR_PRICE)
    _await(trader, nearer, "5")
    _await(trader, trader.cancel(nearer, SYMBOL, "buy", 20), "4")
    say("The maker cancels the 40 that are left, and both log out.")
    _await(maker, maker.cancel(offer, SYMBOL, "sell", 100), "4")
    trader.logout()
    maker.logout()
    say("That was a first order. Every message above is in the journal: `outcry replay`.")


def _await(client: FixClient, cl_ord_id: str, exec_type: str) -> None:
    """Wait for this step of the order's life.

    Raises:
        UnexpectedAnswerError: the exchange said something else of it.
    """
    answer = client.wait_for(lambda message: message.get(11) == cl_ord_id or message.msg_type in ("3", "j"))
    if answer.get(150) != exec_type:
        kind = shipped(BEGIN_STRING).message_name(answer.msg_type)
        text = f"ExecType(150)={exec_type} was expected, {kind}({answer.msg_type}) came: {answer.get(58) or answer}"
        raise UnexpectedAnswerError(text)


def _silent(_text: str) -> None:
    """Programs want the messages alone."""


def _say() -> Callable[[str], None]:
    output = console()
    return lambda text: output.print(f"\n{text}", style="bold")


def _show_text() -> Show:
    output = console()
    names = shipped(BEGIN_STRING)

    def show(client: str, direction: Direction, message: Message) -> None:
        arrow, style = ("→", "cyan") if direction == "sent" else ("←", "green")
        kind = f"{names.message_name(message.msg_type)}({message.msg_type})"
        at = message[52].partition("-")[2]
        output.print(f"{at} {client:<8}{arrow} {kind} MsgSeqNum(34)={message[34]}", style=style, markup=False)
        fields = "  ".join(names.describe(message, leave_out=HEADER_TAGS))
        if fields:
            output.print(f"    {fields}", markup=False, soft_wrap=True)

    return show


def _show_json(client: str, direction: Direction, message: Message) -> None:
    fields = [(tag, SECRET_MASK if tag in SECRET_TAGS else value) for tag, value in message.fields]
    print_json({"client": client, "direction": direction, "msg_type": message.msg_type, "fields": fields})
