"""A bust takes an open entry's fills back: the entry stays open, and its exits wait for it as before its first fill."""

from typing import Any

import pytest

from matching import work
from matching.commands import SetMarkPrice
from matching.events import Event, Execution
from matching.terms import Terms
from matching.types import SELL, STOP
from tests.matching.harness import ACC1, ACC2, ACC3, MAKER, Harness, buy, cancel, replace, sell
from tests.matching.test_corrections import bust, correction, told
from tests.matching.test_linked_orders import held_shares, loss, order_list, profit

WAITS = "waits again, as the fills of its entry were busted"
ENDED = "the fills of its entry that it would close were busted"
OTHER: dict[str, Any] = {"session_id": MAKER, "account_id": ACC3}


def rows_of(events: list[Event]) -> dict[str, tuple[Any, ...]]:
    """The last of each order: ExecType, OrdStatus, OrderQty, LeavesQty, CumQty."""
    return {row[0]: row[1:6] for row in told(events)}


def texts(events: list[Event]) -> dict[str, str]:
    return {each.cl_ord_id: each.text for each in events if isinstance(each, Execution)}


def waiting(exchange: Harness) -> dict[str, bool]:
    """Open orders, and whether each waits for its entry."""
    orders = exchange.engine.desk.orders.values()
    return {each.cl_ord_id: each.extra is not None and each.extra.for_entry for each in orders if each.is_open()}


def kinds() -> list[Any]:
    """An entry of ten at 100.00 with a stop alone, with both exits, and with both by its own terms."""
    return [
        pytest.param(order_list("oto", buy("e", 10, 10_000), loss("e-SL")), id="oto"),
        pytest.param(order_list("bracket", buy("e", 10, 10_000), profit("e-TP"), loss("e-SL")), id="bracket"),
        pytest.param(buy("e", 10, 10_000, terms=Terms(take_profit=10_100, stop_loss=9_900)), id="by terms"),
    ]


@pytest.mark.parametrize("entry", kinds())
def test_the_entry_stays_open_and_its_exits_wait_for_it(special: Harness, entry: Any) -> None:
    special.apply(entry)
    traded = special.finish(sell("s", 4, 10_000))
    events = special.finish(bust(traded))
    rows, said = rows_of(events), texts(events)
    assert rows.pop("e") == ("H", "0", 6, 6, 0)
    assert rows.pop("s") == ("H", "4", 4, 0, 0)
    assert rows.pop("e-SL") == ("D", "0", 6, 6, 0)
    assert said["e-SL"] == WAITS
    assert all(row == ("D", "0", 6, 6, 0) for row in rows.values())
    assert special.book() == ([(10_000, 6, 1)], [])
    assert (held_shares(special), special.risk.ledgers[ACC1].open_orders) == (0, 2 + len(rows))
    assert waiting(special).pop("e-SL")


@pytest.mark.parametrize("entry", kinds())
def test_exits_follow_the_next_fills_of_the_entry(special: Harness, entry: Any) -> None:
    special.apply(entry)
    special.finish(bust(special.finish(sell("s", 4, 10_000))))
    assert rows_of(special.finish(sell("s2", 3, 10_000)))["e-SL"] == ("D", "0", 3, 3, 0)
    assert rows_of(special.finish(sell("s3", 2, 10_000)))["e-SL"] == ("D", "0", 5, 5, 0)
    assert not any(waiting(special).values())
    assert held_shares(special) == 5


def test_cancel_of_the_entry_takes_exits_that_wait_again_with_it(special: Harness) -> None:
    special.apply(order_list("bracket", buy("e", 10, 10_000), profit(), loss()))
    special.finish(bust(special.finish(sell("s", 4, 10_000))))
    assert {row[:3] for row in told(special.finish(cancel("c", "e")))} == {
        ("c", "4", "4"), ("tp", "4", "4"), ("sl", "4", "4"),
    }  # fmt: skip
    assert (waiting(special), special.cash(ACC1), held_shares(special)) == ({}, (0, 0), 0)


@pytest.mark.parametrize("closes_by", ["fill", "cancel"])
def test_exits_of_an_entry_that_has_closed_end(special: Harness, closes_by: str) -> None:
    is_filled = closes_by == "fill"
    special.apply(order_list("bracket", buy("e", 10, 10_000), profit(), loss()))
    traded = special.finish(sell("s", 10 if is_filled else 4, 10_000))
    if not is_filled:
        special.finish(cancel("c", "e"))
    rows = rows_of(special.finish(bust(traded)))
    assert (rows["tp"][:2], rows["sl"][:2], waiting(special)) == (("4", "4"), ("4", "4"), {})


def test_a_bust_of_one_of_two_fills_cuts_the_exits_in_their_place(special: Harness) -> None:
    special.apply(order_list("bracket", buy("e", 10, 10_000), profit(), loss()))
    special.finish(sell("s1", 4, 10_000))
    rows = rows_of(special.finish(bust(special.finish(sell("s2", 3, 10_000)), trade_id=2)))
    assert (rows["e"], rows["tp"], rows["sl"]) == (
        ("H", "1", 7, 3, 4), ("D", "0", 4, 4, 0), ("D", "0", 4, 4, 0),
    )  # fmt: skip
    assert special.book() == ([(10_000, 3, 1)], [(10_100, 4, 1)])


def test_an_exit_that_has_traded_closes_only_what_comes_beyond_that(special: Harness) -> None:
    special.apply(order_list("bracket", buy("e", 10, 10_000), profit(), loss()))
    traded = special.finish(sell("s", 4, 10_000))
    special.finish(buy("b", 3, 10_100, **OTHER))
    rows = rows_of(special.finish(bust(traded)))
    # Three are sold already, so that of the six which may still be bought three remain to be closed.
    assert (rows["tp"], rows["sl"]) == (("D", "1", 6, 3, 3), ("D", "0", 3, 3, 0))
    assert rows_of(special.finish(sell("s2", 2, 10_000))).keys() == {"s2", "e"}
    assert rows_of(special.finish(sell("s3", 3, 10_000)))["tp"] == ("D", "1", 5, 2, 3)
    assert special.book()[1] == [(10_100, 2, 1)]
    assert (held_shares(special), special.risk.balance_of(ACC1, "AAPL")[0]) == (2, 10_002)


def test_exits_that_have_closed_more_than_can_come_end_without_the_entry(special: Harness) -> None:
    special.apply(order_list("bracket", buy("e", 10, 10_000), profit(), loss()))
    traded = special.finish(sell("s", 8, 10_000))
    special.finish(buy("b", 7, 10_100, **OTHER))
    events = special.finish(bust(traded))
    rows, said = rows_of(events), texts(events)
    assert (rows["e"], rows["tp"], rows["sl"]) == (("H", "0", 2, 2, 0), ("4", "4", 8, 0, 7), ("4", "4", 1, 0, 0))
    assert said["tp"] == said["sl"] == ENDED
    assert rows_of(special.finish(sell("s2", 2, 10_000)))["e"] == ("F", "2", 2, 0, 2)
    assert waiting(special) == {}


def test_an_exit_refused_after_it_has_waited_again_keeps_what_it_has_closed(special: Harness) -> None:
    special.apply(order_list("bracket", buy("e", 10, 10_000), profit(), loss()))
    traded = special.finish(sell("s", 4, 10_000))
    special.finish(buy("b", 3, 10_100, **OTHER))
    special.finish(bust(traded))
    special.limits(order_qty_max=5)
    # Six with what it has sold are above the limit: the take-profit ends alone, and the stop closes what is left.
    rows = rows_of(special.finish(sell("s2", 6, 10_000)))
    assert (rows["tp"], rows["sl"]) == (("4", "4", 6, 0, 3), ("D", "0", 3, 3, 0))


def test_a_corrected_quantity_that_leaves_nothing_to_close_keeps_the_entry_too(special: Harness) -> None:
    special.apply(order_list("bracket", buy("e", 10, 10_000), profit(), loss()))
    traded = special.finish(sell("s", 4, 10_000))
    special.finish(buy("b", 3, 10_100, **OTHER))
    rows = rows_of(special.finish(correction(traded, 10_000, 3)))
    assert (rows["e"], rows["tp"], rows["sl"]) == (
        ("G", "1", 9, 6, 3), ("D", "1", 9, 6, 3), ("D", "0", 6, 6, 0),
    )  # fmt: skip


def test_a_price_of_an_exit_that_waits_again_may_be_replaced(special: Harness) -> None:
    special.apply(order_list("bracket", buy("e", 10, 10_000), profit(), loss()))
    special.finish(bust(special.finish(sell("s", 4, 10_000))))
    assert rows_of(special.finish(replace("tp2", "tp", 6, 10_200, SELL)))["tp2"] == ("5", "0", 6, 6, 0)
    special.finish(sell("s2", 2, 10_000))
    assert special.book() == ([(10_000, 4, 1)], [(10_200, 2, 1)])


def test_a_trailing_stop_trails_again_with_the_next_fill(special: Harness) -> None:
    terms = Terms(stop_price=9_900, peg="trail", offset=100)
    trail = sell("sl", 10, 0, ord_type=STOP, terms=terms, session_id=1, account_id=ACC1)
    special.apply(order_list("oto", buy("e", 10, 10_000), trail))
    traded = special.finish(sell("s", 4, 10_000))
    assert len(special.engine.desk.books[1].on_last.trails) == 1
    special.finish(bust(traded))
    assert not special.engine.desk.books[1].on_last.trails
    special.finish(sell("s2", 4, 10_000))
    assert len(special.engine.desk.books[1].on_last.trails) == 1


@pytest.fixture
def between_steps(special: Harness, monkeypatch: pytest.MonkeyPatch) -> Harness:
    """The only fill of `e` is busted, and its link not settled yet, as links of other entries come before."""
    exits = Terms(take_profit=10_100, stop_loss=9_900)
    special.apply(buy("e", 10, 10_000, terms=exits))
    traded = special.finish(sell("s", 4, 10_000))
    special.apply(*(buy(f"d{n}", 1, 10_010, terms=exits) for n in range(3)))
    monkeypatch.setattr(work, "ORDERS_PER_STEP_MAX", 1)
    special.apply(sell("w", 3, 10_010, **OTHER))
    assert special.engine.has_work
    special.apply(bust(traded))
    assert not waiting(special)["e-TP"]
    return special


def test_nobody_trades_with_an_exit_that_has_nothing_to_close(between_steps: Harness) -> None:
    rows = rows_of(between_steps.apply(buy("b", 10, 10_100, **OTHER)))
    assert (rows["e-TP"], rows["d0-TP"][:2]) == (("D", "0", 6, 6, 0), ("F", "2"))
    between_steps.finish()
    assert waiting(between_steps)["e-TP"]
    assert between_steps.risk.balance_of(ACC1, "AAPL")[0] == 10_000


def test_an_exit_that_has_nothing_to_close_does_not_trade_by_its_replace(between_steps: Harness) -> None:
    between_steps.apply(buy("b", 10, 10_050, **OTHER))
    events = between_steps.apply(replace("tp2", "e-TP", 4, 10_050, SELL))
    assert [row[:6] for row in told(events) if row[0] == "tp2"] == [
        ("tp2", "5", "0", 4, 4, 0), ("tp2", "D", "0", 6, 6, 0),
    ]  # fmt: skip
    between_steps.finish()
    assert waiting(between_steps)["tp2"]


def test_an_exit_that_has_nothing_to_close_is_not_triggered(special: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    """The trigger is due in the step in which the bust comes."""
    on_mark = sell(
        "sl", 10, 0, ord_type=STOP, terms=Terms(stop_price=9_900, trigger="mark"), session_id=1, account_id=1
    )
    special.apply(order_list("oto", buy("e", 10, 10_000), on_mark))
    traded = special.finish(sell("s", 4, 10_000))
    exits = Terms(take_profit=10_100, stop_loss=9_900)
    special.apply(*(buy(f"d{n}", 1, 10_010, terms=exits) for n in range(3)))
    monkeypatch.setattr(work, "ORDERS_PER_STEP_MAX", 1)
    special.apply(sell("w", 3, 10_010, **OTHER), SetMarkPrice(1, 9_900, "x"), bust(traded))
    rows = rows_of(special.finish())
    assert rows["sl"] == ("D", "0", 6, 6, 0)
    assert waiting(special)["e"] is False
    assert waiting(special)["sl"]


def test_a_short_entry_is_a_mirror(special: Harness) -> None:
    ids: dict[str, Any] = {"instrument_id": 2}
    exits = Terms(take_profit=9_900, stop_loss=10_100)
    special.apply(sell("e", 10, 10_000, session_id=1, account_id=ACC1, terms=exits, **ids))
    traded = special.finish(buy("b", 4, 10_000, session_id=MAKER, account_id=ACC2, **ids))
    rows = rows_of(special.finish(bust(traded)))
    assert (rows["e"], rows["e-TP"], rows["e-SL"]) == (
        ("H", "0", 6, 6, 0), ("D", "0", 6, 6, 0), ("D", "0", 6, 6, 0),
    )  # fmt: skip
    assert special.engine.depth(2, 0) == ([], [(10_000, 6, 1)])
    assert special.risk.balance_of(ACC1, "BTC-PERP")[0] == 0
