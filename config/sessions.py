"""FIX sessions as the configuration describes them: every key resolved, and what the wire is told of it."""

from typing import Final, Literal, TypeAlias

import msgspec

from config.schedules import Schedule, Window
from matching.terms import SelfMatchMode, TriggerPrice

Role: TypeAlias = Literal["order_entry", "drop_copy", "market_data"]
Authentication: TypeAlias = Literal["password", "hmac", "none"]


class SessionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One FIX session with every key resolved. Times end in `_s` and are seconds; dictionaries are absolute paths.

    `name` is QuickFIX's SessionID text, as FIX.4.4:OUTCRY->TRADER1. `ports` empty: every listener; `instruments` empty:
    all. `message_rate` and the other throttles 0: none. `firms` are of a drop copy: all their accounts are watched
    beside `accounts`.
    """

    name: str
    begin_string: str
    sender_comp_id: str
    target_comp_id: str
    default_appl_ver_id: str
    role: Role
    accounts: tuple[str, ...]
    firms: tuple[str, ...]
    instruments: tuple[str, ...]
    enabled: bool
    authentication: Authentication
    username: str
    cancel_on_disconnect: bool
    cancel_on_disconnect_accounts: bool
    cancel_on_disconnect_spares_gtc: bool
    cancel_on_disconnect_grace_s: int
    cancel_on_logout: bool
    strict_fix44: bool
    message_rate: int
    message_burst: int
    cancel_rate: int
    cancel_burst: int
    self_match_id: str
    self_match_mode: SelfMatchMode
    trigger: TriggerPrice
    logout_after_throttled: int
    logout_after_throttled_s: int
    repeated_execution_max: int
    repeated_execution_s: int
    quote_protection_qty: int
    quote_protection_delta: int
    quote_protection_count: int
    quote_protection_ms: int
    transport_dictionary: str
    app_dictionary: str
    heart_bt_int_min: int
    heart_bt_int_max: int
    check_latency: bool
    max_latency_s: int
    reset_on_logon: bool
    reset_on_logout: bool
    reset_on_disconnect: bool
    refresh_on_logon: bool
    send_redundant_resend_requests: bool
    send_next_expected_msg_seq_num: bool
    validate_length_and_checksum: bool
    validate_fields_out_of_order: bool
    validate_fields_have_values: bool
    validate_user_defined_fields: bool
    allow_unknown_msg_fields: bool
    preserve_message_fields_order: bool
    timestamp_precision: int
    logon_timeout_s: int
    logout_timeout_s: int
    allowed_remote_addresses: tuple[str, ...]
    certificate_cn: str
    require_tls: bool
    ports: tuple[int, ...]
    schedule: Schedule
    line: int

    def windows(self, *, now_s: int, days_ahead: int) -> tuple[list[Window], list[Window]]:
        """Return the (start, end) UTC seconds of the session and of its logon, as `Schedule.windows`; empty: always."""
        return self.schedule.windows(now_s=now_s, days_ahead=days_ahead)


WIRE_FIELDS: Final = (
    "begin_string",
    "sender_comp_id",
    "target_comp_id",
    "default_appl_ver_id",
    "transport_dictionary",
    "app_dictionary",
    "heart_bt_int_min",
    "heart_bt_int_max",
    "check_latency",
    "max_latency_s",
    "reset_on_logon",
    "reset_on_logout",
    "reset_on_disconnect",
    "refresh_on_logon",
    "send_redundant_resend_requests",
    "send_next_expected_msg_seq_num",
    "validate_length_and_checksum",
    "validate_fields_out_of_order",
    "validate_fields_have_values",
    "validate_user_defined_fields",
    "allow_unknown_msg_fields",
    "preserve_message_fields_order",
    "timestamp_precision",
    "logon_timeout_s",
    "logout_timeout_s",
    "allowed_remote_addresses",
    "certificate_cn",
    "require_tls",
    "ports",
    "enabled",
)


def wire_spec(session: SessionSettings) -> dict[str, object]:
    """Return what the wire is told of a session; its `session_id` and numbers are added by the server."""
    return {name: getattr(session, name) for name in WIRE_FIELDS}
