"""Whatever bytes stand in the files: the loader answers with faults or settings, never with another exception."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.settings import ConfigFaults, check, load
from tests.config.folder import FILES, SPLIT, SPLIT_ACCOUNTS, Edit, write_config

NAMES: Final = sorted(FILES)
PIECES: Final = st.sampled_from(
    [
        b"[[", b"]]", b"[", b"]", b"=", b"\n", b"\r", b'"', b"'", b'"""', b"'''", b"#", b"\\", b"{", b"}", b",", b".",
        b"0", b"-1", b"9" * 30, b"1e9", b"nan", b"inf", b"\x00", b"\xff", b"\xc3\xa9", b"Y", b"shard", b"listener",
        b"port", b"host", b"account", b"limit", b"opening", b"instrument", b"tick", b"SESSION",
        b"DEFAULT", b"BeginString",
        b"StartTime", b"00:00:00", b"AppDataDictionary.", b"DataDictionary", b"/", b"\\u0001", b":", b"$argon2id$",
        b"true", b"1979-05-27", b"io_threads", b"time_zone", b"../../etc/passwd",
    ]
)  # fmt: skip


def _load(name: str, data: bytes, *edits: Edit) -> None:
    with TemporaryDirectory() as folder:
        path = write_config(Path(folder), *edits)
        (path / name).write_bytes(data)
        report = check(path)
        assert (report.settings is None) == bool(report.faults)
        assert all(str(line).isprintable() for line in (*report.faults, *report.notes))


@pytest.mark.slow
@given(name=st.sampled_from(NAMES), data=st.binary(max_size=200) | st.lists(PIECES, max_size=30).map(b"".join))
@settings(max_examples=100, deadline=None)
def test_garbage_is_answered_with_faults(name: str, data: bytes) -> None:
    _load(name, data)


@pytest.mark.slow
@given(name=st.sampled_from(NAMES), place=st.floats(0, 1), cut=st.integers(0, 8), pieces=st.lists(PIECES, max_size=4))
@settings(max_examples=100, deadline=None)
def test_a_spoiled_file_is_answered_with_faults_or_settings(
    name: str, place: float, cut: int, pieces: list[bytes]
) -> None:
    data = FILES[name].encode()
    at = int(place * len(data))
    _load(name, data[:at] + b"".join(pieces) + data[at + cut :])


@pytest.mark.slow
@given(place=st.floats(0, 1), cut=st.integers(0, 40), pieces=st.lists(PIECES, max_size=4))
@settings(max_examples=100, deadline=None)
def test_a_spoiled_split_of_accounts_is_answered_with_faults_or_settings(
    place: float, cut: int, pieces: list[bytes]
) -> None:
    data = SPLIT_ACCOUNTS.encode()
    at = int(place * len(data))
    _load("accounts.toml", data[:at] + b"".join(pieces) + data[at + cut :], *SPLIT)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("exchange.toml", b"a = " + b"[" * 100_000),
        ("exchange.toml", b"a = " + b"9" * 5_000),
        ("exchange.toml", b"listener = 3\nshard = {}\nlogs = []\n"),
        ("exchange.toml", b"[[logs]]\n[listener]\n[shard.x]\n"),
        ("instruments.toml", b"instrument = [1, 2]"),
        ("accounts.toml", b"[[account]]\nname = 'A'\nfirm = 'F'\nlimit = [1]\nopening = {a = 'b'}\n"),
        ("accounts.toml", b"[[account]]\nname = 'A'\nfirm = 'F'\nshard = [1]\n"),
        ("accounts.toml", b"[[account]]\nname = 'A'\nfirm = 'F'\nshard = {name = 'main', opening = {}}\n"),
        ("accounts.toml", b"[[account]]\nname = 'A'\nfirm = 'F'\nshard = [{name = [], opening = {USD = 1}}, {}]\n"),
        ("sessions.cfg", b"[SESSION]\n" * 3),
        ("sessions.cfg", b"=" * 5_000),
        ("passwords", b"a:$argon2id$v=19$m=9999999999,t=1,p=1$c29tZXNhbHQxMjM$" + b"A" * 43),
        ("passwords", b"a:hmac:zz\nb:hmac:00\n:x\n"),
    ],
)
def test_known_troublemakers_are_answered_with_faults(tmp_path: Path, name: str, data: bytes) -> None:
    path = write_config(tmp_path)
    (path / name).write_bytes(data)
    with pytest.raises(ConfigFaults):
        load(path)


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_in_place_of_a_file_is_a_fault(tmp_path: Path, name: str) -> None:
    path = write_config(tmp_path)
    (path / name).unlink()
    (path / name).mkdir()
    with pytest.raises(ConfigFaults) as caught:
        load(path)
    assert (name, "file") in [(fault.file, fault.key) for fault in caught.value.faults]
