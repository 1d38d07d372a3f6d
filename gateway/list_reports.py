"""ListStatus(N): the answer to a NewOrderList(E), behind the reports of its orders. Owner: the matching thread."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from gateway.decimals import average_text
from gateway.rejects import SOH_FREE
from gateway.sessions import FIX50SP2, Version
from matching.events import ListedOrder, OrderListAnswered
from matching.refusals import ord_rej_reason
from matching.types import STATUS_NEW, STATUS_PARTIALLY_FILLED, STATUS_REJECTED

if TYPE_CHECKING:
    from gateway.reports import InstrumentTexts

LIST_STATUS: Final = "N"
ACK: Final = "1"
RESPONSE: Final = "2"
EXECUTING: Final = "3"
ALL_DONE: Final = "6"
REJECTED: Final = "7"
CONTINGENCIES: Final = {"oco": "1", "oto": "2", "bracket": "2"}
LIST_REJECT_REASONS: Final = (2, 4, 6, 11)
"""ListRejectReason(1386) of FIX.5.0SP2 that mean what OrdRejReason(103) of the same value means; 99: other."""
OTHER: Final = 99

TextsOf = Callable[[int], "InstrumentTexts"]


def list_status(event: OrderListAnswered, version: Version, clock: str, texts_of: TextsOf) -> str:
    """Return the body of the ListStatus(N) that says `event`; `clock` is TransactTime(60)."""
    status_type = RESPONSE if event.is_status else ACK
    newer = ""
    if version == FIX50SP2:
        newer = f"1385={CONTINGENCIES[event.kind]}\x01" if event.kind else ""
        newer += f"1386={_reject_reason(event.code)}\x01" if event.code else ""
    text = f"444={event.code}: {event.text.translate(SOH_FREE)}\x01" if event.code else ""
    count = len(event.orders)
    orders = "".join(_order(order, texts_of) for order in event.orders)
    group = f"73={count}\x01{orders}" if count or version != FIX50SP2 else ""
    return (
        f"66={event.list_id}\x01429={status_type}\x0182=1\x01431={_list_order_status(event)}\x01{newer}83=1\x01"
        f"{text}{clock}68={count}\x01{group}"
    )


def _reject_reason(code: int) -> int:
    reason = ord_rej_reason(code)
    return reason if reason in LIST_REJECT_REASONS else OTHER


def _list_order_status(event: OrderListAnswered) -> str:
    """Return ListOrderStatus(431): all refused, all done, or something of it is open."""
    statuses = {order.ord_status for order in event.orders}
    if event.code or statuses <= {STATUS_REJECTED}:
        return REJECTED
    return EXECUTING if statuses & {STATUS_NEW, STATUS_PARTIALLY_FILLED} else ALL_DONE


def _order(order: ListedOrder, texts_of: TextsOf) -> str:
    cum = leaves = canceled = average = "0"
    if order.instrument_id:
        texts = texts_of(order.instrument_id)
        quantities = texts.quantities
        cum, leaves = quantities[order.cum_qty], quantities[order.leaves_qty]
        canceled = quantities[order.canceled_qty]
        if order.cum_qty:
            average = average_text(order.cum_value, order.cum_qty, texts.tick_e8)
    return (
        f"11={order.cl_ord_id or 'NONE'}\x0114={cum}\x0139={order.ord_status}\x01151={leaves}\x0184={canceled}\x01"
        f"6={average}\x01"
    )
