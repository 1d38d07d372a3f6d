"""One FIX message as users of the client see it, and its way from and to bytes. Refuses what is no whole message."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, TypeAlias

import simplefix

Value: TypeAlias = str | int | Decimal | bytes
Fields: TypeAlias = Iterable[tuple[int, Value]] | Mapping[int, Value]

SOH: Final = b"\x01"
MESSAGE_BYTES_MAX: Final = 64 * 1024 * 1024
"""A peer that announces a longer message is cut: the whole of it would have to be held in memory."""
_HEADER_BYTES_MAX: Final = 64
_FEED_BYTES: Final = 4096

ADMIN_TYPES: Final = frozenset("A012345")


class MalformedMessageError(ValueError):
    """Bytes that are no FIX message; the text says where they stop being one."""


@dataclass(frozen=True, slots=True)
class Message:
    """A whole message: its fields in the order of the wire, and the very bytes they were read from or written as.

    Text is decoded as ISO 8859-1, so that every byte survives the way to `str` and back.
    """

    raw: bytes
    fields: tuple[tuple[int, str], ...]

    def get(self, tag: int, default: str | None = None) -> str | None:
        """The first value of `tag`, or `default`."""
        for found, value in self.fields:
            if found == tag:
                return value
        return default

    def __getitem__(self, tag: int) -> str:
        value = self.get(tag)
        if value is None:
            raise KeyError(f"field {tag} is not in this message: {self}")
        return value

    def __contains__(self, tag: int) -> bool:
        return self.get(tag) is not None

    def values(self, tag: int) -> list[str]:
        """Every value of `tag`, in order."""
        return [value for found, value in self.fields if found == tag]

    def group(self, count_tag: int) -> list[dict[int, str]]:
        """The entries of the repeating group that `count_tag` counts; what follows the last entry ends up in it.

        The first field after the count begins an entry, as FIX asks.
        """
        position = next((at for at, (tag, _) in enumerate(self.fields) if tag == count_tag), None)
        if position is None or int(self.fields[position][1]) == 0:
            return []
        rest = self.fields[position + 1 : -1]
        entries: list[dict[int, str]] = []
        for tag, value in rest:
            if tag == rest[0][0]:
                entries.append({})
            entries[-1].setdefault(tag, value)
        return entries

    @property
    def msg_type(self) -> str:
        """MsgType(35)."""
        return self[35]

    @property
    def msg_seq_num(self) -> int:
        """MsgSeqNum(34)."""
        return int(self[34])

    @property
    def is_admin(self) -> bool:
        """Whether the session layer owns this message."""
        return self.msg_type in ADMIN_TYPES

    @property
    def is_poss_dup(self) -> bool:
        """PossDupFlag(43)=Y."""
        return self.get(43) == "Y"

    def __str__(self) -> str:
        return "|".join(f"{tag}={value}" for tag, value in self.fields)


def pairs_of(fields: Fields) -> list[tuple[int, Value]]:
    """`fields` as pairs, in their order."""
    return list(fields.items()) if isinstance(fields, Mapping) else list(fields)


def encode(begin_string: str, msg_type: str, fields: Sequence[tuple[int, Value]]) -> bytes:
    """The message on the wire, with BodyLength(9) and CheckSum(10); `fields` begins with those of the header."""
    message = simplefix.FixMessage()
    message.append_pair(8, begin_string)
    message.append_pair(35, msg_type)
    for tag, value in fields:
        if isinstance(value, Decimal):
            value = format(value, "f")
        message.append_pair(tag, value.encode("latin-1") if isinstance(value, str) else value)
    encoded: bytes = message.encode()
    return encoded


def parse(raw: bytes) -> Message:
    """Read one whole message.

    Raises:
        MalformedMessageError: BodyLength(9), CheckSum(10) or a field does not fit.
    """
    end = raw.rfind(SOH + b"10=")
    if end < 0 or not raw.startswith(b"8="):
        raise MalformedMessageError(f"a message begins with 8= and ends with 10=, found {raw[:80]!r}")
    expected = b"%03d" % (sum(raw[: end + 1]) % 256)
    if raw[end + 4 : -1] != expected:
        raise MalformedMessageError(f"CheckSum(10) should be {expected.decode()}, found {raw[end + 4 : -1]!r}")
    parser = simplefix.FixParser(allow_empty_values=True)
    parsed = None
    try:
        # The parser cuts its buffer at each field: fed whole, a book of 100,000 levels would take minutes.
        for start in range(0, len(raw), _FEED_BYTES):
            parser.append_buffer(raw[start : start + _FEED_BYTES])
            parsed = parser.get_message()
    except simplefix.errors.ParsingError as error:
        raise MalformedMessageError(f"{error!r} in {raw[:200]!r}") from error
    if parsed is None or parsed.get(35) is None:
        raise MalformedMessageError(f"no MsgType(35) in {raw[:200]!r}")
    return Message(raw, tuple((int(tag), value.decode("latin-1")) for tag, value in parsed.pairs))


class Framer:
    """Cuts a stream of bytes into whole messages, by BodyLength(9). Owner: the thread that reads the socket."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        """Take bytes in, as they came."""
        self._buffer += data

    def next(self) -> bytes | None:
        """The next whole message, or None while it is not complete.

        Raises:
            MalformedMessageError: the stream does not begin with a message; it cannot be read on.
        """
        head = bytes(self._buffer[:_HEADER_BYTES_MAX])
        if not (b"8=FIX".startswith(head[:5]) or head.startswith(b"8=FIX")):
            raise MalformedMessageError(f"a message begins with 8=FIX, found {head!r}")
        begin_end = head.find(SOH)
        length_end = head.find(SOH, begin_end + 1) if begin_end >= 0 else -1
        if length_end < 0:
            if len(head) == _HEADER_BYTES_MAX:
                raise MalformedMessageError(f"BodyLength(9) has to be the second field, found {head!r}")
            return None
        length_text = head[begin_end + 1 : length_end]
        if not length_text.startswith(b"9=") or not length_text[2:].isdigit():
            raise MalformedMessageError(f"BodyLength(9) has to be the second field, found {length_text!r}")
        total = length_end + 1 + int(length_text[2:]) + len(b"10=000\x01")
        if total > MESSAGE_BYTES_MAX:
            raise MalformedMessageError(f"a message of {total} bytes, allowed are {MESSAGE_BYTES_MAX}")
        if len(self._buffer) < total:
            return None
        raw = bytes(self._buffer[:total])
        del self._buffer[:total]
        return raw
