"""Small files that are there whole or not at all, also after power loss: temporary file, fsync, rename, fsync."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path


def _nothing(_step: str) -> None:
    """Who writes a file that nobody tests."""


def write_durably(path: Path, parts: Sequence[bytes], step: Callable[[str], None] = _nothing) -> None:
    """Replace the file at `path` by `parts` in a row; when this returns, it survives power loss. Mode 0600.

    `step` is called with "written", "synced", "renamed" and "durable", each when that is so.

    Raises:
        OSError: nothing has changed at `path`.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            for part in parts:
                file.write(part)
            file.flush()
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


def sync_folder(path: Path) -> None:
    """Make names in the folder durable. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
