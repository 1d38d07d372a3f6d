"""Ballast: a file that is given up when the disk is full, so that cancels and refusals can still be made durable."""

import errno
import os
from pathlib import Path
from typing import Final

from matching.journal.environment import disk_free_bytes
from matching.journal.errors import JournalError

BALLAST_BYTES: Final = 64 << 20
"""Room for about 200 batches of 500 orders, or for many more of cancels alone."""
_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class Ballast:
    """Holds `ballast_bytes` of the disk on which `path` lies, from the start, where there is room for them.

    Owner: the thread that appends. A disk that is full at the start is no error here: `is_held` tells.
    """

    def __init__(self, path: Path, ballast_bytes: int = BALLAST_BYTES) -> None:
        """Raises JournalError: the file cannot be made, for another reason than a full disk."""
        assert ballast_bytes > 0, f"expected a ballast of at least 1 byte, found {ballast_bytes}"
        self._path = path
        self._ballast_bytes = ballast_bytes
        self._held = self._allocate()

    @property
    def is_held(self) -> bool:
        """True while there is something to give up."""
        return self._held

    def release(self) -> None:
        """Give the room back to the disk; when this returns, others can write there. Raises JournalError."""
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CLOEXEC)
            try:
                os.ftruncate(descriptor, 0)
                # A journaling file system hands out freed blocks only once the change itself is durable.
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise JournalError(f"the ballast {self._path} cannot be given up: {error}") from error
        self._held = False

    def recreate(self, *, keep_free_bytes: int) -> bool:
        """Hold the ballast again where that leaves `keep_free_bytes` for others; tell whether both are so.

        Raises:
            JournalError: the file cannot be made, for another reason than a full disk.
        """
        needed = keep_free_bytes if self._held else keep_free_bytes + self._ballast_bytes
        if self.disk_free_bytes() < needed:
            return False
        self._held = self._held or self._allocate()
        return self._held

    def disk_free_bytes(self) -> int:
        """Bytes that may still be written on the ballast's disk."""
        return disk_free_bytes(self._path.parent)

    def _allocate(self) -> bool:
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                if os.fstat(descriptor).st_size != self._ballast_bytes:
                    os.ftruncate(descriptor, 0)
                os.posix_fallocate(descriptor, 0, self._ballast_bytes)
                os.fsync(descriptor)
            except OSError:
                os.ftruncate(descriptor, 0)
                raise
            finally:
                os.close(descriptor)
        except OSError as error:
            if error.errno in _NO_ROOM:
                return False
            raise JournalError(f"the ballast {self._path} cannot be made: {error}") from error
        return True
