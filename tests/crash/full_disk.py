"""Provokes a full disk and a failing sync for real: a small file system of memory, a library that fails fdatasync."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

DISK_MIB: Final = 64
_FAILING_SYNC: Final = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static int fails(void) {
    const char *flag = getenv("FAILING_SYNC");
    return flag && access(flag, F_OK) == 0;
}
int fdatasync(int fd) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    if (fails()) { errno = EIO; return -1; }
    return real(fd);
}
int fsync(int fd) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    if (fails()) { errno = EIO; return -1; }
    return real(fd);
}
"""


class CannotProvokeError(Exception):
    """This machine does not let a test mount a file system, or has no compiler."""


class SmallDisk:
    """A file system of DISK_MIB MiB. Owner: one test."""

    def __init__(self, folder: Path) -> None:
        self._filler = folder / "filler"

    def fill(self) -> None:
        """Take all that is free, to the last page."""
        with self._filler.open("wb") as file:
            free = os.statvfs(self._filler.parent).f_bavail * os.statvfs(self._filler.parent).f_frsize
            os.posix_fallocate(file.fileno(), 0, free)

    def empty(self) -> None:
        """Give it back."""
        self._filler.unlink()


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[SmallDisk]:
    """Mount a small file system. Raises CannotProvokeError."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise CannotProvokeError(str(error)) from error
    if done.returncode != 0:
        raise CannotProvokeError(done.stderr.strip())
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def failing_sync(base: Path) -> tuple[dict[str, str], Path]:
    """Return the environment in which syncing fails while a file is there, and that file. Raises CannotProvokeError."""
    compiler = shutil.which("cc")
    if compiler is None:
        raise CannotProvokeError("there is no C compiler")
    source, library, flag = base / "sync.c", base / "sync.so", base / "sync-fails"
    source.write_text(_FAILING_SYNC, encoding="ascii")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"], check=True)
    return {"LD_PRELOAD": str(library), "FAILING_SYNC": str(flag)}, flag
