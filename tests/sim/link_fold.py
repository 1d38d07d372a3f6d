"""Judge of linked orders: what ends one ends the others, once the exchange has come to rest.

Links are known from the commands that bring them: lists, exits of an entry, and two orders with one ClOrdLinkID(583).
"""

from collections.abc import Iterable, Mapping

from matching.commands import Command, NewOrder, NewOrderList
from matching.events import Event, Execution
from tests.sim.fix import FindingError
from tests.sim.folded_order import FoldedOrder

ENDS_ALONE = ("refused when", "was triggered", "were busted")
"""What the end of an order says that leaves another one: a leg that could not enter ends alone, since what the entry
has filled keeps its other exit; one that was triggered has ended the others, and trades. One that has nothing to close
any more, as its entry's fills were busted, leaves the entry.
"""


class LinkFold:
    """Links are (entry or None, legs); `_singles` wait for their counterpart, by CompID and ClOrdLinkID(583)."""

    def __init__(self) -> None:
        self._links: list[tuple[FoldedOrder | None, list[FoldedOrder]]] = []
        self._singles: dict[tuple[str, str], FoldedOrder] = {}

    def accepted(self, command: Command, events: Iterable[Event], orders: Mapping[int, FoldedOrder]) -> None:
        """Take the orders that a command has brought."""
        new = [event for event in events if isinstance(event, Execution) and event.exec_type == "0"]
        if isinstance(command, NewOrderList) and new:
            self._link([orders[event.order_id] for event in new], has_entry=command.kind != "oco")
        elif isinstance(command, NewOrder) and len(new) > 1:
            self._link([orders[event.order_id] for event in new], has_entry=True)
        elif isinstance(command, NewOrder) and new and command.terms is not None and command.terms.link_id:
            self._pair(orders[new[0].order_id], command.terms.link_id)

    def _link(self, orders: list[FoldedOrder], *, has_entry: bool) -> None:
        for order in orders:
            order.is_linked = True
        self._links.append((orders[0] if has_entry else None, orders[1:] if has_entry else orders))

    def _pair(self, order: FoldedOrder, link_id: str) -> None:
        key = order.comp_id, link_id
        other = self._singles.pop(key, None)
        # The first may have closed before the second came, or be closed by what the second did as it came.
        if other is not None and (other.is_open or other.closed_by >= order.entered_by):
            self._link([other, order], has_entry=False)
        else:
            self._singles[key] = order

    def check(self) -> None:
        """Nothing is left to be done: judge every link, and forget those that are over."""
        kept = []
        for entry, legs in self._links:
            everybody = legs if entry is None else [entry, *legs]
            if any(order.is_corrected for order in everybody):
                # Exits that have ended do not come back, and what is left of the others depends on when each ended.
                continue
            left = [order.order_id for order in everybody if order.is_open]
            ended = [order.order_id for order in everybody if _ends_the_others(order, entry, legs)]
            if ended and left:
                raise FindingError("linked order", f"order {ended[0]} has ended, orders {left} are open")
            if left:
                kept.append((entry, legs))
        self._links = kept


def _ends_the_others(order: FoldedOrder, entry: FoldedOrder | None, legs: list[FoldedOrder]) -> bool:
    """Tell whether the end of an order ends those that it is linked to."""
    if order.is_open or any(words in order.ended for words in ENDS_ALONE):
        return False
    if order is entry:
        return not order.cum
    total = legs[0].qty_at_entry if entry is None else entry.cum
    # One that was filled short of what is left leaves the rest to the others.
    return order.cum < order.qty or total <= sum(leg.cum for leg in legs)
