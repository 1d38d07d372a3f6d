"""A mass cancel answers and counts the orders of its scope that end with another one of it, in whatever step."""

import pytest

from matching import work
from matching.commands import MassCancel, SetKillSwitch
from matching.events import Event, Execution, MassCancelReported, ScopeCanceled
from matching.terms import Terms
from tests.matching.harness import Harness, buy


def canceled(events: list[Event]) -> list[Execution]:
    return [each for each in events if isinstance(each, Execution) and each.exec_type == "4"]


@pytest.fixture
def harness(monkeypatch: pytest.MonkeyPatch) -> Harness:
    """Three orders linked with one each that comes after all of them, and two brackets; three orders a step."""
    monkeypatch.setattr(work, "ORDERS_PER_STEP_MAX", 3)
    harness = Harness()
    for price in (9_100, 9_200):
        for number in range(3):
            harness.apply(buy(f"{price}-{number}", 1, price, terms=Terms(link_id=f"K{number}")))
    for number in range(2):
        harness.apply(buy(f"e{number}", 1, 9_000, terms=Terms(take_profit=10_500, stop_loss=8_000)))
    return harness


def test_every_order_is_answered_and_counted_once(harness: Harness) -> None:
    events = harness.finish(MassCancel(1, 1, 1, "MC", "7"))
    found = canceled(events)
    assert len({each.order_id for each in found}) == len(found) == 12
    assert {each.cl_ord_id for each in found} == {"MC"}
    assert {"9100-0", "9200-0", "e0", "e0-TP", "e0-SL"} <= {each.orig_cl_ord_id for each in found}
    (report,) = [each for each in events if isinstance(each, MassCancelReported)]
    assert report.total_affected == 12


def test_orders_beyond_the_scope_end_by_their_link_and_are_not_counted(harness: Harness) -> None:
    events = harness.finish(MassCancel(1, 1, 1, "MC", "7", side="1"))
    found = canceled(events)
    assert len(found) == 12
    assert {each.cl_ord_id for each in found if each.cl_ord_id != "MC"} == {"e0-TP", "e0-SL", "e1-TP", "e1-SL"}
    (report,) = [each for each in events if isinstance(each, MassCancelReported)]
    assert report.total_affected == 8


def test_a_kill_switch_counts_them(harness: Harness) -> None:
    events = harness.finish(SetKillSwitch("account", 1, True, "operator", "test"))
    assert len(canceled(events)) == 12
    (report,) = [each for each in events if isinstance(each, ScopeCanceled)]
    assert report.canceled == 12
