"""Mass cancel and mass status: always answered, over all sessions of the member, in steps, once for each ClOrdID."""

from typing import Any

import pytest

from matching import refusals, work
from matching.commands import CancelSessionOrders, ContinueWork, EndTradingDay, MassCancel, RequestMassStatus
from matching.events import Event, Execution, MassCancelReported, MassStatusReported, MessageThrottled, WorkLeft
from matching.terms import Terms
from matching.types import GOOD_TILL_CANCEL
from tests.matching.harness import (
    ACC2,
    ACC3,
    MAKER,
    TRADER,
    TRADER_FIX42,
    Harness,
    brief,
    buy,
    cancel,
    order,
    replace,
    sell,
    status,
)
from tests.matching.test_state_records import reload


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "ORDERS_PER_STEP_MAX", 3)


def mass(cl_ord_id: str = "q", request_type: str = "7", *, session_id: int = TRADER, **more: Any) -> MassCancel:
    """A mass cancel of TRADER1 over all, unless said otherwise."""
    return MassCancel(session_id, 1, 7, cl_ord_id, request_type, **more)


def ask(request_id: str = "r", *, session_id: int = TRADER, **more: Any) -> RequestMassStatus:
    """A mass status request of TRADER1 over all, unless said otherwise."""
    return RequestMassStatus(session_id, 1, 7, request_id, **more)


def report(events: list[Event]) -> MassCancelReported:
    """The last event, which is the report of a mass cancel."""
    event = events[-1]
    assert isinstance(event, MassCancelReported)
    return event


def canceled(events: list[Event]) -> list[tuple[str, str, int]]:
    """ClOrdID(11), OrigClOrdID(41) and session of every cancel."""
    cancels = [event for event in events if isinstance(event, Execution) and event.exec_type == "4"]
    return [(event.cl_ord_id, event.orig_cl_ord_id, event.session_id) for event in cancels]


def test_mass_cancel_of_nothing_is_answered_with_none(exchange: Harness) -> None:
    events = exchange.apply(mass())
    assert events == [MassCancelReported(report(events).report_id, TRADER, "q", "7", "7", 0)]
    assert not exchange.engine.has_work


def test_each_cancel_is_reported_to_the_session_that_entered_the_order_then_the_whole(exchange: Harness) -> None:
    exchange.apply(buy("a", 10, 9_900), buy("b", 10, 9_900, session_id=TRADER_FIX42), sell("s", 10, 10_100))
    events = exchange.apply(mass())
    assert canceled(events) == [("q", "a", TRADER), ("q", "b", TRADER_FIX42)]
    assert all(event.exec_restatement_reason == 0 for event in events if isinstance(event, Execution))
    assert (report(events).session_id, report(events).total_affected) == (TRADER, 2)
    assert exchange.book() == ([], [(10_100, 10, 1)])


@pytest.mark.parametrize(
    ("scope", "names"),
    [
        ({}, ["a", "b", "p", "x", "t"]),
        ({"instrument_id": 1}, ["a", "b", "x", "t"]),
        ({"instrument_id": 2}, ["p"]),
        ({"kind": "perpetual"}, ["p"]),
        ({"kind": "spot"}, ["a", "b", "x", "t"]),
        ({"side": "2"}, ["t"]),
        ({"side": "1", "instrument_id": 2}, ["p"]),
        ({"account_id": ACC3}, ["x"]),
        ({"account_id": ACC3, "side": "2"}, []),
    ],
)
def test_scope_is_that_of_every_field_that_is_given(exchange: Harness, scope: dict[str, Any], names: list[str]) -> None:
    exchange.apply(
        buy("a", 1, 9_900),
        buy("b", 1, 9_900, session_id=TRADER_FIX42),
        buy("p", 1, 9_900, instrument_id=2),
        buy("x", 1, 9_900, account_id=ACC3),
        order("t", "2", 1, 10_200),
        sell("s", 1, 10_100),
    )
    assert [name for _, name, _ in canceled(exchange.apply(mass(**scope)))] == names
    expected = [name for name in ("a", "b", "p", "x", "t", "s") if name not in names]
    left = [order.cl_ord_id for session in exchange.engine.sessions.values() for order in session.open_orders()]
    assert sorted(left) == sorted(expected)


def test_a_canceled_order_keeps_its_names_and_the_mass_cancels_names_no_order(exchange: Harness) -> None:
    exchange.apply(buy("a", 10, 9_900), replace("a2", "a", 9, 9_900), mass())
    assert brief(exchange.apply(cancel("c", "a"))) == [("c", "9", "4", "1", 0)]
    assert brief(exchange.apply(cancel("c", "q"))) == [("c", "9", "8", "1", 1)]
    (event,) = exchange.apply(status("q"))
    assert brief([event]) == [("OrderRefused",)]
    assert getattr(event, "text", "") == "ClOrdID(11) q names a mass cancel, not an order"
    assert brief(exchange.apply(cancel("q", "a")))[0][:2] == ("q", "9")


def test_cl_ord_id_that_was_used_is_refused_and_a_refused_one_stays_free(exchange: Harness) -> None:
    exchange.apply(buy("a", 10, 9_900))
    event = report(exchange.apply(mass("a")))
    assert (event.response, event.code, event.total_affected) == ("0", refusals.MASS_DUPLICATE_CL_ORD_ID, 0)
    assert report(exchange.apply(mass("q"))).total_affected == 1
    assert report(exchange.apply(mass("q"))).code == refusals.MASS_DUPLICATE_CL_ORD_ID
    refused = report(exchange.apply(mass("z", "9", code=refusals.MASS_CANCEL_NOT_SUPPORTED, text="not offered")))
    assert (refused.response, refused.request_type, refused.text) == ("0", "9", "not offered")
    assert report(exchange.apply(mass("z"))).response == "7"


def test_possible_resend_gets_the_report_again_and_cancels_nothing(exchange: Harness) -> None:
    exchange.apply(buy("a", 10, 9_900))
    first = report(exchange.apply(mass()))
    exchange.apply(buy("b", 10, 9_900))
    (again,) = exchange.apply(mass(poss_resend=True))
    assert isinstance(again, MassCancelReported)
    assert (again.total_affected, again.response, again.report_id > first.report_id) == (1, "7", True)
    assert exchange.book() == ([(9_900, 10, 1)], [])
    assert report(exchange.apply(mass("new", poss_resend=True))).total_affected == 1


def test_names_of_mass_cancels_are_free_after_the_trading_day(exchange: Harness) -> None:
    exchange.apply(mass(), EndTradingDay(20_250_101), buy("a", 10, 9_900))
    assert report(exchange.apply(mass(poss_resend=True))).total_affected == 1


@pytest.mark.usefixtures("small_steps")
def test_steps_block_the_scope_and_nothing_else_and_the_report_comes_last(exchange: Harness) -> None:
    exchange.apply(*(buy(f"a{n}", 1, 9_900 + n) for n in range(7)), sell("s", 1, 10_500))
    events = exchange.apply(mass(side="1", instrument_id=1))
    assert [name for _, name, _ in canceled(events)] == ["a0", "a1", "a2"]
    assert events[-1] == WorkLeft(4)
    blocked = exchange.apply(buy("n", 1, 9_900), buy("m", 1, 9_900, session_id=TRADER_FIX42))
    assert brief(blocked) == [("n", "8", "8", 0, 0, 99), ("m", "8", "8", 0, 0, 99)]
    assert brief(exchange.apply(replace("r", "a6", 2, 9_900))) == [("r", "9", "0", "2", 99)]
    free = exchange.apply(order("t", "2", 1, 10_600), buy("p", 1, 9_900, instrument_id=2), sell("s2", 1, 9_906))
    assert [row[:2] for row in brief(free)] == [("t", "0"), ("p", "0"), ("s2", "0"), ("a6", "F"), ("s2", "F")]
    rest = exchange.apply(ContinueWork(), ContinueWork())
    assert [name for _, name, _ in canceled(rest)] == ["a3", "a4", "a5"]
    assert report(rest).total_affected == 6
    assert brief(exchange.apply(buy("later", 1, 9_900))) == [("later", "0", "0", 1, 0)]


@pytest.mark.usefixtures("small_steps")
def test_resend_of_one_that_goes_on_is_answered_at_its_end_to_every_session_that_asked(exchange: Harness) -> None:
    exchange.apply(*(buy(f"a{n}", 1, 9_900) for n in range(4)), mass())
    resend = mass(poss_resend=True, session_id=TRADER_FIX42)
    assert exchange.apply(mass(poss_resend=True), resend, resend) == []
    events = exchange.apply(ContinueWork())
    reports = [event for event in events if isinstance(event, MassCancelReported)]
    assert [(each.session_id, each.total_affected) for each in reports] == [(TRADER, 4), (TRADER_FIX42, 4)]


@pytest.mark.usefixtures("small_steps")
def test_unfinished_mass_requests_and_reports_survive_a_reload(exchange: Harness) -> None:
    orders = [buy(f"a{n}", 1, 9_900 + n) for n in range(5)]
    exchange.apply(mass("before"), *orders, ask(), mass(poss_resend=True))
    # The status is the older work; both go on in turn.
    other = reload(exchange)
    assert other.engine.state_hash() == exchange.engine.state_hash()
    for _ in range(2):
        assert exchange.apply(ContinueWork()) == other.apply(ContinueWork())
    assert exchange.apply(mass("before", poss_resend=True)) == other.apply(mass("before", poss_resend=True))
    assert other.engine.state_hash() == exchange.engine.state_hash()
    assert not other.engine.has_work


def test_mass_cancels_take_from_the_bucket_of_cancels() -> None:
    exchange = Harness(rate=1, burst=1, cancel_rate=1, cancel_burst=2)
    exchange.apply(buy("a", 1, 9_900), buy("b", 1, 9_900))
    events = exchange.apply(mass("q1"), mass("q2"), mass("q3"))
    assert [type(event) for event in events] == [Execution, MassCancelReported, MassCancelReported, MessageThrottled]
    throttled = events[-1]
    assert isinstance(throttled, MessageThrottled)
    assert (throttled.ref_msg_type, throttled.ref_id) == ("q", "q3")


def told(events: list[Event]) -> list[tuple[str, int, bool]]:
    """Order, count and last flag of every mass status report."""
    reports = [event for event in events if isinstance(event, MassStatusReported)]
    return [("" if e.execution is None else e.execution.cl_ord_id, e.total, e.is_last) for e in reports]


def test_mass_status_tells_every_open_order_of_the_member(exchange: Harness) -> None:
    exchange.apply(
        buy("a", 10, 9_900), buy("b", 5, 9_900, session_id=TRADER_FIX42), sell("s", 4, 9_900), buy("x", 1, 9_800)
    )
    exchange.apply(cancel("xc", "x"))
    events = exchange.apply(ask())
    assert told(events) == [("a", 2, False), ("b", 2, True)]
    first = events[0]
    assert isinstance(first, MassStatusReported)
    assert first.execution is not None
    assert brief([first.execution]) == [("a", "I", "1", 6, 4)]
    assert {event.session_id for event in events if isinstance(event, MassStatusReported)} == {TRADER}
    assert told(exchange.apply(ask(side="2"))) == [("", 0, True)]
    assert told(exchange.apply(ask(session_id=MAKER, account_id=ACC2))) == [("", 0, True)]


def test_mass_status_that_cannot_be_obeyed_is_one_report_with_its_reason(exchange: Harness) -> None:
    exchange.apply(buy("a", 10, 9_900))
    (event,) = exchange.apply(ask(code=refusals.MASS_UNKNOWN_SYMBOL, text="not traded", symbol="X"))
    assert isinstance(event, MassStatusReported)
    assert (event.total, event.is_last, event.code, event.text) == (0, True, refusals.MASS_UNKNOWN_SYMBOL, "not traded")


@pytest.mark.usefixtures("small_steps")
def test_mass_status_goes_on_in_steps_blocks_nothing_and_tells_as_many_as_it_said(exchange: Harness) -> None:
    exchange.apply(*(buy(f"a{n}", 1, 9_900) for n in range(5)))
    assert told(exchange.apply(ask())) == [("a0", 5, False), ("a1", 5, False), ("a2", 5, False)]
    assert brief(exchange.apply(buy("n", 1, 9_900), cancel("c", "a4"))) == [
        ("n", "0", "0", 1, 0),
        ("c", "4", "4", 0, 0),
    ]
    assert told(exchange.apply(ContinueWork())) == [("a3", 5, False), ("c", 5, True)]


@pytest.mark.usefixtures("small_steps")
def test_mass_status_of_orders_that_end_with_their_day_still_comes_to_its_end(exchange: Harness) -> None:
    exchange.apply(*(buy(f"a{n}", 1, 9_900) for n in range(4)), ask())
    exchange.apply(CancelSessionOrders(TRADER, "gone"), EndTradingDay(20_250_101))
    events: list[Event] = []
    while exchange.engine.has_work:
        events += exchange.apply(ContinueWork())
    assert told(events)[-1][1:] == (4, True)


def restatement(events: list[Event]) -> list[tuple[str, ...]]:
    """Markers with their counts, and of each restated order its name, status and what is left of it."""
    seen: list[tuple[str, ...]] = []
    for event in events:
        if isinstance(event, MassStatusReported) and event.marker:
            assert event.is_last == (event.marker == "end")
            seen.append((event.marker, str(event.total)))
        elif isinstance(event, MassStatusReported) and event.execution is not None:
            assert event.exec_id == event.execution.exec_id
            said = event.execution
            seen.append((said.exec_type, said.cl_ord_id, said.ord_status, str(said.leaves_qty), str(said.cum_qty)))
    return seen


def test_a_restatement_tells_every_open_order_of_the_member_between_its_markers(exchange: Harness) -> None:
    exchange.apply(
        buy("a", 10, 9_900), buy("b", 5, 9_900, session_id=TRADER_FIX42), sell("s", 4, 9_900), buy("x", 1, 9_800)
    )
    exchange.apply(cancel("xc", "x"))
    events = exchange.apply(ask(restates=True))
    assert restatement(events) == [("begin", "2"), ("D", "a", "1", "6", "4"), ("D", "b", "0", "5", "0"), ("end", "2")]
    exec_ids = [event.exec_id for event in events if isinstance(event, MassStatusReported)]
    assert exec_ids == sorted(set(exec_ids))
    assert {event.session_id for event in events if isinstance(event, MassStatusReported)} == {TRADER}
    assert restatement(exchange.apply(ask(session_id=MAKER, restates=True))) == [("begin", "0"), ("end", "0")]


def test_a_restatement_changes_nothing_of_what_the_book_is_told_to_show(exchange: Harness) -> None:
    """An iceberg's next report says what the book showed of it before; a restatement is none of these."""
    exchange.apply(buy("i", 10, 9_900, terms=Terms(display_qty=3)))
    other = reload(exchange)
    exchange.apply(ask(restates=True))
    said = [each for each in exchange.apply(sell("s", 3, 9_900)) if isinstance(each, Execution)]
    expected = [each for each in other.apply(sell("s", 3, 9_900)) if isinstance(each, Execution)]
    shown = [(each.prior_price, each.prior_leaves, each.shown_qty) for each in expected]
    assert [(each.prior_price, each.prior_leaves, each.shown_qty) for each in said] == shown


@pytest.mark.usefixtures("small_steps")
def test_a_long_restatement_goes_on_in_steps_and_tells_each_order_as_it_stands_then(exchange: Harness) -> None:
    """Applied in its order, all that the session is told leads to the book: nothing takes back a report before it."""
    exchange.apply(*(buy(f"a{n}", 2, 9_900 + n) for n in range(6)))
    first = exchange.apply(ask(restates=True))
    assert restatement(first) == [("begin", "6"), *(("D", f"a{n}", "0", "2", "0") for n in range(3))]
    exchange.apply(sell("s", 1, 9_905), cancel("c", "a4"), buy("new", 1, 9_800))
    other = reload(exchange)
    rest = exchange.apply(ContinueWork())
    assert restatement(rest) == [("D", "a3", "0", "2", "0"), ("D", "a5", "1", "1", "1"), ("end", "5")]
    assert other.apply(ContinueWork()) == rest
    assert not exchange.engine.has_work
    assert other.engine.state_hash() == exchange.engine.state_hash()


@pytest.mark.usefixtures("small_steps")
def test_a_restatement_whose_last_orders_end_meanwhile_comes_to_its_end(exchange: Harness) -> None:
    exchange.apply(*(buy(f"a{n}", 1, 9_900) for n in range(4)), ask(restates=True), cancel("c", "a3"))
    assert restatement(exchange.apply(ContinueWork())) == [("end", "3")]
    assert not exchange.engine.has_work


def test_mass_status_takes_from_the_sessions_bucket() -> None:
    exchange = Harness(rate=1, burst=1)
    assert [type(event) for event in exchange.apply(ask(), ask())] == [MassStatusReported, MessageThrottled]


def test_cancel_on_disconnect_of_accounts_reaches_other_sessions_and_spares_what_is_to_stay(exchange: Harness) -> None:
    exchange.apply(
        buy("a", 1, 9_900),
        buy("g", 1, 9_900, time_in_force=GOOD_TILL_CANCEL),
        buy("m", 1, 9_900, session_id=MAKER),
        sell("s", 1, 10_100),
    )
    gone = CancelSessionOrders(TRADER, "gone", (1,), True, 13)
    events = exchange.apply(gone)
    assert brief(events) == [("a", "4", "4", 0, 0), ("m", "4", "4", 0, 0)]
    assert {event.exec_restatement_reason for event in events if isinstance(event, Execution)} == {13}
    assert brief(exchange.apply(CancelSessionOrders(TRADER, "gone"))) == [("g", "4", "4", 0, 0)]
