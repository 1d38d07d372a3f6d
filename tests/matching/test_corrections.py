"""Trades that an operator busts or corrects: money, positions, orders and reports, as if they had traded so."""

from typing import Any

import msgspec
import pytest

from matching.commands import CorrectTrade, Deposit, EndTradingDay, NewOrder, NewOrderList
from matching.events import CommandRefused, Event, Execution, OrderRefused, TradeCorrected
from matching.instrument import PRICE_TICKS_MAX
from matching.terms import Terms
from matching.types import BUY, FILL_OR_KILL, GOOD_TILL_CANCEL, SELL, STOP
from tests.matching.harness import (
    ACC1,
    ACC2,
    ACC3,
    CASH,
    MAKER,
    SHARES,
    Harness,
    RestartingHarness,
    buy,
    cancel,
    order,
    sell,
    status,
)
from tests.matching.test_quotes import entry, pull, quote

UNIT, PERP_UNIT = 10_000, 500


def correction(events: list[Event], price: int, qty: int, /, *, trade_id: int = 1, **more: Any) -> CorrectTrade:
    """The command that makes the trade of these events one of another price and quantity, in ticks and lots."""
    sides = {event.side: event for event in events if isinstance(event, Execution) and event.trade_id == trade_id}
    bought, sold = sides[BUY], sides[SELL]
    ids = bought.order_id, sold.order_id, bought.exec_id, sold.exec_id
    present = bought.last_price, bought.last_qty
    command = CorrectTrade(bought.instrument_id, trade_id, *ids, *present, price, qty, "ops", "ruling")
    return msgspec.structs.replace(command, **more)


def bust(events: list[Event], /, **more: Any) -> CorrectTrade:
    return correction(events, 0, 0, **more)


def told(events: list[Event]) -> list[tuple[Any, ...]]:
    """ClOrdID, ExecType, OrdStatus, OrderQty, LeavesQty, CumQty, LastQty and LastPx of each Execution."""
    return [
        (each.cl_ord_id, each.exec_type, each.ord_status, each.qty, each.leaves_qty, each.cum_qty, each.last_qty,
         each.last_price)
        for each in events
        if isinstance(each, Execution)
    ]  # fmt: skip


def refusal(events: list[Event]) -> str:
    (event,) = events
    assert isinstance(event, CommandRefused)
    return event.text


def test_a_bust_gives_money_and_shares_back_to_the_cent(special: Harness) -> None:
    traded = special.apply(sell("s", 40, 9_900), buy("b", 100, 10_000))
    events = special.apply(bust(traded))
    assert isinstance(events[0], TradeCorrected)
    assert told(events) == [("b", "H", "0", 60, 60, 0, 0, 0), ("s", "H", "4", 40, 0, 0, 0, 0)]
    assert special.cash(ACC1) == (0, 60 * 10_000 * UNIT)
    assert special.cash(ACC2) == (0, 0)
    assert special.risk.balance_of(ACC1, "AAPL") == (SHARES, 0)
    assert special.risk.balance_of(ACC2, "AAPL") == (SHARES, 0)
    # What is left of the open order stands where it stood, and trades on.
    assert special.book() == ([(10_000, 60, 1)], [])
    filled = special.apply(sell("s2", 60, 10_000))
    assert told(filled)[1:] == [("b", "F", "2", 60, 0, 60, 60, 10_000), ("s2", "F", "2", 60, 0, 60, 60, 10_000)]


def test_reports_of_a_bust_name_what_they_take_the_place_of(special: Harness) -> None:
    traded = special.apply(sell("s", 40, 9_900), buy("b", 40, 10_000))
    fills = {each.side: each.exec_id for each in traded if isinstance(each, Execution) and each.trade_id}
    busted = [each for each in special.apply(bust(traded)) if isinstance(each, Execution)]
    assert [each.exec_ref_id for each in busted] == [fills[BUY], fills[SELL]]
    assert [each.text for each in busted] == ["ruling", "ruling"]
    assert len({each.exec_id for each in busted} | set(fills.values())) == 4


def test_one_of_several_trades_is_busted_and_the_average_is_that_of_the_others(special: Harness) -> None:
    special.apply(sell("s1", 10, 9_900), sell("s2", 30, 10_000))
    traded = special.apply(buy("b", 40, 10_000))
    events = special.apply(bust(traded, trade_id=1))
    assert told(events)[0] == ("b", "H", "4", 40, 0, 30, 0, 0)
    (bought,) = [each for each in events if isinstance(each, Execution) and each.side == BUY]
    assert bought.cum_value == 30 * 10_000


def test_a_corrected_price_moves_the_difference_either_way(special: Harness) -> None:
    traded = special.apply(sell("s", 40, 9_900), buy("b", 40, 10_000))
    cheaper = special.apply(correction(traded, 9_800, 40))
    assert told(cheaper) == [("b", "G", "2", 40, 0, 40, 40, 9_800), ("s", "G", "2", 40, 0, 40, 40, 9_800)]
    assert special.cash(ACC1) == (-40 * 9_800 * UNIT, 0)
    special.apply(correction(cheaper, 10_050, 40))
    assert special.cash(ACC1) == (-40 * 10_050 * UNIT, 0)
    assert special.cash(ACC2) == (40 * 10_050 * UNIT, 0)


def test_a_corrected_quantity_gives_the_rest_back(special: Harness) -> None:
    traded = special.apply(sell("s", 40, 9_900), buy("b", 40, 10_000))
    fewer = special.apply(correction(traded, 9_900, 15))
    assert told(fewer) == [("b", "G", "4", 40, 0, 15, 15, 9_900), ("s", "G", "4", 40, 0, 15, 15, 9_900)]
    assert special.cash(ACC1) == (-15 * 9_900 * UNIT, 0)
    assert special.risk.balance_of(ACC2, "AAPL") == (SHARES - 15, 0)
    assert told(special.apply(bust(fewer)))[0] == ("b", "H", "4", 40, 0, 0, 0, 0)
    assert special.cash(ACC1) == (0, 0)


def test_closed_orders_keep_how_they_closed(special: Harness) -> None:
    traded = special.apply(sell("s", 40, 9_900), buy("b", 100, 10_000), cancel("c", "b"))
    assert told(special.apply(bust(traded)))[0] == ("c", "H", "4", 100, 0, 0, 0, 0)
    assert told(special.apply(status("c")))[0][:6] == ("c", "I", "4", 100, 0, 0)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"buy_order_id": 77}, "order O77 is not known any longer"),
        ({"buy_order_id": 1}, "order O1 is not known any longer"),
        ({"instrument_id": 2}, "is not known any longer"),
        ({"qty": 41}, "is not a trade of order"),
        ({"price": 99_999}, "is not a trade of order"),
        ({"new_qty": 41, "new_price": 9_900}, "cannot be corrected to 41"),
        ({"new_qty": -1, "new_price": 9_900}, "cannot be corrected to -1"),
        ({"new_qty": 40, "new_price": 0}, "cannot be corrected to 0 ticks"),
        ({"new_qty": 40, "new_price": PRICE_TICKS_MAX + 1}, "cannot be corrected to 1000000001 ticks"),
        ({"new_qty": 40, "new_price": 9_900}, "is as it shall be"),
    ],
)
def test_what_is_not_so_is_refused_and_changes_nothing(exchange: Harness, changed: dict[str, int], why: str) -> None:
    traded = exchange.apply(sell("s", 40, 9_900), buy("b", 100, 10_000))
    before = exchange.engine.snapshot()
    assert why in refusal(exchange.apply(bust(traded, **changed)))
    assert _rest(exchange.engine.snapshot()) == _rest(before)


def _rest(snapshot: bytes) -> bytes:
    """A state without the number of the last command."""
    harness = Harness()
    fresh = type(harness.engine)(type(harness.risk)())
    fresh.load(snapshot)
    fresh.seq = 0
    return fresh.snapshot()


def test_a_trade_is_busted_once_and_an_old_correction_is_refused(special: Harness) -> None:
    traded = special.apply(sell("s", 40, 9_900), buy("b", 40, 10_000))
    first = special.apply(correction(traded, 9_800, 40))
    assert "has been corrected since" in refusal(special.apply(correction(traded, 9_700, 40)))
    special.apply(bust(first))
    assert refusal(special.apply(bust(first))) == "trade T1 is busted"


def test_a_side_that_has_sold_the_shares_since_cannot_give_them_back(special: Harness) -> None:
    traded = special.apply(sell("s", 40, 9_900), buy("b", 40, 10_000))
    special.apply(sell("all", SHARES + 40, 10_500, account_id=ACC1))
    assert refusal(special.apply(bust(traded))) == ("account ACC1 would have to give 40 AAPL and has 0 AAPL available")
    special.apply(cancel("c", "all", SELL, session_id=3))
    assert isinstance(special.apply(bust(traded))[0], TradeCorrected)


def test_a_side_without_the_cash_cannot_give_it_back(special: Harness) -> None:
    traded = special.apply(sell("s", 40, 9_900), buy("b", 40, 10_000))
    special.apply(Deposit(ACC2, "USD", -CASH - 40 * 9_900 * UNIT, "out"))
    before = special.cash(ACC1)
    assert "account ACC2 would have to give 3960 USD and has 0 USD available" in refusal(special.apply(bust(traded)))
    assert special.cash(ACC1) == before


def perp(name: str, side: Any, qty: int, price: int, account_id: int) -> NewOrder:
    return order(name, side, qty, price, instrument_id=2, account_id=account_id)


def test_a_busted_perpetual_frees_the_short_and_the_long(special: Harness) -> None:
    traded = special.apply(perp("l", BUY, 10, 10_000, ACC1), perp("s", SELL, 10, 10_000, ACC2))
    special.apply(bust(traded))
    for account_id in (ACC1, ACC2):
        assert special.cash(account_id) == (0, 0)
        assert special.risk.balance_of(account_id, "BTC-PERP") == (0, 0)


def test_a_busted_opening_leaves_the_position_that_its_close_has_made(special: Harness) -> None:
    opened = special.apply(perp("l", BUY, 10, 10_000, ACC1), perp("s", SELL, 10, 10_000, ACC2))
    special.apply(perp("c", SELL, 10, 10_020, ACC1), perp("d", BUY, 10, 10_020, ACC3))
    special.apply(bust(opened))
    # He is short now what he has sold, and ACC2, who was short, has no position.
    assert special.risk.balance_of(ACC1, "BTC-PERP")[0] == -10
    assert special.cash(ACC1) == (10 * 10_020 * PERP_UNIT, 2 * 10 * 10_000 * PERP_UNIT)
    assert special.risk.balance_of(ACC2, "BTC-PERP")[0] == 0
    assert special.cash(ACC2) == (0, 0)
    assert special.risk.balance_of(ACC3, "BTC-PERP")[0] == 10


def test_a_trade_with_oneself_moves_nothing(special: Harness) -> None:
    traded = special.apply(sell("s", 40, 9_900, account_id=ACC1), buy("b", 40, 10_000))
    before = special.cash(ACC1)
    assert [row[1] for row in told(special.apply(bust(traded)))] == ["H", "H"]
    assert special.cash(ACC1) == before


def test_an_iceberg_shows_what_it_showed(special: Harness) -> None:
    traded = special.apply(sell("i", 100, 10_000, terms=Terms(display_qty=20)), buy("b", 10, 10_000))
    assert special.book() == ([], [(10_000, 10, 1)])
    assert told(special.apply(bust(traded)))[1] == ("i", "H", "0", 90, 90, 0, 0, 0)
    assert special.book() == ([], [(10_000, 10, 1)])
    special.apply(buy("b2", 15, 10_000))
    assert special.book() == ([], [(10_000, 15, 1)])


def test_a_reduce_only_order_is_cut_when_the_position_that_it_reduces_is_busted(special: Harness) -> None:
    traded = special.apply(perp("l", BUY, 10, 10_000, ACC1), perp("s", SELL, 10, 10_000, ACC2))
    special.apply(order("x", SELL, 10, 10_400, instrument_id=2, terms=Terms(reduce_only=True)))
    assert ("x", "4", "4", 10, 0, 0, 0, 0) in told(special.finish(bust(traded)))


def test_after_the_day_only_trades_of_orders_that_are_known_can_be_corrected(special: Harness) -> None:
    traded = special.apply(sell("s", 40, 9_900), buy("b", 100, 10_000, time_in_force=GOOD_TILL_CANCEL))
    corrected = special.apply(correction(traded, 9_800, 40))
    special.finish(EndTradingDay(20240101))
    assert "trades of this trading day can be corrected" in refusal(special.apply(bust(corrected)))
    assert special.engine.operations.corrections.records() == []


def test_a_fill_or_kill_order_can_be_busted_too(special: Harness) -> None:
    traded = special.apply(sell("s", 40, 9_900), buy("b", 40, 10_000, time_in_force=FILL_OR_KILL))
    assert told(special.apply(bust(traded)))[0] == ("b", "H", "4", 40, 0, 0, 0, 0)


def perp_exits(entry_qty: int) -> NewOrderList:
    """A buy of BTC-PERP at 5,000 whose exits sell at 5,050 and stop at 4,950."""
    ids: dict[str, Any] = {"instrument_id": 2, "session_id": 1, "account_id": ACC1}
    stop = Terms(stop_price=9_900)
    legs = (
        order("tp", SELL, entry_qty, 10_100, **ids),
        order("sl", SELL, entry_qty, 0, ord_type=STOP, terms=stop, **ids),
    )
    return NewOrderList(1, 1, 7, "L1", "bracket", (order("e", BUY, entry_qty, 10_000, **ids), *legs))


def test_exits_end_when_all_that_their_entry_had_filled_is_busted(special: Harness) -> None:
    special.apply(perp_exits(10))
    traded = special.finish(perp("s", SELL, 10, 10_000, ACC2))
    rows = {row[0]: row[1:3] for row in told(special.finish(bust(traded)))}
    assert (rows["e"], rows["tp"], rows["sl"]) == (("H", "4"), ("4", "4"), ("4", "4"))
    assert special.risk.balance_of(ACC1, "BTC-PERP")[0] == 0
    assert special.cash(ACC1) == (0, 0)


def test_exits_are_cut_to_what_their_entry_has_filled_after_the_bust(special: Harness) -> None:
    special.apply(perp_exits(10))
    special.finish(perp("s1", SELL, 4, 10_000, ACC2))
    traded = special.finish(perp("s2", SELL, 6, 10_000, ACC2))
    rows = told(special.finish(bust(traded, trade_id=2)))
    assert ("tp", "D", "0", 4, 4, 0, 0, 0) in rows
    special.finish(perp("b", BUY, 10, 10_100, ACC3))
    assert special.risk.balance_of(ACC1, "BTC-PERP")[0] == 0


@pytest.mark.parametrize("price", [9_000, 11_000])
def test_a_corrected_price_of_a_short_moves_its_lock_with_the_proceeds(special: Harness, price: int) -> None:
    cash = 10 * 10_000 * PERP_UNIT
    special.apply(Deposit(ACC2, "USD", cash - CASH, "all but what the short needs"))
    traded = special.apply(perp("l", BUY, 10, 10_000, ACC1), perp("s", SELL, 10, 10_000, ACC2))
    assert special.risk.balance_of(ACC2, "USD") == (2 * cash, 2 * cash)
    assert isinstance(special.apply(correction(traded, price, 10))[0], TradeCorrected)
    paid = cash + 10 * price * PERP_UNIT
    assert special.risk.balance_of(ACC2, "USD") == (paid, paid)


@pytest.mark.parametrize("taken_away", [pull(), quote(entry())], ids=["quote cancel", "later quote"])
@pytest.mark.parametrize("sizes", [(4,), (4, 5)], ids=["one fill", "two fills"])
def test_an_order_of_a_quote_whose_fills_were_busted_is_still_known(sizes: tuple[int, ...], taken_away: Any) -> None:
    exchange = RestartingHarness()
    exchange.apply(quote(entry((10, 9_990), (10, 10_010))))
    traded = [exchange.apply(buy(f"b{n}", qty, 10_010)) for n, qty in enumerate(sizes)]
    for n, events in enumerate(traded):
        exchange.apply(bust(events, trade_id=n + 1))
    (sold,) = [each for each in traded[0] if isinstance(each, Execution) and each.side == SELL]
    exchange.apply(taken_away)
    (found,) = exchange.apply(status("", order_id=sold.order_id, session_id=MAKER))
    assert isinstance(found, Execution)
    assert (found.order_id, found.ord_status, found.cum_qty) == (sold.order_id, "4", 0)
    # Of its bid nobody has heard.
    (unknown,) = exchange.apply(status("", order_id=sold.order_id - 1, session_id=MAKER))
    assert isinstance(unknown, OrderRefused)
