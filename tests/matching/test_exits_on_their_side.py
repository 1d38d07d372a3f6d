"""Exits lie on their side of an entry: when they come, each by itself, and when they or the entry are replaced."""

import re
from typing import Any

import pytest

from matching import refusals
from matching.commands import NewOrder
from matching.events import CancelRejected, Execution
from matching.terms import Terms
from matching.types import MARKET, MARKET_IF_TOUCHED, PEGGED, SELL, STOP, STOP_LIMIT
from tests.matching.harness import Harness, brief, buy, replace, sell
from tests.matching.test_linked_orders import order_list

OWN: dict[str, Any] = {"session_id": 1, "account_id": 1}


def stop(price: int, **more: Any) -> dict[str, Any]:
    return {"ord_type": STOP, "terms": Terms(stop_price=price, **more)}


@pytest.mark.parametrize(
    "entry",
    [
        buy("e", 10, 10_000, terms=Terms(take_profit=10_000)),
        buy("e", 10, 10_000, terms=Terms(stop_loss=10_000)),
        sell("e", 10, 10_000, **OWN, terms=Terms(take_profit=10_001)),
        sell("e", 10, 10_000, **OWN, terms=Terms(stop_loss=9_999)),
        buy("e", 10, 0, **stop(10_200, take_profit=10_100)),
        buy("e", 10, 0, **stop(10_200, take_profit=10_100, stop_loss=9_900)),
        buy("e", 10, 0, **stop(10_200, stop_loss=10_300)),
        buy("e", 10, 10_300, ord_type=STOP_LIMIT, terms=Terms(stop_price=10_200, take_profit=10_250)),
        buy("e", 10, 10_300, ord_type=STOP_LIMIT, terms=Terms(stop_price=10_200, stop_loss=10_250)),
        buy("e", 10, 0, ord_type=MARKET_IF_TOUCHED, terms=Terms(stop_price=9_900, stop_loss=9_950)),
        buy("e", 10, 0, ord_type=MARKET, terms=Terms(take_profit=9_999)),
        buy("e", 10, 0, ord_type=MARKET, terms=Terms(stop_loss=10_001)),
        buy("e", 10, 0, ord_type=MARKET, terms=Terms(take_profit=10_300, stop_loss=10_200)),
    ],
)
def test_an_exit_on_the_wrong_side_refuses_its_entry(special: Harness, entry: NewOrder) -> None:
    (event,) = special.apply(entry)
    assert isinstance(event, Execution)
    assert (event.exec_type, event.code) == ("8", refusals.BRACKET_ON_WRONG_SIDE)
    # Prices as the member sends them: a tick is 0.01.
    assert re.search(r"legs at 1?\d\d(\.\d+)?( and \d+(\.\d+)?)? do not lie", event.text)


def test_an_entry_at_the_market_is_compared_with_the_last_price(special: Harness) -> None:
    special.apply(sell("s", 1, 10_500), buy("b", 1, 10_500, session_id=3, account_id=3))
    (event,) = special.apply(buy("e", 10, 0, ord_type=MARKET, terms=Terms(take_profit=10_400)))
    assert isinstance(event, Execution)
    assert event.code == refusals.BRACKET_ON_WRONG_SIDE
    assert brief(special.apply(buy("f", 10, 0, ord_type=MARKET, terms=Terms(stop_loss=10_400))))[0][1] == "0"


@pytest.mark.parametrize(
    "leg",
    [
        sell("x", 10, 9_990, **OWN),
        sell("x", 10, 0, **OWN, **stop(10_010)),
        sell("x", 10, 0, **OWN, ord_type=MARKET_IF_TOUCHED, terms=Terms(stop_price=9_990)),
    ],
)
def test_a_single_leg_of_a_list_is_checked_too(special: Harness, leg: NewOrder) -> None:
    answer = special.apply(order_list("oto", buy("e", 10, 10_000), leg))[-1]
    assert getattr(answer, "code", 0) == refusals.BRACKET_ON_WRONG_SIDE


@pytest.mark.parametrize(
    "request_",
    [
        replace("r", "e-TP", 10, 10_000, SELL),
        replace("r", "e-SL", 10, 0, SELL, **stop(10_000)),
        replace("r", "e", 10, 10_500),
        replace("r", "e", 10, 9_500),
    ],
)
def test_a_replace_beyond_the_other_side_is_refused(special: Harness, request_: Any) -> None:
    special.apply(buy("e", 10, 10_000, terms=Terms(take_profit=10_500, stop_loss=9_500)))
    (event,) = special.apply(request_)
    assert isinstance(event, CancelRejected)
    assert event.code == refusals.BRACKET_ON_WRONG_SIDE


def test_a_leg_goes_anywhere_once_its_entry_has_closed(special: Harness) -> None:
    special.apply(buy("e", 10, 10_000, terms=Terms(take_profit=10_500, stop_loss=9_500)), sell("s", 10, 10_000))
    assert brief(special.apply(replace("r", "e-SL", 10, 0, SELL, **stop(9_999))))[0][1] == "5"
    assert brief(special.apply(replace("r2", "e-TP", 10, 9_990, SELL)))[0][1] == "5"


def test_a_pegged_entry_brings_no_exits(special: Harness) -> None:
    (event,) = special.apply(buy("p", 10, 0, ord_type=PEGGED, terms=Terms(peg="best", take_profit=10_500)))
    assert isinstance(event, Execution)
    assert event.code == refusals.LIST_NOT_EXPRESSIBLE
