"""Where sessions can be reached: the listeners that they ask for, and what may not be reached from other machines."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from config.exchange import FILE as EXCHANGE
from config.exchange import ListenerSettings, TlsSettings
from config.faults import FaultLog, quote
from config.passwords import FILE as PASSWORDS
from config.passwords import Credential, refuse_demo_passwords
from config.quickfix_settings import Section
from config.sessions import SessionSettings

FILE: Final = "sessions.cfg"
TLS_KEYS: Final = (
    "ServerCertificateFile",
    "ServerCertificateKeyFile",
    "CertificationAuthoritiesFile",
    "CertificateVerifyLevel",
)
"""QuickFIX reads these from [DEFAULT] only: they describe its one acceptor, not a session."""
_CLIENT_CERTIFICATES: Final[tuple[Literal["none", "optional", "required"], ...]] = (
    "none",
    "required",
    "optional",
    "none",
)
"""By CertificateVerifyLevel, in the order of QuickFIX's SSL_CLIENT_VERIFY_NONE, _REQUIRE, _OPTIONAL and _NOTSET."""


class AddedListeners:
    """The listeners that SocketAcceptPort asks for and exchange.toml does not have, each made once.

    `tls` holds the values of [DEFAULT], which is where `TLS_KEYS` are read from.
    """

    def __init__(
        self,
        known: Sequence[ListenerSettings],
        *,
        bind_address: str,
        defaults: Section,
        tls: Mapping[str, Any],
        config_dir: Path,
        log: FaultLog,
    ) -> None:
        self.added: list[ListenerSettings] = []
        self._ports = {listener.port for listener in known}
        self._host = bind_address
        self._defaults = defaults
        self._values = tls
        self._config_dir = config_dir
        self._log = log

    def need(self, port: int, *, line: int) -> None:
        """Make sure that there is a listener at `port`."""
        if port in self._ports:
            return
        self._ports.add(port)
        self.added.append(ListenerSettings(f"port {port}", self._host, port, self._tls()))
        text = f"no [[listener]] has port {port}: one is made at {self._host}"
        self._log.note(FILE, line, "SocketAcceptPort", text)

    def _tls(self) -> TlsSettings | None:
        if self._values["ServerCertificateFile"] is None:
            return None
        certificate, private_key, authorities = (self._path(key) for key in TLS_KEYS[:3])
        level = self._values["CertificateVerifyLevel"]
        if _CLIENT_CERTIFICATES[level] != "none" and not authorities:
            allowed = "0, or CertificationAuthoritiesFile too"
            self._log.add(FILE, self._line(TLS_KEYS[3]), TLS_KEYS[3], found=quote(str(level)), allowed=allowed)
        return TlsSettings(certificate, private_key or certificate, _CLIENT_CERTIFICATES[level], authorities)

    def _path(self, key: str) -> str:
        """Return the absolute path that a key of [DEFAULT] names, which has to be a file; "" where it names none."""
        given = self._values[key]
        if given is None:
            return ""
        path = self._config_dir / given
        if not path.is_file():
            self._log.add(FILE, self._line(key), key, found=quote(given), allowed="a file that exists")
        return str(path)

    def _line(self, key: str) -> int:
        return self._defaults.entries[key.upper()].line


def check_reach(
    sessions: Sequence[SessionSettings],
    listeners: Sequence[ListenerSettings],
    *,
    credentials: Mapping[str, Credential],
    log: FaultLog,
) -> None:
    """Check each session against the listeners at which it can be reached, and its user against `passwords`."""
    exposed: dict[str, Credential] = {}
    for session in sessions:
        reach = [
            listener
            for listener in listeners
            if (not session.ports or listener.port in session.ports) and (listener.tls or not session.require_tls)
        ]
        _check_tls(session, reach, log)
        outside = next((listener for listener in reach if not listener.is_loopback), None)
        if session.authentication == "none":
            if outside is not None:
                allowed = f"password or hmac, as other machines reach {outside.host}:{outside.port}"
                log.add(FILE, session.line, "Authentication", found="none", allowed=allowed)
            continue
        credential = credentials.get(session.username)
        if credential is None:
            text = f"nobody can log on as {session.username} until `outcry passwd {session.username}` has been run"
            log.note(PASSWORDS, 0, session.username, text)
        elif (credential.kind == "hmac") != (session.authentication == "hmac"):
            found = f"{session.authentication} for {session.username}"
            allowed = f"what its line {credential.line} in `passwords` holds: {credential.kind}"
            log.add(FILE, session.line, "Authentication", found=found, allowed=allowed)
        elif outside is not None:
            exposed[session.username] = credential
    refuse_demo_passwords(exposed.values(), log=log)


def _check_tls(session: SessionSettings, reach: Sequence[ListenerSettings], log: FaultLog) -> None:
    if not reach and any(fault.file == EXCHANGE for fault in log.faults):
        return  # The listener that is missing may be the one with the fault.
    if not reach:
        key = "CertificateCN" if session.certificate_cn else "RequireTLS" if session.require_tls else "SESSION"
        log.add(FILE, session.line, key, found="no listener that takes this session", allowed="one, in exchange.toml")
    elif session.certificate_cn:
        if not any(listener.tls and listener.tls.client_certificates != "none" for listener in reach):
            allowed = "a listener with client_certificates that takes this session"
            log.add(FILE, session.line, "CertificateCN", found="no such listener", allowed=allowed)
