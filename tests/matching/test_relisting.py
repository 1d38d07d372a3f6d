"""A delisted instrument is listed again: an empty book, no prices of its earlier life, numbers that go on."""

import msgspec
import pytest

from matching import refusals
from matching import work as bounds
from matching.commands import ContinueWork, DelistInstrument, RelistInstrument, SetMarkPrice, SetTradingPhase
from matching.events import CommandRefused, Execution, TradingPhaseSet
from matching.terms import Terms
from tests.matching.harness import AAPL, Harness, RestartingHarness, brief, buy, sell
from tests.matching.test_state_records import reload

DELIST = DelistInstrument(1, "ops", "merger")
RELIST = RelistInstrument(1, "ops", "the merger is off")
OPEN = SetTradingPhase(1, "continuous", "ops", "")


@pytest.mark.parametrize("kind", [Harness, RestartingHarness])
def test_relisted_instrument_begins_with_nothing_but_positions_and_numbers(kind: type[Harness]) -> None:
    exchange = kind()
    guarded = msgspec.structs.replace(AAPL, breaker_bp=100, breaker_seconds=30)
    exchange.apply(guarded, sell("s", 5, 10_050), buy("b", 3, 10_050), SetMarkPrice(1, 10_060, "ops"))
    exchange.apply(
        buy("rest", 1, 9_900),
        buy("stop", 1, 10_500, ord_type="4", terms=Terms(stop_price=10_400)),
        buy("close", 1, 9_900, time_in_force="7"),
        buy("iceberg", 10, 9_890, terms=Terms(display_qty=1)),
    )
    position = exchange.risk.balance_of(1, "AAPL")
    ids = exchange.engine.desk.last_order_id, exchange.engine.desk.last_trade_id
    canceled = [each.cl_ord_id for each in exchange.finish(DELIST) if isinstance(each, Execution)]
    assert sorted(canceled) == ["close", "iceberg", "rest", "s", "stop"]
    assert exchange.apply(RELIST) == [TradingPhaseSet(1, "closed", "the merger is off")]
    book = exchange.engine.desk.books[1]
    assert book.is_empty()
    assert (book.on_last.price, book.on_mark.price, exchange.engine.instruments[1].auction_price) == (0, 0, 0)
    assert exchange.risk.balance_of(1, "AAPL") == position
    assert exchange.risk.balance_of(1, "USD")[1] == 0
    refused = exchange.apply(buy("early", 1, 10_000))[-1]
    assert isinstance(refused, Execution)
    assert refused.code == refusals.TRADING_PHASE
    exchange.finish(OPEN)
    # The range of the breaker lies around the reference price again: 100.50 was the last trade before.
    assert exchange.engine.instruments[1].breaker_range(0) == (9_900, 10_100)
    events = exchange.apply(buy("new", 1, 10_000), sell("new s", 1, 10_000))
    assert [row[:2] for row in brief(events)] == [("new", "0"), ("new s", "0"), ("new", "F"), ("new s", "F")]
    first = next(each for each in events if isinstance(each, Execution))
    assert (first.order_id, exchange.engine.desk.last_trade_id) == (ids[0] + 1, ids[1] + 1)
    # What was used on this trading day stays used.
    assert brief(exchange.apply(buy("rest", 1, 10_000)))[0][1] == "8"


def test_delisted_and_relisted_again_and_again(exchange: Harness) -> None:
    for number in range(3):
        exchange.finish(OPEN if number else AAPL, buy(f"a{number}", 1, 9_900), DELIST, RELIST)
    assert exchange.engine.instruments[1].phase == "closed"
    other = reload(exchange)
    assert other.apply(OPEN) == exchange.apply(OPEN)


def test_relisting_waits_for_the_cancels_of_its_end(exchange: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "ORDERS_PER_STEP_MAX", 2)
    exchange.apply(*(buy(f"b{number}", 1, 9_900) for number in range(5)), DELIST)
    assert exchange.apply(RELIST) == [CommandRefused("RelistInstrument", "orders of AAPL are being canceled")]
    while exchange.engine.has_work:
        exchange.apply(ContinueWork())
    assert exchange.apply(RELIST) == [TradingPhaseSet(1, "closed", "the merger is off")]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (RelistInstrument(9, "ops", ""), "instrument 9 is not defined"),
        (RELIST, "AAPL is not delisted, it is continuous"),
    ],
)
def test_relisting_that_cannot_be_obeyed_changes_nothing(
    exchange: Harness, command: RelistInstrument, said: str
) -> None:
    before = exchange.engine.snapshot()
    assert exchange.apply(command) == [CommandRefused("RelistInstrument", said)]
    exchange.engine.seq -= 1
    assert exchange.engine.snapshot() == before


def test_phase_commands_do_not_list_again(exchange: Harness) -> None:
    exchange.apply(DELIST)
    for phase in ("closed", "continuous"):
        (event,) = exchange.apply(msgspec.structs.replace(OPEN, phase=phase))
        assert isinstance(event, CommandRefused)
