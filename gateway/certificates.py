"""Certificates: the demo's, made once, for this machine alone, signed by itself; and what a file of them says.

A file that is there is never replaced.

python -m gateway.certificates FOLDER
python -m gateway.certificates --config FOLDER    where the configuration in FOLDER looks for it
"""

import ipaddress
import os
import sys
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CERTIFICATE_FILE: Final = "server.crt"
KEY_FILE: Final = "server.key"
VALID_DAYS: Final = 825
"""Longer than this and some clients refuse the certificate."""


def make_demo_certificate(folder: Path) -> bool:
    """Make the certificate and its key (mode 0600) in `folder`, unless one of them is there; say whether it did."""
    certificate_path, key_path = folder / CERTIFICATE_FILE, folder / KEY_FILE
    if certificate_path.exists() or key_path.exists():
        return False
    folder.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _signed(key)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _write(key_path, private, mode=0o600)
    _write(certificate_path, certificate.public_bytes(serialization.Encoding.PEM), mode=0o644)
    return True


def named_folders(config_dir: Path) -> list[Path]:
    """Return the folders in which listeners of a configuration look for the demo's certificate and its key, by name.

    Files of other names are an operator's own. A file that cannot be read names nothing here: the exchange says why.
    """
    try:
        listeners = tomllib.loads((config_dir / "exchange.toml").read_text(encoding="utf-8")).get("listener", [])
        named = {(Path(each["certificate"]), Path(each["private_key"])) for each in listeners if each.get("tls")}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []
    folders = {
        certificate.parent
        for certificate, key in named
        if (certificate.name, key.name, certificate.parent) == (CERTIFICATE_FILE, KEY_FILE, key.parent)
    }
    return sorted((config_dir / folder).resolve() for folder in folders)


class Certificate(msgspec.Struct, frozen=True):
    """What a certificate says: whom it names, from when until when it is valid, and its public key."""

    common_name: str
    valid_from: datetime
    valid_until: datetime
    host_names: tuple[str, ...]
    addresses: tuple[str, ...]
    public_key: bytes


def certificates_in(path: str) -> list[Certificate]:
    """Return the certificates of a PEM file, at least one. Raises OSError, ValueError."""
    return [_said_by(certificate) for certificate in x509.load_pem_x509_certificates(Path(path).read_bytes())]


def public_key_of(path: str) -> bytes:
    """Return the public key that belongs to a private key in a PEM file. Raises OSError, ValueError, TypeError."""
    key = serialization.load_pem_private_key(Path(path).read_bytes(), None)
    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _said_by(certificate: x509.Certificate) -> Certificate:
    found = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        names = x509.SubjectAlternativeName([])
    key = certificate.public_key()
    return Certificate(
        common_name=str(found[0].value) if found else "",
        valid_from=certificate.not_valid_before_utc,
        valid_until=certificate.not_valid_after_utc,
        host_names=tuple(names.get_values_for_type(x509.DNSName)),
        addresses=tuple(str(each) for each in names.get_values_for_type(x509.IPAddress)),
        public_key=key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo),
    )


def _signed(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    addresses = [x509.IPAddress(ipaddress.ip_address(text)) for text in ("127.0.0.1", "::1")]
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # A clock that is a little behind must not refuse a certificate made a moment ago.
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=VALID_DAYS))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost"), *addresses]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )


def _write(path: Path, data: bytes, *, mode: int) -> None:
    """Write a file that nobody sees half written, nor with a wider mode than it is to have."""
    temporary = path.with_name(path.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    temporary.replace(path)


def main(arguments: list[str]) -> int:
    """Make the certificate in the folders named; 0 also where it was there already."""
    if len(arguments) == 2 and arguments[0] == "--config":
        folders = named_folders(Path(arguments[1]))
    elif len(arguments) == 1 and not arguments[0].startswith("-"):
        folders = [Path(arguments[0])]
    else:
        print("usage: python -m gateway.certificates FOLDER, or --config FOLDER", file=sys.stderr)
        return 2
    for folder in folders:
        if make_demo_certificate(folder):
            print(f"  made {folder / CERTIFICATE_FILE} for localhost, valid for {VALID_DAYS} days")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
