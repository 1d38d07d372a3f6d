"""Answers to lists of orders: how each order of a list stands, beside the orders' own reports."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from matching.commands import NewOrderList, RefuseOrderList
from matching.events import Event, ListedOrder, OrderListAnswered
from matching.order import Order, Session
from matching.refusals import Refusal
from matching.types import STATUS_REJECTED

if TYPE_CHECKING:
    from matching.desk import OrderDesk


def are_known(session: Session, names: Sequence[str]) -> bool:
    """Whether every ClOrdID of a list was used before: then the list was answered before, as it is one message."""
    member = session.member
    return bool(names) and all(name in member.used or name in member.refused for name in names)


def tell(desk: "OrderDesk", command: NewOrderList | RefuseOrderList, names: Sequence[str], out: list[Event]) -> None:
    """Tell how the orders of a list stand that was sent again, each by its own report and all by the list's."""
    session = desk.sessions[command.session_id]
    used = session.member.used
    for name in names:
        desk.tell_status(session, name, "", out)
    out.append(
        OrderListAnswered(
            command.session_id,
            command.msg_seq_num,
            command.list_id,
            tuple(used[name].order_id for name in names if name in used),
            kind=command.kind,
            orders=tuple(_listed(used[name]) if name in used else _rejected(name) for name in names),
            is_status=True,
        )
    )


def acceptance(command: NewOrderList, orders: Sequence[Order]) -> OrderListAnswered:
    """Return the answer to a list whose orders were taken, as they stand."""
    return OrderListAnswered(
        command.session_id,
        command.msg_seq_num,
        command.list_id,
        tuple(order.order_id for order in orders),
        kind=command.kind,
        orders=tuple(map(_listed, orders)),
    )


def refusal(command: NewOrderList | RefuseOrderList, names: Iterable[str], fault: Refusal) -> OrderListAnswered:
    """Return the answer to a list that was refused for `fault`."""
    code, text = fault
    ids = command.session_id, command.msg_seq_num
    rejected = tuple(map(_rejected, names))
    return OrderListAnswered(*ids, command.list_id, (), text, code, command.kind, rejected)


def _rejected(name: str) -> ListedOrder:
    return ListedOrder(name, STATUS_REJECTED)


def _listed(order: Order) -> ListedOrder:
    canceled = 0 if order.is_open() else order.qty - order.cum_qty
    sums = order.cum_qty, order.leaves_qty, canceled, order.cum_value
    return ListedOrder(order.cl_ord_id, order.status, *sums, order.instrument_id)
