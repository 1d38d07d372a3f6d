"""The engine's state as bytes: versioned, complete, and the same for the same state.

Orders stand in the order of their ids; queues come back by priority, so that one number per order holds the whole
order of the book. Nothing here iterates over a set.
"""

import gc
from collections.abc import Iterator
from operator import attrgetter
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from matching.auction import Clearing
from matching.commands import MassCancel
from matching.corrections import CorrectionRecord
from matching.events import Execution, MassCancelReported, OrderRefused
from matching.instrument import Auction, AuctionStage, Instrument
from matching.order import Account, Member, Order
from matching.planned_stops import StopRecord
from matching.special_records import SpecialRecord, dump_special, load_special, load_stirred
from matching.types import BUY, InstrumentKind, OrdStatus, OrdType, QuoteKey, Side, TimeInForce, TradingPhase
from matching.users import UsersRecord
from matching.work import Work, WorkKind, WorkRequest

if TYPE_CHECKING:
    from matching.engine import Engine

STATE_VERSION: Final = 2
READABLE_VERSIONS: Final = (1, STATE_VERSION)
"""Version 1 had no orders with terms, and no last prices."""

OrderRecord: TypeAlias = tuple[
    int, int, int, int, str, Side, OrdType, TimeInForce, OrdStatus, int, int, int, int, int, int, list[str] | None
]
"""Order, session, account and instrument id, ClOrdID, side, type, TIF, status, price, qty, leaves, cum qty, cum value,
priority, and the prior ClOrdIDs."""


AuctionRecord: TypeAlias = tuple[AuctionStage, int, int, int, int, TradingPhase, int, str]
"""Stage, price, qty, qty left, surplus, following phase and its end, reason."""


class InstrumentRecord(msgspec.Struct, array_like=True, gc=False):
    """One instrument."""

    instrument_id: int
    symbol: str
    kind: InstrumentKind
    currency: str
    tick_e8: int
    lot_e8: int
    tick_lot_value: int
    reference_price: int
    band_bp: int
    phase: TradingPhase
    breaker_bp: int = 0
    breaker_static_bp: int = 0
    breaker_seconds: int = 0
    auction_price: int = 0
    until_ns: int = 0
    is_uncrossed: bool = True
    auction: AuctionRecord | None = None


ExtendedRecord: TypeAlias = tuple[int, int, int, int, bool]
"""Instrument, extended range and number of extensions, how often the present halt was extended, and whether its auction
may be put off."""


class SessionRecord(msgspec.Struct, array_like=True, gc=False):
    """One session with its throttles."""

    session_id: int
    name: str
    comp_id: str
    rate: int
    burst: int
    cancel_rate: int
    cancel_burst: int


class WorkRecord(msgspec.Struct, array_like=True, gc=False):
    """What a piece of unfinished work has beyond its orders; as many as there are works."""

    request: WorkRequest | None
    total: int
    changed: int
    askers: list[int]


class ProtectionRecord(msgspec.Struct, array_like=True, gc=False):
    """Unfinished work, the reports of mass cancels by member, the sessions that had logged out in order, and the number
    of the last report.
    """

    works: list[WorkRecord]
    mass_cancels: list[tuple[str, list[MassCancelReported]]]
    logged_out: list[int]
    last_report_id: int


class EngineRecord(msgspec.Struct, array_like=True, gc=False):
    """All of it; `risk` is the risk engine's own record, `works` is (kind, target, text, orders not yet looked at),
    `told` the indicative price told last by instrument, `quotes` those that are to be pulled, `newest_trades` the
    newest trade of each instrument whose trades are followed, 0 before the first, `auction_trades` the last trade of
    each auction that is being executed.
    """

    version: int
    shard_id: int
    seq: int
    time_ns: int
    last_exec_id: int
    last_order_id: int
    last_trade_id: int
    accepting: bool
    trading_day: int
    instruments: list[InstrumentRecord]
    accounts: list[tuple[int, str, str]]
    sessions: list[SessionRecord]
    orders: list[OrderRecord]
    refused: list[tuple[str, list[Execution | OrderRefused]]]
    works: list[tuple[WorkKind, int, str, list[int]]]
    risk: bytes
    special: SpecialRecord | None = None
    told: list[tuple[int, Clearing | None]] = []
    protection: ProtectionRecord | None = None
    corrections: list[CorrectionRecord] = []
    extended: list[ExtendedRecord] = []
    list_ids: list[tuple[str, list[str]]] = []
    quotes: list[tuple[QuoteKey, str]] | None = None
    users: UsersRecord | None = None
    planned_stop: StopRecord | None = None
    newest_trades: list[tuple[int, int]] = []
    link_ids: list[tuple[str, list[tuple[str, tuple[int, ...]]]]] = []
    auction_trades: list[tuple[int, int]] = []


_FIELDS_WITHOUT_PROTECTION: Final = EngineRecord.__struct_fields__.index("protection")
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(EngineRecord).decode


def dump(engine: "Engine") -> bytes:
    """Return the state of `engine` as bytes."""
    with _NoCollection():
        record = _record(engine)
        # As it was before there was any of the last fields: the hash of such a state is what a snapshot of an older
        # program has.
        fields = msgspec.structs.astuple(record)
        count = len(fields)
        while count > _FIELDS_WITHOUT_PROTECTION and not fields[count - 1]:
            count -= 1
        return _encode(fields[:count])


def load(engine: "Engine", data: bytes) -> None:
    """Put the state out of `dump` into an engine that has applied nothing.

    Raises:
        ValueError, msgspec.DecodeError: the bytes are not a state of this version; the engine must not be used.
    """
    with _NoCollection():
        record = _decode(data)
        if record.version not in READABLE_VERSIONS:
            raise ValueError(f"state has version {record.version}, known is {STATE_VERSION}")
        _load_definitions(engine, record)
        _load_orders(engine, record.orders, record.special or SpecialRecord())
        for book in engine.desk.books.values():
            book.renew_stops()
        engine.risk.restore_sells(engine.desk.open_orders())
        _load_rest(engine, record)
        # Last, as what may go on depends on all the rest: an auction lets nothing else end orders.
        load_stirred(engine.desk, record.special or SpecialRecord())


class _NoCollection:
    """Keeps the cycle collector from walking a million new objects again and again."""

    def __enter__(self) -> None:
        self._was_enabled = gc.isenabled()
        gc.disable()

    def __exit__(self, *_: object) -> None:
        if self._was_enabled:
            gc.enable()


def _record(engine: "Engine") -> EngineRecord:
    desk, operations = engine.desk, engine.operations
    return EngineRecord(
        STATE_VERSION,
        engine.shard_id,
        engine.seq,
        engine.time_ns,
        desk.last_exec_id,
        desk.last_order_id,
        desk.last_trade_id,
        operations.accepting,
        operations.trading_day,
        [_instrument(each) for _, each in sorted(operations.instruments.items())],
        [(key, each.name, each.firm) for key, each in sorted(operations.accounts.items())],
        [
            SessionRecord(key, each.name, each.comp_id, each.rate, each.burst, each.cancel_rate, each.cancel_burst)
            for key, each in sorted(desk.sessions.items())
        ],
        list(_orders(desk.orders)),
        [(key, list(member.refused.values())) for key, member in sorted(desk.members.items()) if member.refused],
        [(each.kind, each.target_id, each.text, list(each.order_ids[each.done :])) for each in engine.works.pending],
        engine.risk.dump(),
        dump_special(desk),
        sorted(operations.phases.told.items()),
        _protection(engine),
        operations.corrections.records(),
        [
            (key, each.breaker_extended_bp, each.breaker_extensions, each.extension_count, _may_extend(each.auction))
            for key, each in sorted(operations.instruments.items())
            if each.breaker_extended_bp or each.extension_count or _may_extend(each.auction)
        ],
        [(key, list(member.list_ids)) for key, member in sorted(desk.members.items()) if member.list_ids],
        desk.special.quotes.records() or None,
        engine.users.record(),
        engine.planned_stop.record(),
        [(key, book.on_last.trade_id) for key, book in sorted(desk.books.items()) if book.instrument.follows_trades],
        [(key, list(member.link_ids.items())) for key, member in sorted(desk.members.items()) if member.link_ids],
        [
            (key, each.auction.trade_id)
            for key, each in sorted(operations.instruments.items())
            if each.auction is not None and each.auction.trade_id
        ],
    )


def _may_extend(auction: Auction | None) -> bool:
    return auction is not None and auction.may_extend


def _protection(engine: "Engine") -> ProtectionRecord | None:
    """Return the record, or None where it would say nothing."""
    desk = engine.desk
    works = [WorkRecord(each.request, each.total, each.changed, each.askers) for each in engine.works.pending]
    reports = [(key, each) for key, each in sorted(desk.members.items()) if each.mass_cancels]
    mass_cancels = [(key, list(member.mass_cancels.values())) for key, member in reports]
    logged_out = [key for key, each in sorted(desk.sessions.items()) if not each.is_connected]
    last_report_id = engine.operations.steps.last_report_id
    if not (mass_cancels or logged_out or last_report_id) and all(each.request is None for each in works):
        return None
    return ProtectionRecord(works, mass_cancels, logged_out, last_report_id)


def _instrument(each: Instrument) -> InstrumentRecord:
    return InstrumentRecord(
        each.instrument_id,
        each.symbol,
        each.kind,
        each.currency,
        each.tick_e8,
        each.lot_e8,
        each.tick_lot_value,
        each.reference_price,
        each.band_bp,
        each.phase,
        each.breaker_bp,
        each.breaker_static_bp,
        each.breaker_seconds,
        each.auction_price,
        each.until_ns,
        each.is_uncrossed,
        _auction(each.auction),
    )


def _auction(auction: Auction | None) -> AuctionRecord | None:
    if auction is None:
        return None
    determined = (auction.stage, auction.price, auction.qty, auction.qty_left, auction.surplus)
    return *determined, auction.following, auction.until_ns, auction.reason


def _load_phase(instrument: Instrument, record: InstrumentRecord) -> None:
    """Put phase, prices and a running auction back."""
    instrument.set_phase(record.phase, until_ns=record.until_ns)
    instrument.auction_price, instrument.is_uncrossed = record.auction_price, record.is_uncrossed
    if record.auction is not None:
        stage, price, qty, qty_left, surplus, following, until_ns, reason = record.auction
        auction = Auction(following=following, until_ns=until_ns, reason=reason)
        auction.stage, auction.price, auction.qty, auction.qty_left = stage, price, qty, qty_left
        auction.surplus = surplus
        instrument.begin_auction(auction)


def _load_extension(
    instrument: Instrument, extended_bp: int, extensions: int, extension_count: int, *, may_extend: bool
) -> None:
    instrument.breaker_extended_bp, instrument.breaker_extensions = extended_bp, extensions
    instrument.extension_count = extension_count
    if instrument.auction is not None:
        instrument.auction.may_extend = may_extend


def _orders(orders: dict[int, Order]) -> Iterator[OrderRecord]:
    for order_id, order in orders.items():
        prior = order.prior_cl_ord_ids
        yield (
            order_id,
            order.session.session_id,
            order.account_id,
            order.instrument_id,
            order.cl_ord_id,
            order.side,
            order.ord_type,
            order.time_in_force,
            order.status,
            order.price,
            order.qty,
            order.leaves_qty,
            order.cum_qty,
            order.cum_value,
            order.priority,
            prior if isinstance(prior, list) else None,
        )


def _load_definitions(engine: "Engine", record: EngineRecord) -> None:
    """Instruments, accounts, sessions and the risk engine's state: what orders refer to."""
    operations = engine.operations
    for each in record.instruments:
        instrument = Instrument(
            instrument_id=each.instrument_id,
            symbol=each.symbol,
            kind=each.kind,
            currency=each.currency,
            tick_e8=each.tick_e8,
            lot_e8=each.lot_e8,
            tick_lot_value=each.tick_lot_value,
            reference_price=each.reference_price,
            band_bp=each.band_bp,
            breaker_bp=each.breaker_bp,
            breaker_static_bp=each.breaker_static_bp,
            breaker_seconds=each.breaker_seconds,
        )
        _load_phase(instrument, each)
        operations.add_instrument(instrument)
    for instrument_id, *numbers, may_extend in record.extended:
        _load_extension(operations.instruments[instrument_id], *numbers, may_extend=may_extend)
    for account_id, name, firm in record.accounts:
        operations.accounts[account_id] = Account(account_id=account_id, name=name, firm=firm)
    for one in record.sessions:
        session = operations.add_session(one.session_id, one.name, one.comp_id)
        session.rate, session.burst = one.rate, one.burst
        session.cancel_rate, session.cancel_burst = one.cancel_rate, one.cancel_burst
    engine.risk.load(record.risk)


def _load_orders(engine: "Engine", records: list[OrderRecord], special: SpecialRecord) -> None:
    """Put orders back under their ids and names, and the open ones into their queues by priority."""
    desk = engine.desk
    orders, sessions, exposure_of = desk.orders, desk.sessions, engine.risk.exposure
    quotes = {extra[0] for extra in special.extras if extra[1].quote is not None}
    exposures: dict[tuple[int, int], int] = {}
    resting: list[Order] = []
    # One text per value, as commands of the same field share it in the decoder of small texts.
    for (
        order_id,
        session_id,
        account_id,
        instrument_id,
        cl_ord_id,
        side,
        ord_type,
        time_in_force,
        status,
        price,
        qty,
        leaves_qty,
        cum_qty,
        cum_value,
        priority,
        prior,
    ) in records:
        session = sessions[session_id]
        key = account_id, instrument_id
        exposure = exposures.get(key, -1)
        if exposure < 0:
            exposure = exposures[key] = exposure_of(account_id, instrument_id)
            desk.books[instrument_id].exposures[account_id] = exposure
        order = Order(
            order_id,
            session,
            cl_ord_id,
            account_id,
            instrument_id,
            side,
            ord_type,
            time_in_force,
            price,
            qty,
            exposure,
            priority,
        )
        order.leaves_qty = leaves_qty
        order.cum_qty = cum_qty
        order.cum_value = cum_value
        order.status = status
        orders[order_id] = order
        if leaves_qty:
            session.shelves[exposure][order_id] = order
            resting.append(order)
        if order_id in quotes:
            continue
        used = session.member.used
        used[cl_ord_id] = order
        if prior:
            order.prior_cl_ord_ids = prior
            for name in prior:
                used[name] = order
    load_special(desk, special)
    resting.sort(key=attrgetter("priority"))
    for order in resting:
        book = desk.books[order.instrument_id]
        if order.extra is None:
            (book.bids if order.side == BUY else book.asks).append(order)
        elif not order.extra.waiting:
            desk.special.rest(order, book)


def _load_rest(engine: "Engine", record: EngineRecord) -> None:
    desk, operations = engine.desk, engine.operations
    engine.shard_id = record.shard_id
    engine.seq = record.seq
    engine.time_ns = record.time_ns
    desk.last_exec_id = record.last_exec_id
    desk.last_order_id = record.last_order_id
    desk.last_trade_id = record.last_trade_id
    operations.accepting = record.accepting
    operations.trading_day = record.trading_day
    operations.phases.told = dict(record.told)
    for comp_id, events in record.refused:
        member: Member = desk.members[comp_id]
        member.refused = {event.cl_ord_id: event for event in events}
    for comp_id, list_ids in record.list_ids:
        desk.members[comp_id].list_ids = dict.fromkeys(list_ids)
    for comp_id, link_ids in record.link_ids:
        desk.members[comp_id].link_ids = dict(link_ids)
    for kind, target_id, text, order_ids in record.works:
        work = Work(kind=kind, target_id=target_id, text=text, order_ids=order_ids)
        engine.works.pending.append(work)
    desk.special.quotes.load(record.quotes or ())
    for instrument_id, trade_id in record.newest_trades:
        book = desk.books[instrument_id]
        book.instrument.follows_trades, book.on_last.trade_id = True, trade_id
    for instrument_id, trade_id in record.auction_trades:
        auction = operations.instruments[instrument_id].auction
        assert auction is not None, f"instrument {instrument_id} has no auction that has traded"
        auction.trade_id = trade_id
    if record.protection is not None:
        _load_protection(engine, record.protection)
    operations.corrections.load(record.corrections)
    if record.users is not None:
        engine.users.load(record.users)
    if record.planned_stop is not None:
        engine.planned_stop.load(record.planned_stop)


def _load_protection(engine: "Engine", record: ProtectionRecord) -> None:
    desk = engine.desk
    engine.operations.steps.last_report_id = record.last_report_id
    for work, more in zip(engine.works.pending, record.works, strict=True):
        work.request, work.total, work.changed, work.askers = more.request, more.total, more.changed, more.askers
        if isinstance(more.request, MassCancel):
            work.comp_id = desk.sessions[more.request.session_id].comp_id
    for comp_id, reports in record.mass_cancels:
        desk.members[comp_id].mass_cancels = {report.cl_ord_id: report for report in reports}
    for session_id in record.logged_out:
        desk.sessions[session_id].is_connected = False
