"""The journal as the exchange lives with it: what happens when a commit fails or the disk fills. Owner: the matching
thread.

A failed commit changes nothing and nothing of it has left, so it is tried again. On a full disk a ballast file is given
up, which makes room for what must still be durable: refusals of new orders, cancels, session numbers. New orders are
taken again when the disk has room for the ballast and more.
"""

import shutil
import time
from pathlib import Path
from typing import Final, Protocol

import structlog

from gateway.pipeline import PendingBatch
from matching.commands import SetAcceptance
from matching.journal import Ballast, Journal, JournalError, JournalFullError, JournalWriteError

RETRY_SECONDS: Final = 0.05
WATCH_SECONDS: Final = 0.5
ALARM_SECONDS: Final = 3_600.0
COMMIT_GIVE_UP_S: Final = 30.0
"""A commit that fails for longer than this ends the process."""

log = structlog.get_logger("storage")


class Committing(Protocol):
    """Whatever has batches to commit."""

    def commit(self) -> tuple[list[PendingBatch], list[tuple[int, int]]]:
        """Commit what is complete; see `Pipeline.commit`."""


class Storage:
    """Journal, ballast and the watch over free disk.

    Args:
        free_bytes_min: below this much free disk new orders are refused.
        alarm_percent: from this share of the disk in use on, an alarm is logged once an hour.
        give_up_s: a commit that fails for longer than this ends the exchange.
    """

    def __init__(
        self, journal: Journal, ballast: Ballast, *, free_bytes_min: int, alarm_percent: int, give_up_s: float
    ) -> None:
        self.journal = journal
        self._ballast = ballast
        self._free_bytes_min = free_bytes_min
        self._alarm_percent = alarm_percent
        self._alarmed = -ALARM_SECONDS
        self._give_up_s = give_up_s
        self._watched = 0.0
        self.failing_since: float | None = None
        self.is_closing = False
        self._low_disk = ""

    def commit(self, pipeline: Committing) -> tuple[list[PendingBatch], list[tuple[int, int]]]:
        """Commit what is complete, however long it takes up to `give_up_s`; see `Pipeline.commit`.

        Raises:
            JournalFullError, JournalWriteError: still failing after `give_up_s` seconds.
        """
        while True:
            try:
                result = pipeline.commit()
            except (JournalFullError, JournalWriteError) as error:
                self._failed(error)
                continue
            if self.failing_since is not None:
                log.info("journal writes again", after_s=round(time.monotonic() - self.failing_since, 3))
                self.failing_since = None
            return result

    def _failed(self, error: JournalFullError | JournalWriteError) -> None:
        now = time.monotonic()
        if self.failing_since is None:
            self.failing_since = now
            log.error("journal cannot be written", error=str(error))
        # LMDB calls a write that the full disk cut short an input/output error, not a full disk.
        is_full = isinstance(error, JournalFullError) or self._ballast.disk_free_bytes() < self._free_bytes_min
        if is_full and self._ballast.is_held:
            self._ballast.release()
            self._low_disk = "the disk of the journal is full"
            log.error("disk full: ballast given up, new orders are refused", free_bytes=self._ballast.disk_free_bytes())
            return
        if now - self.failing_since > self._give_up_s:
            raise error
        time.sleep(RETRY_SECONDS)

    def acceptance_change(self, accepting: bool) -> SetAcceptance | None:
        """Return the command that opens or closes the exchange for new orders, where the disk asks for it; looks twice
        a second.
        """
        now = time.monotonic()
        if self._low_disk and accepting:
            return SetAcceptance(False, self._low_disk)
        if now - self._watched < WATCH_SECONDS:
            return None
        self._watched = now
        self._alarm(now)
        free = self._ballast.disk_free_bytes()
        if free < self._free_bytes_min:
            self._low_disk = f"free disk {free} bytes is below {self._free_bytes_min}"
            return SetAcceptance(False, self._low_disk) if accepting else None
        if self._low_disk and not self.is_closing and self._has_ballast_again():
            self._low_disk = ""
            log.info("disk has room again, new orders are taken", free_bytes=free)
            return SetAcceptance(True, "the disk has room again")
        return None

    def _has_ballast_again(self) -> bool:
        try:
            return self._ballast.recreate(keep_free_bytes=self._free_bytes_min)
        except JournalError as error:
            log.error("ballast cannot be made again, new orders stay refused", error=str(error))
            return False

    def _alarm(self, now: float) -> None:
        used = _used_percent(self.journal.folder)
        if used >= self._alarm_percent and now - self._alarmed >= ALARM_SECONDS:
            self._alarmed = now
            log.warning("the journal's disk fills", used_percent=used, alarm_percent=self._alarm_percent)


def _used_percent(folder: Path) -> int:
    usage = shutil.disk_usage(folder)
    return 100 * usage.used // max(usage.used + usage.free, 1)
