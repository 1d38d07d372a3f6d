"""The judge of orders that come together, or belong together: brackets, lists, and two orders with one ClOrdLinkID."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from matching import commands as c
from matching import events as e
from matching.terms import Terms
from tests.model.special_entry import SpecialEntry
from tests.model.special_orders import TRIGGERED, ReferenceLink, SpecialOrder

LEGS = {"oco": 2, "oto": 1, "bracket": 2}
WITH_ITS_LIST = 99
"""OrdRejReason(103) of an order without a fault of its own whose list is refused."""
WHOLE = -1
"""In place of an order's: the fault is the list's."""


@dataclass
class SpecialLists(SpecialEntry):
    """All orders that came together are taken, or none."""

    def on_NewOrder(self, command: c.NewOrder) -> None:  # noqa: N802  # named after the command
        if command.terms is None and command.time_in_force in ("2", "7"):
            command = msgspec.structs.replace(command, terms=Terms())
        comp_id = self.comp_ids[command.session_id]
        if self.is_throttled(command, "D", command.account_id):
            return
        if self.is_used(comp_id, command.cl_ord_id):
            if command.poss_resend:
                self.tell_status(command.session_id, comp_id, command.cl_ord_id, "")
            else:
                self.refuse(command, 6)
            return
        terms = command.terms
        if terms is not None and (terms.take_profit or terms.stop_loss):
            self.bracket(command, terms, comp_id)
        elif terms is not None and terms.link_id:
            self.pair(command, terms, comp_id)
        else:
            order = self.order_of(command)
            if not self.is_refused(command, self.entry_fault(command, order)):
                self.accept(order)
                self.go_on(order)

    def is_refused(self, command: c.NewOrder, reason: int | None) -> bool:
        """Refuse an order for a reason, if there is one."""
        if reason is not None:
            event = self.refuse(command, reason)
            self.refused.append((self.comp_ids[command.session_id], event))
        return reason is not None

    # -- brackets -----------------------------------------------------------------------------------------------------

    def bracket(self, command: c.NewOrder, terms: Terms, comp_id: str) -> None:
        """An entry with a leg that takes the profit, or one against the loss, or both: all of it or nothing."""
        bare = msgspec.structs.replace(terms, take_profit=0, stop_loss=0, link_id="")
        orders = [msgspec.structs.replace(command, terms=bare), *self.exits_of(command, terms)]
        kind = "bracket" if len(orders) == 3 else "oto"
        fault: int | None = 6
        if not any(self.is_used(comp_id, leg.cl_ord_id) for leg in orders[1:]):
            fault = 11
            if self.misfit(orders, kind) is None:
                fault = next((each for each in self.faults_of(orders, kind) if each is not None), None)
        if not self.is_refused(command, fault):
            self.go_together(self.accept_together(orders, "oto"))

    def exits_of(self, command: c.NewOrder, terms: Terms) -> list[c.NewOrder]:
        """The legs that the terms of an entry ask for."""
        life = command.time_in_force if command.time_in_force in ("0", "1", "6") else "0"
        kept = Terms(
            expire_ns=terms.expire_ns if life == "6" else 0,
            self_match_id=terms.self_match_id,
            self_match_mode=terms.self_match_mode,
        )
        side: Any = "2" if command.side == "1" else "1"
        base = msgspec.structs.replace(command, side=side, time_in_force=life, post_only=False)
        legs = []
        if terms.take_profit:
            name = command.cl_ord_id + "-TP"
            legs.append(
                msgspec.structs.replace(base, cl_ord_id=name, ord_type="2", price=terms.take_profit, terms=kept)
            )
        if terms.stop_loss:
            stop = msgspec.structs.replace(kept, stop_price=terms.stop_loss, trigger=terms.trigger)
            name = command.cl_ord_id + "-SL"
            legs.append(msgspec.structs.replace(base, cl_ord_id=name, ord_type="3", price=0, terms=stop))
        return legs

    # -- what may be wrong with orders that come together -------------------------------------------------------------

    def faults_of(self, orders: Sequence[c.NewOrder], kind: str) -> list[int | None]:
        """OrdRejReason(103) of each order, or None; each is checked as if those before it were there already."""
        faults: list[int | None] = []
        there: list[SpecialOrder] = []
        for number, (command, holds) in enumerate(zip(orders, self.holding(orders, kind), strict=True)):
            order = self.order_of(command)
            order.holds = holds
            for_entry = kind != "oco" and number > 0
            faults.append(self.entry_fault(command, order, holds=holds, for_entry=for_entry))
            if faults[-1] is None:
                there.append(order)
                self.orders.append(order)
        for order in there:
            self.orders.remove(order)
        return faults

    def holding(self, orders: Sequence[c.NewOrder], kind: str) -> list[bool]:
        """Which orders hold from the begin: an entry; of two that end each other the limit orders, or the first."""
        limits = [each.ord_type not in TRIGGERED for each in orders]
        return limits if kind == "oco" and any(limits) else [True] + [False] * (len(orders) - 1)

    def misfit(self, orders: Sequence[c.NewOrder], kind: str) -> int | None:
        """The place of the order that does not fit into a list of that kind, WHOLE where it is no one of them."""
        first = orders[0]
        legs = orders if kind == "oco" else orders[1:]
        for leg in legs:
            rests = leg.ord_type in TRIGGERED or (leg.ord_type == "2" and leg.time_in_force not in ("3", "4"))
            fits = leg.qty == first.qty and leg.side == legs[0].side and (kind == "oco" or leg.side != first.side)
            if not (rests and fits):
                return orders.index(leg)
        if first.ord_type == "P":
            return 0
        if kind == "oco":
            return None
        if kind == "bracket" and [leg.ord_type == "2" for leg in legs].count(True) != 1:
            return WHOLE
        market = self.last.get(first.instrument_id, 0) or self.risk.references[first.instrument_id]
        prices = self.entry_prices(first.ord_type, first.price, first.terms) or [market] * bool(market)
        exits = [(leg.ord_type, leg.price, leg.terms) for leg in legs]
        if not self.is_wrong_side(first.side, prices, exits):
            return None
        alone = [self.is_wrong_side(first.side, prices, [each]) for each in exits]
        return 1 + alone.index(True) if True in alone else WHOLE

    def accept_together(self, commands: Sequence[c.NewOrder], kind: str) -> list[SpecialOrder]:
        """Accept orders and link them; all but those of an OCO have their entry first."""
        orders = [self.order_of(each) for each in commands]
        has_entry = kind != "oco"
        for number, (order, holds) in enumerate(zip(orders, self.holding(commands, kind), strict=True)):
            order.terms = order.terms or Terms()
            self.accept(order, holds=holds, for_entry=has_entry and number > 0)
        ids = [order.order_id for order in orders]
        self.links.append(ReferenceLink(ids[0] if has_entry else 0, ids[1:] if has_entry else ids, commands[0].qty))
        for order in orders:
            order.link = len(self.links)
        return orders

    def go_together(self, orders: Sequence[SpecialOrder]) -> None:
        """Let orders enter one after the other, each cut to what the trades of those before it have left."""
        for order in orders:
            if order.waits != "entry":
                if order.link in self.touched:
                    self.shrink(order.link)
                if order.leaves:
                    self.go_on(order)

    # -- lists --------------------------------------------------------------------------------------------------------

    def on_NewOrderList(self, command: c.NewOrderList) -> None:  # noqa: N802  # named after the command
        comp_id = self.comp_ids[command.session_id]
        names = [each.cl_ord_id for each in command.orders]
        if self.is_throttled(command, "E", command.orders[0].account_id):
            return
        if command.poss_resend and all(self.is_used(comp_id, name) for name in names):
            self.tell_list(command, names, comp_id)
            return
        orders = [
            msgspec.structs.replace(
                each, terms=msgspec.structs.replace(each.terms or Terms(), link_id="", list_id=command.list_id)
            )
            for each in command.orders
        ]
        whole, faults = self.list_faults(command, orders, comp_id)
        if whole is None:
            accepted = self.accept_together(orders, command.kind)
            self.answer_list(command, accepted, [self.listed(order) for order in accepted])
            self.go_together(accepted)
            return
        for each, reason in zip(orders, faults, strict=True):
            event = self.refuse(each, WITH_ITS_LIST if reason is None else reason)
            if not self.is_used(comp_id, each.cl_ord_id):
                self.refused.append((comp_id, event))
        self.answer_list(command, [], [e.ListedOrder(name, "8") for name in names], reason=whole)

    def list_faults(
        self, command: c.NewOrderList, orders: list[c.NewOrder], comp_id: str
    ) -> tuple[int | None, list[int | None]]:
        """What is wrong with a list, and with each of its orders."""
        none: list[int | None] = [None] * len(orders)
        names = [each.cl_ord_id for each in orders]
        if len(orders) != LEGS[command.kind] + (command.kind != "oco"):
            return 11, none
        for at, each in enumerate(orders):
            scope = orders[0].instrument_id, orders[0].account_id, command.session_id
            if (each.instrument_id, each.account_id, each.session_id) != scope:
                return 11, [*none[:at], 11, *none[at + 1 :]]
        for at, name in enumerate(names):
            if name in names[:at] or self.is_used(comp_id, name):
                return 6, [*none[:at], 6, *none[at + 1 :]]
        misfit = self.misfit(orders, command.kind)
        if misfit is not None:
            return 11, [11 if at == misfit else None for at in range(len(orders))]
        faults = self.faults_of(orders, command.kind)
        return next((each for each in faults if each is not None), None), faults

    def tell_list(self, command: c.NewOrderList, names: list[str], comp_id: str) -> None:
        """Tell how the orders of a list stand that was sent again."""
        for name in names:
            self.tell_status(command.session_id, comp_id, name, "")
        found = [self.order_named(comp_id, name) for name in names]
        listed = [
            e.ListedOrder(name, "8") if each is None else self.listed(each)
            for each, name in zip(found, names, strict=True)
        ]
        self.answer_list(command, [each for each in found if each is not None], listed, is_status=True)

    def listed(self, order: Any) -> e.ListedOrder:
        canceled = 0 if order.leaves else order.qty - order.cum_qty
        sums = order.cum_qty, order.leaves, canceled, order.cum_value
        return e.ListedOrder(order.names[-1], order.status, *sums, order.instrument_id)

    def answer_list(
        self,
        command: c.NewOrderList,
        orders: Sequence[Any],
        listed: Sequence[e.ListedOrder],
        *,
        reason: int = 0,
        is_status: bool = False,
    ) -> None:
        """Say the answer to a whole list; `reason` stands in for its code."""
        ids = tuple(order.order_id for order in orders)
        head = command.session_id, command.msg_seq_num, command.list_id, ids
        self.out.append(e.OrderListAnswered(*head, "", reason, command.kind, tuple(listed), is_status))

    # -- ClOrdLinkID --------------------------------------------------------------------------------------------------

    def pair(self, command: c.NewOrder, terms: Terms, comp_id: str) -> None:
        """The first of two orders with a ClOrdLinkID(583) stands alone, with the second they end each other."""
        order = self.order_of(command)
        other: Any = next(
            (
                each
                for each in self.orders
                if each.comp_id == comp_id and each.single and each.terms.link_id == terms.link_id  # type: ignore[attr-defined]
            ),
            None,
        )
        # A limit order holds for a stop beside it, the first of two stops for both; two limit orders hold each.
        order.holds = other is None or command.ord_type not in TRIGGERED
        fault = None if self.misfit([command], "oco") is None else 11
        if fault is None and other is not None:
            found = command.instrument_id, command.account_id, command.side, command.qty
            wanted = other.instrument_id, other.account_id, other.side, other.leaves
            fault = 11 if found != wanted or other.cum_qty else None
        used = self.link_ids.setdefault((comp_id, terms.link_id), [])
        if fault is None and other is None and used and command.has_own_link:
            fault = 11
        gives_up = other is not None and order.holds and other.waits == "trigger"
        if fault is None:
            if gives_up:
                other.holds = False
            fault = self.entry_fault(command, order, holds=order.holds)
            if gives_up:
                other.holds = fault is not None
        if self.is_refused(command, fault):
            return
        self.accept(order, holds=order.holds)
        if command.has_own_link:
            used.append(order.order_id)
        if other is None:
            order.single = True
        else:
            other.single = False
            self.links.append(ReferenceLink(0, [other.order_id, order.order_id], command.qty))
            other.link = order.link = len(self.links)
        self.go_on(order)
