"""Terms of an order in its reports, field by field, in each version."""

import pytest

from gateway.reports import ReportWriter
from gateway.sessions import FIX42, FIX44, FIX44_EXTENDED, FIX50SP2, Version
from matching.events import OrderRefused
from matching.terms import Terms
from tests.gateway.test_reports import TIME_NS, execution, fields
from tests.gateway.test_translation import AAPL

KIND_TAGS = "18 40 44 59 99 111 126 211 583 839 1094 1102 1107 1138 2362 2964 5951".split()
STOP = Terms(stop_price=59_000)
MARK = Terms(stop_price=59_000, trigger="mark")
TRAIL = Terms(stop_price=59_000, peg="trail", offset=500, reduce_only=True)
PEG = Terms(peg="best", offset=-100, cap=58_600)
SMP = Terms(self_match_id="desk", self_match_mode="oldest")
DECREMENT = Terms(self_match_id="desk", self_match_mode="decrement")


@pytest.fixture
def reports() -> ReportWriter:
    """A writer that knows AAPL and ACC1."""
    writer = ReportWriter({1: AAPL}, {1: "ACC1"})
    writer.set_time(TIME_NS)
    return writer


@pytest.mark.parametrize(
    ("version", "ord_type", "tif", "terms", "expected"),
    [
        (FIX44, "2", "0", None, "40=2 44=585.00 59=0"),
        (FIX44, "1", "3", None, "40=1 59=3"),
        (FIX44, "2", "7", None, "40=2 44=585.00 59=7"),
        (FIX42, "2", "7", None, "40=2 44=585.00"),
        (FIX42, "3", "1", STOP, "40=3 59=1 99=590.00"),
        (FIX44, "3", "1", STOP, "40=3 59=1 99=590.00"),
        (FIX44_EXTENDED, "3", "1", STOP, "40=3 59=1 99=590.00 5951=L"),
        (FIX44_EXTENDED, "3", "1", MARK, "40=3 59=1 99=590.00 5951=M"),
        (FIX50SP2, "3", "1", STOP, "40=3 59=1 99=590.00 1107=2"),
        (FIX50SP2, "3", "1", MARK, "40=3 59=1 99=590.00"),
        (FIX50SP2, "4", "0", STOP, "40=4 44=585.00 59=0 99=590.00 1107=2"),
        (FIX42, "J", "0", STOP, "59=0 99=590.00"),
        (FIX44, "J", "0", STOP, "40=J 59=0 99=590.00"),
        (FIX42, "3", "0", TRAIL, "18=E 40=3 59=0 99=590.00 211=5.00"),
        (FIX44, "3", "0", TRAIL, "18=a E 40=3 59=0 99=590.00 211=5.00"),
        (FIX50SP2, "3", "0", TRAIL, "18=a E 40=3 59=0 99=590.00 211=5.00 1094=8 1107=2"),
        (FIX42, "P", "0", PEG, "18=R 40=P 44=586.00 59=0 211=-1.00"),
        (FIX44, "P", "0", PEG, "18=R 40=P 44=586.00 59=0 211=-1.00 839=585.00"),
        (FIX50SP2, "P", "0", PEG, "18=R 40=P 44=586.00 59=0 211=-1.00 839=585.00 1094=5"),
        (FIX44, "2", "0", Terms(display_qty=20), "40=2 44=585.00 59=0 111=20"),
        (FIX50SP2, "2", "0", Terms(display_qty=20), "40=2 44=585.00 59=0 1138=20"),
        (FIX42, "2", "6", Terms(expire_ns=TIME_NS), "40=2 44=585.00 59=6 126=20231114-22:13:20.123"),
        (FIX42, "2", "0", Terms(link_id="pair"), "40=2 44=585.00 59=0"),
        (FIX44, "2", "0", Terms(link_id="pair"), "40=2 44=585.00 59=0 583=pair"),
        (FIX50SP2, "2", "0", Terms(link_id="pair"), "40=2 44=585.00 59=0 583=pair"),
        (FIX44, "2", "0", SMP, "40=2 44=585.00 59=0"),
        (FIX50SP2, "2", "0", SMP, "40=2 44=585.00 59=0 2362=desk 2964=2"),
        (FIX50SP2, "2", "0", DECREMENT, "40=2 44=585.00 59=0 2362=desk"),
    ],
)
def test_a_report_says_the_terms_that_its_version_knows(
    reports: ReportWriter, version: Version, ord_type: str, tif: str, terms: Terms | None, expected: str
) -> None:
    event = execution("0", "0", ord_type=ord_type, time_in_force=tif, terms=terms, shown_qty=100)
    told = fields(reports.execution(event, version))
    assert " ".join(f"{tag}={told[tag]}" for tag in KIND_TAGS if tag in told) == expected


def test_a_pegged_order_that_is_in_no_book_has_no_price_yet(reports: ReportWriter) -> None:
    event = execution("0", "0", ord_type="P", terms=Terms(peg="best"), shown_qty=0)
    told = fields(reports.execution(event, FIX44))
    assert "839" not in told
    assert "44" not in told


def test_a_refused_pegged_order_shows_the_limit_that_it_came_with(reports: ReportWriter) -> None:
    event = execution("8", "8", order_id=0, ord_type="P", price=58_700, terms=Terms(peg="best"), leaves_qty=0)
    assert fields(reports.execution(event, FIX50SP2))["44"] == "587.00"


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        (FIX42, ("D", None, "Triggered")),
        (FIX44, ("D", "99", "Triggered")),
        (FIX44_EXTENDED, ("L", None, None)),
        (FIX50SP2, ("L", None, None)),
    ],
)
def test_a_triggered_order_says_so_in_the_words_of_its_version(
    reports: ReportWriter, version: Version, expected: tuple[str | None, ...]
) -> None:
    told = fields(reports.execution(execution("L", "0", ord_type="3", terms=STOP), version))
    assert (told["150"], told.get("378"), told.get("58")) == expected


@pytest.mark.parametrize(("version", "expected"), [(FIX42, "4"), (FIX44, "4"), (FIX50SP2, "4")])
def test_a_refill_says_so_without_a_text(reports: ReportWriter, version: Version, expected: str) -> None:
    event = execution("D", "1", terms=Terms(display_qty=20), cum_qty=20, cum_value=1, exec_restatement_reason=4)
    told = fields(reports.execution(event, version))
    assert (told["150"], told["378"], told.get("58")) == ("D", expected, None)


def test_a_refusal_of_a_newer_versions_order_leaves_out_what_an_older_one_cannot_say(reports: ReportWriter) -> None:
    event = OrderRefused(4, 1, "a", "", "AAPL", "2", "J", "7", "", "100", 11, "why", "8", "", 11108)
    new, old = fields(reports.refused(event, FIX44)), fields(reports.refused(event, FIX42))
    assert (new["40"], new["59"]) == ("J", "7")
    assert "40" not in old
    assert "59" not in old
