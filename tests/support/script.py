"""Conversation files: text in, steps out. The format is described in tests/conversations/README.md."""

import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, TypeAlias

VERSIONS: Final = ("FIX.4.2", "FIX.4.4", "FIXT.1.1")
SHORT_NAMES: Final = {"4.2": "FIX.4.2", "4.4": "FIX.4.4", "5.0": "FIXT.1.1"}
ACTIONS: Final = frozenset({">", "<", "<any", "connect", "logon", "logout", "cut", "closed", "bytes", "number"})
WORLD_ACTIONS: Final = frozenset({"restart", "kill9", "verify", "outcry", "until"})

Kind: TypeAlias = Literal["equal", "present", "absent", "contains", "differs"]
_TOKEN: Final = re.compile(r"""(?:[^\s"]|"[^"]*")+""")
_FIELD: Final = re.compile(
    r"(?:(?P<guard>[\d.,]+)/)?(?:!(?P<absent>\d+)|(?P<tag>\d+)(?P<sign>!=|=|~)(?P<value>.*))$", re.S
)


class ScriptError(Exception):
    """A conversation file cannot be read; names file and line."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """What is expected of one field of a received message."""

    tag: int
    kind: Kind
    value: str = ""


@dataclass(frozen=True, slots=True)
class FieldText:
    """One field as the file says it. `versions` is empty where it holds in every version."""

    versions: tuple[str, ...]
    expectation: Expectation


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a conversation."""

    line: int
    text: str
    subject: str
    action: str
    words: tuple[str, ...] = ()
    fields: tuple[FieldText, ...] = ()
    groups: tuple[tuple[FieldText, ...], ...] = ()


@dataclass(slots=True)
class Script:
    """A conversation: its title, the versions it runs in, what it wants of the server, and its steps."""

    path: Path
    title: str = ""
    versions: tuple[str, ...] = VERSIONS
    is_fresh: bool = False
    session_keys: dict[str, dict[str, str]] = field(default_factory=dict)
    instrument_keys: dict[str, list[str]] = field(default_factory=dict)
    account_keys: dict[str, list[str]] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)


def read_script(path: Path) -> Script:
    """Return the conversation in a file. Raises ScriptError."""
    script = Script(path)
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        line = text.strip()
        if line.startswith("#"):
            script.title = script.title or line.lstrip("# ")
        elif line:
            try:
                _read_line(script, number, line)
            except (ValueError, IndexError) as error:
                raise ScriptError(f"{path.name}:{number}: {error}: {line}") from error
    if not script.title or not script.steps:
        raise ScriptError(f"{path.name}: a title comment and at least one step are expected")
    return script


def _read_line(script: Script, number: int, line: str) -> None:
    first, _, rest = line.partition(" ")
    if first == "versions":
        script.versions = tuple(rest.split())
        if unknown := set(script.versions) - set(VERSIONS):
            raise ValueError(f"unknown versions {sorted(unknown)}")
    elif first == "server":
        if rest != "fresh":
            raise ValueError("expected: server fresh")
        script.is_fresh = True
    elif first == "key":
        comp_id, assignment = rest.split(maxsplit=1)
        key, _, value = assignment.partition("=")
        script.session_keys.setdefault("" if comp_id == "DEFAULT" else comp_id, {})[key] = value
        script.is_fresh = True
    elif first == "instrument":
        symbol, assignment = rest.split(maxsplit=1)
        script.instrument_keys.setdefault(symbol, []).append(assignment)
        script.is_fresh = True
    elif first in {"account", "accounts"}:
        name, assignment = rest.split(maxsplit=1) if first == "account" else ("", rest)
        script.account_keys.setdefault(name, []).append(assignment)
        script.is_fresh = True
    elif first in {"session", "stranger"}:
        name, equals, *words = rest.split()
        if equals != "=":
            raise ValueError("expected: session NAME = COMPID [VERSION] [tls] [later]")
        script.steps.append(Step(number, line, name, first, tuple(words)))
    elif first in WORLD_ACTIONS:
        script.steps.append(Step(number, line, "", first, tuple(shlex.split(rest))))
    else:
        script.steps.append(_peer_step(number, line))


def _peer_step(number: int, line: str) -> Step:
    subject, action, *_ = line.split(maxsplit=2)
    if action not in ACTIONS:
        raise ValueError(f"unknown action {action}")
    rest = line.split(maxsplit=2)[2] if len(line.split(maxsplit=2)) > 2 else ""
    if action in ("bytes", "number"):
        return Step(number, line, subject, action, (rest,))
    tokens = _TOKEN.findall(rest)
    words: list[str] = []
    if action in (">", "<", "<any"):
        words.append(tokens.pop(0))
    while tokens and re.fullmatch(r"[a-z]+", tokens[0]):
        words.append(tokens.pop(0))
    fields, groups = _fields(tokens)
    return Step(number, line, subject, action, tuple(words), fields, groups)


def _fields(tokens: list[str]) -> tuple[tuple[FieldText, ...], tuple[tuple[FieldText, ...], ...]]:
    fields: list[FieldText] = []
    groups: list[tuple[FieldText, ...]] = []
    inside: list[FieldText] | None = None
    for token in tokens:
        if token == "{":
            inside = []
        elif token == "}":
            if inside is None:
                raise ValueError("} without {")
            groups.append(tuple(inside))
            inside = None
        else:
            (fields if inside is None else inside).append(read_field(token))
    if inside is not None:
        raise ValueError("{ without }")
    return tuple(fields), tuple(groups)


def read_field(token: str) -> FieldText:
    """Return a field such as `150=F`, `!103`, `58~"text"`, `17!=$e`, `4.2,4.4/20=0`."""
    match = _FIELD.match(token)
    if match is None:
        raise ValueError(f"not a field: {token}")
    versions = tuple(SHORT_NAMES[short] for short in match["guard"].split(",")) if match["guard"] else ()
    if match["absent"]:
        return FieldText(versions, Expectation(int(match["absent"]), "absent"))
    value = match["value"].replace('"', "")
    kinds: dict[str, Kind] = {"=": "equal", "~": "contains", "!=": "differs"}
    kind = kinds[match["sign"]]
    if kind == "equal" and value == "*":
        return FieldText(versions, Expectation(int(match["tag"]), "present"))
    return FieldText(versions, Expectation(int(match["tag"]), kind, value))
