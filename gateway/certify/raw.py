"""Messages as bytes: cut out of a stream without trusting them, with everything that is wrong in how they are made.

Neither corrects nor refuses anything. Owner: the thread of the certification.
"""

import re
from typing import Final, NamedTuple

SOH: Final = b"\x01"
MESSAGE_BYTES_MAX: Final = 1 << 20
"""A client that sends more without an end of a message is told so, and what it sent is garbage."""
SECRETS: Final = (554, 925, 96)

_HEAD: Final = re.compile(rb"8=[^\x01]{1,16}\x019=([^\x01]{0,20})\x01")
_TRAILER: Final = re.compile(rb"\x0110=([^\x01]{0,8})\x01")
_SECRET: Final = re.compile(rb"\x01(554|925|96)=[^\x01]*")


class RawMessage(NamedTuple):
    """What stands between a BeginString(8) and the end of a CheckSum(10), or garbage between such messages.

    `faults` are pairs of a rule's name and what was found against it; text is decoded as ISO 8859-1.
    """

    raw: bytes
    fields: tuple[tuple[int, str], ...]
    faults: tuple[tuple[str, str], ...] = ()
    is_garbage: bool = False

    def get(self, tag: int) -> str | None:
        """The first value of a tag."""
        return next((value for found, value in self.fields if found == tag), None)

    @property
    def msg_type(self) -> str:
        """MsgType(35); empty where there is none."""
        return self.get(35) or ""

    @property
    def number(self) -> int:
        """MsgSeqNum(34); 0 where it is absent or no number."""
        text = self.get(34) or ""
        return int(text) if text.isascii() and text.isdigit() else 0

    @property
    def is_whole(self) -> bool:
        """Whether length and checksum are right, so that a session layer looks at it at all."""
        return not self.is_garbage and not any(rule in ("body-length", "check-sum") for rule, _ in self.faults)

    @property
    def is_poss_dup(self) -> bool:
        """PossDupFlag(43)=Y."""
        return self.get(43) == "Y"

    def has(self, **wanted: str) -> bool:
        """Whether these tags, written t41="a", have these values."""
        return all(self.get(int(tag[1:])) == value for tag, value in wanted.items())

    def __str__(self) -> str:
        return without_secrets(self.raw).replace(SOH, b"|").decode("latin-1")


def without_secrets(raw: bytes) -> bytes:
    """The bytes with passwords and signatures masked."""
    return _SECRET.sub(lambda found: b"\x01" + found[1] + b"=***", raw)


class RawFramer:
    """Cuts a stream into messages; what is none comes out as garbage."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[RawMessage]:
        """Take bytes in; return what is complete now."""
        self._buffer += data
        found = []
        while (message := self._next()) is not None:
            found.append(message)
        return found

    def _next(self) -> RawMessage | None:
        if not self._buffer:
            return None
        if not self._buffer.startswith(b"8=FIX"[: len(self._buffer)]):
            begin = self._buffer.find(b"8=FIX")
            return self._garbage(begin if begin > 0 else len(self._buffer))
        end = self._end()
        if end == 0:
            return self._garbage(len(self._buffer)) if len(self._buffer) > MESSAGE_BYTES_MAX else None
        raw = bytes(self._buffer[:end])
        del self._buffer[:end]
        return read(raw)

    def _end(self) -> int:
        """Return where the message ends: by BodyLength(9) where a trailer stands there, else behind the first
        trailer; 0: it is not complete.
        """
        head = _HEAD.match(self._buffer)
        if head is not None and head[1].isdigit():
            at = head.end() + int(head[1])
            trailer = _TRAILER.match(self._buffer, at - 1) if at - 1 < len(self._buffer) else None
            if trailer is not None:
                return trailer.end()
        trailer = _TRAILER.search(self._buffer)
        return trailer.end() if trailer is not None else 0

    def _garbage(self, length: int) -> RawMessage:
        raw = bytes(self._buffer[:length])
        del self._buffer[:length]
        found = f"{len(raw)} bytes that are no message: {raw[:60]!r}"
        return RawMessage(raw, (), (("framing", found),), is_garbage=True)


def read(raw: bytes) -> RawMessage:
    """Read the fields of a message and find what is wrong with its frame."""
    fields: list[tuple[int, str]] = []
    faults: list[tuple[str, str]] = []
    for part in raw[:-1].split(SOH):
        tag, sign, value = part.partition(b"=")
        if not sign or not tag.isdigit() or tag.startswith(b"0"):
            faults.append(("field", f"{part[:60]!r} is no tag=value"))
            continue
        fields.append((int(tag), value.decode("latin-1")))
        if not value:
            faults.append(("field", f"field {int(tag)} has no value"))
    tags = [tag for tag, _ in fields]
    if tags[:3] != [8, 9, 35]:
        faults.append(("header-order", f"the message begins with the fields {tags[:3]}"))
    return RawMessage(raw, tuple(fields), (*_frame_faults(raw), *faults))


def _frame_faults(raw: bytes) -> list[tuple[str, str]]:
    head, end = _HEAD.match(raw), raw.rfind(b"\x0110=")
    faults = []
    if head is None:
        faults.append(("header-order", f"BeginString(8) and BodyLength(9) are not the first fields: {raw[:40]!r}"))
    else:
        length = end + 1 - head.end()
        if head[1] != str(length).encode():
            found = head[1].decode("latin-1")
            faults.append(("body-length", f"BodyLength(9) says {found}, the bytes to CheckSum(10) are {length}"))
    expected = f"{sum(raw[: end + 1]) % 256:03d}"
    said = raw[end + 4 : -1].decode("latin-1")
    if said != expected:
        faults.append(("check-sum", f"CheckSum(10) says {said}, the bytes give {expected}"))
    return faults
