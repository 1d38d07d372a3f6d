"""The last price is that of the newest trade that stands: what busts and corrections change of it, and what not."""

from typing import Any

import msgspec
import pytest

from matching.commands import Command, DelistInstrument, EndTradingDay, RelistInstrument, SetTradingPhase
from matching.events import CommandRefused, Event, Execution, LastPriceSet
from matching.terms import Terms
from matching.types import BUY, SELL, STOP
from tests.matching.harness import AAPL, Harness, brief, buy, order, sell
from tests.matching.test_corrections import bust, correction, refusal

FOLLOWED = msgspec.structs.replace(AAPL, follows_trades=True)


def trade(exchange: Harness, name: str, price: int) -> list[Event]:
    """Trade one lot and return the events."""
    return exchange.apply(sell(f"s{name}", 1, price), buy(f"b{name}", 1, price))


def last_price(exchange: Harness) -> int:
    return exchange.engine.desk.books[1].on_last.price


def told(events: list[Event]) -> list[LastPriceSet]:
    return [each for each in events if isinstance(each, LastPriceSet)]


@pytest.fixture
def followed(special: Harness) -> Harness:
    special.apply(FOLLOWED)
    return special


def test_bust_of_the_newest_trade_goes_back_to_the_one_before(followed: Harness) -> None:
    trade(followed, "1", 9_900)
    events = trade(followed, "2", 10_500)
    said = followed.apply(bust(events, trade_id=2, standing_trade_id=1, standing_price=9_900))
    assert told(said) == [LastPriceSet(1, 9_900, 1)]
    assert last_price(followed) == 9_900


def test_bust_of_the_only_trade_leaves_no_last_price(followed: Harness) -> None:
    said = followed.apply(bust(trade(followed, "1", 10_500)))
    assert told(said) == [LastPriceSet(1, 0, 0)]
    # The trailing stop begins from the reference price again, as before the first trade.
    terms = Terms(peg="trail", offset=50)
    (new, *_) = followed.apply(order("t", SELL, 1, 0, ord_type=STOP, terms=terms))
    assert isinstance(new, Execution)
    assert new.terms is not None
    assert new.terms.stop_price == 9_950


def test_bust_of_an_older_trade_changes_nothing_until_the_newer_one_goes_too(followed: Harness) -> None:
    first, second, third = (trade(followed, str(n), 9_900 + 100 * n) for n in (1, 2, 3))
    assert told(followed.apply(bust(second, trade_id=2, standing_trade_id=3, standing_price=10_200))) == []
    said = followed.apply(bust(third, trade_id=3, standing_trade_id=1, standing_price=10_000))
    assert told(said) == [LastPriceSet(1, 10_000, 1)]
    assert told(followed.apply(bust(first))) == [LastPriceSet(1, 0, 0)]


def test_what_the_journal_said_too_early_is_refused(followed: Harness) -> None:
    first, second = trade(followed, "1", 9_900), trade(followed, "2", 10_500)
    followed.apply(bust(first, standing_trade_id=2, standing_price=10_500))
    said = followed.apply(bust(second, trade_id=2, standing_trade_id=1, standing_price=9_900))
    assert refusal(said) == "trade T1, the newest one before, has been busted since, look again"
    assert last_price(followed) == 10_500


def test_corrections_count_with_their_new_price(followed: Harness) -> None:
    first, second = trade(followed, "1", 9_900), trade(followed, "2", 10_500)
    assert told(followed.apply(correction(first, 9_950, 1))) == []
    assert told(followed.apply(correction(second, 10_100, 1, trade_id=2))) == [LastPriceSet(1, 10_100, 2)]
    corrected = followed.engine.operations.corrections.corrected[2][2]
    ids = {"buy_exec_id": corrected[2], "sell_exec_id": corrected[3], "price": 10_100}
    # The journal was read before the first of the two was corrected.
    said = followed.apply(bust(second, trade_id=2, standing_trade_id=1, standing_price=9_900, **ids))
    assert told(said) == [LastPriceSet(1, 9_950, 1)]


def test_circuit_breaker_lies_around_the_trade_that_stands(followed: Harness) -> None:
    guarded = msgspec.structs.replace(FOLLOWED, breaker_bp=200, breaker_seconds=30)
    followed.apply(guarded)
    trade(followed, "1", 10_000)
    events = trade(followed, "2", 10_200)
    followed.apply(bust(events, trade_id=2, standing_trade_id=1, standing_price=10_000))
    trade(followed, "3", 10_300)
    assert followed.engine.instruments[1].phase == "volatility halt"


def test_what_a_busted_trade_triggered_stays_triggered_and_a_bust_triggers_nothing(followed: Harness) -> None:
    trade(followed, "1", 10_000)
    followed.apply(order("up", BUY, 1, 0, ord_type=STOP, terms=Terms(stop_price=10_400)))
    followed.apply(sell("rest", 1, 10_600))
    events = trade(followed, "2", 10_500)
    assert ("up", "L", "0", 1, 0) in brief(events)
    followed.apply(order("later", SELL, 1, 0, ord_type=STOP, terms=Terms(stop_price=10_200)))
    said = followed.apply(bust(events, trade_id=2, standing_trade_id=1, standing_price=10_000))
    assert not [each for each in said if isinstance(each, Execution) and each.exec_type == "L"]
    assert followed.engine.desk.orders[3].cl_ord_id == "up"
    # The next trade at a price that the stop waits for does.
    assert ("later", "L", "0", 1, 0) in brief(trade(followed, "3", 10_000))


def test_trades_of_before_are_known_by_the_journal_alone(special: Harness) -> None:
    """As after an older program: what is followed begins with the definition."""
    events = trade(special, "1", 10_500)
    special.apply(FOLLOWED)
    assert told(special.apply(bust(events, is_newest=True))) == [LastPriceSet(1, 0, 0)]
    events = trade(special, "2", 10_400)
    assert told(special.apply(bust(events, trade_id=2, is_newest=False))) == [LastPriceSet(1, 0, 0)]


def test_an_older_programs_bust_leaves_the_last_price(special: Harness) -> None:
    events = trade(special, "1", 10_500)
    assert told(special.apply(bust(events, is_newest=True))) == []
    assert last_price(special) == 10_500


def phase(name: Any) -> SetTradingPhase:
    return SetTradingPhase(1, name, "ops", "")


def test_newest_trade_of_an_auction(followed: Harness) -> None:
    trade(followed, "0", 9_900)
    followed.apply(phase("volatility halt"), sell("a", 1, 10_000), sell("b", 1, 10_000), buy("c", 2, 10_000))
    events = followed.finish(phase("continuous"))
    said = followed.apply(bust(events, trade_id=3, standing_trade_id=2, standing_price=10_000))
    assert told(said) == []
    said = followed.apply(bust(events, trade_id=2, standing_trade_id=1, standing_price=9_900))
    assert told(said) == [LastPriceSet(1, 9_900, 1)]


def test_no_trade_is_busted_while_an_auction_is_being_executed(followed: Harness) -> None:
    events = trade(followed, "0", 9_900)
    followed.apply(phase("volatility halt"), sell("a", 1, 10_000), buy("c", 1, 10_000), phase("continuous"))
    assert refusal(followed.apply(bust(events))) == "the auction of AAPL is being executed"


def test_a_listing_anew_has_no_newest_trade(followed: Harness) -> None:
    events = trade(followed, "0", 9_900)
    again: list[Command] = [DelistInstrument(1, "ops", ""), RelistInstrument(1, "ops", ""), phase("continuous")]
    followed.finish(*again)
    assert told(followed.apply(bust(events))) == []
    assert last_price(followed) == 0


def test_a_trade_of_an_earlier_day_stands(followed: Harness) -> None:
    trade(followed, "0", 9_900)
    followed.finish(EndTradingDay(20_000))
    events = trade(followed, "1", 10_500)
    said = followed.apply(bust(events, trade_id=2, standing_trade_id=1, standing_price=9_900))
    assert not isinstance(said[0], CommandRefused)
    assert told(said) == [LastPriceSet(1, 9_900, 1)]
