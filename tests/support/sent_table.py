"""Holds what the exchange says against its table of messages sent: a judge of drift, not of FIX."""

import functools
from collections.abc import Sequence
from typing import Final

from gateway.rules.sent import flat, sent_message
from gateway.rules.specification import specification
from gateway.sessions import FIX42, FIX44, FIX44_EXTENDED, FIX50SP2, Version
from tests.support.fix_peer import Message

HEADER: Final = frozenset({8, 9, 35, 34, 49, 52, 56, 43, 97, 122, 10})
VERSION_OF: Final[dict[str, Version]] = {"FIX.4.2": FIX42, "FIX.4.4": FIX44, "FIXT.1.1": FIX50SP2}
SEVERAL: Final = ("MULTIPLEVALUESTRING", "MULTIPLECHARVALUE", "MULTIPLESTRINGVALUE")


def sent_faults(msg_type: str, pairs: Sequence[tuple[int, str]], version: Version) -> list[str]:
    """Return every field and value of a message that the table does not have, and every field it lacks."""
    row = sent_message(msg_type)
    if row is None or version not in row.versions:
        return [f"{msg_type} is not in the table of messages sent (gateway/rules/sent.py) for {version}"]
    spec = specification(version)
    values = _values(msg_type, version)
    faults = []
    for tag, value in pairs:
        if tag in HEADER:
            continue
        if tag not in values:
            faults.append(f"{msg_type}: {spec.name(tag)} is not in the table for {version}")
            continue
        several = tag in spec.fields and spec.fields[tag].kind in SEVERAL
        wrong = [one for one in (value.split(" ") if several else [value]) if values[tag] and one not in values[tag]]
        faults += [f"{msg_type}: {spec.name(tag)}={one} is not in the table for {version}" for one in wrong]
    present = {tag for tag, _ in pairs}
    missing = [field for field in row.fields_in(version) if not field.when and field.tag not in present]
    return [*faults, *(f"{msg_type}: {spec.name(field.tag)} is absent in {version}" for field in missing)]


@functools.cache
def _values(msg_type: str, version: Version) -> dict[int, set[str]]:
    """Return the tags of a message and their values; one that stands in a group too has the values of both."""
    row = sent_message(msg_type)
    assert row is not None
    values: dict[int, set[str]] = {}
    for field in flat(row.fields):
        if version in field.versions:
            values.setdefault(field.tag, set()).update(field.values_in(version))
    return values


def check_sent(message: Message) -> None:
    """Raise an AssertionError where a received message is not as the table has it."""
    begin_string = message[8]
    faults = sent_faults(message.msg_type, message.fields, VERSION_OF[begin_string])
    if faults and begin_string == "FIX.4.4" and 5950 in message:
        faults = sent_faults(message.msg_type, message.fields, FIX44_EXTENDED)
    assert not faults, f"{faults}: {message}"
