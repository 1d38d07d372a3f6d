"""Reading of sessions.cfg: QuickFIX's format and keys, and ours beside them, into sessions with every key resolved."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from config import session_keys
from config.dictionary_files import check_dictionary, resolve
from config.exchange import ExchangeSettings, ListenerSettings
from config.faults import FaultLog, quote
from config.passwords import Credential
from config.quickfix_settings import Entry, Section, parse
from config.schedules import read_schedule
from config.session_keys import HONOURED, REFUSED, SessionKey, default_of, find, nearest
from config.session_reach import TLS_KEYS, AddedListeners, check_reach
from config.sessions import SessionSettings
from config.text_values import UnreadableError

FILE: Final = "sessions.cfg"
SESSIONS_MAX: Final = 100_000

FIXT11: Final = "FIXT.1.1"
FIX50SP2: Final = "FIX.5.0SP2"
APPL_VER_ID_50SP2: Final = "9"

_DEFAULTS: Final = {key.name: default_of(key.name) for key in session_keys.TABLE if key.effect == HONOURED}


class SessionsFile(msgspec.Struct, frozen=True):
    """All sessions, and the listeners that their SocketAcceptPort asked for and exchange.toml does not have."""

    sessions: tuple[SessionSettings, ...]
    listeners: tuple[ListenerSettings, ...]


class Surroundings(msgspec.Struct, frozen=True):
    """What the other files say, as far as sessions are checked against it; None: that file could not be read."""

    config_dir: Path
    exchange: ExchangeSettings | None
    accounts: Collection[str] | None
    firms: Collection[str] | None
    credentials: Mapping[str, Credential]
    instruments: Collection[str] | None = None


def read_sessions(data: bytes, *, around: Surroundings, log: FaultLog) -> SessionsFile:
    """Read and check sessions.cfg. After a fault the result serves further checks only."""
    file = parse(data, file=FILE, log=log)
    if not file.sessions:
        log.add(FILE, 0, "SESSION", found="nothing", allowed="at least one [SESSION]")
    if len(file.sessions) > SESSIONS_MAX:
        log.add(FILE, 0, "SESSION", found=f"{len(file.sessions)} sessions", allowed=f"at most {SESSIONS_MAX}")
        return SessionsFile((), ())
    for section in (file.default, *file.sessions):
        _check_keys(section, log)
    known = around.exchange.listeners if around.exchange else ()
    added = AddedListeners(
        known,
        bind_address=around.exchange.bind_address if around.exchange else "127.0.0.1",
        defaults=file.default,
        tls=_values(file.default.entries, FaultLog()),
        config_dir=around.config_dir,
        log=log,
    )
    sessions = []
    for section in file.sessions:
        session = _session({**file.default.entries, **section.entries}, section, around=around, added=added, log=log)
        if session is not None:
            sessions.append(session)
    listeners = added.added
    _note_idle_tls(file.default, listeners, log)
    _refuse_repeats(sessions, log)
    if around.exchange is not None:
        check_reach(sessions, (*known, *listeners), credentials=around.credentials, log=log)
    return SessionsFile(tuple(sessions), tuple(listeners))


def _check_keys(section: Section, log: FaultLog) -> None:
    """Record every key of a section that is unknown, refused, without effect or unreadable."""
    for entry in section.entries.values():
        key = find(entry.key)
        if key is None:
            close = nearest(entry.key)
            allowed = f"a known key; did you mean {close}?" if close else "a known key, see config/README.md"
            log.add(FILE, entry.line, quote(entry.key)[1:-1], found="an unknown key", allowed=allowed)
        elif key.effect == REFUSED:
            log.add(FILE, entry.line, key.name, found=quote(entry.value), allowed=key.text)
        elif _read(key, entry, log) is None:
            continue
        elif key.effect != HONOURED:
            log.note(FILE, entry.line, key.name, f"without effect here: {key.text}")
        elif section.name == "SESSION" and key.name in TLS_KEYS:
            log.note(
                FILE, entry.line, key.name, "without effect in [SESSION]; read from [DEFAULT] only, as in QuickFIX"
            )


def _note_idle_tls(default: Section, added: Sequence[ListenerSettings], log: FaultLog) -> None:
    """Say so where [DEFAULT] describes TLS and exchange.toml has a listener for every port already."""
    entry = default.entries.get(TLS_KEYS[0].upper())
    if entry is not None and not added:
        log.note(FILE, entry.line, TLS_KEYS[0], "without effect here: exchange.toml has a listener for every port")


def _read(key: SessionKey, entry: Entry, log: FaultLog) -> Any:
    try:
        return key.kind.read(entry.value)
    except UnreadableError:
        log.add(FILE, entry.line, key.name, found=quote(entry.value), allowed=key.kind.allowed)
        return None


def _values(entries: Mapping[str, Entry], log: FaultLog) -> dict[str, Any]:
    """Return the value of every honoured key: as given, or its default where it is absent or unreadable."""
    values: dict[str, Any] = dict(_DEFAULTS)
    for name in sorted(entries):
        key, entry = find(entries[name].key), entries[name]
        if key is None or key.effect != HONOURED:
            continue
        _, dot, qualifier = entry.key.partition(".")
        if dot and qualifier.upper() not in (FIX50SP2, APPL_VER_ID_50SP2):
            log.note(FILE, entry.line, entry.key, f"without effect here: only {FIX50SP2} is spoken over {FIXT11}")
            continue
        value = _read(key, entry, log)
        values[key.name] = _DEFAULTS[key.name] if value is None else value
    return values


def _session(
    entries: Mapping[str, Entry], section: Section, *, around: Surroundings, added: AddedListeners, log: FaultLog
) -> SessionSettings | None:
    values = _values(entries, log)
    schedule = read_schedule(values, entries, file=FILE, line=section.line, log=log)
    _check_values(values, entries, section, log=log)
    _check_watched(values, entries, section, around=around, log=log)
    _check_instruments(values, entries, section, known=around.instruments, log=log)
    identity = [values[key] for key in ("BeginString", "SenderCompID", "TargetCompID")]
    for key, value in zip(("BeginString", "SenderCompID", "TargetCompID"), identity, strict=True):
        if value is None and key.upper() not in entries:
            log.add(FILE, section.line, key, found="nothing", allowed=session_keys.BY_NAME[key.upper()].kind.allowed)
    if None in identity:
        return None
    begin_string, sender, target = identity
    if begin_string == FIXT11 and "DEFAULTAPPLVERID" not in entries:
        log.add(FILE, section.line, "DefaultApplVerID", found="nothing", allowed=f"{FIX50SP2} or 9, for {FIXT11}")
    transport, application = _dictionaries(values, entries, section, config_dir=around.config_dir, log=log)
    port = values["SocketAcceptPort"]
    if port is not None:
        added.need(port, line=_line("SocketAcceptPort", entries, section))
    return SessionSettings(
        name=f"{begin_string}:{sender}->{target}",
        begin_string=begin_string,
        sender_comp_id=sender,
        target_comp_id=target,
        default_appl_ver_id=APPL_VER_ID_50SP2 if begin_string == FIXT11 else "",
        role=values["Role"],
        accounts=values["Accounts"] or (),
        firms=values["Firms"] or (),
        instruments=values["Instruments"] or (),
        enabled=values["Enabled"],
        authentication=values["Authentication"],
        username=values["Username"] or target,
        cancel_on_disconnect=values["CancelOnDisconnect"] != "N",
        cancel_on_disconnect_accounts=values["CancelOnDisconnect"] == "ACCOUNTS",
        cancel_on_disconnect_spares_gtc=values["CancelOnDisconnectSparesGTC"],
        cancel_on_disconnect_grace_s=values["CancelOnDisconnectGrace"],
        cancel_on_logout=values["CancelOnLogout"],
        strict_fix44=values["StrictFix44"],
        message_rate=values["MessageRate"],
        message_burst=values["MessageBurst"] or values["MessageRate"],
        cancel_rate=values["CancelRate"],
        cancel_burst=values["CancelBurst"] or values["CancelRate"],
        self_match_id=values["SelfMatchPreventionID"] or "",
        self_match_mode=values["SelfMatchPreventionMode"],
        trigger=values["TriggerPriceType"],
        logout_after_throttled=values["LogoutAfterThrottled"],
        logout_after_throttled_s=values["LogoutAfterThrottledSeconds"],
        repeated_execution_max=values["RepeatedExecutionMax"],
        repeated_execution_s=values["RepeatedExecutionSeconds"],
        quote_protection_qty=values["QuoteProtectionQty"],
        quote_protection_delta=values["QuoteProtectionDelta"],
        quote_protection_count=values["QuoteProtectionCount"],
        quote_protection_ms=values["QuoteProtectionMilliseconds"],
        transport_dictionary=str(transport),
        app_dictionary=str(application),
        **_session_layer(values),
        allowed_remote_addresses=values["AllowedRemoteAddresses"] or (),
        certificate_cn=values["CertificateCN"] or "",
        require_tls=values["RequireTLS"] or values["CertificateCN"] is not None,
        ports=() if port is None else (port,),
        schedule=schedule,
        line=section.line,
    )


def _session_layer(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what QuickFIX's Session itself is told."""
    precision = values["TimestampPrecision"]
    if precision is None:
        precision = 3 if values["MillisecondsInTimeStamp"] else 0
    return {
        "heart_bt_int_min": values["HeartBtIntMin"],
        "heart_bt_int_max": values["HeartBtIntMax"],
        "check_latency": values["CheckLatency"],
        "max_latency_s": values["MaxLatency"],
        "reset_on_logon": values["ResetOnLogon"],
        "reset_on_logout": values["ResetOnLogout"],
        "reset_on_disconnect": values["ResetOnDisconnect"],
        "refresh_on_logon": values["RefreshOnLogon"],
        "send_redundant_resend_requests": values["SendRedundantResendRequests"],
        "send_next_expected_msg_seq_num": values["SendNextExpectedMsgSeqNum"],
        "validate_length_and_checksum": values["ValidateLengthAndChecksum"],
        "validate_fields_out_of_order": values["ValidateFieldsOutOfOrder"],
        "validate_fields_have_values": values["ValidateFieldsHaveValues"],
        "validate_user_defined_fields": values["ValidateUserDefinedFields"],
        "allow_unknown_msg_fields": values["AllowUnknownMsgFields"],
        "preserve_message_fields_order": values["PreserveMessageFieldsOrder"],
        "timestamp_precision": precision,
        "logon_timeout_s": values["LogonTimeout"],
        "logout_timeout_s": values["LogoutTimeout"],
    }


def _check_values(
    values: Mapping[str, Any],
    entries: Mapping[str, Entry],
    section: Section,
    *,
    log: FaultLog,
) -> None:
    """Record what is wrong between the keys of one session."""
    if values["HeartBtIntMin"] > values["HeartBtIntMax"]:
        key = "HeartBtIntMin" if "HEARTBTINTMIN" in entries else "HeartBtIntMax"
        allowed = f"HeartBtIntMin at most HeartBtIntMax, which is {values['HeartBtIntMax']}"
        log.add(FILE, _line(key, entries, section), key, found=str(values["HeartBtIntMin"]), allowed=allowed)
    if values["Authentication"] == "hmac" and not values["CheckLatency"]:
        allowed = "Y with Authentication=hmac: a signed Logon has to have an age from which on it is too old"
        log.add(FILE, _line("CheckLatency", entries, section), "CheckLatency", found="N", allowed=allowed)
    for burst, rate in (("MessageBurst", "MessageRate"), ("CancelBurst", "CancelRate")):
        if values[burst] and not values[rate] and rate.upper() not in entries:
            log.add(FILE, _line(burst, entries, section), burst, found=str(values[burst]), allowed=f"only with {rate}")
    if "SELFMATCHPREVENTIONMODE" in entries and values["SelfMatchPreventionID"] is None:
        # Not a fault: an order may bring an id of its own, which the mode then applies to.
        line = _line("SelfMatchPreventionMode", entries, section)
        text = "no SelfMatchPreventionID: only for orders with an id of their own"
        log.note(FILE, line, "SelfMatchPreventionMode", text)
    throttles = ("MessageRate", "CancelRate")
    if values["LogoutAfterThrottled"] and not any(values[key] for key in throttles):
        text = "without effect unless an account has a message_rate: the session has neither MessageRate nor CancelRate"
        log.note(FILE, _line("LogoutAfterThrottled", entries, section), "LogoutAfterThrottled", text)
    bounds = ("QuoteProtectionQty", "QuoteProtectionDelta", "QuoteProtectionCount")
    if "QUOTEPROTECTIONMILLISECONDS" in entries and not any(values[key] for key in bounds):
        line = _line("QuoteProtectionMilliseconds", entries, section)
        log.note(FILE, line, "QuoteProtectionMilliseconds", f"without effect: none of {', '.join(bounds)}")
    if values["CancelOnDisconnect"] == "N":
        for key in ("CancelOnDisconnectSparesGTC", "CancelOnDisconnectGrace"):
            if values[key]:
                log.note(FILE, _line(key, entries, section), key, "without effect: CancelOnDisconnect is N")


def _check_watched(
    values: Mapping[str, Any],
    entries: Mapping[str, Entry],
    section: Section,
    *,
    around: Surroundings,
    log: FaultLog,
) -> None:
    """Record accounts and firms that are not there, and sessions that have none."""
    role = values["Role"]
    for key, known in (("Accounts", around.accounts), ("Firms", around.firms)):
        for name in values[key] or ():
            if known is not None and name not in known:
                allowed = f"{key.lower()} of accounts.toml: {', '.join(sorted(known)[:20])}"
                log.add(FILE, _line(key, entries, section), key, found=quote(name), allowed=allowed)
    if values["Firms"] and role != "drop_copy":
        allowed = f"only with Role=drop_copy; this session has Role={role}"
        log.add(
            FILE, _line("Firms", entries, section), "Firms", found=quote(", ".join(values["Firms"])), allowed=allowed
        )
    if values["Accounts"] or values["Firms"] or role == "market_data" or "ACCOUNTS" in entries or "FIRMS" in entries:
        return
    text = "no Accounts: every order is refused"
    if role == "drop_copy":
        text = "neither Accounts nor Firms: nothing is copied"
    log.note(FILE, section.line, "Accounts", text)


def _check_instruments(
    values: Mapping[str, Any],
    entries: Mapping[str, Entry],
    section: Section,
    *,
    known: Collection[str] | None,
    log: FaultLog,
) -> None:
    """Record the symbols that a session may use and nobody has, and the key on a session that it says nothing of."""
    named = values["Instruments"] or ()
    line = _line("Instruments", entries, section)
    if named and values["Role"] == "drop_copy":
        allowed = "no Instruments with Role=drop_copy, which receives the reports of its accounts"
        log.add(FILE, line, "Instruments", found=quote(named[0]), allowed=allowed)
    if known is None:
        return
    for symbol in named:
        if symbol not in known:
            allowed = f"symbols of instruments.toml: {', '.join(sorted(known)[:20])}"
            log.add(FILE, line, "Instruments", found=quote(symbol), allowed=allowed)


def _dictionaries(
    values: Mapping[str, Any], entries: Mapping[str, Entry], section: Section, *, config_dir: Path, log: FaultLog
) -> tuple[Path, Path]:
    """Return the dictionaries of the session layer and of the application; the same one before FIXT."""
    version = values["BeginString"]
    key = "TransportDataDictionary" if version == FIXT11 else "DataDictionary"
    transport = resolve(config_dir, values[key], version=version)
    place = (FILE, _line(key, entries, section), key)
    check_dictionary(transport, version=version, authentication=values["Authentication"], place=place, log=log)
    if version != FIXT11:
        return transport, transport
    key = "AppDataDictionary"
    application = resolve(config_dir, values[key], version=FIX50SP2)
    line = max((entry.line for name, entry in entries.items() if name.startswith(key.upper())), default=section.line)
    check_dictionary(application, version=FIX50SP2, authentication=None, place=(FILE, line, key), log=log)
    return transport, application


def _line(key: str, entries: Mapping[str, Entry], section: Section) -> int:
    entry = entries.get(key.upper())
    return entry.line if entry is not None else section.line


def _refuse_repeats(sessions: Sequence[SessionSettings], log: FaultLog) -> None:
    first: dict[str, int] = {}
    for session in sessions:
        if first.setdefault(session.name, session.line) != session.line:
            allowed = f"each session once; line {first[session.name]} has it already"
            log.add(FILE, session.line, "SESSION", found=f"a second {session.name}", allowed=allowed)
