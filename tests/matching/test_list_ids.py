"""ListID(66) is used once by a CompID on a trading day, as a ClOrdID is."""

import msgspec
import pytest

from matching import refusals
from matching.commands import EndTradingDay, NewOrderList
from matching.events import OrderListAnswered
from tests.matching.harness import MAKER, TRADER_FIX42, Harness, RestartingHarness
from tests.matching.test_linked_orders import loss, order_list, profit
from tests.matching.test_list_answers import again, answer_of, refuse

FIRST = msgspec.structs.replace(order_list("oco", profit(), loss()), has_own_id=True)


def second(list_id: str = "L1", session_id: int = 1, suffix: str = "2") -> NewOrderList:
    """A list of new orders."""
    orders = tuple(
        msgspec.structs.replace(each, cl_ord_id=each.cl_ord_id + suffix, session_id=session_id) for each in FIRST.orders
    )
    return msgspec.structs.replace(FIRST, list_id=list_id, session_id=session_id, orders=orders)


@pytest.mark.parametrize("kind", [Harness, RestartingHarness])
def test_list_id_that_was_used_is_refused_and_another_is_taken(kind: type[Harness]) -> None:
    exchange = kind()
    assert answer_of(exchange.apply(FIRST)).code == 0
    held = exchange.cash(1)
    refused = answer_of(exchange.apply(second(session_id=TRADER_FIX42)))
    assert (refused.code, refused.text) == (
        refusals.LIST_ID_USED,
        "ListID(66) L1 was used before on this trading day",
    )
    assert {order.ord_status for order in refused.orders} == {"8"}
    assert exchange.cash(1) == held
    assert answer_of(exchange.apply(second("L2", suffix="3"))).code == 0


def test_another_member_may_use_it(exchange: Harness) -> None:
    exchange.apply(FIRST)
    assert answer_of(exchange.apply(second(session_id=MAKER))).code == 0


def test_list_that_was_refused_has_used_its_id(exchange: Harness) -> None:
    crossed = msgspec.structs.replace(FIRST, orders=(FIRST.orders[0], second().orders[1])[:1])
    assert answer_of(exchange.apply(crossed)).code == refusals.LIST_NOT_EXPRESSIBLE
    assert answer_of(exchange.apply(second())).code == refusals.LIST_ID_USED
    exchange.apply(msgspec.structs.replace(refuse("x", "y"), list_id="L5"))
    assert answer_of(exchange.apply(second("L5", suffix="5"))).code == refusals.LIST_ID_USED


def test_list_that_is_sent_again_tells_how_it_stands(exchange: Harness) -> None:
    exchange.apply(FIRST)
    answer = answer_of(exchange.apply(again(FIRST)))
    assert (answer.is_status, answer.code) == (True, 0)


def test_list_ids_are_forgotten_with_the_trading_day(exchange: Harness) -> None:
    exchange.apply(FIRST)
    exchange.finish(EndTradingDay(20_261_121))
    events = exchange.apply(FIRST)
    assert [event.code for event in events if isinstance(event, OrderListAnswered)] == [0]


def test_records_from_before_are_taken_as_they_were(exchange: Harness) -> None:
    older = msgspec.structs.replace(FIRST, has_own_id=False)
    exchange.apply(older)
    assert answer_of(exchange.apply(msgspec.structs.replace(second(), has_own_id=False))).code == 0
