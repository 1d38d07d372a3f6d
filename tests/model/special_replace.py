"""The judge of replaces where terms are about."""

from dataclasses import dataclass
from typing import Any

import msgspec

from matching import commands as c
from matching.terms import Terms
from tests.model.special_lists import SpecialLists
from tests.model.special_orders import TAKING, TRIGGERED, SpecialOrder


@dataclass
class SpecialReplace(SpecialLists):
    """Finds what may not change, then the terms after the replace, then what the moment refuses."""

    def on_ReplaceOrder(self, command: c.ReplaceOrder) -> None:  # noqa: N802  # named after the command
        order: Any = self.find(command)
        if self.is_throttled(command, "G", order.account_id if order else 0) or self.is_resent(command):
            return
        fault = self.request_fault(command, order)
        if fault is None:
            fault = self.special_fault(command, order)
        if fault is not None:
            self.reject_cancel(command, "2", order, fault)
            return
        terms = self.merged(command, order)
        price = self.replaced_price(command, order, terms)
        leaves = command.qty - order.cum_qty
        same_terms = terms == (order.terms or Terms())
        keeps = price == order.price and command.time_in_force == order.time_in_force and same_terms
        keeps = keeps and leaves < order.leaves
        told = order.told if order.terms is not None else (order.price, order.leaves)
        if keeps:
            self.take_off(order, order.leaves - leaves)
        else:
            order.qty = command.qty
            is_plain = terms == Terms() and not (order.link or order.waits or command.time_in_force in ("2", "7"))
            order.terms = None if is_plain else terms
            order.told = told
            order.time_in_force = command.time_in_force
            if order.ord_type in ("1", "2") and order.waits != "entry":
                order.waits = self.early(order)
            if order.ord_type == "P":
                order.waits = "" if self.peg_price(order, terms, terms.cap) else "peg"
            self.show(order)
            self.stir(order.instrument_id)
        order.names.append(command.cl_ord_id)
        order.price, order.time_in_force = price, command.time_in_force
        if order.terms is None:
            self.say(order, "5", orig=order.names[-2], prior_price=told[0], prior_leaves=told[1])
        else:
            self.say(order, "5", orig=order.names[-2])
        if not keeps:
            order.place = self.exec_id
            self.go_on(order)

    def replaced_price(self, command: c.ReplaceOrder, order: Any, terms: Terms) -> int:
        """The price of an order after a replace, which a market order and one with a trigger for it do not have."""
        if order.ord_type == "P":
            return self.peg_price(order, terms, command.price) or int(order.price)
        return int(order.price) if order.ord_type in TAKING else command.price

    def special_fault(self, command: c.ReplaceOrder, order: Any) -> int | None:
        present, wanted = order.terms or Terms(), command.terms or Terms()
        entered = order.ord_type == "4" and not order.waits
        if command.ord_type != order.ord_type and not (entered and command.ord_type == "2"):
            return 99
        if command.time_in_force not in (order.time_in_force, "0", "1", "6"):
            return 99
        is_leg = order.link and self.links[order.link - 1].entry != order.order_id
        other_id = bool(present.self_match_id) and wanted.self_match_id not in ("", present.self_match_id)
        more = wanted.reduce_only and not present.reduce_only
        if (is_leg and command.qty != order.qty) or wanted.peg not in ("", present.peg) or other_id or more:
            return 99
        if wanted.link_id not in ("", present.link_id):
            return 99
        if command.qty <= order.cum_qty:
            return 0
        terms = self.merged(command, order)
        price = self.replaced_price(command, order, terms)
        changes = {"price": price, "qty": command.qty, "terms": terms, "time_in_force": command.time_in_force}
        new = SpecialOrder(**{**order.__dict__, **changes})
        if self.terms_fault(new, terms, post_only=command.post_only) is not None:
            return 99
        if self.is_moved_beyond(order, command.price, terms):
            return 99
        if self.is_blocked(command.session_id, order.account_id):
            return 99
        new.session_id = command.session_id
        takes = command.post_only and order.ord_type != "P" and any(each is not order for each in self.candidates(new))
        if not order.holds:
            new.cum_qty = new.qty
        return (
            None if self.risk.check(new, order if order.holds else None, would_take=takes, is_open=True) is None else 99
        )

    def merged(self, command: c.ReplaceOrder, order: Any) -> Terms:
        """The terms after a replace: what may change as the request says, the rest as the order has it."""
        present, wanted = order.terms or Terms(), command.terms or Terms()
        stop_price, offset = wanted.stop_price, 0
        if order.ord_type in TRIGGERED and not order.waits:
            stop_price = present.stop_price
        if present.peg in ("best", "mid", "opposite"):
            offset = wanted.offset
        elif present.peg:
            offset = wanted.offset or present.offset
            if not stop_price:
                stop_price = present.stop_price
                if offset != present.offset:
                    moved = msgspec.structs.replace(present, offset=offset)
                    stop_price = self.trailing(order.instrument_id, order.side, moved)
        return msgspec.structs.replace(
            present,
            stop_price=stop_price,
            offset=offset,
            display_qty=wanted.display_qty,
            expire_ns=wanted.expire_ns,
            self_match_id=present.self_match_id or wanted.self_match_id,
            self_match_mode=wanted.self_match_mode or present.self_match_mode,
            cap=command.price if order.ord_type == "P" else 0,
        )
