"""Snapshot files: one engine state each, with its place in the journal's chain. Whole or not there at all.

Layout: mark, format version, place in the journal (batch, command, time, chain), state hash, length, checksum of all
of it, then the bytes that the engine gave. Owns layout and names; knows nothing of engines.
"""

import contextlib
import re
import struct
from pathlib import Path
from typing import Final, NamedTuple

from xxhash import xxh3_128

from matching.durable_files import write_durably
from matching.fault_points import passed
from matching.journal import Position

SNAPSHOT_VERSION: Final = 1
SNAPSHOTS_KEPT: Final = 3
SNAPSHOT_FAULT_POINTS: Final = (
    "snapshot.before",
    "snapshot.written",
    "snapshot.synced",
    "snapshot.renamed",
    "snapshot.durable",
    "snapshot.deleting",
    "snapshot.deleted",
)
"""Passed in this order; the last two for every file that is deleted, old or half written."""

_MARK: Final = b"OCSN"
# mark, version, reserved, batch_seq, seq, time_ns, chain, state hash, engine bytes. A checksum of 16 bytes follows.
_HEAD: Final = struct.Struct("<4sHHQQQ16s16sQ")
_CHECKSUM_BYTES: Final = 16
_NAME: Final = re.compile(r"(\d{1,20})\.snapshot")
_SPARE: Final = "spare"
"""The oldest file, until the next snapshot is written over it."""
_TEMPORARY: Final = re.compile(r"\.\d{1,20}\.snapshot\.\d+")


class SnapshotError(Exception):
    """A snapshot file that cannot be used: what was expected and what was found."""


class Snapshot(NamedTuple):
    """A snapshot as read, its checksum verified."""

    path: Path
    position: Position
    state_hash: bytes
    engine: bytes


def write_snapshot(folder: Path, position: Position, *, state_hash: bytes, engine: bytes) -> Path:
    """Make a snapshot durable; returns its path. Raises OSError: there is no such file, not even in part."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    head = _HEAD.pack(_MARK, SNAPSHOT_VERSION, 0, *position, state_hash, len(engine))
    checksum = xxh3_128(head)
    checksum.update(engine)
    path = folder / f"{position.batch_seq:020d}.snapshot"
    passed("snapshot.before")
    parts = [head, checksum.digest(), engine]
    write_durably(path, parts, lambda step: passed(f"snapshot.{step}"), spare=folder / _SPARE)
    return path


def read_snapshot(path: Path) -> Snapshot:
    """Raises SnapshotError, which says what is wrong with the file."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD.size)
            digest = file.read(_CHECKSUM_BYTES)
            engine = file.read()
    except OSError as error:
        raise SnapshotError(f"{path} cannot be read: {error}") from error
    if len(head) + len(digest) < _HEAD.size + _CHECKSUM_BYTES:
        raise SnapshotError(f"{path} is shorter than its header")
    mark, version, _, batch_seq, seq, time_ns, chain, state_hash, engine_bytes = _HEAD.unpack(head)
    if mark != _MARK:
        raise SnapshotError(f"{path}: expected the mark {_MARK!r}, found {mark!r}")
    if not 1 <= version <= SNAPSHOT_VERSION:
        raise SnapshotError(f"{path}: expected format version 1 to {SNAPSHOT_VERSION}, found {version}")
    if len(engine) != engine_bytes:
        raise SnapshotError(f"{path}: expected {engine_bytes} bytes of state, found {len(engine)}")
    checksum = xxh3_128(head)
    checksum.update(engine)
    if checksum.digest() != digest:
        raise SnapshotError(f"{path}: the checksum does not match")
    return Snapshot(path, Position(batch_seq, seq, time_ns, chain), state_hash, engine)


def snapshot_paths(folder: Path) -> list[Path]:
    """Files named like snapshots, the newest first; none where there is no such folder."""
    if not folder.is_dir():
        return []
    named = [(int(match[1]), path) for path in folder.iterdir() if (match := _NAME.fullmatch(path.name))]
    return [path for _, path in sorted(named, reverse=True)]


def delete_old_snapshots(folder: Path, *, kept: int = SNAPSHOTS_KEPT) -> None:
    """Keep the newest `kept` files, and none that a process left half written. Called by the one that writes.

    One of them stays, under a name that is no snapshot's, to be written over.
    """
    half_written = [path for path in folder.iterdir() if _TEMPORARY.fullmatch(path.name)]
    for path in (*snapshot_paths(folder)[kept:], *half_written):
        passed("snapshot.deleting")
        if (folder / _SPARE).exists():
            path.unlink(missing_ok=True)
        else:
            with contextlib.suppress(FileNotFoundError):
                path.rename(folder / _SPARE)
        passed("snapshot.deleted")
