"""The demo's TLS certificate: made once, for this machine alone, signed by itself. Never replaces a file that is there.

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
