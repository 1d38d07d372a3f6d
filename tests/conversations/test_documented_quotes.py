"""Every example of docs/quotes.md is held with the real exchange, word for word."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.conversations.test_conversations import SharedExchange, hold
from tests.conversations.test_documented_examples import examples_of
from tests.support.conversation import Runner
from tests.support.exchange import ROOT, running_exchange
from tests.support.script import read_script

EXAMPLES: Final = examples_of(ROOT / "docs" / "quotes.md")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedExchange]:
    """One exchange for all examples that want none of their own."""
    exchange = SharedExchange(tmp_path_factory.mktemp("quotes") / "exchange")
    yield exchange
    exchange.discard()


@pytest.mark.slow
@pytest.mark.parametrize("title", list(EXAMPLES))
def test_the_example_runs_as_it_is_written(title: str, shared: SharedExchange, tmp_path: Path) -> None:
    path = tmp_path / "quotes.fix"
    path.write_text(EXAMPLES[title], encoding="utf-8")
    script = read_script(path)
    if not script.is_fresh:
        hold(script, "FIX.4.4", shared)
        return
    with running_exchange(tmp_path / "own", session_keys=script.session_keys) as exchange:
        runner = Runner(script, "FIX.4.4", exchange)
        try:
            runner.run()
        finally:
            runner.close()


def test_every_part_has_its_example() -> None:
    assert list(EXAMPLES) == ["Mass quote", "Answers", "Market-maker protection"]
