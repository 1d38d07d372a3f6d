"""Acts that many cases are made of: log on, send an order, have it filled by the other side."""

from collections.abc import Sequence
from typing import Final

from gateway.certify.exchange import SYMBOL
from gateway.certify.raw import RawMessage
from gateway.certify.rules import Fault
from gateway.certify.run import Act, ActKind, CaseFailed, Run, same
from gateway.client import FixClient
from gateway.sessions import FIX42, FIX50SP2

Fields = tuple[tuple[int, str], ...]
QTY: Final = "100"


def described(run: Run, msg_type: str, fields: Sequence[tuple[int, str]]) -> str:
    """The words of an act to send a message."""
    parts = []
    for tag, value in fields:
        field = run.spec.fields.get(tag)
        meaning = field.values.get(value, "") if field is not None else ""
        parts.append(f"{run.spec.name(tag)}={value}" + (f" {meaning}" if meaning else ""))
    return f"Send a {run.spec.message_name(msg_type)}: {', '.join(parts)}."


def log_on(run: Run, kind: ActKind, text: str) -> RawMessage:
    """Have the client log on; return its Logon(A) once the exchange has taken it.

    Raises:
        CaseFailed: the exchange refused the Logon, or none came.
    """
    said, heard = run.mark()
    run.tell(Act(kind, text))
    logon = run.wait_said("A", since=said, what="a Logon(A) from the client")
    answer = run.wait_heard(("A", "5"), since=heard)
    if answer.msg_type == "5":
        why = answer.get(58) or "without a text"
        raise CaseFailed(Fault("credential", f"the exchange answered the Logon with a Logout(5): {why}", str(logon)))
    run.check()
    return logon


def be_logged_on(run: Run) -> None:
    """Have the client log on where it is not."""
    if not run.is_logged_on:
        is_first = run.judge is None
        text = f"Connect and log on as {run.comp_id}, with HeartBtInt(108) as you use it."
        log_on(run, "logon" if is_first else "logon again", text)
        run.settle()


def asked(run: Run, msg_type: str, fields: Fields) -> RawMessage:
    """Have the client send a message with these fields; return it.

    Raises:
        CaseFailed: another message of that type came, or none.
    """
    be_logged_on(run)
    said, _ = run.mark()
    run.tell(Act("send", described(run, msg_type, fields), msg_type, fields))
    message = run.wait_said(msg_type, since=said)
    run.check()
    for tag, value in fields:
        found = [one for seen, one in message.fields if seen == tag]
        if not any(same(one, value) for one in found):
            shown = ", ".join(found) or "absent"
            raise CaseFailed(Fault("act", f"{run.spec.name(tag)} is {shown}, asked for: {value}", str(message)))
    return message


def order_fields(run: Run, price: str, *, side: str = "1", qty: str = QTY, more: Fields = ()) -> Fields:
    """The fields of a limit order in the instrument of the certification."""
    hand: Fields = ((21, "1"),) if run.version == FIX42 else ()
    base: Fields = ((55, SYMBOL), (54, side), (38, qty), (40, "2"), (44, price))
    return (*hand, *base, *more)


def enter(run: Run, price: str, *, more: Fields = (), exec_type: str = "0") -> str:
    """Have the client enter a buy order and wait for the exchange's word on it; return its ClOrdID(11)."""
    _, heard = run.mark()
    message = asked(run, "D", order_fields(run, price, more=more))
    cl_ord_id = message.get(11) or ""
    run.wait_heard(("8",), {11: cl_ord_id, 150: exec_type}, since=heard)
    return cl_ord_id


def change_fields(run: Run, orig_cl_ord_id: str, price: str, qty: str) -> Fields:
    """The fields of a replace."""
    return ((41, orig_cl_ord_id), *order_fields(run, price, qty=qty))


def cancel_fields(run: Run, orig_cl_ord_id: str) -> Fields:
    """The fields of a cancel."""
    qty: Fields = () if run.version == FIX50SP2 else ((38, QTY),)
    return ((41, orig_cl_ord_id), (55, SYMBOL), (54, "1"), *qty)


def fill_type(run: Run, *, is_full: bool) -> str:
    """ExecType(150) of a fill in the client's version."""
    if run.version == FIX42:
        return "2" if is_full else "1"
    return "F"


def maker_sells(run: Run, price: str, qty: int) -> None:
    """Have the other side sell."""
    with maker_of(run) as maker:
        order = maker.new_order(SYMBOL, "sell", qty, price)
        maker.wait_for_report(order, "F")


def maker_of(run: Run) -> FixClient:
    """The other side, logged on."""
    assert run.desk.maker is not None, "the case needs the other side"
    maker = run.desk.maker()
    maker.logon(reset=True)
    return maker


def trader_of(run: Run) -> FixClient:
    """Another session of the member's account, logged on."""
    assert run.desk.trader is not None, "the case needs another session of the account"
    trader = run.desk.trader()
    trader.logon(reset=True)
    return trader
