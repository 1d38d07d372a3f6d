"""The journal: every batch of commands, events, outbound bytes and session numbers, durable in one transaction.

The only owner of LMDB. See README.md beside this file for the theory: layout, ordering, recovery.
"""

from matching.journal.ballast import BALLAST_BYTES, Ballast
from matching.journal.environment import disk_free_bytes, structure_faults
from matching.journal.errors import (
    JournalCorruptError,
    JournalError,
    JournalFullError,
    JournalLockedError,
    JournalWriteError,
)
from matching.journal.outbound_records import Run, StoredOutbound
from matching.journal.reader import JournalReader
from matching.journal.records import Batch, Outcome, Position, StoredBatch
from matching.journal.retention import RETAIN_FAULT_POINTS
from matching.journal.salvage import measured
from matching.journal.store import FAULT_POINTS, MAP_BYTES, Journal

__all__ = [
    "BALLAST_BYTES",
    "FAULT_POINTS",
    "MAP_BYTES",
    "RETAIN_FAULT_POINTS",
    "Ballast",
    "Batch",
    "Journal",
    "JournalCorruptError",
    "JournalError",
    "JournalFullError",
    "JournalLockedError",
    "JournalReader",
    "JournalWriteError",
    "Outcome",
    "Position",
    "Run",
    "StoredBatch",
    "StoredOutbound",
    "disk_free_bytes",
    "measured",
    "structure_faults",
]
