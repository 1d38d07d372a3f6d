"""The gateway finds an order by its ClOrdID wherever the engine does: random days of a real engine, asked both ways."""

import random

import pytest

from gateway.shard_names import OrderNames
from gateway.start_up import new_engine
from matching.commands import CancelOrder, Command, DefineShard, Deposit, EndTradingDay, NewOrder, ReplaceOrder
from matching.engine import Engine
from matching.events import Event, Execution, OrderRefused, TradingDayEnded
from matching.types import EXEC_TRADE
from tests.support.shard_pair import AAPL, CASH, SESSION, SHARED

SHARD_ID = 7
MEMBER = "T1"


class Day:
    """An engine, and the names that are folded from what it says."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.engine: Engine = new_engine()
        self.names = OrderNames()
        self.given: list[str] = []
        self.day = 20260101
        for command in (
            DefineShard("a", SHARD_ID),
            AAPL,
            *SHARED,
            Deposit(1, "USD", CASH, "cash"),
            Deposit(1, "AAPL", 10_000, "shares"),
        ):
            self.apply(command)

    def apply(self, command: Command) -> None:
        """Apply a command as a shard does, and take its events as the gateway does."""
        out: list[Event] = []
        self.engine.apply(self.engine.seq + 1, self.engine.seq, command, out)
        assert not self.engine.has_work, "so few orders are done with in one step"
        for event in out:
            if isinstance(event, OrderRefused):
                self.names.refused(MEMBER, event, SHARD_ID)
            elif isinstance(event, Execution) and event.exec_type != EXEC_TRADE:
                self.names.fold(MEMBER, event, SHARD_ID)
            elif isinstance(event, Execution) and not event.leaves_qty:
                self.names.filled(event.order_id)
            elif isinstance(event, TradingDayEnded):
                self.names.end_day(SHARD_ID)

    def end_day(self) -> None:
        """End the trading day that is running."""
        self.day += 1
        self.apply(EndTradingDay(self.day))

    def act(self) -> None:
        """Enter, replace or cancel an order, or end the day."""
        chance, name = self.random.random(), f"N{len(self.given)}"
        self.given.append(name)
        known = self.random.choice(self.given[-30:])
        tif = self.random.choice("0134")
        price = self.random.randint(9_995, 10_005)
        if chance < 0.02:
            self.end_day()
        elif chance < 0.6:
            side, qty = self.random.choice("12"), self.random.randint(1, 5)
            self.apply(NewOrder(SESSION, 1, 1, False, name, 1, 1, side, "2", tif, price, qty))  # type: ignore[arg-type]
        elif chance < 0.8:
            side = self.random.choice("12")
            change = (0, 1, side, "2", tif, price, self.random.randint(1, 5))
            self.apply(ReplaceOrder(SESSION, 1, 1, name, known, *change))  # type: ignore[arg-type]
        else:
            self.apply(CancelOrder(SESSION, 1, 1, name, known, 0, 1, self.random.choice("12")))  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(5))
def test_names_are_known_as_long_as_the_engine_knows_them(seed: int) -> None:
    day = Day(seed)
    member = day.engine.sessions[SESSION].member
    for _ in range(400):
        day.act()
        for name in day.given[-40:]:
            expected = SHARD_ID if name in member.used or name in member.refused else 0
            found = day.names.shard_id(MEMBER, name)
            assert found == expected
    day.end_day()
    assert {name for name in day.given if day.names.shard_id(MEMBER, name)} == set(member.used)
    assert day.names.records()[1] == sorted(order.order_id for order in day.engine.sessions[SESSION].open_orders())
    restored = OrderNames()
    restored.load(*day.names.records())
    assert restored.records() == day.names.records()
