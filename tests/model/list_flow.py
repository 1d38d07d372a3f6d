"""Random orders with terms, among them lists of every kind, right ones and wrong ones."""

import random
from typing import Any

import msgspec

from matching import commands as c
from matching.terms import Terms
from tests.model.special_flow import SpecialFlow


class ListFlow(SpecialFlow):
    """A flow whose lists are pairs, entries with one leg, and brackets; now and then one comes again. `lists` is the
    share of plain orders that become lists.
    """

    def __init__(
        self, rng: random.Random, *, calm: bool, kinds: tuple[str, ...], share: float = 0.5, lists: float = 0.0
    ) -> None:
        super().__init__(rng, calm=calm, kinds=kinds, share=share)
        self.lists = lists

    def new_order(self) -> c.Command:
        command = super().new_order()
        if isinstance(command, c.NewOrder) and command.terms is None and self.rng.random() < self.lists:
            return self.order_list(command)
        return command

    def terms(self, kind: str, order: c.NewOrder) -> dict[str, Any]:
        """Orders with a link id are mostly of one member, account and symbol, so that they find each other."""
        changes = super().terms(kind, order)
        if kind == "linked" and self.rng.random() < 0.9:
            changes |= {"session_id": self.rng.choice((1, 2)), "account_id": 1, "instrument_id": 1}
        return changes

    def order_list(self, order: c.NewOrder) -> c.Command:
        rng = self.rng
        draw = rng.random()
        if draw < 0.4:
            listed = super().order_list(order)
        else:
            listed = self.with_entry(order, "bracket" if draw < 0.75 else "oto")
        assert isinstance(listed, c.NewOrderList)
        if rng.random() < 0.08:
            listed = self.spoilt(listed)
        return msgspec.structs.replace(listed, poss_resend=rng.random() < 0.1)

    def with_entry(self, order: c.NewOrder, kind: Any) -> c.NewOrderList:
        """An entry, and behind it exits that mostly lie on their sides of it."""
        rng = self.rng
        price = order.price or self.price()
        side: Any = "2" if order.side == "1" else "1"
        ahead = (1 if order.side == "1" else -1) * (1 if rng.random() < 0.95 else -1)
        kept = Terms(display_qty=rng.choice((0, 0, 2)))
        profit = msgspec.structs.replace(
            order,
            cl_ord_id=self.name(),
            side=side,
            ord_type="2",
            price=price + ahead * rng.randint(1, 4),
            time_in_force=rng.choice(("0", "1")),
            post_only=rng.random() < 0.05,
            terms=rng.choice((None, kept)),
        )
        loss = msgspec.structs.replace(
            profit,
            cl_ord_id=self.name(),
            ord_type=rng.choice(("3", "3", "4")),
            price=0,
            post_only=False,
            terms=Terms(stop_price=price - ahead * rng.randint(1, 4), trigger=rng.choice(("last", "last", "mark"))),
        )
        if loss.ord_type == "4":
            loss = msgspec.structs.replace(loss, price=price - ahead * rng.randint(3, 6))
        if rng.random() < 0.1:
            touched = Terms(stop_price=price + ahead * rng.randint(1, 4))
            profit = msgspec.structs.replace(profit, ord_type="J", price=0, post_only=False, terms=touched)
        legs = (profit, loss) if kind == "bracket" else (rng.choice((profit, loss)),)
        self.sent[-1:] = [order, *legs]
        return c.NewOrderList(order.session_id, 1, 1, "L", kind, (order, *legs))

    def spoilt(self, listed: c.NewOrderList) -> c.NewOrderList:
        """A list with one fault: an order too few, one of another account, a name twice, a wrong quantity."""
        rng = self.rng
        *others, last = listed.orders
        draw = rng.random()
        if draw < 0.25:
            return msgspec.structs.replace(listed, orders=tuple(others))
        changes: dict[str, Any] = {"qty": last.qty + 1}
        if draw < 0.5:
            changes = {"account_id": last.account_id % 3 + 1}
        elif draw < 0.75:
            changes = {"cl_ord_id": others[0].cl_ord_id}
        return msgspec.structs.replace(listed, orders=(*others, msgspec.structs.replace(last, **changes)))
