"""The risk engine's state as bytes: versioned, complete, the same for the same state; ordered by id or name.

A state without transfers between shards is written in version 1, one without protection beyond throttles and limits in
version 2, one without limits of firms and protection of quotes in version 3, as they were before there were any: so its
state hash is the one that a snapshot of an older program has, and `verify` can compare them.
"""

from typing import TYPE_CHECKING, Final

import msgspec

from matching.commands import OverrideLimits, SetFirmLimits, SetLimits, SetProtection, SetQuoteProtection
from matching.types import QuoteKey
from risk.accounts import Balance, Ledger
from risk.firms import Firm, OpenValue
from risk.protection import Protection, Window
from risk.quote_protection import Fill, FillWindow, QuoteProtection
from risk.throttle import Bucket
from risk.transit import Transfer

if TYPE_CHECKING:
    from risk.engine import RiskEngine

RECORD_VERSION: Final = 4

BucketRecord = tuple[int, int, int, int]
BalanceRecord = tuple[str, int, int]
TransferRecord = tuple[str, int, str, int, str]


class LedgerRecord(msgspec.Struct, array_like=True, gc=False):
    """One account: `open_orders` over all instruments; balances as (asset, amount, held)."""

    account_id: int
    name: str
    open_orders: int
    killed: str
    bucket: BucketRecord | None
    balances: list[BalanceRecord]
    limits: list[SetLimits]


class ExposureRecord(msgspec.Struct, array_like=True, gc=False):
    """One account in one instrument."""

    account_id: int
    instrument_id: int
    open_orders: int
    open_buy_qty: int
    open_sell_qty: int
    short_lock: int


class SessionProtectionRecord(msgspec.Struct, array_like=True, gc=False):
    """One session's bounds and what was counted: windows as (begin, count)."""

    bounds: SetProtection
    overrun: tuple[int, int]
    repeats: list[tuple[int, int, str, int, int]]


class OverrideRecord(msgspec.Struct, array_like=True, gc=False, tag=63):
    """An override of an account, without the fields that are a firm's alone: the layout from before firms had any."""

    account_id: int
    instrument_id: int
    order_qty_max: int
    order_value_max: int
    open_orders_max: int
    position_max: int
    rate: int
    burst: int
    sides: str
    until_ns: int
    by: str
    reason: str


class FirmRecord(msgspec.Struct, array_like=True, gc=False):
    """One firm with limits, and its accounts. The other counts are the sums of what exposures and ledgers have."""

    name: str
    account_ids: list[int]
    limits: list[SetFirmLimits]
    overrides: list[OverrideLimits]
    open_values: list[OpenValue]


class ProtectionRecord(msgspec.Struct, array_like=True, gc=False):
    """Kill switches of firms with their accounts, what stands in `risk.protection`, operators' limits, permissions."""

    firms_killed: list[tuple[str, str]]
    firm_of: list[tuple[int, str]]
    sessions: list[SessionProtectionRecord]
    overrides: list[OverrideRecord]
    permissions: list[tuple[int, int, str]]


class QuoteProtectionRecord(msgspec.Struct, array_like=True, gc=False):
    """What stands in `risk.quote_protection`, by session and key."""

    bounds: list[SetQuoteProtection]
    windows: list[tuple[QuoteKey, list[Fill]]]
    frozen: list[tuple[QuoteKey, str]]


class RiskRecord(msgspec.Struct, array_like=True, gc=False):
    """All of it. Version 1 has neither what `risk.transit` holds nor what follows it, version 2 nothing behind that,
    version 3 neither `firms` nor `quotes`.
    """

    version: int
    accepting: bool
    acceptance_reason: str
    market_killed: str
    sessions_killed: list[tuple[int, str]]
    session_buckets: list[tuple[int, BucketRecord]]
    cancel_buckets: list[tuple[int, BucketRecord]]
    outside: list[BalanceRecord]
    ledgers: list[LedgerRecord]
    exposures: list[ExposureRecord]
    transfers: list[tuple[str, int, str, int]]
    transit: list[BalanceRecord] = []
    outgoing: list[TransferRecord] = []
    incoming: list[TransferRecord] = []
    protection: ProtectionRecord | None = None
    firms: list[FirmRecord] = []
    quotes: QuoteProtectionRecord | None = None


_FIELDS_OF_VERSION: Final = {
    1: RiskRecord.__struct_fields__.index("transit"),
    2: RiskRecord.__struct_fields__.index("protection"),
    3: RiskRecord.__struct_fields__.index("firms"),
    4: len(RiskRecord.__struct_fields__),
}
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(RiskRecord).decode


def dump(risk: "RiskEngine") -> bytes:
    """Return the state of `risk` as bytes."""
    gates, transit = risk.gates, risk.transit
    protection = _protection(risk)
    firms = [_firm(firm) for _, firm in sorted(risk.firms.by_name.items())]
    quotes = _quote_protection(risk.quotes)
    version = 2 if transit.outgoing or transit.incoming else 1
    if firms or quotes is not None:
        version = 4
    elif protection is not None:
        version = 3
    exposures = sorted(
        (line.account.account_id, line.instrument.instrument_id, index) for index, line in enumerate(risk.exposures)
    )
    record = RiskRecord(
        version,
        gates.accepting,
        gates.acceptance_reason,
        gates.market_killed,
        sorted(gates.sessions_killed.items()),
        [(key, _bucket(bucket)) for key, bucket in sorted(risk.session_buckets.items())],
        [(key, _bucket(bucket)) for key, bucket in sorted(risk.cancel_buckets.items())],
        _balances(risk.deposits.outside),
        [_ledger(ledger) for _, ledger in sorted(risk.ledgers.items())],
        [_exposure(risk, index) for _, _, index in exposures],
        [(transfer_id, *risk.deposits.posted[transfer_id]) for transfer_id in sorted(risk.deposits.posted)],
        _balances(transit.ledger),
        _transfers(transit.outgoing),
        _transfers(transit.incoming),
        protection,
        firms,
        quotes,
    )
    return _encode(msgspec.structs.astuple(record)[: _FIELDS_OF_VERSION[version]])


def _protection(risk: "RiskEngine") -> ProtectionRecord | None:
    """Return what protects beyond throttles and limits; None where there is nothing of it."""
    gates = risk.gates
    ledgers = [ledger for _, ledger in sorted(risk.ledgers.items())]
    overrides = [_override(each) for ledger in ledgers for _, each in sorted(ledger.overrides.items())]
    permissions = [
        (ledger.account_id, instrument_id, sides)
        for ledger in ledgers
        for instrument_id, sides in sorted(ledger.permissions.items())
    ]
    if not gates.firms_killed and not risk.protections and not overrides and not permissions:
        return None
    return ProtectionRecord(
        sorted(gates.firms_killed.items()),
        sorted(gates.firm_of.items()),
        [_session_protection(each) for _, each in sorted(risk.protections.items())],
        overrides,
        permissions,
    )


def _override(override: OverrideLimits) -> OverrideRecord:
    return OverrideRecord(*msgspec.structs.astuple(override)[: len(OverrideRecord.__struct_fields__)])


def _firm(firm: Firm) -> FirmRecord:
    return FirmRecord(
        firm.name,
        sorted(firm.members),
        [limits for _, limits in sorted(firm.limits.items())],
        [override for _, override in sorted(firm.overrides.items())],
        [(currency, worth.amount) for currency, worth in sorted(firm.worths.items()) if worth.amount],
    )


def _restore_firms(risk: "RiskEngine", records: list[FirmRecord]) -> None:
    for record in records:
        firm = Firm(record.name)
        firm.limits = {limits.instrument_id: limits for limits in record.limits}
        firm.overrides = {override.instrument_id: override for override in record.overrides}
        risk.firms.restore(firm, record.account_ids, record.open_values)


def _quote_protection(quotes: QuoteProtection) -> QuoteProtectionRecord | None:
    if quotes.is_empty():
        return None
    return QuoteProtectionRecord(
        [bounds for _, bounds in sorted(quotes.bounds.items())],
        [(key, list(window.fills)) for key, window in sorted(quotes.windows.items())],
        sorted(quotes.frozen.items()),
    )


def _restore_quotes(quotes: QuoteProtection, record: QuoteProtectionRecord) -> None:
    quotes.bounds = {each.session_id: each for each in record.bounds}
    quotes.frozen = dict(record.frozen)
    for key, fills in record.windows:
        window = quotes.windows[key] = FillWindow()
        window.fills.extend(fills)
        window.qty, window.net, window.count = (sum(fill[place] for fill in fills) for place in (1, 2, 3))


def _session_protection(each: Protection) -> SessionProtectionRecord:
    # In the order in which they were begun: the oldest is the one that goes.
    repeats = [(*kind, window.begin_ns, window.count) for kind, window in each.repeats.items()]
    return SessionProtectionRecord(each.bounds, (each.overrun.begin_ns, each.overrun.count), repeats)


def _restore_protection(risk: "RiskEngine", record: ProtectionRecord) -> None:
    risk.gates.firms_killed = dict(record.firms_killed)
    risk.gates.firm_of = dict(record.firm_of)
    for override in record.overrides:
        account_id, instrument_id, *rest = msgspec.structs.astuple(override)
        overrides = risk.ledgers[account_id].overrides
        overrides[instrument_id] = OverrideLimits(account_id, instrument_id, *rest)
    for account_id, instrument_id, sides in record.permissions:
        risk.ledgers[account_id].permissions[instrument_id] = sides
    for each in record.sessions:
        protection = risk.protections[each.bounds.session_id] = Protection(each.bounds)
        protection.overrun = Window(*each.overrun)
        protection.repeats = {
            (kind_account, kind_instrument, side): Window(begin_ns, count)
            for kind_account, kind_instrument, side, begin_ns, count in each.repeats
        }


def load(risk: "RiskEngine", data: bytes) -> None:
    """Put the state out of `dump` into an engine that knows its instruments and nothing else.

    Raises:
        ValueError, msgspec.DecodeError: the bytes are not a state of this version.
    """
    assert not risk.ledgers, "a state is loaded into an engine without one"
    record = _decode(data)
    if not 1 <= record.version <= RECORD_VERSION:
        raise ValueError(f"risk record has version {record.version}, known are 1 to {RECORD_VERSION}")
    gates = risk.gates
    gates.accepting = record.accepting
    gates.acceptance_reason = record.acceptance_reason
    gates.market_killed = record.market_killed
    gates.sessions_killed = dict(record.sessions_killed)
    gates.accounts_killed = sum(1 for each in record.ledgers if each.killed)
    risk.session_buckets = {key: _restored(bucket) for key, bucket in record.session_buckets}
    risk.cancel_buckets = {key: _restored(bucket) for key, bucket in record.cancel_buckets}
    _restore_balances(risk.deposits.outside, record.outside)
    for each in record.ledgers:
        ledger = risk.ledgers[each.account_id] = Ledger(each.account_id, each.name)
        ledger.open_orders = each.open_orders
        ledger.killed = each.killed
        ledger.bucket = None if each.bucket is None else _restored(each.bucket)
        ledger.limits = {limits.instrument_id: limits for limits in each.limits}
        _restore_balances(ledger, each.balances)
    if record.protection is not None:
        _restore_protection(risk, record.protection)
    if record.quotes is not None:
        _restore_quotes(risk.quotes, record.quotes)
    for ledger in risk.ledgers.values():
        # Once all that is in force is known: a throttle that changes and changes back has forgotten what was used.
        ledger.take_limits()
    for line in record.exposures:
        exposure = risk.exposures[risk.exposure(line.account_id, line.instrument_id)]
        exposure.open_orders = line.open_orders
        exposure.open_buy_qty = line.open_buy_qty
        exposure.open_sell_qty = line.open_sell_qty
        exposure.short_lock = line.short_lock
    _restore_firms(risk, record.firms)
    risk.deposits.posted = {key: (account_id, asset, amount) for key, account_id, asset, amount in record.transfers}
    _restore_balances(risk.transit.ledger, record.transit)
    risk.transit.outgoing = _restored_transfers(record.outgoing)
    risk.transit.incoming = _restored_transfers(record.incoming)


def _bucket(bucket: Bucket) -> BucketRecord:
    return bucket.rate, bucket.burst, bucket.level, bucket.time_ns


def _restored(record: BucketRecord) -> Bucket:
    rate, burst, level, time_ns = record
    bucket = Bucket(rate, burst)
    bucket.level = level
    bucket.time_ns = time_ns
    return bucket


def _balances(ledger: Ledger) -> list[BalanceRecord]:
    return [(asset, balance.amount, balance.held) for asset, balance in sorted(ledger.balances.items())]


def _transfers(transfers: dict[str, Transfer]) -> list[TransferRecord]:
    return [(transfer_id, *transfers[transfer_id]) for transfer_id in sorted(transfers)]


def _restored_transfers(records: list[TransferRecord]) -> dict[str, Transfer]:
    return {key: Transfer(account_id, asset, amount, shard) for key, account_id, asset, amount, shard in records}


def _restore_balances(ledger: Ledger, balances: list[BalanceRecord]) -> None:
    for asset, amount, held in balances:
        balance: Balance = ledger.balance(asset)
        balance.amount = amount
        balance.held = held


def _ledger(ledger: Ledger) -> LedgerRecord:
    return LedgerRecord(
        ledger.account_id,
        ledger.name,
        ledger.open_orders,
        ledger.killed,
        None if ledger.bucket is None else _bucket(ledger.bucket),
        _balances(ledger),
        [limits for _, limits in sorted(ledger.limits.items())],
    )


def _exposure(risk: "RiskEngine", index: int) -> ExposureRecord:
    line = risk.exposures[index]
    return ExposureRecord(
        line.account.account_id,
        line.instrument.instrument_id,
        line.open_orders,
        line.open_buy_qty,
        line.open_sell_qty,
        line.short_lock,
    )
