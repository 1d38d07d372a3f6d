"""Random orders with terms and lists of them over changing trading phases, for the comparison with the reference."""

import random
from typing import Any

import msgspec

from matching import commands as c
from tests.model.list_flow import ListFlow
from tests.model.reference_phases import MAY_FOLLOW


class AuctionFlow(ListFlow):
    """Phases change mostly along the table; there are orders at the opening and at the close, and pairs of limit
    orders. `phases` is what the caller saw last.
    """

    def __init__(self, rng: random.Random, *, kinds: tuple[str, ...], lists: float) -> None:
        super().__init__(rng, calm=True, kinds=kinds, lists=lists)
        self.phases: dict[int, str] = {1: "continuous", 2: "continuous", 3: "continuous"}

    def next(self) -> tuple[int, c.Command]:
        time_ns, command = super().next()
        draw = self.rng.random()
        if draw < 0.05:
            return time_ns, self.phase()
        if draw < 0.08:
            return time_ns, c.TellIndicativePrice(self.rng.choice((1, 1, 2, 3, 9)))
        if draw < 0.095:
            return time_ns, c.SetReferencePrice(self.rng.choice((1, 1, 3)), self.rng.choice((95, 100, 104, 110)), "ops")
        return time_ns, command

    def phase(self) -> c.Command:
        """Move an instrument to a phase that may follow, or to any; few stay shut."""
        number = self.rng.choice((1, 1, 2, 3))
        known = tuple(MAY_FOLLOW)
        wanted: Any = self.rng.choice(MAY_FOLLOW[self.phases[number]] if self.rng.random() < 0.9 else known)
        if wanted in ("halted", "closed") and self.rng.random() < 0.6:
            wanted = "continuous" if self.rng.random() < 0.5 else "volatility halt"
        return c.SetTradingPhase(number, wanted, "ops", "", self.rng.choice((0, 0, 77)))

    def new_order(self) -> c.Command:
        command = super().new_order()
        if not isinstance(command, c.NewOrder) or self.rng.random() > 0.15:
            return command
        changed = msgspec.structs.replace(command, time_in_force=self.rng.choice(("2", "7", "7")))
        self.sent[-1] = changed
        return changed

    def request(self) -> c.Command:
        """Orders for one auction, and market orders that wait for one, mostly stay such when they are replaced."""
        command = super().request()
        if not isinstance(command, c.ReplaceOrder) or self.rng.random() < 0.1:
            return command
        named = next((each for each in self.sent if each.cl_ord_id == command.orig_cl_ord_id), None)
        if named is None or (named.time_in_force not in ("2", "7") and named.ord_type != "1"):
            return command
        price = 0 if named.ord_type == "1" else command.price
        return msgspec.structs.replace(command, time_in_force=named.time_in_force, ord_type=named.ord_type, price=price)

    def order_list(self, order: c.NewOrder) -> c.Command:
        """Besides those with a stop, pairs of limit orders, and entries with legs at the close."""
        draw = self.rng.random()
        if draw < 0.6:
            return super().order_list(order)
        price = order.price or self.price()
        life: Any = self.rng.choice(("0", "1", "7"))
        first = msgspec.structs.replace(order, ord_type="2", price=price, time_in_force=life, post_only=False)
        second = msgspec.structs.replace(first, cl_ord_id=self.name(), price=price + self.rng.randint(-3, 3))
        kind: Any = "oco"
        if draw > 0.85:
            kind = "oto"
            ahead = (1 if order.side == "1" else -1) * self.rng.randint(1, 3)
            second = msgspec.structs.replace(
                second,
                side="2" if order.side == "1" else "1",
                price=price + ahead,
                time_in_force=self.rng.choice(("2", "7", "7")),
            )
        self.sent[-1:] = [first, second]
        return c.NewOrderList(order.session_id, 1, 1, "L", kind, (first, second))
