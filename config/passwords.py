"""The file `passwords`: how each user proves who he is. One `username:credential` a line, and no password itself.

A credential is an argon2id hash as `outcry passwd` writes it, or `hmac:` and a secret of at least 16 bytes in hex, for
Logons that are signed with HMAC-SHA256 in RawData(96).
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, Literal

import argon2
import msgspec

from config.faults import FaultLog
from config.text_values import CompId, UnreadableError

FILE: Final = "passwords"
LINES_MAX: Final = 1_000_000
SECRET_BYTES: Final = range(16, 257)
NEW_PASSWORD_CHARACTERS: Final = range(12, 257)
"""How long a password may be that a user sets himself."""
MEMORY_KIB_MAX: Final = 256 * 1024
TIME_COST_MAX: Final = 32
PARALLELISM_MAX: Final = 16
DEMO_CHECKS_MAX: Final = 100
"""Users whose hash is tried against the demo's rule at start: each costs a hash, and a start is awaited."""

HASHER: Final = argon2.PasswordHasher(time_cost=3, memory_cost=16 * 1024, parallelism=1)
"""25 ms and 16 MiB a check, measured on a virtual machine of 2 cores: two at once are 80 Logons a second."""

_HASH: Final = re.compile(
    r"\$argon2id\$v=19\$m=([0-9]{1,10}),t=([0-9]{1,10}),p=([0-9]{1,5})\$[A-Za-z0-9+/]{11,88}\$[A-Za-z0-9+/]{22,172}"
)


class Credential(msgspec.Struct, frozen=True):
    """How one user proves himself: `secret` is an argon2id hash, or the key of an HMAC in hex. Never to be logged."""

    username: str
    kind: Literal["argon2id", "hmac"]
    secret: str
    line: int

    def __repr__(self) -> str:
        return f"Credential(username={self.username!r}, kind={self.kind!r}, line={self.line})"

    @property
    def key(self) -> bytes:
        """Return the key of an HMAC."""
        assert self.kind == "hmac", "an argon2id hash is no key"
        return bytes.fromhex(self.secret)


def read_passwords(data: bytes, *, log: FaultLog) -> dict[str, Credential]:
    """Read the file; what is found is never shown, since it may be a password in the wrong place."""
    credentials: dict[str, Credential] = {}
    for number, raw in enumerate(data.split(b"\n", LINES_MAX), start=1):
        line = raw.strip()
        if not line or line.startswith(b"#"):
            continue
        try:
            credential = _credential(line.decode("utf-8"), number)
        except (UnreadableError, UnicodeDecodeError):
            allowed = "username:$argon2id$... as `outcry passwd` writes it, or username:hmac:<16..256 bytes in hex>"
            log.add(FILE, number, "line", found="something else", allowed=allowed)
            continue
        earlier = credentials.get(credential.username)
        if earlier is not None:
            allowed = f"one line a user; line {earlier.line} has it already"
            log.add(FILE, number, credential.username, found="a second line", allowed=allowed)
        credentials[credential.username] = credential
    return credentials


def hash_password(password: str) -> str:
    """Return the argon2id hash of a password, with a salt of its own."""
    return HASHER.hash(password)


def is_password(credential: Credential, password: str) -> bool:
    """Say whether `password` is the user's. Takes about 25 ms with our own hashes; constant in what differs."""
    if credential.kind != "argon2id":
        return False
    try:
        return HASHER.verify(credential.secret, password)
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
        return False


def mark_of(credential: Credential | None) -> str:
    """Return what tells a credential of the file from any other, and tells nothing of it; "" of none."""
    return "" if credential is None else hashlib.blake2b(credential.secret.encode(), digest_size=8).hexdigest()


def in_force(credential: Credential | None, changed: tuple[str, str] | None) -> Credential | None:
    """Return the credential that counts: the user's own change (hash, mark of the line that it stands for), as long as
    the file has that line; else the file's.
    """
    if credential is None or changed is None or credential.kind != "argon2id" or changed[1] != mark_of(credential):
        return credential
    return Credential(credential.username, "argon2id", changed[0], credential.line)


def new_password_fault(password: str, *, names: Iterable[str], former: str) -> str:
    """Return why a user may not set a password, or nothing. `names` are those that he is known by."""
    allowed = NEW_PASSWORD_CHARACTERS
    if len(password) not in allowed:
        return f"NewPassword(925) has {len(password)} characters, allowed: {allowed.start} to {allowed.stop - 1}"
    if not (password.isascii() and password.isprintable()):
        return "NewPassword(925) has characters that are not printable ASCII"
    if any(name and name.lower() in password.lower() for name in names):
        return "NewPassword(925) holds the user's name or CompID"
    return "NewPassword(925) is the password in force" if password == former else ""


def refuse_demo_passwords(credentials: Iterable[Credential], *, log: FaultLog) -> None:
    """Record a fault for each of these users, who can be reached from other machines, with the demo's password.

    The demo's password is the user's name in lower case. The shipped hashes are known at sight; others are tried.
    """
    shipped = {credential.secret for credential in shipped_passwords().values()}
    checked = 0
    for credential in credentials:
        demo = credential.username.lower()
        if credential.kind == "hmac":
            weak = credential.key == demo.encode()
        elif credential.secret in shipped:
            weak = True
        elif checked < DEMO_CHECKS_MAX:
            checked += 1
            weak = is_password(credential, demo)
        else:
            log.note(FILE, credential.line, "passwords", f"not tried against the demo's rule, as only {checked} are")
            return
        if weak:
            allowed = "a password of its own at an address that other machines reach: `outcry passwd`"
            log.add(FILE, credential.line, credential.username, found="the demo's password", allowed=allowed)


def shipped_passwords() -> Mapping[str, Credential]:
    """Return the credentials of the shipped demo."""
    path = Path(__file__).parent / FILE
    return read_passwords(path.read_bytes(), log=FaultLog()) if path.is_file() else {}


def _credential(line: str, number: int) -> Credential:
    username, colon, secret = line.partition(":")
    CompId().read(username)
    if colon and secret.startswith("hmac:"):
        try:
            key = bytes.fromhex(secret.removeprefix("hmac:"))
        except ValueError:
            raise UnreadableError from None
        if len(key) not in SECRET_BYTES:
            raise UnreadableError
        return Credential(username, "hmac", key.hex(), number)
    cost = _HASH.fullmatch(secret)
    if cost is None:
        raise UnreadableError
    memory, time, parallelism = (int(number) for number in cost.groups())
    # A hash says how much work its check is; a line in a file must not stop the admission thread for minutes.
    if not (8 <= memory <= MEMORY_KIB_MAX and 1 <= time <= TIME_COST_MAX and 1 <= parallelism <= PARALLELISM_MAX):
        raise UnreadableError
    return Credential(username, "argon2id", secret, number)
