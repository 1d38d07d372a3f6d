"""How far a damaged journal is whole, found without LMDB: agrees with LMDB on whole ones, stops at the first damage."""

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from matching.journal import Journal, JournalCorruptError
from matching.journal.records import KEY
from matching.journal.salvage import expected_bytes, whole_through
from tests.crash.damage import PAGE_BYTES, pages_of_kind, zero_page
from tests.journal.building import batch, batches, part, state
from tests.journal.processes import python
from tests.journal.test_journal_damage import alter, flip

BRANCH, LEAF = 1, 2
OPEN_AGAIN = """
for _ in range(30):
    reader = Journal.open(sys.argv[1], read_only=True)
    assert reader.last.batch_seq >= 3
    reader.close()
"""


def make(folder: Path, count: int) -> Path:
    """A journal of `count` batches, appended in threes; return its file."""
    journal = Journal.open(folder, durability="async")
    made = batches(count)
    for at in range(0, count, 3):
        journal.append(made[at : at + 3], [state()])
    journal.close()
    return folder / "data.mdb"


@pytest.mark.parametrize("count", [1, 2, 50, 700])
def test_a_whole_journal_is_whole_to_its_end(count: int, tmp_path: Path) -> None:
    path = make(tmp_path, count)
    assert whole_through(tmp_path) == count
    assert 0 < expected_bytes(tmp_path) <= path.stat().st_size
    if count == 700:
        assert pages_of_kind(path, BRANCH), "too small to have a branch page"


def test_large_records_are_read_from_pages_of_their_own(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path)
    journal.append([batch(1, 1, commands=300, outbound=[part(1, 300)]), batch(2, 301, outbound=[part(301, 200)])])
    journal.close()
    assert whole_through(tmp_path) == 2


def test_a_journal_that_begins_after_retention_is_whole_to_its_end(tmp_path: Path) -> None:
    make(tmp_path, 90)
    with closing(Journal.open(tmp_path)) as journal:
        while journal.retain(40):
            pass
        assert journal.base.batch_seq == 39
    assert whole_through(tmp_path) == 90


@pytest.mark.parametrize("database", [b"batches", b"outbound"])
def test_it_ends_before_the_first_damaged_record(database: bytes, tmp_path: Path) -> None:
    make(tmp_path, 60)
    alter(tmp_path, database, KEY.pack(33), flip(40))
    assert whole_through(tmp_path) == 32


@pytest.mark.parametrize("database", [b"batches", b"outbound"])
def test_it_ends_before_a_missing_record(database: bytes, tmp_path: Path) -> None:
    make(tmp_path, 60)
    alter(tmp_path, database, KEY.pack(33), lambda _: None)
    assert whole_through(tmp_path) == 32


def test_no_damage_to_any_page_ends_the_search_otherwise(tmp_path: Path) -> None:
    """Zeros or another page's bytes in the place of each page: a number, at most that of the last batch."""
    path = make(tmp_path, 120)
    whole = path.read_bytes()
    for number in range(len(whole) // PAGE_BYTES):
        zero_page(path, number)
        assert 0 <= whole_through(tmp_path) <= 120
        path.write_bytes(whole)


def test_zeroed_leaves_are_named_by_the_start(tmp_path: Path) -> None:
    """LMDB itself would end the process where a cursor steps onto one of them."""
    path = make(tmp_path, 700)
    for number in pages_of_kind(path, LEAF)[::4]:
        zero_page(path, number)
    for read_only in (False, True):
        with pytest.raises(JournalCorruptError, match=r"data\.mdb is damaged .*; the last whole batch is \d+"):
            Journal.open(tmp_path, read_only=read_only)


def test_a_truncated_file_is_named_with_what_is_whole(tmp_path: Path) -> None:
    path = make(tmp_path, 300)
    os.truncate(path, path.stat().st_size // 2 // PAGE_BYTES * PAGE_BYTES)
    with pytest.raises(JournalCorruptError, match=r"is torn: expected \d+ bytes, found \d+") as caught:
        Journal.open(tmp_path)
    assert caught.value.last_good == whole_through(tmp_path) < 300


def test_a_journal_that_is_written_meanwhile_may_be_read(tmp_path: Path) -> None:
    """Another process opens it again and again while this one appends: the pages of an older state are no damage."""
    made = batches(900)
    with closing(Journal.open(tmp_path, durability="async")) as journal, ThreadPoolExecutor(1) as pool:
        journal.append(made[:3])
        reading = pool.submit(python, OPEN_AGAIN, tmp_path)
        at = 3
        while not reading.done() and at < len(made):
            journal.append(made[at : at + 1])
            at += 1
        done = reading.result()
    assert done.returncode == 0, done.stderr
