"""The example of docs/drop-copy.md is held with the real exchange, word for word."""

from pathlib import Path
from typing import Final

import pytest

from tests.conversations.test_documented_examples import examples_of
from tests.support.conversation import Runner
from tests.support.exchange import ROOT, running_exchange
from tests.support.script import read_script

EXAMPLES: Final = examples_of(ROOT / "docs" / "drop-copy.md")


@pytest.mark.slow
def test_the_example_runs_as_it_is_written(tmp_path: Path) -> None:
    (text,) = EXAMPLES.values()
    path = tmp_path / "drop_copy.fix"
    path.write_text(text, encoding="utf-8")
    with running_exchange(tmp_path / "own") as exchange:
        runner = Runner(read_script(path), "FIX.4.4", exchange)
        try:
            runner.run()
        finally:
            runner.close()
