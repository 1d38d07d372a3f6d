"""Random commands over trading phases: auctions, halts, circuit breakers, orders at the opening and at the close."""

import random
from typing import Any, cast

import msgspec

from matching import commands as c
from matching.phases import TABLE
from matching.terms import Terms
from matching.types import Side
from tests.model.special_flow import SpecialFlow

PHASES = [phase for phase in TABLE if phase != "delisted"]
BREAKERS = (
    c.DefineInstrument(1, "AAPL", "spot", "USD", 1_000_000, 100_000_000, 10_000, 100, 2_000, 300, 500, 30),
    c.DefineInstrument(3, "BTC-PERP", "perpetual", "USD", 50_000_000, 100_000, 500, 100, 5_000, 200, 0, 10),
    c.DefineInstrument(2, "MSFT", "spot", "USD", 1_000_000, 100_000_000, 10_000, 103, 1_111, 5, 0, 0),
)


class PhaseFlow(SpecialFlow):
    """A flow in which instruments move from phase to phase, mostly along the table. `phases` is what was sent last;
    `pairs`: there are lists of two limit orders too.
    """

    def __init__(self, rng: random.Random, *, share: float = 0.3, pairs: bool = False) -> None:
        super().__init__(rng, share=share)
        self.pairs = pairs
        self.phases: dict[int, str] = {1: "continuous", 2: "continuous", 3: "continuous"}

    def next(self) -> tuple[int, c.Command]:
        time_ns, command = super().next()
        draw = self.rng.random()
        if draw < 0.03:
            return time_ns, self.phase()
        if draw < 0.07:
            return time_ns, c.TellIndicativePrice(self.rng.choice((1, 1, 2, 3, 9)))
        if draw < 0.08:
            return time_ns, self.rng.choice(BREAKERS)
        return time_ns, command

    def phase(self) -> c.Command:
        """Move an instrument to a phase that may follow, or to any."""
        instrument_id = self.rng.choice((1, 1, 2, 3))
        following: list[Any] = list(TABLE[cast(Any, self.phases[instrument_id])].following)
        wanted = self.rng.choice(following if self.rng.random() < 0.9 else PHASES)
        if wanted in ("halted", "closed", "delisted") and self.rng.random() < 0.7:
            wanted = "continuous" if self.rng.random() < 0.5 else "volatility halt"
        if wanted == "delisted":
            wanted = "halted"
        self.phases[instrument_id] = wanted
        return c.SetTradingPhase(instrument_id, wanted, "ops", "", self.rng.choice((0, self.time_ns + 5)))

    def new_order(self) -> c.Command:
        command = super().new_order()
        if not isinstance(command, c.NewOrder) or self.rng.random() > 0.15:
            return command
        changed = msgspec.structs.replace(command, time_in_force=self.rng.choice(("2", "7", "7")))
        self.sent[-1] = changed
        return changed

    def request(self) -> c.Command:
        """Orders for one auction mostly stay such when they are replaced."""
        command = super().request()
        if not isinstance(command, c.ReplaceOrder):
            return command
        named = next((each for each in self.sent if each.cl_ord_id == command.orig_cl_ord_id), None)
        if named is None or named.time_in_force not in ("2", "7") or self.rng.random() < 0.1:
            return command
        return msgspec.structs.replace(command, time_in_force=named.time_in_force, ord_type=named.ord_type)

    def order_list(self, order: c.NewOrder) -> c.Command:
        """Besides those with a stop, lists of two limit orders, and of an entry with orders at the close behind it."""
        draw = self.rng.random()
        if draw < 0.4 or not self.pairs:
            return super().order_list(order)
        price = order.price or self.price()
        life = self.rng.choice(("0", "1", "7"))
        first = msgspec.structs.replace(order, ord_type="2", price=price, time_in_force=life, post_only=False)
        second = msgspec.structs.replace(first, cl_ord_id=self.name(), price=price + self.rng.randint(-3, 3))
        self.sent += [first, second]
        if draw < 0.8:
            return c.NewOrderList(order.session_id, 1, 1, "L", "oco", (first, second))
        side: Side = "2" if order.side == "1" else "1"
        leg = msgspec.structs.replace(second, side=side, terms=Terms(display_qty=self.rng.choice((0, 0, 1))))
        return c.NewOrderList(order.session_id, 1, 1, "L", "oto", (first, leg))
