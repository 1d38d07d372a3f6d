"""Opens LMDB for the journal: one writer, no network disk, no torn file, one format. Names its errors in ours.

Owns the files of a journal's folder: `lock`, `FORMAT`, `data.mdb`, `lock.mdb`. Refuses to open what it cannot trust.
"""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import lmdb
from lmdb.verify import VerifyError
from lmdb.verify import verify as verify_structure

from matching.durable_files import sync_folder, write_durably
from matching.journal.errors import (
    JournalCorruptError,
    JournalError,
    JournalFullError,
    JournalLockedError,
    JournalWriteError,
)
from matching.journal.salvage import expected_bytes

JOURNAL_VERSION: Final = 1
"""Version of the folder, the sub-databases and their keys; each record has a version of its own besides."""

READERS_MAX: Final = 32
"""Processes and transactions that may read at once: snapshot process, drop copies, tools."""
FINGERPRINT_BYTES: Final = 16

_LOCK_FILE: Final = "lock"
_FORMAT_FILE: Final = "FORMAT"
_FORMAT_WORD: Final = "outcry-journal"
_DATA_FILE: Final = "data.mdb"
_META_PAGE_BYTES_MAX: Final = 4_096
_DATABASES: Final = (b"batches", b"outbound", b"sessions", b"meta")
_NETWORK_FILE_SYSTEMS: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "ceph", "glusterfs", "9p", "afs", "lustre", "fuse.sshfs", "fuse.glusterfs"}
)
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class WriterLock:
    """The right to write a journal, held as long as the process lives or until `release`."""

    __slots__ = ("_descriptor",)

    def __init__(self, folder: Path) -> None:
        """Raises JournalLockedError, which names the process that holds it."""
        path = folder / _LOCK_FILE
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(self._descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(self._descriptor)
            raise JournalLockedError(f"the journal {folder} is written by process {holder}") from error
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Closing gives the lock back. The file stays: deleting it would let two processes hold a lock each."""
        os.close(self._descriptor)


class Databases:
    """The handles of an open environment, one for each sub-database."""

    __slots__ = ("batches", "env", "meta", "outbound", "sessions")

    def __init__(self, env: lmdb.Environment, *, create: bool) -> None:
        self.env = env
        self.batches, self.outbound, self.sessions, self.meta = (
            env.open_db(name, create=create) for name in _DATABASES
        )


def open_for_writing(
    folder: Path, *, map_bytes: int, sync: bool, fingerprint: bytes
) -> tuple[Databases, WriterLock, bytes]:
    """Return the databases, the lock and the fingerprint; makes the journal where there is none.

    A journal's fingerprint is its name for ever: `fingerprint`, or random bytes, when it is made.

    Raises:
        JournalError: and its kinds; says what is wrong with the folder.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    refuse_network_file_system(folder)
    lock = WriterLock(folder)
    try:
        stored = _read_format(folder)
        databases = _open(folder, map_bytes=map_bytes, sync=sync, read_only=False)
        if stored is None:
            stored = _write_format(folder, databases, fingerprint or os.urandom(FINGERPRINT_BYTES))
        elif fingerprint and fingerprint != stored:
            raise JournalError(f"the journal {folder} belongs to {stored.hex()}, expected {fingerprint.hex()}")
    except BaseException:
        lock.release()
        raise
    return databases, lock, stored


def open_for_reading(folder: Path, *, map_bytes: int) -> tuple[Databases, bytes]:
    """Return the databases and the fingerprint; takes no lock and may follow a writer. Raises JournalError."""
    stored = _read_format(folder)
    if stored is None:
        raise JournalError(f"there is no journal at {folder}")
    return _open(folder, map_bytes=map_bytes, sync=True, read_only=True), stored


@contextmanager
def errors_named(doing: str) -> Iterator[None]:
    """Turn the errors of LMDB and of the disk into the journal's own."""
    try:
        yield
    except (lmdb.Error, OSError) as error:
        raise named(error, doing) from error


def named(error: lmdb.Error | OSError, doing: str) -> JournalError:
    """The journal's own error for one of LMDB or of the disk."""
    text = f"{doing}: {error}"
    code = error.errno if isinstance(error, OSError) else error.code
    if isinstance(error, lmdb.MapFullError) or code in _FULL:
        return JournalFullError(text)
    damaged = (
        lmdb.CorruptedError,
        lmdb.PageNotFoundError,
        lmdb.InvalidError,
        lmdb.BadTxnError,
        lmdb.VersionMismatchError,
    )
    if isinstance(error, damaged):
        return JournalCorruptError(batch_seq=0, seq=0, what=text, last_good=0)
    return JournalWriteError(text)


def refuse_network_file_system(folder: Path, mounts: str | None = None) -> None:
    """LMDB's memory map and its locks are not safe over a network. Raises JournalError."""
    if mounts is None:
        mounts = Path("/proc/mounts").read_text(encoding="utf-8", errors="replace")
    resolved = folder.resolve()
    best, kind = Path("/"), ""
    for line in mounts.splitlines():
        _, point, found, *_ = line.split(" ")
        mounted = Path(point.replace("\\040", " "))
        if (resolved == mounted or mounted in resolved.parents) and len(mounted.parts) >= len(best.parts):
            best, kind = mounted, found
    if kind in _NETWORK_FILE_SYSTEMS:
        raise JournalError(f"the journal {folder} lies on {kind}, mounted at {best}: it has to lie on a local disk")


def disk_free_bytes(folder: Path) -> int:
    """Bytes that this process may still write on the disk of the journal."""
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


def structure_faults(folder: Path) -> list[str]:
    """What is wrong with LMDB's own pages, in words; empty where all is well. Reads the file without mapping it.

    A journal that is written meanwhile has none that could be told: empty. Cost: one look at every page that is not
    inside a large record; 24 us each were measured.
    """
    path = folder / _DATA_FILE
    try:
        meta = _meta_pages(path)
        faults: list[str] = verify_structure(os.fspath(path), subdir=False)  # type: ignore[no-untyped-call]  # no types
        return faults if _meta_pages(path) == meta else []
    except (VerifyError, OSError) as error:
        return [str(error)]


def _meta_pages(path: Path) -> bytes:
    """The pages that change with every commit."""
    with path.open("rb") as file:
        return file.read(2 * _META_PAGE_BYTES_MAX)


def _refuse_damaged_file(folder: Path) -> None:
    """Raises JournalCorruptError. LMDB must not meet a page that is none: it would end the process without a word."""
    path = folder / _DATA_FILE
    if not path.exists() or path.stat().st_size == 0:
        return
    faults = structure_faults(folder)
    if faults:
        found, expected = path.stat().st_size, expected_bytes(folder)
        torn = f" is torn: expected {expected} bytes, found {found}" if found < expected else " is damaged"
        more = f", and {len(faults) - 1} more" if len(faults) > 1 else ""
        raise JournalCorruptError(batch_seq=0, seq=0, what=f"{path.name}{torn} ({faults[0]}{more})", last_good=0)


def _open(folder: Path, *, map_bytes: int, sync: bool, read_only: bool) -> Databases:
    _refuse_damaged_file(folder)
    with errors_named(f"opening the journal {folder}"):
        env = lmdb.Environment(
            os.fspath(folder),
            map_size=map_bytes,
            readonly=read_only,
            create=not read_only,
            sync=sync,
            mode=0o600,
            max_readers=READERS_MAX,
            max_dbs=len(_DATABASES),
            # Replay reads in order and batches are far larger than a page, so the kernel's read-ahead helps.
            readahead=True,
        )
        try:
            env.reader_check()
            _refuse_torn_file(folder, env, sync_length=not read_only)
            return Databases(env, create=not read_only)
        except BaseException:
            env.close()
            raise


def _refuse_torn_file(folder: Path, env: lmdb.Environment, *, sync_length: bool) -> None:
    """A page beyond the end of the file would end the process by SIGBUS when touched, so the length is checked first.

    A file may rightly be shorter than its last page number says, where that page was given back before it was ever
    written; then every page that is in use is looked up, without LMDB, and the file is made as long as it says.
    """
    path = folder / _DATA_FILE
    page_bytes = env.stat()["psize"]
    expected = (env.info()["last_pgno"] + 1) * page_bytes
    found = path.stat().st_size
    if found >= expected:
        return
    faults = structure_faults(folder)
    if faults:
        what = f"{path.name} is torn: expected {expected} bytes, found {found} ({faults[0]})"
        raise JournalCorruptError(batch_seq=0, seq=0, what=what, last_good=0)
    if sync_length:
        os.truncate(path, expected)


def _read_format(folder: Path) -> bytes | None:
    """The fingerprint in the FORMAT file, or None where no journal was made yet."""
    data = folder / _DATA_FILE
    try:
        text = (folder / _FORMAT_FILE).read_text(encoding="ascii")
    except FileNotFoundError:
        return None
    word, version, fingerprint = [*text.split(), "", "", ""][:3]
    if word != _FORMAT_WORD or not version.isdecimal():
        raise JournalError(f"expected a file {_FORMAT_FILE} of an Outcry journal in {folder}, found {text[:80]!r}")
    if int(version) != JOURNAL_VERSION:
        raise JournalError(
            f"the journal {folder} has format version {version}; this program reads version {JOURNAL_VERSION}"
        )
    if not data.exists() or data.stat().st_size == 0:
        what = f"{data.name} is missing or empty"
        raise JournalCorruptError(batch_seq=0, seq=0, what=what, last_good=0)
    return bytes.fromhex(fingerprint)


def _write_format(folder: Path, databases: Databases, fingerprint: bytes) -> bytes:
    """Written when the empty databases are durable, before the first batch: from then on a missing file is damage."""
    with databases.env.begin() as txn:
        entries = txn.stat(databases.batches)["entries"]
    if entries:
        what = f"{_FORMAT_FILE} is missing beside a journal of {entries} batches"
        raise JournalCorruptError(batch_seq=0, seq=0, what=what, last_good=0)
    with errors_named(f"making the journal {folder}"):
        databases.env.sync(True)
        write_durably(
            folder / _FORMAT_FILE, [f"{_FORMAT_WORD} {JOURNAL_VERSION} {fingerprint.hex()}\n".encode("ascii")]
        )
        sync_folder(folder.parent)
    return fingerprint
