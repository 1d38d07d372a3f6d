"""Random commands with terms: icebergs, stops, pegs, self-match ids, reduce-only, times; right ones and wrong ones."""

import random
from typing import Any, cast

import msgspec

from matching import commands as c
from matching.terms import Terms
from tests.model.flow import Flow

KINDS = (
    "display",
    "stop",
    "limited",
    "touched",
    "trail",
    "peg",
    "match",
    "match",
    "time",
    "reduce",
    "wrong",
    "bracket",
    "linked",
)


class SpecialFlow(Flow):
    """A flow of which about half of the orders have terms. `kinds` are those that it draws from."""

    def __init__(
        self, rng: random.Random, *, calm: bool = True, kinds: tuple[str, ...] = KINDS, share: float = 0.5
    ) -> None:
        super().__init__(rng, calm=calm)
        self.kinds = kinds
        self.share = share

    def next(self) -> tuple[int, c.Command]:
        time_ns, command = super().next()
        draw = self.rng.random()
        if draw < 0.02:
            return time_ns, c.SetMarkPrice(self.rng.choice((1, 2, 3, 9)), self.rng.choice((95, 99, 100, 101, 105)), "x")
        if draw < 0.05:
            return time_ns, c.ExpireOrders(time_ns + self.rng.choice((0, 0, 0, 1)))
        return time_ns, command

    def new_order(self) -> c.Command:
        command = super().new_order()
        if not isinstance(command, c.NewOrder) or self.rng.random() > self.share:
            return command
        if "bracket" in self.kinds and self.rng.random() < 0.1:
            return self.order_list(command)
        changes = self.terms(self.rng.choice(self.kinds), command)
        changed = msgspec.structs.replace(command, **changes)
        self.sent[-1] = changed
        return changed

    def order_list(self, order: c.NewOrder) -> c.Command:
        """Two legs of which one ends the other, now and then with a fault."""
        rng = self.rng
        price = order.price or self.price()
        profit = msgspec.structs.replace(order, ord_type="2", price=price, time_in_force="0", post_only=False)
        away = rng.randint(1, 5) * (-1 if order.side == "2" else 1)
        loss = msgspec.structs.replace(
            profit, cl_ord_id=self.name(), ord_type="3", price=0, terms=Terms(stop_price=price + away)
        )
        if rng.random() < 0.1:
            loss = msgspec.structs.replace(loss, qty=loss.qty + 1)
        self.sent[-1] = profit
        self.sent.append(loss)
        return c.NewOrderList(order.session_id, 1, 1, "L", "oco", (profit, loss))

    def terms(self, kind: str, order: c.NewOrder) -> dict[str, Any]:
        """Changes that make an order one of a kind."""
        rng = self.rng
        price = order.price or self.price()
        stop = rng.choice((96, 97, 98, 99, 101, 102, 103, 104))
        trigger = cast(Any, rng.choice(("last", "last", "last", "mark")))
        match: dict[str, Any] = {
            "self_match_id": rng.choice(("X", "X", "Y", "")),
            "self_match_mode": rng.choice(("", "newest", "oldest", "both", "decrement")),
        }
        own: dict[str, Any] = match if rng.random() < 0.4 else {}
        resting: dict[str, Any] = {"time_in_force": rng.choice(("0", "1")), "ord_type": "2", "price": price}
        if kind == "display":
            return {**resting, "terms": Terms(display_qty=rng.choice((1, 3, 5, 10)), **own)}
        if kind == "stop":
            terms = Terms(stop_price=stop, trigger=trigger, **own)
            return {"ord_type": "3", "price": 0, "terms": terms, "post_only": rng.random() < 0.02}
        if kind == "limited":
            terms = Terms(stop_price=stop, trigger=trigger, display_qty=rng.choice((0, 0, 4)), **own)
            return {"ord_type": "4", "price": price, "terms": terms, "post_only": False}
        if kind == "touched":
            return {"ord_type": "J", "price": 0, "post_only": False, "terms": Terms(stop_price=stop, trigger=trigger)}
        if kind == "trail":
            terms = Terms(stop_price=rng.choice((0, 0, stop)), trigger=trigger, peg="trail", offset=rng.randint(1, 4))
            return {"ord_type": "3", "price": 0, "post_only": False, "terms": terms}
        if kind == "peg":
            terms = Terms(peg=rng.choice(("best", "mid", "opposite")), offset=rng.randint(-2, 2), **own)
            return {**resting, "ord_type": "P", "price": rng.choice((0, 0, price)), "terms": terms}
        if kind == "match":
            return {"terms": Terms(**match)}
        if kind == "time":
            expire_ns = self.time_ns + rng.choice((-1, 1_000_000_000, 100_000_000, 10_000_000))
            return {**resting, "time_in_force": "6", "terms": Terms(expire_ns=expire_ns, **own)}
        if kind == "linked":
            link_id = rng.choice(("K", "L")) + str(len(self.sent) // 40)
            linked: dict[str, Any] = {"qty": 5, "side": "2", "post_only": False, "has_own_link": rng.random() < 0.9}
            if rng.random() < 0.5:
                return {**resting, **linked, "terms": Terms(link_id=link_id)}
            terms = Terms(link_id=link_id, stop_price=stop, trigger=trigger)
            return {**linked, "ord_type": "3", "price": 0, "terms": terms}
        if kind == "bracket":
            away = rng.randint(1, 4) * (1 if order.side == "1" else -1)
            profit, loss = price + away, price - rng.randint(1, 4) * (1 if away > 0 else -1)
            both = rng.random()
            legs: dict[str, Any] = {"take_profit": profit if both < 0.9 else 0, "stop_loss": loss if both > 0.1 else 0}
            entry: dict[str, Any] = rng.choice(
                (
                    {**resting, "terms": Terms(**legs, **own)},
                    {**resting, "terms": Terms(**legs, **own)},
                    {"terms": Terms(**legs, **own)},
                    {"ord_type": "3", "price": 0, "terms": Terms(stop_price=stop, trigger=trigger, **legs)},
                    {**resting, "terms": Terms(display_qty=3, **legs)},
                )
            )
            return {**entry, "post_only": False}
        if kind == "reduce":
            return {"instrument_id": rng.choice((3, 3, 3, 1)), "terms": Terms(reduce_only=True, **own)}
        return {"terms": rng.choice((Terms(stop_price=3), Terms(display_qty=99), Terms(offset=1), Terms(expire_ns=5)))}

    def request(self) -> c.Command:
        command = super().request()
        if not isinstance(command, c.ReplaceOrder):
            return command
        rng = self.rng
        named = next((each for each in self.sent if each.cl_ord_id == command.orig_cl_ord_id), None)
        if named is None or named.terms is None:
            if rng.random() < 0.9:
                return command
            return msgspec.structs.replace(command, terms=Terms(display_qty=rng.choice((1, 4, 8))))
        terms = named.terms
        draw = rng.random()
        if draw < 0.2 and terms.stop_price:
            terms = msgspec.structs.replace(terms, stop_price=terms.stop_price + rng.choice((-1, 1)))
        elif draw < 0.4 and terms.display_qty:
            terms = msgspec.structs.replace(terms, display_qty=terms.display_qty + 1)
        elif draw < 0.5:
            terms = msgspec.structs.replace(terms, offset=terms.offset + 1)
        elif draw < 0.55:
            terms = Terms()
        ord_type = named.ord_type if rng.random() < 0.95 else command.ord_type
        time_in_force = named.time_in_force if rng.random() < 0.8 else command.time_in_force
        changed = msgspec.structs.replace(command, terms=terms, ord_type=ord_type, time_in_force=time_in_force)
        if self.sent and self.sent[-1].cl_ord_id == command.cl_ord_id:
            self.sent[-1] = msgspec.structs.replace(
                self.sent[-1], terms=terms, ord_type=named.ord_type, time_in_force=time_in_force
            )
        return changed
