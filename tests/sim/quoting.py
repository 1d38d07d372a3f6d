"""How simulated members quote: mass quotes of one or several instruments, cancels of quotes, resets of protection."""

from random import Random
from typing import Any, Final

from gateway.inbound import QUOTE_ENTRY_TERMS, QUOTE_SCOPE_NOT_OFFERED, QUOTE_SET_TERMS, QUOTE_TERMS
from matching.quotes import RESET_ID
from tests.sim.configuration import LOT_E8, REFERENCE, TICK_E8
from tests.sim.member import Member

QUOTED: Final = ("MSFT", "BTC-PERP")
"""Where a quote rests, orders match on the special path: AAPL is left to the plain one."""
ALL_ENTRIES: Final = "2"
"""QuoteResponseLevel(301): every message has an answer, and every entry is told in it."""


def send_quotes(member: Member, random: Random) -> str:
    """Send a MassQuote(i), or a QuoteCancel(Z) now and then; return what it is."""
    if random.random() < 0.25:
        return _cancel(member, random)
    symbols = random.sample(QUOTED, random.choice((1, 1, 2)))
    quote_id = member.new_id()
    entries = tuple(_entry(str(place), symbol, random) for place, symbol in enumerate(symbols))
    quote_set = ("set", len(entries), len(entries), *(None for _ in QUOTE_SET_TERMS), entries)
    head = quote_id, None, ALL_ENTRIES, None, None, None, None, None
    member.request("i", (*head, *(None for _ in QUOTE_TERMS), (quote_set,)))
    return f"quotes {', '.join(f'{each[1]} {each[4]} at {each[2]}, {each[5]} at {each[3]}' for each in entries)}"


def _entry(entry_id: str, symbol: str, random: Random) -> tuple[Any, ...]:
    """Return an entry: two sides around a middle near the reference, one of them, none, or, rarely, crossed ones."""
    middle = REFERENCE[symbol] + random.randrange(-2, 3)
    bid, offer = middle - random.randrange(1, 4), middle + random.randrange(1, 4)
    if random.random() < 0.03:
        bid, offer = offer, bid
    sizes = [random.choice((0, 1, 3, 5, 5, 9)) * LOT_E8[symbol] for _ in range(2)]
    prices = bid * TICK_E8[symbol], offer * TICK_E8[symbol]
    return (entry_id, symbol, *prices, *sizes, None, *(None for _ in QUOTE_ENTRY_TERMS))


def _cancel(member: Member, random: Random) -> str:
    """Cancel quotes of one symbol, of several, or all; where they may be frozen, they are reset."""
    quote_id = RESET_ID if random.random() < 0.5 else member.new_id()
    symbols = random.sample(QUOTED, random.choice((0, 1, 2)))
    named = tuple((symbol,) for symbol in symbols) or ((("[N/A]",),) if member.begin_string == "FIX.4.2" else ())
    scope = quote_id, "1" if symbols else "4", None, named
    member.request("Z", (*scope, *(None for _ in QUOTE_SCOPE_NOT_OFFERED)))
    return f"cancels quotes of {', '.join(symbols) or 'all'}{', and resets them' if quote_id == RESET_ID else ''}"
