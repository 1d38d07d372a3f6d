"""What an operator can do about frozen quotes: list them, take them again, and hear what is not known."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from gateway.admin import AdminError
from gateway.quote_operations import QuoteOperations
from gateway.sessions import GatewaySession, SessionBook
from matching.codec import SessionState
from matching.commands import Command
from matching.events import Event
from tests.matching.harness import MAKER, TRADER, Harness
from tests.matching.test_quote_protection import QUOTE, bounds, take

NAMES = {MAKER: "FIX.4.4:MAKER1", TRADER: "FIX.4.4:TRADER1"}
FROZEN = {
    "session": "FIX.4.4:MAKER1",
    "account": "ACC2",
    "symbol": "AAPL",
    "reason": "4 lots were filled within 100 ms, allowed: 3",
}


@pytest.fixture
def exchange() -> Harness:
    """An exchange in which the maker's quotes in AAPL are frozen."""
    found = Harness()
    found.apply(bounds(qty=3), QUOTE, take("a", 4))
    return found


@pytest.fixture
def operations(exchange: Harness) -> QuoteOperations:
    """The operations on that exchange, without a gateway around it."""

    async def events(command: Command) -> list[Event]:
        return exchange.apply(command)

    async def answer(events: list[Event]) -> dict[str, Any]:
        return {"events": len(events)}

    async def read(operation: Callable[[], Any]) -> Any:
        return operation()

    sessions = [
        GatewaySession(
            state=SessionState(key, name, name, 1, 0, 1, 1, 1, 0, 0, 0),
            begin_string="FIX.4.4",
            sender_comp_id="OUTCRY",
            target_comp_id=name,
            role="order_entry",
            accounts={},
            strict=True,
        )
        for key, name in NAMES.items()
    ]
    return QuoteOperations(
        engine=exchange.engine, sessions=SessionBook(sessions), events=events, answer=answer, read=read, shards=None
    )


def test_frozen_quotes_are_listed_until_they_are_reset(operations: QuoteOperations) -> None:
    assert asyncio.run(operations.frozen()) == {"frozen": [FROZEN], "unanswered": []}
    result = asyncio.run(operations.reset(NAMES[MAKER], "checked", account="ACC2", symbol="AAPL"))
    assert result == {"events": 1, "reset": 1}
    assert asyncio.run(operations.frozen()) == {"frozen": [], "unanswered": []}


def test_a_reset_of_others_finds_nothing(operations: QuoteOperations) -> None:
    for scope in ({"account": "ACC1"}, {"symbol": "BTC-PERP"}):
        assert asyncio.run(operations.reset(NAMES[MAKER], "checked", **scope))["reset"] == 0
    assert asyncio.run(operations.reset(NAMES[TRADER], "checked"))["reset"] == 0
    assert asyncio.run(operations.frozen()) == {"frozen": [FROZEN], "unanswered": []}


@pytest.mark.parametrize(
    ("session", "scope", "text"),
    [
        ("X", {}, "session 'X' is not known, allowed: FIX.4.4:MAKER1, FIX.4.4:TRADER1"),
        (NAMES[MAKER], {"account": "X"}, "account 'X' is not known, allowed: ACC1, ACC2, ACC3"),
        (NAMES[MAKER], {"symbol": "X"}, "symbol 'X' is not known, allowed: AAPL, BTC-PERP"),
    ],
)
def test_what_is_not_known_is_named(
    operations: QuoteOperations, session: str, scope: dict[str, str], text: str
) -> None:
    with pytest.raises(AdminError, match=text):
        asyncio.run(operations.reset(session, "checked", **scope))
