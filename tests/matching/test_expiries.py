"""Good Till Date: expired by command, in steps, at the day's end too; replaced to and from it."""

import pytest

from matching import refusals, work
from matching.commands import ContinueWork, EndTradingDay, ExpireOrders, NewOrder
from matching.events import CommandRefused, Execution, WorkLeft
from matching.terms import Terms
from matching.types import DAY, GOOD_TILL_CANCEL, GOOD_TILL_DATE, STOP, TimeInForce
from tests.matching.harness import Harness, brief, buy, cancel, replace, sell, text_of

NOW = 1_000_000_000_000


def gtd(cl_ord_id: str, expire_ns: int, **more: str) -> NewOrder:
    """A buy of five that expires."""
    return buy(cl_ord_id, 5, 9_900, time_in_force=GOOD_TILL_DATE, terms=Terms(expire_ns=expire_ns), **more)


def test_orders_expire_when_their_time_has_come_soonest_first(special: Harness) -> None:
    special.apply(gtd("b", NOW + 20), gtd("a", NOW + 10), gtd("c", NOW + 30), buy("d", 1, 9_900))
    special.time_ns = NOW + 20
    events = special.apply(ExpireOrders(NOW + 20))
    assert brief(events) == [("a", "C", "C", 0, 0), ("b", "C", "C", 0, 0)]
    assert text_of(events) == "ExpireTime(126) has come"
    assert special.book() == ([(9_900, 6, 2)], [])
    assert special.cash(1)[1] == 6 * 9_900 * 10_000


def test_expiry_goes_on_in_steps(special: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "ORDERS_PER_STEP_MAX", 2)
    special.apply(*(gtd(f"o{n}", NOW + 1) for n in range(5)))
    special.time_ns = NOW + 1
    events = special.apply(ExpireOrders(NOW + 1))
    assert [row[0] for row in brief(events)] == ["o0", "o1", "WorkLeft"]
    assert events[-1] == WorkLeft(3)
    assert [row[0] for row in brief(special.apply(ContinueWork(), ContinueWork()))] == ["o2", "o3", "WorkLeft", "o4"]
    assert isinstance(special.apply(ContinueWork())[0], CommandRefused)


def test_time_to_come_and_no_order_that_is_due(special: Harness) -> None:
    special.apply(gtd("a", NOW + 10))
    assert isinstance(special.apply(ExpireOrders(NOW + 10))[0], CommandRefused)
    assert special.apply(ExpireOrders(NOW)) == []


def test_waiting_orders_expire_too(special: Harness) -> None:
    terms = Terms(stop_price=10_500, expire_ns=NOW + 1)
    special.apply(buy("st", 5, 0, ord_type=STOP, time_in_force=GOOD_TILL_DATE, terms=terms))
    special.time_ns = NOW + 1
    assert brief(special.apply(ExpireOrders(NOW + 1))) == [("st", "C", "C", 0, 0)]


def test_the_days_end_expires_what_is_due_and_keeps_the_rest(special: Harness) -> None:
    special.apply(gtd("a", NOW + 10), gtd("b", NOW + 20))
    special.time_ns = NOW + 10
    events = special.apply(EndTradingDay(20_250_101))
    assert [row[:2] for row in brief(events)] == [("TradingDayEnded",), ("a", "C")]
    assert special.book() == ([(9_900, 5, 1)], [])


def test_filled_and_canceled_orders_do_not_expire(special: Harness) -> None:
    special.apply(gtd("a", NOW + 10), gtd("b", NOW + 10), cancel("c", "a"), sell("s", 5, 9_900))
    special.time_ns = NOW + 10
    assert special.apply(ExpireOrders(NOW + 10)) == []


@pytest.mark.parametrize(
    ("time_in_force", "expire_ns", "code"),
    [
        (GOOD_TILL_DATE, 0, refusals.EXPIRE_TIME_ABSENT),
        (GOOD_TILL_DATE, NOW, refusals.EXPIRE_TIME_PASSED),
        (DAY, NOW + 1, refusals.EXPIRE_TIME_WITHOUT_GTD),
    ],
)
def test_time_that_contradicts_the_life_is_refused(
    special: Harness, time_in_force: TimeInForce, expire_ns: int, code: int
) -> None:
    events = special.apply(buy("a", 5, 9_900, time_in_force=time_in_force, terms=Terms(expire_ns=expire_ns)))
    assert isinstance(events[0], Execution)
    assert events[0].code == code


def test_replace_to_another_time_and_from_and_to_other_lives(special: Harness) -> None:
    special.apply(gtd("a", NOW + 10))
    later = replace("a2", "a", 5, 9_900, time_in_force=GOOD_TILL_DATE, terms=Terms(expire_ns=NOW + 20))
    special.apply(later)
    special.time_ns = NOW + 10
    assert special.apply(ExpireOrders(NOW + 10)) == []
    special.apply(replace("a3", "a2", 5, 9_900, time_in_force=GOOD_TILL_CANCEL))
    assert special.engine.desk.books[1].is_plain
    special.apply(replace("a4", "a3", 4, 9_900, time_in_force=GOOD_TILL_DATE, terms=Terms(expire_ns=NOW + 20)))
    special.time_ns = NOW + 20
    assert brief(special.apply(ExpireOrders(NOW + 20))) == [("a4", "C", "C", 0, 0)]


def test_quantity_down_keeps_the_time_and_the_place(special: Harness) -> None:
    special.apply(gtd("a", NOW + 10), buy("b", 5, 9_900))
    special.apply(replace("a2", "a", 4, 9_900, time_in_force=GOOD_TILL_DATE, terms=Terms(expire_ns=NOW + 10)))
    assert brief(special.apply(sell("s", 1, 9_900)))[1][0] == "a2"
    special.time_ns = NOW + 10
    assert brief(special.apply(ExpireOrders(NOW + 10))) == [("a2", "C", "C", 0, 1)]
