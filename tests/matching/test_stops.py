"""Orders that wait for a trigger: stops, stop-limits, market-if-touched and trailing stops; holds, order, cascades."""

import random
from typing import Any, TypeAlias

import pytest

from matching import refusals, work
from matching.commands import (
    CancelSessionOrders,
    ContinueWork,
    NewOrder,
    SetLimits,
    SetMarkPrice,
    SetReferencePrice,
    SetTradingPhase,
)
from matching.events import CommandRefused, Event, Execution, MarkPriceSet, WorkLeft
from matching.price_watch import PriceWatch
from matching.terms import Terms
from matching.types import (
    BUY,
    FILL_OR_KILL,
    MARKET_IF_TOUCHED,
    SELL,
    STOP,
    STOP_LIMIT,
    OrdType,
    Side,
)
from tests.matching.harness import (
    ACC3,
    MAKER,
    TRADER,
    Harness,
    brief,
    buy,
    cancel,
    order,
    replace,
    sell,
    status,
    text_of,
)

Queues: TypeAlias = dict[tuple[Side, int], list[int]]
"""Order ids by the side of their orders and their trigger price."""


def stop(
    cl_ord_id: str, side: Side, qty: int, stop_price: int, *, ord_type: OrdType = STOP, price: int = 0, **more: Any
) -> NewOrder:
    """A stop of ACC3, which trades with nobody else here."""
    terms = Terms(stop_price=stop_price, **more)
    return order(cl_ord_id, side, qty, price, ord_type=ord_type, account_id=ACC3, terms=terms)


def print_at(exchange: Harness, price: int, name: str) -> list[Event]:
    """One lot trades at a price; return what came after the trade."""
    return exchange.apply(sell(f"{name}s", 1, price), buy(f"{name}b", 1, price))[4:]


def test_stop_waits_shows_nothing_and_holds_the_worst_price(special: Harness) -> None:
    events = special.apply(stop("st", BUY, 5, 10_500))
    assert brief(events) == [("st", "0", "0", 5, 0)]
    assert special.book() == ([], [])
    assert special.cash(ACC3) == (0, 5 * 11_000 * 10_000)
    assert brief(special.apply(status("st"))) == [("st", "I", "0", 5, 0)]
    assert brief(special.apply(cancel("c", "st"))) == [("c", "4", "4", 0, 0)]
    assert special.cash(ACC3) == (0, 0)


def test_stop_limit_holds_its_limit(special: Harness) -> None:
    special.apply(stop("st", BUY, 5, 10_500, ord_type=STOP_LIMIT, price=10_510))
    assert special.cash(ACC3) == (0, 5 * 10_510 * 10_000)


@pytest.mark.parametrize(
    ("ord_type", "side", "trigger", "near", "at"),
    [
        (STOP, BUY, 10_050, 10_049, 10_050),
        (STOP, SELL, 9_950, 9_951, 9_950),
        (STOP_LIMIT, BUY, 10_050, 10_049, 10_060),
        (STOP_LIMIT, SELL, 9_950, 9_951, 9_940),
        (MARKET_IF_TOUCHED, BUY, 9_950, 9_951, 9_950),
        (MARKET_IF_TOUCHED, SELL, 10_050, 10_049, 10_051),
    ],
)
def test_trigger_is_at_the_price_and_not_one_tick_before(
    special: Harness, ord_type: OrdType, side: Side, trigger: int, near: int, at: int
) -> None:
    special.apply(stop("st", side, 5, trigger, ord_type=ord_type, price=trigger if ord_type == STOP_LIMIT else 0))
    assert print_at(special, near, "a") == []
    events = print_at(special, at, "b")
    assert brief(events)[0] == ("st", "L", "0", 5, 0)
    rests = ord_type == STOP_LIMIT
    assert brief(events)[1:] == ([] if rests else [("st", "C", "C", 0, 0)])
    assert special.book() == (
        [(trigger, 5, 1)] if rests and side == BUY else [],
        [(trigger, 5, 1)] if rests and side == SELL else [],
    )


def test_triggered_stop_takes_as_a_market_order(special: Harness) -> None:
    special.apply(stop("st", BUY, 5, 10_050), sell("s1", 3, 10_060), sell("s2", 9, 10_070))
    rows = brief(print_at(special, 10_050, "p"))
    assert rows == [
        ("st", "L", "0", 5, 0),
        ("s1", "F", "2", 0, 3, (3, 10_060)),
        ("st", "F", "1", 2, 3, (3, 10_060)),
        ("s2", "F", "1", 7, 2, (2, 10_070)),
        ("st", "F", "2", 0, 5, (2, 10_070)),
    ]
    assert special.cash(ACC3)[1] == 0


def test_stop_whose_trigger_is_passed_at_entry_triggers_at_once(special: Harness) -> None:
    print_at(special, 10_050, "p")
    assert brief(special.apply(stop("st", BUY, 5, 10_050))) == [
        ("st", "0", "0", 5, 0),
        ("st", "L", "0", 5, 0),
        ("st", "C", "C", 0, 0),
    ]
    assert brief(special.apply(stop("tp", BUY, 5, 10_051))) == [("tp", "0", "0", 5, 0)]


def test_sweep_triggers_at_its_first_and_its_last_price(special: Harness) -> None:
    print_at(special, 10_000, "p")
    special.apply(stop("down", SELL, 1, 9_960), stop("up", BUY, 1, 10_040), stop("far", BUY, 1, 10_041))
    special.apply(sell("a", 1, 9_960), sell("b", 1, 10_040))
    rows = brief(special.apply(buy("t", 2, 10_040)))
    assert [row[0] for row in rows if row[1] == "L"] == ["down", "up"]


def test_nearest_trigger_goes_first_and_oldest_at_one_price(special: Harness) -> None:
    special.apply(*(stop(name, BUY, 1, price) for name, price in (("a", 10_003), ("b", 10_001), ("c", 10_001))))
    rows = brief(print_at(special, 10_010, "p"))
    assert [row[0] for row in rows if row[1] == "L"] == ["b", "c", "a"]


def test_mark_price_triggers_what_waits_for_it_and_nothing_else(special: Harness) -> None:
    special.apply(stop("mark", BUY, 1, 10_050, trigger="mark"), stop("last", BUY, 1, 10_050))
    assert print_at(special, 10_060, "p")[0].cl_ord_id == "last"  # type: ignore[union-attr]
    events = special.apply(SetMarkPrice(1, 10_050, "index"))
    assert events[0] == MarkPriceSet(1, 10_050)
    assert brief(events)[1:] == [("mark", "L", "0", 1, 0), ("mark", "C", "C", 0, 0)]


@pytest.mark.parametrize(("instrument_id", "price"), [(9, 100), (1, 0), (1, -5), (1, 1_000_000_001)])
def test_mark_price_of_nothing_is_refused(special: Harness, instrument_id: int, price: int) -> None:
    assert isinstance(special.apply(SetMarkPrice(instrument_id, price, "index"))[0], CommandRefused)


def test_trailing_stop_follows_the_price_up_and_triggers_on_the_way_down(special: Harness) -> None:
    print_at(special, 10_000, "p")
    (event,) = special.apply(stop("tr", SELL, 1, 0, peg="trail", offset=30))
    assert isinstance(event, Execution)
    assert event.terms is not None
    assert event.terms.stop_price == 9_970
    assert print_at(special, 10_040, "q") == []
    assert print_at(special, 10_020, "r") == []
    asked = special.apply(status("tr"))[0]
    assert isinstance(asked, Execution)
    assert asked.terms is not None
    assert asked.terms.stop_price == 10_010
    assert brief(print_at(special, 10_010, "s"))[0] == ("tr", "L", "0", 1, 0)


def test_trailing_buy_follows_the_mark_down(special: Harness) -> None:
    special.apply(SetMarkPrice(1, 10_000, "index"))
    special.apply(stop("tr", BUY, 1, 0, peg="trail", offset=30, trigger="mark"))
    assert len(special.apply(SetMarkPrice(1, 9_950, "index"), SetMarkPrice(1, 9_979, "index"))) == 2
    assert brief(special.apply(SetMarkPrice(1, 9_980, "index")))[1] == ("tr", "L", "0", 1, 0)


def test_new_extreme_draws_the_bounds_once_however_many_it_moves(
    special: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    print_at(special, 10_000, "p")
    special.apply(*(stop(f"tr{n}", SELL, 1, 0, peg="trail", offset=30 + n % 7) for n in range(20)))
    renewals: list[int] = []
    renew = PriceWatch.renew

    def counted(watch: PriceWatch) -> None:
        renewals.append(watch.price)
        renew(watch)

    monkeypatch.setattr(PriceWatch, "renew", counted)
    watch = special.engine.desk.books[1].on_last
    watch.follow(10_001)
    watch.follow(10_001)
    watch.follow(9_990)
    assert len(renewals) == 1
    assert (watch.low, watch.high) == (9_971, 10_002)
    watch.check_invariants()


@pytest.mark.parametrize("seed", range(6))
def test_trailing_stops_stand_where_moving_each_by_itself_puts_them(special: Harness, seed: int) -> None:
    """The judge looks at every trailing stop at every price, and moves it by itself."""
    draw = random.Random(seed)
    sides: tuple[Side, ...] = (BUY, SELL)
    known: dict[int, tuple[Side, int]] = {}
    queues: Queues = {}
    price = 10_000
    print_at(special, price, "p")
    for number in range(60):
        side, offset = draw.choice(sides), draw.choice((0, 3, 5, 40))
        trigger = price + draw.randint(2, 9) * (1 if side == BUY else -1)
        more: dict[str, Any] = {"peg": "trail", "offset": offset} if offset else {}
        (new,) = special.apply(stop(f"o{number}", side, 1, trigger, **more))
        assert isinstance(new, Execution)
        known[new.order_id] = (side, offset)
        queues.setdefault((side, trigger), []).append(new.order_id)
        price += draw.randint(-4, 4)
        print_at(special, price, f"p{number}")
        queues = {key: ids for key, ids in queues.items() if (key[1] > price if key[0] == BUY else key[1] < price)}
        move_each(queues, known, price)
        watch = special.engine.desk.books[1].on_last
        found: Queues = {(BUY, key): list(group) for key, group in watch.up.items()}
        found |= {(SELL, -key): list(group) for key, group in watch.down.items()}
        assert found == {key: ids for key, ids in queues.items() if ids}


def move_each(queues: Queues, known: dict[int, tuple[Side, int]], price: int) -> None:
    """Move every trailing stop that a price draws to the end of the queue at its distance, in order of their ids."""
    places = {order_id: key for key, ids in queues.items() for order_id in ids}
    for order_id, (side, trigger) in sorted(places.items()):
        offset = known[order_id][1]
        wanted = price + offset if side == BUY else price - offset
        if offset and (wanted < trigger if side == BUY else wanted > trigger):
            queues[side, trigger].remove(order_id)
            queues.setdefault((side, wanted), []).append(order_id)


def test_cascade_runs_breadth_first(special: Harness) -> None:
    special.apply(stop("one", BUY, 1, 10_001), stop("two", BUY, 1, 10_001), stop("three", BUY, 1, 10_020))
    special.apply(sell("s1", 1, 10_020), sell("s2", 1, 10_030), sell("s3", 1, 10_040))
    rows = brief(print_at(special, 10_001, "p"))
    assert [row[0] for row in rows if row[1] == "L"] == ["one", "two", "three"]
    assert special.book() == ([], [])


def test_cascade_is_bounded_and_blocks_its_instrument_until_it_is_done(
    special: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "ORDERS_PER_STEP_MAX", 3)
    special.apply(buy("old", 1, 9_000), *(stop(f"st{n}", BUY, 1, 10_000 + n % 2) for n in range(7)))
    events = print_at(special, 10_001, "p")
    assert [row[0] for row in brief(events) if row[1:2] != ("C",)] == ["st0", "st2", "st4", "WorkLeft"]
    assert events[-1] == WorkLeft(4)
    refused = special.apply(buy("new", 1, 9_900))
    assert isinstance(refused[0], Execution)
    assert refused[0].code == refusals.BEING_TRIGGERED
    assert text_of(refused) == "triggered orders of AAPL are entering, 4 are left"
    assert brief(special.apply(order("other", BUY, 1, 10_000, instrument_id=2)))[0][1] == "0"
    rows = brief(special.apply(cancel("c", "st6")))
    assert rows[0] == ("c", "4", "4", 0, 0)
    rows += brief(special.apply(ContinueWork()))
    assert not special.engine.has_work
    assert [row[0] for row in rows if row[1:2] == ("L",)] == ["st1", "st3", "st5"]
    assert brief(special.apply(buy("later", 1, 9_900)))[0][1] == "0"


def test_trailing_stops_that_a_cascade_moves_count_in_its_steps(
    special: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "ORDERS_PER_STEP_MAX", 5)
    print_at(special, 10_000, "p")
    special.apply(*(stop(f"tr{n}", SELL, 1, 0, peg="trail", offset=500) for n in range(4)))
    special.apply(*(stop(f"st{n}", BUY, 1, 10_001) for n in range(3)))
    special.apply(*(sell(f"s{n}", 1, 10_010 + n) for n in range(3)))
    events = print_at(special, 10_001, "p2")
    assert [row[0] for row in brief(events) if row[1:2] == ("L",)] == ["st0"]
    assert events[-1] == WorkLeft(2)
    for name, left in (("st1", [WorkLeft(1)]), ("st2", [])):
        events = special.apply(ContinueWork())
        assert [row[0] for row in brief(events) if row[1:2] == ("L",)] == [name]
        assert [event for event in events if isinstance(event, WorkLeft)] == left
    asked = special.apply(status("tr3"))[0]
    assert isinstance(asked, Execution)
    assert asked.terms is not None
    assert asked.terms.stop_price == 9_512


def test_replace_is_blocked_with_the_instrument(special: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "ORDERS_PER_STEP_MAX", 1)
    special.apply(buy("old", 1, 9_000), *(stop(f"st{n}", BUY, 1, 10_000) for n in range(3)))
    print_at(special, 10_001, "p")
    assert brief(special.apply(replace("r", "old", 2, 9_000))) == [("r", "9", "0", "2", 99)]


def test_triggered_order_passes_the_checks_of_the_moment(special: Harness) -> None:
    special.apply(stop("st", BUY, 5, 10_050), SetLimits(ACC3, 1, 3, 0, 0, 0))
    events = print_at(special, 10_050, "p")
    assert brief(events) == [("st", "4", "4", 0, 0)]
    assert (
        text_of(events)
        == "refused when it was triggered: OrderQty(38) 5 exceeds order_qty_max 3 of account ACC3 in AAPL"
    )
    assert special.cash(ACC3) == (0, 0)


def test_band_that_moved_bounds_the_triggered_price_and_frees_the_rest_of_the_hold(special: Harness) -> None:
    special.apply(stop("st", BUY, 5, 10_050, ord_type=STOP), sell("s", 5, 10_150))
    special.apply(SetReferencePrice(1, 9_300, "ops"))
    events = print_at(special, 10_050, "p")
    assert brief(events)[:2] == [("st", "L", "0", 5, 0), ("s", "F", "2", 0, 5, (5, 10_150))]
    trigger = events[0]
    assert isinstance(trigger, Execution)
    assert trigger.price == 10_230
    assert special.cash(ACC3)[1] == 0


def test_stop_with_fill_or_kill_is_judged_when_it_is_triggered(special: Harness) -> None:
    terms = Terms(stop_price=10_050)
    special.apply(order("st", BUY, 5, 0, ord_type=STOP, terms=terms, account_id=ACC3, time_in_force=FILL_OR_KILL))
    special.apply(sell("s", 4, 10_060))
    assert brief(print_at(special, 10_050, "p")) == [("st", "L", "0", 5, 0), ("st", "C", "C", 0, 0)]


def test_nothing_triggers_while_nothing_matches(special: Harness) -> None:
    special.apply(stop("st", BUY, 1, 10_050, trigger="mark"), SetTradingPhase(1, "halted", "ops", ""))
    assert len(special.apply(SetMarkPrice(1, 10_100, "index"))) == 1
    events = special.apply(SetTradingPhase(1, "continuous", "ops", ""))
    assert brief(events)[1:] == [("st", "L", "0", 1, 0), ("st", "C", "C", 0, 0)]


def test_waiting_orders_are_canceled_with_their_session(special: Harness) -> None:
    special.apply(stop("st", BUY, 1, 10_050), buy("b", 1, 9_900))
    assert [row[0] for row in brief(special.apply(CancelSessionOrders(TRADER, "gone")))] == ["st", "b"]


def test_trigger_price_may_be_replaced_and_quantity_down_keeps_the_place(special: Harness) -> None:
    special.apply(stop("a", BUY, 5, 10_050), stop("b", BUY, 5, 10_050), stop("c", BUY, 5, 10_050))
    down = replace("a2", "a", 4, 0, ord_type=STOP, terms=Terms(stop_price=10_050))
    up = replace("b2", "b", 6, 0, ord_type=STOP, terms=Terms(stop_price=10_050))
    special.apply(down, up)
    special.apply(replace("c2", "c", 5, 0, ord_type=STOP, terms=Terms(stop_price=10_040)))
    assert special.cash(ACC3) == (0, 15 * 11_000 * 10_000)
    rows = brief(print_at(special, 10_050, "p"))
    assert [row[0] for row in rows if row[1] == "L"] == ["c2", "a2", "b2"]


def test_replace_to_a_passed_trigger_price_triggers(special: Harness) -> None:
    print_at(special, 10_000, "p")
    special.apply(stop("a", BUY, 5, 10_050))
    rows = brief(special.apply(replace("a2", "a", 5, 0, ord_type=STOP, terms=Terms(stop_price=9_990))))
    assert [row[1] for row in rows] == ["5", "L", "C"]


@pytest.mark.parametrize(
    ("ord_type", "terms", "code"),
    [
        ("2", Terms(stop_price=1), refusals.STOP_PRICE_WITHOUT_STOP),
        ("3", Terms(), refusals.STOP_PRICE_ABSENT),
        ("3", None, refusals.STOP_PRICE_ABSENT),
        ("4", None, refusals.STOP_PRICE_ABSENT),
        ("J", None, refusals.STOP_PRICE_ABSENT),
        ("P", None, refusals.PEG_NOT_EXPRESSIBLE),
        ("P", Terms(), refusals.PEG_NOT_EXPRESSIBLE),
        ("3", Terms(stop_price=1_000_000_001), refusals.STOP_PRICE_OUT_OF_RANGE),
        ("3", Terms(peg="trail"), refusals.PEG_NOT_EXPRESSIBLE),
        ("4", Terms(peg="trail", offset=5, stop_price=5), refusals.PEG_NOT_EXPRESSIBLE),
        ("2", Terms(peg="best"), refusals.PEG_NOT_EXPRESSIBLE),
        ("2", Terms(reduce_only=True), refusals.REDUCE_ONLY_NOT_OFFERED),
    ],
)
def test_terms_that_contradict_the_type_are_refused(
    special: Harness, ord_type: OrdType, terms: Terms | None, code: int
) -> None:
    price = 10_000 if ord_type in ("2", "4") else 0
    events = special.apply(order("x", BUY, 5, price, ord_type=ord_type, terms=terms))
    assert isinstance(events[0], Execution)
    assert (events[0].ord_status, events[0].code, events[0].terms) == ("8", code, terms)
    assert special.cash(1) == (0, 0)


def test_stop_may_not_be_post_only(special: Harness) -> None:
    events = special.apply(order("x", BUY, 5, 0, ord_type=STOP, post_only=True, terms=Terms(stop_price=10_000)))
    assert isinstance(events[0], Execution)
    assert events[0].code == refusals.POST_ONLY_ON_TAKING_ORDER


def test_more_trailing_stops_than_the_bound_are_refused(special: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("matching.special_entry.TRAILS_MAX", 1)
    special.apply(stop("a", SELL, 1, 9_000, peg="trail", offset=30))
    events = special.apply(stop("b", SELL, 1, 9_000, peg="trail", offset=30))
    assert isinstance(events[0], Execution)
    assert events[0].code == refusals.TOO_MANY_TRAILING_STOPS


def test_stop_of_a_maker_session_is_its_own(special: Harness) -> None:
    special.apply(order("st", BUY, 1, 0, ord_type=STOP, terms=Terms(stop_price=10_050), session_id=MAKER))
    assert brief(special.apply(cancel("c", "st"))) == [("c", "9", "8", "1", 1)]
