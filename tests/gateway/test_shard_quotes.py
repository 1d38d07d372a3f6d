"""MassQuote(i) and QuoteCancel(Z) over several shards: each is told its part, and the member is answered once."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
import pytest

from gateway.shard_link import ShardLink
from gateway.shard_market import QUOTES_UNDER_WAY_MAX
from gateway.shard_questions import FROZEN_QUOTES, LIMITS
from gateway.shard_requests import OPEN_MAX_OF_SESSION
from matching import refusals
from matching.commands import (
    CancelQuotes,
    DefineSession,
    Deposit,
    MassCancel,
    MassQuote,
    NewOrder,
    PullQuotes,
    QuoteEntry,
    ResetQuoteProtection,
    SetQuoteProtection,
)
from matching.events import Event, Execution, MassCancelReported, MessageThrottled, MessageUnavailable
from matching.quote_events import QuotesAnswered, QuotesFrozen, QuotesReset
from matching.types import BUY, EXEC_CANCELED, EXEC_NEW, EXEC_REPLACED, EXEC_TRADE, Side, TimeInForce
from tests.gateway.test_shard_market import instruct
from tests.gateway.test_shard_requests import STEPS, RandomDay, RandomMessage, cancel_all, connected
from tests.support.shard_pair import EPOCH, INSTRUMENTS, SESSION, GatewaySide, ShardSide, order, settle, shard_sides

SELL: Final[Side] = "2"
LATE = str(refusals.QUOTE_TOO_LATE)
DOWN = str(refusals.SHARD_NOT_AVAILABLE)
UNCONFIRMED = str(refusals.MASS_NOT_CONFIRMED)


@pytest.fixture
def shards(tmp_path: Path) -> Iterator[list[ShardSide]]:
    """The shards a and b."""
    with shard_sides(tmp_path, "a", "b") as both:
        yield both


@pytest.fixture
def nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shard that is down is not waited for from its first moment on."""
    monkeypatch.setattr(ShardLink, "is_away", property(lambda link: not link.is_up))


def entry(instrument_id: int, entry_id: str = "", *, bid: int = 9_000, code: int = 0) -> QuoteEntry:
    """Return a bid for ten lots; AAPL is of shard a, MSFT of shard b."""
    symbol = {1: "AAPL", 2: "MSFT"}.get(instrument_id, "X")
    text = "no such thing" if code else ""
    return QuoteEntry("S", entry_id or symbol, instrument_id, symbol, bid, 10, 0, 0, code, text)


def quote(
    number: int,
    *entries: QuoteEntry,
    quote_id: str = "i",
    level: str = "2",
    poss_resend: bool = False,
    resets: bool = False,
) -> MassQuote:
    """Return a mass quote, message `number` of the session; without entries one on both shards."""
    told = entries or (entry(1), entry(2))
    return MassQuote(SESSION, EPOCH, number, quote_id, 1, level, told, poss_resend, resets)


def cancel_quotes(number: int, *instrument_ids: int, poss_resend: bool = False, resets: bool = False) -> CancelQuotes:
    """Return a quote cancel, of all where no instrument is named."""
    symbols = tuple({1: "AAPL", 2: "MSFT"}[each] for each in instrument_ids)
    cancel_type = "1" if instrument_ids else "4"
    return CancelQuotes(SESSION, EPOCH, number, "z", cancel_type, 0, instrument_ids, symbols, resets, poss_resend)


def told(events: list[Event]) -> list[tuple[str, ...]]:
    """Return what is said of events: to the member by b, j and 8, and of quotes as they come and go."""
    seen: list[tuple[str, ...]] = []
    for event in events:
        if isinstance(event, QuotesAnswered):
            entries = tuple(f"{each.entry_id}={each.code}" for each in event.entries if not event.cancel_type)
            seen.append(("b", event.quote_id, event.status, str(event.code), *entries))
        elif isinstance(event, Execution):
            seen.append((event.exec_type, event.cl_ord_id, str(event.instrument_id), str(event.price)))
        elif isinstance(event, MessageThrottled | MessageUnavailable):
            seen.append(("j", event.ref_id, str(event.msg_seq_num), str(event.code)))
        elif isinstance(event, QuotesFrozen | QuotesReset):
            seen.append((type(event).__name__, str(event.instrument_id)))
    return seen


def answers(events: list[Event]) -> list[tuple[str, ...]]:
    """Return the b and j of events."""
    return [line for line in told(events) if line[0] in "bj"]


def shares(shard: ShardSide) -> Deposit:
    """Return the shares that the account has on a shard."""
    return Deposit(1, INSTRUMENTS[shard.name].symbol, 100, "shares")


def sell(number: int, instrument_id: int, *, time_in_force: TimeInForce = "1") -> NewOrder:
    """Return an order to sell two lots at the price of the quotes."""
    ids = SESSION, EPOCH, number, False, f"o{number}"
    return NewOrder(*ids, 1, instrument_id, SELL, "2", time_in_force, 9_000, 2)


def new(quote_id: str, instrument_id: int, price: int = 9_000) -> tuple[str, ...]:
    """Return how a side of a quote enters."""
    return (EXEC_NEW, quote_id, str(instrument_id), str(price))


def test_entries_go_to_their_shards_and_one_answer_has_them_in_their_order(shards: list[ShardSide]) -> None:
    gateway = connected(*shards)
    gateway.turn(quote(2, entry(2), entry(1), entry(0, "N", code=refusals.QUOTE_UNKNOWN_SYMBOL)))
    events = settle(gateway, *shards)
    unknown = f"N={refusals.QUOTE_UNKNOWN_SYMBOL}"
    assert answers(events) == [("b", "i", "0", "0", "MSFT=0", "AAPL=0", unknown)]
    assert sorted(told(events))[:2] == [new("i", 1), new("i", 2)]
    (answer,) = [event for event in events if isinstance(event, QuotesAnswered)]
    assert (answer.msg_seq_num, answer.response_level, answer.counts) == (2, "2", (("S", 3),))
    assert gateway.relay.requests.open == {}
    assert gateway.relay.instructions.waiting == {}
    gateway.close()


@pytest.mark.parametrize(
    ("level", "good", "half"),
    [
        ("", [], [("b", "i", "0", "0", "MSFT=50701")]),
        ("1", [], [("b", "i", "0", "0", "MSFT=50701")]),
        ("2", [("b", "i", "0", "0", "AAPL=0", "MSFT=0")], [("b", "i", "0", "0", "AAPL=0", "MSFT=50701")]),
        ("3", [("b", "i", "0", "0")], [("b", "i", "0", "0", "MSFT=50701")]),
    ],
)
def test_the_answer_says_as_much_as_is_asked_for(
    shards: list[ShardSide], level: str, good: list[tuple[str, ...]], half: list[tuple[str, ...]]
) -> None:
    gateway = connected(*shards)
    gateway.turn(quote(2, level=level))
    assert answers(settle(gateway, *shards)) == good
    crossed = QuoteEntry("S", "MSFT", 2, "MSFT", 9_000, 1, 8_000, 1)
    gateway.turn(quote(3, entry(1), crossed, level=level))
    assert answers(settle(gateway, *shards)) == half
    gateway.turn(quote(4, QuoteEntry("S", "AAPL", 1, "AAPL", 9_000, 1, 8_000, 1), crossed, level=level))
    assert answers(settle(gateway, *shards)) == [("b", "i", "5", "0", "AAPL=50701", "MSFT=50701")]
    gateway.close()


def test_what_the_session_sends_behind_a_quote_comes_behind_it(shards: list[ShardSide]) -> None:
    gateway = connected(*shards)
    later = quote(3, entry(2, bid=9_100), quote_id="k")
    gateway.turn(quote(2), later, cancel_quotes(4, 1), quote(5, quote_id="l"))
    seen = told(settle(gateway, *shards))
    of_msft = [line for line in seen if line[0] in "045" and line[2] == "2"]
    assert of_msft == [new("i", 2), (EXEC_REPLACED, "k", "2", "9100"), (EXEC_REPLACED, "l", "2", "9000")]
    of_aapl = [line for line in seen if line[0] in "045" and line[2] == "1"]
    assert of_aapl == [new("i", 1), (EXEC_CANCELED, "z", "1", "9000"), new("l", 1)]
    assert sorted(line[1] for line in seen if line[0] == "b") == ["i", "k", "l", "z"]
    gateway.close()


def test_an_answer_stands_before_the_fills_of_the_shard_that_answers_last(shards: list[ShardSide]) -> None:
    for shard in shards:
        shard.configured = [shares(shard)]
    gateway = connected(*shards)
    gateway.turn(sell(2, 1), sell(3, 2))
    settle(gateway, *shards)
    gateway.turn(quote(4))
    gateway.turn()
    for shard in shards:
        shard.exchange.turn(0)
        gateway.turn()
    seen = told(gateway.events)
    at = {line[2]: place for place, line in enumerate(seen) if line[0] == EXEC_TRADE}
    assert at["1"] < seen.index(("b", "i", "0", "0", "AAPL=0", "MSFT=0")) < at["2"]
    gateway.close()


# -- what is refused --------------------------------------------------------------------------------------------------


def test_prices_of_before_are_not_quoted_anew(shards: list[ShardSide]) -> None:
    gateway = connected(*shards)
    refused = [("b", "i", "5", str(refusals.QUOTE_RESENT))]
    assert answers(gateway.turn(quote(2, poss_resend=True))) == refused
    assert answers(gateway.turn(cancel_quotes(3, poss_resend=True, resets=True))) == [
        ("b", "z", "5", str(refusals.QUOTE_RESENT))
    ]
    assert settle(gateway, *shards) == []
    gateway.close()


def test_entries_of_a_shard_that_is_down_are_refused_and_never_placed(shards: list[ShardSide]) -> None:
    gateway = connected(*shards)
    gateway.turn(quote(2, quote_id="old"))
    settle(gateway, *shards)
    gateway.market.links["b"].drop("killed")
    gateway.turn(quote(3, entry(1, bid=9_100), entry(2, bid=9_100)))
    events = settle(gateway, shards[0])
    assert told(events) == [("b", "i", "0", "0", "AAPL=0", f"MSFT={DOWN}"), (EXEC_REPLACED, "i", "1", "9100")]
    (answer,) = [event for event in events if isinstance(event, QuotesAnswered)]
    assert answer.entries[1].text == "the market is not available at the moment: shard b is down"
    gateway.connect(shards[1])
    assert told(settle(gateway, *shards)) == []
    # What stood there before stays as it was.
    gateway.turn(cancel_quotes(4))
    assert sorted(told(settle(gateway, *shards))) == [
        (EXEC_CANCELED, "z", "1", "9100"),
        (EXEC_CANCELED, "z", "2", "9000"),
        ("b", "z", "4", "0"),
    ]
    gateway.close()


def test_where_all_shards_are_down_all_entries_are_refused_at_once(shards: list[ShardSide]) -> None:
    gateway = connected(*shards)
    for link in gateway.market.links.values():
        link.drop("killed")
    assert answers(gateway.turn(quote(2))) == [("b", "i", "5", "0", f"AAPL={DOWN}", f"MSFT={DOWN}")]
    assert answers(gateway.turn(quote(3, entry(1)))) == [("j", "i", "3", DOWN)]
    assert gateway.relay.requests.open == {}
    gateway.close()


def test_quotes_are_refused_while_no_orders_are_accepted(shards: list[ShardSide]) -> None:
    gateway = connected(*shards)
    gateway.relay.local.operations.accepting = False
    assert answers(gateway.turn(quote(2))) == [("b", "i", "5", str(refusals.NOT_ACCEPTING))]
    gateway.turn(cancel_quotes(3))
    assert answers(settle(gateway, *shards)) == [("b", "z", "4", "0")]
    gateway.close()


def throttled(gateway_shards: list[ShardSide], *, rate: int) -> GatewaySide:
    """Return a gateway whose shards let a session send so many messages a second, and as many at once."""
    for shard in gateway_shards:
        shard.configured = [DefineSession(SESSION, "FIX.4.4:OUTCRY->T1", "T1", rate, rate, rate, rate)]
    return connected(*gateway_shards)


def test_the_throttle_of_every_shard_is_said_once_that_of_one_by_entry(shards: list[ShardSide]) -> None:
    gateway = throttled(shards, rate=1)
    gateway.turn(quote(2, entry(1), quote_id="single"))
    settle(gateway, *shards)
    gateway.turn(quote(3))
    throttle = str(refusals.THROTTLED_SESSION)
    assert answers(settle(gateway, *shards)) == [("b", "i", "0", "0", f"AAPL={throttle}", "MSFT=0")]
    gateway.turn(quote(4))
    assert answers(settle(gateway, *shards)) == [("j", "i", "4", throttle)]
    gateway.close()


def test_a_session_waits_when_much_of_it_is_not_answered(shards: list[ShardSide]) -> None:
    gateway = connected(*shards)
    count = 2 * OPEN_MAX_OF_SESSION
    gateway.turn(*(quote(2 + number, quote_id=f"i{number}") for number in range(count)))
    for _ in range(count):
        gateway.turn()
    assert len(gateway.relay.requests.open) == QUOTES_UNDER_WAY_MAX
    assert not gateway.market.has_work()
    # The numbers of those that wait are not answered: a gateway that is killed asks for them again.
    assert gateway.market.answers.open_count == count - QUOTES_UNDER_WAY_MAX
    assert [line[1] for line in answers(settle(gateway, *shards))] == [f"i{number}" for number in range(count)]
    gateway.close()


# -- kills ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("moment", ["begun", "sent", "one has done it", "one has said it"])
@pytest.mark.parametrize("victim", ["gateway", "shard", "both"])
def test_whatever_is_killed_every_entry_is_taken_once_and_answered_once(
    shards: list[ShardSide], moment: str, victim: str
) -> None:
    gateway = connected(*shards)
    message = quote(2)
    gateway.turn(message)
    if moment != "begun":
        gateway.turn()
    if moment.startswith("one"):
        shards[1].exchange.turn(0)
    if moment == "one has said it":
        gateway.turn()
    first = list(gateway.events)
    if victim in ("gateway", "both"):
        state = gateway.relay.snapshot()
        gateway = gateway.restarted(logon_number=3)
        assert gateway.relay.snapshot() == state
    if victim in ("shard", "both"):
        shards[1] = shards[1].restarted()
    for shard in shards:
        gateway.connect(shard)
    events = first + settle(gateway, *shards) + gateway.turn(message) + settle(gateway, *shards)
    assert answers(events) == [("b", "i", "0", "0", "AAPL=0", "MSFT=0")]
    assert sorted(line for line in told(events) if line[0] == EXEC_NEW) == [new("i", 1), new("i", 2)]
    assert gateway.relay.requests.open == {}
    gateway.close()


def test_what_a_shard_is_given_too_late_is_refused(shards: list[ShardSide], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.shard_quotes.VALID_NS", -1)
    monkeypatch.setattr("gateway.shard_market.VALID_NS", -1)
    gateway = connected(*shards)
    gateway.turn(quote(2))
    assert told(settle(gateway, *shards)) == [("b", "i", "5", "0", f"AAPL={LATE}", f"MSFT={LATE}")]
    gateway.turn(quote(3, entry(1)))
    assert told(settle(gateway, *shards)) == [("b", "i", "5", LATE)]
    gateway.close()


def test_a_quote_that_waits_for_a_shard_to_be_heard_of_grows_old_meanwhile(
    shards: list[ShardSide], monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = connected(*shards).restarted(logon_number=3)
    monkeypatch.setattr("gateway.shard_market.VALID_NS", -1)
    assert told(gateway.turn(quote(2, entry(1)))) == []
    monkeypatch.undo()
    gateway.connect(shards[0])
    assert told(settle(gateway, *shards)) == [("b", "i", "5", LATE)]
    gateway.close()


@pytest.mark.usefixtures("nobody_waits")
@pytest.mark.parametrize("has_taken_it", [True, False])
@pytest.mark.parametrize("is_gateway_killed", [True, False])
def test_what_a_shard_that_has_not_answered_takes_of_a_quote_is_pulled(
    shards: list[ShardSide], *, has_taken_it: bool, is_gateway_killed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = connected(*shards)
    gateway.turn(quote(2, entry(2), quote_id="old"))
    settle(gateway, *shards)
    if not has_taken_it:
        monkeypatch.setattr("gateway.shard_quotes.VALID_NS", 0)
    gateway.turn(quote(3, entry(1), entry(2, bid=9_100)))
    gateway.turn()
    if has_taken_it:
        shards[1].exchange.turn(0)
    gateway.market.links["b"].drop("killed")
    shards[1] = shards[1].restarted()
    events = settle(gateway, shards[0])
    (answer,) = [event for event in events if isinstance(event, QuotesAnswered)]
    aapl = 0 if has_taken_it else refusals.QUOTE_TOO_LATE
    assert [each.code for each in answer.entries] == [aapl, refusals.MASS_NOT_CONFIRMED]
    text = "shard b has not answered and cancels what it takes of the quote when it is back"
    assert answer.entries[1].text == text
    if is_gateway_killed:
        gateway = gateway.restarted(logon_number=4)
        gateway.connect(shards[0])
    gateway.connect(shards[1])
    seen = settle(gateway, *shards)
    gateway.turn(quote(4, entry(2, bid=8_000), quote_id="newer"))
    lines = told(seen + settle(gateway, *shards))
    if has_taken_it:
        assert lines[-3:-1] == [(EXEC_CANCELED, "i", "2", "9100"), ("b", "newer", "0", "0", "MSFT=0")]
        assert lines[-1] == new("newer", 2, 8_000)
    else:
        # What stood there before stays.
        assert lines == [("b", "newer", "0", "0", "MSFT=0"), (EXEC_REPLACED, "newer", "2", "8000")]
    assert answers(gateway.events)[-1] == ("b", "newer", "0", "0", "MSFT=0")
    assert gateway.relay.requests.open == {}
    assert gateway.relay.instructions.waiting == {}
    gateway.close()


@pytest.mark.usefixtures("nobody_waits")
def test_a_quote_that_comes_when_its_shard_is_back_is_not_what_is_pulled(shards: list[ShardSide]) -> None:
    gateway = connected(*shards)
    gateway.turn(quote(2))
    gateway.turn()
    gateway.market.links["b"].drop("killed")
    shards[0].exchange.turn(0)
    gateway.turn()
    gateway.commits = False
    gateway.turn()
    (answer,) = [event for event in gateway.events if isinstance(event, QuotesAnswered)]
    assert [each.code for each in answer.entries] == [0, refusals.MASS_NOT_CONFIRMED]
    gateway.connect(shards[1])
    for _ in range(3):
        shards[1].exchange.turn(0)
        gateway.turn()
    assert gateway.market.links["b"].is_up
    # It overtakes what pulls the older one, and takes its place.
    gateway.turn(quote(3, entry(2, bid=8_000), quote_id="newer"))
    gateway.commits = True
    lines = told(settle(gateway, *shards))
    assert lines[-2:] == [("b", "newer", "0", "0", "MSFT=0"), (EXEC_REPLACED, "newer", "2", "8000")]
    assert [line for line in told(gateway.events) if line[0] == EXEC_CANCELED] == []
    gateway.close()


@pytest.mark.parametrize("later", [quote(3, quote_id="later"), cancel_quotes(3), cancel_all(3)], ids=["i", "Z", "q"])
def test_a_quote_that_its_shard_is_given_behind_a_later_message_is_refused(
    shards: list[ShardSide], later: MassQuote | CancelQuotes | MassCancel
) -> None:
    """Gateway and shard are killed with the quote on its way; what came behind it was journaled, and is done first."""
    gateway = connected(*shards)
    lost = quote(2, entry(2, bid=9_100), quote_id="lost")
    gateway.turn(lost, later)
    gateway.turn()
    # What the shards were sent is gone with their processes.
    gateway = gateway.restarted(logon_number=2)
    for place, shard in enumerate(shards):
        shards[place] = shard.restarted()
        gateway.connect(shards[place])
    settle(gateway, *shards)
    assert answers(gateway.turn(lost, later, quote(4, entry(2)))) == [("b", "lost", "5", LATE)]
    assert answers(settle(gateway, *shards)) == [("b", "i", "0", "0", "MSFT=0")]
    gateway.close()


# -- quote cancels ----------------------------------------------------------------------------------------------------


def test_quotes_of_all_shards_are_canceled_and_the_answer_counts_them(shards: list[ShardSide]) -> None:
    gateway = connected(*shards)
    gateway.turn(quote(2), cancel_quotes(3), order(4, "stays"), quote(5, quote_id="k"), cancel_quotes(6, 2, 1))
    events = settle(gateway, *shards)
    said = [(each.quote_id, each.status, each.text) for each in events if isinstance(each, QuotesAnswered)]
    text = "2 sides of quotes are canceled"
    assert [each for each in said if each[0] == "z"] == [("z", "4", text), ("z", "1", text)]
    canceled = [line[2] for line in told(events) if line[0] == EXEC_CANCELED]
    assert sorted(canceled) == ["1", "1", "2", "2"]
    assert all("\x01" not in line[1] for line in told(events))
    assert (EXEC_NEW, "stays", "1", "9000") in told(events)
    gateway.close()


@pytest.mark.usefixtures("nobody_waits")
def test_a_shard_that_is_down_is_named_and_cancels_when_it_is_back(shards: list[ShardSide]) -> None:
    gateway = connected(*shards)
    gateway.turn(quote(2))
    settle(gateway, *shards)
    gateway.market.links["b"].drop("killed")
    gateway.turn(cancel_quotes(3))
    events = settle(gateway, shards[0])
    assert told(events) == [(EXEC_CANCELED, "z", "1", "9000"), ("b", "z", "4", UNCONFIRMED)]
    assert isinstance(events[-1], QuotesAnswered)
    missing = "shard b has not answered and cancels when it is back"
    assert events[-1].text == f"1 sides of quotes are canceled; {missing}"
    gateway = gateway.restarted(logon_number=4)
    for shard in shards:
        gateway.connect(shard)
    assert told(settle(gateway, *shards)) == [(EXEC_CANCELED, "z", "2", "9000")]
    assert gateway.relay.requests.open == {}
    gateway.close()


@pytest.mark.usefixtures("nobody_waits")
def test_cancels_that_wait_for_a_shard_are_bounded_and_keep_no_quote_out(
    shards: list[ShardSide], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.shard_requests.QUOTES_OPEN_MAX_OF_SESSION", 20)
    gateway = connected(*shards)
    gateway.market.links["b"].drop("killed")
    seen: list[tuple[str, ...]] = []
    for number in range(2, 23):
        seen += told(gateway.turn(cancel_quotes(number))) + told(settle(gateway, shards[0]))
    refused = ("b", "z", "5", str(refusals.MASS_TOO_MANY))
    assert seen == [("b", "z", "4", UNCONFIRMED)] * 20 + [refused]
    gateway.turn(cancel_all(23))
    assert told(settle(gateway, shards[0])) == []
    gateway.connect(shards[1])
    settle(gateway, *shards)
    gateway.turn(quote(24))
    assert answers(settle(gateway, *shards)) == [("b", "i", "0", "0", "AAPL=0", "MSFT=0")]
    assert gateway.relay.requests.open == {}
    gateway.close()


def test_frozen_quotes_of_all_shards_are_reset(shards: list[ShardSide]) -> None:
    for shard in shards:
        shard.configured = [SetQuoteProtection(SESSION, 1, 0, 0, 10_000_000_000), shares(shard)]
    gateway = connected(*shards)

    def freeze(number: int) -> None:
        gateway.turn(quote(number))
        gateway.turn(sell(number + 1, 1, time_in_force="3"), sell(number + 2, 2, time_in_force="3"))
        frozen = [line for line in told(settle(gateway, *shards)) if line[0] == "QuotesFrozen"]
        assert sorted(frozen) == [("QuotesFrozen", "1"), ("QuotesFrozen", "2")]

    freeze(2)
    gateway.turn(cancel_quotes(5, resets=True))
    events = settle(gateway, *shards)
    assert sorted(told(events))[:2] == [("QuotesReset", "1"), ("QuotesReset", "2")]
    (answer,) = [event for event in events if isinstance(event, QuotesAnswered)]
    assert answer.text == "0 sides of quotes are canceled, 2 frozen quotes are reset"
    freeze(6)
    frozen = str(refusals.QUOTES_FROZEN)
    gateway.turn(quote(9))
    assert answers(settle(gateway, *shards)) == [("b", "i", "5", "0", f"AAPL={frozen}", f"MSFT={frozen}")]
    gateway.turn(quote(10, resets=True))
    assert answers(settle(gateway, *shards)) == [("b", "i", "0", "0", "AAPL=0", "MSFT=0")]
    gateway.close()


def test_operators_hear_of_all_shards_what_is_frozen_and_what_a_reset_took_again(shards: list[ShardSide]) -> None:
    for shard in shards:
        shard.configured = [SetQuoteProtection(SESSION, 1, 0, 0, 10_000_000_000), shares(shard)]
    gateway = connected(*shards)
    gateway.turn(quote(2), sell(3, 1, time_in_force="3"), sell(4, 2, time_in_force="3"))
    settle(gateway, *shards)
    questions, why = gateway.market.questions, "2 lots were filled within 10000 ms, allowed: 1"
    limits, frozen = questions.ask(LIMITS), questions.ask(FROZEN_QUOTES)
    assert questions.answers(FROZEN_QUOTES, frozen) == ({}, ["a", "b"])
    settle(gateway, *shards)
    found = {"a": [[SESSION, 1, 1, why]], "b": [[SESSION, 1, 2, why]]}
    assert questions.answers(FROZEN_QUOTES, frozen) == (found, [])
    assert questions.answers(LIMITS, limits) == ({"a": [], "b": []}, [])
    instructions, counts = gateway.relay.instructions, []
    for scope in ((SESSION, 0, 2), (SESSION, 0, 0), (SESSION, 0, 0)):
        instruction_id = instruct(gateway, ResetQuoteProtection(*scope, "me", "checked"), "a", "b")
        settle(gateway, *shards)
        counts.append(instructions.counts.get(instruction_id, 0))
    assert counts == [1, 1, 0]
    gateway.close()


def test_pulled_quotes_are_reported_and_take_no_token(shards: list[ShardSide]) -> None:
    gateway = throttled(shards, rate=2)
    gateway.turn(quote(2))
    settle(gateway, *shards)
    engine = shards[0].engine
    events: list[Event] = []
    (asked_id,) = (each.answer_id for each in shards[0].commands() if isinstance(each, MassQuote))
    for answer_id in ("", "other", asked_id, asked_id):
        pull = PullQuotes(SESSION, 1, (1, 99), answer_id, "it came too late")
        engine.apply(engine.seq + 1, engine.time_ns + 1, pull, events)
    (canceled,) = events
    assert isinstance(canceled, Execution)
    assert (canceled.exec_type, canceled.text, canceled.exec_restatement_reason) == (
        EXEC_CANCELED,
        "it came too late",
        99,
    )
    gateway.close()


# -- at random --------------------------------------------------------------------------------------------------------


class QuotingDay(RandomDay):
    """The same day with quotes: of one shard or of both, canceled now and then. `pulled`: quotes of which the member
    has heard that they left unasked.
    """

    pulled: set[tuple[str, int]]

    def send(self) -> None:
        """Send a few messages; the price of a quote is its number, on both sides of nothing."""
        new: list[RandomMessage] = []
        for _ in range(self.random.randint(1, 6)):
            number = 2 + len(self.sent) + len(new)
            what = self.random.random()
            if what < 0.12:
                new.append(msgspec.structs.replace(cancel_quotes(number), quote_id=f"z{number}"))
            elif what < 0.2:
                new.append(cancel_all(number, f"q{number}"))
            else:
                of = self.random.choice(((1, 2), (2, 1), (1,), (2,)))
                entries = [entry(each, bid=8_000 + number) for each in of]
                new.append(quote(number, *entries, quote_id=f"i{number}"))
        self.sent += new
        self.events += self.gateway.turn(*new)

    def check(self) -> None:
        """Every message was answered once, and what stands is what the member has to think."""
        for _ in range(STEPS):
            self.events += settle(self.gateway, *self.shards)
            if all(link.is_up for link in self.gateway.market.links.values()):
                break
        self.events += settle(self.gateway, *self.shards)
        said: dict[str, Event] = {}
        for event in self.events:
            name = _answered(event)
            if name:
                assert name not in said, f"{name} is answered twice"
                said[name] = event
        self.pulled = {
            (event.cl_ord_id, event.instrument_id)
            for event in self.events
            if isinstance(event, Execution) and event.exec_type == EXEC_CANCELED and event.text
        }
        stands: dict[int, int] = {}
        for message in self.sent:
            self._follow(message, said, stands)
        sides = [shard.engine.desk.special.quotes.sides for shard in self.shards]
        found = {key[2]: side[BUY].price for each in sides for key, side in each.items()}
        assert found == stands
        entered = [event for event in self.events if isinstance(event, Execution) and event.exec_type == EXEC_NEW]
        assert len({(each.cl_ord_id, each.instrument_id) for each in entered}) == len(entered), "placed twice"
        assert self.gateway.relay.requests.open == {}
        assert self.gateway.relay.instructions.waiting == {}

    def _follow(self, message: RandomMessage, said: dict[str, Event], stands: dict[int, int]) -> None:
        """Do with `stands`, the prices by instrument, what a member does that hears the answers."""
        if isinstance(message, CancelQuotes | MassCancel):
            name = message.quote_id if isinstance(message, CancelQuotes) else message.cl_ord_id
            answer = said[name]
            assert isinstance(answer, QuotesAnswered | MassCancelReported), f"{name} is answered"
            if answer.code != refusals.MASS_TOO_MANY:
                stands.clear()
            return
        assert isinstance(message, MassQuote), "nothing else is sent"
        answer = said[message.quote_id]
        if isinstance(answer, MessageUnavailable) or (isinstance(answer, QuotesAnswered) and answer.code):
            return
        assert isinstance(answer, QuotesAnswered), "the rest has a b"
        for asked, told in zip(message.entries, answer.entries, strict=True):
            if not told.code:
                stands[asked.instrument_id] = asked.bid_price
            elif (message.quote_id, asked.instrument_id) in self.pulled:
                stands.pop(asked.instrument_id, None)


def _answered(event: Event) -> str:
    """Return the name of the message that an event answers, or nothing."""
    if isinstance(event, QuotesAnswered):
        return event.quote_id
    if isinstance(event, MassCancelReported):
        return event.cl_ord_id
    return event.ref_id if isinstance(event, MessageUnavailable) else ""


@pytest.mark.parametrize("waits", [True, False])
@pytest.mark.parametrize("seed", range(6))
def test_whatever_happens_what_stands_is_what_the_member_was_told(
    tmp_path: Path, seed: int, *, waits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not waits:
        monkeypatch.setattr(ShardLink, "is_away", property(lambda link: not link.is_up))
    with shard_sides(tmp_path, "a", "b") as shards:
        day = QuotingDay(seed, shards)
        for _ in range(STEPS):
            day.step()
        day.check()
        day.gateway.close()
