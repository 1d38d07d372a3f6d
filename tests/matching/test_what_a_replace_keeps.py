"""A replaced order keeps its self-match id; one without may get one, whatever other terms it has."""

import pytest

from matching import refusals
from matching.events import CancelRejected, Execution
from matching.terms import Terms
from matching.types import EXEC_REPLACED, FILL_OR_KILL
from tests.matching.harness import Harness, buy, replace

OURS = Terms(self_match_id="OURS", self_match_mode="newest")


@pytest.mark.parametrize("terms", [None, Terms(display_qty=2)], ids=["plain", "iceberg"])
def test_an_order_without_self_match_id_may_get_one_and_keeps_it(special: Harness, terms: Terms | None) -> None:
    display = terms.display_qty if terms else 0
    wanted = Terms(self_match_id="OURS", self_match_mode="newest", display_qty=display)
    (_, event) = special.apply(buy("a", 10, 9_900, terms=terms), replace("b", "a", 10, 9_901, terms=wanted))
    assert isinstance(event, Execution)
    assert event.exec_type == EXEC_REPLACED
    assert event.terms is not None
    assert event.terms.self_match_id == "OURS"
    other = Terms(self_match_id="THEIRS", self_match_mode="newest", display_qty=display)
    (refused,) = special.apply(replace("c", "b", 10, 9_902, terms=other))
    assert isinstance(refused, CancelRejected)
    assert refused.code == refusals.TERM_NOT_REPLACEABLE
    (kept,) = special.apply(replace("d", "b", 10, 9_903, terms=Terms(display_qty=display) if display else None))
    assert isinstance(kept, Execution)
    assert kept.terms is not None
    assert kept.terms.self_match_id == "OURS"


@pytest.mark.parametrize("terms", [None, OURS], ids=["plain", "self-match id"])
def test_the_text_of_a_time_in_force_names_all_that_it_may_become(special: Harness, terms: Terms | None) -> None:
    (_, event) = special.apply(
        buy("a", 10, 9_900, terms=terms), replace("b", "a", 10, 9_900, time_in_force=FILL_OR_KILL, terms=terms)
    )
    assert isinstance(event, CancelRejected)
    assert event.code == refusals.TIME_IN_FORCE_NOT_REPLACEABLE
    assert "Day (0), GTC (1) or GTD (6)" in event.text
