"""Translation of NewOrderList(E): one list in, one command out, with every order read as an order of its own is.

Which orders may be linked is the engine's to say; what a list says of itself is read here. Owner: the matching thread.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from gateway.inbound import LIST_TERMS, TERM_TAGS
from gateway.order_terms import shown
from gateway.sessions import GatewaySession
from gateway.translation import Translator, refuse_order
from matching import refusals
from matching.commands import Command, NewOrder, NewOrderList, RefuseOrder, RefuseOrderList
from matching.refusals import Refusal
from matching.types import CL_ORD_ID_CHARS_MAX, ListKind

LINKS: Final = ("OCO", "OTO")
"""ListExecInst(69): what every version has."""
LINK_OF_CONTINGENCY: Final = {"1": "OCO", "2": "OTO"}
"""ContingencyType(1385), which FIX.5.0SP2 alone has."""
BRACKET_FROM: Final = 3
"""From so many orders on, an entry that triggers others is that of a bracket."""
ORDERS_MAX: Final = 16
"""No list has more than three; of a longer one only so many are read and answered, as it counts as one message. The
wire converts one more (`orders_max` of its schema.cpp), which tells that there are too many.
"""


class _Read(NamedTuple):
    """What was read of a list: `values` of its orders as those of a D, in the order of the list."""

    list_id: str
    kind: ListKind | None
    values: Sequence[tuple[Any, ...]]
    fault: Refusal | None


def new_order_list(
    translator: Translator, session: GatewaySession, msg_seq_num: int, poss_resend: bool, values: tuple[Any, ...]
) -> Command:
    """Return NewOrderList, or RefuseOrderList where the list or one of its orders cannot be expressed."""
    read = _read(values)
    orders: list[NewOrder] = []
    faults: list[Refusal | None] = []
    for each in read.values:
        order = translator.new_order(session, msg_seq_num, poss_resend, each)
        if isinstance(order, NewOrder):
            orders.append(order)
            faults.append(None)
        else:
            assert isinstance(order, RefuseOrder), "a D becomes an order or a refusal"
            faults.append((order.code, order.text))
    fault = read.fault or next((each for each in faults if each is not None), None)
    if fault is None and (strayed := _strayed(orders)) is not None:
        place, fault = strayed
        faults[place] = fault
    ids = session.session_id, session.epoch, msg_seq_num
    if fault is None and read.kind is not None:
        return NewOrderList(*ids, read.list_id, read.kind, tuple(orders), poss_resend, has_own_id=True)
    assert fault is not None, "a list without a kind has a fault"
    code, text = fault
    whole = refusals.LIST_REFUSED, f"refused with its list {shown(read.list_id)}: {text}"
    refused = tuple(
        refuse_order(session, msg_seq_num, poss_resend, each, own or whole)
        for each, own in zip(read.values, faults, strict=True)
    )
    return RefuseOrderList(*ids, poss_resend, read.list_id, read.kind or "", refused, text, code)


def _read(values: tuple[Any, ...]) -> _Read:
    list_id, exec_inst, contingency, total = values[:4]
    found = len(values[-1] or ())
    entries = (values[-1] or ())[:ORDERS_MAX]
    orders = [(*entry[1:10], entry[10:] if any(each is not None for each in entry[10:]) else None) for entry in entries]
    for order in orders:
        assert order[9] is None or len(order[9]) == len(TERM_TAGS), "the terms of an order in a list are those of a D"
    link, fault = _link(exec_inst, contingency)
    if not list_id:
        fault = refusals.LIST_ID_ABSENT, "ListID(66) is absent"
    elif len(list_id) > CL_ORD_ID_CHARS_MAX:
        text = f"ListID(66) has {len(list_id)} characters, allowed: {CL_ORD_ID_CHARS_MAX}"
        fault = refusals.LIST_ID_TOO_LONG, text
    places, count_fault = _places(total, [entry[0] for entry in entries])
    if found > ORDERS_MAX:
        text = f"more than {ORDERS_MAX} orders found, no list has more than 3; those behind them are not read"
        count_fault = refusals.LIST_TOO_LONG, text
    fault = fault or _term_fault(values[4:-1]) or count_fault
    return _Read(list_id or "", _kind(link, len(orders)), [orders[place] for place in places], fault)


def _link(exec_inst: str | None, contingency: str | None) -> tuple[str, Refusal | None]:
    """Return how the orders are linked; ListExecInst(69) and ContingencyType(1385) agree where both are there."""
    if contingency is not None and contingency not in LINK_OF_CONTINGENCY:
        text = f"ContingencyType(1385) {shown(contingency)} is not offered, allowed: 1, 2"
        return "", (refusals.CONTINGENCY_NOT_OFFERED, text)
    if exec_inst is not None and exec_inst not in LINKS:
        text = f"ListExecInst(69) {shown(exec_inst)} is not offered, allowed: {', '.join(LINKS)}"
        return "", (refusals.CONTINGENCY_NOT_OFFERED, text)
    said = [exec_inst] if exec_inst is not None else []
    if contingency is not None:
        said.append(LINK_OF_CONTINGENCY[contingency])
    if not said:
        text = "ListExecInst(69) is absent, and ContingencyType(1385) too"
        return "", (refusals.CONTINGENCY_NOT_OFFERED, text)
    if len(set(said)) > 1:
        text = f"ListExecInst(69) {exec_inst} and ContingencyType(1385) {contingency} differ"
        return "", (refusals.CONTINGENCY_NOT_OFFERED, text)
    return said[0], None


def _kind(link: str, order_count: int) -> ListKind | None:
    if link == "OCO":
        return "oco"
    if link == "OTO":
        return "oto" if order_count < BRACKET_FROM else "bracket"
    return None


def _term_fault(given: tuple[str | None, ...]) -> Refusal | None:
    """Return the fault of the first term of the list that is not offered and says something."""
    for term, value in zip(LIST_TERMS, given, strict=True):
        if value is not None and value != term.harmless:
            allowed = f", allowed: {term.harmless}" if term.harmless else ""
            text = f"{term.name}({term.tag}) {shown(value)} is not offered on a list{allowed}"
            return refusals.TERM_NOT_OFFERED, text
    return None


def _places(total: str | None, numbers: Sequence[str | None]) -> tuple[Sequence[int], Refusal | None]:
    """Return where the orders stand, in the order of ListSeqNo(67), which counts them from 1."""
    count = len(numbers)
    as_they_come = range(count)
    if not count:
        return as_they_come, (refusals.LIST_NOT_EXPRESSIBLE, "NoOrders(73) is absent or 0")
    if total != str(count):
        text = f"TotNoOrders(68) {shown(total or 'absent')}, found {count} orders"
        return as_they_come, (refusals.LIST_COUNTS_DIFFER, text)
    place_of = {number: place for place, number in enumerate(numbers)}
    wanted = [str(number) for number in range(1, count + 1)]
    if place_of.keys() != set(wanted):
        found = shown(", ".join(number or "absent" for number in numbers))
        return as_they_come, (refusals.LIST_COUNTS_DIFFER, f"ListSeqNo(67) {found}, expected each of 1 to {count}")
    return [place_of[number] for number in wanted], None


def _strayed(orders: Sequence[NewOrder]) -> tuple[int, Refusal] | None:
    """Return the place and the fault of the first order that is not of the first one's instrument and account."""
    first = orders[0]
    for place, order in enumerate(orders):
        if (order.instrument_id, order.account_id) != (first.instrument_id, first.account_id):
            text = f"order {order.cl_ord_id} is of another symbol or account than {first.cl_ord_id}"
            return place, (refusals.LIST_NOT_EXPRESSIBLE, text)
    return None
