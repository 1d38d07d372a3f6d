"""Where keys stand in a TOML text."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.toml_lines import Lines, Path

TEXT = '''\
top = 1
"quoted key" = 2
a.b = 3

[table]
long = """
not = "a key"
[not.a.table]
"""
list = [
  "x = 1", # comment ]
  [2],
]
inline = { x = 1, y = "}" }
after = 1

[[row]]
name = 'one'
  [[row.limit]]
  symbol = "A"
[row.sub]
x = 1
[[row]]
name = "two # no comment"
  [[row.limit]]
  symbol = "B"
  [[row.limit]]
  symbol = "C"
'''

PLACES: list[tuple[Path, int]] = [
    (("top",), 1),
    (("quoted key",), 2),
    (("a", "b"), 3),
    (("a",), 3),
    (("table",), 5),
    (("table", "long"), 6),
    (("table", "list"), 10),
    (("table", "inline"), 14),
    (("table", "inline", "x"), 14),
    (("table", "after"), 15),
    (("row", 0), 17),
    (("row", 0, "name"), 18),
    (("row", 0, "limit", 0, "symbol"), 20),
    (("row", 0, "sub", "x"), 22),
    (("row", 1), 23),
    (("row", 1, "name"), 24),
    (("row", 1, "limit", 1, "symbol"), 28),
    (("row", 1, "missing"), 23),
    (("missing",), 0),
    (("not",), 0),
]


@pytest.mark.parametrize(("path", "line"), PLACES)
def test_every_key_has_its_line(path: Path, line: int) -> None:
    assert tomllib.loads(TEXT)
    assert Lines(TEXT).of(path) == line


VALUES = st.sampled_from(["1", '"a"', "'b'", '"""x\n#"""', "'''\ny\n'''", "[1,\n 2, # c ]\n]", '{ k = "}" }', "true"])


@given(st.lists(VALUES, min_size=1, max_size=8))
def test_a_key_after_any_values_has_its_line(values: list[str]) -> None:
    text, lines = "", {}
    for number, value in enumerate(values):
        lines[f"k{number}"] = text.count("\n") + 1
        text += f"k{number} = {value}\n"
    assert set(tomllib.loads(text)) == set(lines)
    assert {key: Lines(text).of((key,)) for key in lines} == lines


def test_a_text_without_an_end_of_line_is_read_to_its_end() -> None:
    assert Lines("a = 1\nb = 2").of(("b",)) == 2
