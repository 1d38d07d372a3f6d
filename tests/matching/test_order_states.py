"""The order state table and the documents drawn from it."""

from pathlib import Path

import pytest

from matching.order_states import ACCEPTED, AFTER_FILL, BEFORE, NAMES, OPEN, TABLE, as_diagram, as_markdown


def test_readme_shows_the_table_as_it_is() -> None:
    readme = Path(__file__).parents[2] / "matching" / "README.md"
    assert as_markdown() in readme.read_text(encoding="utf-8")


def test_rules_of_engagement_show_the_diagram_as_it_is() -> None:
    rules = Path(__file__).parents[2] / "docs" / "rules-of-engagement.md"
    assert as_diagram() in rules.read_text(encoding="utf-8")


def test_closed_orders_stay_closed_and_their_trades_may_be_corrected() -> None:
    closed = set(NAMES) - {BEFORE} - set(OPEN)
    assert closed == {"2", "4", "8", "C"}
    corrections = ("correct", "bust", "bust last")
    assert [key for key in TABLE if key[0] in closed and key[1] not in corrections] == []
    assert not closed.intersection(OPEN)
    assert [key for key in TABLE if key[0] in closed and TABLE[key] in OPEN] == []


def test_every_status_is_reached() -> None:
    assert set(TABLE.values()) == set(NAMES) - {BEFORE}
    assert ACCEPTED == "0"


def test_an_illegal_step_is_our_bug() -> None:
    with pytest.raises(KeyError):
        AFTER_FILL["4"]
