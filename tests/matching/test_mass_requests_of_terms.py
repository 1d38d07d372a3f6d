"""Mass cancel, mass status and cancel on disconnect over orders with terms: stops that wait, lists, icebergs, dates."""

from matching.commands import CancelSessionOrders, ContinueWork, SetKillSwitch
from matching.events import Event, Execution, MassCancelReported, MassStatusReported
from matching.terms import Terms
from matching.types import GOOD_TILL_DATE, STOP
from tests.matching.harness import TRADER, Harness, brief, buy, order
from tests.matching.test_linked_orders import loss, order_list, profit
from tests.matching.test_mass_requests import ask, canceled, mass, report, told

NS_OF_A_DAY = 86_400_000_000_000


def settle(exchange: Harness) -> list[Event]:
    """Continue until nothing is left."""
    events: list[Event] = []
    while exchange.engine.has_work:
        events += exchange.apply(ContinueWork())
    return events


def test_a_stop_that_waits_and_an_iceberg_are_canceled_and_told(special: Harness) -> None:
    special.apply(
        order("stop", "1", 5, 0, ord_type=STOP, terms=Terms(stop_price=10_500)),
        buy("ice", 20, 9_900, terms=Terms(display_qty=5)),
        buy("plain", 1, 9_800),
    )
    assert [row[0] for row in told(special.apply(ask()))] == ["stop", "ice", "plain"]
    events = special.apply(mass()) + settle(special)
    assert canceled(events) == [("q", "stop", TRADER), ("q", "ice", TRADER), ("q", "plain", TRADER)]
    assert next(event for event in events if isinstance(event, MassCancelReported)).total_affected == 3
    assert special.book() == ([], [])
    assert told(special.apply(ask())) == [("", 0, True)]


def test_linked_orders_end_once_each_whoever_of_them_is_looked_at_first(special: Harness) -> None:
    special.apply(order_list("oco", profit(), loss()))
    events = special.apply(mass()) + settle(special)
    ended = [event.order_id for event in events if isinstance(event, Execution) and event.exec_type == "4"]
    assert sorted(ended) == [1, 2]
    assert len([event for event in events if isinstance(event, MassCancelReported)]) == 1
    assert special.risk.balance_of(1, "AAPL")[1] == 0


def test_a_kill_switch_ends_a_bracket_with_its_entry(special: Harness) -> None:
    special.apply(order_list("bracket", buy("entry", 10, 9_950), profit(), loss()))
    events = special.apply(SetKillSwitch("account", 1, True, "ops", "stop")) + settle(special)
    ended = [event.order_id for event in events if isinstance(event, Execution) and event.exec_type == "4"]
    assert sorted(ended) == [1, 2, 3]
    assert special.book() == ([], [])
    assert special.risk.balance_of(1, "USD")[1] == 0


def test_orders_with_a_date_stay_where_they_are_spared(special: Harness) -> None:
    terms = Terms(expire_ns=special.time_ns + NS_OF_A_DAY)
    special.apply(buy("d", 1, 9_900), buy("gtd", 1, 9_900, time_in_force=GOOD_TILL_DATE, terms=terms))
    events = special.apply(CancelSessionOrders(TRADER, "gone", (1,), True, 12)) + settle(special)
    assert brief(events) == [("d", "4", "4", 0, 0)]
    assert report(special.apply(mass()) + settle(special)).total_affected == 1


def test_an_answer_of_a_mass_status_carries_the_terms(special: Harness) -> None:
    special.apply(order("stop", "1", 5, 0, ord_type=STOP, terms=Terms(stop_price=10_500)))
    (event,) = special.apply(ask())
    assert isinstance(event, MassStatusReported)
    assert event.execution is not None
    assert event.execution.terms is not None
    assert event.execution.terms.stop_price == 10_500
