"""Dictionaries of sessions against the shipped ones: what the exchange reads or sends and they lack.

A message whose fields a dictionary lacks is refused by it, on our side as on the client's. A file that only has more
than the shipped one is no matter.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

import msgspec

from config.dictionary_files import SHIPPED
from config.session_file import FIX50SP2
from config.sessions import SessionSettings
from config.settings import SHIPPED as SHIPPED_FOLDER
from gateway.doctor.findings import WARNING, Finding, names
from gateway.inbound import ALSO_FOR, ROLE_OF_MESSAGE, SCHEMA

SENT: Final[Mapping[str, tuple[str, ...]]] = {
    "order_entry": ("8", "9", "j", "N", "r", "b", "f", "h"),
    "drop_copy": ("8", "9", "j", "N", "r", "b"),
    "market_data": ("W", "X", "Y", "j", "f", "h"),
}
"""MsgType(35) of what a session of each role is sent."""
BEYOND_STOCK: Final = frozenset(
    (
        *("AggressorIndicator", "TrdMatchID", "ErrorCode", "TriggerBasis", "QuoteID", "QuoteEntryID", "Account"),
        *("Username", "Password", "NextExpectedMsgSeqNum"),
    )
)
"""Fields that the shipped files have in messages where QuickFIX's own do not: sent with StrictFix44=N alone."""
FIELDS_SHOWN_MAX: Final = 8
OF_THE_SHIPPED: Final = "take the shipped file, or add what it lacks and agree on it with the client"


class Message(msgspec.Struct, frozen=True):
    """A message of a dictionary: the names of all its fields, those in groups too, and of those that it must have."""

    name: str
    fields: frozenset[str]
    required: frozenset[str]


class Content(msgspec.Struct, frozen=True):
    """Messages by MsgType(35), and names of fields by tag."""

    messages: Mapping[str, Message]
    names: Mapping[int, str]


def dictionary_findings(sessions: Iterable[SessionSettings]) -> list[Finding]:
    """Return what the dictionaries of sessions lack, once for each file and role."""
    users: dict[tuple[str, str, str, bool], list[str]] = {}
    for session in sessions:
        version = FIX50SP2 if session.default_appl_ver_id else session.begin_string
        key = (session.app_dictionary, version, session.role, session.strict_fix44)
        users.setdefault(key, []).append(session.name)
    return [
        finding
        for (path, version, role, strict), found in users.items()
        for finding in _of_file(Path(path), version, role, strict=strict, sessions=found)
    ]


def _of_file(path: Path, version: str, role: str, *, strict: bool, sessions: Sequence[str]) -> Iterator[Finding]:
    shipped = SHIPPED_FOLDER / SHIPPED[version]
    if path.read_bytes() == shipped.read_bytes():
        return
    theirs, ours = _content(path), _content(shipped)
    about = f"{path.name} of {names(sessions)}"
    for msg_type in _received(role):
        if msg_type in ours.messages:
            yield from _lacks(
                about, theirs, ours, msg_type, _read_names(msg_type, ours), "is read and would be refused"
            )
    left_out = BEYOND_STOCK if strict else frozenset[str]()
    for msg_type in SENT[role]:
        if msg_type in ours.messages:
            sent = ours.messages[msg_type].fields - left_out
            yield from _lacks(about, theirs, ours, msg_type, sent, "may be sent, and the client's engine may refuse it")


def _lacks(
    about: str, theirs: Content, ours: Content, msg_type: str, wanted: frozenset[str], what: str
) -> Iterator[Finding]:
    ours_of = ours.messages[msg_type]
    title = f"{ours_of.name}({msg_type})"
    found = theirs.messages.get(msg_type)
    if found is None:
        yield Finding(WARNING, about, f"lacks the message {title}, which {what}", OF_THE_SHIPPED)
        return
    missing = sorted((wanted & ours_of.fields) - found.fields)
    if missing:
        more = f" and {len(missing) - FIELDS_SHOWN_MAX} more" if len(missing) > FIELDS_SHOWN_MAX else ""
        listed = ", ".join(missing[:FIELDS_SHOWN_MAX])
        yield Finding(WARNING, about, f"lacks in {title} what {what}: {listed}{more}", OF_THE_SHIPPED)
    asked = sorted(found.required - ours_of.required)
    if asked:
        listed = ", ".join(asked[:FIELDS_SHOWN_MAX])
        advice = "take required='Y' away, or agree with the client that they are always there"
        yield Finding(WARNING, about, f"wants in {title} what the shipped file leaves free: {listed}", advice)


def _received(role: str) -> list[str]:
    return [each for each in SCHEMA if role in (ROLE_OF_MESSAGE.get(each), ALSO_FOR.get(each))]


def _read_names(msg_type: str, ours: Content) -> frozenset[str]:
    """Return the names of the fields that the exchange reads of a message."""
    return frozenset(ours.names[tag] for tag in _tags(SCHEMA[msg_type]) if tag in ours.names)


def _tags(specification: Sequence[Any]) -> Iterator[int]:
    for tag, kind in specification:
        if tag:
            yield tag
        if not isinstance(kind, str):
            yield from _tags(kind)


@lru_cache(maxsize=64)
def _content(path: Path) -> Content:
    root = ElementTree.fromstring(path.read_bytes())
    components = {each.get("name", ""): each for each in root.findall("components/component")}
    messages = {}
    for element in root.findall("messages/message"):
        fields: set[str] = set()
        _collect(element, components, fields)
        required = frozenset(
            child.get("name", "") for child in element.findall("field") if child.get("required") == "Y"
        )
        messages[element.get("msgtype", "")] = Message(element.get("name", ""), frozenset(fields), required)
    names_by_tag = {
        int(each.get("number", "0")): each.get("name", "")
        for each in root.findall("fields/field")
        if each.get("number", "").isdecimal()
    }
    return Content(messages, names_by_tag)


def _collect(
    element: ElementTree.Element, components: Mapping[str, ElementTree.Element], fields: set[str], depth: int = 0
) -> None:
    """Add the names of all fields below an element; a component that holds itself ends at a depth of 16."""
    for child in element:
        name = child.get("name", "")
        if child.tag == "component":
            if name in components and depth < 16:
                _collect(components[name], components, fields, depth + 1)
        else:
            fields.add(name)
            _collect(child, components, fields, depth)
