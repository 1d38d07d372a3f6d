"""Cases that are made of the tables: one for each message that is taken, and one for each value of an order's kind.

A message that is added to `inbound` has its case here by itself: the developer is told to send one, and it passes where
the bytes are in order and the exchange answers it with anything but a refusal of the message as such.
"""

from collections.abc import Callable, Iterator
from typing import Final

from gateway import inbound
from gateway.certify.acts import asked, be_logged_on, enter, order_fields
from gateway.certify.exchange import SYMBOL
from gateway.certify.rules import Fault
from gateway.certify.run import Act, CaseFailed, Run
from gateway.inbound import Role
from gateway.quote_translation import NO_SYMBOL
from gateway.rules.specification import specification
from gateway.rules.taken import ANSWERS, values_taken
from gateway.sessions import FIX42, Version

Fields = tuple[tuple[int, str], ...]
Play = Callable[[Run], None]

EXAMPLES: Final[dict[str, Fields]] = {
    inbound.ORDER_MASS_CANCEL_REQUEST: ((530, "7"),),
    inbound.ORDER_MASS_STATUS_REQUEST: ((585, "7"),),
    inbound.SECURITY_STATUS_REQUEST: ((55, SYMBOL), (263, "0")),
    inbound.TRADING_SESSION_STATUS_REQUEST: ((263, "0"),),
    inbound.QUOTE_CANCEL: ((298, "4"),),
}
"""What is asked for beyond the message type; the rest of each message is the client's own."""
COMPLEMENTS: Final[dict[tuple[int, str], Fields]] = {
    (40, "3"): ((99, "600.00"),),
    (40, "4"): ((99, "600.00"),),
    (40, "J"): ((99, "400.00"),),
    (40, "P"): ((18, "R"),),
    (59, "6"): ((432, "20991231"),),
    (18, "R"): ((40, "P"),),
    (18, "M"): ((40, "P"),),
    (18, "P"): ((40, "P"),),
    (18, "a"): ((40, "3"), (211, "-1.00")),
}
"""What else an order with this value has."""
KINDS: Final = (40, 59, 18)


def message_case(msg_type: str, version: Version) -> tuple[str, str, Play]:
    """Return name, title and play of the case of a message."""
    spec = specification(version)
    name = spec.messages[msg_type].name

    def play(run: Run) -> None:
        _send_one(run, msg_type)

    return f"message-{name}", f"{spec.message_name(msg_type)} is sent and answered", play


def _send_one(run: Run, msg_type: str) -> None:
    be_logged_on(run)
    said, heard = run.mark()
    if msg_type == inbound.NEW_ORDER_SINGLE:
        enter(run, run.next_price())
        return
    fields = EXAMPLES.get(msg_type)
    if fields is not None:
        if msg_type == inbound.QUOTE_CANCEL and run.version == FIX42:
            # There the group is required, and names no instrument.
            fields = (*fields, (295, "1"), (55, NO_SYMBOL))
        asked(run, msg_type, fields)
    else:
        name = run.spec.message_name(msg_type)
        run.tell(Act("send", f"Send a {name} as you use it.", msg_type, ()))
        run.wait_said(msg_type, since=said)
    answers = ANSWERS.get(msg_type, ())
    run.wait(lambda: any(one.msg_type not in "A012345" for one in run.heard[heard:]), "an answer of the exchange")
    answer = next(one for one in run.heard[heard:] if one.msg_type not in "A01245")
    if answer.msg_type in ("3", "j") or (answers and answer.msg_type not in answers):
        why = answer.get(58) or "without a text"
        raise CaseFailed(Fault("act", f"the exchange answered {run.spec.message_name(answer.msg_type)}: {why}"))


def value_cases(role: Role, version: Version) -> Iterator[tuple[str, str, tuple[Role, ...], Play]]:
    """Yield name, title, roles and play of the cases of an order's kinds: each OrdType, TimeInForce, ExecInst."""
    if role != "order_entry":
        return
    spec = specification(version)
    for tag in KINDS:
        for value in values_taken(tag, version):
            field = spec.fields[tag]
            meaning = field.values.get(value, value)
            title = f"an order with {field.name}({tag})={value} {meaning} is sent and answered"
            yield f"{field.name}-{value}", title, (role,), _value_case(tag, value)


def _value_case(tag: int, value: str) -> Play:
    def play(run: Run) -> None:
        be_logged_on(run)
        _, heard = run.mark()
        message = asked(run, "D", kind_fields(run, tag, value))
        report = run.wait_heard(("8", "3", "j"), {}, since=heard)
        if report.msg_type != "8" or report.get(11) != message.get(11):
            raise CaseFailed(Fault("act", f"the exchange answered {report}"))

    return play


def kind_fields(run: Run, tag: int, value: str) -> Fields:
    """The fields of an order with this value of OrdType(40), TimeInForce(59) or ExecInst(18)."""
    wanted = {**dict(order_fields(run, run.next_price())), **dict(COMPLEMENTS.get((tag, value), ())), tag: value}
    if wanted[40] not in ("2", "4"):
        wanted.pop(44, None)
    return tuple(wanted.items())
