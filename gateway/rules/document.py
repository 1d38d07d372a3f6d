"""The tables of docs/rules-of-engagement.md, drawn from the code's own. `python -m gateway.rules` writes them."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from gateway import inbound
from gateway.certify.case_table import WRITTEN
from gateway.certify.rules import RULES
from gateway.rules import sent, taken
from gateway.rules.sent_fields import Sent, SentMessage
from gateway.rules.specification import specification
from gateway.rules.taken import Taken
from gateway.sessions import FIX42, FIX44, FIX44_EXTENDED, FIX50SP2, Version

DOCUMENT: Final = Path(__file__).resolve().parents[2] / "docs" / "rules-of-engagement.md"
BEGIN: Final = "<!-- tables: begin; written by `python -m gateway.rules`, not by hand -->\n"
END: Final = "<!-- tables: end -->\n"
TAKEN_VERSIONS: Final[tuple[Version, ...]] = (FIX42, FIX44, FIX50SP2)
SENT_VERSIONS: Final[tuple[Version, ...]] = (FIX42, FIX44, FIX44_EXTENDED, FIX50SP2)
ABSENT: Final = "–"
VALUES_SHOWN_MAX: Final = 20

TAKEN_HEAD: Final = """### Messages taken, field by field

What is read of each message. *required*: by the dictionary of the version, its absence is answered with Reject(3),
373=1; what an order needs beyond that (a Price(44) of a limit order, say) is answered by its report. Fields of a group
are set in with ›. Values of an enumerated field that are not named are refused. A field that is not in the table is
allowed where the dictionary has it, and not read; it changes nothing. Our own fields, from 5000 up, want a session with
`ValidateUserDefinedFields=N`; with `AllowUnknownMsgFields=Y` older versions may send the fields of FIX.5.0SP2 too.
"""
SENT_HEAD: Final = """### Messages sent, field by field

All that is ever written, beside header and trailer. *yes*: the field is there in this version; else its values.
FIX.4.4 is *strict* by default, `StrictFix44=N` makes it the column behind. *when*: empty where the field always stands
there.
"""
CASES_HEAD: Final = """### Cases of certification

`outcry certify` goes through these, and with `--all` also through one for each message taken and for each value of
OrdType(40), TimeInForce(59) and ExecInst(18) in the tables above; `outcry certify --list` names them.
"""
RULES_HEAD: Final = """### What the bytes of a client are judged by

All the time, in every case. The first rule that is broken fails the case, and the report says it by this name.
"""


def render() -> str:
    """Return the tables as Markdown."""
    parts = [TAKEN_HEAD, *(_taken(msg_type) for msg_type in inbound.SCHEMA)]
    parts += [SENT_HEAD, *(_sent(message) for message in (*sent.SENT, *sent.ADMIN))]
    parts += [CASES_HEAD, _cases(), RULES_HEAD, _rules()]
    return "\n".join(parts)


def placed(text: str, tables: str) -> str:
    """Return a document with `tables` between its two marks.

    Raises:
        ValueError: the marks are not there.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the document has no {BEGIN.strip()} and {END.strip()}")
    return f"{before}{begin}\n{tables}\n{end}{after}"


# --- what is taken ---------------------------------------------------------------------------------------------------


def _taken(msg_type: str) -> str:
    versions = [version for version in TAKEN_VERSIONS if taken.is_offered(msg_type, version)]
    newest = specification(versions[-1])
    rows = {version: {(row.tag, row.depth): row for row in taken.fields_of(msg_type, version)} for version in versions}
    order = list(dict.fromkeys(key for version in reversed(versions) for key in rows[version]))
    roles = " and ".join(role.replace("_", " ") for role in taken.roles_of(msg_type))
    answers = ", ".join(newest.message_name(each) for each in taken.ANSWERS.get(msg_type, ())) or "see the text"
    lines = [
        f"#### {newest.message_name(msg_type)}",
        "",
        f"For {roles}, in {', '.join(versions)}; answered with {answers}.",
        "",
        f"| field | {' | '.join(TAKEN_VERSIONS)} | values |",
        f"|---|{'---|' * len(TAKEN_VERSIONS)}---|",
    ]
    refused: dict[int, None] = {}
    for key in order:
        found = [rows[version].get(key) if version in rows else None for version in TAKEN_VERSIONS]
        if any(row is not None and not row.is_offered for row in found):
            refused[key[0]] = None
            continue
        cells = [_need(row) for row in found]
        lines.append(f"| {'› ' * key[1]}{_name(key[0])} | {' | '.join(cells)} | {_taken_values(found)} |")
    if refused:
        names = ", ".join(_name(tag) for tag in refused)
        lines += ["", f"Not offered, refused where one is present: {names}."]
    return "\n".join(lines) + "\n"


def _need(row: Taken | None) -> str:
    if row is None:
        return ABSENT
    if not row.is_in_dictionary:
        return "our own"
    return "required" if row.is_required else "optional"


def _taken_values(found: Sequence[Taken | None]) -> str:
    by_values: dict[tuple[str, ...], list[Version]] = {}
    for version, row in zip(TAKEN_VERSIONS, found, strict=True):
        if row is not None:
            by_values.setdefault(row.values, []).append(version)
    if set(by_values) == {()}:
        return ""
    if len(by_values) == 1:
        return ", ".join(next(iter(by_values)))
    return "; ".join(f"{'/'.join(versions)}: {', '.join(values)}" for values, versions in by_values.items())


# --- what is sent ----------------------------------------------------------------------------------------------------


def _sent(message: SentMessage) -> str:
    newest = specification(message.versions[-1])
    roles = ", ".join(role.replace("_", " ") for role in message.roles)
    heads = ["FIX.4.2", "FIX.4.4 strict", "FIX.4.4", "FIX.5.0SP2"]
    lines = [
        f"#### {newest.message_name(message.msg_type)}",
        "",
        f"To {roles}: {message.about}.",
        "",
        f"| field | when | {' | '.join(heads)} |",
        f"|---|---|{'---|' * len(heads)}",
    ]
    for depth, field in _deep(message.fields, 0):
        cells = [_sent_cell(message, field, version) for version in SENT_VERSIONS]
        lines.append(f"| {'› ' * depth}{_name(field.tag)} | {field.when} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cases() -> str:
    lines = ["| case | what | role | optional |", "|---|---|---|---|"]
    for case in WRITTEN:
        roles = "every" if len(case.roles) > 1 else case.roles[0].replace("_", " ")
        lines.append(f"| `{case.name}` | {case.title} | {roles} | {'yes' if case.is_optional else ''} |")
    return "\n".join(lines) + "\n"


def _rules() -> str:
    lines = ["| rule | asks | where |", "|---|---|---|"]
    lines += [f"| `{name}` | {rule.asks} | {rule.where} |" for name, rule in RULES.items()]
    return "\n".join(lines) + "\n"


def _deep(fields: Sequence[Sent], depth: int) -> Iterator[tuple[int, Sent]]:
    for field in fields:
        yield depth, field
        yield from _deep(field.group, depth + 1)


def _sent_cell(message: SentMessage, field: Sent, version: Version) -> str:
    if version not in message.versions or version not in field.versions:
        return ABSENT
    values = field.values_in(version)
    if len(values) > VALUES_SHOWN_MAX:
        return "as the dictionary"
    return " ".join(values) or "yes"


def _name(tag: int) -> str:
    """Name and number of a field: that of the newest version that has it."""
    for version in (FIX50SP2, FIX44_EXTENDED, FIX42):
        field = specification(version).fields.get(tag)
        if field is not None:
            return f"{field.name}({tag})"
    own = next((term.name for term in inbound.TERMS if term.tag == tag), "")
    return f"{own or {inbound.MM_PROTECTION_RESET: 'MMProtectionReset'}.get(tag, '')}({tag})"
