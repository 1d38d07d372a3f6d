"""Kinds of values that are written as text: how each is read, and what is allowed, in words.

A kind reads a text or raises `UnreadableError`; the words in `allowed` are those of the faults and of the reference.
"""

import ipaddress
from datetime import date
from typing import Any, Final, Protocol

import msgspec

DAYS: Final = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
"""QuickFIX counts the days of a week from Sunday, 1."""

DIGITS_MAX: Final = 18
"""A whole number of more digits is refused before it is converted."""


class UnreadableError(Exception):
    """A text is not of its kind; `found` is the part of it that is not, where only one is."""

    def __init__(self, found: str = "") -> None:
        super().__init__(found)
        self.found = found


class Kind(Protocol):
    """How a text becomes a value."""

    @property
    def allowed(self) -> str:
        """Say what is allowed, for a person."""

    def read(self, text: str) -> Any:
        """Return the value, or raise `UnreadableError`."""


class Text(msgspec.Struct, frozen=True):
    """A text that is not empty and at most `characters_max` long."""

    what: str = "text"
    characters_max: int = 256

    @property
    def allowed(self) -> str:
        return f"{self.what}, 1..{self.characters_max} characters"

    def read(self, text: str) -> str:
        if not 1 <= len(text) <= self.characters_max or not text.isprintable():
            raise UnreadableError
        return text


class Anything(msgspec.Struct, frozen=True):
    """Whatever stands there, for keys that do nothing."""

    allowed: str = "anything"

    def read(self, text: str) -> str:
        return text


class Word(msgspec.Struct, frozen=True):
    """A name that goes into FIX messages: printable ASCII without space."""

    what: str
    characters_max: int

    @property
    def allowed(self) -> str:
        return f"{self.what}, 1..{self.characters_max} printable ASCII characters without space and comma"

    def read(self, text: str) -> str:
        if not 1 <= len(text) <= self.characters_max or any(not "!" <= c <= "~" or c == "," for c in text):
            raise UnreadableError
        return text


class FolderName(msgspec.Struct, frozen=True):
    """A name that a folder can have as it is: nothing that a path or a shell gives a meaning to."""

    what: str
    characters_max: int

    @property
    def allowed(self) -> str:
        return f"{self.what}, 1..{self.characters_max} letters, digits, -, _ and ., the first a letter or digit"

    def read(self, text: str) -> str:
        if not 1 <= len(text) <= self.characters_max or not text.isascii() or not text[0].isalnum():
            raise UnreadableError
        if not all(c.isalnum() or c in "-_." for c in text):
            raise UnreadableError
        return text


class CompId(msgspec.Struct, frozen=True):
    """A CompID: printable ASCII without the characters that the name of a session is built with."""

    allowed: str = "1..64 printable ASCII characters without : and >"

    def read(self, text: str) -> str:
        if not 1 <= len(text) <= 64 or any(not " " <= c <= "~" or c in ":>" for c in text):
            raise UnreadableError
        return text


class YesNo(msgspec.Struct, frozen=True):
    """Y or N, exactly so, as QuickFIX reads them."""

    allowed: str = "Y or N"

    def read(self, text: str) -> bool:
        if text not in ("Y", "N"):
            raise UnreadableError
        return text == "Y"


class Whole(msgspec.Struct, frozen=True):
    """A whole number without a sign within a range."""

    low: int
    high: int
    what: str = "whole number"

    @property
    def allowed(self) -> str:
        return f"{self.what} {self.low}..{self.high}"

    def read(self, text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) <= DIGITS_MAX):
            raise UnreadableError
        if not self.low <= int(text) <= self.high:
            raise UnreadableError
        return int(text)


class Choice(msgspec.Struct, frozen=True):
    """One of a closed set of words."""

    words: tuple[str, ...]

    @property
    def allowed(self) -> str:
        return " or ".join((", ".join(self.words[:-1]), self.words[-1])) if len(self.words) > 1 else self.words[0]

    def read(self, text: str) -> str:
        if text not in self.words:
            raise UnreadableError
        return text


class TimeOfDay(msgspec.Struct, frozen=True):
    """HH:MM:SS, read as seconds since midnight."""

    allowed: str = "a time HH:MM:SS, 00:00:00..23:59:59"

    def read(self, text: str) -> int:
        parts = text.split(":")
        if [len(part) for part in parts] != [2, 2, 2] or not all(p.isascii() and p.isdigit() for p in parts):
            raise UnreadableError
        hour, minute, second = (int(part) for part in parts)
        if hour > 23 or minute > 59 or second > 59:
            raise UnreadableError
        return hour * 3600 + minute * 60 + second


class Day(msgspec.Struct, frozen=True):
    """A day of the week by its name or at least its first two letters: 1 is Sunday, as QuickFIX counts."""

    allowed: str = "a day of the week, Sunday..Saturday or its first two letters or more"

    def read(self, text: str) -> int:
        for number, day in enumerate(DAYS, start=1):
            if len(text) >= 2 and day.startswith(text.lower()):
                return number
        raise UnreadableError


class CalendarDate(msgspec.Struct, frozen=True):
    """YYYY-MM-DD."""

    allowed: str = "a date YYYY-MM-DD"

    def read(self, text: str) -> date:
        try:
            found = date.fromisoformat(text)
        except ValueError:
            raise UnreadableError from None
        if found.isoformat() != text:
            raise UnreadableError
        return found


class Words(msgspec.Struct, frozen=True):
    """A list of texts with commas between, each not empty, none twice."""

    what: str
    count_max: int = 10_000

    @property
    def allowed(self) -> str:
        return f"{self.what} with commas between, none twice, at most {self.count_max}"

    def read(self, text: str) -> tuple[str, ...]:
        words = tuple(word.strip() for word in text.split(","))
        if not all(words) or len(set(words)) != len(words) or len(words) > self.count_max:
            raise UnreadableError
        return words


class Address(msgspec.Struct, frozen=True):
    """An IP address, in its canonical form."""

    allowed: str = "an IP address, such as 127.0.0.1 or ::1"

    def read(self, text: str) -> str:
        try:
            return str(ipaddress.ip_address(text))
        except ValueError:
            raise UnreadableError from None


class Addresses(msgspec.Struct, frozen=True):
    """A list of IP addresses with commas between."""

    allowed: str = "IP addresses with commas between"

    def read(self, text: str) -> tuple[str, ...]:
        try:
            return tuple(str(ipaddress.ip_address(word.strip())) for word in text.split(","))
        except ValueError:
            raise UnreadableError from None


ANY: Final = Anything()
PATH: Final = Text("path of a file", 1000)
YES_NO: Final = YesNo()
PORT: Final = Whole(1, 65535, "port")
TIME: Final = TimeOfDay()
DAY: Final = Day()
DATE: Final = CalendarDate()


def seconds(low: int, high: int) -> Whole:
    """Return the kind of a whole number of seconds."""
    return Whole(low, high, "whole number of seconds")
