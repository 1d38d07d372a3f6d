"""Certificates of the listeners: are they valid, for how long, do they fit their keys, and whom do they name."""

import ipaddress
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from config.exchange import ListenerSettings, TlsSettings
from config.sessions import SessionSettings
from gateway.certificates import Certificate, certificates_in, public_key_of
from gateway.doctor.findings import FAULT, WARNING, Finding, names

SOON_DAYS: Final = 30
RENEW: Final = "put a new one in its place and restart the exchange"


def certificate_findings(
    listeners: Iterable[ListenerSettings], sessions: Iterable[SessionSettings], now_s: int
) -> list[Finding]:
    """Return what is wrong with the files of the listeners, or soon will be."""
    now = datetime.fromtimestamp(now_s, UTC)
    found: dict[Finding, None] = {}
    for listener in listeners:
        if listener.tls is not None:
            found |= dict.fromkeys(_of_listener(listener, listener.tls, now))
    return [*found, *_of_sessions(sessions)]


def _of_listener(listener: ListenerSettings, tls: TlsSettings, now: datetime) -> Iterator[Finding]:
    about = f"listener {listener.name}"
    try:
        certificates, key = certificates_in(tls.certificate), public_key_of(tls.private_key)
    except (OSError, ValueError, TypeError) as error:
        found = f"certificate or key cannot be read: {getattr(error, 'strerror', None) or error}"
        yield Finding(FAULT, about, found, "give PEM files, the key without a password")
        return
    own = certificates[0]
    if own.public_key != key:
        found = f"{tls.private_key} is not the key of {tls.certificate}"
        yield Finding(FAULT, about, found, "put the two that belong together in their places")
    for certificate in certificates:
        yield from _validity(certificate, about, tls.certificate, now)
    if not _names(own, listener.host):
        found = f"{tls.certificate} does not name {listener.host}, where it listens"
        yield Finding(WARNING, about, found, "clients that check names need a name of it by which they connect")
    if tls.authorities:
        yield from _of_authorities(about, tls.authorities, now)


def _of_authorities(about: str, path: str, now: datetime) -> Iterator[Finding]:
    try:
        certificates = certificates_in(path)
    except (OSError, ValueError) as error:
        yield Finding(FAULT, about, f"{path} cannot be read: {error}", "give the authorities in PEM")
        return
    for certificate in certificates:
        yield from _validity(certificate, about, path, now)


def _validity(certificate: Certificate, about: str, path: str, now: datetime) -> Iterator[Finding]:
    since, until = certificate.valid_from, certificate.valid_until
    whose = f"{certificate.common_name or 'a certificate'} in {path}"
    if now >= until:
        yield Finding(FAULT, about, f"{whose} is valid no longer, since {until:%Y-%m-%d %H:%M} UTC", RENEW)
    elif now < since:
        found = f"{whose} is not valid before {since:%Y-%m-%d %H:%M} UTC"
        yield Finding(FAULT, about, found, "look at the clock of this machine")
    elif until - now < timedelta(days=SOON_DAYS):
        left = f"in {(until - now).days} days, on {until:%Y-%m-%d}"
        yield Finding(WARNING, about, f"{whose} is valid no longer {left}", RENEW)


def _of_sessions(sessions: Iterable[SessionSettings]) -> Iterator[Finding]:
    """One certificate that stands for several users proves none of them."""
    users: dict[str, dict[str, str]] = {}
    for session in sessions:
        if session.certificate_cn:
            users.setdefault(session.certificate_cn, {})[session.username] = session.name
    for common_name, by_user in users.items():
        if len(by_user) > 1:
            found = f"CertificateCN {common_name} is that of {len(by_user)} users: {names(list(by_user))}"
            yield Finding(WARNING, next(iter(by_user.values())), found, "give each user a certificate of his own")


def _names(certificate: Certificate, host: str) -> bool:
    """Whether a certificate may name an address: every address (0.0.0.0) is named by none, and a name that is no
    address may well lead here.
    """
    if ipaddress.ip_address(host).is_unspecified or certificate.host_names:
        return True
    return host in (certificate.common_name, *certificate.addresses)
