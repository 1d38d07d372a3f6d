"""Depth is folded from events alone, and nets to nothing for what never rested."""

from gateway.depth_view import BID, OFFER, DepthView
from tests.gateway.test_reports import execution


def test_a_resting_order_is_a_level_until_it_is_gone() -> None:
    view = DepthView(0, [], [])
    view.fold(execution("0", "0"))
    view.fold(execution("0", "0", order_id=6, qty=50, leaves_qty=50))
    assert view.top(BID, 0) == {-58_500: (150, 2)}
    view.fold(execution("4", "4", order_id=6, qty=50, leaves_qty=0))
    assert view.take_changes() == ([(BID, -58_500)], [])
    view.fold(execution("F", "2", leaves_qty=0, cum_qty=100, last_qty=100, last_price=58_500, trade_id=1))
    assert view.top(BID, 0) == {}


def test_an_aggressor_that_never_rests_leaves_no_level() -> None:
    view = DepthView(0, [], [(58_400, 30, 1)])
    view.fold(execution("0", "0"))
    view.fold(
        execution("F", "2", side="2", price=58_400, qty=30, leaves_qty=0, cum_qty=30, last_qty=30, last_price=58_400)
    )
    view.fold(
        execution("F", "1", leaves_qty=70, cum_qty=30, last_qty=30, last_price=58_400, trade_id=1, is_aggressor=True)
    )
    view.fold(execution("C", "C", leaves_qty=0, cum_qty=30))
    assert (view.top(BID, 0), view.top(OFFER, 0)) == ({}, {})
    assert view.take_changes()[1] == [(58_400, 30, 1)]


def test_a_replace_moves_what_is_left() -> None:
    view = DepthView(0, [(58_500, 100, 1)], [])
    view.fold(execution("5", "0", price=58_300, qty=80, leaves_qty=80, prior_price=58_500, prior_leaves=100))
    assert view.top(BID, 0) == {-58_300: (80, 1)}


def test_the_best_levels_come_first_on_both_sides() -> None:
    view = DepthView(0, [(3, 1, 1), (5, 1, 1), (4, 1, 1)], [(9, 1, 1), (7, 1, 1)])
    assert list(view.top(BID, 2)) == [-5, -4]
    assert list(view.top(OFFER, 1)) == [7]
