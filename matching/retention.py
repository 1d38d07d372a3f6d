"""Retention: how far the journal may be shortened. The deleting itself is `Journal.retain`, in bounded steps."""

from pathlib import Path

from matching.journal import JournalReader
from matching.recovery import fitting_snapshots


def retention_bound(journal: JournalReader, snapshots_dir: Path, *, keep_from_ns: int) -> int:
    """Return the first batch that has to stay, for `Journal.retain`; 0 where nothing may go.

    That is the first batch at or after `keep_from_ns` (the begin of a session day), but none that the oldest whole
    snapshot needs: every snapshot kept must be able to bring the exchange back. Reads and verifies the snapshot
    files; any thread may call it, so that the matching thread need not wait for that.

    Raises:
        JournalCorruptError: names the record.
    """
    oldest = min((snapshot.position.batch_seq for snapshot in fitting_snapshots(journal, snapshots_dir)), default=0)
    return min(oldest, journal.batch_at(keep_from_ns))
