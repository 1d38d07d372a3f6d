"""QuoteCancel(Z) over many quotes: in steps, with its scope blocked, answered behind the last one."""

import sys
from types import FrameType
from typing import Any

import pytest

from matching import refusals, work
from matching.commands import CancelQuotes, ContinueWork, SetQuoteProtection, SetTradingPhase
from matching.events import Event, Execution, WorkLeft
from matching.quote_cancels import sides_in_scope
from matching.quote_events import QuotesAnswered, QuotesReset
from matching.types import BUY
from tests.matching.harness import ACC1, ACC2, ACC3, MAKER, TRADER, TRADER_FIX42, Harness, buy, order, sell
from tests.matching.test_quotes import answers, entry, pull, quote, steps
from tests.matching.test_state_records import reload

ACCOUNTS = ACC1, ACC2, ACC3


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "ORDERS_PER_STEP_MAX", 4)


def quote_all(exchange: Harness, session_id: int = MAKER) -> None:
    """Quote both instruments for all accounts: six quotes of two sides."""
    for account_id in ACCOUNTS:
        entries = [entry((5, 9_900), (5, 10_100), entry_id=str(each), instrument_id=each) for each in (1, 2)]
        exchange.apply(quote(*entries, session_id=session_id, account_id=account_id, level="0"))


def answer_of(events: list[Event]) -> QuotesAnswered:
    """The only answer among events, which is the last thing said but for WorkLeft."""
    (found,) = [each for each in events if isinstance(each, QuotesAnswered)]
    assert [each for each in events if not isinstance(each, WorkLeft)][-1] is found
    return found


def test_quotes_are_canceled_in_steps_and_answered_behind_the_last(exchange: Harness) -> None:
    quote_all(exchange)
    quote_all(exchange, TRADER)
    events = exchange.apply(pull())
    assert len(steps(events)) == 4
    assert answers(events) == []
    assert events[-1] == WorkLeft(8)
    assert exchange.apply(ContinueWork())[-1] == WorkLeft(4)
    last = exchange.apply(ContinueWork())
    assert answer_of(last).text == "12 sides of quotes are canceled"
    assert not exchange.engine.has_work
    assert sorted(exchange.engine.desk.special.quotes.by_session[TRADER]) == [
        (TRADER, account_id, instrument_id) for account_id in ACCOUNTS for instrument_id in (1, 2)
    ]


def test_new_quotes_of_the_scope_are_refused_meanwhile_and_nothing_else(exchange: Harness) -> None:
    quote_all(exchange)
    exchange.apply(pull(1))
    blocked = exchange.apply(quote(entry((1, 9_950))))
    assert answers(blocked) == [("5", [refusals.BEING_CANCELED])]
    (told,) = [each for each in blocked if isinstance(each, QuotesAnswered)]
    assert told.entries[0].text == "quotes of the session are being canceled, 2 sides are left"
    # One that only takes away, another instrument, another session, and orders of the session pass.
    assert answers(exchange.apply(quote(entry(), account_id=ACC3))) == [("0", [0])]
    assert answers(exchange.apply(quote(entry((1, 9_950), instrument_id=2)))) == [("0", [0])]
    assert answers(exchange.apply(quote(entry((1, 9_950)), session_id=TRADER, account_id=ACC1))) == [("0", [0])]
    (accepted,) = exchange.apply(sell("s", 1, 10_050))
    assert isinstance(accepted, Execution)
    assert accepted.exec_type == "0"
    assert answer_of(exchange.apply(ContinueWork())).text == "4 sides of quotes are canceled"
    assert answers(exchange.apply(quote(entry((1, 9_950))))) == [("0", [0])]


def test_a_side_that_is_filled_between_the_steps_is_not_counted(exchange: Harness) -> None:
    quote_all(exchange)
    exchange.apply(pull(1))
    # What is left are the two sides of the last account.
    exchange.apply(order("t", BUY, 5, 10_100, session_id=TRADER, account_id=ACC1, time_in_force="3"))
    assert answer_of(exchange.finish(ContinueWork())).text == "5 sides of quotes are canceled"


def test_unfinished_cancels_survive_a_reload_between_all_steps(exchange: Harness) -> None:
    quote_all(exchange)
    exchange.apply(pull())
    while exchange.engine.has_work:
        other = reload(exchange)
        assert other.engine.state_hash() == exchange.engine.state_hash()
        assert other.apply(quote(entry((1, 9_950)))) == exchange.apply(quote(entry((1, 9_950))))
        assert other.apply(ContinueWork()) == exchange.apply(ContinueWork())
        assert other.engine.state_hash() == exchange.engine.state_hash()


def test_frozen_quotes_are_taken_again_behind_the_last_step(exchange: Harness) -> None:
    exchange.apply(SetQuoteProtection(MAKER, 1, 0, 0, 10**12))
    quote_all(exchange)
    exchange.finish(buy("b", 5, 10_100, session_id=TRADER_FIX42, account_id=ACC1, time_in_force="3"))
    first = exchange.apply(pull(quote_id="MMP_RESET", resets=True))
    assert not [each for each in first if isinstance(each, QuotesReset)]
    rest = exchange.finish()
    assert [isinstance(each, QuotesReset) for each in rest[-2:]] == [True, False]
    assert answer_of(rest).text == "10 sides of quotes are canceled, 1 frozen quotes are reset"


def _looked_at(exchange: Harness, command: CancelQuotes) -> int:
    """Count the calls that finding the sides of a scope takes."""
    count = 0

    def note(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    quotes: Any = exchange.engine.desk.special.quotes
    sys.setprofile(note)
    try:
        sides_in_scope(quotes, command)
        exchange.engine.quote_requests._cancel_fault(command)
    finally:
        sys.setprofile(None)
    return count


def test_a_cancel_looks_at_the_quotes_of_its_session_only(exchange: Harness) -> None:
    exchange.apply(quote(entry((5, 9_900), (5, 10_100))))
    alone = _looked_at(exchange, pull(1))
    quote_all(exchange, TRADER)
    quote_all(exchange, TRADER_FIX42)
    assert _looked_at(exchange, pull(1)) == alone


def test_quotes_of_an_instrument_are_canceled_while_the_auction_of_another_one_is_executed(exchange: Harness) -> None:
    quote_all(exchange)
    exchange.finish(SetTradingPhase(1, "halted", "ops", ""), SetTradingPhase(1, "pre-open", "ops", ""))
    exchange.finish(SetTradingPhase(1, "opening auction", "ops", ""))
    for n in range(6):
        exchange.apply(buy(f"b{n}", 1, 10_000), sell(f"s{n}", 1, 10_000))
    exchange.apply(SetTradingPhase(1, "continuous", "ops", ""))
    assert exchange.engine.works.is_auctioning
    first = exchange.apply(pull(2))
    assert len(steps(first)) == 4
    assert answer_of(exchange.finish()).text == "6 sides of quotes are canceled"
