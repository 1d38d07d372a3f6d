"""What simulated members ask for beyond plain orders: each kind of term, orders that are linked, lists of them."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from random import Random
from typing import Any, Final

from gateway.inbound import LIST_TERMS, NO_TERMS, TERM_TAGS
from tests.sim.configuration import LOT_E8, REFERENCE, TICK_E8
from tests.sim.fix import Fields
from tests.sim.member import Member

SYMBOLS: Final = ("AAPL", "AAPL", "MSFT", "MSFT", "BTC-PERP")
SPREAD_TICKS: Final = 4
SECOND_NS: Final = 1_000_000_000
EXPIRES_S: Final = (0.02, 0.5, 40, 3_600)
STOP_PX, MAX_FLOOR, EXPIRE_TIME, OFFSET, LINK_ID, DISPLAY_QTY = 99, 111, 126, 211, 583, 1138
SELF_MATCH_ID, SELF_MATCH_MODE, TAKE_PROFIT, STOP_LOSS = 2362, 2964, 5952, 5953


class Wish:
    """An order in the making: FIX values as translation is given them, prices and quantities in 10^-8."""

    def __init__(self, random: Random, now_ns: int) -> None:
        self.now_ns = now_ns
        self.symbol = random.choice(SYMBOLS)
        self.tick, self.lot = TICK_E8[self.symbol], LOT_E8[self.symbol]
        self.side = random.choice("12")
        self.sign = 1 if self.side == "1" else -1
        self.ticks = REFERENCE[self.symbol] + random.randrange(-SPREAD_TICKS, SPREAD_TICKS + 1)
        self.qty = random.randrange(1, 10)
        self.ord_type = "2"
        self.force = random.choice("01")
        self.inst: str | None = None
        self.terms: dict[int, Any] = {}

    def plain(self, cl_ord_id: str) -> tuple[Any, ...]:
        """Return the values of a D up to the terms."""
        price = self.ticks * self.tick if self.ord_type in "24" else None
        head = cl_ord_id, None, self.symbol, self.side, self.ord_type
        return (*head, price, self.qty * self.lot, self.force, self.inst)

    def near(self, random: Random, ahead: int = 0) -> int:
        """Return a price near the reference, or `ahead` of the order's own in the direction in which it gains."""
        if ahead:
            return (self.ticks + self.sign * ahead) * self.tick
        return (REFERENCE[self.symbol] + random.randrange(-SPREAD_TICKS, SPREAD_TICKS + 1)) * self.tick


def terms_of(given: Mapping[int, Any]) -> tuple[Any, ...] | None:
    """Return terms as the wire gives them: values in the order of the table, None where there are none."""
    return tuple(given.get(tag) for tag in TERM_TAGS) if given else NO_TERMS


def send_special(member: Member, random: Random, now_ns: int) -> str:
    """Send one order with terms, or a list; return what it is."""
    if member.begin_string != "FIX.4.2" and random.random() < 0.2:
        return _list(member, random, now_ns)
    known = [name for name, versions in KINDS.items() if member.begin_string in versions]
    name = random.choice(known)
    wish = Wish(random, now_ns)
    MAKERS[name](wish, member, random)
    member.request("D", (*wish.plain(member.new_id()), terms_of(wish.terms)))
    return f"{name}: {'buys' if wish.side == '1' else 'sells'} {wish.qty} {wish.symbol} at {wish.ticks} ({wish.force})"


def replaced(member: Member, random: Random, fields: Fields) -> str:
    """Replace an order by one of its own type and terms, some of them changed."""
    symbol, ord_type = fields["55"], fields["40"]
    ticks = REFERENCE[symbol] + random.randrange(-SPREAD_TICKS, SPREAD_TICKS + 1)
    qty = round(float(fields["38"]) * 10**8) + random.choice((0, 0, -1, 3)) * LOT_E8[symbol]
    terms: dict[int, Any] = {}
    for tag in (STOP_PX, MAX_FLOOR, DISPLAY_QTY, OFFSET):
        if str(tag) in fields:
            terms[tag] = round(float(fields[str(tag)]) * 10**8)
    if STOP_PX in terms and random.random() < 0.5:
        terms[STOP_PX] += random.choice((-1, 1)) * TICK_E8[symbol]
    if "126" in fields:
        terms[EXPIRE_TIME] = _nanoseconds(fields["126"])
    price = ticks * TICK_E8[symbol] if ord_type in "24" else None
    values = symbol, fields["54"], ord_type, price, qty, fields.get("59", "0"), fields.get("18"), None
    member.request("G", (member.new_id(), fields["11"], None, *values, terms_of(terms)))
    return f"replaces {fields['37']} (type {ord_type}) by {qty} at {ticks}"


def _nanoseconds(text: str) -> int:
    moment = datetime.strptime(text, "%Y%m%d-%H:%M:%S.%f").replace(tzinfo=UTC)
    return round(moment.timestamp() * 1_000) * 1_000_000


# -- kinds of orders ---------------------------------------------------------------------------------------------------


def _iceberg(wish: Wish, member: Member, random: Random) -> None:
    wish.qty += 3
    shown = random.randrange(1, 4) * wish.lot
    wish.terms[DISPLAY_QTY if member.begin_string == "FIXT.1.1" else MAX_FLOOR] = shown


def _stop(wish: Wish, member: Member, random: Random) -> None:
    wish.ord_type = random.choice("334" if member.begin_string == "FIX.4.2" else "334J")
    wish.terms[STOP_PX] = wish.near(random)


def _trail(wish: Wish, member: Member, random: Random) -> None:
    wish.ord_type, wish.inst = "3", "a"
    wish.terms[OFFSET] = random.randrange(1, 5) * wish.tick


def _peg(wish: Wish, member: Member, random: Random) -> None:
    wish.ord_type, wish.inst = "P", random.choice("RMP")
    wish.terms[OFFSET] = random.randrange(-2, 3) * wish.tick


def _good_till_date(wish: Wish, member: Member, random: Random) -> None:
    wish.force = "6"
    wish.terms[EXPIRE_TIME] = wish.now_ns + round(random.choice(EXPIRES_S) * SECOND_NS)


def _post_only(wish: Wish, member: Member, random: Random) -> None:
    wish.inst = "6"


def _reduce_only(wish: Wish, member: Member, random: Random) -> None:
    wish.symbol, wish.inst = "BTC-PERP", "E"
    wish.tick, wish.lot = TICK_E8[wish.symbol], LOT_E8[wish.symbol]
    wish.ticks = REFERENCE[wish.symbol] + random.randrange(-SPREAD_TICKS, SPREAD_TICKS + 1)


def _for_auction(wish: Wish, member: Member, random: Random) -> None:
    wish.symbol = "MSFT"
    wish.tick, wish.lot = TICK_E8[wish.symbol], LOT_E8[wish.symbol]
    wish.ticks = REFERENCE[wish.symbol] + random.randrange(-SPREAD_TICKS, SPREAD_TICKS + 1)
    wish.force = "2" if member.begin_string == "FIX.4.2" else random.choice("27")
    wish.ord_type = random.choice("122")


def _self_match(wish: Wish, member: Member, random: Random) -> None:
    wish.terms[SELF_MATCH_ID] = "own"
    wish.terms[SELF_MATCH_MODE] = random.choice("1234")


def _bracket(wish: Wish, member: Member, random: Random) -> None:
    wish.terms[TAKE_PROFIT] = wish.near(random, random.randrange(1, 4))
    wish.terms[STOP_LOSS] = wish.near(random, -random.randrange(1, 4))


def _linked(wish: Wish, member: Member, random: Random) -> None:
    """Two orders with one id, right behind each other; now and then the second never comes."""
    wish.ord_type, wish.terms[LINK_ID] = "2", f"link {member.new_id()}"
    if random.random() < 0.15:
        return
    values = wish.plain(member.new_id())
    member.request("D", (*values, terms_of(wish.terms)))
    wish.ord_type = "3"
    wish.terms[STOP_PX] = wish.near(random, random.randrange(1, 4))


ALL: Final = ("FIX.4.2", "FIX.4.4", "FIXT.1.1")
NEWER: Final = ALL[1:]
NEWEST: Final = ALL[2:]
KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "iceberg": ALL,
    "stop": ALL,
    "trail": NEWER,
    "peg": ALL,
    "good till date": ALL,
    "post-only": ALL,
    "reduce-only": ALL,
    "for an auction": ALL,
    "self-match": NEWEST,
    "bracket": NEWEST,
    "linked": NEWER,
}
"""The versions whose dictionaries have what a kind needs."""
MAKERS: Final[Mapping[str, Callable[[Wish, Member, Random], None]]] = {
    "iceberg": _iceberg,
    "stop": _stop,
    "trail": _trail,
    "peg": _peg,
    "good till date": _good_till_date,
    "post-only": _post_only,
    "reduce-only": _reduce_only,
    "for an auction": _for_auction,
    "self-match": _self_match,
    "bracket": _bracket,
    "linked": _linked,
}


# -- lists -------------------------------------------------------------------------------------------------------------


def _list(member: Member, random: Random, now_ns: int) -> str:
    """Send NewOrderList(E): two orders that end each other, or an entry with one leg or two."""
    entry, leg = Wish(random, now_ns), Wish(random, now_ns)
    kind = random.choice(("OCO", "OTO", "bracket"))
    leg.symbol, leg.tick, leg.lot, leg.qty = entry.symbol, entry.tick, entry.lot, entry.qty
    leg.ticks = entry.ticks + entry.sign * random.randrange(1, 4)
    leg.side = entry.side if kind == "OCO" else "2" if entry.side == "1" else "1"
    orders = [_entry(1, entry, member), _entry(2, leg, member)]
    if kind == "bracket":
        leg.ord_type, leg.terms[STOP_PX] = "3", entry.near(random, -random.randrange(1, 4))
        orders.append(_entry(3, leg, member))
    if random.random() < 0.06:
        orders.pop()
    exec_inst = "OCO" if kind == "OCO" else "OTO"
    head = member.new_id(), exec_inst, None, str(len(orders))
    member.request("E", (*head, *(None for _ in LIST_TERMS), tuple(orders)))
    return f"{kind} of {len(orders)}: {entry.qty} {entry.symbol} at {entry.ticks} and {leg.ticks}"


def _entry(number: int, wish: Wish, member: Member) -> tuple[Any, ...]:
    terms = terms_of(wish.terms) or (None,) * len(TERM_TAGS)
    return (str(number), *wish.plain(member.new_id()), *terms)
