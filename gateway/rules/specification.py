"""What a dictionary in QuickFIX's format says: fields, values, and the members of messages with their groups.

Components are dissolved into the messages that name them; a field is required where it and every component around it
are. FIX.5.0SP2 is read together with FIXT.1.1, whose header and session messages it goes with. Immutable once read.
"""

import functools
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Final, NamedTuple
from xml.etree import ElementTree

from gateway.sessions import FIX42, FIX44, FIX44_EXTENDED, FIX50SP2, Version

FILES: Final[Mapping[Version, tuple[str, ...]]] = {
    FIX42: ("FIX42.xml",),
    FIX44: ("FIX44.xml",),
    FIX44_EXTENDED: ("FIX44.xml",),
    FIX50SP2: ("FIXT11.xml", "FIX50SP2.xml"),
}


class Field(NamedTuple):
    """A field as the dictionary defines it; `values` maps each enumerated value to what it means."""

    tag: int
    name: str
    kind: str
    values: Mapping[str, str]


class Member(NamedTuple):
    """A field's place in a message or group; `group` are the members of an entry, in order, where it counts a group."""

    tag: int
    is_required: bool
    group: "Mapping[int, Member] | None" = None


Members = Mapping[int, Member]


class MessageRule(NamedTuple):
    """One message type."""

    msg_type: str
    name: str
    is_admin: bool
    members: Members

    def all_members(self) -> Iterator[Member]:
        """Every member, those of groups behind their counters."""
        return _flat(self.members)


class Specification:
    """All that the files of one version say."""

    def __init__(self, roots: tuple[ElementTree.Element, ...]) -> None:
        self.fields: dict[int, Field] = {}
        self.messages: dict[str, MessageRule] = {}
        self.header: Members = {}
        self.trailer: Members = {}
        for root in roots:
            self._read(root)

    def _read(self, root: ElementTree.Element) -> None:
        numbers: dict[str, int] = {}
        for each in root.iterfind("fields/field"):
            tag = int(each.attrib["number"])
            numbers[each.attrib["name"]] = tag
            values = {value.attrib["enum"]: value.attrib["description"] for value in each.iterfind("value")}
            # FIXT.1.1 and FIX.5.0SP2 both define the fields of the header; the enumeration of either is allowed.
            known = self.fields.get(tag)
            if known is not None:
                values = {**known.values, **values}
            self.fields[tag] = Field(tag, each.attrib["name"], each.attrib["type"], values)
        components = _Components(root, numbers)
        for each in root.iterfind("messages/message"):
            msg_type = each.attrib["msgtype"]
            members = components.members(each)
            self.messages[msg_type] = MessageRule(
                msg_type, each.attrib["name"], each.attrib["msgcat"] == "admin", members
            )
        for name in ("header", "trailer"):
            part = root.find(name)
            if part is not None and len(part):
                setattr(self, name, components.members(part))

    def name(self, tag: int) -> str:
        """Name and number of a field, as texts say it."""
        field = self.fields.get(tag)
        return f"{field.name}({tag})" if field else f"{tag}"

    def message_name(self, msg_type: str) -> str:
        """Name and type of a message, as texts say it."""
        rule = self.messages.get(msg_type)
        return f"{rule.name}({msg_type})" if rule else msg_type


def _flat(members: Members) -> Iterator[Member]:
    for member in members.values():
        yield member
        if member.group is not None:
            yield from _flat(member.group)


class _Components:
    """The components of one file; each is read once, however many messages name it."""

    def __init__(self, root: ElementTree.Element, numbers: Mapping[str, int]) -> None:
        self._elements = {each.attrib["name"]: each for each in root.iterfind("components/component")}
        self._numbers = numbers
        self._read: dict[tuple[str, bool], dict[int, Member]] = {}

    def members(self, parent: ElementTree.Element, *, is_required: bool = True) -> dict[int, Member]:
        """Return the members of a message, a group or a component."""
        members: dict[int, Member] = {}
        for child in parent:
            name = child.attrib["name"]
            required = is_required and child.get("required") == "Y"
            if child.tag == "component":
                members.update(self._component(name, is_required=required))
            else:
                group = self.members(child) if child.tag == "group" else None
                members[self._numbers[name]] = Member(self._numbers[name], required, group)
        return members

    def _component(self, name: str, *, is_required: bool) -> dict[int, Member]:
        known = self._read.get((name, is_required))
        if known is None:
            known = self._read[name, is_required] = self.members(self._elements[name], is_required=is_required)
        return known


def read_specification(*paths: Path) -> Specification:
    """Read the files of one version, the transport's first."""
    return Specification(tuple(ElementTree.parse(path).getroot() for path in paths))


@functools.cache
def specification(version: Version) -> Specification:
    """The shipped dictionaries of a version."""
    with resources.as_file(resources.files("config") / "dictionaries") as folder:
        return read_specification(*(folder / name for name in FILES[version]))
