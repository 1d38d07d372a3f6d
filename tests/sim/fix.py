"""FIX messages as bytes, as the wire encodes them, and what of a message says what happened."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, NamedTuple

ADMIN_TYPES: Final = frozenset("012345A")
HEADER: Final = frozenset({"8", "9", "10", "34", "35", "43", "49", "52", "56", "97", "122"})
Fields = dict[str, str]


class FindingError(Exception):
    """Something that must never be; `kind` names the checker that has found it."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(f"{kind}: {text}")
        self.kind = kind
        self.text = text


def encode(begin_string: str, msg_type: str, num: int, comp_ids: tuple[str, str], time: str, body: str) -> bytes:
    """Return one message; `comp_ids` are sender and target."""
    text = f"35={msg_type}\x0134={num}\x0149={comp_ids[0]}\x0152={time}\x0156={comp_ids[1]}\x01{body}"
    head = f"8={begin_string}\x019={len(text)}\x01{text}"
    return f"{head}10={sum(head.encode()) % 256:03d}\x01".encode()


@lru_cache(maxsize=8)
def sending_time(time_ns: int) -> str:
    """Return SendingTime(52) in milliseconds."""
    second, rest = divmod(time_ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(second, UTC):%Y%m%d-%H:%M:%S}.{rest // 1_000_000:03d}"


class Parsed(NamedTuple):
    """A message taken apart: its fields, and what it says whenever and under whatever number it is sent."""

    fields: Fields
    content: str


@lru_cache(maxsize=1 << 15)
def parse(message: bytes) -> Parsed:
    """Take one message apart; nobody may change what is returned."""
    fields: Fields = {}
    said = []
    for field in message.decode().split("\x01"):
        tag, sign, value = field.partition("=")
        if sign:
            fields[tag] = value
            if tag not in HEADER:
                said.append(field)
    return Parsed(fields, "|".join((fields["35"], *said)))


def split(blob: bytes) -> list[bytes]:
    """Take a run of messages apart."""
    messages = []
    at = 0
    while at < len(blob):
        length_at = blob.index(b"\x019=", at) + 3
        body_at = blob.index(b"\x01", length_at) + 1
        end = body_at + int(blob[length_at : body_at - 1]) + len("10=000|")
        messages.append(blob[at:end])
        at = end
    return messages
