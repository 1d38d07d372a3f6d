"""Reports about quotes: only what the stock dictionary of the session's version knows, and every refusal explained."""

import itertools

import msgspec
import pytest

from gateway.quote_reports import acknowledgement, frozen, is_answered_elsewhere
from gateway.reports import ReportWriter
from gateway.sessions import FIX42, FIX44, FIX44_EXTENDED, FIX50SP2, Version
from matching import refusals
from matching.quote_events import AnsweredEntry, QuotesAnswered, QuotesFrozen
from matching.terms import QuoteIds, Terms
from tests.gateway.test_reports import TIME_NS, execution
from tests.gateway.test_stock_dictionaries import JUDGES
from tests.gateway.test_translation import AAPL

VERSIONS: tuple[Version, ...] = (FIX42, FIX44, FIX44_EXTENDED, FIX50SP2)
QUOTE = Terms(quote=QuoteIds("Q1", "S", "E"))
CODES = [code for code in refusals.TABLE if code // 10_000 != 2]
IN_SET = (302, 304, 295)
IN_ENTRY = (299, 55, 368)


def pairs(body: str) -> list[tuple[int, str]]:
    """Tags and values of a body."""
    return [(int(tag), value) for tag, _, value in (field.partition("=") for field in body.split("\x01")[:-1])]


def faults(body: str, version: Version) -> list[str]:
    """What a client with the stock dictionary would refuse: of the head as of any message, of groups their values."""
    head, separator, groups = body.partition("296=")
    found = JUDGES[version].faults("b", head)
    for tag, value in pairs(f"296={groups}") if separator else []:
        known = JUDGES[version].values(tag)
        if tag not in (296, *IN_SET, *IN_ENTRY) or (known and value not in known) or not value:
            found.append(f"{tag}={value}")
    return found


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("code", CODES)
def test_every_refusal_of_a_quote_is_one_of_the_stock_dictionary(version: Version, code: int) -> None:
    whole = QuotesAnswered(1, 2, "Q1", 1, "5", code=code, text="why")
    entries = (AnsweredEntry("S", "E", "AAPL", code, "why"), AnsweredEntry("T", "", ""))
    partly = QuotesAnswered(1, 2, "Q1", 1, "0", "2", entries, (("S", 1), ("T", 1)))
    for event in (whole, partly, msgspec.structs.replace(partly, status="5", entries=entries[:1])):
        body = acknowledgement(event, version)
        assert faults(body, version) == [], body.replace("\x01", "|")
        assert f"58={code}: " in body


@pytest.mark.parametrize("version", VERSIONS)
def test_every_other_answer_is_one_of_the_stock_dictionary(version: Version) -> None:
    for status, cancel_type, quote_id in itertools.product("0145", ("", "1", "4"), ("", "Q1")):
        body = acknowledgement(QuotesAnswered(1, 2, quote_id, 0, status, cancel_type=cancel_type, text="done"), version)
        assert faults(body, version) == []
    stopped = QuotesFrozen(1, 1, 1, "AAPL", "Q1", "S", "E", refusals.QUOTES_FROZEN, "why")
    assert faults(frozen(stopped, version), version) == []


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_missing_of_a_cancel_that_is_done_is_no_refusal(version: Version) -> None:
    code = refusals.MASS_NOT_CONFIRMED
    body = acknowledgement(QuotesAnswered(1, 2, "Q1", 0, "4", cancel_type="4", code=code, text="1; shard a"), version)
    assert faults(body, version) == []
    assert "58=40003: 1; shard a" in body
    assert "300=" not in body


def test_entries_stand_in_the_groups_of_their_sets() -> None:
    refused = AnsweredEntry("S", "2", "X", 50101, "none")
    entries = AnsweredEntry("S", "1", "AAPL"), refused, AnsweredEntry("T", "1", "B")
    body = acknowledgement(QuotesAnswered(1, 2, "Q1", 1, "0", "2", entries, (("S", 2), ("T", 1))), FIX44)
    assert body.replace("\x01", "|") == (
        "117=Q1|297=0|301=2|58=50101: entry 2: none|296=2|"
        "302=S|304=2|295=2|299=1|55=AAPL|299=2|55=X|368=1|302=T|304=1|295=1|299=1|55=B|"
    )


def test_a_long_explanation_is_cut() -> None:
    entries = tuple(AnsweredEntry("S", str(n), "AAPL", 50803, "x" * 200) for n in range(50))
    body = dict(pairs(acknowledgement(QuotesAnswered(1, 2, "Q1", 1, "5", "2", entries), FIX44).partition("296=")[0]))
    assert len(body[58]) < 5_000
    assert body[58].endswith(" more")
    assert body[58].startswith("50803: entry 0: ")


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        (FIX42, ""),
        (FIX44, ""),
        (FIX44_EXTENDED, "117=Q1|299=E|"),
        (FIX50SP2, "1166=Q1|"),
    ],
)
def test_a_fill_names_its_quote_as_far_as_the_version_can(version: Version, expected: str) -> None:
    writer = ReportWriter({1: AAPL}, {1: "ACC1"})
    writer.set_time(TIME_NS)
    fill = {"last_price": 58_400, "last_qty": 10, "trade_id": 3, "cl_ord_id": "Q1"}
    event = execution("F", "2", leaves_qty=0, cum_qty=100, cum_value=5_840_000, terms=QUOTE, **fill)
    body = writer.execution(event, version)
    assert JUDGES[version].faults("8", body) == []
    named = "|".join(f"{tag}={value}" for tag, value in pairs(body) if tag in (117, 299, 1166))
    assert (f"{named}|" if named else "") == expected
    assert (11, "Q1") in pairs(body)


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (execution("0", "0", terms=QUOTE), True),
        (execution("5", "0", terms=QUOTE), True),
        (execution("4", "4", leaves_qty=0, terms=QUOTE), True),
        (execution("4", "4", leaves_qty=0, terms=QUOTE, text="kill switch"), False),
        (execution("4", "4", leaves_qty=0, terms=QUOTE, orig_cl_ord_id="Q1"), False),
        (execution("C", "C", leaves_qty=0, terms=QUOTE), False),
        (execution("I", "0", terms=QUOTE), False),
        (execution("0", "0", terms=Terms()), False),
        (execution("0", "0"), False),
    ],
)
def test_what_the_answer_to_a_quote_says_is_said_once(event: object, expected: bool) -> None:
    assert is_answered_elsewhere(event) == expected  # type: ignore[arg-type]  # made by a helper that says object
