"""The auction's calculation gives the price, volume and surplus that trying every price gives."""

from hypothesis import example, given
from hypothesis import strategies as st

from matching.auction import Block, Clearing, clear
from tests.model.reference_auction import Offer, auction_price

OFFERS = st.lists(st.tuples(st.integers(1, 14), st.integers(1, 6)), max_size=12)


def levels(offers: list[Offer], *, best_first: int) -> list[Offer]:
    """Return offers by price, best first; the same price may come more than once, as from two queues."""
    return sorted(offers, key=lambda offer: offer[0] * best_first)


def blocks(offers: list[Offer], *, best_first: int, length: int) -> list[Block]:
    """Return the same cut into blocks."""
    ordered = levels(offers, best_first=best_first)
    parts = [ordered[at : at + length] for at in range(0, len(ordered), length)]
    return [([price * best_first for price, _ in part], [qty for _, qty in part]) for part in parts]


@given(bids=OFFERS, asks=OFFERS, reference=st.integers(0, 16), length=st.integers(1, 13))
@example(bids=[(10, 5)], asks=[(10, 5)], reference=3, length=1)
@example(bids=[(10, 5), (9, 5)], asks=[(9, 5), (10, 5)], reference=9, length=1)
@example(bids=[(12, 8)], asks=[(5, 3), (7, 2)], reference=6, length=1)
@example(bids=[(12, 8), (11, 2), (3, 1)], asks=[(5, 3), (7, 5), (8, 2)], reference=6, length=1)
def test_price_is_the_one_that_trying_every_price_finds(
    bids: list[Offer], asks: list[Offer], reference: int, length: int
) -> None:
    buys, sells = blocks(bids, best_first=-1, length=length), blocks(asks, best_first=1, length=length)
    found = clear(buys, sells, reference=reference)
    expected = auction_price(bids, asks, reference)
    assert found == (None if expected is None else Clearing(*expected))


@given(bids=OFFERS, asks=OFFERS, reference=st.integers(0, 16))
def test_what_an_auction_leaves_cannot_be_crossed(bids: list[Offer], asks: list[Offer], reference: int) -> None:
    """Executed best price first, the rest of both sides has no buy at or above a sell."""
    buys, sells = blocks(bids, best_first=-1, length=2), blocks(asks, best_first=1, length=2)
    found = clear(buys, sells, reference=reference)
    qty = 0 if found is None else found.qty
    bids_left = after(levels(bids, best_first=-1), qty)
    asks_left = after(levels(asks, best_first=1), qty)
    assert not bids_left or not asks_left or bids_left[0][0] < asks_left[0][0]


def after(offers: list[Offer], qty: int) -> list[Offer]:
    """Return what is left of offers when `qty` of them was executed, best first."""
    left = []
    for price, offered in offers:
        taken = min(qty, offered)
        qty -= taken
        if offered > taken:
            left.append((price, offered - taken))
    return left
