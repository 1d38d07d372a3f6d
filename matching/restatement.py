"""Restatement: every live order of a member told anew, for a client that has lost what it knew. Owner: the matching
thread.

It begins with a marker and ends with one. Between them each order that is open is told once, as it stands at that place
of the session's messages. Up to the bound of one step all of it is the book of one instant. Beyond that others trade
between the steps: what closes meanwhile is not told, and what the session itself enters meanwhile has a report of its
own between the markers. So whoever takes all messages in their order has the book at the end, and what was not told by
then is not open.
"""

from typing import Final, Literal

import msgspec

from matching.commands import RequestMassStatus
from matching.desk import OrderDesk
from matching.events import Event, Execution, MassStatusReported
from matching.order import Order
from matching.types import EXEC_RESTATED, EXEC_STATUS

RESTATED_TEXT: Final = "Restated on request"
RESTATED_ON_REQUEST: Final = 99
"""ExecRestatementReason(378): no value of FIX says this one."""


def marker(
    desk: OrderDesk, request: RequestMassStatus, place: Literal["begin", "end"], total: int
) -> MassStatusReported:
    """Return the marker at the begin or the end of a restatement of `total` orders."""
    desk.last_exec_id += 1
    ids = desk.last_exec_id, request.session_id, request.request_id
    return MassStatusReported(*ids, total, place == "end", text=text_of(place, total), marker=place)


def text_of(place: Literal["begin", "end"], total: int) -> str:
    """Return what a marker says to a human."""
    return f"Restatement of {total} open orders" if place == "begin" else f"End of restatement: {total} open orders"


def restate(
    desk: OrderDesk, request: RequestMassStatus, order: Order | None, total: int, out: list[Event]
) -> Literal[0, 1]:
    """Tell how an order stands and return 1; return 0 where it is not open any longer, which has been reported."""
    if order is None or not order.is_open():
        return 0
    said: list[Event] = []
    # Said as a status: that changes nothing of what was told of the book.
    desk.say(order, EXEC_STATUS, said, to=desk.sessions[request.session_id])
    (status,) = said
    assert isinstance(status, Execution), "a status is an Execution"
    ids = status.exec_id, request.session_id, request.request_id
    out.append(MassStatusReported(*ids, total, False, restated(status)))
    return 1


def restated(status: Execution) -> Execution:
    """Return the status of an open order as its restatement."""
    return msgspec.structs.replace(
        status, exec_type=EXEC_RESTATED, exec_restatement_reason=RESTATED_ON_REQUEST, text=RESTATED_TEXT
    )
