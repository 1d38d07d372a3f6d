"""Damage by the disk: every flipped bit is found, named, and nothing of the batch is served."""

import random
import struct
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import lmdb
import pytest

from matching.journal import Batch, Journal, JournalCorruptError
from matching.journal.records import KEY
from tests.journal.building import batches, content, state


def alter(folder: Path, database: bytes, key: bytes, change: Callable[[bytearray], bytes | None]) -> None:
    """Replace one value behind the journal's back; None deletes it."""
    environment = lmdb.Environment(str(folder), max_dbs=4)
    with environment.begin(write=True) as txn:
        handle = environment.open_db(database, txn=txn, create=False)
        changed = change(bytearray(txn.get(key, db=handle) or b""))
        if changed is None:
            txn.delete(key, db=handle)
        else:
            txn.put(key, changed, db=handle)
    environment.close()


def flip(at: int) -> Callable[[bytearray], bytes]:
    """Flip one bit of a value."""

    def change(data: bytearray) -> bytes:
        data[at] ^= 0x10
        return bytes(data)

    return change


def make(folder: Path, count: int = 8) -> list[bytes]:
    """Make a journal; return the chain values of its batches."""
    journal = Journal.open(folder)
    journal.append(batches(count), [state()])
    chains = [stored.chain for stored in journal.read(1)]
    journal.close()
    return chains


def record_bytes(folder: Path, database: bytes, batch_seq: int) -> int:
    """Length of a record as it lies in LMDB."""
    environment = lmdb.Environment(str(folder), max_dbs=4, readonly=True)
    handle = environment.open_db(database, create=False)
    with environment.begin() as txn:
        length = len(txn.get(KEY.pack(batch_seq), db=handle) or b"")
    environment.close()
    return length


def test_any_flipped_bit_of_a_batch_is_found_and_named(tmp_path: Path) -> None:
    make(tmp_path)
    key, seed = KEY.pack(5), 11
    length = record_bytes(tmp_path, b"batches", 5)
    places = {*range(120), *random.Random(seed).sample(range(120, length), 40)}
    for at in sorted(places):
        alter(tmp_path, b"batches", key, flip(at))
        journal = Journal.open(tmp_path, read_only=True)
        served: list[Batch] = []
        with pytest.raises(JournalCorruptError) as caught:
            served.extend(content(stored) for stored in journal.read(1))
        journal.close()
        alter(tmp_path, b"batches", key, flip(at))
        assert (caught.value.batch_seq, caught.value.seq, caught.value.last_good) == (5, 9, 4), f"byte {at}"
        assert served in ([], batches(8)[:4]), f"byte {at}"


def test_the_batch_after_the_damage_is_still_read_from_there(tmp_path: Path) -> None:
    make(tmp_path)
    alter(tmp_path, b"batches", KEY.pack(3), flip(200))
    journal = Journal.open(tmp_path)
    assert [content(stored) for stored in journal.read(4)] == batches(8)[3:]
    journal.close()


def test_a_writer_refuses_a_damaged_last_batch(tmp_path: Path) -> None:
    make(tmp_path)
    alter(tmp_path, b"batches", KEY.pack(8), flip(150))
    with pytest.raises(JournalCorruptError, match=r"batch 8: the checksum does not match.*the last whole batch is 7"):
        Journal.open(tmp_path)
    reader = Journal.open(tmp_path, read_only=True)
    with pytest.raises(JournalCorruptError):
        _ = reader.last
    reader.close()
    alter(tmp_path, b"batches", KEY.pack(8), flip(150))
    Journal.open(tmp_path).close()


def test_a_missing_batch_is_named(tmp_path: Path) -> None:
    make(tmp_path)
    alter(tmp_path, b"batches", KEY.pack(5), lambda data: None)
    journal = Journal.open(tmp_path)
    with pytest.raises(JournalCorruptError, match="batch 5: the record is missing"):
        list(journal.read(2))
    with pytest.raises(JournalCorruptError, match="batch 5: the record is missing"):
        list(journal.read(6))
    journal.close()


def test_a_record_in_the_place_of_another_is_found(tmp_path: Path) -> None:
    make(tmp_path)
    taken: list[bytes] = []

    def take(data: bytearray) -> bytes:
        taken.append(bytes(data))
        return bytes(data)

    alter(tmp_path, b"batches", KEY.pack(4), take)
    alter(tmp_path, b"batches", KEY.pack(5), lambda data: taken[0])
    journal = Journal.open(tmp_path)
    with pytest.raises(JournalCorruptError, match="batch 5, command 9: the record names itself batch 4"):
        list(journal.read(1))
    journal.close()


def test_a_batch_of_another_history_breaks_the_chain(tmp_path: Path) -> None:
    """Each record is whole by itself; only the chain tells that they do not belong together."""
    make(tmp_path / "one")
    make(tmp_path / "other")
    taken: list[bytes] = []

    def take(data: bytearray) -> bytes:
        taken.append(bytes(data))
        return bytes(data)

    alter(tmp_path / "other", b"batches", KEY.pack(5), take)
    alter(tmp_path / "one", b"batches", KEY.pack(5), lambda data: taken[0])
    journal = Journal.open(tmp_path / "one")
    with pytest.raises(JournalCorruptError, match="batch 5, command 9: the chain is broken"):
        list(journal.read(1))
    journal.close()


def test_flipped_outbound_bytes_are_never_served(tmp_path: Path) -> None:
    make(tmp_path)

    def read(first: int, last: int) -> int:
        with closing(Journal.open(tmp_path)) as journal:
            return journal.messages(1, 1, first, last, 1 << 20)[1]

    length = record_bytes(tmp_path, b"outbound", 5)
    for at in range(0, length, 5):
        alter(tmp_path, b"outbound", KEY.pack(5), flip(at))
        with pytest.raises(JournalCorruptError, match="at batch 5"):
            read(1, 24)
        alter(tmp_path, b"outbound", KEY.pack(5), flip(at))
    alter(tmp_path, b"outbound", KEY.pack(5), flip(length - 1))
    assert (read(1, 12), read(16, 24)) == (13, 25)


def test_outbound_bytes_of_another_history_are_not_served(tmp_path: Path) -> None:
    """The record is whole by itself, but not the one that the chain names."""
    make(tmp_path / "one")
    journal = Journal.open(tmp_path / "other")
    journal.append(batches(8, text="another report"))
    journal.close()
    taken: list[bytes] = []

    def take(data: bytearray) -> bytes:
        taken.append(bytes(data))
        return bytes(data)

    alter(tmp_path / "other", b"outbound", KEY.pack(5), take)
    alter(tmp_path / "one", b"outbound", KEY.pack(5), lambda data: taken[0])
    journal = Journal.open(tmp_path / "one")
    with pytest.raises(JournalCorruptError, match="not those that the chain names"):
        journal.messages(1, 1, 13, 15, 1 << 20)
    journal.close()


def test_missing_outbound_bytes_are_named(tmp_path: Path) -> None:
    make(tmp_path)
    alter(tmp_path, b"outbound", KEY.pack(5), lambda data: None)
    journal = Journal.open(tmp_path)
    with pytest.raises(JournalCorruptError, match="batch 5: the outbound record is missing"):
        journal.outbound(5)
    journal.close()


def test_a_flipped_bit_in_a_session_state_is_found(tmp_path: Path) -> None:
    make(tmp_path)
    for at in (0, 4, 8, 16, 20):
        alter(tmp_path, b"sessions", KEY.pack(1), flip(at))
        with pytest.raises(JournalCorruptError, match="session"):
            Journal.open(tmp_path)
        reader = Journal.open(tmp_path, read_only=True)
        with closing(reader), pytest.raises(JournalCorruptError, match="session"):
            reader.sessions()
        alter(tmp_path, b"sessions", KEY.pack(1), flip(at))


@pytest.mark.parametrize(
    ("database", "key", "what"),
    [
        (b"batches", KEY.pack(2), "expected format version 1 to 1, found 9"),
        (b"outbound", KEY.pack(2), "expected an outbound record of format version 1 to 1, found 9"),
        (b"sessions", KEY.pack(1), "expected a session state of format version 1 to 3, found 9"),
    ],
)
def test_a_record_of_a_newer_version_is_refused_by_name(tmp_path: Path, database: bytes, key: bytes, what: str) -> None:
    make(tmp_path)

    def raise_version(data: bytearray) -> bytes:
        assert struct.unpack_from("<H", data, 4)[0] in (1, 3)
        struct.pack_into("<H", data, 4, 9)
        return bytes(data)

    alter(tmp_path, database, key, raise_version)

    def read_everything() -> None:
        with closing(Journal.open(tmp_path)) as journal:
            list(journal.read(1))
            journal.sessions()

    with pytest.raises(JournalCorruptError, match=what):
        read_everything()
