"""Messages with one field left out or repeated: every field that the shipped dictionaries require, in every message
type that the exchange takes.
"""

import functools
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from tests.fuzz.wrong_values import good_message
from tests.hostile.judge import SESSION_TYPES
from tests.support.exchange import SHIPPED_CONFIG
from tests.support.fix_peer import SOH, Fields, FixPeer, unique_id

VERSIONS: Final = ("FIX.4.2", "FIX.4.4", "FIXT.1.1")
APPLICATION_TYPES: Final = "DFGHV"
DICTIONARIES: Final = {
    "FIX.4.2": ("FIX42.xml", "FIX42.xml"),
    "FIX.4.4": ("FIX44.xml", "FIX44.xml"),
    "FIXT.1.1": ("FIXT11.xml", "FIX50SP2.xml"),
}
"""The dictionaries of session and application messages of each version."""
FRAME_TAGS: Final = frozenset({8, 9, 35, 49, 56, 34, 52, 10})
Change = Literal["missing", "twice"]


@dataclass(frozen=True)
class Spoiled:
    """One message type with one change of one required field."""

    begin_string: str
    msg_type: str
    tag: int
    change: Change

    def __str__(self) -> str:
        return f"{self.begin_string} 35={self.msg_type}: {self.tag} {self.change}"


def spoiled_messages(begin_string: str, msg_types: str, *, whole: str) -> Iterator[Spoiled]:
    """Yield every change of every required field; of header and trailer too for the types in `whole`."""
    for msg_type in msg_types:
        for tag in required_tags(begin_string, msg_type):
            if tag in FRAME_TAGS and msg_type not in whole:
                continue
            yield Spoiled(begin_string, msg_type, tag, "missing")
            yield Spoiled(begin_string, msg_type, tag, "twice")


@functools.cache
def required_tags(begin_string: str, msg_type: str) -> tuple[int, ...]:
    """Return the fields that the dictionaries require: header, body and trailer, in the order of the files."""
    session_file, application_file = DICTIONARIES[begin_string]
    session = _dictionary(session_file)
    body_of = session if msg_type in SESSION_TYPES else _dictionary(application_file)
    message = body_of.find(f"messages/message[@msgtype='{msg_type}']")
    header, trailer = session.find("header"), session.find("trailer")
    assert message is not None
    assert header is not None
    assert trailer is not None
    body = _required(message, body_of)
    return (*_required(header, session), *body, *_required(trailer, session))


@functools.cache
def _dictionary(name: str) -> ElementTree.Element:
    return ElementTree.parse(SHIPPED_CONFIG / "dictionaries" / name).getroot()


def _required(owner: ElementTree.Element, dictionary: ElementTree.Element) -> list[int]:
    tags = []
    for part in owner:
        if part.get("required") != "Y":
            continue
        if part.tag == "component":
            component = dictionary.find(f"components/component[@name='{part.get('name')}']")
            assert component is not None
            tags += _required(component, dictionary)
        else:
            field = dictionary.find(f"fields/field[@name='{part.get('name')}']")
            assert field is not None
            tags.append(int(field.get("number", "")))
            tags += _required(part, dictionary)
    return tags


def good_body(peer: FixPeer, msg_type: str) -> Fields:
    """Return the body of a right message of the type: one that changes neither books nor numbers for later ones."""
    match msg_type:
        case "A":
            return [*peer.logon_fields(), (141, "Y")]
        case "1":
            return [(112, unique_id("Q"))]
        case "2":
            return [(7, "1"), (16, "1")]
        case "3":
            return [(45, "1")]
        case "4":
            return [(123, "Y"), (36, str(peer.next_out + 1))]
        case "0" | "5":
            return []
        case _:
            return good_message(msg_type, peer.begin_string)


def spoil(peer: FixPeer, case: Spoiled) -> bytes:
    """Return the bytes of the message with the peer's next number; length and sum are right where they stand."""
    pairs = peer.pairs(case.msg_type, good_body(peer, case.msg_type))
    whole = [pairs[0], (9, ""), *pairs[1:], (10, "")]
    place = next((index for index, (tag, _) in enumerate(whole) if tag == case.tag), None)
    if place is None:
        raise LookupError(f"{case}: a right message has no such field: {whole}")
    if case.change == "missing":
        del whole[place]
    else:
        whole.insert(place, whole[place])
    return assemble(whole)


def assemble(pairs: Fields) -> bytes:
    """Return the bytes of all pairs; empty values of BodyLength(9) and CheckSum(10) are computed."""
    body_begin = max((index + 1 for index, (tag, _) in enumerate(pairs) if tag == 9), default=1)
    body_end = next((index for index, (tag, _) in enumerate(pairs) if tag == 10), len(pairs))
    length = sum(len(f"{tag}={value}{SOH}".encode("latin-1")) for tag, value in pairs[body_begin:body_end])
    raw = b""
    for tag, value in pairs:
        if tag == 9 and not value:
            value = str(length)
        elif tag == 10 and not value:
            value = f"{sum(raw) % 256:03d}"
        raw += f"{tag}={value}{SOH}".encode("latin-1")
    return raw
