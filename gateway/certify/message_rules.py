"""Judges one message by the dictionary and the tables: fields, values, groups. Knows nothing of the session."""

from collections.abc import Iterator, Sequence
from typing import Final

from gateway.certify.raw import RawMessage
from gateway.certify.rules import Fault
from gateway.inbound import SCHEMA, Role
from gateway.rules.specification import Members, MessageRule, Specification, specification
from gateway.rules.taken import is_offered, roles_of
from gateway.sessions import Version

USER_DEFINED_FROM: Final = 5_000
_SEVERAL: Final = ("MULTIPLEVALUESTRING", "MULTIPLECHARVALUE", "MULTIPLESTRINGVALUE")
REFUSALS: Final = ("3", "j")
"""What a client that refuses one of our messages sends."""


class MessageJudge:
    """Judges by one version and role. Reads the shipped dictionaries once."""

    def __init__(self, version: Version, role: Role) -> None:
        self._version = version
        self._role = role
        self._spec = specification(version)

    def faults(self, message: RawMessage) -> Iterator[Fault]:
        """Yield every rule that the message breaks by itself."""
        yield from (Fault(rule, found, str(message)) for rule, found in message.faults)
        if message.is_garbage or not message.msg_type:
            return
        rule = self._spec.messages.get(message.msg_type)
        if message.msg_type in REFUSALS:
            said = f"{self._spec.message_name(message.msg_type)} came: {message.get(58) or 'without a Text(58)'}"
            yield Fault("report-refused", said, str(message))
        elif rule is None:
            yield Fault("dictionary-message", f"MsgType(35)={message.msg_type} is unknown", str(message))
        elif not rule.is_admin and not self._may_send(message.msg_type):
            yield Fault("dictionary-message", f"{rule.name}({rule.msg_type}) is not taken from this role", str(message))
        if rule is not None:
            for name, found in self._field_faults(rule, message.fields):
                yield Fault(name, f"{rule.name}({rule.msg_type}): {found}", str(message))

    def _may_send(self, msg_type: str) -> bool:
        return msg_type in SCHEMA and self._role in roles_of(msg_type) and is_offered(msg_type, self._version)

    def _field_faults(self, rule: MessageRule, fields: Sequence[tuple[int, str]]) -> Iterator[tuple[str, str]]:
        spec = self._spec
        body = [pair for pair in fields if pair[0] not in spec.header and pair[0] not in spec.trailer]
        reader = _Reader(spec, body)
        yield from reader.read(rule.members, at_top=True)

    @property
    def specification(self) -> Specification:
        """The dictionary of this version."""
        return self._spec


class _Reader:
    """Walks through the fields of one body, groups inside of groups."""

    def __init__(self, spec: Specification, fields: Sequence[tuple[int, str]]) -> None:
        self._spec = spec
        self._fields = fields
        self._at = 0

    def read(self, members: Members, *, at_top: bool) -> Iterator[tuple[str, str]]:
        """Yield the faults of the fields of a message, or of one entry, from the present place on."""
        seen: set[int] = set()
        first = next(iter(members), 0)
        while self._at < len(self._fields):
            tag, value = self._fields[self._at]
            if not at_top and (tag not in members or (tag == first and seen)):
                break
            self._at += 1
            if tag in seen:
                yield "dictionary-field", f"{self._spec.name(tag)} stands twice"
            seen.add(tag)
            if tag not in members:
                if tag < USER_DEFINED_FROM:
                    yield "dictionary-field", f"{self._spec.name(tag)} is no field of it"
                continue
            yield from self._value(tag, value)
            group = members[tag].group
            if group is not None:
                yield from self._group(tag, value, group)
        missing = [tag for tag, member in members.items() if member.is_required and tag not in seen]
        yield from (("dictionary-required", f"{self._spec.name(tag)} is absent") for tag in missing)

    def _group(self, counter: int, count: str, members: Members) -> Iterator[tuple[str, str]]:
        first = next(iter(members))
        entries = 0
        while self._at < len(self._fields) and self._fields[self._at][0] == first:
            entries += 1
            yield from self.read(members, at_top=False)
        if count != str(entries):
            yield "group", f"{self._spec.name(counter)} says {count}, {entries} entries follow"

    def _value(self, tag: int, value: str) -> Iterator[tuple[str, str]]:
        field = self._spec.fields[tag]
        for one in value.split(" ") if field.kind in _SEVERAL else [value]:
            if field.values and one not in field.values:
                yield "dictionary-value", f"{field.name}({tag})={one} is no value of it"
