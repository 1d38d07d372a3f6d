"""docs/trading-phases.md: its tables are those of the code, and its worked example runs as it is written."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from gateway.status import SECURITY_TRADING_STATUS, SUB_ID, TRAD_SES_STATUS
from matching import phases
from tests.conversations.test_conversations import SharedExchange, hold
from tests.model.reference_auction import auction_price, executable
from tests.support.exchange import ROOT
from tests.support.script import read_script

TEXT: Final = (ROOT / "docs" / "trading-phases.md").read_text(encoding="utf-8")
BEGIN: Final = "<!-- generated from matching/phases.py -->\n"
END: Final = "<!-- end -->"
EXAMPLE: Final = re.compile(r"^```conversation\n(.*?)^```$", re.M | re.S)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedExchange]:
    exchange = SharedExchange(tmp_path_factory.mktemp("phases") / "exchange")
    yield exchange
    exchange.discard()


def test_table_of_phases_is_the_one_of_the_code() -> None:
    assert TEXT.partition(BEGIN)[2].partition(END)[0] == phases.as_markdown()


def test_table_of_statuses_is_the_one_of_the_code() -> None:
    for phase in phases.TABLE:
        status, of_fix42 = SECURITY_TRADING_STATUS[phase]
        assert f"| {phase} | {status} | {of_fix42} | {SUB_ID[phase]} | {TRAD_SES_STATUS[phase]} |\n" in TEXT


def test_worked_example_adds_up() -> None:
    """The rows of the two tables, by the judge that tries every price."""
    band_edge = 99_999
    bids, asks = [(band_edge, 20), (58_502, 100), (58_500, 30)], [(58_500, 60), (58_501, 50)]
    assert auction_price(bids, asks, 58_500) == (58_501, 110, 10)
    for price in (58_502, 58_501, 58_500):
        qty, surplus = executable(bids, asks, price)
        wanted = sum(each for limit, each in bids if limit >= price)
        row = f"| {price // 100}.{price % 100:02d} | {wanted} | {wanted - surplus} | {qty} | {surplus} to buy |"
        assert row in TEXT


@pytest.mark.slow
@pytest.mark.parametrize("version", ["FIX.4.4", "FIXT.1.1"])
def test_worked_example_runs_as_it_is_written(version: str, shared: SharedExchange, tmp_path: Path) -> None:
    (example,) = EXAMPLE.findall(TEXT)
    path = tmp_path / "trading-phases.fix"
    path.write_text(example, encoding="utf-8")
    hold(read_script(path), version, shared)
