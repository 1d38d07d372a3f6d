"""From a configuration to the commands that make it part of the exchange: only what differs from what the engine has.

Ids follow names. A name that the engine knows keeps its id for ever; a new one gets the id that its file gives it, or
the next one. An opening balance is posted once, under a transfer id made of account and asset, so that neither a later
start nor a changed file posts it again. An instrument's reference price is that of its file only when it is new: after
that it is the market's. What is in the engine and no longer in the files stays: orders and balances hang on it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final, Protocol

import msgspec

from config.accounts import FILE as ACCOUNTS
from config.accounts import AccountSettings, FirmSettings, LimitSettings
from config.faults import ConfigFaults, FaultLog
from config.instruments import FILE as INSTRUMENTS
from config.instruments import InstrumentSettings
from config.passwords import FILE as PASSWORDS
from config.passwords import mark_of
from config.settings import Settings
from matching.commands import (
    Command,
    DefineAccount,
    DefineInstrument,
    DefineSession,
    Deposit,
    SetFirmLimits,
    SetLimits,
    SetPassword,
    SetPermission,
    SetProtection,
    SetQuoteProtection,
)
from matching.phases import DELISTED
from matching.types import E8, InstrumentKind, TradingPhase
from matching.users import Users
from risk.accounts import Ledger
from risk.engine import RiskEngine

SECOND_NS: Final = 1_000_000_000
MILLISECOND_NS: Final = 1_000_000
OVER_ALL: Final = 0
"""The instrument id of limits over all instruments."""


class InstrumentView(Protocol):
    """What the engine tells of an instrument."""

    instrument_id: int
    symbol: str
    kind: InstrumentKind
    currency: str
    tick_e8: int
    lot_e8: int
    tick_lot_value: int
    reference_price: int
    band_bp: int
    breaker_bp: int
    breaker_static_bp: int
    breaker_seconds: int
    breaker_extended_bp: int
    breaker_extensions: int
    phase: TradingPhase


class AccountView(Protocol):
    """What the engine tells of an account."""

    account_id: int
    name: str
    firm: str


class SessionView(Protocol):
    """What the engine tells of a FIX session."""

    session_id: int
    name: str
    comp_id: str
    rate: int
    burst: int
    cancel_rate: int
    cancel_burst: int


class EngineView(Protocol):
    """What the engine tells of what it has, by id."""

    @property
    def instruments(self) -> Mapping[int, InstrumentView]:
        """Instruments by id."""

    @property
    def accounts(self) -> Mapping[int, AccountView]:
        """Accounts by id."""

    @property
    def sessions(self) -> Mapping[int, SessionView]:
        """Sessions by id."""

    @property
    def users(self) -> Users:
        """What users have changed by themselves."""

    @property
    def risk(self) -> object:
        """The risk engine in line, which has to be ours: limits and transfers are its own matter."""


def configuration_commands(settings: Settings, engine: EngineView, session_ids: Mapping[str, int]) -> list[Command]:
    """Return what has to be commanded, in its order: instruments, accounts, limits, deposits, sessions.

    `session_ids` holds the id of every configured session by its name, from the journal.

    Raises:
        ConfigFaults: a file gives an id that the engine has under another name, or another id to a name it has, or
            changes what orders and balances of an instrument are counted in.
    """
    log = FaultLog()
    instrument_ids = _instrument_ids(settings.instruments, engine, log)
    account_ids = _account_ids(settings.accounts, engine, log)
    if log.faults:
        raise ConfigFaults(log.faults)
    return [
        *_instruments(settings.instruments, instrument_ids, engine),
        *_of_accounts(settings, account_ids, instrument_ids, engine),
        *session_commands(settings, engine, session_ids),
    ]


def session_commands(settings: Settings, engine: EngineView, session_ids: Mapping[str, int]) -> list[Command]:
    """Return what defines the sessions of the settings that are new or have changed; all else is left alone."""
    return [
        *_sessions(settings, session_ids, engine),
        *_protections(settings, session_ids, _risk_of(engine)),
        *_quote_protections(settings, session_ids, _risk_of(engine)),
    ]


def account_commands(settings: Settings, engine: EngineView) -> list[Command]:
    """Return what defines accounts, limits and deposits as `configuration_commands`, and no instrument.

    Raises:
        ConfigFaults: as `configuration_commands`; or an account names an instrument that the engine does not have.
    """
    log = FaultLog()
    _instrument_ids(settings.instruments, engine, log)
    account_ids = _account_ids(settings.accounts, engine, log)
    instrument_ids = {record.symbol: key for key, record in engine.instruments.items()}
    symbols = {instrument.symbol for instrument in settings.instruments}
    for account in settings.accounts:
        named = [limits.symbol for limits in account.limits if limits.symbol is not None]
        for symbol in (*named, *(asset for asset in account.opening if asset in symbols)):
            if symbol not in instrument_ids:
                allowed = "an instrument that is running; `outcry instruments reload` adds it"
                log.add(ACCOUNTS, account.line, "symbol", found=symbol, allowed=allowed)
    for firm in settings.firms:
        for symbol in firm.position_max:
            if symbol not in instrument_ids:
                allowed = "an instrument that is running; `outcry instruments reload` adds it"
                log.add(ACCOUNTS, 0, "symbol", found=f"{symbol} for firm {firm.name}", allowed=allowed)
    if log.faults:
        raise ConfigFaults(log.faults)
    return _of_accounts(settings, account_ids, instrument_ids, engine)


def _risk_of(engine: EngineView) -> RiskEngine:
    risk = engine.risk
    assert isinstance(risk, RiskEngine), "the engine runs with the risk engine that holds limits and transfers"
    return risk


def _account_ids(accounts: Iterable[AccountSettings], engine: EngineView, log: FaultLog) -> dict[str, int]:
    known = {record.name: key for key, record in engine.accounts.items()}
    return _ids(ACCOUNTS, known, [(account.name, account.account_id, account.line) for account in accounts], log)


def _of_accounts(
    settings: Settings, account_ids: Mapping[str, int], instrument_ids: Mapping[str, int], engine: EngineView
) -> list[Command]:
    risk = _risk_of(engine)
    return [
        *_accounts(settings.accounts, account_ids, engine),
        *_limits(settings.accounts, account_ids, instrument_ids, risk),
        *_firm_limits(settings.firms, instrument_ids, risk),
        *_permissions(settings.accounts, account_ids, instrument_ids, risk),
        *_deposits(settings.accounts, account_ids, risk),
        *_passwords(settings, engine),
    ]


def _passwords(settings: Settings, engine: EngineView) -> Iterator[SetPassword]:
    """Forget what users have changed where `outcry passwd` has set another password since, or the user is gone."""
    for username, (_, replaces) in sorted(engine.users.passwords.items()):
        if replaces != mark_of(settings.passwords.get(username)):
            yield SetPassword(username, "", "", PASSWORDS)


def instrument_commands(settings: Settings, engine: EngineView) -> list[DefineInstrument]:
    """Return what defines the instruments that are new or have changed; all else in the settings is left alone.

    Raises:
        ConfigFaults: as `configuration_commands`, of the instruments.
    """
    log = FaultLog()
    ids = _instrument_ids(settings.instruments, engine, log)
    if log.faults:
        raise ConfigFaults(log.faults)
    return list(_instruments(settings.instruments, ids, engine))


def _instrument_ids(instruments: Sequence[InstrumentSettings], engine: EngineView, log: FaultLog) -> dict[str, int]:
    """Return the id of every instrument, of those that the engine has too; note what may not be."""
    known = {record.symbol: key for key, record in engine.instruments.items()}
    wanted = [(instrument.symbol, instrument.instrument_id, instrument.line) for instrument in instruments]
    ids = _ids(INSTRUMENTS, known, wanted, log)
    for instrument in instruments:
        _check_unchanged(instrument, engine.instruments.get(ids[instrument.symbol]), log)
    return ids


def _check_unchanged(instrument: InstrumentSettings, record: InstrumentView | None, log: FaultLog) -> None:
    """Orders and balances are counted in ticks, lots and a currency: these stay as they were."""
    if record is None:
        return
    for key, field in (("kind", "kind"), ("currency", "currency"), ("tick", "tick_e8"), ("lot", "lot_e8")):
        before = getattr(record, field)
        if before != getattr(instrument, field):
            allowed = f"{before if isinstance(before, str) else f'{Decimal(before) / E8:f}'}, as in the journal"
            found = f"{getattr(instrument, key)} for {instrument.symbol}"
            log.add(INSTRUMENTS, instrument.line, key, found=found, allowed=allowed)


def _ids(
    file: str, known: Mapping[str, int], wanted: Iterable[tuple[str, int | None, int]], log: FaultLog
) -> dict[str, int]:
    """Give every name its id: the engine's, else the file's, else the next that neither has."""
    wanted = list(wanted)
    ids = dict(known)
    names = {key: name for name, key in known.items()}
    for name, given, line in wanted:
        if given is None:
            continue
        if ids.get(name, given) != given:
            allowed = f"{ids[name]}, which {name} has in the journal"
            log.add(file, line, "id", found=str(given), allowed=allowed)
        elif names.get(given, name) != name:
            allowed = f"an id that the journal does not have for {names[given]}"
            log.add(file, line, "id", found=str(given), allowed=allowed)
        else:
            ids[name] = given
            names[given] = name
    next_id = max(names, default=0) + 1
    for name, _, _ in wanted:
        if name not in ids:
            ids[name] = next_id
            next_id += 1
    return ids


def _instruments(
    instruments: Iterable[InstrumentSettings], ids: Mapping[str, int], engine: EngineView
) -> Iterator[DefineInstrument]:
    for instrument in instruments:
        record = engine.instruments.get(ids[instrument.symbol])
        command = DefineInstrument(
            instrument_id=ids[instrument.symbol],
            symbol=instrument.symbol,
            kind=instrument.kind,
            currency=instrument.currency,
            tick_e8=instrument.tick_e8,
            lot_e8=instrument.lot_e8,
            tick_lot_value=instrument.tick_lot_value,
            reference_price=instrument.reference_price if record is None else record.reference_price,
            band_bp=instrument.band_bp,
            breaker_bp=instrument.breaker_bp,
            breaker_static_bp=instrument.breaker_static_bp,
            breaker_seconds=instrument.breaker_seconds,
            breaker_extended_bp=instrument.breaker_extended_bp,
            breaker_extensions=instrument.breaker_extensions,
            follows_trades=True,
        )
        if record is not None and record.phase == DELISTED:
            continue
        if not _is_same(record, command):
            yield command


def _accounts(accounts: Iterable[AccountSettings], ids: Mapping[str, int], engine: EngineView) -> Iterator[Command]:
    for account in accounts:
        command = DefineAccount(ids[account.name], account.name, account.firm)
        if not _is_same(engine.accounts.get(command.account_id), command):
            yield command


def _limits(
    accounts: Iterable[AccountSettings],
    account_ids: Mapping[str, int],
    instrument_ids: Mapping[str, int],
    risk: RiskEngine,
) -> Iterator[Command]:
    """Yield limits that are new or changed, and no limits where the files have none any longer."""
    for account_id, ledger, wanted in _by_account(accounts, account_ids, instrument_ids, risk):
        known = dict(ledger.limits) if ledger is not None else {}
        for instrument_id, limits in wanted.items():
            command = _set_limits(account_id, instrument_id, limits)
            before = known.pop(instrument_id, _set_limits(account_id, instrument_id, LimitSettings(limits.symbol)))
            if before != command:
                yield command
        for instrument_id, before in known.items():
            command = _set_limits(account_id, instrument_id, LimitSettings(None))
            if before != command:
                yield command


def _by_account(
    accounts: Iterable[AccountSettings],
    account_ids: Mapping[str, int],
    instrument_ids: Mapping[str, int],
    risk: RiskEngine,
) -> Iterator[tuple[int, Ledger | None, dict[int, LimitSettings]]]:
    """Yield each account's id, its ledger where the engine has one, and its limits by instrument id."""
    for account in accounts:
        account_id = account_ids[account.name]
        limits = {OVER_ALL if each.symbol is None else instrument_ids[each.symbol]: each for each in account.limits}
        yield account_id, risk.ledgers.get(account_id), limits


def _set_limits(account_id: int, instrument_id: int, limits: LimitSettings) -> SetLimits:
    values = msgspec.structs.asdict(limits)
    del values["symbol"], values["sides"]
    return SetLimits(account_id, instrument_id, **values)


def _firm_limits(
    firms: Iterable[FirmSettings], instrument_ids: Mapping[str, int], risk: RiskEngine
) -> Iterator[Command]:
    """Yield limits of firms that are new or changed, and no limits where the files have none any longer."""
    known = {
        (name, instrument_id): limits
        for name, firm in sorted(risk.firms.by_name.items())
        for instrument_id, limits in sorted(firm.limits.items())
    }
    for firm in firms:
        wanted = [SetFirmLimits(firm.name, OVER_ALL, firm.open_orders_max, firm.open_value_max, 0)]
        wanted += [
            SetFirmLimits(firm.name, instrument_ids[symbol], 0, 0, lots) for symbol, lots in firm.position_max.items()
        ]
        for command in wanted:
            before = known.pop((command.firm, command.instrument_id), None)
            if command != (before or SetFirmLimits(command.firm, command.instrument_id, 0, 0, 0)):
                yield command
    for name, instrument_id in known:
        yield SetFirmLimits(name, instrument_id, 0, 0, 0)


def _permissions(
    accounts: Iterable[AccountSettings],
    account_ids: Mapping[str, int],
    instrument_ids: Mapping[str, int],
    risk: RiskEngine,
) -> Iterator[Command]:
    """Yield permissions that are new or changed, and none where the files have none any longer."""
    for account_id, ledger, wanted in _by_account(accounts, account_ids, instrument_ids, risk):
        known = dict(ledger.permissions) if ledger is not None else {}
        for instrument_id, limits in wanted.items():
            if known.pop(instrument_id, "") != limits.sides:
                yield SetPermission(account_id, instrument_id, limits.sides)
        for instrument_id in known:
            yield SetPermission(account_id, instrument_id, "")


def _deposits(accounts: Iterable[AccountSettings], ids: Mapping[str, int], risk: RiskEngine) -> Iterator[Command]:
    for account in accounts:
        for asset, amount in account.opening.items():
            transfer_id = f"opening:{account.name}:{asset}"
            if transfer_id not in risk.deposits.posted:
                yield Deposit(ids[account.name], asset, amount, transfer_id)


def _sessions(settings: Settings, session_ids: Mapping[str, int], engine: EngineView) -> Iterator[Command]:
    for session in settings.sessions:
        command = DefineSession(
            session_id=session_ids[session.name],
            name=session.name,
            comp_id=session.target_comp_id,
            rate=session.message_rate,
            burst=session.message_burst,
            cancel_rate=session.cancel_rate,
            cancel_burst=session.cancel_burst,
        )
        if not _is_same(engine.sessions.get(command.session_id), command):
            yield command


def _protections(settings: Settings, session_ids: Mapping[str, int], risk: RiskEngine) -> Iterator[Command]:
    """Yield bounds beyond throttles that are new, changed, or no longer there."""
    for session in settings.sessions:
        session_id = session_ids[session.name]
        cut, repeat = session.logout_after_throttled, session.repeated_execution_max
        command = SetProtection(
            session_id,
            cut,
            session.logout_after_throttled_s * SECOND_NS if cut else 0,
            repeat,
            session.repeated_execution_s * SECOND_NS if repeat else 0,
        )
        known = risk.protections.get(session_id)
        before = SetProtection(session_id, 0, 0, 0, 0) if known is None else known.bounds
        if command != before:
            yield command


def _quote_protections(settings: Settings, session_ids: Mapping[str, int], risk: RiskEngine) -> Iterator[Command]:
    """Yield bounds of quotes that are new, changed, or no longer there."""
    for session in settings.sessions:
        session_id = session_ids[session.name]
        bounds = session.quote_protection_qty, session.quote_protection_delta, session.quote_protection_count
        window_ns = session.quote_protection_ms * MILLISECOND_NS if any(bounds) else 0
        command = SetQuoteProtection(session_id, *bounds, window_ns)
        if command != risk.quotes.bounds.get(session_id, SetQuoteProtection(session_id, 0, 0, 0, 0)):
            yield command


def _is_same(record: object, command: msgspec.Struct) -> bool:
    """Say whether the engine's record of a thing has all that the command would define it with."""
    return record is not None and all(
        getattr(record, field) == getattr(command, field) for field in command.__struct_fields__
    )
