"""Small files that are there whole or not at all, also after power loss: temporary file, fsync, rename, fsync."""

import os
from collections.abc import Sequence
from pathlib import Path


def write_durably(path: Path, parts: Sequence[bytes]) -> None:
    """Replace the file at `path` by `parts` in a row; when this returns, it survives power loss. Mode 0600.

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
            os.fsync(file.fileno())
        temporary.rename(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make names in the folder durable. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
