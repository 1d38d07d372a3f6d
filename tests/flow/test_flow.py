"""Thirty thousand rows of NASDAQ's record through a real FIX session."""

from pathlib import Path

import pytest

from tests.flow.replay import DATA, Result, replay_file, requests
from tests.support.exchange import running_exchange

EXECUTIONS = 1_620
"""Type 4 rows that name an order which the file places; the README of the data counts 1,607 of them."""
MATCHED_MIN = 1_560
MATCHED_SHARE_MIN = 0.971


@pytest.mark.slow
@pytest.mark.skipif(not DATA.exists(), reason=f"{DATA} is not here")
def test_executions_meet_the_very_orders_that_the_record_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with running_exchange(tmp_path) as exchange:
        result = replay_file(exchange, DATA)
        assert exchange.terminate() == 0
        exchange.verify()
    with capsys.disabled():
        print(
            f"\nreal order flow: {result.matched} of {result.executions} executions met the order of the record "
            f"({100 * result.matched / result.executions:.1f} %), {result.answered} of {result.sent} rows answered"
        )
    assert result.unanswered == []
    assert result.answered == result.sent
    assert result.executions == EXECUTIONS
    assert result.matched >= MATCHED_MIN
    assert result.matched / result.executions >= MATCHED_SHARE_MIN


def test_rows_become_requests_as_the_record_means_them(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    rows = ["1.0,1,7,30,5853300,-1", "1.1,2,7,10,5853300,-1", "1.2,4,7,5,5853300,-1", "1.3,3,7,15,5853300,-1"]
    path.write_text("\n".join([*rows, "1.4,3,99,1,1,1", "1.5,5,0,1,5853300,1"]), encoding="ascii")
    found = list(requests(path, Result()))
    assert [(one.msg_type, one.cl_ord_id, dict(one.fields).get(38), dict(one.fields)[54]) for one in found] == [
        ("D", "N7", "30", "2"),
        ("G", "R1", "20", "2"),
        ("D", "X2", "5", "1"),
        ("F", "C3", "20", "2"),
    ]
    assert (found[2].maker, found[2].qty) == ("R1", 5)
    assert dict(found[3].fields)[41] == "R1"
