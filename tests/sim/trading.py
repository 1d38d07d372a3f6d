"""What simulated members ask for: orders around one price, cancels and replaces of what they know, some nonsense."""

from random import Random
from typing import Final

from gateway.inbound import NO_TERMS, SCOPE_NOT_OFFERED
from tests.sim.configuration import LOT_E8, REFERENCE, TICK_E8
from tests.sim.member import Member
from tests.sim.quoting import send_quotes
from tests.sim.special_trading import replaced, send_special

SYMBOLS: Final = ("AAPL", "AAPL", "AAPL", "MSFT", "BTC-PERP")
FORCES: Final = ("0", "0", "0", "1", "3", "4")
SPREAD_TICKS: Final = 4
WITH_TERMS: Final = 0.3
"""How many of the requests are orders with terms."""
QUOTES_OF_MAKER: Final = 0.5
QUOTES_OF_OTHERS: Final = 0.04
"""How many are about quotes."""


def send_request(member: Member, random: Random, now_ns: int) -> str:
    """Send one application message; return what it is. `now_ns` is the time as the member has it."""
    if random.random() < (QUOTES_OF_MAKER if member.comp_id == "MAKER1" else QUOTES_OF_OTHERS):
        return send_quotes(member, random)
    if random.random() < WITH_TERMS:
        return send_special(member, random, now_ns)
    kind = random.random()
    if kind < 0.55 or (not member.open_orders and kind < 0.9):
        return _order(member, random)
    if kind < 0.75:
        return _cancel(member, random)
    if kind < 0.9:
        return _replace(member, random)
    if kind < 0.94:
        return _status(member, random)
    if kind < 0.96 and member.begin_string != "FIX.4.2":
        return _mass_request(member, random)
    return _nonsense(member, random)


def _order(member: Member, random: Random) -> str:
    symbol = random.choice(SYMBOLS)
    side = random.choice("12")
    qty = random.randrange(1, 10)
    price: int | None = REFERENCE[symbol] + random.randrange(-SPREAD_TICKS, SPREAD_TICKS + 1)
    tif = random.choice(FORCES)
    inst = "6" if random.random() < 0.08 else None
    if random.random() < 0.08:
        price, inst = None, None
    price_e8 = None if price is None else price * TICK_E8[symbol]
    if random.random() < 0.03:
        qty *= 100
    member.new_order(symbol, side, price_e8, qty * LOT_E8[symbol], tif, inst)
    return f"{'buys' if side == '1' else 'sells'} {qty} {symbol} at {price} ({tif})"


def _cancel(member: Member, random: Random) -> str:
    if not member.open_orders:
        values = (member.new_id(), "unknown", None, "AAPL", "1")
        member.request("F", values)
        return "cancels what is unknown"
    fields = random.choice(list(member.open_orders.values()))
    by_id = random.random() < 0.3
    member.request("F", (member.new_id(), fields["11"], fields["37"] if by_id else None, fields["55"], fields["54"]))
    return f"cancels {fields['37']}"


def _replace(member: Member, random: Random) -> str:
    if not member.open_orders:
        return _cancel(member, random)
    fields = random.choice(list(member.open_orders.values()))
    symbol = fields["55"]
    if symbol not in TICK_E8 or "40" not in fields:
        return _cancel(member, random)
    has_terms = fields["40"] not in "12" or any(tag in fields for tag in ("111", "1138", "126"))
    if has_terms and random.random() < 0.8:
        return replaced(member, random, fields)
    price = REFERENCE[symbol] + random.randrange(-SPREAD_TICKS, SPREAD_TICKS + 1)
    qty = random.randrange(1, 14)
    terms = (fields["54"], "2", price * TICK_E8[symbol], qty * LOT_E8[symbol], random.choice("001"), None, None)
    member.request("G", (member.new_id(), fields["11"], None, symbol, *terms, NO_TERMS))
    return f"replaces {fields['37']} by {qty} at {price}"


def _status(member: Member, random: Random) -> str:
    name = random.choice([*member.requests, "unknown"])
    # A status request has no id of its own in FIX.4.2: only what is asked about.
    member.ask_status(name)
    return f"asks for {name}"


def _mass_request(member: Member, random: Random) -> str:
    """Cancel or ask for many orders at once: all, a product, or one symbol; now and then with a fault."""
    request_type = random.choice("1377")
    symbol = random.choice((*SYMBOLS, "NONE")) if request_type == "1" else None
    cfi_code = random.choice(("ESVUFR", "FFXXXX", "OCASPS")) if request_type == "3" else None
    side = random.choice((None, None, "1", "2"))
    scope = (symbol, cfi_code, None, side, None, *(None for _ in SCOPE_NOT_OFFERED))
    if random.random() < 0.3:
        member.ask_mass_status((member.new_id(), request_type, *scope))
        return f"asks for all of {symbol or cfi_code or 'its orders'}"
    member.request("q", (member.new_id(), request_type, *scope))
    return f"cancels all of {symbol or cfi_code or 'its orders'}"


def _nonsense(member: Member, random: Random) -> str:
    kind = random.randrange(4)
    if kind == 0:
        member.new_order("NONE", "1", 100_000_000, 100_000_000, "0", None)
        return "orders what is not traded"
    if kind == 1:
        member.new_order("AAPL", "1", 58_500 * 1_000_000 + 1, 100_000_000, "0", None)
        return "orders between ticks"
    if kind == 2:
        member.new_order("AAPL", "5", 58_500 * 1_000_000, 100_000_000, "0", None)
        return "orders on no side"
    known = list(member.requests.values())
    orders = [sent for sent in known if sent.msg_type == "D"]
    if not orders:
        return _order(member, random)
    sent = random.choice(orders)
    member.repeat(sent)
    return f"repeats {sent.values[0]} as a possible resend"
