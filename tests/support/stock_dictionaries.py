"""QuickFIX's stock dictionaries, and a judge of messages that reads them as a client with the stock file does.

The stock files are ours without the additions listed here, which a test compares with the release that the build
fetches; so the judge also works where the release is not.
"""

import re
from functools import lru_cache
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

ROOT: Final = Path(__file__).resolve().parents[2]
OURS: Final = ROOT / "config" / "dictionaries"
RELEASE: Final = ROOT / ".cache" / "quickfix" / "quickfix-1.16.0" / "spec"

MESSAGE_ADDITIONS: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "FIX42": {"A": ("Username", "Password", "NewPassword", "NextExpectedMsgSeqNum")},
    "FIX44": {
        "A": ("NewPassword",),
        "8": ("AggressorIndicator", "TrdMatchID", "ErrorCode", "TriggerBasis", "QuoteID", "QuoteEntryID"),
        "9": ("ErrorCode",),
        "b": ("ErrorCode",),
        "j": ("ErrorCode",),
        "q": ("Account",),
        "r": ("ErrorCode",),
    },
    "FIX50SP2": {"q": ("Account",)},
    "FIXT11": {},
}
NEW_MESSAGES: Final[dict[str, tuple[str, ...]]] = {
    "FIX42": ("BW", "BX"),
    "FIX44": ("BW", "BX"),
    "FIX50SP2": (),
    "FIXT11": (),
}
"""Messages of a newer version, as they are there."""
OF_NEW_MESSAGES: Final = (
    "ApplBegSeqNum",
    "ApplEndSeqNum",
    "ApplReqID",
    "ApplReqType",
    "ApplResponseType",
    "ApplTotalMessageCount",
    "NoApplIDs",
    "ApplResponseID",
    "ApplResponseError",
    "RefApplID",
    "RefApplLastSeqNum",
)
FIELD_ADDITIONS: Final[dict[str, tuple[str, ...]]] = {
    "FIX42": ("Username", "Password", "NewPassword", "NextExpectedMsgSeqNum", *OF_NEW_MESSAGES),
    "FIX44": ("AggressorIndicator", "ErrorCode", "TriggerBasis", *OF_NEW_MESSAGES),
    "FIX50SP2": (),
    "FIXT11": (),
}
VALUE_ADDITIONS: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "FIX42": {"MsgType": NEW_MESSAGES["FIX42"]},
    "FIX44": {
        "MsgType": NEW_MESSAGES["FIX44"],
        "OrdRejReason": ("16", "18", "20", "25", "27"),
        "ExecType": ("L",),
        "ExecRestatementReason": ("12", "13", "17", "18", "19", "20"),
        "BusinessRejectReason": ("8", "9"),
    },
    "FIX50SP2": {"SelfMatchPreventionInstruction": ("4",)},
    "FIXT11": {},
}

_FORMS: Final = {
    "CHAR": r"[^ ]",
    "BOOLEAN": r"[YN]",
    "INT": r"-?\d+",
    "SEQNUM": r"\d+",
    "NUMINGROUP": r"\d+",
    "PRICE": r"-?\d+(\.\d+)?",
    "QTY": r"-?\d+(\.\d+)?",
    "AMT": r"-?\d+(\.\d+)?",
    "FLOAT": r"-?\d+(\.\d+)?",
    "PRICEOFFSET": r"-?\d+(\.\d+)?",
    "UTCTIMESTAMP": r"\d{8}-\d\d:\d\d:\d\d(\.\d{3})?",
    "LOCALMKTDATE": r"\d{8}",
}
_SEVERAL: Final = ("MULTIPLEVALUESTRING", "MULTIPLECHARVALUE", "MULTIPLESTRINGVALUE")


def without_additions(name: str) -> ElementTree.Element:
    """Return our dictionary of that name with every listed addition taken out. Each must be there, once."""
    root = ElementTree.parse(OURS / f"{name}.xml").getroot()
    for msg_type, fields in MESSAGE_ADDITIONS[name].items():
        message = _one(root, f"messages/message[@msgtype='{msg_type}']")
        for field in fields:
            message.remove(_one(message, f"field[@name='{field}']"))
    for msg_type in NEW_MESSAGES[name]:
        _one(root, "messages").remove(_one(root, f"messages/message[@msgtype='{msg_type}']"))
    for field, values in VALUE_ADDITIONS[name].items():
        definition = _one(root, f"fields/field[@name='{field}']")
        for value in values:
            definition.remove(_one(definition, f"value[@enum='{value}']"))
    for field in FIELD_ADDITIONS[name]:
        _one(root, "fields").remove(_one(root, f"fields/field[@name='{field}']"))
    return root


def _one(element: ElementTree.Element, path: str) -> ElementTree.Element:
    found = element.findall(path)
    assert len(found) == 1, f"{path}: {len(found)} times"
    return found[0]


def tree_of(element: ElementTree.Element) -> tuple[object, ...]:
    """Return an element as a comparable value: tag, attributes, children in order."""
    return (element.tag, tuple(sorted(element.attrib.items())), tuple(tree_of(child) for child in element))


class Judge:
    """Reads one dictionary; says what a client that validates by it would refuse of a message."""

    def __init__(self, root: ElementTree.Element) -> None:
        fields = root.find("fields")
        messages = root.find("messages")
        assert fields is not None
        assert messages is not None
        self._number = {field.get("name", ""): int(field.get("number", "0")) for field in fields}
        self._kind = {int(field.get("number", "0")): field.get("type", "") for field in fields}
        self._values = {
            int(field.get("number", "0")): {value.get("enum", "") for value in field.findall("value")}
            for field in fields
        }
        self._components = {one.get("name"): one for one in root.findall("components/component")}
        self._messages = {message.get("msgtype"): self._members(message) for message in messages}

    def _members(self, parent: ElementTree.Element) -> dict[int, bool]:
        """Return the tags of a message and whether each is required; those of components count with them."""
        members: dict[int, bool] = {}
        for child in parent:
            name = child.get("name", "")
            if child.tag == "component":
                members.update(self._members(self._components[name]))
            else:
                members[self._number[name]] = child.tag == "field" and child.get("required") == "Y"
        return members

    def values(self, tag: int) -> set[str]:
        """Return the values that a field may have; none: any."""
        return self._values[tag]

    def faults(self, msg_type: str, body: str) -> list[str]:
        """Return what is wrong with the fields of a body, which ends with a separator."""
        members = self._messages[msg_type]
        pairs = [field.partition("=") for field in body.split("\x01")[:-1]]
        tags = [int(tag) for tag, _, _ in pairs]
        faults = [f"{tag} stands twice" for tag in set(tags) if tags.count(tag) > 1]
        faults += [f"{tag} is required" for tag, required in members.items() if required and tag not in tags]
        for tag, (_, _, value) in zip(tags, pairs, strict=True):
            if tag not in self._kind:
                faults.append(f"{tag} is unknown")
            elif tag not in members:
                faults.append(f"{tag} is not in {msg_type}")
            else:
                faults += self._value_faults(tag, value)
        return faults

    def _value_faults(self, tag: int, value: str) -> list[str]:
        kind, known = self._kind[tag], self._values[tag]
        each = value.split(" ") if kind in _SEVERAL else [value]
        faults = [f"{tag}={one} is no value of it" for one in each if known and one not in known]
        if kind in _FORMS and not re.fullmatch(_FORMS[kind], value):
            faults.append(f"{tag}={value} is no {kind}")
        return faults if value else [f"{tag} is empty"]


@lru_cache(maxsize=8)
def stock_judge(name: str) -> Judge:
    """Return the judge by the stock dictionary of that name, as FIX44."""
    return Judge(without_additions(name))


@lru_cache(maxsize=8)
def our_judge(name: str) -> Judge:
    """Return the judge by our own dictionary of that name."""
    return Judge(ElementTree.parse(OURS / f"{name}.xml").getroot())
