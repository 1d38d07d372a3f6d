"""The journals of an exchange with shards, for whoever reads them; and whether gateway and shards say the same."""

from collections.abc import Iterator
from pathlib import Path

from gateway.shard_keeper import SHARDS_FOLDER
from gateway.start_up import JOURNAL_FOLDER
from matching.commands import RelayBatch
from matching.journal import Journal, JournalReader


def shard_folders(data_dir: Path) -> dict[str, Path]:
    """Return the data folder of every shard by name; none where the market is in the gateway's own process."""
    folder = data_dir / SHARDS_FOLDER
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    return {path.name: path for path in found if (path / JOURNAL_FOLDER).is_dir()}


def differences(gateway: JournalReader, shards: dict[str, Path]) -> list[str]:
    """Return every batch of a shard that the gateway journaled otherwise than the shard did, or that only it has.

    What retention has deleted on either side is not compared.

    Raises:
        JournalError, JournalCorruptError: a journal cannot be read.
    """
    faults = []
    readers = {name: Journal.open(folder / JOURNAL_FOLDER, read_only=True) for name, folder in shards.items()}
    try:
        events = {name: _events(reader) for name, reader in readers.items()}
        for relayed in _relayed(gateway):
            if relayed.shard not in readers:
                faults.append(f"batch {relayed.shard_batch_seq} is of shard {relayed.shard}, which has no journal here")
                continue
            if relayed.shard_batch_seq <= readers[relayed.shard].base.batch_seq:
                continue
            found = next((pair for pair in events[relayed.shard] if pair[0] >= relayed.shard_batch_seq), None)
            if found != (relayed.shard_batch_seq, relayed.events):
                faults.append(f"the gateway has another batch {relayed.shard_batch_seq} than shard {relayed.shard}")
    finally:
        for reader in readers.values():
            reader.close()
    return faults


def _relayed(journal: JournalReader) -> Iterator[RelayBatch]:
    for batch in journal.read(journal.base.batch_seq + 1):
        for command in batch.decode_commands():
            if isinstance(command, RelayBatch):
                yield command


def _events(journal: JournalReader) -> Iterator[tuple[int, bytes]]:
    for batch in journal.read(journal.base.batch_seq + 1):
        yield batch.batch_seq, batch.events
