"""What differs between two readings of one session, by the keys of sessions.cfg, and when each change counts."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal, TypeAlias

import msgspec

from config.faults import FaultLog
from config.passwords import Credential
from config.quickfix_settings import parse
from config.schedules import TimeRange
from config.session_file import FILE
from config.sessions import WIRE_FIELDS, SessionSettings

Effect: TypeAlias = Literal["at once", "next logon"]
AT_ONCE: Final = "at once"
NEXT_LOGON: Final = "next logon"
PASSWORD: Final = "password"
"""Named as a changed key where the line of the session's user in `passwords` has changed."""

KEY_OF_FIELD: Final[Mapping[str, str]] = {
    "default_appl_ver_id": "DefaultApplVerID",
    "role": "Role",
    "accounts": "Accounts",
    "firms": "Firms",
    "instruments": "Instruments",
    "enabled": "Enabled",
    "authentication": "Authentication",
    "username": "Username",
    "cancel_on_disconnect": "CancelOnDisconnect",
    "cancel_on_disconnect_accounts": "CancelOnDisconnect",
    "cancel_on_disconnect_spares_gtc": "CancelOnDisconnectSparesGTC",
    "cancel_on_disconnect_grace_s": "CancelOnDisconnectGrace",
    "cancel_on_logout": "CancelOnLogout",
    "strict_fix44": "StrictFix44",
    "message_rate": "MessageRate",
    "message_burst": "MessageBurst",
    "cancel_rate": "CancelRate",
    "cancel_burst": "CancelBurst",
    "self_match_id": "SelfMatchPreventionID",
    "self_match_mode": "SelfMatchPreventionMode",
    "trigger": "TriggerPriceType",
    "logout_after_throttled": "LogoutAfterThrottled",
    "logout_after_throttled_s": "LogoutAfterThrottledSeconds",
    "repeated_execution_max": "RepeatedExecutionMax",
    "repeated_execution_s": "RepeatedExecutionSeconds",
    "quote_protection_qty": "QuoteProtectionQty",
    "quote_protection_delta": "QuoteProtectionDelta",
    "quote_protection_count": "QuoteProtectionCount",
    "quote_protection_ms": "QuoteProtectionMilliseconds",
    "transport_dictionary": "DataDictionary",
    "app_dictionary": "AppDataDictionary",
    "heart_bt_int_min": "HeartBtIntMin",
    "heart_bt_int_max": "HeartBtIntMax",
    "check_latency": "CheckLatency",
    "max_latency_s": "MaxLatency",
    "reset_on_logon": "ResetOnLogon",
    "reset_on_logout": "ResetOnLogout",
    "reset_on_disconnect": "ResetOnDisconnect",
    "refresh_on_logon": "RefreshOnLogon",
    "send_redundant_resend_requests": "SendRedundantResendRequests",
    "send_next_expected_msg_seq_num": "SendNextExpectedMsgSeqNum",
    "validate_length_and_checksum": "ValidateLengthAndChecksum",
    "validate_fields_out_of_order": "ValidateFieldsOutOfOrder",
    "validate_fields_have_values": "ValidateFieldsHaveValues",
    "validate_user_defined_fields": "ValidateUserDefinedFields",
    "allow_unknown_msg_fields": "AllowUnknownMsgFields",
    "preserve_message_fields_order": "PreserveMessageFieldsOrder",
    "timestamp_precision": "TimestampPrecision",
    "logon_timeout_s": "LogonTimeout",
    "logout_timeout_s": "LogoutTimeout",
    "allowed_remote_addresses": "AllowedRemoteAddresses",
    "certificate_cn": "CertificateCN",
    "require_tls": "RequireTLS",
    "ports": "SocketAcceptPort",
    "schedule": "StartTime",
}
"""Every field of a session but its name, its names in FIX and its line; a test compares."""

WANTS_LOGOUT: Final = frozenset(
    (
        "Role",
        "Instruments",
        "StrictFix44",
        "DefaultApplVerID",
        "DataDictionary",
        "TransportDataDictionary",
        "AppDataDictionary",
        "ValidateFieldsOutOfOrder",
        "ValidateFieldsHaveValues",
        "ValidateUserDefinedFields",
        "AllowUnknownMsgFields",
        "PreserveMessageFieldsOrder",
    )
)
"""Keys by which both sides read and write messages, or that decide what a session is for: not under a live one."""

_AT_LOGON: Final = frozenset(
    (
        "AllowedRemoteAddresses",
        "Authentication",
        "CertificateCN",
        "HeartBtIntMax",
        "HeartBtIntMin",
        PASSWORD,
        "RequireTLS",
        "ResetOnLogon",
        "SocketAcceptPort",
        "Username",
    )
)


class KeyChange(msgspec.Struct, frozen=True):
    """One key with its values as a person reads them; a password has none to show."""

    key: str
    before: str
    after: str
    effect: Effect


def key_changes(
    before: SessionSettings,
    after: SessionSettings,
    passwords: tuple[Mapping[str, Credential], Mapping[str, Credential]],
) -> list[KeyChange]:
    """Return the keys that differ, each once, in the order of the fields. `passwords` are those before and after."""
    changes: dict[str, KeyChange] = {}
    is_same = msgspec.structs.replace(before, line=after.line) == after
    for field in () if is_same else KEY_OF_FIELD:
        was, now = getattr(before, field), getattr(after, field)
        key = _key(field, after)
        if was != now and key not in changes:
            changes[key] = KeyChange(key, _shown(field, before), _shown(field, after), _effect(key))
    if _secret(before, passwords[0]) != _secret(after, passwords[1]):
        changes[PASSWORD] = KeyChange(PASSWORD, "", "", NEXT_LOGON)
    return list(changes.values())


def concerns_wire(before: SessionSettings, after: SessionSettings) -> bool:
    """Whether the wire has to be told; Enabled and the schedule are told in ways of their own."""
    return any(getattr(before, name) != getattr(after, name) for name in WIRE_FIELDS if name != "enabled")


def lines_of(path: Path) -> dict[int, Mapping[str, int]]:
    """Return, by the line of each [SESSION], the lines of its keys in upper case, those of [DEFAULT] included."""
    try:
        file = parse(path.read_bytes(), file=FILE, log=FaultLog())
    except OSError:
        return {}
    default = {name: entry.line for name, entry in file.default.entries.items()}
    return {
        section.line: default | {name: entry.line for name, entry in section.entries.items()}
        for section in file.sessions
    }


def _key(field: str, session: SessionSettings) -> str:
    if field == "transport_dictionary" and session.begin_string.startswith("FIXT"):
        return "TransportDataDictionary"
    if field == "app_dictionary" and not session.begin_string.startswith("FIXT"):
        return "DataDictionary"
    return KEY_OF_FIELD[field]


def _effect(key: str) -> Effect:
    return NEXT_LOGON if key in _AT_LOGON else AT_ONCE


def _secret(session: SessionSettings, passwords: Mapping[str, Credential]) -> tuple[str, str] | None:
    credential = passwords.get(session.username)
    return None if credential is None else (credential.kind, credential.secret)


def _shown(field: str, session: SessionSettings) -> str:
    if field.startswith("cancel_on_disconnect") and KEY_OF_FIELD[field] == "CancelOnDisconnect":
        return "ACCOUNTS" if session.cancel_on_disconnect_accounts else _text(session.cancel_on_disconnect)
    if field == "schedule":
        return schedule_text(session)
    return _text(getattr(session, field))


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "Y" if value else "N"
    if isinstance(value, tuple):
        return ",".join(str(each) for each in value)
    return str(value)


DAYS: Final = ("", "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")
"""Names of days by QuickFIX's numbers, 1 is Sunday."""


def schedule_text(session: SessionSettings) -> str:
    """Return a session's schedule in a line."""
    schedule = session.schedule
    if schedule.session is None:
        return "non-stop" + (f", logon {_range(schedule.logon)} {schedule.zone}" if schedule.logon else "")
    logon = f", logon {_range(schedule.logon)}" if schedule.logon not in (None, schedule.session) else ""
    return f"{_range(schedule.session)}{logon} {schedule.zone}"


def _range(times: TimeRange | None) -> str:
    if times is None:
        return "always"
    start, end = (f"{at // 3600:02}:{at % 3600 // 60:02}:{at % 60:02}" for at in (times.start_time, times.end_time))
    if times.start_day is None or times.end_day is None:
        return f"daily {start} to {end}"
    return f"{DAYS[times.start_day]} {start} to {DAYS[times.end_day]} {end}"
