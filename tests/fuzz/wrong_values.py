"""Wrong values for every field of the messages that the exchange takes, and the judge of the answers."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tests.support.fix_peer import Fields, Message, unique_id, utc_timestamp

NUMBERS: Final = (
    "1e3",
    "1E2",
    "1e400",
    "NaN",
    "nan",
    "inf",
    "-inf",
    "+5",
    "0x10",
    "9" * 40,
    "0." + "0" * 39 + "1",
    "9223372036854775808",
    "-1",
    "-0.01",
    " 5",
    "5 ",
    "5 5",
    "",
    "1,5",
    ".",
    "-",
    "1.2.3",
    "5\x00",
    "\x025",
    "5\n",
    "\xff",
    "\xb2",
    "1" * 5000,
    "A" * 5000,
)
LETTERS: Final = ("", " ", "X", "11", "-1", "0.5", "\x00", "\x02", "\x7f", "\xff", "NaN", "A" * 1000)
TEXTS: Final = (
    "",
    " ",
    " x",
    "\x00",
    "a\x00b",
    "\x02",
    "\n",
    "\xff\xfe",
    "caf\xe9",
    "A" * 65,
    "A" * 5000,
    "'; DROP TABLE orders; --",
    "%s%n%x",
    "a=b",
    "35=D",
    "../../etc/passwd",
)
TIMES: Final = ("", " ", "now", "20120621", "20120621-25:00:00", "20121321-10:00:00", "-1", "9" * 40, "\xff", "NaN")
COUNTS: Final = ("", "0", "-1", "2", "1000000", "9" * 40, "NaN", "1e1", " 1", "\x00", "\xff")

TEXT_TAGS: Final = frozenset({1, 11, 37, 41, 55, 58, 262, 790})
NUMBER_TAGS: Final = frozenset({38, 44, 99, 110, 111, 264})
COUNT_TAGS: Final = frozenset({146, 267})
ID_TAGS: Final = frozenset({11, 37, 41, 58, 262, 790})
"""Free text of the peer's own choice: any printable text in bounds is right."""


@dataclass(frozen=True)
class Case:
    """One wrong message. `field` is None where a field is left out, and `is_wrong` False where it may be taken."""

    msg_type: str
    tag: int
    value: str | None
    fields: Fields
    is_wrong: bool

    def __str__(self) -> str:
        shown = self.value if self.value is None or len(self.value) < 50 else f"{self.value[:20]}...({len(self.value)})"
        return f"35={self.msg_type} {self.tag}={shown!r}"


def good_message(msg_type: str, begin_string: str) -> list[tuple[int, str]]:
    """Return a right message of the type, with ids of its own, that leaves nothing behind in the book."""
    cl_ord_id = unique_id()
    hand_inst = [(21, "1")] if begin_string == "FIX.4.2" else []
    order = [(55, "AAPL"), (54, "1"), (60, utc_timestamp()), (38, "10"), (40, "2"), (44, "500.00"), (59, "3")]
    match msg_type:
        case "D":
            return [(11, cl_ord_id), *hand_inst, (1, "ACC1"), *order]
        case "F":
            return [(11, cl_ord_id), (41, unique_id("NONE")), (37, "NONE"), *order[:4]]
        case "G":
            return [(11, cl_ord_id), (41, unique_id("NONE")), (37, "NONE"), *hand_inst, *order]
        case "H":
            request = [] if begin_string == "FIX.4.2" else [(790, unique_id("S"))]
            return [(11, cl_ord_id), (37, "NONE"), (55, "AAPL"), (54, "1"), *request]
        case _:
            return [
                *((262, unique_id("R")), (263, "0"), (264, "1"), (265, "0"), (267, "1"), (269, "0")),
                *((146, "1"), (55, "AAPL")),
            ]


def cases(msg_type: str, begin_string: str) -> Iterator[Case]:
    """Yield every wrong message of a type: each field with each wrong value, missing, and twice."""
    tags = [tag for tag, _ in good_message(msg_type, begin_string)]
    for tag in [*tags, *((18, 58, 99, 110, 111) if msg_type in "DG" else ())]:
        for value in wrong_values(tag):
            fields = [pair for pair in good_message(msg_type, begin_string) if pair[0] != tag or tag in tags]
            changed = [(known, value if known == tag else old) for known, old in fields]
            if tag not in tags:
                changed.append((tag, value))
            yield Case(msg_type, tag, value, changed, is_wrong(tag, value))
        if tag in tags:
            without = [pair for pair in good_message(msg_type, begin_string) if pair[0] != tag]
            yield Case(msg_type, tag, None, without, False)
            twice = [*good_message(msg_type, begin_string)]
            twice.insert(tags.index(tag), twice[tags.index(tag)])
            yield Case(msg_type, tag, "twice", twice, True)


def wrong_values(tag: int) -> tuple[str, ...]:
    """Return the wrong values for a field of that type."""
    if tag in NUMBER_TAGS:
        return NUMBERS
    if tag in COUNT_TAGS:
        return COUNTS
    if tag in TEXT_TAGS:
        return TEXTS
    return TIMES if tag == 60 else LETTERS


def is_wrong(tag: int, value: str) -> bool:
    """Tell whether the exchange must refuse the value, as against may."""
    if tag not in ID_TAGS:
        return True
    return value == "" or not value.isascii() or (tag == 11 and len(value) > 64)


def is_answer(case: Case, answer: Message, number: int) -> bool:
    """Tell whether `answer` answers the message with that number."""
    if answer.msg_type in ("3", "j"):
        return (
            answer.get(45) == str(number)
            and answer.get(
                372,
            )
            == case.msg_type
        )
    wanted = {"D": "8", "F": "9", "G": "9", "H": "8", "V": "YW"}[case.msg_type]
    if answer.msg_type not in wanted:
        return False
    tag = 262 if case.msg_type == "V" else 11
    return answer.get(tag) == dict(case.fields).get(tag)


def is_refusal(case: Case, answer: Message) -> bool:
    """Tell whether the answer refuses."""
    if answer.msg_type == "8":
        return answer[39] == "8"
    return answer.msg_type != "W"
