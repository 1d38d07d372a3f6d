"""The judge of brackets: an entry that brings its exits."""

from dataclasses import dataclass
from typing import Any

import msgspec

from matching import commands as c
from matching.terms import Terms
from tests.model.special_entry import SpecialEntry
from tests.model.special_orders import ReferenceLink, SpecialOrder


@dataclass
class SpecialBrackets(SpecialEntry):
    """All of a bracket is taken, or nothing."""

    def on_NewOrder(self, command: c.NewOrder) -> None:  # noqa: N802  # named after the command
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
            return
        order = self.order_of(command)
        reason = self.entry_fault(command, order)
        if reason is not None:
            event = self.refuse(command, reason)
            self.refused.append((comp_id, event))
            return
        self.accept(order)
        self.go_on(order)

    def bracket(self, command: c.NewOrder, terms: Terms, comp_id: str) -> None:
        """An entry with a leg that takes the profit, or one against the loss, or both: all of it or nothing."""
        bare = msgspec.structs.replace(terms, take_profit=0, stop_loss=0)
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
        entry = msgspec.structs.replace(command, terms=bare)
        reason = self.bracket_fault(entry, legs, terms, comp_id)
        if reason is not None:
            self.refused.append((comp_id, self.refuse(command, reason)))
            return
        orders = [self.order_of(each) for each in (entry, *legs)]
        for order in orders:
            self.accept(order, holds=order is orders[0], for_entry=order is not orders[0])
        ids = [order.order_id for order in orders]
        self.links.append(ReferenceLink(ids[0], ids[1:], command.qty))
        for order in orders:
            order.link = len(self.links)
        self.go_on(orders[0])

    def bracket_fault(self, entry: c.NewOrder, legs: list[c.NewOrder], terms: Terms, comp_id: str) -> int | None:
        if any(self.is_used(comp_id, leg.cl_ord_id) for leg in legs):
            return 6
        market = self.last.get(entry.instrument_id, 0) or self.risk.references[entry.instrument_id]
        prices = self.entry_prices(entry.ord_type, entry.price, entry.terms) or [market]
        if self.is_wrong_side(entry.side, prices, terms.take_profit, terms.stop_loss):
            return 11
        reason = self.entry_fault(entry, self.order_of(entry))
        if reason is not None:
            return reason
        for before, leg in enumerate(legs, start=1):
            order = self.order_of(leg)
            assert leg.terms is not None
            reason = self.terms_fault(order, leg.terms, post_only=False)
            if reason is None:
                # Nothing of it is open yet, so that it needs no money and no room under the position's limit.
                reason = self.risk.check(
                    SpecialOrder(**{**order.__dict__, "cum_qty": order.qty}), None, would_take=False, before=before
                )
            if reason is not None:
                return reason
        return None
