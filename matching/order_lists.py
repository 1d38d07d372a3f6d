"""Lists of linked orders, and brackets asked for by the terms of an entry: taken as a whole, or refused as a whole."""

from typing import TYPE_CHECKING, TypeAlias

import msgspec

from matching import link_ids, list_answers, refusals
from matching.book import Book
from matching.commands import NewOrder, NewOrderList
from matching.events import Event
from matching.instrument import Instrument
from matching.links import Link
from matching.order import Extra, Member, Order
from matching.refusals import Refusal
from matching.term_checks import TRIGGERED_TYPES, exits_fault, prices_of
from matching.terms import PLAIN, Terms
from matching.types import (
    BUY,
    CL_ORD_ID_CHARS_MAX,
    DAY,
    FILL_OR_KILL,
    GOOD_TILL_CANCEL,
    GOOD_TILL_DATE,
    IMMEDIATE_OR_CANCEL,
    LIMIT,
    PEGGED,
    SELL,
    STOP,
    Side,
)

if TYPE_CHECKING:
    from matching.special import SpecialDesk

TAKE_PROFIT_SUFFIX = "-TP"
STOP_LOSS_SUFFIX = "-SL"
"""What the ClOrdIDs of a bracket's legs add to their entry's."""
PlacedFault: TypeAlias = tuple[int | None, Refusal]
"""What is wrong with the orders of a list, and the place of the one that it stands on; None: it is the list's."""
LEGS = {"oco": (2, 2), "oto": (1, 1), "bracket": (2, 2)}
"""Fewest and most legs of a kind of list."""


class OrderLists:
    """Keeps no state of its own."""

    __slots__ = ("desk", "special")

    def __init__(self, special: "SpecialDesk") -> None:
        self.special = special
        self.desk = special.desk

    def enter_list(self, command: NewOrderList, time_ns: int, out: list[Event]) -> None:
        """Take a list: accept all its orders, link them and let them enter, or refuse all of them."""
        desk = self.desk
        session = desk.sessions[command.session_id]
        exposure = -1
        if command.orders:
            first = command.orders[0]
            exposure = desk.exposure_of(desk.books[first.instrument_id], first.account_id)
        throttled = desk.risk.admit(command.session_id, exposure, time_ns) if desk.risk.has_throttles else None
        if throttled is not None:
            ids = command.session_id, command.msg_seq_num
            desk.refuse_throttled(*ids, "E", command.list_id, throttled, time_ns, out)
            return
        names = [each.cl_ord_id for each in command.orders]
        if command.poss_resend and list_answers.are_known(session, names):
            list_answers.tell(desk, command, names, out)
            return
        orders_of_list = tuple(_of_list(each, command.list_id) for each in command.orders)
        command = msgspec.structs.replace(command, orders=orders_of_list)
        placed = self._list_fault(command, session.member)
        session.member.list_ids[command.list_id] = None
        if placed is None:
            faults = self._faults(command.orders, command.kind, time_ns)
            fault = next((each for each in faults if each is not None), None)
        else:
            place, fault = placed
            faults = [fault if each == place else None for each in range(len(command.orders))]
        if fault is not None:
            self._refuse(command, faults, fault, out)
            return
        orders = self._accept_all(command.orders, command.kind, out)
        out.append(list_answers.acceptance(command, orders))
        self._go(orders, out)

    def enter_bracket(self, command: NewOrder, terms: Terms, book: Book, time_ns: int, out: list[Event]) -> None:
        """Take an entry with its take-profit and stop-loss, or refuse it; its legs have ClOrdIDs made from its own."""
        desk = self.desk
        session = desk.sessions[command.session_id]
        exposure = desk.exposure_of(book, command.account_id)
        if desk.is_stopped_at_door(command, session, exposure, time_ns, out):
            return
        orders = (msgspec.structs.replace(command, terms=_without_bracket(terms)), *legs_of(command, terms))
        kind = "bracket" if len(orders) == 3 else "oto"
        placed = self._duplicate_fault(orders, session.member) or self._shape_fault(orders, kind)
        fault = None if placed is None else placed[1]
        if fault is None and any(len(each.cl_ord_id) > CL_ORD_ID_CHARS_MAX for each in orders):
            bound = CL_ORD_ID_CHARS_MAX - len(STOP_LOSS_SUFFIX)
            fault = refusals.CL_ORD_ID_TOO_LONG, f"ClOrdID(11) of a bracket's entry has more than {bound} characters"
        faults = [fault] if fault is not None else self._faults(orders, kind, time_ns)
        refusal = next((each for each in faults if each is not None), None)
        if refusal is not None:
            desk.reject(command, session, refusal, out)
            return
        self._go(self._accept_all(orders, kind, out), out)

    def enter_linked(self, command: NewOrder, terms: Terms, book: Book, time_ns: int, out: list[Event]) -> None:
        """Take an order with a ClOrdLinkID(583): the first waits for its counterpart, with the second they end each
        other.
        """
        desk, entry, singles = self.desk, self.special.entry, self.special.links.singles
        session = desk.sessions[command.session_id]
        exposure = desk.exposure_of(book, command.account_id)
        if desk.is_stopped_at_door(command, session, exposure, time_ns, out):
            return
        key = session.comp_id, terms.link_id
        other = singles.get(key)
        placed = self._shape_fault((command,), "oco")
        fault = None if placed is None else placed[1]
        if fault is None and other is not None:
            fault = _pair_fault(command, other)
        elif fault is None:
            fault = link_ids.used_fault(command, terms.link_id, session.member, desk.orders)
        if fault is None:
            fault = self._linked_fault(command, other, book, time_ns)
        if fault is not None:
            desk.reject(command, session, fault, out)
            return
        holds = other is None or command.ord_type not in TRIGGERED_TYPES
        price = entry.price_of(command, book)
        order = entry.accept(command, book, session, exposure, price, out, holds=holds)
        if other is None:
            singles[key] = order
            link_ids.use(command, terms.link_id, session.member, (order.order_id,))
        else:
            del singles[key]
            link_ids.use(command, terms.link_id, session.member, (other.order_id, order.order_id))
            link = Link(None, [other, order], command.qty)
            self.special.links.add(link, command.instrument_id)
            for each in link.legs:
                assert each.extra is not None, "an order with a link has terms"
                each.extra.link = link
        self.special.go_on(order, book, out)
        self.special.after.run(out)

    def _linked_fault(self, command: NewOrder, other: Order | None, book: Book, time_ns: int) -> Refusal | None:
        """Return what is wrong with an order; a limit order holds for a first one that waits for a trigger."""
        holds = other is None or command.ord_type not in TRIGGERED_TYPES
        gives_up = holds and other is not None and other.ord_type in TRIGGERED_TYPES
        if other is None or other.extra is None or not (gives_up and other.extra.waiting):
            return self._fault(command, book, for_entry=False, holds=holds, time_ns=time_ns)
        self._set_held(other, other.extra, is_held=False)
        fault = self._fault(command, book, for_entry=False, holds=holds, time_ns=time_ns)
        if fault is not None:
            self._set_held(other, other.extra, is_held=True)
        return fault

    def _set_held(self, order: Order, extra: Extra, *, is_held: bool) -> None:
        self.special.release(order)
        extra.is_held = is_held
        self.special.hold(order)

    # -- what may be wrong --------------------------------------------------------------------------------------------

    def _list_fault(self, command: NewOrderList, member: Member) -> PlacedFault | None:
        """Return what is wrong with a list as a list."""
        fault = self._scope_fault(command) or self._duplicate_fault(command.orders, member)
        if fault is None and command.has_own_id and command.list_id in member.list_ids:
            text = f"ListID(66) {command.list_id} was used before on this trading day"
            return None, (refusals.LIST_ID_USED, text)
        return fault or self._shape_fault(command.orders, command.kind)

    def _scope_fault(self, command: NewOrderList) -> PlacedFault | None:
        """Return what is wrong with the number of orders of a list, or with their instruments and accounts."""
        orders = command.orders
        fewest, most = LEGS[command.kind]
        entries = 0 if command.kind == "oco" else 1
        if not entries + fewest <= len(orders) <= entries + most:
            text = f"{len(orders)} orders found, a list of kind {command.kind} has {entries + fewest}"
            return None, (refusals.LIST_NOT_EXPRESSIBLE, text)
        first = orders[0]
        for place, each in enumerate(orders):
            if (each.instrument_id, each.account_id, each.session_id) != (
                first.instrument_id,
                first.account_id,
                command.session_id,
            ):
                text = f"order {each.cl_ord_id} is of another symbol or account than {first.cl_ord_id}"
                return place, (refusals.LIST_NOT_EXPRESSIBLE, text)
        return None

    def _duplicate_fault(self, orders: tuple[NewOrder, ...], member: Member) -> PlacedFault | None:
        names = [each.cl_ord_id for each in orders]
        for place, name in enumerate(names):
            if name in names[:place] or name in member.used or name in member.refused:
                text = f"ClOrdID(11) {name} was used before on this trading day"
                return place, (refusals.DUPLICATE_ORDER, text)
        return None

    def _faults(self, orders: tuple[NewOrder, ...], kind: str, time_ns: int) -> list[Refusal | None]:
        """Return what is wrong with each order of a list whose orders are of one symbol and account."""
        book = self.desk.books[orders[0].instrument_id]
        exposure, risk = self.desk.exposure_of(book, orders[0].account_id), self.desk.risk
        faults: list[Refusal | None] = []
        taken: list[tuple[int, Side, int, int]] = []
        for number, (each, holds) in enumerate(zip(orders, _holding(orders, kind), strict=True)):
            is_waiting = kind != "oco" and number > 0
            faults.append(self._fault(each, book, for_entry=is_waiting, holds=holds, time_ns=time_ns))
            if faults[-1] is None:
                # Held until all are checked, as they need it together.
                taken.append((exposure, each.side, self.special.entry.price_of(each, book), each.qty if holds else 0))
                risk.reserve(*taken[-1])
        for each_taken in taken:
            risk.release(*each_taken)
        return faults

    def _shape_fault(self, orders: tuple[NewOrder, ...], kind: str) -> PlacedFault | None:
        """Return what is wrong with orders of one symbol and account as a list of a kind."""
        legs = orders if kind == "oco" else orders[1:]
        for place, leg in enumerate(legs, len(orders) - len(legs)):
            immediate = leg.time_in_force in (IMMEDIATE_OR_CANCEL, FILL_OR_KILL)
            if leg.ord_type not in (LIMIT, *TRIGGERED_TYPES) or (immediate and leg.ord_type == LIMIT):
                text = f"leg {leg.cl_ord_id} of OrdType(40) {leg.ord_type} does not rest or wait"
                return place, (refusals.LIST_NOT_EXPRESSIBLE, text)
            if leg.qty != orders[0].qty:
                return place, (refusals.LIST_NOT_EXPRESSIBLE, f"leg {leg.cl_ord_id} has another OrderQty(38)")
            if leg.side != legs[0].side or (kind != "oco" and leg.side == orders[0].side):
                return place, (refusals.LIST_NOT_EXPRESSIBLE, f"leg {leg.cl_ord_id} has the wrong Side(54)")
        if orders[0].ord_type == PEGGED:
            return 0, (refusals.LIST_NOT_EXPRESSIBLE, "a pegged order is in no list")
        book = self.desk.books[orders[0].instrument_id]
        return None if kind == "oco" else _bracket_fault(orders[0], legs, book, kind)

    def _fault(self, order: NewOrder, book: Book, *, for_entry: bool, holds: bool, time_ns: int) -> Refusal | None:
        """Return what is wrong with one order."""
        entry = self.special.entry
        exposure = self.desk.exposure_of(book, order.account_id)
        price = entry.price_of(order, book)
        checked = order
        if for_entry and order.terms is not None:
            # Its position comes with its entry's fills.
            checked = msgspec.structs.replace(order, terms=msgspec.structs.replace(order.terms, reduce_only=False))
        fault = entry.terms_refusal(checked, book, exposure, time_ns) or entry.phase_refusal(order, book)
        return fault or entry.refusal_of(order, book, exposure, price, holds=holds)

    def _refuse(self, command: NewOrderList, faults: list[Refusal | None], first: Refusal, out: list[Event]) -> None:
        """Refuse every order of a list, each with its own fault or with the list's; new ClOrdIDs are used."""
        desk = self.desk
        session = desk.sessions[command.session_id]
        whole = refusals.LIST_REFUSED, f"refused with its list {command.list_id}: {first[1]}"
        for order, fault in zip(command.orders, faults, strict=True):
            event = desk.rejection(order, fault or whole)
            if order.cl_ord_id not in session.member.used and order.cl_ord_id not in session.member.refused:
                session.member.refused[order.cl_ord_id] = event
            out.append(event)
        out.append(list_answers.refusal(command, [each.cl_ord_id for each in command.orders], first))

    # -- accepting ----------------------------------------------------------------------------------------------------

    def _accept_all(self, orders: tuple[NewOrder, ...], kind: str, out: list[Event]) -> list[Order]:
        """Accept every order and link them."""
        entry = self.special.entry
        book = self.desk.books[orders[0].instrument_id]
        session = self.desk.sessions[orders[0].session_id]
        exposure = self.desk.exposure_of(book, orders[0].account_id)
        link = Link(None, [], orders[0].qty)
        self.special.links.add(link, orders[0].instrument_id)
        accepted = []
        for number, (command, holds) in enumerate(zip(orders, _holding(orders, kind), strict=True)):
            is_entry = number == 0 and kind != "oco"
            if command.terms is None:
                command = msgspec.structs.replace(command, terms=PLAIN)
            price = entry.price_of(command, book)
            order = entry.accept(
                command, book, session, exposure, price, out, holds=holds, for_entry=not is_entry and kind != "oco"
            )
            assert order.extra is not None, "a linked order has terms"
            order.extra.link = link
            if is_entry:
                link.entry = order
            else:
                link.legs.append(order)
            accepted.append(order)
        return accepted

    def _go(self, orders: list[Order], out: list[Event]) -> None:
        """Let the orders enter, one after the other, as far as they are still open and wait for no entry."""
        book = self.desk.books[orders[0].instrument_id]
        for order in orders:
            extra = order.extra
            if extra is None or extra.for_entry:
                continue
            if extra.link is not None and extra.link in self.special.links.touched:
                # The leg before it has traded as it came.
                self.special.links.shrink(extra.link, out)
            if order.is_open():
                self.special.go_on(order, book, out)
        self.special.after.run(out)


def legs_of(command: NewOrder, terms: Terms) -> list[NewOrder]:
    """Return the legs that an entry's terms ask for: a limit order that takes the profit, a stop against the loss."""
    side = SELL if command.side == BUY else BUY
    life = command.time_in_force
    if life not in (DAY, GOOD_TILL_CANCEL, GOOD_TILL_DATE):
        life = DAY
    kept = Terms(
        expire_ns=terms.expire_ns if life == GOOD_TILL_DATE else 0,
        self_match_id=terms.self_match_id,
        self_match_mode=terms.self_match_mode,
    )
    plain = msgspec.structs.replace(command, side=side, time_in_force=life, post_only=False, poss_resend=False)
    legs = []
    if terms.take_profit:
        legs.append(
            msgspec.structs.replace(
                plain,
                cl_ord_id=command.cl_ord_id + TAKE_PROFIT_SUFFIX,
                ord_type=LIMIT,
                price=terms.take_profit,
                terms=kept,
            )
        )
    if terms.stop_loss:
        stop = msgspec.structs.replace(kept, stop_price=terms.stop_loss, trigger=terms.trigger)
        legs.append(
            msgspec.structs.replace(
                plain, cl_ord_id=command.cl_ord_id + STOP_LOSS_SUFFIX, ord_type=STOP, price=0, terms=stop
            )
        )
    return legs


def _holding(orders: tuple[NewOrder, ...], kind: str) -> list[bool]:
    """Tell which orders hold when they are accepted: an entry; of an OCO its limit orders, or the first stop."""
    rests = [each.ord_type not in TRIGGERED_TYPES for each in orders]
    return rests if kind == "oco" and any(rests) else [True, *[False] * (len(orders) - 1)]


def _pair_fault(command: NewOrder, other: Order) -> Refusal | None:
    """Refuse a counterpart that would not do what the other order does at another price."""
    found = command.instrument_id, command.account_id, command.side, command.qty
    wanted = other.instrument_id, other.account_id, other.side, other.leaves_qty
    if found == wanted and not other.cum_qty:
        return None
    text = f"it is not of the symbol, account, side and open quantity of order O{other.order_id}, or that has traded"
    return refusals.LIST_NOT_EXPRESSIBLE, f"ClOrdLinkID(583) of order {command.cl_ord_id}: {text}"


def _of_list(order: NewOrder, list_id: str) -> NewOrder:
    """Return an order as its list has it: the list links it, and its reports name the list."""
    terms = msgspec.structs.replace(order.terms or PLAIN, link_id="", list_id=list_id)
    return msgspec.structs.replace(order, terms=terms)


def _without_bracket(terms: Terms) -> Terms:
    return msgspec.structs.replace(terms, take_profit=0, stop_loss=0, link_id="")


def _bracket_fault(entry: NewOrder, legs: tuple[NewOrder, ...], book: Book, kind: str) -> PlacedFault | None:
    """Refuse exits on the wrong side of their entry; one at the market has the last price, or the reference."""
    if kind == "bracket" and [each.ord_type == LIMIT for each in legs].count(True) != 1:
        return None, (refusals.LIST_NOT_EXPRESSIBLE, "a bracket has one limit leg and one leg with a trigger")
    market = book.on_last.price or book.instrument.reference_price
    prices = prices_of(entry.ord_type, entry.price, entry.terms or PLAIN) or ([market] if market else [])
    exits = [(each.ord_type, each.price, each.terms or PLAIN) for each in legs]
    fault = exits_fault(entry.side, prices, exits, book.instrument)
    if fault is None:
        return None
    alone = (exits_fault(entry.side, prices, [each], book.instrument) for each in exits)
    return next((place for place, each in enumerate(alone, 1) if each is not None), None), fault


def moved_fault(order: Order, price: int, terms: Terms, instrument: Instrument) -> Refusal | None:
    """Refuse a replace that moves an open entry beyond one of its legs, or a leg beyond its open entry."""
    link = None if order.extra is None else order.extra.link
    if link is None or link.entry is None:
        return None
    new = {order: (price, terms)}
    at = {each: new.get(each, (each.price, each.terms or PLAIN)) for each in link.orders()}
    prices = prices_of(link.entry.ord_type, *at[link.entry])
    return exits_fault(link.entry.side, prices, [(each.ord_type, *at[each]) for each in link.legs], instrument)
