"""What a session remembers: its next numbers and what it sent. In memory, or in a file that outlives the process."""

import os
from pathlib import Path
from typing import IO, Final

import msgspec

SENT_COUNT_MAX: Final = 1_000_000
"""Messages kept to answer a ResendRequest(2) with; older ones are answered with a gap fill."""


class _Record(msgspec.Struct, omit_defaults=True):
    """One line of the file: a message sent, the next number expected, or both numbers set anew."""

    sent: str = ""
    seq: int = 0
    next_target: int = 0
    next_sender: int = 0


_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(_Record)


class MemoryStore:
    """Numbers and sent messages, as long as this object lives. Owner: the thread of the client."""

    def __init__(self) -> None:
        self.next_sender = 1
        self.next_target = 1
        self._sent: dict[int, bytes] = {}

    def sent(self, seq: int, raw: bytes) -> None:
        """Remember a message before it goes out; its number is used."""
        self._sent[seq] = raw
        self.next_sender = max(self.next_sender, seq + 1)
        if len(self._sent) > SENT_COUNT_MAX:
            del self._sent[next(iter(self._sent))]

    def received(self, next_target: int) -> None:
        """Remember the number expected next."""
        self.next_target = next_target

    def reset(self, next_sender: int = 1, next_target: int = 1) -> None:
        """Set both numbers anew; what was sent before is forgotten when the numbers begin at 1."""
        if next_sender == 1:
            self._sent.clear()
        self.next_sender = next_sender
        self.next_target = next_target

    def find(self, seq: int) -> bytes | None:
        """The message that was sent with this number."""
        return self._sent.get(seq)

    def close(self) -> None:
        """Nothing to close."""


class FileStore(MemoryStore):
    """The same, appended to a file before a message goes out, so that a new process goes on with the numbers.

    A line that a crash cut short at the end is dropped. The file is rewritten without its history when it is opened.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        if path.exists():
            self._load()
        self._file = self._rewrite()

    def sent(self, seq: int, raw: bytes) -> None:
        super().sent(seq, raw)
        self._append(_Record(sent=raw.decode("latin-1"), seq=seq))

    def received(self, next_target: int) -> None:
        super().received(next_target)
        self._append(_Record(next_target=next_target))

    def reset(self, next_sender: int = 1, next_target: int = 1) -> None:
        super().reset(next_sender, next_target)
        self._append(_Record(next_sender=next_sender, next_target=next_target))

    def close(self) -> None:
        self._file.close()

    def _append(self, record: _Record) -> None:
        self._file.write(_ENCODER.encode(record) + b"\n")
        self._file.flush()

    def _load(self) -> None:
        lines = self._path.read_bytes().split(b"\n")
        for line in lines[:-1]:
            record = _DECODER.decode(line)
            if record.sent:
                super().sent(record.seq, record.sent.encode("latin-1"))
            elif record.next_sender:
                super().reset(record.next_sender, record.next_target)
            else:
                super().received(record.next_target)

    def _rewrite(self) -> IO[bytes]:
        temporary = self._path.with_name(self._path.name + ".new")
        with temporary.open("wb") as file:
            for seq, raw in self._sent.items():
                file.write(_ENCODER.encode(_Record(sent=raw.decode("latin-1"), seq=seq)) + b"\n")
            numbers = _Record(next_sender=self.next_sender, next_target=self.next_target)
            file.write(_ENCODER.encode(numbers) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._path)
        return self._path.open("ab")
