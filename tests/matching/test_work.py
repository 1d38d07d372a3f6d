"""Work over the bound of one step: it goes on in steps, blocks its scope, and lets others trade between."""

import pytest

from matching import work
from matching.commands import CancelSessionOrders, ContinueWork, EndTradingDay, SetKillSwitch
from matching.events import CommandRefused, Event, Execution, TradingDayEnded, WorkLeft
from matching.types import GOOD_TILL_CANCEL
from tests.matching.harness import TRADER, TRADER_FIX42, Harness, brief, buy, cancel, replace, sell, status, text_of


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "ORDERS_PER_STEP_MAX", 3)


def test_a_step_is_at_most_500_orders() -> None:
    assert work.ORDERS_PER_STEP_MAX == 500


def test_cancel_of_a_sessions_orders_says_why_and_spares_others(exchange: Harness) -> None:
    exchange.apply(buy("a", 10, 9_900), buy("b", 10, 9_900, session_id=TRADER_FIX42), sell("s", 10, 10_100))
    (event,) = exchange.apply(CancelSessionOrders(TRADER, "Canceled on disconnect"))
    assert isinstance(event, Execution)
    assert brief([event]) == [("a", "4", "4", 0, 0)]
    assert (event.text, event.exec_restatement_reason) == ("Canceled on disconnect", 12)
    assert (event.cl_ord_id, event.orig_cl_ord_id) == ("a", "")


def test_cancel_of_no_orders_and_of_an_unknown_session(exchange: Harness) -> None:
    assert exchange.apply(CancelSessionOrders(TRADER, "gone")) == []
    assert isinstance(exchange.apply(CancelSessionOrders(9, "gone"))[0], CommandRefused)


@pytest.mark.usefixtures("small_steps")
def test_cancel_goes_on_in_steps_in_the_order_of_entry(exchange: Harness) -> None:
    exchange.apply(*(buy(f"a{n}", 1, 9_900 + n) for n in range(7)))
    events = exchange.apply(CancelSessionOrders(TRADER, "gone"))
    assert [row[0] for row in brief(events)] == ["a0", "a1", "a2", "WorkLeft"]
    assert events[-1] == WorkLeft(4)
    left = exchange.engine.has_work
    assert left
    assert exchange.apply(ContinueWork())[-1] == WorkLeft(1)
    assert brief(exchange.apply(ContinueWork())) == [("a6", "4", "4", 0, 0)]
    assert not exchange.engine.has_work
    assert isinstance(exchange.apply(ContinueWork())[0], CommandRefused)


@pytest.mark.usefixtures("small_steps")
def test_scope_is_blocked_from_the_first_step_and_others_trade_between(exchange: Harness) -> None:
    exchange.apply(*(buy(f"a{n}", 1, 9_900 + n) for n in range(7)))
    exchange.apply(CancelSessionOrders(TRADER, "gone"))
    events = exchange.apply(buy("new", 1, 9_900))
    assert brief(events) == [("new", "8", "8", 0, 0, 99)]
    assert text_of(events) == "open orders of the disconnected session are being canceled, 4 are left"
    assert brief(exchange.apply(replace("r", "a6", 2, 9_900))) == [("r", "9", "0", "2", 99)]
    assert brief(exchange.apply(sell("s", 1, 9_906)))[1] == ("a6", "F", "2", 0, 1, (1, 9_906))
    assert brief(exchange.apply(cancel("c", "a5"))) == [("c", "4", "4", 0, 0)]
    rest = exchange.apply(ContinueWork(), ContinueWork())
    assert [row[0] for row in brief(rest)] == ["a3", "a4", "WorkLeft"]
    assert brief(exchange.apply(buy("later", 1, 9_900))) == [("later", "0", "0", 1, 0)]


@pytest.mark.usefixtures("small_steps")
def test_kill_switch_does_its_first_step_before_older_work_goes_on(exchange: Harness) -> None:
    exchange.apply(*(buy(f"a{n}", 1, 9_900 + n) for n in range(7)), sell("s", 5, 10_100))
    exchange.apply(CancelSessionOrders(TRADER, "gone"))
    events = exchange.apply(SetKillSwitch("account", 2, True, "ops", "stop"))
    assert [row[0] for row in brief(events)] == ["KillSwitchSet", "s", "ScopeCanceled", "WorkLeft"]


def run_to_end(exchange: Harness) -> list[Event]:
    """Continue work until none is left."""
    events: list[Event] = []
    while exchange.engine.has_work:
        events += exchange.apply(ContinueWork())
    return events


@pytest.mark.usefixtures("small_steps")
@pytest.mark.parametrize("count", [0, 1, 3, 4, 10])
def test_end_of_day_expires_day_orders_and_keeps_gtc(exchange: Harness, count: int) -> None:
    exchange.apply(*(buy(f"d{n}", 1, 9_900) for n in range(count)))
    exchange.apply(buy("g", 1, 9_901, time_in_force=GOOD_TILL_CANCEL), buy("x", 1, 9_900), cancel("xc", "x"))
    events = exchange.apply(EndTradingDay(20_250_101)) + run_to_end(exchange)
    assert [row for row in brief(events) if row[0] != "WorkLeft"] == [
        *((f"d{n}", "C", "C", 0, 0) for n in range(count)),
        ("TradingDayEnded",),
    ]
    assert events[-1] == TradingDayEnded(20_250_101)
    assert exchange.book() == ([(9_901, 1, 1)], [])
    assert exchange.engine.statistics()["orders"] == 1


def test_end_of_day_frees_the_names_of_closed_orders_but_not_of_open_ones(exchange: Harness) -> None:
    exchange.apply(
        buy("g", 2, 9_900, time_in_force=GOOD_TILL_CANCEL),
        replace("g2", "g", 1, 9_900, time_in_force=GOOD_TILL_CANCEL),
        buy("d", 1, 9_900),
        buy("refused", 1, 50_000),
    )
    exchange.apply(EndTradingDay(20_250_101))
    assert brief(exchange.apply(status("d"))) == [("OrderRefused",)]
    assert brief(exchange.apply(cancel("c", "d"))) == [("c", "9", "8", "1", 1)]
    names = ("g", "g2", "d", "refused")
    assert [row[1] for row in brief(exchange.apply(*(buy(name, 1, 9_900) for name in names)))] == ["8", "8", "0", "0"]
    assert brief(exchange.apply(cancel("c", "g"))) == [("c", "4", "4", 0, 0)]


@pytest.mark.usefixtures("small_steps")
def test_market_waits_until_the_day_has_ended_and_cancels_pass(exchange: Harness) -> None:
    exchange.apply(*(buy(f"d{n}", 1, 9_900) for n in range(5)))
    exchange.apply(EndTradingDay(20_250_101))
    events = exchange.apply(sell("s", 1, 10_100))
    assert brief(events) == [("s", "8", "8", 0, 0, 2)]
    assert text_of(events) == "trading day 20250101 is ending, 2 orders are left"
    assert brief(exchange.apply(cancel("c", "d4"))) == [("c", "4", "4", 0, 0)]
    assert brief(run_to_end(exchange)) == [("d3", "C", "C", 0, 0), ("TradingDayEnded",)]
    assert brief(exchange.apply(sell("s", 1, 10_100))) == [("s", "0", "0", 1, 0)]


def test_a_day_ends_once(exchange: Harness) -> None:
    exchange.apply(EndTradingDay(20_250_102))
    for day in (20_250_102, 20_250_101):
        assert isinstance(exchange.apply(EndTradingDay(day))[0], CommandRefused)
    assert exchange.apply(EndTradingDay(20_250_103)) == [TradingDayEnded(20_250_103)]
