"""A ClOrdLinkID(583) names two orders of a CompID on a trading day, also where the first ends before the second comes:
one that came alone behind it would trade once more what the two were to trade together.
"""

from matching import refusals
from matching.commands import NewOrder
from matching.order import Member, Order
from matching.refusals import Refusal
from matching.types import STATUS_CANCELED, STATUS_EXPIRED, STATUS_FILLED

ENDED = {STATUS_FILLED: "was filled", STATUS_CANCELED: "was canceled", STATUS_EXPIRED: "has expired"}


def used_fault(command: NewOrder, link_id: str, member: Member, orders: dict[int, Order]) -> Refusal | None:
    """Refuse an order for which no other one waits, and whose id was used before on this trading day."""
    order_ids = member.link_ids.get(link_id)
    if order_ids is None or not command.has_own_link:
        return None
    names = " and ".join(f"O{order_id}" for order_id in order_ids)
    if len(order_ids) > 1:
        text = f"orders {names} have it already"
    else:
        first = orders.get(order_ids[0])
        ended = "has ended" if first is None else ENDED.get(first.status, "has ended")
        text = f"the first order that had it, {names}, {ended}"
    return refusals.LIST_NOT_EXPRESSIBLE, f"ClOrdLinkID(583) of order {command.cl_ord_id}: {text}"


def use(command: NewOrder, link_id: str, member: Member, order_ids: tuple[int, ...]) -> None:
    """Remember the accepted orders of an id. Records from before ids had to differ leave nothing to remember."""
    if command.has_own_link:
        member.link_ids[link_id] = order_ids


def end_day(member: Member, orders: dict[int, Order]) -> None:
    """Forget the ids of the day, but those of orders that stay open over its end."""
    member.link_ids = {
        link_id: order_ids
        for link_id, order_ids in member.link_ids.items()
        if any(_stays_open(orders.get(order_id)) for order_id in order_ids)
    }


def _stays_open(order: Order | None) -> bool:
    """Tell whether an order is open, and is not about to end with one that it is linked to."""
    if order is None or not order.is_open():
        return False
    link = None if order.extra is None else order.extra.link
    return link is None or not link.is_over()
