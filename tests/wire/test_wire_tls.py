"""TLS: a silent peer stalls nobody, old versions are refused, client certificates belong to their sessions."""

import contextlib
import datetime
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.wire.peer import Exchange, Peer

Make = Callable[..., Exchange]
REPORT = "37=O1|17=E{0}|150=0|39=0|55=AAPL|54=1|38=10|151=10|14=0|6=0|"


class Authority:
    """Makes certificates for the tests; its own is `ca.pem` in its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")])
        self.write("ca", self.name, self.key, is_ca=True)

    def write(self, stem: str, name: x509.Name, key: ec.EllipticCurvePrivateKey, *, is_ca: bool = False) -> None:
        now = datetime.datetime.now(datetime.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(hours=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
            .sign(self.key, hashes.SHA256())
        )
        (self.folder / f"{stem}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (self.folder / f"{stem}.key").write_bytes(private)

    def issue(self, stem: str) -> None:
        """A certificate whose common name is `stem`."""
        key = ec.generate_private_key(ec.SECP256R1())
        self.write(stem, x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, stem)]), key)

    def settings(self, **more: str) -> dict[str, str]:
        """What `listen` needs for a server with these certificates."""
        files = {"certificate": "server.pem", "key": "server.key", "ca": "ca.pem"}
        return {key: str(self.folder / name) for key, name in files.items()} | more

    def client(self, stem: str = "") -> ssl.SSLContext:
        """A client's context, with a certificate of its own where `stem` says so."""
        context = ssl.create_default_context(cafile=str(self.folder / "ca.pem"))
        if stem:
            context.load_cert_chain(self.folder / f"{stem}.pem", self.folder / f"{stem}.key")
        return context


def knock(port: int, context: ssl.SSLContext) -> None:
    """Tries a Logon; TLS 1.3 tells a client that its certificate is refused only when it reads."""
    with Peer(port, tls=context) as peer:
        peer.logon()
        peer.sock.recv(1)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    authority = Authority(tmp_path_factory.mktemp("certificates"))
    for stem in ("server", "TRADER1", "TRADER2"):
        authority.issue(stem)
    return authority


def test_session_over_tls_logs_on_and_gets_its_reports(exchange: Exchange, authority: Authority) -> None:
    port = exchange.wire.listen("127.0.0.1", 0, authority.settings())
    peer = exchange.logged_on(port=port, tls=authority.client())
    bulk = "58=" + "x" * 5000 + "|"
    for batch in range(10):
        exchange.stage(*[(1, "8", REPORT.format(batch * 20 + n) + bulk) for n in range(20)])
    assert [peer.expect("8")[17] for _ in range(200)] == [f"E{n}" for n in range(200)]
    peer.send("5")
    peer.expect("5")
    assert peer.ends()


def test_peer_that_opens_tls_and_says_nothing_stalls_nobody_and_is_closed(
    exchanges: Make, authority: Authority
) -> None:
    exchange = exchanges(options={"logon_timeout_ms": 500})
    port = exchange.wire.listen("127.0.0.1", 0, authority.settings())
    silent = [exchange.peer(port=port) for _ in range(5)]
    silent[0].raw(b"\x16\x03\x01")  # the beginning of a handshake
    exchange.logged_on(port=port, tls=authority.client())
    assert all(peer.ends() for peer in silent)


def test_handshake_without_a_logon_is_closed_in_time(exchanges: Make, authority: Authority) -> None:
    exchange = exchanges(options={"logon_timeout_ms": 100})
    port = exchange.wire.listen("127.0.0.1", 0, authority.settings())
    assert exchange.peer(port=port, tls=authority.client()).ends()


def test_plain_text_on_a_tls_port_is_closed(exchange: Exchange, authority: Authority) -> None:
    port = exchange.wire.listen("127.0.0.1", 0, authority.settings())
    peer = exchange.peer(port=port)
    peer.logon()
    with contextlib.suppress(ConnectionResetError):
        peer.sock.recv(1000)  # an alert, or nothing
    assert exchange.attempts == []


def test_session_that_requires_tls_is_closed_on_a_plain_port(exchanges: Make, authority: Authority) -> None:
    exchange = exchanges(require_tls=True)
    port = exchange.wire.listen("127.0.0.1", 0, authority.settings())
    peer = exchange.peer()
    peer.logon()
    assert peer.ends()
    exchange.logged_on(port=port, tls=authority.client())


def test_tls_below_1_2_is_refused(exchange: Exchange, authority: Authority) -> None:
    port = exchange.wire.listen("127.0.0.1", 0, authority.settings(min_version="1.3"))
    old = authority.client()
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        Peer(port, tls=old)
    exchange.logged_on(port=port, tls=authority.client())


@pytest.mark.parametrize(("certificate", "comes_in"), [("TRADER1", True), ("TRADER2", False), ("", False)])
def test_client_certificate_belongs_to_its_session(
    exchanges: Make, authority: Authority, certificate: str, comes_in: bool
) -> None:
    exchange = exchanges(certificate_cn="TRADER1")
    port = exchange.wire.listen("127.0.0.1", 0, authority.settings(verify="optional"))
    peer = exchange.peer(port=port, tls=authority.client(certificate))
    peer.logon()
    if not comes_in:
        assert peer.ends()
        assert exchange.attempts == []
        return
    peer.expect("A")
    assert exchange.attempts[0][7] == "TRADER1"


def test_required_client_certificate(exchange: Exchange, authority: Authority) -> None:
    port = exchange.wire.listen("127.0.0.1", 0, authority.settings(verify="required"))
    exchange.logged_on(port=port, tls=authority.client("TRADER2"))
    with pytest.raises((ssl.SSLError, ConnectionResetError, BrokenPipeError)):
        knock(port, authority.client())


def test_certificate_of_a_stranger_is_refused(exchange: Exchange, authority: Authority, tmp_path: Path) -> None:
    Authority(tmp_path).issue("TRADER1")
    port = exchange.wire.listen("127.0.0.1", 0, authority.settings(verify="optional"))
    context = authority.client()
    context.load_cert_chain(tmp_path / "TRADER1.pem", tmp_path / "TRADER1.key")
    with pytest.raises((ssl.SSLError, ConnectionResetError, BrokenPipeError)):
        knock(port, context)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"certificate": "/none"}, "certificate '/none' cannot be used"),
        ({"key": "/none"}, "key '/none' cannot be used"),
        ({"verify": "optional", "ca": "/none"}, "ca '/none' cannot be used"),
        ({"verify": "maybe"}, "verify maybe is not"),
        ({"min_version": "1.1"}, r"min_version 1\.1 is not"),
        ({"ciphers": "NONESUCH"}, "names no cipher"),
    ],
)
def test_tls_settings_that_cannot_be_are_refused(
    exchange: Exchange, authority: Authority, change: dict[str, str], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        exchange.wire.listen("127.0.0.1", 0, authority.settings() | change)


def test_wrong_password_over_tls_gets_its_logout(exchange: Exchange, authority: Authority) -> None:
    port = exchange.wire.listen("127.0.0.1", 0, authority.settings())
    peer = exchange.peer(port=port, tls=authority.client())
    peer.send("A", "98=0|108=30|553=TRADER1|554=wrong|")
    assert peer.expect("5")[58] == "Logon refused"
    assert peer.ends()
