"""Self-match prevention: orders of one id never trade, whatever the mode, type and phase of life."""

import pytest

from matching.commands import DefineAccount
from matching.events import Event, Execution
from matching.terms import SelfMatchMode, Terms
from matching.types import FILL_OR_KILL, MARKET
from tests.matching.harness import TRADER_FIX42, Harness, brief, buy, replace, sell

OWN = {"session_id": 2, "account_id": 1}


def mode(name: SelfMatchMode = "") -> Terms:
    """Terms of the id X with a mode."""
    return Terms(self_match_id="X", self_match_mode=name)


def trades(events: list[Event]) -> list[Event]:
    return [event for event in events if isinstance(event, Execution) and event.exec_type == "F"]


@pytest.mark.parametrize(
    ("name", "rows", "bids", "asks"),
    [
        ("", [("b", "4", "4", 0, 0)], [], [(10_000, 10, 1)]),
        ("newest", [("b", "4", "4", 0, 0)], [], [(10_000, 10, 1)]),
        ("oldest", [("s", "4", "4", 0, 0)], [(10_000, 15, 1)], []),
        ("both", [("s", "4", "4", 0, 0), ("b", "4", "4", 0, 0)], [], []),
        ("decrement", [("s", "4", "4", 0, 0), ("b", "D", "0", 5, 0)], [(10_000, 5, 1)], []),
    ],
)
def test_each_mode_lets_its_order_give_way_and_nothing_trades(
    special: Harness,
    name: SelfMatchMode,
    rows: list[tuple[str, str, str, int, int]],
    bids: list[tuple[int, int, int]],
    asks: list[tuple[int, int, int]],
) -> None:
    special.apply(sell("s", 10, 10_000, terms=mode("oldest"), **OWN))
    events = special.apply(buy("b", 15, 10_000, terms=mode(name)))
    assert brief(events) == [("b", "0", "0", 15, 0), *rows]
    assert special.book() == (bids, asks)
    assert special.cash(1) == (0, 10_000 * sum(level[1] for level in bids) * 10_000)
    for event in events[1:]:
        assert isinstance(event, Execution)
        assert f"self-match prevention ({name or 'newest'}) against the" in event.text
        by_mode = {"": 18, "newest": 18, "oldest": 19, "both": 20, "decrement": 17}
        assert event.exec_restatement_reason == (5 if event.exec_type == "D" else by_mode[name])


@pytest.mark.parametrize(
    ("resting", "taking", "rows"),
    [
        (20, 15, [("s", "D", "0", 5, 0), ("b", "4", "4", 0, 0)]),
        (15, 15, [("s", "4", "4", 0, 0), ("b", "4", "4", 0, 0)]),
    ],
)
def test_decrement_takes_the_smaller_off_both(
    special: Harness, resting: int, taking: int, rows: list[tuple[str, str, str, int, int]]
) -> None:
    special.apply(sell("s", resting, 10_000, terms=mode(), **OWN))
    events = special.apply(buy("b", taking, 10_000, terms=mode("decrement")))
    assert brief(events)[1:] == rows
    restated = [each for each in events if isinstance(each, Execution) and each.exec_type == "D"]
    assert [each.qty for each in restated] == [each.leaves_qty for each in restated]


def test_decrement_of_an_iceberg_takes_what_it_hides_first(special: Harness) -> None:
    special.apply(sell("s", 30, 10_000, terms=Terms(display_qty=10, self_match_id="X"), **OWN))
    special.apply(buy("b", 15, 10_000, terms=mode("decrement")))
    assert special.book() == ([], [(10_000, 10, 1)])
    special.apply(buy("c", 8, 10_000, terms=mode("decrement")))
    assert special.book() == ([], [(10_000, 7, 1)])


def test_trades_before_the_own_order_stand_and_oldest_goes_on_behind_it(special: Harness) -> None:
    special.apply(sell("x", 4, 10_000), sell("own", 10, 10_000, terms=mode(), **OWN), sell("y", 9, 10_000))
    rows = brief(special.apply(buy("b", 10, 10_000, terms=mode("oldest"))))
    assert [row[:2] for row in rows] == [
        ("b", "0"),
        ("x", "F"),
        ("b", "F"),
        ("own", "4"),
        ("y", "F"),
        ("b", "F"),
    ]
    assert special.book() == ([], [(10_000, 3, 1)])


def test_newest_keeps_the_trades_it_had(special: Harness) -> None:
    special.apply(sell("x", 4, 10_000), sell("own", 10, 10_000, terms=mode(), **OWN))
    rows = brief(special.apply(buy("b", 10, 10_000, terms=mode("newest"))))
    assert rows[-1] == ("b", "4", "4", 0, 4)
    assert special.book() == ([], [(10_000, 10, 1)])


@pytest.mark.parametrize(
    ("name", "qty", "filled"),
    [("newest", 4, 4), ("newest", 5, 0), ("both", 5, 0), ("decrement", 5, 0), ("oldest", 13, 13), ("oldest", 14, 0)],
)
def test_fok_counts_no_room_that_would_be_prevented(
    special: Harness, name: SelfMatchMode, qty: int, filled: int
) -> None:
    special.apply(sell("x", 4, 10_000), sell("own", 10, 10_000, terms=mode(), **OWN), sell("y", 9, 10_000))
    events = special.apply(buy("b", qty, 10_000, terms=mode(name), time_in_force=FILL_OR_KILL))
    assert sum(each.last_qty for each in trades(events) if isinstance(each, Execution) and each.is_aggressor) == filled
    if not filled:
        assert brief(events)[1:] == [("b", "C", "C", 0, 0)]
        assert special.book() == ([], [(10_000, 23, 3)])


def test_other_ids_no_id_and_other_firms_trade(special: Harness) -> None:
    special.apply(
        DefineAccount(2, "ACC2", "OTHER FIRM"),
        sell("a", 1, 10_000, terms=Terms(self_match_id="Y"), **OWN),
        sell("b", 1, 10_000, **OWN),
        sell("c", 1, 10_000, terms=mode()),
    )
    events = special.apply(buy("t", 3, 10_000, terms=mode("both")))
    assert len(trades(events)) == 6


def test_sessions_and_accounts_of_a_firm_are_one(special: Harness) -> None:
    special.apply(sell("s", 1, 10_000, terms=mode()))
    events = special.apply(buy("b", 1, 10_000, session_id=TRADER_FIX42, account_id=3, terms=mode("both")))
    assert brief(events)[1:] == [("s", "4", "4", 0, 0), ("b", "4", "4", 0, 0)]


def test_market_order_goes_past_its_own_by_oldest(special: Harness) -> None:
    special.apply(sell("own", 1, 10_000, terms=mode(), **OWN), sell("y", 1, 10_001))
    rows = brief(special.apply(buy("b", 2, 0, ord_type=MARKET, terms=mode("oldest"))))
    assert [row[:2] for row in rows] == [("b", "0"), ("own", "4"), ("y", "F"), ("b", "F"), ("b", "C")]


def test_replaced_order_does_not_meet_its_own(special: Harness) -> None:
    special.apply(sell("s", 5, 10_000, terms=mode(), **OWN), buy("b", 5, 9_900, terms=mode("newest")))
    rows = brief(special.apply(replace("b2", "b", 5, 10_000, terms=mode("newest"))))
    assert rows == [("b2", "5", "0", 5, 0), ("b2", "4", "4", 0, 0)]
    assert special.book() == ([], [(10_000, 5, 1)])


def test_triggered_order_does_not_meet_its_own(special: Harness) -> None:
    stop = Terms(stop_price=10_000, self_match_id="X", self_match_mode="both")
    special.apply(buy("stop", 5, 0, ord_type="3", terms=stop), sell("x", 1, 10_000))
    special.apply(sell("own", 5, 10_010, terms=mode(), **OWN))
    rows = brief(special.apply(buy("b", 1, 10_000, account_id=3)))
    assert rows[3:] == [("stop", "L", "0", 5, 0), ("own", "4", "4", 0, 0), ("stop", "4", "4", 0, 0)]
    assert special.book() == ([], [])
