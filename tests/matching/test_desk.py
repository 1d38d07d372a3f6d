"""New orders: acceptance, matching, what is left, and refusals by ClOrdID, phase and time in force."""

from typing import Any

import pytest

from matching.commands import RefuseOrder, SetReferencePrice, SetTradingPhase
from matching.events import Execution, OrderRefused
from matching.types import (
    BUY,
    FILL_OR_KILL,
    GOOD_TILL_CANCEL,
    IMMEDIATE_OR_CANCEL,
    MARKET,
    SELL,
    TimeInForce,
    TradingPhase,
)
from tests.matching.harness import ACC1, ACC2, MAKER, TRADER, TRADER_FIX42, Harness, brief, buy, sell, text_of


def test_limit_order_rests_with_one_report(exchange: Harness) -> None:
    events = exchange.apply(buy("a", 100, 9_900))
    assert events == [
        Execution(1, "0", "0", 1, TRADER, "a", "", ACC1, 1, BUY, "2", "0", 9_900, 100, 100, 0, 0),
    ]
    assert exchange.book() == ([(9_900, 100, 1)], [])


def test_trade_reports_resting_side_first_at_the_resting_price(exchange: Harness) -> None:
    exchange.apply(sell("s", 60, 9_950))
    events = exchange.apply(buy("b", 100, 10_000))
    fill: dict[str, Any] = {"last_price": 9_950, "last_qty": 60, "trade_id": 1}
    assert events == [
        Execution(2, "0", "0", 2, TRADER, "b", "", ACC1, 1, BUY, "2", "0", 10_000, 100, 100, 0, 0),
        Execution(3, "F", "2", 1, MAKER, "s", "", ACC2, 1, SELL, "2", "0", 9_950, 60, 0, 60, 597_000, **fill),
        Execution(
            4,
            "F",
            "1",
            2,
            TRADER,
            "b",
            "",
            ACC1,
            1,
            BUY,
            "2",
            "0",
            10_000,
            100,
            40,
            60,
            597_000,
            **fill,
            is_aggressor=True,
        ),
    ]
    assert exchange.book() == ([(10_000, 40, 1)], [])


def test_best_price_trades_first_and_then_the_oldest_at_a_price(exchange: Harness) -> None:
    exchange.apply(sell("s1", 10, 10_010), sell("s2", 10, 10_000), sell("s3", 10, 10_000), sell("s4", 10, 9_990))
    events = exchange.apply(buy("b", 35, 10_010))
    assert brief(events) == [
        ("b", "0", "0", 35, 0),
        ("s4", "F", "2", 0, 10, (10, 9_990)),
        ("b", "F", "1", 25, 10, (10, 9_990)),
        ("s2", "F", "2", 0, 10, (10, 10_000)),
        ("b", "F", "1", 15, 20, (10, 10_000)),
        ("s3", "F", "2", 0, 10, (10, 10_000)),
        ("b", "F", "1", 5, 30, (10, 10_000)),
        ("s1", "F", "1", 5, 5, (5, 10_010)),
        ("b", "F", "2", 0, 35, (5, 10_010)),
    ]
    last = events[-1]
    assert isinstance(last, Execution)
    assert last.cum_value == 10 * 9_990 + 20 * 10_000 + 5 * 10_010


def test_sell_aggressor_takes_the_highest_bid_first(exchange: Harness) -> None:
    exchange.apply(buy("b1", 10, 9_990), buy("b2", 10, 10_000))
    assert brief(exchange.apply(sell("s", 20, 9_990)))[1::2] == [
        ("b2", "F", "2", 0, 10, (10, 10_000)),
        ("b1", "F", "2", 0, 10, (10, 9_990)),
    ]
    assert exchange.book() == ([], [])


def test_orders_that_do_not_reach_each_other_do_not_trade(exchange: Harness) -> None:
    exchange.apply(sell("s", 10, 10_001))
    assert brief(exchange.apply(buy("b", 10, 10_000))) == [("b", "0", "0", 10, 0)]
    assert exchange.book() == ([(10_000, 10, 1)], [(10_001, 10, 1)])


def test_ioc_remainder_expires_after_partial_fill(exchange: Harness) -> None:
    exchange.apply(sell("s", 40, 10_000))
    events = exchange.apply(buy("b", 60, 10_000, time_in_force=IMMEDIATE_OR_CANCEL))
    assert brief(events)[2:] == [("b", "F", "1", 20, 40, (40, 10_000)), ("b", "C", "C", 0, 40)]
    assert exchange.book() == ([], [])


def test_ioc_without_counterpart_expires_whole(exchange: Harness) -> None:
    events = exchange.apply(buy("b", 60, 10_000, time_in_force=IMMEDIATE_OR_CANCEL))
    assert brief(events) == [("b", "0", "0", 60, 0), ("b", "C", "C", 0, 0)]


@pytest.mark.parametrize(
    ("qty", "price", "filled"),
    [
        (50, 10_001, True),  # exactly all that is there, over two levels
        (51, 10_001, False),  # one lot more than there is
        (31, 10_000, False),  # enough in the book, but not within the limit
        (30, 10_000, True),
    ],
)
def test_fok_fills_whole_or_leaves_the_book_unchanged(exchange: Harness, qty: int, price: int, filled: bool) -> None:
    exchange.apply(sell("s1", 30, 10_000), sell("s2", 20, 10_001))
    before = exchange.book()
    events = exchange.apply(buy("b", qty, price, time_in_force=FILL_OR_KILL))
    if filled:
        assert brief(events)[-1][:5] == ("b", "F", "2", 0, qty)
    else:
        assert brief(events) == [("b", "0", "0", qty, 0), ("b", "C", "C", 0, 0)]
        assert exchange.book() == before


def test_market_order_takes_within_the_band_and_its_rest_expires(exchange: Harness) -> None:
    exchange.apply(sell("s1", 10, 10_500), sell("s2", 10, 11_000))
    exchange.apply(SetReferencePrice(1, 9_900, "ops"))
    events = exchange.apply(buy("b", 30, 0, ord_type=MARKET))
    assert brief(events) == [
        ("b", "0", "0", 30, 0),
        ("s1", "F", "2", 0, 10, (10, 10_500)),
        ("b", "F", "1", 20, 10, (10, 10_500)),
        ("b", "C", "C", 0, 10),
    ]
    assert [event.price for event in events if isinstance(event, Execution) and event.cl_ord_id == "b"] == [10_890] * 3
    assert exchange.book() == ([], [(11_000, 10, 1)])


@pytest.mark.parametrize("time_in_force", ["0", "1", "3"])
def test_market_order_never_rests(exchange: Harness, time_in_force: TimeInForce) -> None:
    events = exchange.apply(sell("s", 30, 0, ord_type=MARKET, time_in_force=time_in_force))
    assert brief(events) == [("s", "0", "0", 30, 0), ("s", "C", "C", 0, 0)]
    assert exchange.book() == ([], [])


def test_protection_price_is_rounded_inward_to_ticks(exchange: Harness) -> None:
    exchange.apply(SetReferencePrice(1, 9_999, "ops"))
    prices = []
    for command in (buy("b", 1, 0, ord_type=MARKET), sell("s", 1, 0, ord_type=MARKET)):
        (new, _) = exchange.apply(command)
        assert isinstance(new, Execution)
        prices.append(new.price)
    assert prices == [10_998, 9_000]  # 10998.9 down, 8999.1 up


def test_post_only_that_would_take_is_refused_and_the_book_unchanged(exchange: Harness) -> None:
    exchange.apply(sell("s", 10, 10_000))
    before = exchange.book()
    events = exchange.apply(buy("b", 10, 10_000, post_only=True))
    assert brief(events) == [("b", "8", "8", 0, 0, 99)]
    assert text_of(events) == "post-only order at Price(44) 100 would take the best opposite price 100"
    assert exchange.book() == before


def test_post_only_that_does_not_take_rests(exchange: Harness) -> None:
    exchange.apply(sell("s", 10, 10_000))
    assert brief(exchange.apply(buy("b", 10, 9_999, post_only=True))) == [("b", "0", "0", 10, 0)]


def test_own_orders_of_one_account_trade_without_moving_money(exchange: Harness) -> None:
    exchange.apply(sell("s", 10, 10_000, session_id=TRADER, account_id=ACC1))
    assert brief(exchange.apply(buy("b", 10, 10_000)))[-1] == ("b", "F", "2", 0, 10, (10, 10_000))
    assert exchange.cash(ACC1) == (0, 0)


# -- ClOrdID(11) ------------------------------------------------------------------------------------------------------


def test_duplicate_cl_ord_id_is_refused_over_all_sessions_of_the_comp_id(exchange: Harness) -> None:
    exchange.apply(buy("a", 10, 9_900))
    for session_id in (TRADER, TRADER_FIX42):
        events = exchange.apply(buy("a", 10, 9_900, session_id=session_id))
        assert brief(events) == [("a", "8", "8", 0, 0, 6)]
        assert "ClOrdID(11) a was used before" in text_of(events)
    assert exchange.book() == ([(9_900, 10, 1)], [])


def test_members_use_the_same_cl_ord_id_without_meeting(exchange: Harness) -> None:
    exchange.apply(buy("a", 10, 9_900))
    assert brief(exchange.apply(sell("a", 10, 10_100))) == [("a", "0", "0", 10, 0)]


def test_resent_order_is_answered_with_the_status_of_the_first(exchange: Harness) -> None:
    exchange.apply(buy("a", 10, 10_000), sell("s", 4, 10_000))
    events = exchange.apply(buy("a", 10, 10_000, poss_resend=True, session_id=TRADER_FIX42))
    assert brief(events) == [("a", "I", "1", 6, 4)]
    answer = events[0]
    assert isinstance(answer, Execution)
    assert (answer.order_id, answer.session_id) == (1, TRADER_FIX42)


def test_resent_order_that_never_came_is_taken(exchange: Harness) -> None:
    assert brief(exchange.apply(buy("a", 10, 10_000, poss_resend=True))) == [("a", "0", "0", 10, 0)]


def test_resent_refused_order_is_answered_with_its_refusal(exchange: Harness) -> None:
    (refused,) = exchange.apply(buy("a", 10, 20_000))
    (answer,) = exchange.apply(buy("a", 10, 9_900, poss_resend=True))
    assert isinstance(refused, Execution)
    assert isinstance(answer, Execution)
    assert brief([refused]) == [("a", "8", "8", 0, 0, 16)]
    assert (answer.exec_type, answer.ord_status, answer.reason, answer.text) == ("I", "8", 16, refused.text)
    assert answer.exec_id == refused.exec_id + 1


def test_refused_order_has_used_its_cl_ord_id(exchange: Harness) -> None:
    exchange.apply(buy("a", 10, 20_000))
    assert brief(exchange.apply(buy("a", 10, 9_900))) == [("a", "8", "8", 0, 0, 6)]


def refuse(cl_ord_id: str, *, poss_resend: bool = False) -> RefuseOrder:
    """An order for a symbol that does not exist."""
    return RefuseOrder(
        TRADER, 1, 7, poss_resend, cl_ord_id, "ACC1", "XYZ", "1", "2", "0", "10.005", "7", 1, "unknown symbol XYZ"
    )


def test_order_that_translation_refused_has_an_exec_id_and_uses_its_cl_ord_id(exchange: Harness) -> None:
    events = exchange.apply(refuse("a"))
    expected = OrderRefused(1, TRADER, "a", "ACC1", "XYZ", "1", "2", "0", "10.005", "7", 1, "unknown symbol XYZ")
    assert events == [expected]
    assert brief(exchange.apply(buy("a", 10, 9_900))) == [("a", "8", "8", 0, 0, 6)]
    (again,) = exchange.apply(refuse("a"))
    assert isinstance(again, OrderRefused)
    assert again.reason == 6
    (resent,) = exchange.apply(refuse("a", poss_resend=True))
    assert isinstance(resent, OrderRefused)
    assert (resent.exec_type, resent.reason, resent.exec_id) == ("I", 1, 4)


# -- phases -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", ["halted", "closed"])
def test_orders_outside_continuous_trading_are_refused(exchange: Harness, phase: TradingPhase) -> None:
    exchange.apply(SetTradingPhase(1, phase, "ops", "news"))
    events = exchange.apply(buy("a", 10, 9_900))
    assert brief(events) == [("a", "8", "8", 0, 0, 2)]
    assert phase in text_of(events)
    exchange.apply(SetTradingPhase(1, "continuous", "ops", ""))
    assert brief(exchange.apply(buy("b", 10, 9_900))) == [("b", "0", "0", 10, 0)]


def test_gtc_is_reported_as_given(exchange: Harness) -> None:
    (new,) = exchange.apply(buy("a", 10, 9_900, time_in_force=GOOD_TILL_CANCEL))
    assert isinstance(new, Execution)
    assert new.time_in_force == GOOD_TILL_CANCEL
