"""The layouts of every version, pinned: a change of these bytes needs a new version and a reader for this one."""

from pathlib import Path

import pytest

from matching.codec import Unsent
from matching.journal import Journal, Position
from matching.journal.errors import RecordError
from matching.journal.outbound_records import NO_OUTBOUND, decode_outbound, decode_runs, encode_outbound
from matching.journal.records import NO_CHECKSUM, decode_batch, encode_batch
from matching.journal.state_records import (
    decode_base,
    decode_session_record,
    encode_base,
    encode_session_record,
    needed_epochs,
)
from tests.journal.building import batch, part, state

BATCH = (
    "4f434652010003001b000000040000002e00000001000000010000000000000001000000000000000100000000000000e803000000000000"
    "0fd28c87188a983ef918b67b568c3e83000000000000000000000000000000000000000000000000000000000000000086f921df989d6027"
    "ca14eb5e3961016891dc001001010101c2a44f5244310101a131a132a1306501c2c0c20100000091dc00210101a130a1300101a44f524431"
    "a00101a131a132a1306501010000000000c200a00000a00000c000c200"
)
BATCH_BEFORE_TERMS = (
    "4f4346520100030017000000040000002900000001000000010000000000000001000000000000000100000000000000e803000000000000"
    "a4b003a6cdcdf98291383bb98e826a9400000000000000000000000000000000000000000000000000000000000000002f5016089ed017bb"
    "fddbf3d1f0da83d3919e01010101c2a44f5244310101a131a132a1306501c20100000091dc001c0101a130a1300101a44f524431a00101a1"
    "31a132a1306501010000000000c200a00000a000"
)
OUTBOUND = (
    "4f434f550100000001000000010000002c0000000000000001000000000000009af14930b03c1acdfb644ebff32058ad6b83abc9bb40b3e7"
    "010000000000000001000000000000000100000000000000010000000000000000000000000000002c000000000000000000000000000000"
    "383d4649582e342e3401393d32320133353d380133343d310135383d7265706f7274202e0131303d31323301"
)
SESSION = "4f435345010000000cfbdf03c98a9da19b01a25331a243310107010101000000"
BASE = (
    "4f4342410100000007000000000000000e00000000000000581b000000000000000102030405060708090a0b0c0d0e0f5eabbd9b302e2a9c"
)
SESSION_2 = "4f435345020000009aaa4c01c933a9be9d01a25331a2433101070101010000000409"
SESSION_2_NOTHING = "4f43534502000000f6b715f7b78543bb9d01a25331a2433101070101010000000000"
SESSION_3 = "4f43534503000000ebd52355736197279c01a25331a24331010701010100000093930409c3930302c2930409c2"
POSITION = Position(7, 14, 7_000, bytes(range(16)))


def test_a_batch_of_version_1() -> None:
    record, chain = encode_batch(batch(1, 1, commands=1), bytes(16), NO_CHECKSUM)
    assert record.hex() == BATCH
    stored = decode_batch(1, bytes.fromhex(BATCH), lambda batch_seq: NO_OUTBOUND, bytes(16))
    assert (stored.chain, stored.batch_seq, stored.first_seq, stored.last_seq) == (chain, 1, 1, 1)
    assert list(stored.event_counts) == [1]
    before = decode_batch(1, bytes.fromhex(BATCH_BEFORE_TERMS), lambda batch_seq: NO_OUTBOUND, bytes(16))
    assert (before.decode_commands(), before.decode_events()) == (stored.decode_commands(), stored.decode_events())


def test_an_outbound_record_of_version_1() -> None:
    made = part(1, 1)
    record, checksum = encode_outbound(1, [made])
    assert record.hex() == OUTBOUND
    runs, blob = decode_outbound(1, bytes.fromhex(OUTBOUND), checksum)
    assert (runs, bytes(blob)) == made
    assert decode_runs(1, record)[0] == made[0]


def test_a_session_state_of_version_1() -> None:
    assert decode_session_record(1, bytes.fromhex(SESSION)) == state()


def test_a_session_state_of_version_2() -> None:
    later = state()
    later.anew = (Unsent(4, 9, True), Unsent(4, 9, False))
    assert decode_session_record(1, bytes.fromhex(SESSION_2)) == later


def test_a_session_state_of_version_2_that_left_nothing() -> None:
    assert decode_session_record(1, bytes.fromhex(SESSION_2_NOTHING)) == state()


def test_a_session_state_of_version_3() -> None:
    later = state()
    later.anew = (Unsent(4, 9, True), Unsent(3, 2, False), Unsent(4, 9, False))
    assert encode_session_record(later).hex() == SESSION_3
    assert decode_session_record(1, bytes.fromhex(SESSION_3)) == later


def test_the_epochs_that_a_session_needs_are_the_current_one_and_those_on_its_list() -> None:
    later = state(2, epoch=5)
    later.anew = (Unsent(4, 9, True), Unsent(3, 2, False), Unsent(4, 9, False))
    assert needed_epochs([state(), later]) == {1: {1}, 2: {3, 4, 5}}


def test_a_begin_of_version_1() -> None:
    assert encode_base(POSITION).hex() == BASE
    assert decode_base(bytes.fromhex(BASE)) == POSITION


@pytest.mark.parametrize("length", [0, 10, 119, 130])
def test_a_record_that_is_cut_is_refused(length: int) -> None:
    data = bytes.fromhex(BATCH)[:length]
    with pytest.raises(RecordError):
        decode_batch(1, data, lambda batch_seq: NO_OUTBOUND, None)
    with pytest.raises(RecordError):
        decode_outbound(1, bytes.fromhex(OUTBOUND)[:length], None)


def test_the_folder_of_version_1_says_so(tmp_path: Path) -> None:
    Journal.open(tmp_path, fingerprint=bytes(range(16))).close()
    assert (tmp_path / "FORMAT").read_text() == "outcry-journal 1 000102030405060708090a0b0c0d0e0f\n"
