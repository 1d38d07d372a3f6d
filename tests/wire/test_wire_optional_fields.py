"""Options of a schema: one value for many seldom fields, None where a message has none of them."""

from collections.abc import Callable
from typing import Any

import pytest

from gateway.wire import Wire
from tests.wire.peer import APP, Exchange

Make = Callable[..., Exchange]
OPTIONS = (0, ((18, "t"), (99, "d"), (111, "d"), (126, "u"), (211, "d"), (5950, "t")))
SCHEMA: dict[str, list[Any]] = {"D": [(11, "t"), OPTIONS, (55, "t")]}
ORDER = "11=a|55=AAPL|54=1|38=10|40=2|44=1.5|60=20240229-12:00:00|"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("", None),
        ("18=6|", ("6", None, None, None, None, None)),
        ("99=1.25|211=-0.5|", (None, 125_000_000, None, None, -50_000_000, None)),
        (
            "18=R E|99=1|111=2|126=20240229-12:00:00|211=3|",
            ("R E", 10**8, 2 * 10**8, 1_709_208_000 * 10**9, 3 * 10**8, None),
        ),
    ],
)
def test_options_are_none_or_the_values_of_all(exchanges: Make, fields: str, expected: object) -> None:
    exchange = exchanges(schema=SCHEMA)
    exchange.logged_on().send("D", ORDER + fields)
    assert exchange.wait_for(APP)[0][6] == ("a", expected, "AAPL")


@pytest.mark.parametrize(
    "options",
    [
        (0, ((99, "d"), (18, "t"))),
        (0, ((18, "t"), (18, "t"))),
        (0, ((18, "t"), (34, "i"))),
        (0, ((146, ((55, "t"),)),)),
        (146, ((0, ((55, "t"),)),)),
    ],
)
def test_options_are_body_fields_in_ascending_order(options: object) -> None:
    with pytest.raises(ValueError, match="schema: options"):
        Wire({"D": [(11, "t"), options]}, {})  # type: ignore[list-item]
