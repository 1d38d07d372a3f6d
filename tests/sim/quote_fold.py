"""Judge of quotes: what was taken stands as it was asked for, a cancel leaves nothing, and protection stops in time.

From commands and events alone. What was filled within a window is counted here by a rule of its own.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from matching.commands import CancelQuotes, Command, MassQuote, ResetQuoteProtection, SetQuoteProtection
from matching.events import Event, Execution, MessageThrottled
from matching.quote_events import QuotesAnswered, QuotesFrozen, QuotesReset
from tests.sim.fix import FindingError
from tests.sim.folded_order import FoldedOrder

Key: TypeAlias = tuple[int, int, int]
"""Session, account and instrument: whose quote it is."""
REFUSED = "5"
"""QuoteStatus(297)."""


def is_quote(event: Execution) -> bool:
    """Tell whether an event is of a side of a quote."""
    return event.terms is not None and event.terms.quote is not None


def is_unsaid(event: Execution) -> bool:
    """Tell whether a step of a quote is said by the answer to its own message alone."""
    if not is_quote(event) or event.exec_type not in ("0", "4", "5"):
        return False
    return event.exec_type != "4" or not (event.text or event.orig_cl_ord_id)


class QuoteFold:
    """`ids` are the orders that were ever sides of quotes. `_fills` are (time, lots, lots net) of each key."""

    def __init__(self) -> None:
        self.ids: set[int] = set()
        self._sides: dict[Key, dict[int, FoldedOrder]] = {}
        self._bounds: dict[int, SetQuoteProtection] = {}
        self._fills: dict[Key, list[tuple[int, int, int]]] = {}
        self._frozen: set[Key] = set()
        self._to_freeze: set[Key] = set()
        self._cancels: dict[tuple[int, str, int], tuple[CancelQuotes, list[FoldedOrder]]] = {}
        self._touched: set[int] = set()
        self._time_ns = 0

    def begin(self, command: Command, time_ns: int) -> None:
        """Look at a command before what came of it is folded."""
        self._time_ns = time_ns
        self._touched = set()
        if isinstance(command, SetQuoteProtection):
            self._bounds[command.session_id] = command
            if not (command.qty_max or command.delta_max or command.count_max):
                self._fills = {key: fills for key, fills in self._fills.items() if key[0] != command.session_id}
        elif isinstance(command, CancelQuotes):
            key = command.session_id, command.quote_id, command.msg_seq_num
            scope = [order for order in self._open() if _is_of(command, order)]
            self._cancels[key] = command, scope
        elif isinstance(command, ResetQuoteProtection):
            ids = command.session_id, command.account_id, command.instrument_id
            self._count_anew(lambda key: all(wanted in (0, found) for wanted, found in zip(ids, key, strict=True)))

    def executed(self, event: Execution, order: FoldedOrder) -> None:
        """Take a step of a side, which is folded already."""
        key = order.session_id, order.account_id, order.instrument_id
        self.ids.add(order.order_id)
        self._touched.add(order.order_id)
        if event.exec_type == "0":
            self._sides.setdefault(key, {})[order.order_id] = order
        if event.exec_type in ("0", "5", "F") and key in self._frozen and not event.is_auction:
            raise FindingError("protection", f"{event} while {key} is frozen")
        if event.exec_type == "F" and key not in self._frozen:
            self._filled(key, event)

    def _filled(self, key: Key, event: Execution) -> None:
        bounds = self._bounds.get(key[0])
        if bounds is None or not (bounds.qty_max or bounds.delta_max or bounds.count_max):
            return
        net = event.last_qty if event.side == "1" else -event.last_qty
        fills = [each for each in self._fills.get(key, []) if self._time_ns - each[0] < bounds.window_ns]
        fills.append((self._time_ns, event.last_qty, net))
        self._fills[key] = fills
        sums = sum(each[1] for each in fills), abs(sum(each[2] for each in fills)), len(fills)
        allowed = bounds.qty_max, bounds.delta_max, bounds.count_max
        if any(most and found > most for found, most in zip(sums, allowed, strict=True)):
            self._to_freeze.add(key)
            self._frozen.add(key)
            self._fills.pop(key)

    def apply(self, command: Command, events: Sequence[Event], seq: int) -> None:
        """Judge what has come of a command."""
        for event in events:
            if isinstance(event, QuotesFrozen):
                key = event.session_id, event.account_id, event.instrument_id
                if key not in self._to_freeze:
                    raise FindingError("protection", f"{event} without a bound that was broken")
                self._to_freeze.discard(key)
            elif isinstance(event, QuotesReset):
                self._frozen.discard((event.session_id, event.account_id, event.instrument_id))
            elif isinstance(event, QuotesAnswered) and event.cancel_type:
                self._canceled(event)
        if self._to_freeze:
            raise FindingError("protection", f"{sorted(self._to_freeze)} were filled beyond a bound: {command}")
        if isinstance(command, MassQuote):
            self._check_taken(command, events, seq)

    def _canceled(self, event: QuotesAnswered) -> None:
        command, orders = self._cancels.pop((event.session_id, event.quote_id, event.msg_seq_num), (None, []))
        if command is not None and command.resets and event.status != REFUSED:
            self._count_anew(lambda key: _is_in(command, *key))
        left = [order.order_id for order in orders if order.is_open]
        if left and event.status != REFUSED:
            raise FindingError("quote", f"sides {left} are open after {event}")

    def _count_anew(self, is_of: Callable[[Key], bool]) -> None:
        self._fills = {key: fills for key, fills in self._fills.items() if not is_of(key)}

    def _check_taken(self, command: MassQuote, events: Iterable[Event], seq: int) -> None:
        """Every entry that was taken has the sides that it asked for, and no others."""
        if any(isinstance(event, MessageThrottled) for event in events):
            return
        answers = [each for each in events if isinstance(each, QuotesAnswered) and each.quote_id == command.quote_id]
        if any(answer.code for answer in answers):
            return
        refused = {each.entry_id for answer in answers for each in answer.entries if each.code}
        for entry in command.entries:
            if entry.entry_id in refused:
                continue
            sides = self._sides.get((command.session_id, command.account_id, entry.instrument_id), {})
            asked = {"1": (entry.bid_price, entry.bid_qty), "2": (entry.offer_price, entry.offer_qty)}
            for side, (price, qty) in asked.items():
                found = [
                    order
                    for order in sides.values()
                    if order.side == side and (order.is_open or order.closed_by == seq)
                ]
                self._check_side(entry, price, qty, found)

    def _check_side(self, entry: object, price: int, qty: int, found: Sequence[FoldedOrder]) -> None:
        standing = [order for order in found if order.is_open]
        if not qty and not standing:
            return
        is_wrong = len(standing) > (1 if qty else 0) or (qty and not found)
        for order in standing:
            is_wrong = is_wrong or order.price != price or order.leaves > qty
            is_wrong = is_wrong or (order.leaves < qty and order.order_id not in self._touched)
        if is_wrong:
            stands = [(order.order_id, order.leaves, order.price) for order in standing]
            raise FindingError("quote", f"{entry} was taken, and what stands is {stands}")

    def rest(self) -> None:
        """Nothing is left to be done: what is frozen has left the market."""
        for key, sides in self._sides.items():
            left = [order.order_id for order in sides.values() if order.is_open]
            if key in self._frozen and left:
                raise FindingError("protection", f"{key} is frozen, and {left} are open")
            if len({order.side for order in sides.values() if order.is_open}) < len(left):
                raise FindingError("quote", f"{key} has more than one order on a side: {left}")
        self._sides = {
            key: {each: order for each, order in sides.items() if order.is_open} for key, sides in self._sides.items()
        }

    def _open(self) -> list[FoldedOrder]:
        return [order for sides in self._sides.values() for order in sides.values() if order.is_open]


def _is_of(command: CancelQuotes, order: FoldedOrder) -> bool:
    return _is_in(command, order.session_id, order.account_id, order.instrument_id)


def _is_in(command: CancelQuotes, session_id: int, account_id: int, instrument_id: int) -> bool:
    return (
        session_id == command.session_id
        and command.account_id in (0, account_id)
        and (command.cancel_type == "4" or instrument_id in command.instrument_ids)
    )
