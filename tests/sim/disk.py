"""The store's faults: commits that fail, are slow, or in which the process or the power ends; and what is left then."""

import errno
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Final

from tests.sim.clock import SECOND_NS, SimClock

PAGE_BYTES: Final = 4096
SECTOR_BYTES: Final = 512
META_PAGES: Final = 2
PLENTY: Final = 1 << 40
DATA_FILE: Final = "data.mdb"


class Killed(BaseException):
    """The process has ended here. Nothing in the exchange may catch it."""


class SimDisk:
    """Stands behind `Journal.faults`, the exchange's fault points and the figure of free bytes.

    `kill_at` is (fault point, how often it is still passed); `power` says that the unfinished commit is torn.
    """

    def __init__(self, folder: Path, clock: SimClock) -> None:
        self.folder = folder
        self.clock = clock
        self.free_bytes = PLENTY
        self.failures_left = 0
        self.failure = errno.EIO
        self.slow_ns = 0
        self.meanwhile: Callable[[], None] = lambda: None
        self.kill_at: tuple[str, int] | None = None
        self.power_random: Random | None = None
        self._before: bytes | None = None

    # -- hooks --------------------------------------------------------------------------------------------------------

    def pass_commit_step(self, name: str) -> None:
        """`Journal.faults`: called after each step of an append."""
        if name == "begin" and self.power_random is not None:
            self._before = self._data().read_bytes()
        if name == "batches" and self.slow_ns:
            self.clock.advance(self.slow_ns)
            self.slow_ns = 0
            self.meanwhile()
        if name == "sessions" and self.failures_left:
            self.failures_left -= 1
            raise OSError(self.failure, "simulated")
        if self.power_random is not None:
            if name == "committed":
                # The pages are written, the meta page is taken back: power went between the two.
                raise Killed("power")
            return
        self.pass_point(f"commit.{name}")

    def pass_point(self, name: str) -> None:
        """The exchange's `fault_point`."""
        if self.kill_at is None or self.kill_at[0] != name:
            return
        left = self.kill_at[1] - 1
        self.kill_at = (name, left)
        if left <= 0:
            raise Killed(name)

    def disk_free_bytes(self, _folder: Path) -> int:
        """In place of the system's own figure."""
        return self.free_bytes

    # -- what the day does --------------------------------------------------------------------------------------------

    def fail(self, code: int, count: int) -> None:
        """Let the next commits fail; a full disk shows in its free bytes too."""
        self.failure, self.failures_left = code, count
        if code == errno.ENOSPC:
            self.free_bytes = 0

    def slow(self, seconds: int) -> None:
        """Let the next commit take its time."""
        self.slow_ns = seconds * SECOND_NS

    def recover(self) -> None:
        """Nothing fails any longer."""
        self.free_bytes = PLENTY
        self.failures_left = 0

    def come_back(self) -> str:
        """Leave in the file what the end of the process has left, and forget all faults; says what was left.

        The journal is closed.
        """
        said = "as committed"
        if self.power_random is not None and self._before is not None:
            said = self._tear(self._before, self.power_random)
        self._before = self.power_random = self.kill_at = None
        self.slow_ns = 0
        self.recover()
        return said

    def _data(self) -> Path:
        return self.folder / DATA_FILE

    def _tear(self, before: bytes, random: Random) -> str:
        """Write the file as of the last commit, with a part of what the unfinished one wrote into other pages."""
        after = self._data().read_bytes()
        length = len(before) if random.random() < 0.5 else max(len(before), len(after))
        image = bytearray(before.ljust(length, b"\0"))
        changed = [
            at
            for at in range(META_PAGES * PAGE_BYTES, length, PAGE_BYTES)
            if after[at : at + PAGE_BYTES] != image[at : at + PAGE_BYTES]
        ]
        kept = 0
        for at in changed:
            fate = random.random()
            if fate < 0.4:
                continue
            kept += 1
            end = at + PAGE_BYTES if fate < 0.8 else at + SECTOR_BYTES * random.randrange(1, PAGE_BYTES // SECTOR_BYTES)
            image[at:end] = after[at : min(end, len(after))]
        assert len(image) == length, "pages are put in place"
        self._data().write_bytes(bytes(image))
        return f"{kept} of {len(changed)} pages of a commit without its meta page"
