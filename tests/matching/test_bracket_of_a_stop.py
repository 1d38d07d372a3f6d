"""A bracket whose entry waits for a trigger of its own: its trigger is not the end of its legs."""

from matching.terms import Terms
from matching.types import STOP
from tests.matching.harness import Harness, brief, buy, sell

BRACKET = Terms(stop_price=10_100, take_profit=10_300, stop_loss=9_900)


def trade_at(harness: Harness, price: int, name: str) -> None:
    """Make `price` the last price."""
    harness.apply(sell(f"{name}s", 1, price, session_id=3, account_id=3), buy(f"{name}b", 1, price, account_id=2))


def test_an_entry_that_is_triggered_keeps_its_legs_and_sizes_them() -> None:
    harness = Harness()
    trade_at(harness, 10_000, "x")
    harness.apply(buy("e", 5, 0, ord_type=STOP, terms=BRACKET))
    harness.apply(sell("m", 5, 10_150, session_id=3, account_id=3))
    events = harness.apply(
        sell("t", 1, 10_100, session_id=3, account_id=3), buy("u", 1, 10_100, session_id=2, account_id=2)
    )
    assert [row for row in brief(events) if row[0] in ("e", "e-TP", "e-SL")] == [
        ("e", "L", "0", 5, 0),
        ("e", "F", "2", 0, 5, (5, 10_150)),
        ("e-TP", "D", "0", 5, 0),
        ("e-SL", "D", "0", 5, 0),
    ]
    assert harness.book() == ([], [(10_300, 5, 1)])


def test_an_entry_that_is_beyond_its_trigger_enters_at_once_and_keeps_its_legs() -> None:
    harness = Harness()
    trade_at(harness, 10_200, "x")
    harness.apply(sell("m", 5, 10_150, session_id=3, account_id=3))
    events = harness.apply(buy("e", 5, 0, ord_type=STOP, terms=BRACKET))
    assert brief(events)[:3] == [("e", "0", "0", 5, 0), ("e-TP", "0", "0", 5, 0), ("e-SL", "0", "0", 5, 0)]
    assert ("e-TP", "D", "0", 5, 0) in brief(events)
    assert harness.book() == ([], [(10_300, 5, 1)])
