"""Names of FIX fields, values and messages, read out of the shipped XML files, for texts for people."""

import functools
from importlib import resources
from pathlib import Path
from typing import Final, Self
from xml.etree import ElementTree

from gateway.client.message import Message

SECRET_TAGS: Final = frozenset({96, 554, 925})
"""RawData(96), Password(554), NewPassword(925): never shown, never logged."""
SECRET_MASK: Final = "***"

_FILES: Final = {
    "FIX.4.2": ("FIX42.xml",),
    "FIX.4.4": ("FIX44.xml",),
    "FIXT.1.1": ("FIXT11.xml", "FIX50SP2.xml"),
}
_LEFT_OUT: Final = frozenset({8, 9, 10, 35})


class Dictionary:
    """What the files of one version name. Immutable once loaded."""

    def __init__(self) -> None:
        self._fields: dict[int, str] = {}
        self._values: dict[tuple[int, str], str] = {}
        self._messages: dict[str, str] = {}

    @classmethod
    def load(cls, *paths: Path) -> Self:
        """Read files in QuickFIX's format; a later one adds to those before."""
        dictionary = cls()
        for path in paths:
            root = ElementTree.parse(path).getroot()
            for message in root.iterfind("messages/message"):
                dictionary._messages[message.attrib["msgtype"]] = message.attrib["name"]
            for field in root.iterfind("fields/field"):
                number = int(field.attrib["number"])
                dictionary._fields[number] = field.attrib["name"]
                for value in field.iterfind("value"):
                    dictionary._values[number, value.attrib["enum"]] = value.attrib["description"]
        return dictionary

    def field_name(self, tag: int) -> str:
        """Name of the field, `?` where the files do not know it."""
        return self._fields.get(tag, "?")

    def message_name(self, msg_type: str) -> str:
        """Name of the message type, the type itself where the files do not know it."""
        return self._messages.get(msg_type, msg_type)

    def value_name(self, tag: int, value: str) -> str:
        """What an enumerated value means, in lower case; empty where it is not enumerated."""
        return self._values.get((tag, value), "").replace("_", " ").lower()

    def describe(self, message: Message, *, leave_out: frozenset[int] = frozenset()) -> list[str]:
        """The fields of a message as `Name(tag)=value`, values named where they are enumerated, secrets masked."""
        texts = []
        for tag, value in message.fields:
            if tag in _LEFT_OUT or tag in leave_out:
                continue
            shown = SECRET_MASK if tag in SECRET_TAGS else value
            meaning = self.value_name(tag, value)
            texts.append(f"{self.field_name(tag)}({tag})={shown}" + (f" {meaning}" if meaning else ""))
        return texts


@functools.cache
def shipped(begin_string: str) -> Dictionary:
    """The dictionary of a version that this installation ships.

    Raises:
        KeyError: no such version is shipped.
    """
    with resources.as_file(resources.files("config") / "dictionaries") as folder:
        return Dictionary.load(*(folder / name for name in _FILES[begin_string]))
