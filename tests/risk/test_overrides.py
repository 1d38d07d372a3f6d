"""Limits changed during the day, permissions, and the throttle of repeated executions."""

from typing import Any

import pytest

from gateway.overrides import ended_overrides
from matching import refusals
from matching.commands import (
    EndLimitOverride,
    OverrideLimits,
    SetKillSwitch,
    SetLimits,
    SetPermission,
    SetProtection,
)
from matching.events import (
    CommandRefused,
    Event,
    Execution,
    KillSwitchSet,
    LimitOverrideEnded,
    LimitsOverridden,
    MessageThrottled,
    PermissionSet,
)
from tests.matching.harness import ACC1, ACC2, TRADER, Harness, brief, buy, cancel, order, replace, sell, text_of
from tests.matching.test_state_records import reload

SECOND = 1_000_000_000
NAMES = ("order_qty_max", "order_value_max", "open_orders_max", "position_max", "rate", "burst")


def override(
    account_id: int = ACC1, instrument_id: int = 1, *, sides: str = "", until_ns: int = 0, **values: int
) -> Any:
    """An override of the named limits."""
    limits: dict[str, Any] = {name: values.get(name, -1) for name in NAMES}
    return OverrideLimits(account_id, instrument_id, **limits, sides=sides, until_ns=until_ns, by="ops", reason="news")


def end(account_id: int = ACC1, instrument_id: int = 1) -> EndLimitOverride:
    """The end of an override by an operator."""
    return EndLimitOverride(account_id, instrument_id, "ops", "over")


def code_of(events: list[Event]) -> int:
    """Code of the last event; 0 where it is no refusal."""
    return int(getattr(events[-1], "code", 0))


def test_override_goes_before_the_configured_limit_and_ends(exchange: Harness) -> None:
    exchange.limits(order_qty_max=10, position_max=10_100)
    assert exchange.apply(override(order_qty_max=5)) == [LimitsOverridden(ACC1, 1, 0, "ops", "news")]
    events = exchange.apply(buy("a", 6, 9_900))
    assert (
        text_of(events) == "OrderQty(38) 6 exceeds order_qty_max 5 of account ACC1 in AAPL, as an operator has set it"
    )
    # Below the configured one and above it, at once; what is not named stays as configured.
    exchange.apply(override(order_qty_max=0))
    assert code_of(exchange.apply(buy("b", 101, 9_900))) == refusals.POSITION_MAX
    assert code_of(exchange.apply(buy("c", 50, 9_900))) == 0
    assert exchange.apply(end()) == [LimitOverrideEnded(ACC1, 1, "ops", "over")]
    assert code_of(exchange.apply(buy("d", 11, 9_900))) == refusals.ORDER_QTY_MAX
    assert isinstance(exchange.apply(end())[0], CommandRefused)


def test_configured_limits_that_change_meanwhile_are_there_afterwards(exchange: Harness) -> None:
    exchange.apply(override(order_qty_max=5))
    exchange.limits(order_qty_max=7)
    assert code_of(exchange.apply(buy("a", 6, 9_900))) == refusals.ORDER_QTY_MAX
    exchange.apply(end())
    assert code_of(exchange.apply(buy("b", 7, 9_900))) == 0


def test_override_over_all_instruments_and_of_the_throttle(exchange: Harness) -> None:
    exchange.apply(override(instrument_id=0, open_orders_max=1, rate=1, burst=3), buy("a", 1, 9_900))
    assert code_of(exchange.apply(buy("b", 1, 9_900, instrument_id=2))) == refusals.OPEN_ORDERS_MAX_OF_ACCOUNT
    events = exchange.apply(buy("c", 1, 9_900), buy("d", 1, 9_900))
    assert isinstance(events[-1], MessageThrottled)
    exchange.apply(end(instrument_id=0), buy("e", 1, 9_900))
    assert not exchange.risk.has_throttles


def test_replace_that_raises_the_quantity_is_held_to_the_override_and_open_orders_stay(exchange: Harness) -> None:
    exchange.apply(buy("a", 50, 9_900), override(order_qty_max=10))
    assert code_of(exchange.apply(replace("b", "a", 60, 9_900))) == refusals.ORDER_QTY_MAX
    assert exchange.book() == ([(9_900, 50, 1)], [])
    assert brief(exchange.apply(cancel("c", "a"))) == [("c", "4", "4", 0, 0)]


@pytest.mark.parametrize(
    "command",
    [
        override(account_id=9, order_qty_max=1),
        override(instrument_id=9, order_qty_max=1),
        override(order_qty_max=-2),
        override(rate=5),
        override(sides="left"),
        override(order_qty_max=1, until_ns=5),
        end(account_id=9),
        SetPermission(9, 1, "buy"),
        SetPermission(ACC1, 9, "buy"),
        SetPermission(ACC1, 1, "left"),
    ],
)
def test_command_that_cannot_be_obeyed_changes_nothing(exchange: Harness, command: Any) -> None:
    before = exchange.engine.risk.dump()
    assert [type(event) for event in exchange.apply(command)] == [CommandRefused]
    assert exchange.engine.risk.dump() == before


def test_override_ends_by_the_timers_command_and_not_before(exchange: Harness) -> None:
    until_ns = exchange.time_ns + 60 * SECOND
    exchange.apply(override(order_qty_max=5, until_ns=until_ns), override(ACC2, 2, sides="none"))
    assert ended_overrides(exchange.risk, until_ns - 1) == []
    commands = ended_overrides(exchange.risk, until_ns)
    assert commands == [EndLimitOverride(ACC1, 1, "timer", "the time of the override is over")]
    exchange.time_ns = until_ns
    assert isinstance(exchange.apply(*commands)[0], LimitOverrideEnded)
    assert ended_overrides(exchange.risk, until_ns + 10**18) == []
    assert code_of(exchange.apply(buy("a", 6, 9_900))) == 0


@pytest.mark.parametrize(
    ("sides", "bought", "sold"),
    [("both", True, True), ("buy", True, False), ("sell", False, True), ("none", False, False)],
)
def test_permission_of_sides(exchange: Harness, sides: str, bought: bool, sold: bool) -> None:
    assert exchange.apply(SetPermission(ACC1, 1, sides)) == [PermissionSet(ACC1, 1, sides)]
    for cl_ord_id, side, allowed in (("a", "1", bought), ("b", "2", sold)):
        events = exchange.apply(order(cl_ord_id, side, 1, 10_000))  # type: ignore[arg-type]  # a side of the table
        assert code_of(events) == (0 if allowed else refusals.SIDE_NOT_PERMITTED)
        if not allowed:
            assert text_of(events) == f"Side(54) {side} is not permitted to account ACC1 in AAPL: {sides}"
    assert code_of(exchange.apply(buy("p", 1, 9_900, instrument_id=2))) == 0


def test_quantity_is_still_bounded_where_one_side_is_permitted(exchange: Harness) -> None:
    exchange.limits(order_qty_max=10)
    exchange.apply(SetPermission(ACC1, 1, "buy"))
    events = exchange.apply(buy("a", 11, 9_900))
    assert text_of(events) == "OrderQty(38) 11 exceeds order_qty_max 10 of account ACC1 in AAPL"
    assert code_of(exchange.apply(buy("b", 10, 9_900))) == 0


def test_the_narrowest_scope_decides_and_an_override_goes_first(exchange: Harness) -> None:
    # A list of instruments: nothing over all, AAPL alone.
    exchange.apply(SetPermission(ACC1, 0, "none"), SetPermission(ACC1, 1, "both"))
    assert code_of(exchange.apply(buy("a", 1, 9_900))) == 0
    assert code_of(exchange.apply(buy("b", 1, 9_900, instrument_id=2))) == refusals.SIDE_NOT_PERMITTED
    exchange.apply(override(instrument_id=2, sides="buy"))
    assert code_of(exchange.apply(buy("c", 1, 9_900, instrument_id=2))) == 0
    exchange.apply(end(instrument_id=2), SetPermission(ACC1, 0, ""))
    assert code_of(exchange.apply(buy("d", 1, 9_900, instrument_id=2))) == 0


def test_overrides_and_permissions_survive_a_reload_with_the_throttle_as_it_was(exchange: Harness) -> None:
    exchange.apply(
        SetLimits(ACC1, 0, 0, 0, 0, 0, 100, 100),
        override(instrument_id=0, rate=1, burst=3),
        override(order_qty_max=5, until_ns=exchange.time_ns + SECOND),
        SetPermission(ACC1, 2, "none"),
        buy("a", 1, 9_900),
        buy("b", 1, 9_900),
    )
    other = reload(exchange)
    assert other.engine.state_hash() == exchange.engine.state_hash()
    orders = [buy("c", 6, 9_900), buy("d", 1, 9_900), buy("e", 1, 9_900, instrument_id=2)]
    for each in orders:
        assert exchange.apply(each) == other.apply(each)
    assert other.risk.override_ends_ns == exchange.risk.override_ends_ns > 0


def test_repeated_executions_stop_the_session_until_a_human_releases_it(exchange: Harness) -> None:
    exchange.apply(SetProtection(TRADER, 0, 0, 2, SECOND), sell("s", 100, 10_000), buy("rest", 5, 9_000))
    assert code_of(exchange.apply(buy("a", 1, 10_000), buy("no", 1, 9_900), buy("b", 1, 10_000))) == 0
    events = exchange.apply(buy("c", 1, 10_000))
    why = "more than 2 executed orders of one kind within 1 s"
    assert KillSwitchSet("session", TRADER, True, "repeated execution throttle", why) in events
    canceled = [event.cl_ord_id for event in events if isinstance(event, Execution) and event.exec_type == "4"]
    assert canceled == ["rest", "no"]
    exchange.time_ns += 100 * SECOND
    assert code_of(exchange.apply(buy("d", 1, 10_000))) == refusals.KILL_SWITCH_OF_SESSION
    exchange.apply(SetKillSwitch("session", TRADER, False, "ops", "checked"))
    assert code_of(exchange.apply(buy("e", 1, 10_000))) == 0


def test_executions_of_another_kind_or_window_or_of_resting_orders_do_not_add_up(exchange: Harness) -> None:
    exchange.apply(SetProtection(TRADER, 0, 0, 1, SECOND), sell("s", 50, 10_000), buy("r", 50, 9_990))
    exchange.apply(buy("a", 1, 10_000), order("b", "2", 1, 9_000), buy("x", 1, 10_000, account_id=3))
    exchange.apply(*(sell(f"h{n}", 1, 9_990) for n in range(5)))
    exchange.time_ns += SECOND
    assert brief(exchange.apply(buy("c", 1, 10_000)))[0] == ("c", "0", "0", 1, 0)


def test_an_order_with_many_fills_and_a_replace_that_takes_count_once_each(exchange: Harness) -> None:
    exchange.apply(SetProtection(TRADER, 0, 0, 2, SECOND), *(sell(f"s{n}", 1, 10_000) for n in range(5)))
    exchange.apply(buy("a", 3, 10_000), buy("b", 1, 9_900))
    assert not any(isinstance(event, KillSwitchSet) for event in exchange.apply(replace("b2", "b", 1, 10_000)))
    exchange.apply(buy("c", 1, 9_900))
    assert any(isinstance(event, KillSwitchSet) for event in exchange.apply(replace("c2", "c", 1, 10_000)))


def test_without_a_bound_orders_go_their_plain_way(exchange: Harness) -> None:
    assert exchange.engine._enter == exchange.engine.desk.enter
    exchange.apply(SetProtection(TRADER, 0, 0, 2, SECOND))
    watched = exchange.engine._enter
    assert watched != exchange.engine.desk.enter
    assert reload(exchange).engine._enter.__name__ == watched.__name__
    exchange.apply(SetProtection(TRADER, 0, 0, 0, 0))
    assert exchange.engine._enter == exchange.engine.desk.enter
