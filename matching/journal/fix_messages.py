"""Finds where FIX messages end in bytes that we encoded ourselves, by BodyLength(9). Not a parser."""

from typing import Final

from matching.journal.errors import RecordError

_SOH: Final = b"\x01"
_TRAILER_BYTES: Final = len(b"10=000\x01")
_LENGTH_DIGITS_MAX: Final = 10


def message_end(data: bytes, begin: int) -> int:
    """Where the message that begins at `begin` ends. Raises RecordError where no whole message is there."""
    version_end = data.find(_SOH, begin, begin + 32)
    if not data.startswith(b"8=", begin) or version_end < 0 or not data.startswith(b"9=", version_end + 1):
        raise RecordError(
            f"expected BeginString(8) and BodyLength(9) at byte {begin}, found {data[begin : begin + 20]!r}"
        )
    length_at = version_end + 3
    length_end = data.find(_SOH, length_at, length_at + _LENGTH_DIGITS_MAX + 1)
    digits = data[length_at:length_end] if length_end > 0 else b""
    if not digits.isdigit():
        raise RecordError(f"expected a number in BodyLength(9) at byte {length_at}, found {digits!r}")
    end = length_end + 1 + int(digits) + _TRAILER_BYTES
    if end > len(data):
        raise RecordError(f"expected a message of {end - begin} bytes at byte {begin}, found {len(data) - begin} bytes")
    return end


def skip_messages(data: bytes, begin: int, count: int) -> int:
    """Where the message after `count` messages begins. Raises RecordError."""
    for _ in range(count):
        begin = message_end(data, begin)
    return begin


def take_messages(data: bytes, begin: int, count_max: int, bytes_max: int) -> tuple[int, int]:
    """Return (count, end) of at most `count_max` whole messages in at most `bytes_max` bytes. Raises RecordError."""
    at = begin
    for count in range(count_max):
        end = message_end(data, at)
        if end - begin > bytes_max:
            return count, at
        at = end
    return count_max, at
