"""The quotes of sessions: which orders are sides of which quote, and what takes them out of the market all at once.

A quote is of a session, an account and an instrument, and has at most one order on each side; those are orders like all
others, with the quote's ids as terms. What market-maker protection has frozen, or a halt has ended, is pulled: in the
middle of a match before it could trade once more, else after the command, in steps. While the auction of its instrument
is being executed nothing is pulled, as what it has determined has to trade. Owner: the matching thread.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from matching import refusals
from matching.events import Event
from matching.order import Order
from matching.quote_events import QuotesFrozen
from matching.types import QuoteKey, Side
from matching.work import RESTATED_OTHER

if TYPE_CHECKING:
    from matching.special import SpecialDesk

RESET_ID: Final = "MMP_RESET"
"""QuoteID(117) of the QuoteCancel(Z) that takes frozen quotes again."""


def key_of(order: Order) -> QuoteKey:
    """Return whose quote an order is a side of."""
    return order.session.session_id, order.account_id, order.instrument_id


class Quotes:
    """`sides` are the open orders of each quote by side, `by_session` and `by_instrument` the same quotes by session
    and by instrument, in no order that counts, `leaving` quotes that are to be pulled with the reason, by instrument,
    oldest first, `busted` the ids of open orders whose only trades were busted: nothing of them is filled, yet their
    owner has heard of them.
    """

    __slots__ = ("busted", "by_instrument", "by_session", "leaving", "sides", "special")

    def __init__(self, special: "SpecialDesk") -> None:
        self.special = special
        self.sides: dict[QuoteKey, dict[Side, Order]] = {}
        self.by_session: dict[int, dict[QuoteKey, None]] = {}
        self.by_instrument: dict[int, dict[QuoteKey, None]] = {}
        self.leaving: dict[int, dict[QuoteKey, str]] = {}
        self.busted: dict[int, None] = {}

    def add(self, order: Order) -> None:
        """Get to know an open order as a side of its quote."""
        key = key_of(order)
        sides = self.sides.get(key)
        if sides is None:
            sides = self.sides[key] = {}
            self.by_session.setdefault(key[0], {})[key] = None
            self.by_instrument.setdefault(key[2], {})[key] = None
        assert order.side not in sides, f"{order.order_id} is a second quote on side {order.side}"
        sides[order.side] = order

    def discard(self, order: Order) -> None:
        """Forget an order that has closed."""
        key = key_of(order)
        sides = self.sides.get(key)
        if sides is None or sides.get(order.side) is not order:
            return
        self.busted.pop(order.order_id, None)
        del sides[order.side]
        if not sides:
            del self.sides[key]
            del self.by_session[key[0]][key]
            del self.by_instrument[key[2]][key]
            self._stay(key)

    def of_session(self, session_id: int) -> Iterable[QuoteKey]:
        """Return the quotes of a session that stand, in no order that counts."""
        return self.by_session.get(session_id, ())

    def orders(self, key: QuoteKey) -> list[Order]:
        """Return the open sides of a quote, the bid first."""
        sides = self.sides.get(key, {})
        return [sides[side] for side in sorted(sides)]

    def note_fill(self, order: Order, qty: int, out: list[Event]) -> None:
        """Count a fill of a quote; where that is more than its protection allows, freeze it and let it be pulled."""
        ids = order.quote
        if ids is None:
            return
        key, desk = key_of(order), self.special.desk
        why = desk.risk.count_quote_fill(key, order.side, qty, desk.time_ns)
        if not why:
            return
        symbol = desk.books[order.instrument_id].instrument.symbol
        names = ids.quote_id, ids.set_id, ids.entry_id
        out.append(QuotesFrozen(*key, symbol, *names, refusals.QUOTES_FROZEN, frozen_text(symbol, why)))
        if key in self.sides:
            self.leaving.setdefault(key[2], {})[key] = f"market-maker protection: {why}"

    def note_bust(self, order: Order) -> None:
        """Remember an order of a quote of which nothing is filled any more."""
        if order.quote is not None and order.is_open() and not order.cum_qty:
            self.busted[order.order_id] = None

    def is_reported(self, order: Order) -> bool:
        """Tell whether the owner of an open order of a quote was told of a trade of it."""
        return order.cum_qty > 0 or order.order_id in self.busted

    def leave_instrument(self, instrument_id: int, text: str) -> None:
        """Note that all quotes of an instrument have to leave. Looks at its quotes only."""
        # By key: when each came is no part of the state.
        keys = sorted(self.by_instrument.get(instrument_id, ()))
        if keys:
            leaving = self.leaving.setdefault(instrument_id, {})
            for key in keys:
                leaving.setdefault(key, text)

    def leave(self, key: QuoteKey, answer_id: str, text: str) -> None:
        """Note that a quote has to leave, if it is of the message with that `answer_id`; all its sides are of one."""
        ids = next((order.quote for order in self.orders(key)), None)
        if ids is not None and ids.answer_id == answer_id:
            self.leaving.setdefault(key[2], {}).setdefault(key, text)

    def is_leaving(self, order: Order) -> bool:
        """Tell whether an order is a side of a quote that is to be pulled."""
        return order.quote is not None and key_of(order) in self.leaving.get(order.instrument_id, ())

    def _stay(self, key: QuoteKey) -> str:
        """Return why a quote is to be pulled, or nothing; it is not any more."""
        leaving = self.leaving.get(key[2])
        if leaving is None:
            return ""
        text = leaving.pop(key, "")
        if not leaving:
            del self.leaving[key[2]]
        return text

    def may_pull(self, instrument_id: int) -> bool:
        """Tell whether quotes of an instrument may leave now: its auction takes along what it has determined."""
        return self.special.desk.books[instrument_id].instrument.auction is None

    def left(self) -> int:
        """Return how many quotes are to be pulled, and may be now."""
        return sum(len(keys) for instrument_id, keys in self.leaving.items() if self.may_pull(instrument_id))

    def pull(self, key: QuoteKey, out: list[Event]) -> int:
        """Cancel the open sides of a quote that is to be pulled; return how many orders that looked at."""
        text = self._stay(key)
        orders = self.orders(key)
        for order in orders:
            self.special.desk.cancel_unsolicited(order, text, out, restatement=RESTATED_OTHER)
        return len(orders) + 1

    def pull_next(self, out: list[Event]) -> int:
        """Pull the quote that has waited longest in the first instrument where that may be; return 0 without one."""
        for instrument_id, keys in self.leaving.items():
            if self.may_pull(instrument_id):
                return self.pull(next(iter(keys)), out)
        return 0

    def pull_before(self, keys: Iterable[QuoteKey], out: list[Event]) -> None:
        """Pull now, where that may be, what of these quotes waits for it: what is asked for of them is about others."""
        found = [key for key in keys if key in self.leaving.get(key[2], ()) and self.may_pull(key[2])]
        for key in found:
            self.pull(key, out)
        if found:
            self.special.after.run(out)

    def records(self) -> list[tuple[QuoteKey, str]]:
        """Return what is to be pulled, by instrument, oldest first."""
        return [each for keys in self.leaving.values() for each in keys.items()]

    def load(self, records: Iterable[tuple[QuoteKey, str]]) -> None:
        """Put back what is to be pulled."""
        for key, text in records:
            self.leaving.setdefault(key[2], {})[key] = text

    def check_invariants(self) -> None:
        """Assert that quotes know their open orders, and nothing else."""
        known = {order.order_id: order for sides in self.sides.values() for order in sides.values()}
        for order in known.values():
            assert order.is_open(), f"order {order.order_id} of a quote is open"
        for order in self.special.desk.orders.values():
            is_quote = order.is_open() and order.quote is not None
            assert is_quote == (order.order_id in known), f"{order.order_id} is known as a quote"
        of_sessions = {key: session_id for session_id, keys in self.by_session.items() for key in keys}
        assert of_sessions == {key: key[0] for key in self.sides}, "a session knows its quotes"
        of_instruments = {key: instrument_id for instrument_id, keys in self.by_instrument.items() for key in keys}
        assert of_instruments == {key: key[2] for key in self.sides}, "an instrument knows its quotes"
        assert all(self.leaving.values()), "where something is to be pulled, it is named"
        assert {key for key, _ in self.records()} <= set(self.sides), "what is pulled is there"
        assert set(self.busted) <= set(known), "what was busted of a quote is open"


def frozen_text(symbol: str, why: str) -> str:
    """Return what a member is told of frozen quotes."""
    return f"market-maker protection has frozen {symbol}: {why}; QuoteCancel(Z) with QuoteID(117) {RESET_ID} resets it"
