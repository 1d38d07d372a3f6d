"""The judge's memory of orders with terms, how they are said, made smaller, and end."""

from dataclasses import dataclass, field
from typing import Any

import msgspec

from matching import commands as c
from matching import events as e
from tests.model.reference_exchange import ReferenceExchange
from tests.model.special_orders import ReferenceLink


@dataclass
class SpecialState(ReferenceExchange):
    """`last` and `mark` are prices by instrument; `due` are order ids of triggered orders that have not entered,
    `reached` the prices (instrument, last or mark) that have triggered them, in the order in which they did so first,
    `trims` accounts and instruments whose position has changed, `touched` links of which an order has traded or closed,
    `stirred` instruments whose book has changed since their pegs looked last, `link_ids` the order ids of each CompID
    and ClOrdLinkID(583) of the day.
    """

    last: dict[int, int] = field(default_factory=dict)
    mark: dict[int, int] = field(default_factory=dict)
    due: list[int] = field(default_factory=list)
    reached: list[tuple[int, str]] = field(default_factory=list)
    trims: list[tuple[int, int]] = field(default_factory=list)
    links: list[ReferenceLink] = field(default_factory=list)
    touched: list[int] = field(default_factory=list)
    stirred: list[int] = field(default_factory=list)
    expiring_ns: int = 0
    link_ids: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    counter: int = 0

    def by_id(self, order_id: int) -> Any:
        return next((order for order in self.orders if order.order_id == order_id), None)

    def say(self, order: Any, exec_type: str, *, session_id: int = 0, **more: Any) -> None:
        if order.terms is not None and exec_type != "I":
            more["prior_price"], more["prior_leaves"] = order.told
            order.told = (order.price if order.shown else 0, order.shown)
        super().say(order, exec_type, session_id=session_id, **more)
        if order.terms is not None:
            self.out[-1] = msgspec.structs.replace(self.out[-1], terms=order.terms, shown_qty=order.shown)

    def refuse(self, command: c.NewOrder, reason: int) -> e.Execution:
        event = msgspec.structs.replace(self.rejection(command, reason), terms=command.terms)
        self.out.append(event)
        return event

    def is_matching(self, order: Any) -> bool:
        return self.risk.phases[order.instrument_id] == "continuous"

    def early(self, order: Any) -> str:
        """For what an order at the close waits: for the closing auction, unless it calls."""
        calls = self.risk.phases[order.instrument_id] == "closing auction"
        return "close" if order.time_in_force == "7" and not calls else ""

    def is_untimely(self, leg: Any) -> bool:
        """Whether the phase takes no order such as this; here each phase takes all or none, and the checks ask that."""
        del leg
        return False

    def position_to_reduce(self, order: Any) -> int:
        """How much of the account's position an order on its side would close."""
        position = self.risk.balance(order.account_id, self.risk.instruments[order.instrument_id].symbol)
        return max(0, -position if order.side == "1" else position)

    def show(self, order: Any) -> None:
        display = order.terms.display_qty if order.terms else 0
        order.visible = min(order.leaves, display) if display else order.leaves

    def cut(self, order: Any, leaves: int, *, why: int = 99) -> None:
        if not leaves:
            self.end(order, "4", exec_restatement_reason=why)
            return
        less = order.leaves - leaves
        if less:
            self.take_off(order, less)
            self.say(order, "D", exec_restatement_reason=5)

    def take_off(self, order: Any, less: int) -> None:
        hidden = order.leaves - order.visible
        order.qty -= less
        order.visible -= max(0, less - hidden)

    def cut_to_position(self, order: Any) -> None:
        if order.terms is not None and order.terms.reduce_only and self.position_to_reduce(order) < order.leaves:
            self.cut(order, self.position_to_reduce(order))

    def end(self, order: Any, status: str, **more: Any) -> None:
        order.status = status
        order.waits = ""
        self.say(order, status, **more)
        self.closed(order)

    def stir(self, instrument_id: int) -> None:
        """The book has changed: its pegs look again."""
        pegs = [o for o in self.orders if o.ord_type == "P" and o.instrument_id == instrument_id and o.leaves]
        if pegs and instrument_id not in self.stirred:
            self.stirred.append(instrument_id)

    def closed(self, order: Any) -> None:
        """Take an order that has closed out of its link, and of what is due."""
        order.waits = ""
        order.single = False
        self.stir(order.instrument_id)
        if order.order_id in self.due:
            self.due.remove(order.order_id)
        if order.link:
            link = self.links[order.link - 1]
            if link.entry == order.order_id:
                link.entry, link.qty = 0, order.cum_qty
            else:
                link.legs.remove(order.order_id)
                link.done += order.cum_qty
                if not (order.status == "2" and link.legs and self.left(link) > 0):
                    link.broken = True
            if order.link not in self.touched:
                self.touched.append(order.link)
            order.link = 0

    def left(self, link: ReferenceLink) -> int:
        qty = self.by_id(link.entry).cum_qty if link.entry else link.qty
        return int(qty - link.done - sum(self.by_id(each).cum_qty for each in link.legs))
