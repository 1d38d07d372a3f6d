"""Market-maker protection: what is filled too fast is frozen, pulled at once, and taken again only when it is reset."""

from typing import Any

import pytest

from matching import refusals, work
from matching.commands import Command, ResetQuoteProtection, SetQuoteProtection, SetTradingPhase
from matching.events import CommandRefused, Event, Execution, WorkLeft
from matching.quote_events import QuoteProtectionSet, QuotesAnswered, QuotesFrozen, QuotesReset
from matching.types import BUY, FILL_OR_KILL, IMMEDIATE_OR_CANCEL, SELL
from risk.quote_protection import FILLS_MAX, FillWindow, QuoteProtection
from tests.matching.harness import ACC1, ACC2, MAKER, TRADER, Harness, RestartingHarness, buy, sell
from tests.matching.test_quotes import answers, entry, pull, quote, steps

MILLISECOND = 1_000_000
QUOTE = quote(entry((10, 9_990), (10, 10_010)), level="0")


@pytest.fixture
def exchange() -> Harness:
    """An exchange that is restarted from its snapshot after every command."""
    return RestartingHarness()


def bounds(qty: int = 0, delta: int = 0, count: int = 0, session_id: int = MAKER) -> SetQuoteProtection:
    """Bounds within 100 ms."""
    return SetQuoteProtection(session_id, qty, delta, count, 100 * MILLISECOND)


def later(exchange: Harness, milliseconds: int, *commands: Command) -> list[Event]:
    """Apply commands so many milliseconds after the last ones."""
    exchange.time_ns += milliseconds * MILLISECOND
    return exchange.apply(*commands)


def frozen(events: list[Event]) -> list[str]:
    """What each QuotesFrozen says of the bound."""
    return [event.text.partition(": ")[2].partition(";")[0] for event in events if isinstance(event, QuotesFrozen)]


def take(name: str, qty: int, **more: Any) -> Command:
    """A buy of the trader that takes the maker's offer."""
    return buy(name, qty, 10_010, time_in_force=IMMEDIATE_OR_CANCEL, **more)


@pytest.mark.parametrize(
    ("limits", "takes", "expected"),
    [
        ({"qty": 5}, (5,), []),
        ({"qty": 5}, (5, 1), ["6 lots were filled within 100 ms, allowed: 5"]),
        ({"delta": 5}, (6,), ["-6 lots net were filled within 100 ms, allowed: 5 either way"]),
        ({"count": 2}, (1, 1), []),
        ({"count": 2}, (1, 1, 1), ["3 fills within 100 ms, allowed: 2"]),
        ({"qty": 100, "delta": 100, "count": 100}, (5, 5), []),
    ],
)
def test_more_than_a_bound_within_the_window_freezes(
    exchange: Harness, limits: dict[str, int], takes: tuple[int, ...], expected: list[str]
) -> None:
    exchange.apply(bounds(**limits), QUOTE)
    events = [event for number, qty in enumerate(takes) for event in later(exchange, 10, take(str(number), qty))]
    assert frozen(events) == expected
    assert exchange.book()[0] == ([] if expected else [(9_990, 10, 1)])


def test_what_is_bought_and_sold_again_is_no_delta(exchange: Harness) -> None:
    exchange.apply(bounds(delta=5), QUOTE)
    assert frozen(exchange.apply(take("a", 5), sell("b", 10, 9_990, time_in_force=IMMEDIATE_OR_CANCEL))) == []
    events = exchange.apply(quote(entry((10, 9_990), (10, 10_010))), sell("c", 1, 9_990))
    assert frozen(events) == ["+6 lots net were filled within 100 ms, allowed: 5 either way"]


def test_the_window_slides(exchange: Harness) -> None:
    exchange.apply(bounds(qty=6), QUOTE, take("a", 3))
    assert frozen(later(exchange, 60, take("b", 3))) == []
    assert frozen(later(exchange, 40, take("c", 3))) == []
    assert frozen(later(exchange, 59, take("d", 1))) == ["7 lots were filled within 100 ms, allowed: 6"]


def test_both_sides_leave_in_the_same_step_and_nothing_is_held(exchange: Harness) -> None:
    exchange.apply(bounds(qty=3), QUOTE)
    events = exchange.apply(take("a", 4))
    assert [type(event).__name__ for event in events if not isinstance(event, Execution)] == ["QuotesFrozen"]
    text = "market-maker protection: 4 lots were filled within 100 ms, allowed: 3"
    canceled = [each for each in events if isinstance(each, Execution) and each.exec_type == "4"]
    assert [(each.side, each.text, each.exec_restatement_reason) for each in canceled] == [
        (BUY, text, 99),
        (SELL, text, 99),
    ]
    assert exchange.book() == ([], [])
    assert exchange.cash(ACC2)[1] == 0


def test_an_aggressor_goes_on_behind_a_quote_that_was_pulled(exchange: Harness) -> None:
    exchange.apply(bounds(qty=3), QUOTE, sell("behind", 10, 10_010, session_id=TRADER, account_id=3))
    events = exchange.apply(buy("a", 12, 10_010))
    fills = [each.last_qty for each in events if isinstance(each, Execution) and each.is_aggressor]
    assert fills == [10, 2]
    assert frozen(events) == ["10 lots were filled within 100 ms, allowed: 3"]


def test_a_quote_that_takes_is_stopped_in_the_middle_of_its_match(exchange: Harness) -> None:
    exchange.apply(bounds(qty=3), *(sell(f"s{n}", 2, 10_000) for n in range(4)))
    events = exchange.apply(quote(entry((8, 10_000), (5, 10_010))))
    assert [each.last_qty for each in events if isinstance(each, Execution) and each.is_aggressor] == [2, 2]
    assert frozen(events) == ["4 lots were filled within 100 ms, allowed: 3"]
    assert exchange.book() == ([], [(10_000, 4, 2)])
    assert exchange.cash(ACC2)[1] == 0


def test_frozen_quotes_are_refused_with_limit_value_and_bound(exchange: Harness) -> None:
    exchange.apply(bounds(qty=3), QUOTE, take("a", 4))
    events = exchange.apply(quote(entry((1, 9_990)), entry((1, 9_990), instrument_id=2, entry_id="2"), level="1"))
    assert answers(events) == [("0", [refusals.QUOTES_FROZEN])]
    (answer,) = [event for event in events if isinstance(event, QuotesAnswered)]
    assert "4 lots were filled within 100 ms, allowed: 3" in answer.entries[0].text
    assert exchange.engine.depth(2, 0)[0] == [(9_990, 1, 1)]
    # Another account, another session, an order: none of them is frozen.
    assert answers(exchange.apply(quote(entry((1, 9_980)), account_id=ACC1))) == [("0", [0])]
    assert answers(exchange.apply(quote(entry((1, 9_970)), session_id=TRADER))) == [("0", [0])]
    assert isinstance(exchange.apply(buy("o", 1, 9_000, session_id=MAKER, account_id=ACC2))[0], Execution)
    later(exchange, 1_000)
    assert answers(exchange.apply(quote(entry((1, 9_990))))) == [("5", [refusals.QUOTES_FROZEN])]


@pytest.mark.parametrize(
    "reset",
    [
        pull(1, quote_id="MMP_RESET", resets=True),
        pull(quote_id="MMP_RESET", resets=True),
        ResetQuoteProtection(MAKER, 0, 0, "ops", "spoken"),
        ResetQuoteProtection(MAKER, ACC2, 1, "ops", "spoken"),
        quote(entry((1, 9_980)), resets=True),
    ],
)
def test_a_reset_takes_quotes_again_and_counts_anew(exchange: Harness, reset: Command) -> None:
    exchange.apply(bounds(qty=3), QUOTE, take("a", 4))
    assert len([event for event in exchange.apply(reset) if isinstance(event, QuotesReset)]) == 1
    assert answers(exchange.apply(quote(entry((10, 9_990), (10, 10_010))))) == [("0", [0])]
    assert frozen(exchange.apply(take("b", 3))) == []
    assert frozen(exchange.apply(take("c", 1))) == ["4 lots were filled within 100 ms, allowed: 3"]


@pytest.mark.parametrize(
    "reset",
    [
        pull(2, quote_id="MMP_RESET", resets=True),
        pull(1),
        pull(quote_id="MMP_RESET", resets=True, poss_resend=True),
        pull(quote_id="MMP_RESET", resets=True, session_id=TRADER),
        ResetQuoteProtection(MAKER, ACC1, 0, "ops", ""),
        ResetQuoteProtection(TRADER, 0, 0, "ops", ""),
        bounds(qty=100),
        bounds(),
    ],
)
def test_nothing_else_takes_them_again(exchange: Harness, reset: Command) -> None:
    exchange.apply(bounds(qty=3), QUOTE, take("a", 4))
    assert not [event for event in exchange.apply(reset) if isinstance(event, QuotesReset)]
    assert answers(exchange.apply(quote(entry((1, 9_990))))) == [("5", [refusals.QUOTES_FROZEN])]


@pytest.mark.parametrize(
    "reset",
    [
        pull(quote_id="MMP_RESET", resets=True),
        pull(1, quote_id="MMP_RESET", resets=True),
        ResetQuoteProtection(MAKER, 0, 0, "ops", "asked"),
        quote(entry((5, 9_990), (5, 10_010)), resets=True),
    ],
)
def test_a_reset_of_what_was_only_counted_begins_anew(exchange: Harness, reset: Command) -> None:
    exchange.apply(bounds(qty=3), QUOTE, take("a", 3))
    assert not [event for event in exchange.apply(reset) if isinstance(event, QuotesReset)]
    exchange.apply(quote(entry((5, 9_990), (5, 10_010))))
    assert frozen(exchange.apply(take("b", 3))) == []


def test_a_reset_of_another_instrument_counts_on(exchange: Harness) -> None:
    exchange.apply(bounds(qty=3), QUOTE, take("a", 3), pull(2, quote_id="MMP_RESET", resets=True))
    assert frozen(exchange.apply(take("b", 1))) == ["4 lots were filled within 100 ms, allowed: 3"]


def test_an_auction_counts_and_pulls_when_it_is_over(exchange: Harness) -> None:
    exchange.apply(bounds(qty=3))
    for phase in ("halted", "pre-open"):
        exchange.apply(SetTradingPhase(1, phase, "ops", ""))
    exchange.apply(QUOTE, buy("a", 3, 10_020), buy("b", 3, 10_020))
    exchange.apply(SetTradingPhase(1, "opening auction", "ops", ""))
    events = exchange.finish(SetTradingPhase(1, "continuous", "ops", ""))
    assert [step[4] for step in steps(events) if step[0] == "F"] == [3, 3]
    assert frozen(events) == ["6 lots were filled within 100 ms, allowed: 3"]
    assert exchange.book() == ([], [])


def test_quotes_that_are_left_for_a_later_step_trade_no_more(
    exchange: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "ORDERS_PER_STEP_MAX", 3)
    exchange.apply(
        *(
            quote(entry((5, 9_990 - n)), session_id=session, account_id=account)
            for n, (session, account) in enumerate(PAIRS)
        )
    )
    events = exchange.apply(SetTradingPhase(1, "halted", "ops", ""))
    assert any(isinstance(event, WorkLeft) for event in events)
    assert len(exchange.book()[0]) == 2
    exchange.apply(SetTradingPhase(1, "continuous", "ops", ""))
    events = exchange.apply(sell("f", 5, 9_980, time_in_force=FILL_OR_KILL))
    assert not [event for event in events if isinstance(event, Execution) and event.exec_type == "F"]
    exchange.finish()
    assert exchange.book() == ([], [])


def test_quotes_that_their_owners_take_away_first_are_no_work_any_more(
    exchange: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "ORDERS_PER_STEP_MAX", 3)
    for number, (session_id, account_id) in enumerate(PAIRS):
        exchange.apply(quote(entry((5, 9_990 - number)), session_id=session_id, account_id=account_id))
    exchange.apply(SetTradingPhase(1, "halted", "ops", ""))
    assert exchange.engine.statistics()["work_left"] == 2
    for session_id, _ in PAIRS:
        exchange.apply(pull(session_id=session_id))
    assert exchange.engine.statistics()["work_left"] == 0
    exchange.apply(SetTradingPhase(1, "continuous", "ops", ""), bounds(qty=1))
    events = exchange.apply(quote(entry((5, 9_990))), sell("a", 2, 9_990))
    assert not any(isinstance(event, WorkLeft) for event in events)
    assert exchange.book() == ([], [])


PAIRS = [(MAKER, ACC2), (TRADER, ACC1), (2, ACC1), (MAKER, 3)]


def test_bounds_of_sessions_that_are_none_are_refused(exchange: Harness) -> None:
    for command in (
        bounds(session_id=9),
        SetQuoteProtection(MAKER, -1, 0, 0, 1),
        SetQuoteProtection(MAKER, 1, 0, 0, 0),
    ):
        (event,) = exchange.apply(command)
        assert isinstance(event, CommandRefused)
    assert exchange.apply(bounds(qty=1)) == [QuoteProtectionSet(MAKER)]
    (event,) = exchange.apply(ResetQuoteProtection(9, 0, 0, "ops", ""))
    assert isinstance(event, CommandRefused)


def test_a_window_keeps_a_bounded_number_of_instants() -> None:
    window = FillWindow()
    for instant in range(3 * FILLS_MAX):
        window.add((instant, 1, 1, 1), 10 * FILLS_MAX)
    assert len(window.fills) == FILLS_MAX
    assert (window.qty, window.net, window.count) == (3 * FILLS_MAX,) * 3
    window.add((100 * FILLS_MAX, 1, -1, 1), 10 * FILLS_MAX)
    assert (window.qty, window.net, window.count, len(window.fills)) == (1, -1, 1, 1)


def test_without_bounds_nothing_is_counted() -> None:
    protection = QuoteProtection()
    assert protection.count_fill((1, 1, 1), BUY, 10**12, 1) == ""
    assert protection.is_empty()
