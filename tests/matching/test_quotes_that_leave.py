"""Quotes that are to be pulled and stand yet: beside auctions, behind the bound of a step, before a reset."""

from collections.abc import Iterator

import pytest

from matching import refusals, work
from matching.commands import ContinueWork, MassQuote, SetTradingPhase
from matching.events import Event, Execution
from matching.order import Order
from matching.quote_events import QuotesFrozen, QuotesReset
from matching.types import IMMEDIATE_OR_CANCEL, QuoteKey, Side
from tests.matching.harness import ACC1, ACC2, ACC3, MAKER, TRADER, Harness, RestartingHarness, buy, order, sell
from tests.matching.test_quote_protection import bounds
from tests.matching.test_quotes import answers, entry, quote, steps

AAPL_ID, PERP_ID = 1, 2
RESET = quote(entry((5, 9_980), (5, 10_020)), quote_id="R", resets=True)


@pytest.fixture
def exchange(monkeypatch: pytest.MonkeyPatch) -> Harness:
    """An exchange of short steps that is restarted from its snapshot after every command."""
    monkeypatch.setattr(work, "ORDERS_PER_STEP_MAX", 4)
    return RestartingHarness()


def call_auction(exchange: Harness) -> None:
    """Let AAPL collect orders for its opening auction."""
    exchange.finish(*(SetTradingPhase(AAPL_ID, phase, "ops", "") for phase in ("halted", "pre-open")))
    exchange.finish(SetTradingPhase(AAPL_ID, "opening auction", "ops", ""))


def execute_auction(exchange: Harness) -> list[Event]:
    """Determine the price of AAPL's auction, which is executed in steps from then on."""
    events = exchange.apply(SetTradingPhase(AAPL_ID, "continuous", "ops", ""))
    assert exchange.engine.works.is_auctioning
    return events


def kinds(events: list[Event]) -> list[type]:
    return [type(each) for each in events if isinstance(each, QuotesFrozen | QuotesReset)]


def test_frozen_quotes_leave_while_the_auction_of_another_instrument_is_executed(exchange: Harness) -> None:
    exchange.apply(bounds(qty=3), quote(entry((9, 9_900), (9, 10_100), instrument_id=PERP_ID)))
    call_auction(exchange)
    for n in range(6):
        exchange.apply(buy(f"b{n}", 1, 10_000), sell(f"s{n}", 1, 10_000))
    execute_auction(exchange)
    taking = order("t", "1", 4, 10_100, account_id=ACC1, instrument_id=PERP_ID, time_in_force=IMMEDIATE_OR_CANCEL)
    events = exchange.apply(taking)
    assert kinds(events) == [QuotesFrozen]
    assert [step[0] for step in steps(events)] == ["F", "4", "4"]
    assert exchange.engine.depth(PERP_ID, 0) == ([], [])
    assert exchange.engine.works.is_auctioning
    again = exchange.apply(quote(entry((1, 9_900), (1, 10_100), instrument_id=PERP_ID), resets=True))
    assert kinds(again) == [QuotesReset]
    assert answers(again) == [("0", [0])]
    assert exchange.engine.depth(PERP_ID, 0) == ([(9_900, 1, 1)], [(10_100, 1, 1)])
    exchange.finish()
    assert exchange.engine.depth(PERP_ID, 0) == ([(9_900, 1, 1)], [(10_100, 1, 1)])


def test_a_reset_in_an_auction_that_is_executed_is_not_taken(exchange: Harness) -> None:
    exchange.apply(bounds(qty=1))
    call_auction(exchange)
    exchange.apply(quote(entry((1, 9_900), (9, 10_000))))
    exchange.apply(*(buy(f"b{n}", 2, 10_000) for n in range(4)))
    execute_auction(exchange)
    assert kinds(exchange.apply(ContinueWork())) == [QuotesFrozen]
    assert exchange.engine.works.is_auctioning
    early = exchange.apply(RESET)
    assert kinds(early) == []
    assert answers(early) == [("5", [refusals.AUCTION_EXECUTES])]
    # It goes on taking what its price has determined; then the frozen quote leaves.
    rest = exchange.finish()
    assert [step[0] for step in steps(rest)][-2:] == ["4", "4"]
    assert kinds(rest) == []
    assert answers(exchange.apply(quote(entry((1, 9_900))))) == [("5", [refusals.QUOTES_FROZEN])]
    assert kinds(exchange.apply(RESET)) == [QuotesReset]


def _freeze_in_an_auction(exchange: Harness) -> None:
    """Leave the frozen quotes of three accounts standing behind the last step of an auction."""
    exchange.apply(bounds(qty=1))
    call_auction(exchange)
    for account_id in (ACC1, ACC3, ACC2):
        exchange.apply(quote(entry((3, 9_900), (3, 10_000)), account_id=account_id))
    exchange.apply(*(buy(f"b{qty}", qty, 10_000) for qty in (5, 3)))
    execute_auction(exchange)
    while exchange.engine.works.pending:
        exchange.apply(ContinueWork())
    assert exchange.engine.desk.special.quotes.left() == 1


def test_what_leaves_of_a_quote_is_pulled_before_its_reset(exchange: Harness) -> None:
    _freeze_in_an_auction(exchange)
    ((key, _),) = exchange.engine.desk.special.quotes.records()
    assert key == (MAKER, ACC2, AAPL_ID)
    events = exchange.apply(RESET)
    assert [step[0] for step in steps(events)] == ["4", "4", "0", "0"]
    assert kinds(events) == [QuotesReset]
    assert answers(events) == [("0", [0])]
    before_answer = events[: next(n for n, each in enumerate(events) if not isinstance(each, Execution))]
    assert len(steps(before_answer)) == 2
    exchange.finish()
    assert exchange.book() == ([(9_980, 5, 1)], [(10_020, 5, 1)])


PAIRS = (TRADER, ACC1), (2, ACC1), (MAKER, ACC2), (MAKER, ACC3)


def test_a_quote_that_a_halt_has_left_standing_is_not_changed_but_pulled(exchange: Harness) -> None:
    for n, (session_id, account_id) in enumerate(PAIRS):
        exchange.apply(quote(entry((5, 9_990 - n)), session_id=session_id, account_id=account_id))
    exchange.apply(SetTradingPhase(AAPL_ID, "halted", "ops", ""), SetTradingPhase(AAPL_ID, "continuous", "ops", ""))
    session_id, account_id = PAIRS[-1]
    command: MassQuote = quote(entry((4, 9_950)), quote_id="N", session_id=session_id, account_id=account_id)
    events = exchange.apply(command)
    assert answers(events) == [("0", [0])]
    assert [(step[0], step[2]) for step in steps(events)] == [("4", 9_987), ("0", 9_950)]
    exchange.finish()
    assert exchange.book() == ([(9_950, 4, 1)], [])


class _Unwalked(dict[QuoteKey, dict[Side, Order]]):
    """Quotes that are looked up, and never walked through."""

    def __iter__(self) -> Iterator[QuoteKey]:
        raise AssertionError("all quotes were walked through")


def test_a_halt_looks_at_the_quotes_of_its_instrument_only() -> None:
    exchange = Harness()
    for session_id, account_id in PAIRS:
        entries = [entry((5, 9_990), entry_id=str(each), instrument_id=each) for each in (AAPL_ID, PERP_ID)]
        exchange.apply(quote(*entries, session_id=session_id, account_id=account_id))
    quotes = exchange.engine.desk.special.quotes
    quotes.sides = _Unwalked(quotes.sides)
    quotes.leave_instrument(PERP_ID, "halted")
    assert quotes.records() == [((*pair, PERP_ID), "halted") for pair in PAIRS]
