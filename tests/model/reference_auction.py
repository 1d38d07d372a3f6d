"""The judge of auctions: every price is tried, volume and surplus are summed from scratch. No code of `matching`."""

from collections.abc import Sequence

Offer = tuple[int, int]
"""Limit and quantity of one order."""


def executable(bids: Sequence[Offer], asks: Sequence[Offer], price: int) -> tuple[int, int]:
    """Return what would be executed at a price, and the surplus: above 0 to buy, below 0 to sell."""
    wanted = sum(qty for limit, qty in bids if limit >= price)
    offered = sum(qty for limit, qty in asks if limit <= price)
    return min(wanted, offered), wanted - offered


def auction_price(bids: Sequence[Offer], asks: Sequence[Offer], reference: int) -> tuple[int, int, int] | None:
    """Return price, quantity and surplus by the three rules, one after the other; None where nothing executes."""
    limits = [limit for limit, _ in (*bids, *asks)]
    prices = range(min(limits, default=1), max(limits, default=0) + 1)
    volumes = {price: executable(bids, asks, price)[0] for price in prices}
    most = max(volumes.values(), default=0)
    if most == 0:
        return None
    prices_of_most = [price for price in prices if volumes[price] == most]
    surplus = {price: executable(bids, asks, price)[1] for price in prices_of_most}
    least = min(abs(each) for each in surplus.values())
    candidates = [price for price in prices_of_most if abs(surplus[price]) == least]
    distance = min(abs(price - reference) for price in candidates)
    nearest = [price for price in candidates if abs(price - reference) == distance]
    assert len(nearest) == 1, f"the rules leave {nearest}"
    return nearest[0], most, surplus[nearest[0]]
