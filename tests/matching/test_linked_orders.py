"""Linked orders: OCO, OTO and brackets, by list and by an entry's terms; sized, ended and refused together."""

from typing import Any

import pytest

from matching import codec, refusals, work
from matching.commands import Command, ExpireOrders, NewOrder, NewOrderList, SetMarkPrice
from matching.events import Event, Execution, ListedOrder, MarkPriceSet, OrderListAnswered
from matching.terms import Terms
from matching.types import FILL_OR_KILL, MARKET, STOP, ListKind
from tests.matching.harness import Harness, brief, buy, cancel, replace, sell, status, text_of

LISTED = OrderListAnswered(
    1, 7, "L1", (1, 2), kind="oco", orders=tuple(ListedOrder(name, "0", 0, 10, 0, 0, 1) for name in ("tp", "sl"))
)
ENTRY: dict[str, Any] = {"session_id": 1, "account_id": 1}


def order_list(kind: ListKind, *orders: NewOrder) -> NewOrderList:
    """A list of TRADER1."""
    return NewOrderList(1, 1, 7, "L1", kind, orders)


def profit(name: str = "tp", qty: int = 10, price: int = 10_100, **more: Any) -> NewOrder:
    """A sell of ACC1 above the market."""
    return sell(name, qty, price, **(ENTRY | more))


def loss(name: str = "sl", qty: int = 10, stop_price: int = 9_900, **more: Any) -> NewOrder:
    """A stop that sells for ACC1 below the market."""
    return sell(name, qty, 0, ord_type=STOP, terms=Terms(stop_price=stop_price), **(ENTRY | more))


def print_at(exchange: Harness, price: int, name: str) -> list[Any]:
    """One lot trades at a price between others; return what came after the trade."""
    other: dict[str, Any] = {"session_id": 3, "account_id": 3}
    return brief(exchange.apply(sell(f"{name}s", 1, price, **other), buy(f"{name}b", 1, price, **other)))[4:]


def test_records_of_lists_marks_and_times_are_read_as_they_were_written() -> None:
    commands: list[Command] = [order_list("oco", profit(), loss()), SetMarkPrice(1, 5, "x"), ExpireOrders(7)]
    assert codec.decode_commands(codec.encode_commands(commands)) == commands
    events: list[Event] = [OrderListAnswered(1, 7, "L1", (1, 2)), LISTED, MarkPriceSet(1, 5)]
    assert codec.decode_events(codec.encode_events(events)) == events


def held_shares(exchange: Harness) -> int:
    return exchange.risk.balance_of(1, "AAPL")[1]


# -- OCO --------------------------------------------------------------------------------------------------------------


def test_oco_holds_once_and_answers_the_list(special: Harness) -> None:
    events = special.apply(order_list("oco", profit(), loss()))
    assert brief(events) == [("tp", "0", "0", 10, 0), ("sl", "0", "0", 10, 0), ("OrderListAnswered",)]
    assert events[-1] == LISTED
    assert held_shares(special) == 10
    assert special.book() == ([], [(10_100, 10, 1)])


def test_fill_of_one_leg_cancels_the_other(special: Harness) -> None:
    special.apply(order_list("oco", profit(), loss()))
    rows = brief(special.apply(buy("b", 10, 10_100, account_id=2)))
    assert rows[1:] == [
        ("tp", "F", "2", 0, 10, (10, 10_100)),
        ("b", "F", "2", 0, 10, (10, 10_100)),
        ("sl", "4", "4", 0, 0),
    ]
    assert held_shares(special) == 0


def test_partial_fill_of_one_leg_cuts_the_other(special: Harness) -> None:
    special.apply(order_list("oco", profit(), loss()))
    rows = brief(special.apply(buy("b", 4, 10_100, account_id=2)))
    assert rows[-1] == ("sl", "D", "0", 6, 0)
    assert held_shares(special) == 6


def test_trigger_of_one_leg_cancels_the_other_and_takes_over_the_hold(special: Harness) -> None:
    special.apply(order_list("oco", profit(), loss()), buy("bid", 10, 9_890, account_id=2))
    rows = print_at(special, 9_900, "p")
    assert rows == [
        ("tp", "4", "4", 0, 0),
        ("sl", "L", "0", 10, 0),
        ("bid", "F", "2", 0, 10, (10, 9_890)),
        ("sl", "F", "2", 0, 10, (10, 9_890)),
    ]
    assert held_shares(special) == 0


@pytest.mark.parametrize(("named", "other"), [("tp", "sl"), ("sl", "tp")])
def test_cancel_of_one_leg_cancels_the_other(special: Harness, named: str, other: str) -> None:
    special.apply(order_list("oco", profit(), loss()))
    rows = brief(special.apply(cancel("c", named, "2")))
    assert rows == [("c", "4", "4", 0, 0), (other, "4", "4", 0, 0)]
    assert held_shares(special) == 0


def test_sweep_over_both_legs_takes_one_of_them(special: Harness) -> None:
    special.apply(order_list("oco", profit("a", price=10_100), profit("b", price=10_101)))
    assert held_shares(special) == 20
    rows = brief(special.apply(buy("t", 30, 10_200, account_id=2)))
    assert [row[:2] for row in rows] == [("t", "0"), ("a", "F"), ("t", "F"), ("b", "4")]
    assert held_shares(special) == 0


LINKED = Terms(link_id="K")
LINKED_STOP = Terms(link_id="K", stop_price=9_900)


@pytest.mark.parametrize("first", [0, 1])
def test_two_orders_with_one_link_id_end_each_other_and_hold_once(special: Harness, first: int) -> None:
    pair = [profit(terms=LINKED), sell("sl", 10, 0, ord_type=STOP, terms=LINKED_STOP, **ENTRY)]
    special.apply(pair[first])
    assert held_shares(special) == 10
    special.apply(pair[1 - first])
    assert held_shares(special) == 10
    rows = brief(special.apply(buy("b", 4, 10_100, account_id=2)))
    assert rows[-1] == ("sl", "D", "0", 6, 0)
    assert brief(special.apply(cancel("c", "sl", "2")))[-1] == ("tp", "4", "4", 0, 4)
    assert held_shares(special) == 0


def test_link_id_is_free_again_after_its_order_or_its_pair(special: Harness) -> None:
    special.apply(profit("a", terms=LINKED), cancel("c", "a", "2"))
    special.apply(profit("b", terms=LINKED), profit("d", price=10_200, terms=LINKED), profit("e", terms=LINKED))
    rows = brief(special.apply(cancel("c2", "b", "2")))
    assert [row[0] for row in rows] == ["c2", "d"]
    assert brief(special.apply(cancel("c3", "e", "2"))) == [("c3", "4", "4", 0, 0)]


@pytest.mark.parametrize(
    "other",
    [
        profit("b", qty=9, terms=LINKED),
        profit("b", account_id=2, terms=LINKED),
        profit("b", instrument_id=2, terms=LINKED),
        buy("b", 10, 9_000, terms=LINKED),
        profit("b", time_in_force=FILL_OR_KILL, terms=LINKED),
    ],
)
def test_counterpart_of_another_kind_is_refused_and_the_first_stays(special: Harness, other: NewOrder) -> None:
    special.apply(profit("a", terms=LINKED))
    events = special.apply(other)
    assert isinstance(events[0], Execution)
    assert (len(events), events[0].code) == (1, refusals.LIST_NOT_EXPRESSIBLE)
    assert brief(special.apply(cancel("c", "a", "2"))) == [("c", "4", "4", 0, 0)]


def test_counterpart_that_needs_too_much_leaves_the_first_with_its_hold(special: Harness) -> None:
    special.apply(sell("sl", 10, 0, ord_type=STOP, terms=LINKED_STOP, **ENTRY))
    events = special.apply(profit(price=99_999, terms=LINKED))
    assert isinstance(events[0], Execution)
    assert events[0].code == refusals.PRICE_BAND
    assert held_shares(special) == 10


# -- brackets ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def bracket(special: Harness) -> Harness:
    """A buy of ten at 100.00 that rests, with its legs."""
    events = special.apply(order_list("bracket", buy("in", 10, 10_000), profit(), loss()))
    assert brief(events)[:3] == [("in", "0", "0", 10, 0), ("tp", "0", "0", 10, 0), ("sl", "0", "0", 10, 0)]
    return special


def test_legs_wait_and_hold_nothing_until_the_entry_fills(bracket: Harness) -> None:
    assert bracket.book() == ([(10_000, 10, 1)], [])
    assert held_shares(bracket) == 0
    assert brief(bracket.apply(status("tp"))) == [("tp", "I", "0", 10, 0)]


def test_legs_grow_with_the_partial_fills_of_the_entry(bracket: Harness) -> None:
    rows = brief(bracket.apply(sell("s", 4, 10_000)))
    assert rows[3:] == [("tp", "D", "0", 4, 0), ("sl", "D", "0", 4, 0)]
    assert bracket.book() == ([(10_000, 6, 1)], [(10_100, 4, 1)])
    assert held_shares(bracket) == 4
    rows = brief(bracket.apply(sell("s2", 6, 10_000)))
    assert rows[3:] == [("tp", "D", "0", 10, 0), ("sl", "D", "0", 10, 0)]
    assert held_shares(bracket) == 10


def test_cancel_of_an_entry_without_fills_cancels_its_legs(bracket: Harness) -> None:
    rows = brief(bracket.apply(cancel("c", "in")))
    assert rows == [("c", "4", "4", 0, 0), ("tp", "4", "4", 0, 0), ("sl", "4", "4", 0, 0)]


def test_cancel_of_a_partly_filled_entry_leaves_its_legs_with_what_it_filled(bracket: Harness) -> None:
    bracket.apply(sell("s", 4, 10_000))
    assert brief(bracket.apply(cancel("c", "in"))) == [("c", "4", "4", 0, 4)]
    assert bracket.book() == ([], [(10_100, 4, 1)])


def test_take_profit_ends_the_stop_and_the_rest_of_the_entry(bracket: Harness) -> None:
    bracket.apply(sell("s", 4, 10_000))
    rows = brief(bracket.apply(buy("b", 4, 10_100, account_id=2)))
    assert rows[-2:] == [("in", "4", "4", 0, 4), ("sl", "4", "4", 0, 0)]
    assert bracket.book() == ([], [])


def test_stop_loss_ends_the_take_profit_and_the_rest_of_the_entry(special: Harness) -> None:
    on_mark = sell("sl", 10, 0, ord_type=STOP, terms=Terms(stop_price=9_900, trigger="mark"), **ENTRY)
    special.apply(order_list("bracket", buy("in", 10, 10_000), profit(), on_mark))
    special.apply(sell("s", 4, 10_000), buy("bid", 9, 9_800, account_id=2))
    rows = brief(special.apply(SetMarkPrice(1, 9_900, "x")))[1:]
    assert [row[:2] for row in rows] == [
        ("in", "4"),
        ("tp", "4"),
        ("sl", "L"),
        ("bid", "F"),
        ("sl", "F"),
    ]
    assert held_shares(special) == 0


def test_entry_that_trades_at_once_brings_its_legs_in_at_once(special: Harness) -> None:
    special.apply(sell("s", 10, 10_000))
    rows = brief(special.apply(buy("in", 10, 10_000, terms=Terms(take_profit=10_100, stop_loss=9_900))))
    assert rows == [
        ("in", "0", "0", 10, 0),
        ("in-TP", "0", "0", 10, 0),
        ("in-SL", "0", "0", 10, 0),
        ("s", "F", "2", 0, 10, (10, 10_000)),
        ("in", "F", "2", 0, 10, (10, 10_000)),
        ("in-TP", "D", "0", 10, 0),
        ("in-SL", "D", "0", 10, 0),
    ]
    assert special.book() == ([], [(10_100, 10, 1)])


def test_market_entry_that_finds_nothing_takes_its_legs_with_it(special: Harness) -> None:
    terms = Terms(take_profit=10_100, stop_loss=9_900)
    rows = brief(special.apply(buy("in", 10, 0, ord_type=MARKET, terms=terms)))
    assert [row[:2] for row in rows[3:]] == [("in", "C"), ("in-TP", "4"), ("in-SL", "4")]


def test_entry_with_a_trigger_keeps_its_legs(special: Harness) -> None:
    terms = Terms(stop_price=10_010, take_profit=10_100, stop_loss=9_900)
    special.apply(buy("in", 10, 0, ord_type=STOP, terms=terms), sell("s", 4, 10_020))
    rows = print_at(special, 10_010, "p")
    assert rows == [
        ("in", "L", "0", 10, 0),
        ("s", "F", "2", 0, 4, (4, 10_020)),
        ("in", "F", "1", 6, 4, (4, 10_020)),
        ("in", "C", "C", 0, 4),
        ("in-TP", "D", "0", 4, 0),
        ("in-SL", "D", "0", 4, 0),
    ]
    assert special.book() == ([], [(10_100, 4, 1)])


def test_bracket_with_one_leg_only(special: Harness) -> None:
    special.apply(buy("in", 10, 10_000, terms=Terms(stop_loss=9_900)), sell("s", 3, 10_000))
    assert brief(special.apply(status("in-SL"))) == [("in-SL", "I", "0", 3, 0)]
    assert special.book() == ([(10_000, 7, 1)], [])


def test_leg_price_may_be_replaced_and_its_quantity_may_not(bracket: Harness) -> None:
    assert brief(bracket.apply(replace("tp2", "tp", 10, 10_200, "2"))) == [("tp2", "5", "0", 10, 0)]
    assert brief(bracket.apply(replace("tp3", "tp2", 9, 10_200, "2"))) == [("tp3", "9", "0", "2", 99)]
    bracket.apply(sell("s", 4, 10_000))
    assert bracket.book()[1] == [(10_200, 4, 1)]


def test_short_bracket_of_a_perpetual_is_a_mirror(special: Harness) -> None:
    perp: dict[str, Any] = {"instrument_id": 2, "session_id": 1, "account_id": 1}
    special.apply(sell("in", 5, 10_000, terms=Terms(take_profit=9_900, stop_loss=10_100), **perp))
    special.apply(buy("b", 5, 10_000, instrument_id=2, account_id=2))
    assert special.engine.depth(2, 0) == ([(9_900, 5, 1)], [])


# -- refused as a whole -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "orders", "code", "at"),
    [
        ("oco", (profit(),), refusals.LIST_NOT_EXPRESSIBLE, ""),
        ("oco", (), refusals.LIST_NOT_EXPRESSIBLE, ""),
        ("bracket", (buy("in", 10, 10_000), profit()), refusals.LIST_NOT_EXPRESSIBLE, ""),
        ("oto", (buy("in", 10, 10_000), profit(), loss()), refusals.LIST_NOT_EXPRESSIBLE, ""),
        ("oco", (profit(), loss(instrument_id=2)), refusals.LIST_NOT_EXPRESSIBLE, "1"),
        ("oco", (profit(), loss(account_id=2)), refusals.LIST_NOT_EXPRESSIBLE, "1"),
        ("oco", (profit(), loss(qty=9)), refusals.LIST_NOT_EXPRESSIBLE, "1"),
        ("oco", (profit(), buy("b", 10, 9_000)), refusals.LIST_NOT_EXPRESSIBLE, "1"),
        ("oto", (buy("in", 10, 10_000), buy("b", 10, 9_000)), refusals.LIST_NOT_EXPRESSIBLE, "1"),
        ("oco", (profit(time_in_force=FILL_OR_KILL), loss()), refusals.LIST_NOT_EXPRESSIBLE, "0"),
        ("bracket", (buy("in", 10, 10_000), profit(price=9_950), loss()), refusals.BRACKET_ON_WRONG_SIDE, "1"),
        ("bracket", (buy("in", 10, 10_000), profit(), loss(stop_price=10_000)), refusals.BRACKET_ON_WRONG_SIDE, "2"),
        ("oco", (profit("x"), loss("x")), refusals.DUPLICATE_ORDER, "1"),
        ("oco", (profit(qty=99_999), loss(qty=99_999)), refusals.SHARES, "0"),
        ("oto", (buy("in", 10, 10_000), profit(price=99_999)), refusals.PRICE_BAND, "1"),
    ],
)
def test_list_that_cannot_be_taken_leaves_nothing_behind(
    special: Harness, kind: ListKind, orders: tuple[NewOrder, ...], code: int, at: str
) -> None:
    """The code stands on the orders `at` fault; the others are refused with their list."""
    events = special.apply(order_list(kind, *orders))
    answer = events[-1]
    assert isinstance(answer, OrderListAnswered)
    assert (answer.code, answer.order_ids) == (code, ())
    for place, event in enumerate(events[:-1]):
        assert isinstance(event, Execution)
        assert (event.ord_status, event.order_id) == ("8", 0)
        assert event.code == (code if str(place) in at else refusals.LIST_REFUSED)
    assert len(events) == len(orders) + 1
    assert special.book() == ([], [])
    assert (special.cash(1), held_shares(special)) == ((0, 0), 0)


def test_name_of_a_leg_that_is_taken_refuses_the_entry(special: Harness) -> None:
    special.apply(buy("in-SL", 1, 9_000))
    events = special.apply(buy("in", 10, 10_000, terms=Terms(stop_loss=9_900)))
    assert brief(events) == [("in", "8", "8", 0, 0, 6)]
    assert "in-SL" in text_of(events)


def test_entry_with_legs_on_the_wrong_side_is_refused(special: Harness) -> None:
    events = special.apply(buy("in", 10, 10_000, terms=Terms(take_profit=9_900, stop_loss=10_100)))
    assert isinstance(events[0], Execution)
    assert events[0].code == refusals.BRACKET_ON_WRONG_SIDE


def test_a_leg_that_is_filled_as_it_enters_ends_the_other(special: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two steps a buyer has come for the take-profit of the second bracket; nothing is left for its stop."""
    monkeypatch.setattr(work, "ORDERS_PER_STEP_MAX", 1)
    exits = Terms(take_profit=10_100, stop_loss=9_900)
    special.apply(buy("d", 10, 10_000, terms=exits), buy("e", 10, 10_000, terms=exits))
    special.apply(sell("s", 20, 10_000, session_id=3, account_id=3))
    special.finish(buy("b", 20, 10_100, session_id=3, account_id=3))
    assert [order.cl_ord_id for order in special.engine.desk.orders.values() if order.is_open()] == []
    assert not special.engine.has_work
