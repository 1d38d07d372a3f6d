"""Codes of refusals: each once, each said somewhere, all documented."""

import ast
from pathlib import Path
from typing import Final

from gateway.error_codes import DOCUMENT, render
from matching import refusals

ROOT: Final = Path(__file__).resolve().parents[2]
CONSTANTS: Final = {
    name: value
    for name, value in vars(refusals).items()
    if name.isupper() and isinstance(value, int) and not isinstance(value, bool) and value >= 10_000
}


def names_used() -> set[str]:
    """Return every name that the product's modules read, but for the module that defines the codes."""
    used: set[str] = set()
    for package in ("matching", "risk", "config", "gateway"):
        for path in (ROOT / package).rglob("*.py"):
            if path != Path(refusals.__file__):
                for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                        used.add(node.attr if node.value.id == "refusals" else "")
                    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                        used.add(node.id)
    return used


def test_every_code_is_a_constant_and_every_constant_a_code() -> None:
    assert sorted(CONSTANTS.values()) == sorted(refusals.TABLE)


def test_no_code_is_written_down_twice_in_the_table() -> None:
    """A dictionary would take the second silently."""
    tree = ast.parse(Path(refusals.__file__).read_text(encoding="utf-8"))
    keys = [
        key.id
        for node in ast.walk(tree)
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == "TABLE"
        for key in getattr(node.value, "keys", [])
    ]
    assert sorted(keys) == sorted(CONSTANTS)


def test_every_code_is_said_somewhere() -> None:
    retired = [name for name, code in CONSTANTS.items() if code in refusals.RETIRED]
    assert sorted(set(CONSTANTS) - names_used()) == retired


def test_every_code_says_what_it_means_and_what_to_do() -> None:
    for code, row in refusals.TABLE.items():
        assert row.meaning, code
        assert row.remedy, code


def test_the_document_is_that_of_the_tables() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == render(), "run: python -m gateway.error_codes"
