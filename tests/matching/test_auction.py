"""Auctions in the engine: orders rest, one price for all, steps, what expires, and what is refused meanwhile."""

from typing import Any

import pytest

from matching import work
from matching.commands import (
    CancelSessionOrders,
    ContinueWork,
    DelistInstrument,
    Deposit,
    EndTradingDay,
    SetReferencePrice,
    SetTradingPhase,
    TellIndicativePrice,
)
from matching.engine import Engine
from matching.events import (
    AuctionEnded,
    CommandRefused,
    Event,
    Execution,
    IndicativePrice,
    TradingDayEnded,
    TradingPhaseSet,
    WorkLeft,
)
from matching.terms import Terms
from matching.types import MARKET, TradingPhase
from risk.engine import RiskEngine
from tests.matching.harness import ACC2, CASH, MAKER, Harness, brief, buy, cancel, replace, sell, text_of

UNIT = 10_000


def phase(to: TradingPhase, **more: Any) -> SetTradingPhase:
    """An operator's change of AAPL's phase."""
    return SetTradingPhase(1, to, "ops", "test", **more)


def calling(exchange: Harness, to: TradingPhase = "opening auction") -> Harness:
    """Bring AAPL to a phase that calls for an auction."""
    if to in ("opening auction", "pre-open"):
        exchange.apply(phase("closed"))
    exchange.apply(phase(to))
    return exchange


def fills(events: list[Event]) -> list[tuple[str, int, int]]:
    """ClOrdID, LastQty and LastPx of every fill."""
    return [(e.cl_ord_id, e.last_qty, e.last_price) for e in events if isinstance(e, Execution) and e.exec_type == "F"]


def test_orders_of_a_call_rest_crossed_and_trade_at_one_price(exchange: Harness) -> None:
    calling(exchange)
    exchange.apply(buy("b1", 100, 10_010), buy("b2", 50, 10_005), sell("s1", 80, 9_990), sell("s2", 90, 10_005))
    assert exchange.book() == ([(10_010, 100, 1), (10_005, 50, 1)], [(9_990, 80, 1), (10_005, 90, 1)])
    events = exchange.finish(phase("continuous"))
    assert brief(events) == [
        ("b1", "F", "1", 20, 80, (80, 10_005)),
        ("s1", "F", "2", 0, 80, (80, 10_005)),
        ("b1", "F", "2", 0, 100, (20, 10_005)),
        ("s2", "F", "1", 70, 20, (20, 10_005)),
        ("b2", "F", "2", 0, 50, (50, 10_005)),
        ("s2", "F", "1", 20, 70, (50, 10_005)),
        ("AuctionEnded",),
        ("TradingPhaseSet",),
    ]
    assert events[-2:] == [
        AuctionEnded(1, "opening auction", 10_005, 150, -20, 3),
        TradingPhaseSet(1, "continuous", "test"),
    ]
    assert exchange.book() == ([], [(10_005, 20, 1)])
    assert exchange.cash(1) == (-150 * 10_005 * UNIT, 0)


def test_nobody_is_the_aggressor_of_an_auction(exchange: Harness) -> None:
    calling(exchange).apply(buy("b", 10, 10_000), sell("s", 10, 10_000))
    traded = [e for e in exchange.finish(phase("continuous")) if isinstance(e, Execution)]
    assert [(e.is_auction, e.is_aggressor) for e in traded] == [(True, False), (True, False)]


def test_market_orders_go_before_limit_orders_and_what_is_left_of_them_expires(exchange: Harness) -> None:
    calling(exchange)
    exchange.apply(buy("limit", 50, 11_000), buy("market", 60, 0, ord_type=MARKET), sell("s", 80, 10_000))
    events = exchange.finish(phase("continuous"))
    assert fills(events) == [("market", 60, 10_000), ("s", 60, 10_000), ("limit", 20, 10_000), ("s", 20, 10_000)]
    exchange.apply(phase("closed"), phase("opening auction"), buy("market 2", 5, 0, ord_type=MARKET))
    assert brief(exchange.finish(phase("continuous")))[0] == ("market 2", "C", "C", 0, 0)


def test_orders_for_the_opening_expire_after_it_and_those_for_the_close_stay(exchange: Harness) -> None:
    calling(exchange)
    exchange.apply(
        buy("opening", 10, 9_900, time_in_force="2"),
        buy("close", 10, 9_900, time_in_force="7"),
        buy("day", 10, 9_900),
    )
    events = exchange.finish(phase("continuous"))
    assert brief(events)[0] == ("opening", "C", "C", 0, 0)
    assert events[-2] == AuctionEnded(1, "opening auction", 0, 0, 0, 0)
    assert "day" in [order.cl_ord_id for order in exchange.engine.sessions[1].open_orders()]


def test_orders_at_the_close_wait_outside_of_the_book_and_join_its_auction(exchange: Harness) -> None:
    close = [buy(f"c{n}", 10, 10_000, time_in_force="7") for n in range(3)]
    assert [row[:2] for row in brief(exchange.apply(*close))] == [("c0", "0"), ("c1", "0"), ("c2", "0")]
    assert brief(exchange.apply(sell("s", 5, 9_900)))[-1][:2] == ("s", "0")
    assert exchange.book() == ([], [(9_900, 5, 1)])
    exchange.apply(cancel("x", "c1"), replace("r", "c0", 4, 10_010, time_in_force="7"))
    again = Engine(RiskEngine())
    again.load(exchange.engine.snapshot())
    assert again.state_hash() == exchange.engine.state_hash()
    again.check_invariants()
    joined = exchange.finish(phase("closing auction"))
    assert brief(joined) == [("TradingPhaseSet",), ("c2", "D", "0", 10, 0), ("r", "D", "0", 4, 0)]
    assert exchange.book()[0] == [(10_010, 4, 1), (10_000, 10, 1)]
    events = exchange.finish(phase("closed"))
    assert fills(events) == [("r", 4, 10_000), ("s", 4, 10_000), ("c2", 1, 10_000), ("s", 1, 10_000)]
    assert brief(events)[4] == ("c2", "C", "C", 0, 1)


def test_order_at_the_close_that_becomes_a_day_order_stands_at_once(exchange: Harness) -> None:
    exchange.apply(buy("c", 10, 10_000, time_in_force="7"))
    exchange.apply(replace("r", "c", 10, 10_000))
    assert exchange.book()[0] == [(10_000, 10, 1)]


def test_iceberg_takes_part_with_all_of_it(exchange: Harness) -> None:
    calling(exchange)
    exchange.apply(buy("b", 100, 10_000, terms=Terms(display_qty=10)), sell("s", 75, 9_990))
    events = exchange.finish(phase("continuous"))
    assert fills(events) == [("b", 75, 10_000), ("s", 75, 10_000)]
    assert exchange.book()[0] == [(10_000, 10, 1)]


def test_orders_of_the_same_self_match_id_give_way_by_what_they_would_have_traded(exchange: Harness) -> None:
    calling(exchange)
    own = Terms(self_match_id="X", self_match_mode="newest")
    exchange.apply(
        buy("b1", 10, 10_000, terms=own), sell("s1", 4, 9_990, terms=own, account_id=1), sell("s2", 20, 9_995)
    )
    events = exchange.finish(phase("continuous"))
    assert fills(events) == [("b1", 6, 9_995), ("s2", 6, 9_995)] or fills(events) == [
        ("b1", 6, 10_000),
        ("s2", 6, 10_000),
    ]
    assert [row[:4] for row in brief(events)[:2]] == [("b1", "D", "0", 6), ("s1", "4", "4", 0)]
    ended = next(event for event in events if isinstance(event, AuctionEnded))
    assert ended.qty == 6


def test_reduce_only_orders_take_no_part(exchange: Harness) -> None:
    exchange.apply(
        sell("p1", 10, 10_000, instrument_id=2),
        buy("p2", 10, 10_000, instrument_id=2, account_id=3),
        sell("r", 5, 10_010, instrument_id=2, account_id=3, session_id=1, terms=Terms(reduce_only=True)),
    )
    exchange.apply(SetTradingPhase(2, "volatility halt", "ops", ""), buy("b", 5, 10_020, instrument_id=2))
    events = exchange.finish(SetTradingPhase(2, "continuous", "ops", ""))
    assert brief(events)[0] == ("r", "4", "4", 0, 0)
    assert fills(events) == []


def test_auction_triggers_stops_and_they_trade_in_continuous_trading(exchange: Harness) -> None:
    exchange.apply(buy("deep", 10, 9_000), sell("stop", 5, 0, ord_type="3", terms=Terms(stop_price=9_950)))
    exchange.apply(phase("volatility halt"), buy("b", 10, 9_900), sell("s", 10, 9_900))
    events = exchange.finish(phase("continuous"))
    assert fills(events) == [("b", 10, 9_900), ("s", 10, 9_900), ("deep", 5, 9_000), ("stop", 5, 9_000)]


def test_closing_auction_is_executed_when_the_market_closes(exchange: Harness) -> None:
    exchange.apply(buy("b", 10, 9_900), phase("closing auction"))
    exchange.apply(sell("s", 10, 9_900, time_in_force="7"), sell("t", 15, 9_800, time_in_force="7"))
    events = exchange.finish(phase("closed"))
    assert fills(events) == [("b", 10, 9_899), ("t", 10, 9_899)]
    assert brief(events)[2:4] == [("s", "C", "C", 0, 0), ("t", "C", "C", 0, 10)]
    assert exchange.engine.instruments[1].auction_price == 9_899


def test_halt_from_continuous_trading_resumes_without_an_auction(exchange: Harness) -> None:
    exchange.apply(buy("b", 10, 9_900), phase("halted"))
    assert exchange.finish(phase("continuous")) == [TradingPhaseSet(1, "continuous", "test")]


def test_halt_during_a_call_still_needs_the_auction(exchange: Harness) -> None:
    calling(exchange).apply(buy("b", 10, 10_000), sell("s", 10, 10_000), phase("halted"))
    assert fills(exchange.finish(phase("continuous"))) == [("b", 10, 10_000), ("s", 10, 10_000)]


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two trades, or four expiries, in a step."""
    monkeypatch.setattr(work, "ORDERS_PER_STEP_MAX", 4)


def begun(exchange: Harness, count: int = 5) -> list[Event]:
    """Begin an auction of `count` trades."""
    calling(exchange)
    exchange.apply(*(buy(f"b{n}", 1, 10_000) for n in range(count)), *(sell(f"s{n}", 1, 10_000) for n in range(count)))
    exchange.apply(buy("rest", 1, 9_000), sell("left", 1, 10_500))
    return exchange.apply(phase("continuous"), ContinueWork())


@pytest.mark.usefixtures("small_steps")
def test_auction_goes_on_in_steps_while_the_instrument_is_blocked(exchange: Harness) -> None:
    events = begun(exchange)
    assert len(fills(events)) == 4
    assert isinstance(events[-1], WorkLeft)
    assert "the auction of AAPL is being executed" in text_of(exchange.apply(buy("late", 1, 10_000)))
    assert "is being executed" in text_of(exchange.apply(cancel("c", "rest")))
    assert "is being executed" in text_of(exchange.apply(replace("r", "rest", 2, 9_000)))
    assert isinstance(exchange.apply(phase("halted"))[0], CommandRefused)
    assert [len(fills(exchange.apply(ContinueWork()))) for _ in range(2)] == [4, 2]
    assert exchange.apply(ContinueWork())[-1] == TradingPhaseSet(1, "continuous", "test")
    assert brief(exchange.apply(cancel("c2", "rest")))[0][:2] == ("c2", "4")


@pytest.mark.usefixtures("small_steps")
def test_others_trade_between_the_steps_of_an_auction(exchange: Harness) -> None:
    begun(exchange)
    events: list[Event] = []
    steps = 0
    while not any(isinstance(each, AuctionEnded) for each in events):
        steps += 1
        other = {"instrument_id": 2, "account_id": 3}
        of_other = exchange.apply(sell(f"s{steps} of 2", 1, 10_000, **other), buy(f"b{steps} of 2", 1, 10_000, **other))
        assert len(fills(of_other)) == 2
        events += exchange.apply(ContinueWork())
    assert steps > 1
    # The last trade of the auction is told, not the one that came between its steps.
    (ended,) = [each for each in events if isinstance(each, AuctionEnded)]
    assert ended.trade_id == max(each.trade_id for each in events if isinstance(each, Execution))


@pytest.mark.usefixtures("small_steps")
def test_kill_switch_during_an_auction_waits_for_its_end(exchange: Harness) -> None:
    """The price is determined: what it executes may not be taken away. New orders of the scope are refused at once."""
    begun(exchange)
    (left,) = exchange.apply(CancelSessionOrders(MAKER, "gone"))
    assert isinstance(left, WorkLeft)
    done: list[Event] = []
    while exchange.engine.has_work:
        done += exchange.apply(ContinueWork())
    assert [row[0] for row in brief(done) if row[1:2] == ("4",)] == ["left"]
    assert len(fills(done)) == 6


@pytest.mark.usefixtures("small_steps")
def test_end_of_day_during_an_auction_waits_for_its_end(exchange: Harness) -> None:
    begun(exchange)
    exchange.apply(EndTradingDay(20_260_101))
    done: list[Event] = []
    while exchange.engine.has_work:
        done += exchange.apply(ContinueWork())
    assert isinstance(done[-1], TradingDayEnded)
    assert exchange.book() == ([], [])


@pytest.mark.usefixtures("small_steps")
def test_snapshot_in_the_middle_of_an_auction_goes_on_alike(exchange: Harness) -> None:
    begun(exchange)
    other = Engine(RiskEngine())
    other.load(exchange.engine.snapshot())
    assert other.state_hash() == exchange.engine.state_hash()
    while exchange.engine.has_work:
        expected: list[Event] = []
        found: list[Event] = []
        for engine, out in ((exchange.engine, expected), (other, found)):
            engine.apply(engine.seq + 1, exchange.time_ns, ContinueWork(), out)
            engine.check_invariants()
        assert found == expected
    assert other.state_hash() == exchange.engine.state_hash()


def test_orders_for_this_day_alone_expire_with_it(exchange: Harness) -> None:
    calling(exchange).apply(
        buy("opening", 1, 9_900, time_in_force="2"), buy("close", 1, 9_900, time_in_force="7"), buy("day", 1, 9_900)
    )
    gone = [row[:2] for row in brief(exchange.apply(EndTradingDay(20_260_101)))]
    assert gone[:3] == [("opening", "C"), ("close", "C"), ("day", "C")]


def test_indicative_price_is_told_when_it_has_changed(exchange: Harness) -> None:
    tell = TellIndicativePrice(1)
    assert exchange.apply(tell) == []
    calling(exchange)
    assert exchange.apply(tell) == []
    exchange.apply(buy("b", 10, 10_010), sell("s", 4, 9_990))
    assert exchange.apply(tell) == [IndicativePrice(1, 10_000, 4, 6)]
    assert exchange.apply(tell) == []
    exchange.apply(cancel("c", "s", "2", session_id=MAKER))
    assert exchange.apply(tell) == [IndicativePrice(1, 0, 0, 0)]


BAD: list[tuple[SetTradingPhase, str]] = [
    (phase("closing auction"), "closing auction cannot follow closed of AAPL, allowed: pre-open"),
    (phase("delisted"), "AAPL is delisted by a command of its own"),
    (phase("continuous", until_ns=-1), "until_ns -1 is negative"),
]


@pytest.mark.parametrize(("command", "said"), BAD, ids=[said for _, said in BAD])
def test_phase_that_cannot_follow_is_refused(exchange: Harness, command: SetTradingPhase, said: str) -> None:
    exchange.apply(phase("closed"))
    (event,) = exchange.apply(command)
    assert isinstance(event, CommandRefused)
    assert said in event.text
    assert exchange.engine.instruments[1].phase == "closed"


@pytest.mark.usefixtures("small_steps")
def test_delisting_cancels_open_orders_in_steps_and_refuses_new_ones(exchange: Harness) -> None:
    exchange.apply(*(buy(f"b{n}", 1, 9_000) for n in range(6)), buy("other", 1, 9_000, instrument_id=2))
    events = exchange.apply(DelistInstrument(1, "ops", "merger"))
    assert events[0] == TradingPhaseSet(1, "delisted", "merger")
    assert [row[:3] for row in brief(events)[1:5]] == [(f"b{n}", "4", "4") for n in range(4)]
    rest = exchange.apply(ContinueWork())
    assert [row[0] for row in brief(rest)] == ["b4", "b5"]
    assert text_of(rest) == "AAPL is delisted: merger"
    assert "trading phase of AAPL is delisted" in text_of(exchange.apply(sell("s", 1, 9_000)))
    assert isinstance(exchange.finish(phase("continuous"))[0], CommandRefused)
    assert isinstance(exchange.apply(DelistInstrument(1, "ops", ""))[0], CommandRefused)
    assert exchange.engine.depth(2, 0)[0] == [(9_000, 1, 1)]
    assert ACC2 == 2


def test_market_orders_go_first_when_the_price_band_has_moved(special: Harness) -> None:
    """They were held for the edge of before: 110.00."""
    market = buy("m", 10, 0, ord_type=MARKET)
    special.apply(SetTradingPhase(1, "volatility halt", "ops", ""), market, SetReferencePrice(1, 10_500, "ops"))
    special.apply(buy("limit", 10, 11_200, session_id=3, account_id=3), sell("s", 10, 11_100))
    (told,) = special.apply(TellIndicativePrice(1))
    events = special.finish(SetTradingPhase(1, "continuous", "ops", ""))
    assert [row[:5] for row in brief(events) if len(row) > 1] == [
        ("m", "D", "0", 10, 0),
        ("m", "F", "2", 0, 10),
        ("s", "F", "2", 0, 10),
    ]
    (ended,) = (event for event in events if isinstance(event, AuctionEnded))
    assert isinstance(told, IndicativePrice)
    assert (told.price, told.qty, told.surplus) == (ended.price, ended.qty, ended.surplus) == (11_100, 10, 10)


def test_a_market_order_that_cannot_pay_for_the_moved_band_stays_behind(special: Harness) -> None:
    market = buy("m", 10, 0, ord_type=MARKET)
    special.apply(SetTradingPhase(1, "volatility halt", "ops", ""), market, SetReferencePrice(1, 10_500, "ops"))
    special.apply(buy("limit", 10, 11_200, session_id=3, account_id=3), sell("s", 20, 11_100))
    total, held = special.cash(1)
    special.apply(Deposit(1, "USD", held - total - CASH, "all that is free is taken out"))
    events = special.finish(SetTradingPhase(1, "continuous", "ops", ""))
    assert [row[:5] for row in brief(events) if len(row) > 1] == [
        ("limit", "F", "2", 0, 10),
        ("s", "F", "1", 10, 10),
        ("m", "C", "C", 0, 0),
    ]
    (ended,) = (event for event in events if isinstance(event, AuctionEnded))
    assert (ended.price, ended.qty, ended.surplus) == (11_100, 10, -10)
