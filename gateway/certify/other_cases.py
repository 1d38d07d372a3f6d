"""Cases of drop copy and market data."""

from typing import Final

from gateway.certify.acts import asked, be_logged_on, log_on, trader_of
from gateway.certify.exchange import SYMBOL
from gateway.certify.run import Run

COPIES: Final = ("0", "5", "4")
BOTH: Final = ((269, "0"), (269, "1"))


def copies(run: Run) -> None:
    """Hear of an order that another session enters, replaces and cancels."""
    be_logged_on(run)
    _trade_and_hear(run)


def backlog(run: Run) -> None:
    """Hear of what happened while the line was cut."""
    be_logged_on(run)
    _, heard = run.mark()
    run.cut()
    orders = _trade(run)
    log_on(run, "logon again", "The line was cut. Connect and log on again; numbers go on.")
    for order, exec_type in zip(orders, COPIES, strict=True):
        run.wait_heard(("8",), {11: order, 150: exec_type}, since=heard)


def snapshot(run: Run) -> None:
    """Ask once."""
    _, heard = run.mark()
    message = asked(run, "V", ((263, "0"), (264, "1"), (267, "2"), *BOTH, (146, "1"), (55, SYMBOL)))
    run.wait_heard(("W",), {262: message.get(262) or "", 55: SYMBOL}, since=heard)


def updates(run: Run) -> None:
    """Subscribe, hear of a change, and end it."""
    _, heard = run.mark()
    message = asked(run, "V", ((263, "1"), (264, "0"), (265, "1"), (267, "2"), *BOTH, (146, "1"), (55, SYMBOL)))
    request = message.get(262) or ""
    run.wait_heard(("W",), {262: request}, since=heard)
    _trade(run)
    run.wait_heard(("X",), {262: request}, since=heard)
    asked(run, "V", ((262, request), (263, "2"), (264, "0"), (267, "2"), *BOTH, (146, "1"), (55, SYMBOL)))


def data_refused(run: Run) -> None:
    """Take a refusal."""
    _, heard = run.mark()
    message = asked(run, "V", ((263, "0"), (264, "1"), (267, "2"), *BOTH, (146, "1"), (55, "NOSUCH")))
    run.wait_heard(("Y",), {262: message.get(262) or "", 281: "0"}, since=heard)


def _trade_and_hear(run: Run) -> None:
    _, heard = run.mark()
    for order, exec_type in zip(_trade(run), COPIES, strict=True):
        run.wait_heard(("8",), {11: order, 150: exec_type}, since=heard)


def _trade(run: Run) -> tuple[str, str, str]:
    """Have another session of the account enter, replace and cancel an order; return the ClOrdIDs of the three."""
    price = run.next_price()
    with trader_of(run) as trader:
        order = trader.new_order(SYMBOL, "buy", 10, price)
        trader.wait_for_report(order, "0")
        changed = trader.replace(order, SYMBOL, "buy", 20, price)
        trader.wait_for_report(changed, "5")
        canceled = trader.cancel(changed, SYMBOL, "buy", 20)
        trader.wait_for_report(canceled, "4")
    return order, changed, canceled
