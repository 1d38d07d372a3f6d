"""A list of orders is converted up to a bound: one message may hold more than any list has, and costs as one."""

from collections.abc import Callable
from typing import Any

import pytest

from gateway.list_translation import ORDERS_MAX
from tests.wire.peer import APP, Exchange

Make = Callable[..., Exchange]
SCHEMA: dict[str, list[Any]] = {"E": [(66, "t"), (68, "t"), (73, ((67, "t"), (11, "t"), (38, "d")))]}
OTHER: dict[str, list[Any]] = {"V": [(262, "t"), (146, ((55, "t"),))]}


@pytest.mark.parametrize("count", [1, ORDERS_MAX, ORDERS_MAX + 1, ORDERS_MAX + 2, 300])
def test_of_a_long_list_as_much_is_converted_as_tells_that_it_is_too_long(exchanges: Make, count: int) -> None:
    exchange = exchanges(schema=SCHEMA)
    orders = "".join(f"11=c{number}|67={number}|55=AAPL|54=1|38=10|40=1|" for number in range(1, count + 1))
    exchange.logged_on().send("E", f"66=L|394=3|68={count}|73={count}|{orders}")
    list_id, total, entries = exchange.wait_for(APP)[0][6]
    assert (list_id, total) == ("L", str(count))
    assert entries == tuple((str(n), f"c{n}", 10 * 10**8) for n in range(1, min(count, ORDERS_MAX + 1) + 1))


def test_other_groups_have_no_bound_of_their_own(exchanges: Make) -> None:
    exchange = exchanges(schema=OTHER)
    symbols = "".join(f"55=S{number}|" for number in range(100))
    exchange.logged_on().send("V", f"262=r|263=0|264=1|267=1|269=0|146=100|{symbols}")
    assert len(exchange.wait_for(APP)[0][6][1]) == 100
