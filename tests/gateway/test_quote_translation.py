"""MassQuote(i) and QuoteCancel(Z) as the wire gives them become one command, with every fault named."""

from typing import Any

import pytest

from gateway.inbound import MASS_QUOTE, QUOTE_CANCEL, QUOTE_ENTRY_TERMS, QUOTE_TERMS, SCHEMA
from gateway.quote_translation import ENTRIES_MAX, mass_quote, quote_cancel
from gateway.sessions import GatewaySession
from gateway.shard_refusals import instruments_of
from matching import refusals
from matching.codec import SessionState
from matching.commands import CancelQuotes, MassQuote, QuoteEntry
from matching.terms import Terms
from matching.types import E8
from tests.gateway.test_translation import AAPL, PERPETUAL

INSTRUMENTS = {"AAPL": AAPL, "BTC-PERP": PERPETUAL}
PLAIN_TERMS = (None,) * len(QUOTE_ENTRY_TERMS)


def session(begin_string: str = "FIX.4.4", self_match_id: str = "") -> GatewaySession:
    """TRADER1 of the account ACC1."""
    return GatewaySession(
        state=SessionState(7, "S", "TRADER1", 1, 0, 1, 1, 1, 0, 0, 0),
        begin_string=begin_string,
        sender_comp_id="OUTCRY",
        target_comp_id="TRADER1",
        role="order_entry",
        accounts={"ACC1": 3, "ACC2": 4},
        strict=True,
        self_match_id=self_match_id,
    )


def entry(
    entry_id: str | None = "1",
    symbol: str | None = "AAPL",
    bid: Any = 58_490_000_000,
    offer: Any = None,
    bid_size: Any = 20 * E8,
    offer_size: Any = None,
    currency: str | None = None,
    terms: tuple[Any, ...] = PLAIN_TERMS,
) -> tuple[Any, ...]:
    """The values of one entry."""
    return (entry_id, symbol, bid, offer, bid_size, offer_size, currency, *terms)


def one_set(
    *entries: tuple[Any, ...], set_id: str = "S", count: Any = None, group: Any = None, fragment: str | None = None
) -> Any:
    """The values of one set."""
    counts = (len(entries) if each is None else each for each in (count, group))
    return (set_id, *counts, None, fragment, entries)


def values(*sets: Any, **more: Any) -> tuple[Any, ...]:
    """The values of an i."""
    head = ("quote_id", "account", "level", "bid_size", "offer_size", "own_id", "instruction", "reset")
    named = {"quote_id": "Q"} | more
    return (*(named.get(name) for name in head), *(named.get(f"t{term.tag}") for term in QUOTE_TERMS), sets)


def translated(*sets: Any, **more: Any) -> MassQuote:
    """The command of an i."""
    return mass_quote(session(), 5, False, values(*sets, **more), INSTRUMENTS)


def test_values_are_as_many_as_the_schema_has() -> None:
    assert len(values()) == len(SCHEMA[MASS_QUOTE])
    assert len(SCHEMA[QUOTE_CANCEL]) == 4 + 5


def test_an_entry_is_read_in_ticks_and_lots() -> None:
    command = translated(one_set(entry(offer=58_510_000_000, offer_size=30 * E8)), level="2", account="ACC2")
    expected = QuoteEntry("S", "1", AAPL.instrument_id, "AAPL", 58_490, 20, 58_510, 30)
    assert command == MassQuote(7, 1, 5, "Q", 4, "2", (expected,))


@pytest.mark.parametrize(
    ("given", "sizes", "expected"),
    [
        (entry(bid_size=0), (None, None), (0, 0, 0, 0)),
        (entry(bid=None, bid_size=None), (E8, E8), (0, 0, 0, 0)),
        (entry(bid=None, bid_size=0), (E8, E8), (0, 0, 0, 0)),
        (entry(bid_size=None, offer=58_510_000_000), (E8, 2 * E8), (58_490, 1, 58_510, 2)),
        (entry(bid_size=0, offer=58_510_000_000), (E8, 2 * E8), (0, 0, 58_510, 2)),
    ],
)
def test_default_sizes_and_sides_that_are_not_quoted(given: Any, sizes: Any, expected: tuple[int, ...]) -> None:
    command = translated(one_set(given), bid_size=sizes[0], offer_size=sizes[1])
    (found,) = command.entries
    assert (found.bid_price, found.bid_qty, found.offer_price, found.offer_qty, found.code) == (*expected, 0)


@pytest.mark.parametrize(
    ("given", "code", "text"),
    [
        (entry(symbol=None), refusals.QUOTE_UNKNOWN_SYMBOL, "Symbol(55) absent is not traded here"),
        (entry(symbol="X"), refusals.QUOTE_UNKNOWN_SYMBOL, "Symbol(55) X"),
        (entry(entry_id=None), refusals.QUOTE_ID_ABSENT, "QuoteEntryID(299) is absent"),
        (entry(entry_id="x" * 65), refusals.QUOTE_ID_TOO_LONG, "QuoteEntryID(299) has 65 characters, allowed: 64"),
        (entry(bid=None), refusals.QUOTE_PRICE_ABSENT, "BidPx(132) is absent beside BidSize(134) 20"),
        (entry(bid_size=None), refusals.QUOTE_SIZE_ABSENT, "BidSize(134) is absent beside BidPx(132)"),
        (entry(bid="1e5"), refusals.QUOTE_PRICE_NO_NUMBER, "BidPx(132) 1e5 is not a number"),
        (entry(bid=0), refusals.QUOTE_PRICE_NOT_POSITIVE, "BidPx(132) 0 is not positive"),
        (entry(bid=58_490_500_000), refusals.QUOTE_PRICE_OFF_TICK, "BidPx(132) 584.905 is not a multiple"),
        (entry(bid="abc", bid_size=0), refusals.QUOTE_PRICE_NO_NUMBER, "BidPx(132) abc is not a number"),
        (entry(bid=-E8, bid_size=0), refusals.QUOTE_PRICE_NOT_POSITIVE, "BidPx(132) -1 is not positive"),
        (entry(bid=0, bid_size=0), refusals.QUOTE_PRICE_NOT_POSITIVE, "BidPx(132) 0 is not positive"),
        (
            entry(offer=58_510_500_000, offer_size=0),
            refusals.QUOTE_PRICE_OFF_TICK,
            "OfferPx(133) 585.105 is not a multiple",
        ),
        (entry(bid_size="x"), refusals.QUOTE_SIZE_NO_NUMBER, "BidSize(134) x is not a number"),
        (entry(bid_size=-E8), refusals.QUOTE_SIZE_NEGATIVE, "BidSize(134) -1 is negative"),
        (entry(bid_size=E8 // 2), refusals.QUOTE_SIZE_OFF_LOT, "BidSize(134) 0.5 is not a multiple of the lot 1"),
        (entry(offer=1, offer_size=1 << 62), refusals.QUOTE_SIZE_NO_NUMBER, "OfferSize(135)"),
        (entry(currency="EUR"), refusals.QUOTE_TERM_NOT_OFFERED, "Currency(15) EUR is not offered, allowed: USD"),
        (
            entry(terms=("1", *PLAIN_TERMS[1:])),
            refusals.QUOTE_TERM_NOT_OFFERED,
            "OrdType(40) 1 is not offered, allowed: 2",
        ),
        (entry(terms=(None, "20260101-00:00:00", *PLAIN_TERMS[2:])), refusals.QUOTE_TERM_NOT_OFFERED, "ValidUntilTime"),
    ],
)
def test_an_entry_that_cannot_be_expressed_is_refused_by_itself(given: Any, code: int, text: str) -> None:
    good = entry(entry_id="good", symbol="BTC-PERP", bid=6_000_000_000_000)
    command = translated(one_set(given, good))
    assert (command.code, [each.code for each in command.entries]) == (0, [code, 0])
    assert text in command.entries[0].text


@pytest.mark.parametrize(
    ("sets", "more", "code", "text"),
    [
        ((one_set(entry()),), {"quote_id": "q" * 65}, refusals.QUOTE_ID_TOO_LONG, "QuoteID(117) has 65 characters"),
        ((one_set(entry()),), {"quote_id": None}, refusals.QUOTE_ID_ABSENT, "QuoteID(117) is absent"),
        ((one_set(entry()),), {"account": "X"}, refusals.QUOTE_UNKNOWN_ACCOUNT, "Account(1) X is not one of TRADER1"),
        ((one_set(entry()),), {"t537": "0"}, refusals.QUOTE_TERM_NOT_OFFERED, "QuoteType(537) 0 is not offered"),
        ((one_set(entry()),), {"reset": "y"}, refusals.QUOTE_TERM_NOT_OFFERED, "MMProtectionReset(9773) y is not"),
        ((one_set(entry()),), {"reset": "1"}, refusals.QUOTE_TERM_NOT_OFFERED, "allowed: Y, N"),
        ((one_set(entry(), count=2),), {}, refusals.QUOTE_COUNTS_DIFFER, "(304) 2 of set S, found: 1 entries"),
        ((one_set(entry(), group=2),), {}, refusals.QUOTE_COUNTS_DIFFER, "(295) 2 of set S, found: 1 entries"),
        ((one_set(entry(), count="x"),), {}, refusals.QUOTE_COUNTS_DIFFER, "(304) x of set S"),
        ((one_set(entry()), one_set(entry())), {}, refusals.QUOTE_COUNTS_DIFFER, "QuoteSetID(302) S stands twice"),
        ((one_set(entry(), fragment="N"),), {}, refusals.QUOTE_TERM_NOT_OFFERED, "LastFragment(893) N"),
        ((), {}, refusals.QUOTE_ENTRIES_ABSENT, "no entry"),
        ((one_set(),), {}, refusals.QUOTE_ENTRIES_ABSENT, "no entry"),
        ((one_set(*[entry()] * (ENTRIES_MAX + 1)),), {}, refusals.QUOTE_ENTRIES_MAX, "51 entries found, allowed: 50"),
        ((one_set(entry()),), {"instruction": "1"}, refusals.SELF_MATCH_ID_ABSENT, "without SelfMatchPreventionID"),
        ((one_set(entry()),), {"own_id": "x" * 65}, refusals.SELF_MATCH_ID_TOO_LONG, "65 characters"),
    ],
)
def test_a_fault_of_the_message_refuses_all_of_it(sets: Any, more: dict[str, Any], code: int, text: str) -> None:
    command = translated(*sets, **more)
    assert (command.code, command.entries) == (code, ())
    assert text in command.text


@pytest.mark.parametrize(("reset", "resets"), [(None, False), ("N", False), ("Y", True)])
def test_a_reset_is_asked_for_with_yes_alone(reset: str | None, resets: bool) -> None:
    command = translated(one_set(entry()), reset=reset)
    assert (command.code, command.resets) == (0, resets)


def test_a_count_that_is_absent_is_named_so() -> None:
    command = translated(("S", None, 1, None, None, (entry(),)))
    assert command.text == "TotNoQuoteEntries(304) absent of set S, found: 1 entries"


def test_an_instrument_or_an_id_stands_once() -> None:
    perp = 6_000_000_000_000
    first = one_set(entry("1"), entry("2"), entry("1", "BTC-PERP", bid=perp))
    twice = translated(first, one_set(entry("1", "BTC-PERP", bid=perp), set_id="T"))
    assert [each.code for each in twice.entries] == [0, 50601, 50601, 0]


def test_self_match_prevention_is_the_messages_own_or_the_sessions() -> None:
    own = translated(one_set(entry()), own_id="desk", instruction="2")
    assert own.terms == Terms(self_match_id="desk", self_match_mode="oldest")
    of_session = mass_quote(session(self_match_id="firm"), 5, False, values(one_set(entry())), INSTRUMENTS)
    assert of_session.terms == Terms(self_match_id="firm", self_match_mode="newest")
    assert translated(one_set(entry())).terms is None
    assert translated(one_set(entry()), reset="Y").resets


def canceled(
    cancel_type: str | None,
    *symbols: str,
    quote_id: str | None = "Z",
    account: str | None = None,
    version: str = "FIX.4.4",
) -> CancelQuotes:
    """The command of a Z."""
    given = (quote_id, cancel_type, account, tuple((symbol,) for symbol in symbols) or None, *(None,) * 5)
    return quote_cancel(session(version), 5, False, given, INSTRUMENTS)


def test_a_cancel_names_its_instruments_or_none() -> None:
    assert canceled("1", "AAPL", "BTC-PERP") == CancelQuotes(
        7, 1, 5, "Z", "1", 0, (AAPL.instrument_id, PERPETUAL.instrument_id), ("AAPL", "BTC-PERP")
    )
    assert canceled("4", account="ACC2") == CancelQuotes(7, 1, 5, "Z", "4", 4)
    assert canceled("4", "[N/A]", version="FIX.4.2") == CancelQuotes(7, 1, 5, "Z", "4", 0)
    assert canceled("4", quote_id="MMP_RESET").resets
    assert canceled("4", quote_id=None, version="FIXT.1.1") == CancelQuotes(7, 1, 5, "", "4", 0)


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (canceled("2", "AAPL"), refusals.QUOTE_CANCEL_NOT_SUPPORTED),
        (canceled("5"), refusals.QUOTE_CANCEL_NOT_SUPPORTED),
        (canceled("1"), refusals.QUOTE_CANCEL_CONTRADICTS),
        (canceled("4", "AAPL"), refusals.QUOTE_CANCEL_CONTRADICTS),
        (canceled("4", "[N/A]"), refusals.QUOTE_CANCEL_CONTRADICTS),
        (canceled("1", "X"), refusals.QUOTE_UNKNOWN_SYMBOL),
        (canceled("1", *["AAPL"] * 51), refusals.QUOTE_ENTRIES_MAX),
        (canceled("4", account="X"), refusals.QUOTE_UNKNOWN_ACCOUNT),
        (canceled("4", quote_id="z" * 65), refusals.QUOTE_ID_TOO_LONG),
    ],
)
def test_a_scope_that_cannot_be_told_is_refused(command: CancelQuotes, code: int) -> None:
    assert (command.code, command.instrument_ids) == (code, ())


def test_the_instruments_that_are_known_say_which_shards_are_asked() -> None:
    both = translated(one_set(entry(), entry("2", "BTC-PERP", bid=6_000_000_000_000)))
    assert instruments_of(both) == [AAPL.instrument_id, PERPETUAL.instrument_id]
    assert instruments_of(canceled("1", "AAPL", "BTC-PERP")) == instruments_of(both)
    for nothing in (canceled("4"), canceled("2"), translated(one_set(entry(symbol="X")))):
        assert instruments_of(nothing) == []
