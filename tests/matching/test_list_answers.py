"""Lists of orders that are sent again, throttled, or refused before the engine: what each is answered with."""

from typing import Any

import msgspec
import pytest

from matching import refusals
from matching.commands import NewOrder, NewOrderList, RefuseOrder, RefuseOrderList, SetProtection
from matching.events import Event, Execution, ListedOrder, MessageThrottled, OrderListAnswered, OrderRefused, SessionCut
from matching.types import EXEC_STATUS, SELL
from tests.matching.harness import Harness, brief, buy, cancel, replace
from tests.matching.test_linked_orders import loss, order_list, profit

SECOND = 1_000_000_000


def again(command: NewOrderList) -> NewOrderList:
    """The same list with PossResend(97)=Y."""
    orders = tuple(msgspec.structs.replace(each, poss_resend=True) for each in command.orders)
    return msgspec.structs.replace(command, orders=orders, poss_resend=True)


def refuse(*names: str, poss_resend: bool = False) -> RefuseOrderList:
    """A list of TRADER1 of which no order could be expressed."""
    orders = tuple(
        RefuseOrder(1, 1, 7, poss_resend, name, "", "NOSUCH", "1", "2", "0", "1", "1", 1, "no such symbol", 10101)
        for name in names
    )
    return RefuseOrderList(1, 1, 7, poss_resend, "L1", "oco", orders, "no such symbol", 10101)


def answer_of(events: list[Event]) -> OrderListAnswered:
    """Return the list's own answer, which comes last."""
    answer = events[-1]
    assert isinstance(answer, OrderListAnswered)
    return answer


def test_list_that_is_sent_again_tells_how_it_stands_and_changes_nothing(special: Harness) -> None:
    command = order_list("oco", profit(), loss())
    special.apply(command, buy("hit", 4, 10_100, session_id=2, account_id=2))
    before = special.book(), special.cash(1)
    events = special.apply(again(command))
    told = [event for event in events if isinstance(event, Execution)]
    assert [(event.exec_type, event.cl_ord_id, event.cum_qty) for event in told] == [
        (EXEC_STATUS, "tp", 4),
        (EXEC_STATUS, "sl", 0),
    ]
    answer = answer_of(events)
    assert (answer.is_status, answer.code, answer.order_ids) == (True, 0, (1, 2))
    assert answer.orders == (ListedOrder("tp", "1", 4, 6, 0, 40_400, 1), ListedOrder("sl", "0", 0, 6, 0, 0, 1))
    assert (special.book(), special.cash(1)) == before


def test_quantity_of_a_leg_that_was_canceled_is_told(special: Harness) -> None:
    command = order_list("oco", profit(), loss())
    special.apply(command, cancel("c", "tp", SELL))
    told = answer_of(special.apply(again(command))).orders
    assert [(each.ord_status, each.leaves_qty, each.canceled_qty) for each in told] == [("4", 0, 10), ("4", 0, 10)]


def test_list_that_was_never_seen_is_taken_though_it_may_be_a_repeat(special: Harness) -> None:
    answer = answer_of(special.apply(again(order_list("oco", profit(), loss()))))
    assert (answer.is_status, answer.order_ids) == (False, (1, 2))


def test_list_of_which_one_name_is_known_is_refused(special: Harness) -> None:
    special.apply(profit("tp", 1))
    answer = answer_of(special.apply(again(order_list("oco", profit(), loss()))))
    assert (answer.is_status, answer.code) == (False, refusals.DUPLICATE_ORDER)
    assert special.book() == ([], [(10_100, 1, 1)])


def test_list_that_was_refused_is_told_so_again(special: Harness) -> None:
    command = order_list("oco", profit(qty=99_999), loss(qty=99_999))
    refused = answer_of(special.apply(command))
    events = special.apply(again(command))
    assert refused.code == refusals.SHARES
    assert brief(events)[:2] == [("tp", "I", "8", 0, 0), ("sl", "I", "8", 0, 0)]
    assert [each.ord_status for each in answer_of(events).orders] == ["8", "8"]


def test_list_without_poss_resend_is_a_duplicate(special: Harness) -> None:
    command = order_list("oco", profit(), loss())
    special.apply(command)
    assert answer_of(special.apply(command)).code == refusals.DUPLICATE_ORDER


# -- refused before the engine ----------------------------------------------------------------------------------------


def test_every_order_of_a_refused_list_is_told_and_its_name_used(special: Harness) -> None:
    events = special.apply(refuse("a", "b"))
    assert [(event.cl_ord_id, event.code) for event in events if isinstance(event, OrderRefused)] == [
        ("a", 10101),
        ("b", 10101),
    ]
    answer = answer_of(events)
    assert (answer.code, answer.order_ids, [each.ord_status for each in answer.orders]) == (10101, (), ["8", "8"])
    assert brief(special.apply(buy("a", 1, 9_000))) == [("a", "8", "8", 0, 0, 6)]


def test_refused_list_that_is_sent_again_is_told_so(special: Harness) -> None:
    special.apply(refuse("a", "b"))
    events = special.apply(refuse("a", "b", poss_resend=True))
    assert [event.exec_type for event in events if isinstance(event, OrderRefused)] == [EXEC_STATUS, EXEC_STATUS]
    assert answer_of(events).is_status


def test_reports_of_a_list_name_it_unless_its_id_is_too_long(special: Harness) -> None:
    taken = special.apply(order_list("oco", profit(), loss()))
    assert [event.terms.list_id for event in taken if isinstance(event, Execution) and event.terms] == ["L1", "L1"]
    replaced = special.apply(replace("tp2", "tp", 10, 10_200, SELL))[0]
    assert isinstance(replaced, Execution)
    assert replaced.terms is not None
    assert (replaced.exec_type, replaced.terms.list_id) == ("5", "L1")
    for list_id, said in (("L2", "L2"), ("L" * 65, "")):
        events = special.apply(msgspec.structs.replace(refuse(f"in {list_id}"), list_id=list_id))
        assert [event.list_id for event in events if isinstance(event, OrderRefused)] == [said]


def test_name_that_stands_twice_in_a_refused_list_is_a_duplicate(special: Harness) -> None:
    events = special.apply(refuse("a", "a"))
    assert [event.code for event in events if isinstance(event, OrderRefused)] == [10101, refusals.DUPLICATE_ORDER]


# -- throttles --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_refused", [False, True])
def test_list_over_the_throttle_is_one_message_and_counts_towards_the_cut(is_refused: bool) -> None:
    exchange = Harness(rate=1, burst=1)
    exchange.apply(SetProtection(1, 1, SECOND, 0, 0), buy("a", 1, 9_000, session_id=1, account_id=1))
    lists: list[Any] = [_named(number, is_refused) for number in range(2)]
    events = exchange.apply(*lists)
    assert [type(event) for event in events[:3]] == [MessageThrottled, MessageThrottled, SessionCut]
    throttled = events[0]
    assert isinstance(throttled, MessageThrottled)
    assert (throttled.ref_msg_type, throttled.ref_id) == ("E", "L1")


def _named(number: int, is_refused: bool) -> NewOrderList | RefuseOrderList:
    orders: tuple[NewOrder, ...] = (profit(f"tp{number}"), loss(f"sl{number}"))
    return refuse(f"x{number}") if is_refused else order_list("oco", *orders)
