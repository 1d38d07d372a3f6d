"""Quotes: two orders that live and go together, replaced in place, checked as a whole."""

from typing import Any

import pytest

from matching import refusals
from matching.commands import (
    CancelQuotes,
    CancelSessionOrders,
    EndTradingDay,
    MassCancel,
    MassQuote,
    QuoteEntry,
    SetKillSwitch,
    SetTradingPhase,
)
from matching.events import CancelRejected, Event, Execution, MessageThrottled
from matching.quote_events import QuotesAnswered
from matching.types import BUY, FILL_OR_KILL, SELL
from tests.matching.harness import ACC1, ACC2, MAKER, TRADER, Harness, RestartingHarness, buy, cancel, sell

AAPL_ID = 1


@pytest.fixture
def exchange() -> Harness:
    """An exchange that is restarted from its snapshot after every command."""
    return RestartingHarness()


def entry(
    bid: tuple[int, int] = (0, 0), offer: tuple[int, int] = (0, 0), *, entry_id: str = "1", instrument_id: int = AAPL_ID
) -> QuoteEntry:
    """An entry of (quantity, price) on either side."""
    symbol = {1: "AAPL", 2: "BTC-PERP"}[instrument_id]
    return QuoteEntry("S", entry_id, instrument_id, symbol, bid[1], bid[0], offer[1], offer[0])


def quote(*entries: QuoteEntry, quote_id: str = "Q1", level: str = "2", **more: Any) -> MassQuote:
    """A mass quote of the maker for ACC2."""
    session_id, account_id = more.pop("session_id", MAKER), more.pop("account_id", ACC2)
    return MassQuote(session_id, 1, 7, quote_id, account_id, level, entries, **more)


def pull(*instrument_ids: int, quote_id: str = "Z1", **more: Any) -> CancelQuotes:
    """A quote cancel of the maker, of all where no instrument is named."""
    session_id = more.pop("session_id", MAKER)
    return CancelQuotes(session_id, 1, 8, quote_id, "1" if instrument_ids else "4", 0, instrument_ids, **more)


def answers(events: list[Event]) -> list[tuple[str, list[int]]]:
    """Status and codes of entries, or of the message, of each answer."""
    return [
        (each.status, [one.code for one in each.entries] or [each.code])
        for each in events
        if isinstance(each, QuotesAnswered)
    ]


def steps(events: list[Event]) -> list[tuple[str, str, int, int, int]]:
    """ExecType, side, price, leaves and fill of each report of a quote."""
    return [
        (each.exec_type, each.side, each.price, each.leaves_qty, each.last_qty)
        for each in events
        if isinstance(each, Execution) and each.terms is not None and each.terms.quote is not None
    ]


def test_both_sides_of_a_quote_stand_in_the_book(exchange: Harness) -> None:
    events = exchange.apply(quote(entry((10, 9_990), (20, 10_010))))
    assert answers(events) == [("0", [0])]
    assert steps(events) == [("0", BUY, 9_990, 10, 0), ("0", SELL, 10_010, 20, 0)]
    assert exchange.book() == ([(9_990, 10, 1)], [(10_010, 20, 1)])


@pytest.mark.parametrize(
    ("level", "accepted", "partly"),
    [("", [], [50701]), ("0", [], [50701]), ("1", [], [50701]), ("2", [0, 0], [0, 50701]), ("3", [0], [50701])],
)
def test_refusals_are_always_answered_the_rest_as_asked(level: str, accepted: list[int], partly: list[int]) -> None:
    exchange = Harness()
    perp = entry((1, 9_990), (1, 10_010), entry_id="2", instrument_id=2)
    crossed = entry((1, 10_010), (1, 10_010), entry_id="2", instrument_id=2)
    good = exchange.apply(quote(entry((1, 9_990)), perp, level=level))
    assert answers(good) == ([("0", accepted)] if accepted else [])
    assert answers(exchange.apply(quote(entry((1, 9_990)), crossed, level=level))) == [("0", partly)]
    assert answers(exchange.apply(quote(crossed, level=level))) == [("5", [50701])]


def test_a_fill_names_the_newest_message_that_the_quote_is_of(exchange: Harness) -> None:
    exchange.apply(quote(entry((10, 9_990), (20, 10_010))), quote(entry((10, 9_990), (20, 10_010)), quote_id="Q2"))
    events = exchange.apply(buy("a", 5, 10_010))
    fill = next(each for each in events if isinstance(each, Execution) and each.session_id == MAKER)
    assert (fill.exec_type, fill.cl_ord_id, fill.leaves_qty, fill.last_qty) == ("F", "Q2", 15, 5)
    assert fill.terms is not None
    assert fill.terms.quote is not None
    assert (fill.terms.quote.quote_id, fill.terms.quote.set_id, fill.terms.quote.entry_id) == ("Q2", "S", "1")


@pytest.mark.parametrize(
    ("second", "expected", "first_in_queue"),
    [
        ((10, 9_990), [], True),
        ((6, 9_990), [("5", BUY, 9_990, 6, 0)], True),
        ((11, 9_990), [("5", BUY, 9_990, 11, 0)], False),
    ],
)
def test_less_at_the_same_price_keeps_the_place(
    exchange: Harness, second: tuple[int, int], expected: list[Any], first_in_queue: bool
) -> None:
    exchange.apply(quote(entry((10, 9_990))), buy("behind", 3, 9_990))
    assert steps(exchange.apply(quote(entry(second), quote_id="Q2"))) == expected
    events = exchange.apply(sell("a", 1, 9_990, account_id=3, session_id=MAKER))
    resting = next(each for each in events if isinstance(each, Execution) and each.exec_type == "F")
    assert (resting.cl_ord_id == "Q2") == first_in_queue


def test_a_size_is_what_is_open_whatever_was_filled_before(exchange: Harness) -> None:
    exchange.apply(quote(entry((10, 9_990))), sell("a", 4, 9_990))
    events = exchange.apply(quote(entry((10, 9_990)), quote_id="Q2"))
    assert steps(events) == [("5", BUY, 9_990, 10, 0)]
    (report,) = [each for each in events if isinstance(each, Execution)]
    assert (report.qty, report.cum_qty, report.ord_status) == (14, 4, "1")


def test_a_side_that_is_not_quoted_any_more_is_canceled(exchange: Harness) -> None:
    exchange.apply(quote(entry((10, 9_990), (20, 10_010))))
    assert steps(exchange.apply(quote(entry((10, 9_990))))) == [("4", SELL, 10_010, 0, 0)]
    assert steps(exchange.apply(quote(entry()))) == [("4", BUY, 9_990, 0, 0)]
    assert exchange.book() == ([], [])
    assert exchange.cash(ACC2) == (0, 0)


def test_a_quote_that_moves_through_its_other_side_does_not_meet_itself(exchange: Harness) -> None:
    exchange.apply(quote(entry((10, 9_990), (20, 10_010))))
    events = exchange.apply(quote(entry((10, 10_020), (20, 10_040))))
    assert steps(events) == [("5", BUY, 10_020, 10, 0), ("5", SELL, 10_040, 20, 0)]
    events = exchange.apply(quote(entry((10, 9_970), (20, 9_980))))
    assert [step[0] for step in steps(events)] == ["5", "5"]
    assert exchange.book() == ([(9_970, 10, 1)], [(9_980, 20, 1)])


def test_a_quote_takes_what_it_crosses_and_is_answered_before(exchange: Harness) -> None:
    exchange.apply(sell("a", 4, 10_000))
    events = exchange.apply(quote(entry((10, 10_000), (10, 10_010))))
    assert isinstance(events[0], QuotesAnswered)
    assert ("F", BUY, 10_000, 6, 4) in steps(events)
    assert exchange.book() == ([(10_000, 6, 1)], [(10_010, 10, 1)])


def test_a_refused_entry_leaves_the_quote_as_it_was_and_nothing_held(exchange: Harness) -> None:
    exchange.apply(quote(entry((10, 9_990), (20, 10_010))))
    held = exchange.cash(ACC2)
    for bid, offer, code in (
        ((10, 9_990), (20_000, 10_010), refusals.SHARES),
        ((200_000, 9_990), (20, 10_010), refusals.CASH),
        ((10, 8_000), (20, 10_010), refusals.PRICE_BAND),
        ((10, 9_990), (20, 12_000), refusals.PRICE_BAND),
        ((10, 10_010), (20, 10_010), refusals.QUOTE_CROSSED),
    ):
        events = exchange.apply(quote(entry(bid, offer)))
        assert answers(events) == [("5", [code])]
        assert steps(events) == []
        assert exchange.cash(ACC2) == held
        assert exchange.book() == ([(9_990, 10, 1)], [(10_010, 20, 1)])


def test_what_one_side_frees_the_other_may_use(exchange: Harness) -> None:
    exchange.apply(quote(entry((5_000, 10_000), entry_id="1")), quote(entry((1, 5_000), instrument_id=2)))
    amount = 1_000_000 * 1_000_000
    assert exchange.cash(ACC2)[1] < amount
    events = exchange.apply(quote(entry((9_999, 10_000))))
    assert answers(events) == [("0", [0])]
    assert answers(exchange.apply(quote(entry((10_001, 10_000))))) == [("5", [refusals.CASH])]


def test_a_side_that_shrinks_makes_room_for_the_other_one(exchange: Harness) -> None:
    most = 100_000
    perp = quote(entry((most, 9_999), (most, 10_000), instrument_id=2))
    assert answers(exchange.apply(perp)) == [("0", [0])]
    assert answers(exchange.apply(quote(entry((2 * most, 9_999), (most, 10_000), instrument_id=2)))) == [("5", [10306])]
    grown = quote(entry((2 * most - 100, 9_999), (50, 10_000), instrument_id=2))
    assert answers(exchange.apply(grown)) == [("0", [0])]


def test_limits_of_open_orders_count_the_sides(exchange: Harness) -> None:
    exchange.limits(ACC2, 1, open_orders_max=2)
    exchange.apply(quote(entry((1, 9_990), (1, 10_010))))
    assert answers(exchange.apply(quote(entry((2, 9_980), (2, 10_020)), quote_id="Q2"))) == [("0", [0])]
    events = exchange.apply(buy("x", 1, 9_000, session_id=MAKER, account_id=ACC2))
    assert isinstance(events[0], Execution)
    assert events[0].code == refusals.OPEN_ORDERS_MAX


def test_a_quote_that_gets_smaller_is_taken_although_position_max_was_lowered(exchange: Harness) -> None:
    exchange.apply(quote(entry((400, 9_990), (400, 10_010), instrument_id=2)))
    exchange.limits(ACC2, 2, position_max=100)
    smaller = quote(entry((300, 9_980), (400, 10_020), instrument_id=2), quote_id="Q2")
    assert answers(exchange.apply(smaller)) == [("0", [0])]
    assert exchange.engine.depth(2, 0) == ([(9_980, 300, 1)], [(10_020, 400, 1)])
    larger = quote(entry((301, 9_980), (400, 10_020), instrument_id=2), quote_id="Q3")
    assert answers(exchange.apply(larger)) == [("5", [refusals.POSITION_MAX])]


def test_a_quote_cancel_says_how_many_sides_it_has_canceled(exchange: Harness) -> None:
    exchange.apply(quote(entry((1, 9_990), (1, 10_010)), entry((1, 9_990), instrument_id=2, entry_id="2")))
    events = exchange.apply(pull(2))
    assert isinstance(events[-1], QuotesAnswered)
    assert (events[-1].status, events[-1].text) == ("1", "1 sides of quotes are canceled")
    events = exchange.apply(pull())
    assert isinstance(events[-1], QuotesAnswered)
    assert (events[-1].status, events[-1].text) == ("4", "2 sides of quotes are canceled")
    assert exchange.book() == ([], [])
    assert answers(exchange.apply(pull(session_id=TRADER))) == [("4", [0])]


def test_quotes_of_another_session_stay(exchange: Harness) -> None:
    exchange.apply(quote(entry((1, 9_990))), quote(entry((1, 9_980)), session_id=TRADER, account_id=ACC1))
    exchange.apply(pull())
    assert exchange.book() == ([(9_980, 1, 1)], [])


def test_a_side_is_no_order_that_a_cancel_reaches(exchange: Harness) -> None:
    events = exchange.apply(quote(entry((1, 9_990))))
    order_id = next(each.order_id for each in events if isinstance(each, Execution))
    command = cancel("c", "", order_id=order_id, session_id=MAKER)
    (refused,) = exchange.apply(command)
    assert isinstance(refused, CancelRejected)
    assert refused.code == refusals.ORDER_OF_QUOTE
    (unknown,) = exchange.apply(cancel("d", "Q1", session_id=MAKER))
    assert isinstance(unknown, CancelRejected)
    assert unknown.code == refusals.CANCEL_UNKNOWN_ORDER


@pytest.mark.parametrize(
    "command",
    [
        MassCancel(MAKER, 1, 9, "m", "7"),
        CancelSessionOrders(MAKER, "gone"),
        CancelSessionOrders(TRADER, "gone", account_ids=(ACC2,), spares_gtc=True),
        SetKillSwitch("session", MAKER, True, "ops", ""),
        SetKillSwitch("market", 0, True, "ops", ""),
        SetTradingPhase(1, "halted", "ops", "news"),
        SetTradingPhase(1, "closed", "ops", "news"),
        EndTradingDay(20260101),
    ],
)
def test_what_takes_orders_out_takes_quotes_out(exchange: Harness, command: Any) -> None:
    exchange.apply(quote(entry((1, 9_990), (1, 10_010))))
    events = exchange.finish(command)
    assert [step[0] for step in steps(events)] == (["C", "C"] if isinstance(command, EndTradingDay) else ["4", "4"])
    assert exchange.book() == ([], [])
    assert exchange.cash(ACC2) == (0, 0)


def test_a_halt_takes_only_the_quotes_of_its_instrument(exchange: Harness) -> None:
    exchange.apply(quote(entry((1, 9_990)), entry((1, 9_990), instrument_id=2, entry_id="2")), buy("stays", 1, 9_000))
    exchange.apply(SetTradingPhase(1, "halted", "ops", "news"))
    assert exchange.book() == ([(9_000, 1, 1)], [])
    assert exchange.engine.depth(2, 0)[0] == [(9_990, 1, 1)]
    assert answers(exchange.apply(quote(entry((1, 9_990))))) == [("5", [refusals.TRADING_PHASE])]
    assert answers(exchange.apply(pull())) == [("4", [0])]


def test_a_day_that_ends_forgets_quotes(exchange: Harness) -> None:
    exchange.apply(quote(entry((1, 9_990))), sell("a", 1, 9_990))
    exchange.finish(EndTradingDay(20260101))
    assert exchange.engine.desk.orders == {}


def test_a_possible_resend_is_not_quoted_again(exchange: Harness) -> None:
    events = exchange.apply(quote(entry((1, 9_990)), poss_resend=True))
    assert answers(events) == [("5", [refusals.QUOTE_RESENT])]
    exchange.apply(quote(entry((1, 9_990))))
    assert answers(exchange.apply(pull(poss_resend=True))) == [("4", [0])]
    assert exchange.book() == ([], [])


def test_a_fill_or_kill_order_may_count_on_quotes(exchange: Harness) -> None:
    exchange.apply(quote(entry((0, 0), (5, 10_010))), sell("b", 5, 10_020))
    events = exchange.apply(buy("f", 10, 10_020, time_in_force=FILL_OR_KILL))
    assert [each.last_qty for each in events if isinstance(each, Execution) and each.exec_type == "F"] == [5, 5, 5, 5]


def test_a_mass_quote_counts_its_entries(exchange: Harness) -> None:
    exchange = Harness(rate=1, burst=2)
    first = quote(entry((1, 9_990)), session_id=TRADER, account_id=ACC1)
    three = quote(*(entry((1, 9_990), entry_id=str(n)) for n in range(3)), session_id=TRADER, account_id=ACC1)
    (refused,) = exchange.apply(three)
    assert isinstance(refused, MessageThrottled)
    assert (refused.code, refused.ref_msg_type, refused.ref_id) == (refusals.THROTTLED_SESSION, "i", "Q1")
    assert "2 are left for 3 entries" in refused.text
    assert [answers(exchange.apply(first)) for _ in range(3)] == [[("0", [0])], [("0", [0])], []]
    assert answers(exchange.apply(pull(session_id=TRADER))) == [("4", [0])]


def test_a_quote_in_an_auction_trades_at_its_price(exchange: Harness) -> None:
    exchange.apply(SetTradingPhase(1, "halted", "ops", ""), SetTradingPhase(1, "pre-open", "ops", ""))
    assert answers(exchange.apply(quote(entry((5, 9_990), (5, 10_010))))) == [("0", [0])]
    exchange.apply(buy("a", 5, 10_020))
    exchange.apply(SetTradingPhase(1, "opening auction", "ops", ""))
    events = exchange.finish(SetTradingPhase(1, "continuous", "ops", ""))
    assert [step for step in steps(events) if step[0] == "F"] == [("F", SELL, 10_010, 0, 5)]
    assert exchange.book() == ([(9_990, 5, 1)], [])
