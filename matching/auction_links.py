"""Linked orders in an auction: of each link the best leg takes part, the others stand aside.

They keep their places and are still shown. Nothing of one link can so trade more than once, and behind the auction
the book is not crossed: what is left of the best leg, the others are worse than; and where nothing is left of it, its
link ends them.
"""

from matching.links import Link, Links
from matching.order import Order
from matching.types import BUY, MARKET


def standing_aside(links: Links, instrument_id: int) -> list[int]:
    """Return the ids of the resting legs that take no part in an auction of the instrument, ascending."""
    found: list[int] = []
    for link in links.known.get(instrument_id, ()):
        resting = [leg for leg in link.legs if leg.level is not None]
        if len(resting) > 1:
            best = min(resting, key=_rank)
            found += [leg.order_id for leg in resting if leg is not best]
    return sorted(found)


def touched(links: Links, instrument_id: int) -> list[Link]:
    """Return the links of the instrument that have orders and have still to be brought up to date."""
    known = links.known.get(instrument_id, {})
    return [link for link in links.touched if link in known]


def _rank(leg: Order) -> tuple[int, bool, int]:
    """Best price first, of equal ones market orders, then the oldest: as an auction executes them."""
    return leg.price if leg.side != BUY else -leg.price, leg.ord_type != MARKET, leg.priority
