"""Every example of docs/order-types.md is held with the real exchange, word for word, in each version that it names."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from gateway.order_terms import TIMES_OF_ORD_TYPE
from tests.conversations.test_conversations import SharedExchange, hold
from tests.support.conversation import Runner
from tests.support.exchange import ROOT, running_exchange
from tests.support.script import Script, read_script

DOCUMENT: Final = ROOT / "docs" / "order-types.md"
_SECTION: Final = re.compile(r"^## (?P<title>.+)$", re.M)
_EXAMPLE: Final = re.compile(r"^```conversation\n(?P<text>.*?)^```$", re.M | re.S)
_ROW: Final = re.compile(r"^\| \[(?P<name>[^]]+)\]\(#[\w-]+\) \| (?P<type>[^|]+) \|[^|]*\| (?P<times>[^|]+) \|", re.M)
VERSIONS_RUN: Final = ("FIX.4.4", "FIXT.1.1")
"""FIX.4.2 and all versions at once are what the conversation files run in."""


def examples_of(document: Path) -> dict[str, str]:
    """Return the text of every example of a document by the title of its section."""
    text = document.read_text(encoding="utf-8")
    starts = [*_SECTION.finditer(text)]
    ends = [*(match.start() for match in starts[1:]), len(text)]
    found: dict[str, str] = {}
    for start, end in zip(starts, ends, strict=True):
        for number, match in enumerate(_EXAMPLE.finditer(text[start.end() : end])):
            found[f"{start['title']}{f' {number + 1}' if number else ''}"] = match["text"]
    return found


EXAMPLES: Final = examples_of(DOCUMENT)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedExchange]:
    """One exchange for all examples."""
    exchange = SharedExchange(tmp_path_factory.mktemp("examples") / "exchange")
    yield exchange
    exchange.discard()


def script_of(title: str, folder: Path) -> Script:
    """Return an example as a conversation."""
    path = folder / "order-types.fix"
    path.write_text(EXAMPLES[title], encoding="utf-8")
    return read_script(path)


@pytest.mark.slow
@pytest.mark.parametrize("title", list(EXAMPLES))
def test_the_example_runs_as_it_is_written(title: str, shared: SharedExchange, tmp_path: Path) -> None:
    script = script_of(title, tmp_path)
    version = next(version for version in VERSIONS_RUN if version in script.versions)
    if not script.is_fresh:
        hold(script, version, shared)
        return
    with running_exchange(tmp_path / "own", session_keys=script.session_keys) as exchange:
        runner = Runner(script, version, exchange)
        try:
            runner.run()
        finally:
            runner.close()


def test_every_order_of_the_overview_has_its_section_and_example() -> None:
    rows = [match["name"] for match in _ROW.finditer(DOCUMENT.read_text(encoding="utf-8"))]
    assert len(rows) == 15
    assert sorted(name.capitalize() for name in rows) == sorted(set(EXAMPLES) - {"Replace"})


def test_the_overview_says_what_the_table_of_the_code_says() -> None:
    said: dict[str, str] = {}
    for match in _ROW.finditer(DOCUMENT.read_text(encoding="utf-8")):
        said.setdefault(match["type"].strip(), match["times"].strip())
    for ord_type, times in TIMES_OF_ORD_TYPE.items():
        assert said[ord_type].split(", ") == sorted(times), ord_type
