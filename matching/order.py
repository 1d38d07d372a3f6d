"""An order as the exchange holds it, and who it belongs to: the member (a client CompID) and its sessions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, Final

from matching.order_states import ACCEPTED, OPEN
from matching.types import OrdStatus, OrdType, Side, TimeInForce

if TYPE_CHECKING:
    from matching.book import Level
    from matching.events import Execution, MassCancelReported, OrderRefused
    from matching.links import Link
    from matching.terms import QuoteIds, Terms

NO_CL_ORD_IDS: Final[tuple[str, ...]] = ()


class Member:
    """One client CompID: ClOrdIDs are unique, and cancels reach, over all its sessions.

    `used`: every ClOrdID of the day that named an order, its replaces and its cancel. `refused`: those of refused
    orders, with the very event that refused them, and of mass cancels, whose reports stand in `mass_cancels`.
    `list_ids`: every ListID of the day, of lists that were taken and of those that were refused. `link_ids`: every
    ClOrdLinkID of the day, and those of open orders, with the ids of the one or two orders that were taken with it.
    """

    __slots__ = ("comp_id", "link_ids", "list_ids", "mass_cancels", "refused", "used")

    def __init__(self, comp_id: str) -> None:
        self.comp_id = comp_id
        self.used: dict[str, Order] = {}
        self.refused: dict[str, Execution | OrderRefused] = {}
        self.mass_cancels: dict[str, MassCancelReported] = {}
        self.list_ids: dict[str, None] = {}
        self.link_ids: dict[str, tuple[int, ...]] = {}


class Session:
    """One FIX session. `shelves` hold its open orders by exposure (the risk engine's handle of account and instrument)
    and order id, ascending: what work over a whole scope has to find lies in shelves that have nothing else.
    """

    __slots__ = (
        "burst",
        "cancel_burst",
        "cancel_rate",
        "comp_id",
        "is_connected",
        "member",
        "name",
        "rate",
        "session_id",
        "shelves",
    )

    def __init__(self, *, session_id: int, name: str, member: Member) -> None:
        self.session_id = session_id
        self.name = name
        self.comp_id = member.comp_id
        self.member = member
        self.shelves: defaultdict[int, dict[int, Order]] = defaultdict(dict)
        self.rate = 0
        self.burst = 0
        self.is_connected = True
        self.cancel_rate = 0
        self.cancel_burst = 0

    def open_orders(self) -> Iterator[Order]:
        """Yield the open orders of the session, shelf by shelf."""
        return chain.from_iterable(shelf.values() for shelf in self.shelves.values())

    def open_count(self) -> int:
        """Return how many orders of the session are open."""
        return sum(map(len, self.shelves.values()))


class Account:
    """An account by name; its money stands in the risk engine."""

    __slots__ = ("account_id", "firm", "name")

    def __init__(self, *, account_id: int, name: str, firm: str) -> None:
        self.account_id = account_id
        self.name = name
        self.firm = firm


class Extra:
    """What an order with terms carries beyond a plain one; only `special` and the modules beside it change it.

    `waiting`: the order is open and in no book: a stop before its trigger, a peg with nothing to follow, an order that
    waits for another one: `for_entry`, of its `link`. `is_held`: the risk engine holds for it, else it only counts it.
    `group` is the queue of the trigger book in which it waits. `hidden_qty` is what of its leaves is not displayed.
    `told_price` and `told_qty` are what its last report said that the book shows of it.
    """

    __slots__ = (
        "for_entry",
        "group",
        "hidden_qty",
        "is_held",
        "link",
        "terms",
        "told_price",
        "told_qty",
        "waiting",
    )

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.hidden_qty = 0
        self.waiting = False
        self.for_entry = False
        self.is_held = True
        self.link: Link | None = None
        self.group: dict[int, Order] | None = None
        self.told_price = 0
        self.told_qty = 0


class Order:
    """An order from its acceptance to the end of the trading day on which it closed.

    `price` of a market order is its protection price. `cl_ord_id` is the newest accepted one, `prior_cl_ord_ids`
    those before. `extra` is None for a plain order. `exposure` is the risk engine's handle of (account, instrument).
    `priority` is the ExecID number of the event that gave the order its place. `previous`, `next` and `level` are set
    while it rests, and are unset again when it leaves, so that no cycle keeps a closed order alive: the collector is
    off in the server.
    """

    __slots__ = (
        "account_id",
        "cl_ord_id",
        "cum_qty",
        "cum_value",
        "exposure",
        "extra",
        "instrument_id",
        "leaves_qty",
        "level",
        "next",
        "ord_type",
        "order_id",
        "previous",
        "price",
        "prior_cl_ord_ids",
        "priority",
        "qty",
        "session",
        "side",
        "status",
        "time_in_force",
    )

    def __init__(
        self,
        order_id: int,
        session: Session,
        cl_ord_id: str,
        account_id: int,
        instrument_id: int,
        side: Side,
        ord_type: OrdType,
        time_in_force: TimeInForce,
        price: int,
        qty: int,
        exposure: int,
        priority: int,
    ) -> None:
        self.order_id = order_id
        self.session = session
        self.cl_ord_id = cl_ord_id
        self.account_id = account_id
        self.instrument_id = instrument_id
        self.side: Side = side
        self.ord_type: OrdType = ord_type
        self.time_in_force: TimeInForce = time_in_force
        self.price = price
        self.qty = qty
        self.leaves_qty = qty
        self.cum_qty = 0
        self.cum_value = 0
        self.status: OrdStatus = ACCEPTED
        self.exposure = exposure
        self.priority = priority
        self.prior_cl_ord_ids: tuple[str, ...] | list[str] = NO_CL_ORD_IDS
        self.previous: Order | None = None
        self.next: Order | None = None
        self.level: Level | None = None
        self.extra: Extra | None = None

    @property
    def terms(self) -> Terms | None:
        """What the order has beyond a plain one."""
        return None if self.extra is None else self.extra.terms

    @property
    def quote(self) -> QuoteIds | None:
        """What names the quote that the order is a side of; such an order has no ClOrdID of its own."""
        return None if self.extra is None else self.extra.terms.quote

    def is_open(self) -> bool:
        """Tell whether the order may still trade."""
        return self.status in OPEN

    def rename(self, cl_ord_id: str) -> None:
        """Take the ClOrdID(11) of an accepted replace or cancel; the former ones still name the order."""
        prior = self.prior_cl_ord_ids
        if isinstance(prior, list):
            prior.append(self.cl_ord_id)
        else:
            self.prior_cl_ord_ids = [self.cl_ord_id]
        self.cl_ord_id = cl_ord_id
