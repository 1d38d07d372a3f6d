"""The price of an auction: pure calculation over both sides of a book.

At one price for all, in this order: the most is executed, the least surplus is left, the price is nearest to the
reference. Every tick is a candidate, not only prices of orders. No further rule is needed: the prices that are equal
in the first two are an unbroken range of ticks, of which exactly one is nearest to any reference.
"""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple, TypeAlias

PriceLevel: TypeAlias = tuple[int, int]
"""Price in ticks and quantity in lots of what is offered or asked for at it; both above 0."""
NO_BUY: Final[PriceLevel] = (0, 0)
NO_SELL: Final[PriceLevel] = (1 << 62, 0)


class Clearing(NamedTuple):
    """What an auction would execute: `qty` at `price`, and what would be left over at it: `surplus` above 0 to buy,
    below 0 to sell.
    """

    price: int
    qty: int
    surplus: int


class _Rest(NamedTuple):
    """What is left of one side: the price at which it was executed last, the best price left with what is left at it,
    and the price behind that one; None where nothing is.
    """

    last: int
    price: int | None
    qty: int
    behind: int | None


def clear(bids: Iterable[PriceLevel], asks: Iterable[PriceLevel], *, reference: int) -> Clearing | None:
    """Return price, quantity and surplus of an auction, or None where nothing can be executed.

    Levels come best first; the same price may come more than once in a row. Reads no more of them than is executed,
    and two prices behind: what does not trade costs nothing.
    """
    buys, sells = iter(bids), iter(asks)
    # A price that no level has ends each side.
    buy_price, buy_qty = next(buys, NO_BUY)
    sell_price, sell_qty = next(sells, NO_SELL)
    qty = last_buy = last_sell = 0
    while buy_price >= sell_price:
        last_buy, last_sell = buy_price, sell_price
        if buy_qty < sell_qty:
            qty += buy_qty
            sell_qty -= buy_qty
            buy_price, buy_qty = next(buys, NO_BUY)
        elif sell_qty < buy_qty:
            qty += sell_qty
            buy_qty -= sell_qty
            sell_price, sell_qty = next(sells, NO_SELL)
        else:
            qty += buy_qty
            buy_price, buy_qty = next(buys, NO_BUY)
            sell_price, sell_qty = next(sells, NO_SELL)
    if not qty:
        return None
    buy, sell = _rest(last_buy, buy_price, buy_qty, buys), _rest(last_sell, sell_price, sell_qty, sells)
    low, high = _best_range(buy, sell)
    price = min(max(reference, low), high)
    return Clearing(price, qty, _surplus(price, buy, sell))


def _rest(last: int, price: int, qty: int, levels: Iterator[PriceLevel]) -> _Rest:
    """Take together what is left at the best price left, and look at the price behind it."""
    if price in (NO_BUY[0], NO_SELL[0]):
        return _Rest(last, None, 0, None)
    for behind, more in levels:
        if behind != price:
            return _Rest(last, price, qty, behind)
        qty += more
    return _Rest(last, price, qty, None)


def _best_range(buy: _Rest, sell: _Rest) -> tuple[int, int]:
    """Return the lowest and highest price of most volume and least surplus.

    Everything between `sell.last` and `buy.last` executes the most. Left over are buys up to `buy.price` and sells
    from `sell.price` on, which is above it: between the two there is no surplus; at or below `buy.price` there is one
    of buys, the least just there, and at or above `sell.price` one of sells.
    """
    low, high = sell.last, buy.last
    free_low = low if buy.price is None else max(low, buy.price + 1)
    free_high = high if sell.price is None else min(high, sell.price - 1)
    if free_low <= free_high:
        return free_low, free_high
    buy_low = low if buy.behind is None else max(low, buy.behind + 1)
    sell_high = high if sell.behind is None else min(high, sell.behind - 1)
    can_buy = buy.price is not None and buy.price >= low
    can_sell = sell.price is not None and sell.price <= high
    assert can_buy or can_sell, "where no price is free of surplus, one of the sides has it"
    if can_buy and can_sell and buy.qty == sell.qty:
        return buy_low, sell_high
    if can_buy and (not can_sell or buy.qty < sell.qty):
        assert buy.price is not None, "there is a buy left"
        return buy_low, min(high, buy.price)
    assert sell.price is not None, "there is a sell left"
    return max(low, sell.price), sell_high


def _surplus(price: int, buy: _Rest, sell: _Rest) -> int:
    """Return what is left over at a price of the best range."""
    if buy.price is not None and price <= buy.price:
        return buy.qty
    return -sell.qty if sell.price is not None and price >= sell.price else 0
