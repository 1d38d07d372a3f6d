"""Cancels, replaces and status requests: done, refused, and told to the right session."""

from typing import Any

import pytest

from matching.commands import RefuseCancel, SetAcceptance, SetTradingPhase
from matching.events import CancelRejected, Execution, OrderRefused
from matching.types import AT_THE_CLOSE, BUY, GOOD_TILL_CANCEL, IMMEDIATE_OR_CANCEL, MARKET, SELL
from tests.matching.harness import (
    ACC1,
    MAKER,
    TRADER,
    TRADER_FIX42,
    Harness,
    brief,
    buy,
    cancel,
    replace,
    sell,
    status,
    text_of,
)

# -- cancel -----------------------------------------------------------------------------------------------------------


def test_cancel_takes_the_order_out_of_the_book(exchange: Harness) -> None:
    exchange.apply(buy("a", 100, 9_900), sell("s", 30, 9_900))
    (event,) = exchange.apply(cancel("c", "a"))
    assert isinstance(event, Execution)
    assert brief([event]) == [("c", "4", "4", 0, 30)]
    assert (event.orig_cl_ord_id, event.order_id, event.exec_restatement_reason) == ("a", 1, 0)
    assert exchange.book() == ([], [])
    assert exchange.cash(ACC1) == (-30 * 9_900 * 10_000, 0)


def test_cancel_in_the_middle_of_a_queue_keeps_the_others_in_place(exchange: Harness) -> None:
    exchange.apply(buy("a", 10, 9_900), buy("b", 10, 9_900), buy("c", 10, 9_900))
    exchange.apply(cancel("x", "b"))
    fills = brief(exchange.apply(sell("s", 15, 9_900)))[1::2]
    assert fills == [("a", "F", "2", 0, 10, (10, 9_900)), ("c", "F", "1", 5, 5, (5, 9_900))]


def test_cancel_by_order_id_needs_no_orig_cl_ord_id(exchange: Harness) -> None:
    exchange.apply(buy("a", 100, 9_900))
    assert brief(exchange.apply(cancel("c", "", order_id=1))) == [("c", "4", "4", 0, 0)]


def test_cancel_from_another_session_of_the_comp_id_is_reported_to_the_entering_session(exchange: Harness) -> None:
    exchange.apply(buy("a", 100, 9_900))
    (event,) = exchange.apply(cancel("c", "a", session_id=TRADER_FIX42))
    assert isinstance(event, Execution)
    assert event.session_id == TRADER


def test_cancel_of_an_unknown_order_is_rejected(exchange: Harness) -> None:
    (event,) = exchange.apply(cancel("c", "never"))
    assert isinstance(event, CancelRejected)
    assert event == CancelRejected(TRADER, 0, "c", "never", "8", "1", 1, event.text, 0, 20101)
    assert text_of([event]) == "no order of TRADER1 on this trading day has ClOrdID never"


def test_cancel_that_names_no_order_is_told_so(exchange: Harness) -> None:
    (event,) = exchange.apply(cancel("x", ""))
    assert text_of([event]) == "neither OrigClOrdID(41) nor OrderID(37) names an order"


@pytest.mark.parametrize("by_order_id", [False, True])
def test_cancel_of_another_members_order_is_answered_as_unknown(exchange: Harness, by_order_id: bool) -> None:
    exchange.apply(sell("s", 10, 10_100))
    command = cancel("c", "s", SELL, order_id=1 if by_order_id else 0)
    assert brief(exchange.apply(command)) == [("c", "9", "8", "1", 1)]
    assert exchange.book() == ([], [(10_100, 10, 1)])


def test_cancel_of_a_filled_order_is_too_late_with_its_true_status(exchange: Harness) -> None:
    exchange.apply(buy("a", 10, 9_900), sell("s", 10, 9_900))
    (event,) = exchange.apply(cancel("c", "a"))
    assert isinstance(event, CancelRejected)
    assert (event.ord_status, event.reason, event.order_id, event.account_id) == ("2", 0, 1, ACC1)


def test_cancel_of_a_canceled_and_of_an_expired_order_is_too_late(exchange: Harness) -> None:
    exchange.apply(buy("a", 10, 9_900), cancel("c", "a"), buy("b", 10, 9_900, time_in_force=IMMEDIATE_OR_CANCEL))
    assert brief(exchange.apply(cancel("d", "a"), cancel("e", "b"))) == [
        ("d", "9", "4", "1", 0),
        ("e", "9", "C", "1", 0),
    ]


def test_rejected_cancel_does_not_use_its_cl_ord_id(exchange: Harness) -> None:
    exchange.apply(cancel("c", "never"))
    assert brief(exchange.apply(buy("c", 10, 9_900))) == [("c", "0", "0", 10, 0)]


def test_accepted_cancel_uses_its_cl_ord_id(exchange: Harness) -> None:
    exchange.apply(buy("a", 10, 9_900), cancel("c", "a"))
    assert brief(exchange.apply(buy("c", 10, 9_900))) == [("c", "8", "8", 0, 0, 6)]


def test_cancel_with_a_used_cl_ord_id_is_a_duplicate(exchange: Harness) -> None:
    exchange.apply(buy("a", 10, 9_900), buy("b", 10, 9_900))
    assert brief(exchange.apply(cancel("b", "a"))) == [("b", "9", "0", "1", 6)]


def test_cancel_naming_another_side_or_symbol_is_rejected_with_both(exchange: Harness) -> None:
    exchange.apply(buy("a", 10, 9_900))
    events = exchange.apply(cancel("c", "a", SELL))
    assert brief(events) == [("c", "9", "0", "1", 99)]
    assert text_of(events) == "Side(54) 2 found, order O1 has 1"
    events = exchange.apply(cancel("c", "a", instrument_id=2))
    assert text_of(events) == "Symbol(55) BTC-PERP found, order O1 has AAPL"
    events = exchange.apply(cancel("c", "a", instrument_id=-1))
    assert text_of(events) == "Symbol(55) an unknown one found, order O1 has AAPL"


def test_cancel_passes_while_trading_is_halted_and_orders_are_not_accepted(exchange: Harness) -> None:
    exchange.apply(buy("a", 10, 9_900), SetTradingPhase(1, "halted", "ops", ""), SetAcceptance(False, "disk full"))
    assert brief(exchange.apply(cancel("c", "a"))) == [("c", "4", "4", 0, 0)]


def test_cancel_that_translation_refused_shows_the_true_state(exchange: Harness) -> None:
    exchange.apply(buy("a", 10, 9_900))
    known = RefuseCancel(TRADER, 1, 7, "c", "a", 0, "2", 99, "OrdType(40) 7 found, allowed 1 and 2")
    unknown = RefuseCancel(TRADER, 1, 7, "c", "x", 0, "1", 99, "bad")
    assert exchange.apply(known, unknown) == [
        CancelRejected(TRADER, 1, "c", "a", "0", "2", 99, "OrdType(40) 7 found, allowed 1 and 2", ACC1),
        CancelRejected(TRADER, 0, "c", "x", "8", "1", 99, "bad", 0),
    ]


# -- replace ----------------------------------------------------------------------------------------------------------


def test_quantity_down_keeps_priority(exchange: Harness) -> None:
    exchange.apply(buy("a", 10, 9_900), buy("b", 10, 9_900))
    (event,) = exchange.apply(replace("a2", "a", 6, 9_900))
    assert isinstance(event, Execution)
    assert brief([event]) == [("a2", "5", "0", 6, 0)]
    assert (event.orig_cl_ord_id, event.prior_price, event.prior_leaves) == ("a", 9_900, 10)
    assert exchange.book() == ([(9_900, 16, 2)], [])
    assert brief(exchange.apply(sell("s", 6, 9_900)))[1] == ("a2", "F", "2", 0, 6, (6, 9_900))


@pytest.mark.parametrize(
    ("qty", "price", "time_in_force"),
    [(11, 9_900, "0"), (10, 9_900, "0"), (6, 9_901, "0"), (6, 9_900, GOOD_TILL_CANCEL)],
)
def test_all_else_loses_priority(exchange: Harness, qty: int, price: int, time_in_force: str) -> None:
    exchange.apply(buy("a", 10, 9_900), buy("b", 10, price))
    exchange.apply(replace("a2", "a", qty, price, time_in_force=time_in_force))
    assert brief(exchange.apply(sell("s", 1, 9_900)))[1] == ("b", "F", "1", 9, 1, (1, price))


def test_replaced_quantity_counts_from_the_original_order(exchange: Harness) -> None:
    exchange.apply(buy("a", 10, 9_900), sell("s", 4, 9_900))
    (event,) = exchange.apply(replace("a2", "a", 12, 9_900))
    assert isinstance(event, Execution)
    assert (event.ord_status, event.qty, event.leaves_qty, event.cum_qty, event.prior_leaves) == ("1", 12, 8, 4, 6)


@pytest.mark.parametrize("qty", [3, 4])
def test_replace_to_no_more_than_was_filled_is_too_late(exchange: Harness, qty: int) -> None:
    exchange.apply(buy("a", 10, 9_900), sell("s", 4, 9_900))
    events = exchange.apply(replace("a2", "a", qty, 9_900))
    assert brief(events) == [("a2", "9", "1", "2", 0)]
    assert text_of(events) == f"OrderQty(38) {qty} is not above CumQty(14) 4 of order O1"
    assert exchange.book() == ([(9_900, 6, 1)], [])


def test_aggressive_replace_trades_as_a_new_aggressor(exchange: Harness) -> None:
    exchange.apply(buy("a", 10, 9_900), sell("s", 4, 10_000))
    assert brief(exchange.apply(replace("a2", "a", 10, 10_000))) == [
        ("a2", "5", "0", 10, 0),
        ("s", "F", "2", 0, 4, (4, 10_000)),
        ("a2", "F", "1", 6, 4, (4, 10_000)),
    ]
    assert exchange.book() == ([(10_000, 6, 1)], [])
    assert exchange.cash(ACC1) == (-4 * 10_000 * 10_000, 6 * 10_000 * 10_000)


def test_replace_that_fills_whole_leaves_nothing_behind(exchange: Harness) -> None:
    exchange.apply(buy("a", 10, 9_900), sell("s", 10, 10_000), replace("a2", "a", 10, 10_000))
    assert exchange.book() == ([], [])
    assert exchange.engine.statistics()["open_orders"] == 0


def test_every_cl_ord_id_of_the_chain_names_the_order(exchange: Harness) -> None:
    exchange.apply(buy("a", 10, 9_900), replace("a2", "a", 9, 9_900), replace("a3", "a", 8, 9_900))
    (event,) = exchange.apply(cancel("c", "a2"))
    assert isinstance(event, Execution)
    assert (event.cl_ord_id, event.orig_cl_ord_id, event.order_id) == ("c", "a3", 1)


def test_fills_after_a_replace_carry_the_newest_cl_ord_id(exchange: Harness) -> None:
    exchange.apply(buy("a", 10, 9_900), replace("a2", "a", 9, 9_900))
    assert brief(exchange.apply(sell("s", 1, 9_900)))[1][0] == "a2"


def test_post_only_replace_that_would_take_is_refused(exchange: Harness) -> None:
    exchange.apply(buy("a", 10, 9_900), sell("s", 4, 10_000))
    events = exchange.apply(replace("a2", "a", 10, 10_000, post_only=True))
    assert brief(events) == [("a2", "9", "0", "2", 99)]
    assert "would take" in text_of(events)
    assert exchange.book() == ([(9_900, 10, 1)], [(10_000, 4, 1)])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ord_type": MARKET}, "OrdType(40) 1 found"),
        ({"time_in_force": "3"}, "TimeInForce(59) 3 found"),
        ({"time_in_force": "4"}, "TimeInForce(59) 4 found"),
        ({"instrument_id": 2}, "Symbol(55) BTC-PERP found"),
        ({"side": SELL}, "Side(54) 2 found"),
    ],
)
def test_replace_of_what_cannot_change_is_refused(exchange: Harness, change: dict[str, Any], said: str) -> None:
    exchange.apply(buy("a", 10, 9_900))
    events = exchange.apply(replace("a2", "a", 9, 9_900, **change))
    assert brief(events) == [("a2", "9", "0", "2", 99)]
    assert text_of(events).startswith(said)


def test_replace_refused_by_risk_leaves_the_order_untouched(exchange: Harness) -> None:
    exchange.limits(order_qty_max=20)
    exchange.apply(buy("a", 10, 9_900), buy("b", 10, 9_900))
    events = exchange.apply(replace("a2", "a", 21, 9_900))
    assert brief(events) == [("a2", "9", "0", "2", 99)]
    assert text_of(events) == "OrderQty(38) 21 exceeds order_qty_max 20 of account ACC1 in AAPL"
    assert brief(exchange.apply(sell("s", 1, 9_900)))[1][0] == "a"
    assert brief(exchange.apply(cancel("a2", "a"))) == [("a2", "4", "4", 0, 1)]


def test_replace_is_checked_by_the_difference_of_exposure(exchange: Harness) -> None:
    exchange.apply(buy("a", 9_000, 10_000))
    assert brief(exchange.apply(replace("a2", "a", 10_000, 10_000))) == [("a2", "5", "0", 10_000, 0)]
    events = exchange.apply(replace("a3", "a", 10_001, 10_000))
    assert brief(events) == [("a3", "9", "0", "2", 99)]
    assert text_of(events) == "order needs 100 USD, available cash of account ACC1 is 0 USD"


def test_replace_is_refused_while_trading_is_halted(exchange: Harness) -> None:
    exchange.apply(buy("a", 10, 9_900), SetTradingPhase(1, "halted", "ops", ""))
    assert brief(exchange.apply(replace("a2", "a", 9, 9_900))) == [("a2", "9", "0", "2", 99)]


def test_replace_of_unknown_filled_and_duplicate(exchange: Harness) -> None:
    exchange.apply(buy("a", 10, 9_900), sell("s", 10, 9_900), buy("b", 10, 9_900))
    assert brief(
        exchange.apply(replace("x", "never", 9, 9_900), replace("x", "a", 11, 9_900), replace("a", "b", 9, 9_900))
    ) == [("x", "9", "8", "2", 1), ("x", "9", "2", "2", 0), ("a", "9", "0", "2", 6)]


# -- status -----------------------------------------------------------------------------------------------------------


def test_status_is_told_to_the_session_that_asked(exchange: Harness) -> None:
    exchange.apply(buy("a", 10, 9_900), sell("s", 4, 9_900))
    (event,) = exchange.apply(status("a", session_id=TRADER_FIX42))
    assert isinstance(event, Execution)
    assert brief([event]) == [("a", "I", "1", 6, 4)]
    assert (event.session_id, event.ord_status_req_id) == (TRADER_FIX42, "REQ")


def test_status_by_an_older_cl_ord_id_echoes_it_as_the_original(exchange: Harness) -> None:
    exchange.apply(buy("a", 10, 9_900), replace("a2", "a", 9, 9_900))
    (event,) = exchange.apply(status("a"))
    assert isinstance(event, Execution)
    assert (event.cl_ord_id, event.orig_cl_ord_id) == ("a2", "a")


def test_status_by_order_id(exchange: Harness) -> None:
    exchange.apply(buy("a", 10, 9_900))
    assert brief(exchange.apply(status("", order_id=1))) == [("a", "I", "0", 10, 0)]


@pytest.mark.parametrize(("name", "order_id"), [("never", 0), ("s", 0), ("", 1), ("", 99)])
def test_status_of_an_unknown_or_foreign_order(exchange: Harness, name: str, order_id: int) -> None:
    exchange.apply(sell("s", 10, 10_000))
    (event,) = exchange.apply(status(name, order_id=order_id))
    assert isinstance(event, OrderRefused)
    assert (event.exec_type, event.reason, event.text, event.symbol) == ("I", 5, "unknown order", "AAPL")
    assert (event.session_id, event.ord_status_req_id) == (TRADER, "REQ")


def test_status_of_a_refused_order(exchange: Harness) -> None:
    exchange.apply(buy("a", 10, 50_000))
    assert brief(exchange.apply(status("a"))) == [("a", "I", "8", 0, 0)]


def test_report_of_a_makers_fill_goes_to_the_makers_session(exchange: Harness) -> None:
    exchange.apply(sell("s", 10, 10_000))
    events = exchange.apply(buy("b", 10, 10_000, session_id=TRADER_FIX42))
    sessions = [(event.cl_ord_id, event.session_id) for event in events if isinstance(event, Execution)]
    assert sessions == [("b", TRADER_FIX42), ("s", MAKER), ("b", TRADER_FIX42)]
    assert all(event.side == BUY for event in events if isinstance(event, Execution) and event.cl_ord_id == "b")


def test_a_possible_resend_of_a_cancel_that_was_obeyed_tells_the_status_and_does_nothing(exchange: Harness) -> None:
    exchange.apply(buy("a", 10, 9_900))
    exchange.apply(cancel("c", "a"))
    assert brief(exchange.apply(cancel("c", "a", poss_resend=True))) == [("c", "I", "4", 0, 0)]


def test_a_possible_resend_of_a_replace_that_was_obeyed_replaces_nothing_again(exchange: Harness) -> None:
    exchange.apply(buy("a", 10, 9_900))
    exchange.apply(replace("r", "a", 8, 9_900))
    exchange.apply(replace("s", "r", 6, 9_900))
    (answer,) = exchange.apply(replace("r", "a", 8, 9_900, poss_resend=True))
    assert isinstance(answer, Execution)
    assert (answer.exec_type, answer.qty, answer.leaves_qty) == ("I", 6, 6)


def test_a_possible_resend_of_a_request_that_never_came_is_obeyed(exchange: Harness) -> None:
    exchange.apply(buy("a", 10, 9_900))
    assert brief(exchange.apply(cancel("c", "a", poss_resend=True))) == [("c", "4", "4", 0, 0)]


def test_a_market_order_at_the_close_is_not_replaced_to_a_post_only_one_that_would_take(special: Harness) -> None:
    at_close: dict[str, Any] = {"ord_type": MARKET, "time_in_force": AT_THE_CLOSE}
    special.apply(sell("s", 10, 10_000), buy("m", 10, 0, **at_close))
    change = replace("m2", "m", 5, 0, post_only=True, **at_close)
    assert [row[:3] for row in brief(special.apply(change))] == [("m2", "9", "0")]
