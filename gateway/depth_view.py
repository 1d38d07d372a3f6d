"""The depth of one instrument as market data shows it: folded from committed events, read by nobody else.

An order's New adds its quantity at its own price and each later event says how much is left, so that an aggressor which
never rested nets to nothing within the batch that it came in. Owner: the matching thread.
"""

from collections.abc import Iterable
from typing import Final, TypeAlias

from sortedcontainers import SortedDict

from matching.events import AuctionEnded, Execution, IndicativePrice, TradingPhaseSet
from matching.phases import DELISTED, TABLE
from matching.types import (
    BUY,
    EXEC_CANCELED,
    EXEC_EXPIRED,
    EXEC_NEW,
    EXEC_REJECTED,
    EXEC_REPLACED,
    EXEC_STATUS,
    EXEC_TRADE,
    EXEC_TRADE_CANCEL,
    EXEC_TRADE_CORRECT,
    MARKET,
    TradingPhase,
)

BID: Final = "0"
OFFER: Final = "1"

Indicative: TypeAlias = tuple[int, int]
"""Price and quantity that an auction would execute."""
Level = list[int]
"""Quantity in lots and number of orders at one price."""


class DepthView:
    """Price levels of one instrument, and which of them have changed since `take_changes`.

    `built_at` is the last batch that is in the view from the start: events of batches up to it are not folded again,
    and nothing of the view is shown before it is committed. `is_shown` is False while the book may be crossed: before
    an auction is executed. `indicative` is what it would execute, in the `phase` that calls for it.
    """

    def __init__(
        self, built_at: int, bids: Iterable[tuple[int, int, int]], asks: Iterable[tuple[int, int, int]]
    ) -> None:
        self.built_at = built_at
        self.is_shown = True
        self.phase: TradingPhase = "continuous"
        self.indicative: Indicative | None = None
        self.sides: dict[str, SortedDict[int, Level]] = {
            BID: SortedDict({-price: [qty, count] for price, qty, count in bids}),
            OFFER: SortedDict({price: [qty, count] for price, qty, count in asks}),
        }
        self.trades: list[tuple[int, int, int]] = []
        self.last_trade: tuple[int, int, int] | None = None
        self._changed: dict[tuple[str, int], None] = {}

    def fold(self, event: Execution) -> None:
        """Take one committed event of this instrument into the view."""
        exec_type = event.exec_type
        if exec_type == EXEC_TRADE and event.is_aggressor:
            self.last_trade = (event.last_price, event.last_qty, event.trade_id)
            self.trades.append(self.last_trade)
        if event.ord_type == MARKET:
            # It rests for an auction only, in no level that is shown; what it takes is said by the other side.
            return
        if event.terms is not None:
            self._fold_with_terms(event)
        elif exec_type == EXEC_TRADE:
            self._move(event.side, event.price, -event.last_qty, 0 if event.leaves_qty else -1)
        elif exec_type == EXEC_NEW:
            self._move(event.side, event.price, event.leaves_qty, 1)
        elif exec_type in (EXEC_CANCELED, EXEC_EXPIRED):
            self._move(event.side, event.price, event.cum_qty - event.qty, -1)
        elif exec_type == EXEC_REPLACED:
            self._move(event.side, event.prior_price, -event.prior_leaves, -1)
            self._move(event.side, event.price, event.leaves_qty, 1)

    def _fold_with_terms(self, event: Execution) -> None:
        """An order with terms (an iceberg, a stop, a peg) says itself what the book showed of it and shows now."""
        if event.exec_type in (EXEC_STATUS, EXEC_REJECTED, EXEC_TRADE_CANCEL, EXEC_TRADE_CORRECT):
            return
        if event.prior_leaves:
            self._move(event.side, event.prior_price, -event.prior_leaves, -1)
        if event.shown_qty:
            self._move(event.side, event.price, event.shown_qty, 1)

    def _move(self, side: str, price: int, qty: int, orders: int) -> None:
        kind, key = (BID, -price) if side == BUY else (OFFER, price)
        levels = self.sides[kind]
        level = levels.get(key)
        if level is None:
            level = levels[key] = [0, 0]
        level[0] += qty
        level[1] += orders
        self._changed[kind, key] = None
        if not level[0]:
            del levels[key]

    def begin(self, phase: TradingPhase, *, is_uncrossed: bool, indicative: Indicative | None) -> None:
        """Take the phase as the exchange has it when the view is made."""
        self.phase, self.is_shown, self.indicative = phase, is_uncrossed, indicative

    def fold_phase(self, event: TradingPhaseSet | IndicativePrice | AuctionEnded) -> None:
        """Take one committed event about phases and auctions into the view."""
        if isinstance(event, IndicativePrice):
            self.indicative = (event.price, event.qty) if event.qty else None
        elif isinstance(event, TradingPhaseSet):
            rule = TABLE[event.phase]
            if self.phase == DELISTED and event.phase != DELISTED:
                # What was traded in an earlier life is no last trade any longer.
                self.last_trade = None
            self.phase, self.indicative = event.phase, None
            if rule.takes and not rule.matches:
                self.is_shown = False
        else:
            self.is_shown = True
            if event.qty:
                self.last_trade = (event.price, event.qty, event.trade_id)
                self.trades.append(self.last_trade)

    def take_changes(self) -> tuple[list[tuple[str, int]], list[tuple[int, int, int]]]:
        """Return the (entry type, key) of levels that have changed and the trades since the last call, and forget
        them.
        """
        changed, self._changed = list(self._changed), {}
        trades, self.trades = self.trades, []
        return changed, trades

    def top(self, kind: str, depth: int) -> dict[int, tuple[int, int]]:
        """Return the best `depth` levels of a side (0: all) by key, best first: key → (quantity, orders)."""
        levels = self.sides[kind]
        keys = levels.keys()[:depth] if depth else list(levels)
        return {key: (levels[key][0], levels[key][1]) for key in keys}
