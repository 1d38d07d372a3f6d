"""What operators give in words: names of what is known, and prices and quantities as exact decimals."""

import re
from collections.abc import Mapping
from typing import Final, TypeVar

from gateway.admin import AdminError
from gateway.decimals import e8_text
from matching.types import E8

DECIMALS: Final = 8
ECHO_CHARS_MAX: Final = 64
MEMBER_TEXT_CHARS_MAX: Final = 256
_NUMBER: Final = re.compile(r"(?P<whole>[0-9]{1,10})(\.(?P<more>[0-9]{1,8}))?")

Meant = TypeVar("Meant")


def known(what: str, name: str, by_name: Mapping[str, Meant]) -> Meant:
    """Return what a name stands for; where it stands for nothing, the complaint lists the names that do."""
    if name not in by_name:
        raise AdminError(f"{what} {name!r} is not known, allowed: {', '.join(by_name)}")
    return by_name[name]


def e8_of(name: str, text: str) -> int:
    """Return a number in 10^-8, above 0 and such that a machine word holds it."""
    found = _NUMBER.fullmatch(str(text))
    if found is None or not (value_e8 := int(found["whole"]) * E8 + int((found["more"] or "").ljust(DECIMALS, "0"))):
        shown = str(text)[:ECHO_CHARS_MAX]
        raise AdminError(
            f"{name} {shown!r}, allowed: above 0, below 10^10, with at most {DECIMALS} digits behind the point"
        )
    return value_e8


def multiple_of(value_e8: int, unit_e8: int, name: str, unit: str, symbol: str) -> int:
    """Return how many ticks or lots a value is."""
    count, odd = divmod(value_e8, unit_e8)
    if odd:
        raise AdminError(f"{name} {e8_text(value_e8)} is not a multiple of the {unit} {e8_text(unit_e8)} of {symbol}")
    return count


def text_for_members(text: str) -> str:
    """Return a text that may stand in a FIX message of any version: printable ASCII, and not too long."""
    if len(text) > MEMBER_TEXT_CHARS_MAX or not (text.isascii() and (text.isprintable() or not text)):
        raise AdminError(f"text {text[:ECHO_CHARS_MAX]!r}, allowed: at most {MEMBER_TEXT_CHARS_MAX} ASCII characters")
    return text
