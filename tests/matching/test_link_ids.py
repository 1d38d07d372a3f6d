"""ClOrdLinkID(583) names two orders of a CompID on a trading day, and no third, also where the first ended alone."""

from typing import Any

import msgspec
import pytest

from matching import refusals
from matching.commands import EndTradingDay, NewOrder
from matching.events import Execution
from matching.terms import Terms
from matching.types import GOOD_TILL_CANCEL, STOP
from tests.matching.harness import (
    ACC1,
    MAKER,
    TRADER,
    TRADER_FIX42,
    Harness,
    RestartingHarness,
    brief,
    buy,
    cancel,
    sell,
)

OWN: dict[str, Any] = {"session_id": TRADER, "account_id": ACC1, "has_own_link": True}
GTC: dict[str, Any] = {"time_in_force": GOOD_TILL_CANCEL}


@pytest.fixture(params=[Harness, RestartingHarness])
def exchange(request: pytest.FixtureRequest) -> Harness:
    """An exchange, and one that starts again behind each command."""
    made: Harness = request.param()
    return made


def profit(name: str, **more: Any) -> NewOrder:
    """A limit order of the id K."""
    return sell(name, 20, 10_100, terms=Terms(link_id="K"), **(OWN | more))


def loss(name: str, **more: Any) -> NewOrder:
    """A stop of the id K."""
    return sell(name, 20, 0, ord_type=STOP, terms=Terms(link_id="K", stop_price=9_900), **(OWN | more))


def code_and_text(exchange: Harness, command: NewOrder) -> tuple[int, str]:
    """What the exchange answers to an order: 0 where it takes it."""
    answer = exchange.apply(command)[0]
    assert isinstance(answer, Execution)
    return answer.code, answer.text


def refused(exchange: Harness, command: NewOrder, ending: str) -> bool:
    """Tell whether an order is refused with 11116 and a text of this end."""
    code, text = code_and_text(exchange, command)
    return code == refusals.LIST_NOT_EXPRESSIBLE and text.endswith(ending)


def taken(exchange: Harness, command: NewOrder) -> bool:
    """Tell whether an order is accepted."""
    return code_and_text(exchange, command)[0] == 0


def bid(name: str, qty: int = 20) -> NewOrder:
    """A buy of MAKER1 that takes the profit."""
    return buy(name, qty, 10_100, session_id=MAKER, account_id=3)


def test_second_order_is_refused_when_the_first_was_filled(exchange: Harness) -> None:
    exchange.apply(profit("a"), bid("m"))
    held = exchange.risk.balance_of(1, "AAPL")
    assert refused(exchange, loss("b"), "the first order that had it, O1, was filled")
    assert refused(exchange, loss("c"), "O1, was filled")
    assert exchange.risk.balance_of(1, "AAPL") == held


def test_second_order_is_refused_when_the_first_was_filled_as_it_came(exchange: Harness) -> None:
    exchange.apply(bid("m"), profit("a"))
    assert refused(exchange, loss("b"), "was filled")


def test_second_order_is_refused_when_the_first_was_canceled(exchange: Harness) -> None:
    exchange.apply(profit("a"), cancel("x", "a", "2"))
    assert refused(exchange, loss("b", session_id=TRADER_FIX42), "was canceled")


def test_third_order_is_refused_while_the_pair_is_open_and_after(exchange: Harness) -> None:
    exchange.apply(profit("a"), loss("b"))
    ending = "orders O1 and O2 have it already"
    assert refused(exchange, profit("c"), ending)
    assert refused(exchange, profit("d", session_id=TRADER_FIX42), ending)
    ended = brief(exchange.apply(cancel("x", "a", "2")))
    assert [row[0] for row in ended] == ["x", "b"]
    assert refused(exchange, loss("e"), ending)


def test_another_member_and_another_id_are_free(exchange: Harness) -> None:
    exchange.apply(profit("a"), cancel("x", "a", "2"))
    assert taken(exchange, profit("b", session_id=MAKER))
    assert taken(exchange, msgspec.structs.replace(profit("c"), terms=Terms(link_id="L")))


def test_refused_order_has_not_used_its_id(exchange: Harness) -> None:
    assert not taken(exchange, msgspec.structs.replace(profit("a"), qty=99_999))
    assert taken(exchange, profit("b"))
    assert not taken(exchange, msgspec.structs.replace(loss("c"), qty=19))
    assert taken(exchange, loss("d"))


def test_ids_of_closed_orders_are_forgotten_with_the_trading_day(exchange: Harness) -> None:
    exchange.apply(profit("a"), cancel("x", "a", "2"))
    exchange.finish(EndTradingDay(20_261_121))
    assert taken(exchange, profit("a"))
    assert taken(exchange, loss("b"))


def test_order_that_waits_over_the_end_of_the_day_is_found_and_keeps_its_id(exchange: Harness) -> None:
    exchange.apply(profit("a", **GTC))
    exchange.finish(EndTradingDay(20_261_121))
    exchange.apply(bid("m"))
    assert refused(exchange, loss("b"), "was filled")
    exchange.finish(EndTradingDay(20_261_122))
    assert taken(exchange, profit("c"))


def test_pair_that_is_open_over_the_end_of_the_day_keeps_its_id(exchange: Harness) -> None:
    exchange.apply(profit("a", **GTC), loss("b", **GTC))
    exchange.finish(EndTradingDay(20_261_121))
    assert refused(exchange, profit("c"), "orders O1 and O2 have it already")


def test_pair_that_ends_with_the_day_gives_its_id_back(exchange: Harness) -> None:
    exchange.apply(profit("a", **GTC), loss("b"))
    exchange.finish(EndTradingDay(20_261_121))
    assert taken(exchange, profit("c"))


def test_records_from_before_are_taken_as_they_were(exchange: Harness) -> None:
    older = [msgspec.structs.replace(each, has_own_link=False) for each in (profit("a"), loss("b"), profit("c"))]
    exchange.apply(older[0], cancel("x", "a", "2"))
    assert taken(exchange, older[1])
    assert taken(exchange, older[2])
