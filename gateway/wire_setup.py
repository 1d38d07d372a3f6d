"""The wire from the configuration: which bound of exchange.toml is which option of the wire."""

from pathlib import Path
from typing import Final

from config.exchange import ExchangeSettings, LogSettings, TlsSettings
from gateway.inbound import SCHEMA
from gateway.wire import Wire

MESSAGE_LOG: Final = "fix.log"


def build_wire(settings: ExchangeSettings) -> Wire:
    """Return the wire with every bound as configured; it listens nowhere yet."""
    bounds, logon = settings.bounds, settings.logon
    return Wire(
        SCHEMA,
        {
            "io_threads": settings.io_threads,
            "in_queue_max": bounds.inbound_messages_max,
            "batch_max": bounds.batch_messages_max,
            # Two batches of one session: while one is matched the next is read.
            "session_queue_max": min(bounds.inbound_messages_max, 2 * bounds.batch_messages_max),
            "out_bytes_max": bounds.outbound_bytes_per_session_max,
            # A resend pauses while the connection holds this much; it has to stay clear of the bound for slow peers.
            "resend_buffer_bytes": min(1 << 20, bounds.outbound_bytes_per_session_max // 4),
            "md_bytes_max": bounds.market_data_bytes_per_session_max,
            "reserve_block": bounds.market_data_numbers_reserved,
            "resend_slice": bounds.resend_slice_messages,
            "body_length_max": bounds.message_bytes_max,
            "ahead_max": bounds.messages_ahead_max,
            "connections_max": logon.connections_max,
            "connections_per_address_max": logon.connections_per_address_max,
            "first_message_bytes_max": logon.first_message_bytes_max,
            "logon_timeout_ms": logon.logon_timeout_seconds * 1_000,
            "admissions_max": logon.attempts_queue_max,
        },
    )


def start_message_log(wire: Wire, data_dir: Path, logs: LogSettings) -> Path:
    """Log every FIX message in and out, secrets masked, into the data folder; return the file."""
    path = data_dir / MESSAGE_LOG
    wire.set_message_log(str(path), logs.rotate_bytes, logs.files_max)
    return path


def tls_arguments(tls: TlsSettings | None) -> dict[str, str] | None:
    """Return what the wire's `listen` wants to know of TLS; None for a plain listener."""
    if tls is None:
        return None
    return {
        "certificate": tls.certificate,
        "key": tls.private_key,
        "ca": tls.authorities,
        "verify": tls.client_certificates,
        "min_version": "1.2",
    }
