"""The file of passwords: what it may hold, and that it never shows it."""

from pathlib import Path

import pytest

from config.faults import FaultLog
from config.passwords import (
    HASHER,
    Credential,
    hash_password,
    is_password,
    read_passwords,
    refuse_demo_passwords,
    shipped_passwords,
)

SALT, HASH = "c29tZXNhbHQxMjM0NTY3OA", "A" * 43


def read(text: str) -> tuple[dict[str, Credential], list[str]]:
    """Read a file of passwords; return users and faults."""
    log = FaultLog()
    return read_passwords(text.encode(), log=log), [str(fault) for fault in log.faults]


def test_comments_and_empty_lines_are_passed_over() -> None:
    users, faults = read(f"# comment\n\n  A:hmac:{'00' * 16}  \nB:$argon2id$v=19$m=16384,t=3,p=1${SALT}${HASH}\n")
    assert ([(user.username, user.kind, user.line) for user in users.values()], faults) == (
        [("A", "hmac", 3), ("B", "argon2id", 4)],
        [],
    )
    assert users["A"].key == bytes(16)


@pytest.mark.parametrize(
    "line",
    [
        "A:trader1",
        "A",
        ":hmac:" + "00" * 16,
        "A:hmac:0011",
        "A:hmac:" + "0g" * 16,
        "A:hmac:" + "00" * 257,
        "A:$argon2i$v=19$m=16384,t=3,p=1$" + f"{SALT}${HASH}",
        f"A:$argon2id$v=19$m=99999999,t=3,p=1${SALT}${HASH}",
        f"A:$argon2id$v=19$m=16384,t=1000,p=1${SALT}${HASH}",
        f"A:$argon2id$v=19$m=16384,t=3,p=64${SALT}${HASH}",
    ],
)
def test_anything_else_is_refused_without_being_shown(line: str) -> None:
    users, faults = read(f"\n{line}\n")
    allowed = "username:$argon2id$... as `outcry passwd` writes it, or username:hmac:<16..256 bytes in hex>"
    assert (users, faults) == ({}, [f"passwords:2: line: found something else, allowed: {allowed}"])


def test_a_user_stands_once() -> None:
    line = f"A:hmac:{'00' * 16}\n"
    assert read(line * 2)[1] == ["passwords:2: A: found a second line, allowed: one line a user; line 1 has it already"]


def test_a_credential_does_not_show_its_secret() -> None:
    assert "5a5a" not in repr(Credential("A", "hmac", "5a" * 16, 1))


@pytest.mark.slow
def test_a_hash_of_ours_is_read_and_proves_its_password_alone() -> None:
    hashed = hash_password("s3cret")
    users, faults = read(f"A:{hashed}\n")
    assert faults == []
    assert is_password(users["A"], "s3cret")
    assert not is_password(users["A"], "s3cret ")
    assert not HASHER.check_needs_rehash(hashed)
    assert not is_password(Credential("A", "hmac", "00" * 16, 1), "00" * 16)


@pytest.mark.slow
def test_the_demos_rule_is_found_in_any_clothes() -> None:
    long_name = "A-LONG-TRADER-NAME"
    users = [
        shipped_passwords()["TRADER1"],
        Credential("MD9", "argon2id", hash_password("md9"), 2),
        Credential("MD8", "argon2id", hash_password("own"), 3),
        Credential(long_name, "hmac", long_name.lower().encode().hex(), 4),
    ]
    log = FaultLog()
    refuse_demo_passwords(users, log=log)
    assert {fault.key for fault in log.faults} == {"MD9", long_name, "TRADER1"}


def test_the_demos_hashes_are_known_at_sight_under_any_name() -> None:
    copied = Credential("OTHER", "argon2id", shipped_passwords()["MD1"].secret, 5)
    log = FaultLog()
    refuse_demo_passwords([copied], log=log)
    assert [(fault.key, fault.found) for fault in log.faults] == [("OTHER", "the demo's password")]


def test_the_shipped_file_holds_hashes_only() -> None:
    path = Path(__file__).parents[2] / "config/passwords"
    assert {credential.kind for credential in shipped_passwords().values()} == {"argon2id"}
    assert path.stat().st_size < 2_000
