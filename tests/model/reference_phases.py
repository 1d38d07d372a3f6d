"""The judge of trading phases: the reference exchange with calls, auctions at one price, and what is refused meanwhile.

For market and limit orders without terms; the price is `reference_auction`'s, which tries every price.
"""

from dataclasses import dataclass, field
from typing import Any

import msgspec

from matching import commands as c
from matching import events as e
from tests.model.reference_auction import auction_price
from tests.model.reference_exchange import ReferenceExchange
from tests.model.reference_orders import OPEN, ReferenceOrder, ReferenceWork
from tests.model.reference_risk import ReferenceRisk

CALLS = ("opening auction", "volatility halt", "closing auction")
TAKING = ("pre-open", "continuous", *CALLS)
MAY_FOLLOW = {
    "pre-open": ("opening auction", "continuous", "halted", "closed"),
    "opening auction": ("continuous", "pre-open", "halted", "closed"),
    "continuous": ("volatility halt", "closing auction", "pre-open", "halted", "closed"),
    "volatility halt": ("continuous", "closing auction", "halted", "closed"),
    "closing auction": ("closed", "continuous", "halted"),
    "closed": ("pre-open", "opening auction", "continuous", "halted"),
    "halted": ("continuous", "volatility halt", "pre-open", "opening auction", "closing auction", "closed"),
}


@dataclass
class Auction:
    """What an auction has still to do, and what comes after it; `aside` are order ids that take no part in it."""

    command: c.SetTradingPhase
    ended: str
    price: int = 0
    qty: int = 0
    surplus: int = 0
    left: int = 0
    trade_id: int = 0
    is_determined: bool = True
    aside: list[int] = field(default_factory=list)
    expiring: list[int] | None = None


class PhasedRisk(ReferenceRisk):
    """Checks as before, where `executing` instruments and phases that take no orders count as closed."""

    executing: dict[int, Auction]

    def check(self, order: Any, prior: Any, *, would_take: bool, is_open: bool = False, before: int = 0) -> int | None:
        number, real = order.instrument_id, self.phases[order.instrument_id]
        self.phases[number] = "continuous" if real in TAKING and number not in self.executing else "closed"
        try:
            return super().check(order, prior, would_take=would_take, is_open=is_open, before=before)
        finally:
            self.phases[number] = real


@dataclass
class PhasedExchange(ReferenceExchange):
    """`executing` are auctions by instrument, `crossable` instruments whose book may be crossed."""

    executing: dict[int, Auction] = field(default_factory=dict)
    crossable: list[int] = field(default_factory=list)
    last_prices: dict[int, int] = field(default_factory=dict)
    told: dict[int, tuple[int, int, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.risk = PhasedRisk()
        self.risk.executing = self.executing

    def matches(self, instrument_id: int) -> bool:
        return self.risk.phases[instrument_id] == "continuous"

    # -- orders -------------------------------------------------------------------------------------------------------

    def phase_reason(self, command: c.NewOrder) -> int | None:
        number = command.instrument_id
        if self.matches(number) or self.risk.phases[number] not in TAKING or number in self.executing:
            return None
        return 2 if command.time_in_force in ("3", "4") or command.post_only else None

    def must_expire(self, order: ReferenceOrder) -> bool:
        return self.matches(order.instrument_id) and super().must_expire(order)

    def candidates(self, order: ReferenceOrder) -> list[ReferenceOrder]:
        return super().candidates(order) if self.matches(order.instrument_id) else []

    def trade(self, order: ReferenceOrder) -> None:
        before = order.cum_value, order.cum_qty
        last = self.trade_id
        super().trade(order)
        if self.trade_id > last:
            fills = [event for event in self.out if isinstance(event, e.Execution) and event.exec_type == "F"]
            self.last_prices[order.instrument_id] = fills[-1].last_price
        assert before <= (order.cum_value, order.cum_qty)

    def request_fault(self, command: c.CancelOrder | c.ReplaceOrder, order: ReferenceOrder | None) -> int | None:
        fault = super().request_fault(command, order)
        if fault is None and order is not None and order.instrument_id in self.executing:
            return 99
        return fault

    def on_ReplaceOrder(self, command: c.ReplaceOrder) -> None:  # noqa: N802  # named after the command
        """A market order that waits for an auction stays one, and has no price to replace."""
        order = self.find(command)
        if order is not None and order.ord_type == "1" and order.status in OPEN:
            if command.ord_type == "1":
                command = msgspec.structs.replace(command, ord_type="2", price=order.price)
            else:
                command = msgspec.structs.replace(command, ord_type="1")
        super().on_ReplaceOrder(command)

    # -- phases -------------------------------------------------------------------------------------------------------

    def on_SetTradingPhase(self, command: c.SetTradingPhase) -> None:  # noqa: N802  # named after the command
        number, phase = command.instrument_id, self.risk.phases.get(command.instrument_id, "")
        if (
            not phase
            or number in self.executing
            or command.until_ns < 0
            or (command.phase != phase and command.phase not in MAY_FOLLOW[phase])
        ):
            self.refuse_command(command)
            return
        opens = command.phase == "continuous" != phase
        if (opens or (phase == "closing auction" and command.phase == "closed")) and number in self.crossable:
            work = ReferenceWork("auction", number, [0])
            self.begin_auction(Auction(command, phase), work)
            auctions = [each for each in self.works if each.kind == "auction"]
            self.works.insert(len(auctions), work)
            self.say_left()
            return
        self.enter(command)

    def begin_auction(self, auction: Auction, work: ReferenceWork) -> None:
        """Let nothing in any more, and determine the price."""
        del work
        number = auction.command.instrument_id
        self.executing[number] = auction
        auction.price, auction.qty, auction.surplus = self.clearing(number)
        auction.left = auction.qty

    def enter(self, command: c.SetTradingPhase) -> None:
        number = command.instrument_id
        self.risk.phases[number] = command.phase
        self.told.pop(number, None)
        if command.phase in ("pre-open", *CALLS) and number not in self.crossable:
            self.crossable.append(number)
        self.out.append(e.TradingPhaseSet(number, command.phase, command.reason, command.until_ns))

    def on_TellIndicativePrice(self, command: c.TellIndicativePrice) -> None:  # noqa: N802  # as above
        number = command.instrument_id
        if number not in self.risk.instruments:
            self.refuse_command(command)
        elif self.risk.phases[number] in CALLS and number not in self.executing:
            clearing = self.clearing(number)
            if clearing != self.told.get(number, (0, 0, 0)):
                self.told[number] = clearing
                self.out.append(e.IndicativePrice(number, *clearing))

    def side(self, number: int, side: str) -> list[ReferenceOrder]:
        """Open orders of one side in the order in which an auction executes them."""
        sign = -1 if side == "1" else 1
        found = [o for o in self.orders if o.instrument_id == number and o.side == side and o.leaves]
        return sorted(found, key=lambda o: (o.price * sign, o.ord_type != "1", o.place))

    def clearing(self, number: int) -> tuple[int, int, int]:
        bids, asks = ([(o.price, o.leaves) for o in self.side(number, side)] for side in ("1", "2"))
        reference = self.last_prices.get(number) or self.risk.references[number]
        return auction_price(bids, asks, reference) or (0, 0, 0)

    # -- work ---------------------------------------------------------------------------------------------------------

    def begin_first_step(self, work: ReferenceWork) -> bool:
        return not any(each.kind == "auction" for each in self.works) or not work.order_ids

    def is_blocked(self, session_id: int, account_id: int) -> bool:
        works = self.works
        self.works = [work for work in works if work.kind != "auction"]
        blocked = super().is_blocked(session_id, account_id)
        self.works = works
        return blocked

    def step(self, work: ReferenceWork) -> None:
        if work.kind != "auction":
            super().step(work)
            return
        number = work.target_id
        auction = self.executing[number]
        if auction.left:
            self.trade_auction(number, auction)
            return
        if auction.expiring is None:
            auction.expiring = [
                o.order_id for o in self.orders if o.instrument_id == number and o.leaves and o.ord_type == "1"
            ]
            work.order_ids = auction.expiring
            if work.order_ids:
                return
        now, work.order_ids = work.order_ids[: self.step_max], work.order_ids[self.step_max :]
        for order in [o for o in self.orders if o.order_id in now]:
            order.status = "C"
            self.say(order, "C")
        if not work.order_ids:
            self.end_auction(number, auction, work)

    def trade_auction(self, number: int, auction: Auction) -> None:
        for _ in range(max(self.step_max // 2, 1)):
            if not auction.left:
                return
            buyer, seller = self.side(number, "1")[0], self.side(number, "2")[0]
            assert seller.price <= auction.price <= buyer.price
            qty = min(auction.left, buyer.leaves, seller.leaves)
            auction.left -= qty
            self.risk.settle(buyer, seller, auction.price, qty)
            self.trade_id = auction.trade_id = self.trade_id + 1
            for order in (buyer, seller):
                order.cum_qty += qty
                order.cum_value += auction.price * qty
                order.status = "2" if order.cum_qty == order.qty else "1"
                fill = {"last_price": auction.price, "last_qty": qty, "trade_id": self.trade_id, "is_auction": True}
                self.say(order, "F", **fill)

    def end_auction(self, number: int, auction: Auction, work: ReferenceWork) -> None:
        self.works.remove(work)
        del self.executing[number]
        self.crossable.remove(number)
        if auction.qty:
            self.last_prices[number] = auction.price
        trade_id = auction.trade_id if auction.qty else 0
        ended: Any = auction.ended
        price = auction.price if auction.qty else 0
        self.out.append(e.AuctionEnded(number, ended, price, auction.qty, auction.surplus, trade_id))
        self.enter(auction.command)
