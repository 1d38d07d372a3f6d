"""The judge for orders with terms: icebergs, self-match prevention, triggers, times, reduce-only and brackets.

As slow and obvious as the rules are said: the whole list of orders is searched for who trades next, for what is
triggered, for what has to be cut. It knows no levels, queues, watches or flags, and no bound on steps.
"""

from dataclasses import dataclass, field
from typing import Any

import msgspec

from matching import commands as c
from matching import events as e
from matching.terms import Terms
from tests.model.reference_exchange import ReferenceExchange, ReferenceOrder

TRIGGERED = ("3", "4", "J")
TAKING = ("1", "3", "J")


@dataclass
class SpecialOrder(ReferenceOrder):
    """`visible` is what of it would be shown; `waits` says for what it waits, `since` which of two waited first;
    `told` is what its last report said that the book shows. `holds`: it has money or shares held.
    """

    terms: Terms | None = None
    visible: int = 0
    waits: str = ""
    since: int = 0
    told: tuple[int, int] = (0, 0)
    holds: bool = True
    link: int = 0

    @property
    def shown(self) -> int:
        return 0 if self.waits or not self.leaves else self.visible


@dataclass
class ReferenceLink:
    """Order ids of a bracket: its entry (0: closed) and its legs, what closed ones have filled, whether a leg ended."""

    entry: int
    legs: list[int]
    qty: int
    done: int = 0
    broken: bool = False


@dataclass
class ReferenceSpecial(ReferenceExchange):
    """`last` and `mark` are prices by instrument; `due` are order ids of triggered orders that have not entered."""

    last: dict[int, int] = field(default_factory=dict)
    mark: dict[int, int] = field(default_factory=dict)
    due: list[int] = field(default_factory=list)
    trims: list[tuple[int, int]] = field(default_factory=list)
    links: list[ReferenceLink] = field(default_factory=list)
    touched: list[int] = field(default_factory=list)
    expiring_ns: int = 0
    counter: int = 0

    def apply(self, time_ns: int, command: c.Command) -> list[e.Event]:
        super().apply(time_ns, command)
        self.follow_up()
        return self.out

    def by_id(self, order_id: int) -> Any:
        return next((order for order in self.orders if order.order_id == order_id), None)

    # -- saying -------------------------------------------------------------------------------------------------------

    def say(self, order: Any, exec_type: str, *, session_id: int = 0, **more: Any) -> None:
        if order.terms is not None and exec_type != "I":
            more["prior_price"], more["prior_leaves"] = order.told
            order.told = (order.price if order.shown else 0, order.shown)
        super().say(order, exec_type, session_id=session_id, **more)
        if order.terms is not None:
            self.out[-1] = msgspec.structs.replace(self.out[-1], terms=order.terms, shown_qty=order.shown)

    # -- a new order --------------------------------------------------------------------------------------------------

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

    def refuse(self, command: c.NewOrder, reason: int) -> e.Execution:
        event = msgspec.structs.replace(self.rejection(command, reason), terms=command.terms)
        self.out.append(event)
        return event

    def order_of(self, command: c.NewOrder) -> SpecialOrder:
        low, high = self.risk.band(command.instrument_id)
        price = command.price
        if command.ord_type in TAKING:
            price = high if command.side == "1" else low
        terms = command.terms
        if terms is not None and terms.peg == "trail" and not terms.stop_price:
            terms = msgspec.structs.replace(terms, stop_price=self.trailing(command.instrument_id, command.side, terms))
        return SpecialOrder(
            order_id=0,
            session_id=command.session_id,
            comp_id=self.comp_ids[command.session_id],
            names=[command.cl_ord_id],
            account_id=command.account_id,
            instrument_id=command.instrument_id,
            side=command.side,
            ord_type=command.ord_type,
            time_in_force=command.time_in_force,
            price=price,
            qty=command.qty,
            place=0,
            terms=terms,
            visible=min(command.qty, terms.display_qty or command.qty) if terms else command.qty,
        )

    def trailing(self, instrument_id: int, side: str, terms: Terms) -> int:
        price = (self.mark if terms.trigger == "mark" else self.last).get(instrument_id, 0)
        price = price or self.risk.references[instrument_id]
        return price + terms.offset if side == "1" else max(price - terms.offset, 1)

    def entry_fault(self, command: c.NewOrder, order: SpecialOrder) -> int | None:
        if command.terms is None and command.ord_type in TRIGGERED:
            return 11
        if command.terms is not None:
            reason = self.terms_fault(order, command.terms, post_only=command.post_only)
            if reason is not None:
                return reason
            if command.terms.reduce_only and command.ord_type not in TRIGGERED and not self.position_to_reduce(order):
                return 99
        if self.is_blocked(command.session_id, command.account_id):
            return 2 if any(work.kind == "end" for work in self.works[: self.first_block(command)]) else 99
        return self.risk.check(order, None, would_take=command.post_only and self.best_against(order) is not None)

    def terms_fault(self, order: SpecialOrder, terms: Terms, *, post_only: bool) -> int | None:
        """OrdRejReason(103) of terms that contradict the order's type, life or instrument."""
        immediate = order.time_in_force in ("3", "4")
        if order.ord_type not in TRIGGERED and terms.stop_price:
            return 11
        if order.ord_type in TRIGGERED and (post_only or (not terms.stop_price and terms.peg != "trail")):
            return 11
        if terms.peg == "trail" and (order.ord_type != "3" or terms.offset < 1):
            return 11
        if terms.peg != "trail" and (terms.peg or terms.offset):
            return 11
        if terms.display_qty and (order.ord_type in TAKING or immediate):
            return 11
        if terms.display_qty > order.qty:
            return 13
        if (order.time_in_force == "6") != bool(terms.expire_ns):
            return 11
        if order.time_in_force == "6" and terms.expire_ns <= self.time_ns:
            return 99
        spot = self.risk.instruments[order.instrument_id].kind == "spot"
        return 11 if terms.reduce_only and spot else None

    def position_to_reduce(self, order: Any) -> int:
        """How much of the account's position an order on its side would close."""
        position = self.risk.balance(order.account_id, self.risk.instruments[order.instrument_id].symbol)
        return max(0, -position if order.side == "1" else position)

    def accept(self, order: SpecialOrder, *, holds: bool = True, for_entry: bool = False) -> None:
        self.order_id += 1
        order.order_id = self.order_id
        order.holds = holds
        order.waits = "entry" if for_entry else "trigger" if order.ord_type in TRIGGERED else ""
        self.orders.append(order)
        self.say(order, "0")
        order.place = self.exec_id

    def go_on(self, order: SpecialOrder) -> None:
        """Let an order that is in no book wait or enter."""
        if order.waits == "trigger":
            self.counter += 1
            order.since = self.counter
            if self.is_matching(order) and self.is_passed(order):
                self.trigger(order)
        elif not order.waits:
            self.go(order)

    def is_matching(self, order: Any) -> bool:
        return self.risk.phases[order.instrument_id] == "continuous"

    def go(self, order: Any) -> None:
        """Match, and let the rest stand or expire."""
        self.cut_to_position(order)
        if not order.leaves:
            return
        if self.is_matching(order):
            self.trade(order)
        if order.leaves and (order.ord_type in TAKING or order.time_in_force in ("3", "4")):
            self.end(order, "C")

    # -- matching -----------------------------------------------------------------------------------------------------

    def candidates(self, order: Any) -> list[Any]:
        return [each for each in super().candidates(order) if not each.waits]  # type: ignore[attr-defined]

    def trade(self, order: Any) -> None:
        if order.time_in_force == "4" and not self.has_room(order):
            return
        prices = []
        while order.leaves and self.candidates(order):
            resting = self.candidates(order)[0]
            if not self.may_trade(order, resting):
                continue
            prices.append(resting.price)
            self.fill(order, resting, min(order.leaves, resting.visible))
        for price in prices:
            self.reach(self.last, order.instrument_id, price, "last")

    def may_trade(self, order: Any, resting: Any) -> bool:
        for each in (resting, order):
            if each.link in self.touched:
                self.shrink(each.link)
                if not (order.leaves and resting.leaves):
                    return False
            if each.terms is not None and each.terms.reduce_only and self.position_to_reduce(each) < each.leaves:
                self.cut(each, self.position_to_reduce(each))
                return False
        if self.is_own(order, resting):
            self.prevent(order, resting)
            return False
        return True

    def is_own(self, order: Any, other: Any) -> bool:
        if not order.terms or not other.terms or not order.terms.self_match_id:
            return False
        firms = [self.risk.accounts[each.account_id].firm for each in (order, other)]
        same = order.account_id == other.account_id or firms[0] == firms[1]
        return bool(order.terms.self_match_id == other.terms.self_match_id and same)

    def prevent(self, order: Any, resting: Any) -> None:
        mode = order.terms.self_match_mode or "newest"
        if mode == "decrement":
            both = min(order.leaves, resting.leaves)
            self.cut(resting, resting.leaves - both, why=17)
            self.cut(order, order.leaves - both, why=17)
        why = {"newest": 18, "oldest": 19, "both": 20}.get(mode, 0)
        if mode in ("oldest", "both"):
            self.end(resting, "4", exec_restatement_reason=why)
        if mode in ("newest", "both"):
            self.end(order, "4", exec_restatement_reason=why)

    def has_room(self, order: Any) -> bool:
        wanted = order.leaves
        for resting in self.candidates(order):
            if self.is_own(order, resting):
                if order.terms.self_match_mode != "oldest":
                    return False
            elif resting.terms is None or not resting.terms.reduce_only:
                wanted -= resting.leaves
                if wanted <= 0:
                    return True
        return False

    def fill(self, order: Any, resting: Any, qty: int) -> None:
        price = resting.price
        buyer, seller = (order, resting) if order.side == "1" else (resting, order)
        self.risk.settle(buyer, seller, price, qty)
        self.trade_id += 1
        resting.visible -= qty
        for side in (resting, order):
            side.cum_qty += qty
            side.cum_value += price * qty
            side.status = "2" if side.cum_qty == side.qty else "1"
        self.show(order)
        for side in (resting, order):
            aggressive = side is order
            self.say(side, "F", last_price=price, last_qty=qty, trade_id=self.trade_id, is_aggressor=aggressive)
        if not resting.leaves:
            self.closed(resting)
        elif not resting.visible:
            self.show(resting)
            self.say(resting, "D", exec_restatement_reason=4)
            resting.place = self.exec_id
        if not order.leaves:
            self.closed(order)
        for side in (resting, order):
            if side.link and side.link not in self.touched:
                self.touched.append(side.link)
        for side in (order, resting):
            key = (side.account_id, side.instrument_id)
            if self.reducing(key) and key not in self.trims:
                self.trims.append(key)

    def show(self, order: Any) -> None:
        display = order.terms.display_qty if order.terms else 0
        order.visible = min(order.leaves, display) if display else order.leaves

    def reducing(self, key: tuple[int, int]) -> list[Any]:
        """Resting reduce-only orders of an account in an instrument, that is, which have been in the book."""
        return [
            each
            for each in self.orders
            if (each.account_id, each.instrument_id) == key
            and each.leaves
            and each.terms is not None  # type: ignore[attr-defined]
            and each.terms.reduce_only  # type: ignore[attr-defined]
            and not each.waits  # type: ignore[attr-defined]
        ]

    # -- less, and the end --------------------------------------------------------------------------------------------

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

    def closed(self, order: Any) -> None:
        """Take an order that has closed out of its link, and of what is due."""
        order.waits = ""
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

    # -- triggers -----------------------------------------------------------------------------------------------------

    def is_up(self, order: Any) -> bool:
        return bool((order.side == "1") != (order.ord_type == "J"))

    def is_passed(self, order: Any) -> bool:
        price = (self.mark if order.terms.trigger == "mark" else self.last).get(order.instrument_id, 0)
        if not price:
            return False
        return bool(price >= order.terms.stop_price if self.is_up(order) else price <= order.terms.stop_price)

    def reach(self, prices: dict[int, int], instrument_id: int, price: int, trigger: str) -> None:
        """A price was seen: what it triggers is due, nearest first, oldest first; what trails follows."""
        prices[instrument_id] = price
        waiting: list[Any] = [
            each
            for each in self.orders
            if each.instrument_id == instrument_id
            and each.waits == "trigger"  # type: ignore[attr-defined]
            and each.order_id not in self.due
            and each.terms.trigger == trigger  # type: ignore[attr-defined]
        ]
        reached = [each for each in waiting if self.is_passed(each)]
        ups = sorted((o for o in reached if self.is_up(o)), key=lambda o: (o.terms.stop_price, o.since))
        downs = sorted((o for o in reached if not self.is_up(o)), key=lambda o: (-o.terms.stop_price, o.since))
        self.due += [each.order_id for each in ups + downs]
        for each in waiting:
            if each.terms.peg == "trail" and each not in reached:
                wanted = price + each.terms.offset if each.side == "1" else max(price - each.terms.offset, 1)
                if wanted < each.terms.stop_price if each.side == "1" else wanted > each.terms.stop_price:
                    each.terms = msgspec.structs.replace(each.terms, stop_price=wanted)
                    self.counter += 1
                    each.since = self.counter

    def trigger(self, order: Any) -> None:
        if order.order_id in self.due:
            self.due.remove(order.order_id)
        is_leg = order.link and self.links[order.link - 1].entry != order.order_id
        if is_leg and not self.unlink_triggered(order):
            return
        low, high = self.risk.band(order.instrument_id)
        price = order.price
        if order.ord_type in TAKING:
            price = min(price, high) if order.side == "1" else max(price, low)
        wanted = SpecialOrder(**{**order.__dict__, "price": price})
        reason = self.risk.check(wanted, order if order.holds else None, would_take=False, is_open=True)
        if reason is not None:
            self.end(order, "4", exec_restatement_reason=99)
            return
        order.price, order.holds, order.waits = price, True, ""
        self.say(order, "L")
        order.place = self.exec_id
        self.go(order)

    # -- brackets -----------------------------------------------------------------------------------------------------

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

    def entry_prices(self, ord_type: str, price: int, terms: Terms | None) -> list[int]:
        stop_price = terms.stop_price if terms is not None else 0
        found = {"2": [price], "3": [stop_price], "J": [stop_price], "4": [price, stop_price]}.get(ord_type, [])
        return [each for each in found if each]

    def is_wrong_side(self, side: str, prices: list[int], profit: int, loss: int) -> bool:
        """Whether an exit (0: none) is not on its side of all entry prices and of the other exit."""
        above, below = (profit, loss) if side == "1" else (loss, profit)
        wrong = [price for price in prices if (above and above <= price) or (below and below >= price)]
        return bool(wrong) or bool(above and below and above <= below)

    def is_moved_beyond(self, order: Any, price: int, terms: Terms) -> bool:
        link = self.links[order.link - 1] if order.link else None
        if link is None or not link.entry:
            return False
        entry = self.by_id(link.entry)
        at = {each: (self.by_id(each).price, self.by_id(each).terms) for each in (link.entry, *link.legs)}
        at[order.order_id] = (price, terms)
        exits = {self.by_id(each).ord_type: each for each in link.legs}
        profit = at[exits["2"]][0] if "2" in exits else 0
        loss = at[exits["3"]][1].stop_price if "3" in exits else 0
        prices = self.entry_prices(entry.ord_type, *at[link.entry])
        return self.is_wrong_side(entry.side, prices, profit, loss)

    def left(self, link: ReferenceLink) -> int:
        qty = self.by_id(link.entry).cum_qty if link.entry else link.qty
        return int(qty - link.done - sum(self.by_id(each).cum_qty for each in link.legs))

    def settle(self, number: int) -> None:
        link = self.links[number - 1]
        self.shrink(number)
        for order_id in list(link.legs):
            leg = self.by_id(order_id)
            if leg is not None and leg.link == number and self.left(link) > 0:
                if leg.waits == "entry" or leg.leaves < self.left(link):
                    self.grow(leg, self.left(link))
        self.touched.remove(number)

    def shrink(self, number: int) -> None:
        link = self.links[number - 1]
        over = link.broken or (not link.entry and self.left(link) <= 0)
        for order_id in [each for each in (link.entry, *link.legs) if each]:
            order = self.by_id(order_id)
            if over and order is not None and order.leaves:
                self.end(order, "4", exec_restatement_reason=99)
            elif not over and order_id != link.entry and order.waits != "entry":
                if order.leaves > self.left(link) > 0:
                    self.cut(order, self.left(link))

    def grow(self, leg: Any, leaves: int) -> None:
        others = [self.by_id(each) for each in self.links[leg.link - 1].legs if each != leg.order_id]
        if leg.ord_type not in TRIGGERED or not any(each.ord_type == "2" or each.holds for each in others):
            wanted = SpecialOrder(**{**leg.__dict__, "qty": leg.cum_qty + leaves})
            reason = self.risk.check(wanted, leg if leg.holds else None, would_take=False, is_open=True)
            if reason is not None and leg.ord_type not in TRIGGERED:
                if leg.waits == "entry" and not (reason == 2 and self.risk.accepting):
                    self.links[leg.link - 1].legs.remove(leg.order_id)
                    leg.link = 0
                    self.end(leg, "4", exec_restatement_reason=99)
                return
            leg.holds = reason is None
        leg.qty = leg.cum_qty + leaves
        leg.waits = "trigger" if leg.ord_type in TRIGGERED else ""
        self.show(leg)
        if leg.order_id in self.due:
            self.due.remove(leg.order_id)
        self.say(leg, "D", exec_restatement_reason=99)
        leg.place = self.exec_id
        self.go_on(leg)

    def unlink_triggered(self, order: Any) -> bool:
        number = order.link
        link = self.links[number - 1]
        self.shrink(number)
        if not order.leaves:
            return False
        left = self.left(link)
        others = [self.by_id(each) for each in (link.entry, *link.legs) if each and each != order.order_id]
        if others and self.is_refused_alone(order, others, min(left, order.leaves)):
            link.legs.remove(order.order_id)
            order.link = 0
            self.end(order, "4", exec_restatement_reason=99)
            return False
        link.legs.remove(order.order_id)
        order.link = 0
        for order_id in [each for each in (link.entry, *link.legs) if each]:
            if self.by_id(order_id).leaves:
                self.end(self.by_id(order_id), "4", exec_restatement_reason=99)
        if left < order.leaves:
            self.cut(order, left)
        return bool(order.leaves)

    def is_refused_alone(self, order: Any, others: list[Any], leaves: int) -> bool:
        """Whether a triggered leg is refused although nothing that it is linked to holds anything."""
        low, high = self.risk.band(order.instrument_id)
        price = order.price
        if order.ord_type in TAKING:
            price = min(price, high) if order.side == "1" else max(price, low)
        wanted = SpecialOrder(**{**order.__dict__, "price": price, "cum_qty": order.qty - leaves})
        held = [each.holds for each in (order, *others)]
        for each in (order, *others):
            each.holds = False
        reason = self.risk.check(wanted, None, would_take=False, is_open=True)
        for each, holds in zip((order, *others), held, strict=True):
            each.holds = holds
        return reason is not None

    # -- what follows -------------------------------------------------------------------------------------------------

    def follow_up(self) -> None:
        """Do what the command has brought about in other orders."""
        while True:
            due = [each for each in self.due if self.is_matching(self.by_id(each))]
            if self.touched:
                self.settle(self.touched[0])
            elif self.trims:
                for each in sorted(self.reducing(self.trims.pop(0)), key=lambda order: order.order_id):
                    self.cut_to_position(each)
            elif due:
                self.trigger(self.by_id(due[0]))
            elif not self.expire_next():
                return

    def expire_next(self) -> bool:
        found: list[Any] = [
            each
            for each in self.orders
            if each.leaves and each.time_in_force == "6" and each.terms.expire_ns <= self.expiring_ns  # type: ignore[attr-defined]
        ]
        if found:
            self.end(min(found, key=lambda each: (each.terms.expire_ns, each.order_id)), "C")
        return bool(found)

    # -- other commands -----------------------------------------------------------------------------------------------

    def on_SetMarkPrice(self, command: c.SetMarkPrice) -> None:  # noqa: N802  # named after the command
        if command.instrument_id not in self.risk.instruments or command.price < 1:
            self.refuse_command(command)
            return
        self.out.append(e.MarkPriceSet(command.instrument_id, command.price))
        self.mark[command.instrument_id] = command.price
        if self.risk.phases[command.instrument_id] == "continuous":
            self.reach(self.mark, command.instrument_id, command.price, "mark")

    def on_SetTradingPhase(self, command: c.SetTradingPhase) -> None:  # noqa: N802  # named after the command
        super().on_SetTradingPhase(command)
        for number, link in enumerate(self.links, start=1):
            waiting = [self.by_id(each) for each in link.legs if self.by_id(each).waits == "entry"]
            if any(each.instrument_id == command.instrument_id for each in waiting) and self.left(link) > 0:
                if number not in self.touched:
                    self.touched.append(number)
        if self.risk.phases.get(command.instrument_id) == "continuous":
            for prices, trigger in ((self.last, "last"), (self.mark, "mark")):
                if prices.get(command.instrument_id):
                    self.reach(prices, command.instrument_id, prices[command.instrument_id], trigger)

    def on_ExpireOrders(self, command: c.ExpireOrders) -> None:  # noqa: N802  # named after the command
        if command.until_ns > self.time_ns:
            self.refuse_command(command)
        else:
            self.expiring_ns = max(self.expiring_ns, command.until_ns)

    def on_EndTradingDay(self, command: c.EndTradingDay) -> None:  # noqa: N802  # named after the command
        self.expiring_ns = max(self.expiring_ns, self.time_ns)
        super().on_EndTradingDay(command)

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
        terms, price = self.merged(command, order), order.price if order.ord_type in TAKING else command.price
        leaves = command.qty - order.cum_qty
        same_terms = terms == (order.terms or Terms())
        keeps = price == order.price and command.time_in_force == order.time_in_force and same_terms
        keeps = keeps and leaves < order.leaves
        told = order.told if order.terms is not None else (order.price, order.leaves)
        if keeps:
            self.take_off(order, order.leaves - leaves)
        else:
            order.qty = command.qty
            order.terms = None if terms == Terms() and not order.link else terms
            order.told = told
            self.show(order)
        order.names.append(command.cl_ord_id)
        order.price, order.time_in_force = price, command.time_in_force
        if order.terms is None:
            self.say(order, "5", orig=order.names[-2], prior_price=told[0], prior_leaves=told[1])
        else:
            self.say(order, "5", orig=order.names[-2])
        if not keeps:
            order.place = self.exec_id
            self.go_on(order)

    def special_fault(self, command: c.ReplaceOrder, order: Any) -> int | None:
        present, wanted = order.terms or Terms(), command.terms or Terms()
        entered = order.ord_type == "4" and not order.waits
        if command.ord_type != order.ord_type and not (entered and command.ord_type == "2"):
            return 99
        if command.time_in_force not in (order.time_in_force, "0", "1", "6"):
            return 99
        is_leg = order.link and self.links[order.link - 1].entry != order.order_id
        other_id = order.terms is not None and wanted.self_match_id not in ("", present.self_match_id)
        more = wanted.reduce_only and not present.reduce_only
        if (is_leg and command.qty != order.qty) or wanted.peg not in ("", present.peg) or other_id or more:
            return 99
        if command.qty <= order.cum_qty:
            return 0
        price = order.price if order.ord_type in TAKING else command.price
        terms = self.merged(command, order)
        changes = {"price": price, "qty": command.qty, "terms": terms, "time_in_force": command.time_in_force}
        new = SpecialOrder(**{**order.__dict__, **changes})
        if self.terms_fault(new, terms, post_only=command.post_only) is not None:
            return 99
        if self.is_moved_beyond(order, command.price, terms):
            return 99
        if self.is_blocked(command.session_id, order.account_id):
            return 99
        new.session_id = command.session_id
        takes = command.post_only and any(each is not order for each in self.candidates(new))
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
        if present.peg:
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
        )

    def on_CancelOrder(self, command: c.CancelOrder) -> None:  # noqa: N802  # named after the command
        before = [each for each in self.orders if each.leaves]
        super().on_CancelOrder(command)
        for each in before:
            if not each.leaves:
                self.closed(each)

    def step(self, work: Any) -> None:
        before = [each for each in self.orders if each.leaves]
        super().step(work)
        for each in before:
            if not each.leaves:
                self.closed(each)
