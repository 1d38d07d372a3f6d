"""Dictionaries for clients, in QuickFIX's format: the messages that are taken and sent, and nothing else.

A message that is sent has the fields of the table `sent` and those that its dictionary requires; one that is taken the
fields that are read or required. Fields have the values of the shipped dictionaries, so that what a peer of another
version has entered can be echoed. FIX.4.4 is the one of StrictFix44=N, which has all that the strict one has.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final
from xml.sax.saxutils import quoteattr

from gateway import inbound
from gateway.rules import sent, taken
from gateway.rules.specification import Members, Specification, read_specification
from gateway.sessions import FIX42, FIX44_EXTENDED, FIX50SP2, Version

SHIPPED: Final = Path(__file__).resolve().parents[2] / "config" / "dictionaries"
FOLDER: Final = SHIPPED / "clients"
HEADS: Final[Mapping[str, tuple[Version, str]]] = {
    "FIX42.xml": (FIX42, "type='FIX' major='4' minor='2' servicepack='0'"),
    "FIX44.xml": (FIX44_EXTENDED, "type='FIX' major='4' minor='4' servicepack='0'"),
    "FIX50SP2.xml": (FIX50SP2, "type='FIX' major='5' minor='0' servicepack='2'"),
}
NOTE: Final = "<!-- Made by `python -m gateway.rules` from what the exchange takes and sends; not edited by hand. -->\n"


def render() -> dict[str, str]:
    """Return the text of each file by its name."""
    return {name: _file(name, version, head) for name, (version, head) in HEADS.items()}


def _file(name: str, version: Version, head: str) -> str:
    spec = read_specification(SHIPPED / name)
    used: dict[int, None] = {}
    messages = []
    for msg_type, rule in spec.messages.items():
        wanted = _wanted(msg_type, version, is_admin=rule.is_admin)
        if wanted is None:
            continue
        category = "admin" if rule.is_admin else "app"
        messages.append(f"  <message name={quoteattr(rule.name)} msgtype='{msg_type}' msgcat='{category}'>")
        messages += _members(rule.members, spec, wanted, used, depth=3, keep_all=rule.is_admin)
        messages.append("  </message>")
    parts = [f"<fix {head}>", *_part("header", spec.header, spec, used), " <messages>", *messages, " </messages>"]
    parts += [*_part("trailer", spec.trailer, spec, used), " <components />", " <fields>"]
    for tag in sorted(used):
        parts += _field(spec, tag)
    return NOTE + "\n".join([*parts, " </fields>", "</fix>", ""])


def _wanted(msg_type: str, version: Version, *, is_admin: bool) -> frozenset[int] | None:
    """Return the tags that a message is to have beside those it must have; None: it is neither taken nor sent."""
    row = sent.sent_message(msg_type)
    tags: set[int] = set()
    known = is_admin
    if row is not None and version in row.versions:
        known = True
        tags.update(field.tag for field in sent.flat(row.fields) if version in field.versions)
    if msg_type in inbound.SCHEMA and taken.is_offered(msg_type, version):
        known = True
        tags.update(field.tag for field in taken.fields_of(msg_type, version))
    return frozenset(tags) if known else None


def _part(name: str, members: Members, spec: Specification, used: dict[int, None]) -> list[str]:
    if not members:
        return [f" <{name} />"]
    lines = _members(members, spec, frozenset(), used, depth=2, keep_all=True)
    return [f" <{name}>", *lines, f" </{name}>"]


def _members(
    members: Members,
    spec: Specification,
    wanted: frozenset[int],
    used: dict[int, None],
    *,
    depth: int,
    keep_all: bool,
) -> list[str]:
    lines: list[str] = []
    indent = " " * depth
    for place, member in enumerate(members.values()):
        # QuickFIX knows an entry of a group by its first field, which therefore stays.
        begins_entry = place == 0 and depth > 3
        if not (keep_all or member.is_required or member.tag in wanted or begins_entry):
            continue
        used[member.tag] = None
        said = f"name={quoteattr(spec.fields[member.tag].name)} required='{'Y' if member.is_required else 'N'}'"
        if member.group is None:
            lines.append(f"{indent}<field {said} />")
        else:
            inner = _members(member.group, spec, wanted, used, depth=depth + 1, keep_all=keep_all)
            lines += [f"{indent}<group {said}>", *inner, f"{indent}</group>"]
    return lines


def _field(spec: Specification, tag: int) -> Iterable[str]:
    field = spec.fields[tag]
    said = f"number='{tag}' name={quoteattr(field.name)} type='{field.kind}'"
    if not field.values:
        return [f"  <field {said} />"]
    values = [
        f"   <value enum={quoteattr(value)} description={quoteattr(text)} />" for value, text in field.values.items()
    ]
    return [f"  <field {said}>", *values, "  </field>"]
