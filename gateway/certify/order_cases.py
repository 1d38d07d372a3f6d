"""Cases of order entry."""

from typing import Final

from gateway.certify.acts import (
    QTY,
    asked,
    be_logged_on,
    cancel_fields,
    change_fields,
    enter,
    fill_type,
    maker_of,
    maker_sells,
    order_fields,
)
from gateway.certify.exchange import SYMBOL
from gateway.certify.run import Act, Run
from gateway.sessions import FIX42

UNKNOWN_ID: Final = "NO-SUCH-ORDER"
PART: Final = 40


def new_order(run: Run) -> None:
    """Enter a limit order that rests."""
    enter(run, run.next_price())


def partial_fill(run: Run) -> None:
    """Have an order filled in two parts."""
    price = run.next_price()
    order = enter(run, price)
    _, heard = run.mark()
    maker_sells(run, price, PART)
    run.wait_heard(("8",), {11: order, 150: fill_type(run, is_full=False), 32: str(PART)}, since=heard)
    rest = int(QTY) - PART
    maker_sells(run, price, rest)
    run.wait_heard(("8",), {11: order, 150: fill_type(run, is_full=True), 32: str(rest), 39: "2"}, since=heard)


def replace(run: Run) -> None:
    """Replace price and quantity."""
    order = enter(run, run.next_price())
    _, heard = run.mark()
    message = asked(run, "G", change_fields(run, order, run.next_price(), "80"))
    run.wait_heard(("8",), {11: message.get(11) or "", 41: order, 150: "5"}, since=heard)


def cancel(run: Run) -> None:
    """Cancel what rests."""
    order = enter(run, run.next_price())
    _, heard = run.mark()
    message = asked(run, "F", cancel_fields(run, order))
    run.wait_heard(("8",), {11: message.get(11) or "", 41: order, 150: "4"}, since=heard)


def order_refused(run: Run) -> None:
    """Take a refusal of an order, and go on."""
    _, heard = run.mark()
    fields = tuple((tag, "NOSUCH" if tag == 55 else value) for tag, value in order_fields(run, "100.00"))
    message = asked(run, "D", fields)
    run.wait_heard(("8",), {11: message.get(11) or "", 150: "8", 103: "1"}, since=heard)


def cancel_refused(run: Run) -> None:
    """Take a refusal of a cancel, and go on."""
    be_logged_on(run)
    _, heard = run.mark()
    run.session_judge.allowed = frozenset({"orig-cl-ord-id"})
    message = asked(run, "F", cancel_fields(run, UNKNOWN_ID))
    run.wait_heard(("9",), {11: message.get(11) or "", 102: "1"}, since=heard)


def ioc(run: Run) -> None:
    """Fill a part at once, and have the rest expire."""
    price = run.next_price()
    be_logged_on(run)
    with maker_of(run) as maker:
        maker.wait_for_report(maker.new_order(SYMBOL, "sell", PART, price), "0")
        _, heard = run.mark()
        message = asked(run, "D", order_fields(run, price, more=((59, "3"),)))
        run.wait_heard(("8",), {11: message.get(11) or "", 32: str(PART)}, since=heard)
        run.wait_heard(("8",), {11: message.get(11) or "", 150: "C"}, since=heard)


def post_only(run: Run) -> None:
    """Be refused where the order would take."""
    price = run.next_price()
    be_logged_on(run)
    with maker_of(run) as maker:
        order = maker.new_order(SYMBOL, "sell", PART, price)
        maker.wait_for_report(order, "0")
        _, heard = run.mark()
        message = asked(run, "D", order_fields(run, price, more=((18, "6"),)))
        run.wait_heard(("8",), {11: message.get(11) or "", 150: "8"}, since=heard)
        maker.wait_for_report(maker.cancel(order, SYMBOL, "sell", PART), "4")


def poss_resend(run: Run) -> None:
    """Send an order again, and be told its status."""
    order = enter(run, run.next_price())
    said, heard = run.mark()
    text = f"Send the order with ClOrdID(11)={order} once more, under the next number, with PossResend(97)=Y."
    run.tell(Act("send", text, "D", ((97, "Y"), (11, order))))
    run.wait_said("D", {11: order, 97: "Y"}, since=said)
    # FIX.4.2 has no ExecType(150)=I: it is said with ExecTransType(20)=3.
    run.wait_heard(("8",), {11: order, **({20: "3"} if run.version == FIX42 else {150: "I"})}, since=heard)


def mass_cancel(run: Run) -> None:
    """Cancel everything at once."""
    if run.version == FIX42:
        run.note("FIX.4.2 has no OrderMassCancelRequest(q)")
        return
    enter(run, run.next_price())
    _, heard = run.mark()
    message = asked(run, "q", ((530, "7"),))
    run.wait_heard(("r",), {11: message.get(11) or "", 531: "7"}, since=heard)


def throttle(run: Run) -> None:
    """Send more than is allowed, and go on with the session."""
    be_logged_on(run)
    _, heard = run.mark()
    text = "Send 300 orders as fast as you can; those over the rate are answered with BusinessMessageReject(j)."
    run.tell(Act("send", text, "D", order_fields(run, "300.00"), times=300))
    run.wait_heard(("j",), since=heard)
    run.pause(2.0)
    enter(run, run.next_price())
