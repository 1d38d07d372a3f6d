"""Reading of TOML against declared tables: every fault of a file at once, each with its line.

A table is declared as a list of `TomlKey`. Numbers with a fraction are texts ("585.00") and are read as exact decimals:
TOML's own floats are refused, since a float is not the number that was written.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, Protocol

import msgspec

from config.faults import FaultLog, quote
from config.session_keys import nearest
from config.text_values import Kind, UnreadableError
from config.toml_lines import Lines, Path

FILE_BYTES_MAX: Final = 16 * 1024 * 1024
DECIMAL_CHARACTERS_MAX: Final = 40
_DECIMAL: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?")


class TomlKind(Protocol):
    """How a TOML value becomes a value of ours."""

    @property
    def allowed(self) -> str:
        """Say what is allowed, for a person."""

    def read(self, value: object) -> Any:
        """Return the value, or raise `UnreadableError`."""


class Integer(msgspec.Struct, frozen=True):
    """A whole number within a range."""

    low: int
    high: int

    @property
    def allowed(self) -> str:
        return f"whole number {self.low}..{self.high}"

    def read(self, value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not self.low <= value <= self.high:
            raise UnreadableError
        return value


class Flag(msgspec.Struct, frozen=True):
    """true or false."""

    allowed: str = "true or false"

    def read(self, value: object) -> bool:
        if not isinstance(value, bool):
            raise UnreadableError
        return value


class Quoted(msgspec.Struct, frozen=True):
    """A text in quotes of some kind of text."""

    kind: Kind

    @property
    def allowed(self) -> str:
        return f"{self.kind.allowed}, in quotes"

    def read(self, value: object) -> Any:
        if not isinstance(value, str):
            raise UnreadableError
        return self.kind.read(value)


class Exact(msgspec.Struct, frozen=True):
    """An exact decimal in quotes, with a bounded number of digits behind the point."""

    low: Decimal
    high: Decimal
    digits_max: int = 8

    @property
    def allowed(self) -> str:
        low, high = f"{self.low:f}", f"{self.high:f}"
        return (
            f'a decimal in quotes, such as "585.00", {low}..{high}, at most {self.digits_max} digits behind the point'
        )

    def read(self, value: object) -> Decimal:
        if not isinstance(value, str) or not 1 <= len(value) <= DECIMAL_CHARACTERS_MAX:
            raise UnreadableError
        if _DECIMAL.fullmatch(value) is None or len(value.partition(".")[2].rstrip("0")) > self.digits_max:
            raise UnreadableError
        number = Decimal(value)
        if not self.low <= number <= self.high:
            raise UnreadableError
        return number


class ListOf(msgspec.Struct, frozen=True):
    """A list of values of one kind, none twice."""

    kind: TomlKind
    count_max: int

    @property
    def allowed(self) -> str:
        return f"a list, none twice, at most {self.count_max}, of: {self.kind.allowed}"

    def read(self, value: object) -> tuple[Any, ...]:
        if not isinstance(value, list) or len(value) > self.count_max:
            raise UnreadableError
        items = tuple(self.kind.read(item) for item in value)
        if len(set(items)) != len(items):
            raise UnreadableError
        return items


class OneOf(msgspec.Struct, frozen=True):
    """The first of several kinds that can read the value."""

    kinds: tuple[TomlKind, ...]

    @property
    def allowed(self) -> str:
        return " or ".join(kind.allowed for kind in self.kinds)

    def read(self, value: object) -> Any:
        for kind in self.kinds:
            try:
                return kind.read(value)
            except UnreadableError:
                continue
        raise UnreadableError


class NamedAmounts(msgspec.Struct, frozen=True):
    """A table of names, each with an exact decimal."""

    amount: Exact

    @property
    def allowed(self) -> str:
        return f"a table of assets, each with {self.amount.allowed}"

    def read(self, value: object) -> Mapping[str, Decimal]:
        if not isinstance(value, dict):
            raise UnreadableError
        amounts, wrong = {}, []
        for name, amount in value.items():
            try:
                amounts[name] = self.amount.read(amount)
            except UnreadableError:
                wrong.append(f"{quote(amount)} for {name}")
        if wrong:
            raise UnreadableError(" and ".join(wrong))
        return amounts


class TomlKey(msgspec.Struct, frozen=True):
    """One key of a table. A key without a default is required, unless `optional`; `text` says what it does and why."""

    name: str
    kind: TomlKind
    text: str
    default: Any = msgspec.UNSET
    optional: bool = False


class Table:
    """One table of a file as it was read: a value for each declared key, and the lines they stand on."""

    def __init__(
        self, file: str, path: Path, values: Mapping[str, Any], *, keys: Sequence[TomlKey], lines: Lines
    ) -> None:
        self.file = file
        self.path = path
        self.values = values
        self._keys = keys
        self._lines = lines

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def with_defaults(self) -> dict[str, Any]:
        """Return all values; a default stands in for one that could not be read, so that other checks can go on."""
        return {
            key.name: key.default
            if self.values[key.name] is None and key.default is not msgspec.UNSET
            else self.values[key.name]
            for key in self._keys
        }

    def line(self, *names: str | int) -> int:
        """Return the line of a key in this table, or the table's own."""
        return self._lines.of((*self.path, *names))

    def is_given(self, name: str) -> bool:
        """Say whether the file has this key in the table, readable or not."""
        return (*self.path, name) in self._lines

    def has(self, *names: str) -> bool:
        """Say whether each of these keys was read without a fault and is there."""
        return all(self.values.get(name) is not None for name in names)


class TomlFile:
    """One TOML file, read once; the tables that were asked for are the ones that it may have. Reading never raises."""

    def __init__(self, data: bytes, *, file: str, log: FaultLog) -> None:
        self.file = file
        self._log = log
        self._root: dict[str, Any] = {}
        self._lines = Lines("")
        try:
            text = data.decode("utf-8")
            self._root = tomllib.loads(text)
            self._lines = Lines(text.replace("\r\n", "\n"))
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            log.add(file, line, "file", found=f"byte 0x{data[error.start]:02x}", allowed="text in UTF-8")
            self.readable = False
        except (ValueError, RecursionError) as error:
            log.add(file, _line_of(error), "file", found=_first_line(error), allowed="TOML 1.0")
            self.readable = False
        else:
            self.readable = True

    def table(self, name: str, keys: Sequence[TomlKey]) -> Table:
        """Read the table `name`, which may be left out; "" is the file's own keys, outside of any table."""
        if not self.readable:
            return Table(self.file, (), {key.name: None for key in keys}, keys=keys, lines=self._lines)
        if name == "":
            plain = {key: value for key, value in self._root.items() if not _is_table(value)}
            return self._read((), plain, keys)
        raw = self._root.get(name, {})
        if not isinstance(raw, dict):
            self._log.add(self.file, self._lines.of((name,)), name, found=quote(raw), allowed=f"a table [{name}]")
            raw = {}
        return self._read((name,), raw, keys)

    def tables(self, name: str, keys: Sequence[TomlKey], *, count_max: int) -> list[Table]:
        """Read every table of the array `[[name]]`."""
        return self.tables_in((), self._root, name, keys, count_max=count_max)

    def tables_in(
        self, path: Path, owner: Mapping[str, Any], name: str, keys: Sequence[TomlKey], *, count_max: int
    ) -> list[Table]:
        """Read every table of an array that belongs to another table."""
        raw = owner.get(name, [])
        where = self._lines.of((*path, name))
        if not isinstance(raw, list) or not all(isinstance(item, dict) for item in raw):
            self._log.add(self.file, where, name, found=quote(raw), allowed=f"tables [[{name}]]")
            return []
        if len(raw) > count_max:
            self._log.add(self.file, where, name, found=f"{len(raw)} tables", allowed=f"at most {count_max}")
            return []
        return [self._read((*path, name, index), item, keys) for index, item in enumerate(raw)]

    def refuse_unknown_tables(self, known: Sequence[str]) -> None:
        """Record a fault for every table of the file that is not one of `known`."""
        for name, value in self._root.items():
            if _is_table(value) and name not in known:
                self._unknown((name,), name, list(known))

    def _read(self, path: Path, raw: Mapping[str, Any], keys: Sequence[TomlKey]) -> Table:
        values: dict[str, Any] = {key.name: self._value(path, raw, key) for key in keys}
        names = [key.name for key in keys]
        for name in raw:
            if name not in values:
                self._unknown((*path, name), name, names)
        return Table(self.file, path, values, keys=keys, lines=self._lines)

    def _value(self, path: Path, raw: Mapping[str, Any], key: TomlKey) -> Any:
        if key.name not in raw:
            if key.default is msgspec.UNSET and not key.optional:
                self._log.add(self.file, self._lines.of(path), key.name, found="nothing", allowed=key.kind.allowed)
            return None if key.default is msgspec.UNSET else key.default
        try:
            return key.kind.read(raw[key.name])
        except UnreadableError as error:
            line = self._lines.of((*path, key.name))
            found = error.found or quote(raw[key.name])
            self._log.add(self.file, line, key.name, found=found, allowed=key.kind.allowed)
            return None

    def _unknown(self, path: Path, name: str, names: list[str]) -> None:
        close = nearest(name, names) if names else ""
        allowed = f"a known key; did you mean {close}?" if close else f"one of {', '.join(names)}"
        self._log.add(self.file, self._lines.of(path), name, found="an unknown key", allowed=allowed)


def refuse_repeats(tables: list[Table], key: str, log: FaultLog) -> None:
    """Record a fault for every table whose `key` has the value of an earlier one."""
    first: dict[Any, int] = {}
    for table in tables:
        if table.has(key) and first.setdefault(table[key], table.line(key)) != table.line(key):
            allowed = f"one that line {first[table[key]]} does not have"
            log.add(table.file, table.line(key), key, found=quote(table[key]), allowed=allowed)


def names_of(tables: Sequence[Table], *keys: str) -> frozenset[str] | None:
    """Return all values of these keys; None where one of them could not be read."""
    if not all(table.has(*keys) for table in tables):
        return None
    return frozenset(table[key] for table in tables for key in keys)


def _is_table(value: object) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and bool(value) and isinstance(value[0], dict))


def _first_line(error: BaseException) -> str:
    text = str(error).split("\n", 1)[0]
    return quote(text)[1:-1] or type(error).__name__


def _line_of(error: BaseException) -> int:
    """Return the line that tomllib names in its text, which is all that it gives in Python 3.11."""
    _, mark, rest = str(error).partition("(at line ")
    digits = rest.split(",", 1)[0]
    return int(digits) if mark and digits.isdigit() else 0
