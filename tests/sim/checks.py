"""The judges of a simulated day. They compare what members have with what the journal has, and that with a replay."""

from collections import Counter, deque
from collections.abc import Container, Iterable, Sequence
from decimal import Decimal
from typing import Any

from gateway.start_up import new_engine
from gateway.wire import BYTES
from matching.engine import Engine
from matching.events import (
    CancelRejected,
    Event,
    Execution,
    MassCancelReported,
    MassStatusReported,
    MessageThrottled,
    OrderListAnswered,
    OrderRefused,
)
from matching.journal import Journal
from matching.order import Order
from matching.phases import DELISTED
from matching.quote_events import QuotesAnswered, QuotesFrozen
from matching.replay import ReplayMismatchError, replay_batch
from risk.engine import RiskEngine
from tests.sim.fix import ADMIN_TYPES, Fields, FindingError, parse, split
from tests.sim.market_fold import MarketFold
from tests.sim.member import Member
from tests.sim.quote_fold import is_unsaid
from tests.sim.wire import Item, Observer

ALL_BYTES = 1 << 40
PRICED = ("2", "4")
"""OrdType(40) of orders with a price of their own."""
Key = tuple[Any, ...]
OF_REQUESTS = (
    MessageThrottled | MassCancelReported | MassStatusReported | OrderListAnswered | QuotesAnswered | QuotesFrozen
)
"""Answers that are of nobody's orders: a drop copy has them not."""
Stored = dict[tuple[int, int], dict[int, bytes]]
"""By session id and epoch: number → bytes."""


class ReleaseWatch(Observer):
    """Promise 1: when something is released, the journal gives it back, with the batch that it belongs to."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._held: dict[int, deque[Item]] = {}
        self._read_through = journal.last.batch_seq
        self._committed: dict[tuple[int, int, int], bytes] = {}

    def numbered(self, item: Item) -> None:
        self._held.setdefault(item[1], deque()).append(item)

    def released(self, io: int, serial: int) -> None:
        self._read()
        held = self._held.get(io, deque())
        while held and held[0][2] <= serial:
            self._check(held.popleft())

    def _read(self) -> None:
        """Take in what was committed since the last release."""
        last = self._journal.last.batch_seq
        for batch_seq in range(self._read_through + 1, last + 1):
            stored = self._journal.outbound(batch_seq)
            for session_id, epoch, first, _, offset, length, *_ in stored.runs:
                self._committed[session_id, epoch, first] = bytes(stored.blob[offset : offset + length])
        self._read_through = last

    def _check(self, item: Item) -> None:
        assert item[0] == BYTES, "bytes are numbered"
        _, io, serial, batch_id, runs, blob = item
        if batch_id > self._journal.last.batch_seq:
            raise FindingError("early release", f"batch {batch_id}, the journal ends at {self._journal.last.batch_seq}")
        for session_id, epoch, first, count, offset, length, _ in runs:
            stored = self._committed.pop((session_id, epoch, first), b"")
            if stored != blob[offset : offset + length]:
                numbers = f"{first} to {first + count - 1} of session {session_id}"
                raise FindingError("early release", f"numbers {numbers} in item {serial} of IO thread {io}: {stored!r}")


def check_recovered(journal: Journal, session_id: int, member: Member, begin: int) -> None:
    """What a member has received, from its report `begin` on, is in the journal: to be asked after every recovery."""
    numbers: dict[int, list[int]] = {}
    for report in member.reports[begin:]:
        numbers.setdefault(report.epoch, []).append(report.num)
    stored: Stored = {}
    for epoch, of_epoch in numbers.items():
        runs, _ = journal.messages(session_id, epoch, min(of_epoch), max(of_epoch), ALL_BYTES)
        stored[session_id, epoch] = {
            first + place: message for first, _, blob in runs for place, message in enumerate(split(blob))
        }
    check_received(stored, session_id, member, begin)


def check_received(stored: Stored, session_id: int, member: Member, begin: int) -> None:
    """What a member has received is what is stored, byte for byte, or the same said again."""
    for report in member.reports[begin:]:
        found = stored.get((session_id, report.epoch), {}).get(report.num)
        is_dup = report.fields.get("43") == "Y"
        if found is None or (parse(found).content != report.content if is_dup else found != report.message):
            raise FindingError("record differs", f"{member.name} has {report.message!r}, the journal {found!r}")


class Audit:
    """A replay of the whole journal, and what it says that everybody was told."""

    def __init__(self, journal: Journal) -> None:
        self.engine: Engine = new_engine()
        self.fold = MarketFold()
        self.events: list[Event] = []
        self.stored: Stored = {}
        for batch in journal.read(1):
            try:
                replay_batch(self.engine, batch)
            except ReplayMismatchError as error:
                raise FindingError("replay", str(error)) from error
            for outcome in batch.outcomes():
                self.fold.apply(outcome.seq, batch.time_ns, outcome.command, outcome.events)
                self.events += outcome.events
            if not self.engine.has_work:
                self.fold.rest()
            for session_id, epoch, first, _, offset, length, *_ in batch.outbound.runs:
                self._store(session_id, epoch, first, split(bytes(batch.outbound.blob[offset : offset + length])))

    def _store(self, session_id: int, epoch: int, first: int, messages: Sequence[bytes]) -> None:
        numbers = self.stored.setdefault((session_id, epoch), {})
        for num, message in enumerate(messages, first):
            if num in numbers:
                raise FindingError("numbers", f"number {num} of session {session_id} epoch {epoch} was used twice")
            numbers[num] = message

    def reports(self, session_id: int, *, only_epoch: int = 0) -> list[tuple[int, int, bytes, str, Fields]]:
        """Return (epoch, number, bytes, content, fields) of every stored application message of a session, in order."""
        found = []
        for (of, epoch), numbers in sorted(self.stored.items()):
            if of != session_id or (only_epoch and epoch != only_epoch):
                continue
            if sorted(numbers) != list(range(1, len(numbers) + 1)):
                raise FindingError("numbers", f"session {session_id} epoch {epoch} has {sorted(numbers)}")
            for num, message in sorted(numbers.items()):
                fields, content = parse(message)
                if fields["35"] not in ADMIN_TYPES:
                    found.append((epoch, num, message, content, fields))
        return found


def check_market(audit: Audit, live: Engine) -> None:
    """Replay equals live; books, balances and holds equal what the events amount to; every asset sums to zero."""
    if audit.engine.state_hash() != live.state_hash():
        raise FindingError("replay", "the replayed state is another one than the live state")
    check_fold(audit.fold, live)


def check_fold(fold: MarketFold, live: Engine) -> None:
    """Books, balances and holds equal what the events amount to; every asset sums to zero."""
    for instrument_id in fold.instruments:
        if live.depth(instrument_id, 0) != fold.depth(instrument_id):
            depths = f"the engine has {live.depth(instrument_id, 0)}, the events {fold.depth(instrument_id)}"
            raise FindingError("books", f"{depths} in instrument {instrument_id}")
        check_queues(fold, live, instrument_id)
        check_last_price(fold, live, instrument_id)
    risk = live.risk
    assert isinstance(risk, RiskEngine)
    held = fold.held(lambda order_id: _holds(live, order_id))
    sums: Counter[str] = Counter()
    for account_id in fold.accounts:
        for asset in risk.ledgers[account_id].balances:
            found = risk.balance_of(account_id, asset)
            key = (account_id, asset)
            expected = (fold.money.balances.get(key, 0), held.get(key, 0))
            sums[asset] += found[0]
            if found[0] != expected[0]:
                raise FindingError("postings", f"account {key} has {found[0]}, its postings come to {expected[0]}")
            if found[1] != expected[1]:
                raise FindingError("holds", f"account {key} holds {found[1]}, its orders need {expected[1]}")
    for asset, amount in sums.items():
        if amount + risk.deposits.outside.balance(asset).amount != 0 or amount + fold.money.outside.get(asset, 0) != 0:
            raise FindingError(
                "postings", f"{asset} sums to {amount} over all accounts, outside {fold.money.outside.get(asset)}"
            )


def _holds(live: Engine, order_id: int) -> bool:
    """Whether an order holds for itself: of linked orders one may hold for another, which no event says."""
    extra = live.desk.orders[order_id].extra
    return extra is None or extra.is_held


def check_last_price(fold: MarketFold, live: Engine, instrument_id: int) -> None:
    """The last price is that of the newest trade that stands; of an auction it counts when that is over."""
    book, expected = live.desk.books[instrument_id], fold.trades.last_prices.get(instrument_id, 0)
    if book.instrument.phase != DELISTED and book.instrument.auction is None and book.on_last.price != expected:
        raise FindingError(
            "last price", f"{book.instrument.symbol} has {book.on_last.price}, its trades say {expected}"
        )


def check_queues(fold: MarketFold, live: Engine, instrument_id: int) -> None:
    """Every queue stands in the order of price and time that the events give; market orders before limit orders."""
    book = live.desk.books[instrument_id]
    for side, of_book in (("1", book.bids), ("2", book.asks)):
        found = [order.order_id for order in of_book.orders()]
        if found != fold.queue(instrument_id, side):
            raise FindingError("priority", f"orders stand as {found}, expected {fold.queue(instrument_id, side)}")


def event_key(event: Event, lots: dict[int, int]) -> Key | None:
    """Return what identifies the report of an event; None where it is nobody's."""
    if isinstance(event, QuotesAnswered):
        return ("b", event.quote_id or "NONE", event.status == "5")
    if isinstance(event, QuotesFrozen):
        return ("b", event.quote_id, False)
    if isinstance(event, Execution) and is_unsaid(event):
        return None
    if isinstance(event, Execution) and event.order_id:
        lot = lots[event.instrument_id]
        amounts = (Decimal(event.leaves_qty * lot) / 10**8, Decimal(event.cum_qty * lot) / 10**8)
        fill = Decimal(event.last_qty * lot) / 10**8
        names = event.exec_id, event.exec_ref_id, event.order_id, event.cl_ord_id
        return ("8", *names, event.ord_status, *amounts, fill)
    if isinstance(event, OrderRefused | Execution):
        return ("8", event.exec_id, event.cl_ord_id)
    if isinstance(event, CancelRejected):
        return ("9", event.order_id, event.cl_ord_id, event.orig_cl_ord_id or "NONE", event.ord_status)
    if isinstance(event, MassCancelReported):
        return ("r", event.report_id, event.cl_ord_id, event.response, event.total_affected)
    if isinstance(event, MassStatusReported):
        return ("8", event.exec_id, "") if event.execution is None else event_key(event.execution, lots)
    if isinstance(event, MessageThrottled):
        return ("j", event.ref_id, event.msg_seq_num)
    if isinstance(event, OrderListAnswered):
        return ("N", event.list_id, "2" if event.is_status else "1", len(event.orders))
    return None


def report_key(fields: Fields) -> Key:
    """Return the same of a FIX message."""
    if fields["35"] == "j":
        return ("j", fields.get("379", ""), int(fields["45"]))
    if fields["35"] == "b":
        return ("b", fields["117"], fields["297"] == "5")
    if fields["35"] == "N":
        return ("N", fields["66"], fields["429"], int(fields["68"]))
    if fields["35"] == "r":
        return ("r", int(fields["37"][1:]), fields["11"], fields["531"], int(fields["533"]))
    order_id = 0 if fields["37"] == "NONE" else int(fields["37"][1:])
    if fields["35"] == "9":
        return ("9", order_id, fields["11"], fields["41"], fields["39"])
    if not order_id:
        return ("8", int(fields["17"][1:]), fields.get("11", ""))
    status = "0" if fields["39"] == "5" else fields["39"]
    amounts = (Decimal(fields["151"]), Decimal(fields["14"]), Decimal(fields.get("32", "0")))
    names = int(fields["17"][1:]), int(fields.get("19", "E0")[1:]), order_id, fields["11"]
    return ("8", *names, status, *amounts)


def check_said(audit: Audit, session_id: int, *, is_drop_copy: bool) -> None:
    """What was numbered for a session is its events, in order, once each; for a drop copy, those of all accounts."""
    lots = {instrument_id: each.lot_e8 for instrument_id, each in audit.fold.instruments.items()}
    expected = []
    for event in audit.events:
        is_mine = getattr(event, "session_id", 0) == session_id
        if is_drop_copy:
            is_mine = not isinstance(event, OF_REQUESTS)
        key = event_key(event, lots) if is_mine else None
        if key is not None:
            expected.append(key)
    said = (fields for *_, fields in audit.reports(session_id) if "97" not in fields and fields["35"] != "BX")
    found = [report_key(fields) for fields in said]
    for place, (one, other) in enumerate(zip(expected, found, strict=False)):
        if one != other:
            raise FindingError(
                "drop copy" if is_drop_copy else "reports", f"report {place} is {other}, its event {one}"
            )
    if len(expected) != len(found):
        text = f"{len(found)} reports of {len(expected)} events for session {session_id}"
        raise FindingError("drop copy" if is_drop_copy else "reports", text)


def check_member(audit: Audit, session_id: int, epoch: int, member: Member) -> None:
    """A member has everything that was said to it, once; but for what it gave up by resetting its numbers."""
    stored = audit.reports(session_id)
    lost = {parse(message).content for message in member.lost_in_socket}
    received = {report.content for report in member.reports}
    for of_epoch, num, _, content, _ in stored:
        if content not in received and (of_epoch == epoch or content not in lost):
            raise FindingError("member lacks", f"{member.name} never got {content} of epoch {of_epoch}, number {num}")
    said = Counter(content for *_, content, fields in stored if "97" not in fields)
    for content, count in Counter(report.content for report in member.reports if report.is_original).items():
        if count > said[content]:
            raise FindingError("member repeats", f"{member.name} got {count} times, and said once: {content}")
    unanswered = member.unanswered()
    if unanswered:
        asked = [(name, member.requests[name].msg_type) for name in unanswered]
        raise FindingError("unanswered", f"{member.name} got no answer to {asked}")


def check_books_of_members(members: Iterable[Member], engine: Engine, quotes: Container[int]) -> None:
    """The newest report of every order, over all members, is what the books hold; but for sides of quotes, of which
    most is said by the answers to their messages.
    """
    newest: dict[str, Fields] = {}
    for member in members:
        known = [report.fields for report in member.reports]
        known += [parse(message).fields for message in member.lost_in_socket]
        for fields in known:
            if fields["35"] != "8" or fields["37"] == "NONE":
                continue
            before = newest.get(fields["37"])
            if before is None or int(before["17"][1:]) < int(fields["17"][1:]):
                newest[fields["37"]] = fields
    told = {order_id: _standing(fields) for order_id, fields in newest.items()}
    told = {order_id: standing for order_id, standing in told.items() if standing is not None}
    told = {order_id: standing for order_id, standing in told.items() if int(order_id[1:]) not in quotes}
    orders = [order for order in engine.desk.orders.values() if order.is_open() and order.quote is None]
    found = {f"O{order.order_id}": _stands(order, engine) for order in orders}
    for order_id in sorted({*told, *found}):
        if told.get(order_id) != found.get(order_id):
            text = f"members know {told.get(order_id)} of {order_id}, the exchange has {found.get(order_id)}"
            raise FindingError("reports and books", text)


def _standing(fields: Fields) -> Key | None:
    """Return how an order stands, as its newest report says; None where it is not open."""
    if fields["39"] not in ("0", "1", "5"):
        return None
    # A market order has no price, a pegged one that of its limit.
    price = Decimal(fields["44"]) if fields.get("40") in PRICED and "44" in fields else None
    return fields["55"], fields["54"], Decimal(fields["151"]), Decimal(fields["14"]), price


def _stands(order: Order, engine: Engine) -> Key:
    """Return the same of an order in the engine."""
    instrument = engine.instruments[order.instrument_id]
    leaves, cum = (Decimal(qty * instrument.lot_e8) / 10**8 for qty in (order.leaves_qty, order.cum_qty))
    price = Decimal(order.price * instrument.tick_e8) / 10**8 if order.ord_type in PRICED else None
    return instrument.symbol, order.side, leaves, cum, price
