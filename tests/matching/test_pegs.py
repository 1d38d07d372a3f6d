"""Pegged orders follow the book, stay behind the other side, within their cap, and lose their place when they move."""

import pytest

from matching import pegs, refusals
from matching.book import Book, BookSide
from matching.commands import NewOrder, SetTradingPhase
from matching.events import Execution
from matching.terms import Peg, Terms
from matching.types import BUY, FILL_OR_KILL, PEGGED, SELL, Side
from tests.matching.harness import MAKER, Harness, brief, buy, cancel, order, replace, sell, text_of


def peg(cl_ord_id: str, side: Side, kind: Peg, *, offset: int = 0, cap: int = 0, qty: int = 5) -> NewOrder:
    """A pegged order of ACC3."""
    return order(cl_ord_id, side, qty, cap, ord_type=PEGGED, account_id=3, terms=Terms(peg=kind, offset=offset))


@pytest.fixture
def book(special: Harness) -> Harness:
    """99.50 bid, 100.50 offered."""
    special.apply(buy("bid", 10, 9_950), sell("ask", 10, 10_050))
    return special


@pytest.mark.parametrize(
    ("side", "kind", "offset", "cap", "price"),
    [
        (BUY, "best", 0, 0, 9_950),
        (BUY, "best", -5, 0, 9_945),
        (BUY, "best", 5, 9_952, 9_952),
        (BUY, "best", 500, 0, 10_049),
        (BUY, "mid", 0, 0, 10_000),
        (BUY, "opposite", 0, 0, 10_049),
        (BUY, "opposite", -10, 0, 10_040),
        (SELL, "best", 0, 0, 10_050),
        (SELL, "best", -5, 0, 10_045),
        (SELL, "best", -500, 0, 9_951),
        (SELL, "mid", 0, 10_010, 10_010),
        (SELL, "opposite", 3, 0, 9_953),
    ],
)
def test_peg_stands_where_its_terms_say(
    book: Harness, side: Side, kind: Peg, offset: int, cap: int, price: int
) -> None:
    (event,) = book.apply(peg("p", side, kind, offset=offset, cap=cap))
    assert isinstance(event, Execution)
    assert event.terms is not None
    assert (event.price, event.shown_qty, event.terms.cap) == (price, 5, cap)
    level = (price, 15 if kind == "best" and not offset else 5, 2 if kind == "best" and not offset else 1)
    assert level in book.book()[0 if side == BUY else 1]


def test_middle_between_two_ticks_is_rounded_away_from_the_other_side(special: Harness) -> None:
    special.apply(buy("bid", 1, 9_999), sell("ask", 1, 10_002))
    special.apply(peg("p", BUY, "mid"), peg("q", SELL, "mid"))
    assert special.book() == ([(10_000, 5, 1), (9_999, 1, 1)], [(10_001, 5, 1), (10_002, 1, 1)])


def test_peg_follows_a_better_order_and_goes_back_when_it_leaves(book: Harness) -> None:
    book.apply(peg("p", BUY, "best"))
    assert brief(book.apply(buy("better", 1, 9_960))) == [("better", "0", "0", 1, 0), ("p", "D", "0", 5, 0)]
    assert book.book()[0] == [(9_960, 6, 2), (9_950, 10, 1)]
    events = book.apply(cancel("c", "better"))
    assert brief(events) == [("c", "4", "4", 0, 0), ("p", "D", "0", 5, 0)]
    restated = events[1]
    assert isinstance(restated, Execution)
    assert (restated.price, restated.exec_restatement_reason, restated.prior_price) == (9_950, 3, 9_960)
    rows = brief(book.apply(sell("s", 11, 9_950)))
    assert [row[0] for row in rows if row[1] == "F"] == ["bid", "s", "p", "s"]


def test_peg_follows_after_a_trade_a_replace_and_an_expiry(book: Harness) -> None:
    book.apply(peg("p", BUY, "best"), buy("top", 1, 9_960))
    assert brief(book.apply(sell("s", 6, 9_960)))[-2] == ("p", "F", "2", 0, 5, (5, 9_960))
    book.apply(peg("q", BUY, "best"))
    book.apply(replace("bid2", "bid", 10, 9_940))
    assert book.book()[0] == [(9_940, 15, 2)]


def test_pegs_do_not_follow_pegs(book: Harness) -> None:
    book.apply(peg("p", BUY, "best", offset=2), peg("q", BUY, "best", offset=1))
    assert book.book()[0] == [(9_952, 5, 1), (9_951, 5, 1), (9_950, 10, 1)]


def test_pegs_of_both_sides_to_the_middle_do_not_cross(special: Harness) -> None:
    special.apply(buy("bid", 1, 9_998), sell("ask", 1, 10_002), peg("p", BUY, "mid"), peg("q", SELL, "mid"))
    assert special.book() == ([(10_000, 5, 1), (9_998, 1, 1)], [(10_001, 5, 1), (10_002, 1, 1)])
    special.apply(buy("bid2", 1, 9_999), cancel("c", "bid2"))
    assert special.book() == ([(10_000, 5, 1), (9_998, 1, 1)], [(10_001, 5, 1), (10_002, 1, 1)])


def test_peg_without_anything_to_follow_waits_and_then_stands(special: Harness) -> None:
    (event,) = special.apply(peg("p", BUY, "best", cap=9_990))
    assert isinstance(event, Execution)
    assert event.shown_qty == 0
    assert special.book() == ([], [])
    assert special.cash(3) == (0, 5 * 9_990 * 10_000)
    assert brief(special.apply(buy("bid", 1, 9_950)))[-1] == ("p", "D", "0", 5, 0)
    assert special.book() == ([(9_950, 6, 2)], [])
    assert special.cash(3) == (0, 5 * 9_950 * 10_000)
    assert brief(special.apply(cancel("c", "p")))[-1] == ("c", "4", "4", 0, 0)
    assert special.engine.desk.books[1].is_plain


def test_peg_stays_where_it_is_when_what_it_follows_is_gone(book: Harness) -> None:
    book.apply(peg("p", BUY, "best"), cancel("c", "bid"))
    assert book.book()[0] == [(9_950, 5, 1)]


def test_peg_does_not_move_where_the_money_is_not_enough(special: Harness) -> None:
    special.apply(buy("bid", 1, 9_100), peg("p", BUY, "best", qty=10_900))
    special.apply(buy("bid2", 1, 9_990, account_id=2))
    assert special.book()[0] == [(9_990, 1, 1), (9_100, 10_901, 2)]


def test_pegs_rest_while_nothing_matches(book: Harness) -> None:
    book.apply(peg("p", BUY, "best"), SetTradingPhase(1, "halted", "ops", ""))
    book.apply(cancel("c", "bid"))
    assert book.book()[0] == [(9_950, 5, 1)]
    assert brief(book.apply(SetTradingPhase(1, "continuous", "ops", ""))) == [("TradingPhaseSet",)]


def test_offset_and_cap_may_be_replaced(book: Harness) -> None:
    book.apply(peg("p", BUY, "best"))
    change = replace("p2", "p", 5, 9_940, ord_type=PEGGED, terms=Terms(peg="best", offset=-3))
    assert brief(book.apply(change)) == [("p2", "5", "0", 5, 0)]
    assert book.book()[0] == [(9_950, 10, 1), (9_940, 5, 1)]


def test_kind_of_a_peg_may_not_be_replaced(book: Harness) -> None:
    book.apply(peg("p", BUY, "best"))
    rows = brief(book.apply(replace("p2", "p", 5, 0, ord_type=PEGGED, terms=Terms(peg="mid"))))
    assert rows == [("p2", "9", "0", "2", 99)]


def test_immediate_pegs_and_more_than_the_bound_are_refused(book: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    terms = Terms(peg="best")
    events = book.apply(order("p", BUY, 5, 0, ord_type=PEGGED, terms=terms, time_in_force=FILL_OR_KILL))
    assert isinstance(events[0], Execution)
    assert events[0].code == refusals.PEG_NOT_EXPRESSIBLE
    monkeypatch.setattr("matching.pegs.PEGS_MAX", 1)
    events = book.apply(peg("q", BUY, "best"), peg("r", BUY, "best"))
    assert isinstance(events[1], Execution)
    assert events[1].code == refusals.TOO_MANY_PEGS
    assert text_of(events[1:]) == "AAPL has 1 pegged orders, the most that may move in one step"


def test_what_pegs_follow_is_looked_for_once_for_all(book: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    book.apply(*(peg(f"p{n}", BUY, "mid") for n in range(20)))
    looks: list[Side] = []
    unpegged_best = pegs._unpegged_best

    def counted(side: BookSide, of: Book) -> int:
        looks.append(side.side)
        return unpegged_best(side, of)

    monkeypatch.setattr(pegs, "_unpegged_best", counted)
    moved = brief(book.apply(buy("better", 1, 9_960)))[1:]
    assert [row[:2] for row in moved] == [(f"p{n}", "D") for n in range(20)]
    assert looks == [BUY, SELL]


def test_iceberg_on_a_peg_shows_its_display_after_a_move(book: Harness) -> None:
    terms = Terms(peg="best", display_qty=2)
    book.apply(order("p", SELL, 7, 0, ord_type=PEGGED, terms=terms, session_id=MAKER, account_id=2))
    book.apply(sell("better", 1, 10_040))
    assert book.book()[1] == [(10_040, 3, 2), (10_050, 10, 1)]
