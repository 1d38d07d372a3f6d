"""Icebergs: the book shows the displayed quantity, a refill goes to the queue's end, leaves stay true."""

import pytest

from matching import refusals
from matching.events import Execution
from matching.terms import Terms
from matching.types import FILL_OR_KILL, IMMEDIATE_OR_CANCEL, MARKET
from tests.matching.harness import Harness, brief, buy, cancel, replace, sell, text_of

SHOWS_10 = Terms(display_qty=10)


def test_book_shows_the_displayed_quantity_and_leaves_are_true(special: Harness) -> None:
    (event,) = special.apply(sell("ice", 30, 10_000, terms=SHOWS_10))
    assert isinstance(event, Execution)
    assert (event.leaves_qty, event.shown_qty, event.terms) == (30, 10, SHOWS_10)
    assert special.book() == ([], [(10_000, 10, 1)])


def test_refill_goes_to_the_end_of_the_queue(special: Harness) -> None:
    special.apply(sell("ice", 30, 10_000, terms=SHOWS_10), sell("other", 10, 10_000))
    events = special.apply(buy("b", 15, 10_000))
    assert brief(events) == [
        ("b", "0", "0", 15, 0),
        ("ice", "F", "1", 20, 10, (10, 10_000)),
        ("b", "F", "1", 5, 10, (10, 10_000)),
        ("ice", "D", "1", 20, 10),
        ("other", "F", "1", 5, 5, (5, 10_000)),
        ("b", "F", "2", 0, 15, (5, 10_000)),
    ]
    restated = events[3]
    assert isinstance(restated, Execution)
    assert (restated.exec_restatement_reason, restated.shown_qty, restated.prior_leaves) == (4, 10, 0)
    assert special.book() == ([], [(10_000, 15, 2)])


def test_one_sweep_takes_every_refill_and_the_rest_of_an_iceberg(special: Harness) -> None:
    special.apply(sell("ice", 25, 10_000, terms=SHOWS_10))
    rows = brief(special.apply(buy("b", 30, 10_000)))
    assert [row for row in rows if row[0] == "ice"] == [
        ("ice", "F", "1", 15, 10, (10, 10_000)),
        ("ice", "D", "1", 15, 10),
        ("ice", "F", "1", 5, 20, (10, 10_000)),
        ("ice", "D", "1", 5, 20),
        ("ice", "F", "2", 0, 25, (5, 10_000)),
    ]
    assert special.book() == ([(10_000, 5, 1)], [])


def test_iceberg_that_takes_first_rests_with_what_it_displays(special: Harness) -> None:
    special.apply(sell("s", 12, 10_000))
    special.apply(buy("ice", 30, 10_000, terms=SHOWS_10))
    assert special.book() == ([(10_000, 10, 1)], [])
    assert special.apply(cancel("c", "ice"))
    assert special.book() == ([], [])
    assert special.cash(1)[1] == 0


def test_fok_counts_what_is_hidden(special: Harness) -> None:
    special.apply(sell("ice", 30, 10_000, terms=SHOWS_10))
    assert brief(special.apply(buy("f", 31, 10_000, time_in_force=FILL_OR_KILL)))[1:] == [("f", "C", "C", 0, 0)]
    assert brief(special.apply(buy("g", 30, 10_000, time_in_force=FILL_OR_KILL)))[-1][:5] == ("g", "F", "2", 0, 30)


def test_plain_fok_in_a_book_with_an_iceberg_that_has_room(special: Harness) -> None:
    special.apply(sell("ice", 30, 10_000, terms=SHOWS_10), sell("s", 5, 10_001))
    assert brief(special.apply(buy("f", 35, 10_001, time_in_force=FILL_OR_KILL)))[-1][:5] == ("f", "F", "2", 0, 35)


@pytest.mark.parametrize(
    ("more", "qty", "code"),
    [
        ({}, 9, refusals.DISPLAY_QTY_OVER_QTY),
        ({"time_in_force": IMMEDIATE_OR_CANCEL}, 20, refusals.DISPLAY_QTY_NOT_OFFERED),
        ({"time_in_force": FILL_OR_KILL}, 20, refusals.DISPLAY_QTY_NOT_OFFERED),
        ({"ord_type": MARKET}, 20, refusals.DISPLAY_QTY_NOT_OFFERED),
    ],
)
def test_display_that_contradicts_the_order_is_refused(
    special: Harness, more: dict[str, str], qty: int, code: int
) -> None:
    events = special.apply(sell("ice", qty, 10_000, terms=SHOWS_10, **more))
    assert isinstance(events[0], Execution)
    assert (events[0].ord_status, events[0].code) == ("8", code)
    assert text_of(events)
    assert special.book() == ([], [])


def test_an_iceberg_displays_a_hundredth_at_least(special: Harness) -> None:
    events = special.apply(sell("a", 1_001, 10_000, terms=SHOWS_10), sell("b", 1_000, 10_000, terms=SHOWS_10))
    assert isinstance(events[0], Execution)
    assert events[0].code == refusals.DISPLAY_QTY_TOO_SMALL
    assert text_of(events[:1]) == "the displayed quantity 10 is below 11, 1/100 of OrderQty(38)"
    assert special.book() == ([], [(10_000, 10, 1)])


def test_quantity_down_keeps_the_place_and_takes_from_what_is_hidden(special: Harness) -> None:
    special.apply(sell("ice", 30, 10_000, terms=SHOWS_10), sell("other", 5, 10_000))
    special.apply(replace("r", "ice", 22, 10_000, "2", session_id=3, terms=SHOWS_10))
    assert special.book() == ([], [(10_000, 15, 2)])
    assert brief(special.apply(buy("b", 1, 10_000)))[1][0] == "r"


def test_display_may_change_and_loses_the_place(special: Harness) -> None:
    special.apply(sell("ice", 30, 10_000, terms=SHOWS_10), sell("other", 5, 10_000))
    special.apply(replace("r", "ice", 30, 10_000, "2", session_id=3, terms=Terms(display_qty=20)))
    assert special.book() == ([], [(10_000, 25, 2)])
    assert brief(special.apply(buy("b", 1, 10_000)))[1][0] == "other"


def test_plain_order_becomes_an_iceberg_and_back(special: Harness) -> None:
    special.apply(sell("a", 30, 10_000))
    special.apply(replace("b", "a", 30, 10_000, "2", session_id=3, terms=SHOWS_10))
    assert special.book() == ([], [(10_000, 10, 1)])
    special.apply(replace("c", "b", 30, 10_000, "2", session_id=3))
    assert special.book() == ([], [(10_000, 30, 1)])
    assert special.engine.desk.books[1].is_plain
