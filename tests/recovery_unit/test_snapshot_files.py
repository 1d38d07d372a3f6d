"""Snapshot files: whole or not there, the newest three kept."""

import os
from pathlib import Path

import pytest

from matching.durable_files import STEP_BYTES, write_durably
from matching.journal import Position
from matching.snapshot_files import (
    SnapshotError,
    delete_old_snapshots,
    read_snapshot,
    snapshot_paths,
    write_snapshot,
)


def position(batch_seq: int) -> Position:
    return Position(batch_seq, 10 * batch_seq, 100 * batch_seq, bytes([batch_seq]) * 16)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    path = write_snapshot(tmp_path / "new", position(7), state_hash=b"h" * 16, engine=b"state" * 1_000)
    assert path.name == "00000000000000000007.snapshot"
    assert read_snapshot(path) == (path, position(7), b"h" * 16, b"state" * 1_000)
    assert path.stat().st_mode & 0o777 == 0o600


def test_any_flipped_bit_is_found(tmp_path: Path) -> None:
    path = write_snapshot(tmp_path, position(7), state_hash=b"h" * 16, engine=b"state")
    whole = path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
        with pytest.raises(SnapshotError):
            read_snapshot(path)


def test_only_the_newest_are_kept_and_nothing_half_written(tmp_path: Path) -> None:
    for number in (9, 10, 100, 11, 2):
        write_snapshot(tmp_path, position(number), state_hash=b"h" * 16, engine=b"")
    for name in ("notes.txt", ".00000000000000000012.snapshot.4711"):
        (tmp_path / name).touch()
    delete_old_snapshots(tmp_path)
    assert [int(path.stem) for path in snapshot_paths(tmp_path)] == [100, 11, 10]
    assert sorted(path.name for path in tmp_path.iterdir() if not path.name.endswith("shot")) == ["notes.txt", "spare"]


def test_the_oldest_file_is_written_over_and_the_new_one_ends_where_it_ends(tmp_path: Path) -> None:
    for number in (1, 2, 3, 4):
        write_snapshot(tmp_path, position(number), state_hash=b"h" * 16, engine=b"state" * 1_000)
    oldest = snapshot_paths(tmp_path)[-1]
    number_of_file = oldest.stat().st_ino
    delete_old_snapshots(tmp_path)
    assert (tmp_path / "spare").stat().st_ino == number_of_file
    newest = write_snapshot(tmp_path, position(5), state_hash=b"h" * 16, engine=b"short")
    assert newest.stat().st_ino == number_of_file
    assert newest.stat().st_mode & 0o777 == 0o600
    assert read_snapshot(newest).engine == b"short"
    assert not (tmp_path / "spare").exists()


def test_a_long_file_is_synced_as_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fdatasync", lambda descriptor: synced.append(os.fstat(descriptor).st_size))
    parts = [bytes(100), bytes(3 * STEP_BYTES)]
    write_durably(tmp_path / "file", parts)
    assert (tmp_path / "file").read_bytes() == b"".join(parts)
    assert synced == [STEP_BYTES + 100, 2 * STEP_BYTES + 100]


def test_a_folder_that_is_not_there_has_no_snapshots(tmp_path: Path) -> None:
    assert snapshot_paths(tmp_path / "nothing") == []
    with pytest.raises(SnapshotError, match="cannot be read"):
        read_snapshot(tmp_path / "nothing.snapshot")


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_durably(path, [b"old"])
    with pytest.raises(TypeError):
        write_durably(path, [b"new", "no bytes"])  # type: ignore[list-item]  # what makes it fail
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
