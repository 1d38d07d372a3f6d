"""Which shard knows an order by the ClOrdID(11) that its member gave it. Owner: the matching thread.

A request may name an order by nothing else, and ClOrdIDs say no shard. What stands here leads to the shard, which alone
says whether the order is open: a name that it has forgotten is answered there as one that never was. It is folded from
what shards have said, so it is as old as the journal.
"""

from matching.engine import SHARD_ID_SHIFT
from matching.events import Execution, OrderRefused
from matching.types import EXEC_STATUS, GOOD_TILL_CANCEL

NamesRecord = tuple[str, list[tuple[str, int]]]
"""A member's CompID, and its ClOrdIDs with what `OrderNames` holds of each; ascending."""


class OrderNames:
    """Order ids by member and ClOrdID, since the end of the last trading day or while the order is open. Of a refused
    order it is the id of the shard in an order id's place for it.

    Of open orders only those are noted that stay open at the end of the day: the path of every order runs through here.
    """

    def __init__(self) -> None:
        self._members: dict[str, dict[str, int]] = {}
        self._staying: dict[int, None] = {}

    def fold(self, comp_id: str, event: Execution, shard_id: int) -> None:
        """Take one step in an order's life, as its shard has said it. A trade gives no name: see `filled`."""
        if event.exec_type == EXEC_STATUS:
            return
        order_id = event.order_id
        names = self._members.get(comp_id)
        if names is None:
            names = self._members[comp_id] = {}
        if not order_id:
            names.setdefault(event.cl_ord_id, shard_id << SHARD_ID_SHIFT)
            return
        names[event.cl_ord_id] = order_id
        if not event.leaves_qty:
            self._staying.pop(order_id, None)
        elif event.time_in_force == GOOD_TILL_CANCEL:
            self._staying[order_id] = None

    def filled(self, order_id: int) -> None:
        """Note that nothing is left of an order."""
        self._staying.pop(order_id, None)

    def refused(self, comp_id: str, event: OrderRefused, shard_id: int) -> None:
        """Take the refusal of an order that could not be expressed: its ClOrdID is used."""
        if event.exec_type != EXEC_STATUS:
            self._members.setdefault(comp_id, {}).setdefault(event.cl_ord_id, shard_id << SHARD_ID_SHIFT)

    def use(self, comp_id: str, cl_ord_id: str, shard_id: int) -> None:
        """Note that a ClOrdID names no order, and is used on that shard among others."""
        self._members.setdefault(comp_id, {}).setdefault(cl_ord_id, shard_id << SHARD_ID_SHIFT)

    def free(self, comp_id: str, cl_ord_id: str) -> None:
        """Forget a ClOrdID that named nothing: its request was not looked at."""
        self._members.get(comp_id, {}).pop(cl_ord_id, None)

    def end_day(self, shard_id: int) -> None:
        """Forget what a shard has forgotten at the end of its trading day: every name but those of orders that stay."""
        for names in self._members.values():
            for cl_ord_id, order_id in tuple(names.items()):
                if order_id >> SHARD_ID_SHIFT == shard_id and order_id not in self._staying:
                    del names[cl_ord_id]

    def shard_id(self, comp_id: str, cl_ord_id: str) -> int:
        """Return the id of the shard that knows the order; 0 where none has said so."""
        return self._members.get(comp_id, {}).get(cl_ord_id, 0) >> SHARD_ID_SHIFT

    def records(self) -> tuple[list[NamesRecord], list[int]]:
        """Return all of it, in an order that depends on nothing else: names, and the ids of orders that stay."""
        names = [(comp_id, sorted(each.items())) for comp_id, each in sorted(self._members.items()) if each]
        return names, sorted(self._staying)

    def load(self, names: list[NamesRecord], staying: list[int]) -> None:
        """Take what `records` has returned."""
        self._members = {comp_id: dict(each) for comp_id, each in names}
        self._staying = dict.fromkeys(staying)
