"""The wire: QuickFIX sessions, sockets and TLS in one native module. README.md beside this file explains it."""

from typing import TYPE_CHECKING

from gateway.wire._wire import APP, BYTES, EPOCH, LOGON, LOGOUT, NUMBERS, RESEND, RESERVE, RESET, Wire

if TYPE_CHECKING:
    from gateway.wire._wire import FieldSpec, Inbound, Outbound
else:
    FieldSpec = Inbound = Outbound = tuple

__all__ = [
    "APP",
    "BYTES",
    "EPOCH",
    "LOGON",
    "LOGOUT",
    "NUMBERS",
    "RESEND",
    "RESERVE",
    "RESET",
    "FieldSpec",
    "Inbound",
    "Outbound",
    "Wire",
]
