"""Files that are there whole or not at all, also after power loss: temporary file, fsync, rename, fsync."""

import contextlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Final

STEP_BYTES: Final = 1 << 18
"""Bytes of a long file that are written before they are synced."""


def _nothing(_step: str) -> None:
    """Who writes a file that nobody tests."""


def write_durably(
    path: Path, parts: Sequence[bytes], step: Callable[[str], None] = _nothing, *, spare: Path | None = None
) -> None:
    """Replace the file at `path` by `parts` in a row; when this returns, it survives power loss. Mode 0600.

    `step` is called with "written", "synced", "renamed" and "durable", each when that is so. A file at `spare` is
    written over, and is gone then: the file system has no blocks to find and none to free, for which others that sync
    would wait.

    Raises:
        OSError: nothing has changed at `path`.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    if spare is not None:
        with contextlib.suppress(FileNotFoundError):
            spare.rename(temporary)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            _write_in_steps(file, parts)
            file.truncate()
            step("written")
            os.fsync(file.fileno())
            step("synced")
        temporary.rename(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    step("renamed")
    sync_folder(path.parent)
    step("durable")


def _write_in_steps(file: IO[bytes], parts: Sequence[bytes]) -> None:
    """Write parts and sync all but the end of them as they go.

    A file system that writes a file's data before it ends a transaction lets every other sync on it, that of the
    journal too, wait for what is there and not synced.
    """
    unsynced = 0
    for part in parts:
        view = memoryview(part)
        for begin in range(0, len(view), STEP_BYTES):
            if unsynced >= STEP_BYTES:
                file.flush()
                os.fdatasync(file.fileno())
                unsynced = 0
            unsynced += file.write(view[begin : begin + STEP_BYTES])
    file.flush()


def sync_folder(path: Path) -> None:
    """Make names in the folder durable. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
