"""Operating errors of the journal: what the layer above can act on. A text says what was expected and found."""


class JournalError(Exception):
    """Root of all that the journal refuses; by itself: this folder cannot be used as a journal, and why."""


class JournalLockedError(JournalError):
    """Another process writes this journal."""


class JournalFullError(JournalError):
    """No room: the disk or the map is full. Nothing has changed; the same append may be tried again."""


class JournalWriteError(JournalError):
    """The disk refused to write or to sync. Nothing has changed in memory; the same append may be tried again."""


class JournalCorruptError(JournalError):
    """What was read is not what was written.

    `batch_seq` and `seq` name the damaged batch and its first command (0: it is no record of one batch), `last_good`
    the last batch before it that is whole (0: none, or not known yet; see `salvage.measured`).
    """

    def __init__(self, *, batch_seq: int, seq: int, what: str, last_good: int) -> None:
        self.batch_seq = batch_seq
        self.seq = seq
        self.what = what
        self.last_good = last_good
        place = f" at batch {batch_seq}" + (f", command {seq}" if seq else "") if batch_seq else ""
        super().__init__(f"the journal is damaged{place}: {what}; the last whole batch is {last_good}")


class RecordError(Exception):
    """A record that is not what was written: what was expected and what was found. The journal adds where."""
