"""What stands in an order that decides who goes first stands in the same order after a restart from a snapshot."""

from typing import Any

from matching.commands import ContinueWork, SetTradingPhase
from matching.terms import Terms
from matching.types import AT_THE_CLOSE, TradingPhase
from tests.matching.harness import MAKER, Harness, RestartingHarness, brief, buy, replace, sell

AT_CLOSE: dict[str, Any] = {"time_in_force": AT_THE_CLOSE}


def phase(to: TradingPhase) -> SetTradingPhase:
    """An operator's command."""
    return SetTradingPhase(1, to, "ops", "test")


def test_orders_at_the_close_join_its_auction_by_their_place(special: Harness) -> None:
    special.apply(*(sell(name, 10, 10_000, **AT_CLOSE) for name in "abc"))
    special.apply(replace("a2", "a", 10, 10_001, side="2", session_id=MAKER, **AT_CLOSE))
    joined = special.finish(phase("closing auction"))
    assert [row[0] for row in brief(joined) if len(row) > 1] == ["b", "c", "a2"]
    special.apply(buy("x", 10, 10_001))
    fills = [row for row in brief(special.finish(phase("closed"))) if row[1:2] == ("F",)]
    assert [row[0] for row in fills] == ["x", "b"]


def test_order_at_the_close_keeps_its_place_with_less(special: Harness) -> None:
    special.apply(*(sell(name, 10, 10_000, **AT_CLOSE) for name in "abc"))
    special.apply(replace("a2", "a", 9, 10_000, side="2", session_id=MAKER, **AT_CLOSE))
    joined = special.finish(phase("closing auction"))
    assert [row[0] for row in brief(joined) if len(row) > 1] == ["a2", "b", "c"]


def test_restart_in_an_auction_ends_linked_orders_behind_it() -> None:
    """An order of a link is filled in the auction; what follows from it waits for the end, restarted or not."""
    steady, restarting = Harness(), RestartingHarness()
    commands = (
        buy("x", 3, 9_900, terms=Terms(link_id="k")),
        buy("y", 3, 9_901, terms=Terms(link_id="k")),
        phase("volatility halt"),
        sell("s", 3, 9_900),
        phase("continuous"),
        *(ContinueWork(),) * 4,
    )
    for command in commands:
        assert steady.apply(command) == restarting.apply(command), command
    assert not steady.engine.has_work
    assert steady.book() == ([], []), "the link has ended"
