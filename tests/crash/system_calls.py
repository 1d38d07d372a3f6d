"""Reads a trace of strace (-f -yy -xx): what was written where, and in which order calls began and ended."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.support.fix_peer import Message

TRACED: Final = "openat,fdatasync,fsync,msync,write,writev,sendmsg,sendmmsg,sendto,pwrite64,pwritev,pwritev2"
SOCKET_WRITES: Final = frozenset({"write", "writev", "sendmsg", "sendmmsg", "sendto"})
FILE_WRITES: Final = frozenset({"write", "writev", "pwrite64", "pwritev", "pwritev2"})
SYNCS: Final = frozenset({"fdatasync", "fsync", "msync"})
_LINE: Final = re.compile(r"^(?P<thread>\d+) +(?P<rest>.*)$")
_CALL: Final = re.compile(r"^(?P<name>\w+)\((?P<arguments>.*)$", re.S)
_RESUMED: Final = re.compile(r"^<\.\.\. (?P<name>\w+) resumed>(?P<arguments>.*)$", re.S)
_TEXT: Final = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_MESSAGE: Final = re.compile(rb"8=FIX[^\x01]*\x019=(\d+)\x01")


@dataclass(slots=True)
class Call:
    """One system call. `begun` and `ended` are places in the trace; `ended` is 0 for a call that never returned."""

    name: str
    arguments: str
    begun: int
    ended: int = 0

    @property
    def data(self) -> bytes:
        """Every string of the arguments, as bytes, one after the other."""
        return b"".join(bytes.fromhex(text.replace("\\x", "")) for text in _TEXT.findall(self.arguments))

    @property
    def target(self) -> str:
        """What the first argument is open on: a path, or TCP:[...]."""
        match = re.match(r"\d+<((?:[^<>]|->|<[^<>]*>)*)>", self.arguments)
        return readable(match[1]) if match else ""

    @property
    def result(self) -> str:
        """What the call returned."""
        return self.arguments.rpartition(" = ")[2].strip()


def readable(text: str) -> str:
    """Return text in which \\xNN is a character."""
    return re.sub(r"\\x([0-9a-f]{2})", lambda match: chr(int(match[1], 16)), text)


def read_trace(path: Path) -> list[Call]:
    """Return the calls of a trace in the order in which they began."""
    calls: list[Call] = []
    open_calls: dict[str, Call] = {}
    for place, line in enumerate(path.read_text(encoding="ascii", errors="replace").splitlines(), start=1):
        match = _LINE.match(line)
        if match is None:
            continue
        thread, rest = match["thread"], match["rest"]
        if resumed := _RESUMED.match(rest):
            call = open_calls.pop(thread)
            call.arguments += resumed["arguments"]
            call.ended = place
        elif started := _CALL.match(rest):
            call = Call(started["name"], started["arguments"], place)
            calls.append(call)
            if call.arguments.endswith("<unfinished ...>"):
                call.arguments = call.arguments.removesuffix("<unfinished ...>")
                open_calls[thread] = call
            else:
                call.ended = place
    return calls


def messages_in(data: bytes) -> Iterator[Message]:
    """Yield the whole FIX messages in the bytes of one write; what is cut, or only looks like one, is left out."""
    place = 0
    while match := _MESSAGE.search(data, place):
        end = match.end() + int(match[1]) + 7
        raw = data[match.start() : end]
        place = match.end()
        if raw[-7:-4] == b"10=" and raw.endswith(b"\x01"):
            yield Message(raw)
            place = end
