"""Opening: one writer, a local disk, a known format, a whole file."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import lmdb
import pytest

from matching.journal import Journal, JournalCorruptError, JournalError, JournalLockedError, Position
from matching.journal.environment import refuse_network_file_system
from tests.journal.building import batch, batches, everything
from tests.journal.processes import PRELUDE, python


def test_a_second_writer_is_refused_and_told_who_writes(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path)
    refused = python("Journal.open(sys.argv[1])", tmp_path)
    assert f"JournalLockedError: the journal {tmp_path} is written by process {os.getpid()}" in refused.stderr
    with pytest.raises(JournalLockedError):
        Journal.open(tmp_path)
    journal.append([batch(1, 1)])
    journal.close()
    assert python("print(Journal.open(sys.argv[1]).last.batch_seq)", tmp_path).stdout == "1\n"


def test_the_lock_goes_with_the_process_that_held_it(tmp_path: Path) -> None:
    script = "j = Journal.open(sys.argv[1]); print('open', flush=True); signal.pause()"
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", PRELUDE + script, tmp_path], cwd=root, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"open\n"
        with pytest.raises(JournalLockedError, match=f"process {process.pid}$"):
            Journal.open(tmp_path)
        process.send_signal(signal.SIGKILL)
        process.wait()
    Journal.open(tmp_path).close()


def test_use_after_fork_is_refused(tmp_path: Path) -> None:
    script = (
        "j = Journal.open(sys.argv[1]); j.append([batch(1, 1)]); pid = os.fork()\n"
        "if pid == 0:\n"
        "    try: j.append([batch(2, 3)])\n"
        "    except AssertionError as error: print(error, flush=True)\n"
        "    os._exit(0)\n"
        "os.waitpid(pid, 0); print(j.last.batch_seq)"
    )
    assert python(script, tmp_path).stdout == "a journal must not be used after fork\n1\n"


def test_a_network_disk_is_refused_by_name() -> None:
    mounts = (
        "/dev/vda / ext4 rw 0 0\nserver:/x /mnt/far\\040away nfs4 rw 0 0\n/dev/vdb /mnt/far\\040away/near ext4 rw 0 0\n"
    )
    refuse_network_file_system(Path("/var/journal"), mounts)
    refuse_network_file_system(Path("/mnt/far away/near/journal"), mounts)
    with pytest.raises(JournalError, match="lies on nfs4, mounted at /mnt/far away"):
        refuse_network_file_system(Path("/mnt/far away/journal"), mounts)


def test_reading_where_there_is_no_journal_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="there is no journal"):
        Journal.open(tmp_path / "nothing", read_only=True)
    assert not (tmp_path / "nothing").exists()


def test_the_fingerprint_is_fixed_when_the_journal_is_made(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path, fingerprint=b"0123456789abcdef")
    assert journal.last == Position(0, 0, 0, journal.last.chain)
    journal.close()
    reopened = Journal.open(tmp_path)
    assert reopened.fingerprint == b"0123456789abcdef"
    reopened.close()
    with pytest.raises(JournalError, match="belongs to 30313233"):
        Journal.open(tmp_path, fingerprint=b"another exchange")


def test_journals_of_two_exchanges_never_share_a_chain_value(tmp_path: Path) -> None:
    chains = []
    for name in ("one", "other"):
        journal = Journal.open(tmp_path / name)
        journal.append([batch(1, 1)])
        chains.append(journal.last.chain)
        journal.close()
    assert chains[0] != chains[1]


def test_an_unknown_format_version_is_named(tmp_path: Path) -> None:
    Journal.open(tmp_path).close()
    format_file = tmp_path / "FORMAT"
    format_file.write_text(format_file.read_text().replace("journal 1", "journal 2"))
    for read_only in (False, True):
        with pytest.raises(JournalError, match="has format version 2; this program reads version 1"):
            Journal.open(tmp_path, read_only=read_only)
    format_file.write_text("something else\n")
    with pytest.raises(JournalError, match="expected a file FORMAT of an Outcry journal"):
        Journal.open(tmp_path)


def test_a_folder_of_another_lmdb_program_is_refused(tmp_path: Path) -> None:
    environment = lmdb.Environment(os.fspath(tmp_path), max_dbs=4)
    with environment.begin(write=True) as txn:
        txn.put(b"key", b"value", db=environment.open_db(b"batches", txn=txn))
    environment.close()
    with pytest.raises(JournalError, match="FORMAT is missing beside a journal of 1 batches"):
        Journal.open(tmp_path)


def test_a_start_that_was_cut_short_is_taken_up_again(tmp_path: Path) -> None:
    Journal.open(tmp_path).close()
    (tmp_path / "FORMAT").unlink()
    journal = Journal.open(tmp_path)
    journal.append(batches(1))
    journal.close()
    assert (tmp_path / "FORMAT").exists()


@pytest.mark.parametrize("left", [0, 1_000, 4_096, 8_192, 40_000, -4_096, -1])
def test_a_torn_file_is_named_and_never_served(tmp_path: Path, left: int) -> None:
    journal = Journal.open(tmp_path)
    journal.append(batches(20, text="x" * 3_000))
    journal.close()
    data = tmp_path / "data.mdb"
    os.truncate(data, left if left >= 0 else data.stat().st_size + left)
    for read_only in (False, True):
        with pytest.raises(JournalCorruptError, match=r"missing or empty|torn|opening the journal"):
            Journal.open(tmp_path, read_only=read_only)


def test_a_missing_data_file_is_named_and_no_empty_journal_takes_its_place(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path)
    journal.append(batches(1))
    journal.close()
    (tmp_path / "data.mdb").unlink()
    with pytest.raises(JournalCorruptError, match=r"data\.mdb is missing or empty"):
        Journal.open(tmp_path)
    assert not (tmp_path / "data.mdb").exists()


def test_a_file_that_is_longer_than_needed_is_whole(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path)
    journal.append(batches(2))
    journal.close()
    with (tmp_path / "data.mdb").open("ab") as file:
        file.write(bytes(1 << 20))
    reopened = Journal.open(tmp_path)
    assert everything(reopened) == batches(2)
    reopened.close()
