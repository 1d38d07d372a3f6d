"""What linked orders hold and count: each order counts, and of a pair at most one is without a hold."""

from typing import Any

import pytest

from matching import refusals, work
from matching.commands import CancelSessionOrders, MassCancel, NewOrder, SetPermission
from matching.events import Execution, OrderListAnswered
from matching.terms import Terms
from matching.types import MARKET_IF_TOUCHED, STOP
from tests.matching.harness import Harness, brief, buy, cancel, replace, sell
from tests.matching.test_linked_orders import order_list

OWN: dict[str, Any] = {"session_id": 1, "account_id": 1}


def stop(name: str, qty: int = 10, price: int = 9_500, link_id: str = "") -> NewOrder:
    """A stop that sells for ACC1."""
    return sell(name, qty, 0, **OWN, ord_type=STOP, terms=Terms(stop_price=price, link_id=link_id))


def touched(name: str, qty: int = 10, price: int = 10_500) -> NewOrder:
    return sell(name, qty, 0, **OWN, ord_type=MARKET_IF_TOUCHED, terms=Terms(stop_price=price))


def held_shares(harness: Harness) -> int:
    return harness.risk.balance_of(1, "AAPL")[1]


def counted(harness: Harness) -> int:
    return harness.risk.ledgers[1].open_orders


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "ORDERS_PER_STEP_MAX", 2)


def test_the_first_of_two_stops_of_one_link_id_keeps_its_hold(special: Harness) -> None:
    special.apply(stop("a", link_id="K"), stop("b", price=9_400, link_id="K"))
    assert (held_shares(special), counted(special)) == (10, 2)
    assert brief(special.apply(cancel("c", "b", "2"))) == [("c", "4", "4", 0, 0), ("a", "4", "4", 0, 0)]
    assert (held_shares(special), counted(special)) == (0, 0)


def test_a_limit_order_takes_the_hold_of_a_stop_over_and_gives_it_back_where_refused(special: Harness) -> None:
    special.apply(stop("a", link_id="K"), sell("b", 10, 99_999, **OWN, terms=Terms(link_id="K")))
    assert (held_shares(special), counted(special)) == (10, 1)
    special.apply(sell("d", 10, 10_500, **OWN, terms=Terms(link_id="K")))
    assert (held_shares(special), counted(special)) == (10, 2)


def test_two_triggers_of_a_list_hold_once_and_need_what_they_hold(special: Harness) -> None:
    special.apply(order_list("oco", touched("a"), stop("b")))
    assert (held_shares(special), counted(special)) == (10, 2)
    answer = special.apply(order_list("oco", touched("c", 99_999), stop("d", 99_999)))[-1]
    assert isinstance(answer, OrderListAnswered)
    assert answer.code == refusals.SHARES


@pytest.mark.parametrize("first", ["a", "b"])
def test_the_leg_that_is_triggered_holds_and_the_other_gives_back(special: Harness, first: str) -> None:
    special.apply(order_list("oco", touched("a"), stop("b")))
    price = 10_500 if first == "a" else 9_500
    special.apply(buy("deep", 4, 9_000, account_id=2))
    special.apply(sell("ps", 1, price), buy("pb", 1, price, session_id=3, account_id=3))
    # A stop enters as a market order: what finds nothing expires.
    assert (held_shares(special), counted(special)) == (0, 0)


def test_every_order_of_a_bracket_counts(special: Harness) -> None:
    special.limits(open_orders_max=2)
    (event,) = special.apply(buy("e", 10, 10_000, terms=Terms(take_profit=10_500, stop_loss=9_500)))
    assert isinstance(event, Execution)
    assert event.code == refusals.OPEN_ORDERS_MAX
    special.limits(open_orders_max=3)
    special.apply(buy("e2", 10, 10_000, terms=Terms(take_profit=10_500, stop_loss=9_500)))
    assert counted(special) == 3
    assert brief(special.apply(buy("x", 1, 9_000)))[0][1] == "8"


def test_legs_that_are_counted_enter_and_are_replaced_at_the_limit(special: Harness) -> None:
    special.limits(open_orders_max=3)
    special.apply(buy("e", 10, 10_000, terms=Terms(take_profit=10_500, stop_loss=9_500)))
    assert brief(special.apply(replace("r", "e-TP", 10, 10_600, "2")))[0][1] == "5"
    special.apply(sell("s", 4, 10_000))
    assert special.book() == ([(10_000, 6, 1)], [(10_600, 4, 1)])
    assert (held_shares(special), counted(special)) == (4, 3)


def test_a_stop_that_is_the_only_exit_holds(special: Harness) -> None:
    special.apply(buy("e", 10, 10_000, terms=Terms(stop_loss=9_500)), sell("s", 4, 10_000))
    assert held_shares(special) == 4
    special.apply(sell("s2", 6, 10_000))
    assert (held_shares(special), counted(special)) == (10, 1)


def test_a_stop_that_may_not_hold_waits_without(special: Harness) -> None:
    special.apply(buy("e", 10, 10_000, terms=Terms(take_profit=10_500, stop_loss=9_500)), SetPermission(1, 1, "buy"))
    special.apply(sell("s", 4, 10_000))
    assert (held_shares(special), counted(special)) == (0, 2)


def test_two_limit_legs_are_checked_together(special: Harness) -> None:
    legs = buy("a", 6_000, 9_500), buy("b", 6_000, 9_600)
    answer = special.apply(order_list("oco", *legs))[-1]
    assert isinstance(answer, OrderListAnswered)
    assert answer.code == refusals.CASH
    assert (special.cash(1), counted(special)) == ((0, 0), 0)
    special.limits(open_orders_max=1)
    answer = special.apply(order_list("oco", buy("c", 1, 9_500), buy("d", 1, 9_600)))[-1]
    assert isinstance(answer, OrderListAnswered)
    assert answer.code == refusals.OPEN_ORDERS_MAX


def test_legs_that_wait_are_refused_while_orders_of_their_scope_are_being_canceled(small_steps: None) -> None:
    harness = Harness()
    harness.apply(*(buy(f"n{number}", 1, 9_500) for number in range(6)))
    harness.apply(MassCancel(1, 1, 1, "mc", "7"))
    answer = harness.apply(order_list("oco", touched("a"), stop("b")))[-1]
    assert isinstance(answer, OrderListAnswered)
    assert answer.code == refusals.BEING_CANCELED


def test_a_second_leg_with_a_trigger_is_refused_while_its_session_is_being_canceled(small_steps: None) -> None:
    harness = Harness()
    harness.apply(*(buy(f"n{number}", 1, 9_500) for number in range(6)))
    harness.apply(sell("z", 10, 10_500, session_id=2, account_id=1, terms=Terms(link_id="K")))
    harness.apply(CancelSessionOrders(1, "disconnected", (), False, 12))
    assert brief(harness.apply(stop("s", link_id="K")))[0][1] == "8"
