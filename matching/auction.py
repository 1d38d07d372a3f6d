"""The price of an auction: pure calculation over both sides of a book.

At one price for all, in this order: the most is executed, the least surplus is left, the price is nearest to the
reference. Every tick is a candidate, not only prices of orders. No further rule is needed: the prices that are equal
in the first two are an unbroken range of ticks, of which exactly one is nearest to any reference.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Final, NamedTuple, TypeAlias

Block: TypeAlias = tuple[list[int], list[int]]
"""The next prices of a side as keys that ascend from the best to the worst, which are negative prices for bids, and the
quantity at each; both as long as each other, and not empty.
"""
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


class _Queue:
    """One side, read block by block: `keys` of the block read last, and in `ends` the quantity of the side from its
    best price up to each of them. `end` is the quantity of all that was read.
    """

    __slots__ = ("_blocks", "_sign", "end", "ends", "keys")

    def __init__(self, blocks: Iterable[Block], sign: int) -> None:
        self._blocks = iter(blocks)
        self._sign = sign
        self.keys: list[int] = []
        self.ends: list[int] = []
        self.end = 0
        self.read()

    def read(self) -> None:
        """Go on to the next block; there may be none, and `end` stays what it was then."""
        self.keys, quantities = next(self._blocks, ([], []))
        self.ends = list(accumulate(quantities, initial=self.end))[1:]
        self.end = self.ends[-1] if self.ends else self.end

    def price_at(self, lot: int) -> int:
        """Return the price of a lot of this block, counted from 0 at the best price of the side."""
        return self.keys[bisect_right(self.ends, lot)] * self._sign

    def levels_from(self, lot: int) -> Iterator[PriceLevel]:
        """Yield what is left of the side when `lot` lots of it, up to some in this block or all of it, are taken."""
        number = bisect_right(self.ends, lot)
        for key, end in zip(self.keys[number:], self.ends[number:], strict=True):
            yield key * self._sign, end - lot
            lot = end
        for keys, quantities in self._blocks:
            for key, qty in zip(keys, quantities, strict=True):
                yield key * self._sign, qty


def _execute_blocks(buys: _Queue, sells: _Queue) -> tuple[int, int, int]:
    """Execute whole blocks as long as their last lots can be; return the quantity, and the last price of both sides.

    A lot that can be executed tells that all before it can. Most of the way nothing is done level by level, because
    Python would take most of the time for that: a book of 60,000 prices is a step that others wait for.
    """
    qty = last_buy = last_sell = 0
    while qty < (end := min(buys.end, sells.end)):
        buy, sell = buys.price_at(end - 1), sells.price_at(end - 1)
        if buy < sell:
            break
        qty, last_buy, last_sell = end, buy, sell
        for side in (buys, sells):
            if side.end == qty:
                side.read()
    return qty, last_buy, last_sell


def clear(bids: Iterable[Block], asks: Iterable[Block], *, reference: int) -> Clearing | None:
    """Return price, quantity and surplus of an auction, or None where nothing can be executed.

    Levels come best first; the same price may come more than once in a row. Reads no more blocks than those of what is
    executed and of two prices behind: what does not trade costs nothing.
    """
    buy_queue, sell_queue = _Queue(bids, -1), _Queue(asks, 1)
    qty, last_buy, last_sell = _execute_blocks(buy_queue, sell_queue)
    buys, sells = buy_queue.levels_from(qty), sell_queue.levels_from(qty)
    # A price that no level has ends each side.
    buy_price, buy_qty = next(buys, NO_BUY)
    sell_price, sell_qty = next(sells, NO_SELL)
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
