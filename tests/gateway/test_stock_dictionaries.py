"""Nothing is sent that a client with the stock dictionary of its version would refuse, whatever an order is."""

import itertools
from collections.abc import Iterator, Mapping
from xml.etree import ElementTree

import msgspec
import pytest

from gateway import term_fields
from gateway.rejects import business_reject
from gateway.reports import ReportWriter
from gateway.sessions import FIX42, FIX44, FIX44_EXTENDED, FIX50SP2, Version
from matching import refusals
from matching.events import CancelRejected, Execution, OrderRefused
from matching.terms import QuoteIds, Terms
from tests.gateway.test_reports import TIME_NS, execution
from tests.gateway.test_translation import AAPL
from tests.support.stock_dictionaries import (
    FIELD_ADDITIONS,
    RELEASE,
    Judge,
    our_judge,
    stock_judge,
    tree_of,
    without_additions,
)

JUDGES: dict[Version, Judge] = {
    FIX42: stock_judge("FIX42"),
    FIX44: stock_judge("FIX44"),
    FIX44_EXTENDED: our_judge("FIX44"),
    FIX50SP2: stock_judge("FIX50SP2"),
}
TERMS: list[tuple[str, Terms | None]] = [
    ("1", None),
    ("2", None),
    ("2", Terms(display_qty=10)),
    ("2", Terms(expire_ns=TIME_NS)),
    ("2", Terms(reduce_only=True)),
    ("2", Terms(link_id="pair")),
    ("2", Terms(list_id="L1")),
    ("2", Terms(quote=QuoteIds("Q1", "S", "E"))),
    *(("2", Terms(self_match_id="desk", self_match_mode=mode)) for mode in ("newest", "oldest", "both", "decrement")),
    ("3", Terms(stop_price=59_000)),
    ("3", Terms(stop_price=59_000, peg="trail", offset=500)),
    ("4", Terms(stop_price=59_000, trigger="mark", reduce_only=True, display_qty=10)),
    ("J", Terms(stop_price=58_000, reduce_only=True)),
    ("P", Terms(peg="best")),
    ("P", Terms(peg="mid", offset=-100, cap=59_000)),
    ("P", Terms(peg="opposite", offset=3, reduce_only=True)),
]
EXEC_TYPES = ("0", "4", "5", "8", "C", "D", "F", "G", "H", "I", "L")
STATUSES = dict(zip(EXEC_TYPES, "0408C111410", strict=True))


@pytest.fixture
def reports() -> ReportWriter:
    """A writer that knows AAPL and ACC1."""
    writer = ReportWriter({1: AAPL}, {1: "ACC1"})
    writer.set_time(TIME_NS)
    return writer


def executions() -> Iterator[Execution]:
    """Every kind of event of every kind of order, open, filled in part, and refused or restated for every reason."""
    for exec_type, (ord_type, terms), tif in itertools.product(EXEC_TYPES, TERMS, "0123467"):
        fill = {"last_price": 58_400, "last_qty": 10, "trade_id": 3} if exec_type in "FG" else {}
        if exec_type in "GH":
            fill["exec_ref_id"] = 3
        is_open = STATUSES[exec_type] in "01"
        cum = 10 if STATUSES[exec_type] == "1" else 0
        yield execution(
            exec_type,
            STATUSES[exec_type],
            ord_type=ord_type,
            time_in_force=tif,
            terms=terms,
            shown_qty=90 if is_open else 0,
            leaves_qty=100 - cum if is_open else 0,
            cum_qty=cum,
            cum_value=cum * 58_400,
            order_id=0 if exec_type == "8" else 5,
            orig_cl_ord_id="b" if exec_type in "45" else "",
            ord_status_req_id="q" if exec_type == "I" else "",
            **fill,
        )
    for reason in range(100):
        yield execution("D", "0", exec_restatement_reason=reason, text="why")
        yield execution("4", "4", leaves_qty=0, exec_restatement_reason=reason, text="why")
    for code in refusals.TABLE:
        if code // 10_000 == 1:
            refusal = {"code": code, "reason": refusals.ord_rej_reason(code), "text": "why"}
            yield execution("8", "8", order_id=0, leaves_qty=0, **refusal)


@pytest.mark.parametrize("version", list(JUDGES))
def test_every_execution_report_is_one_of_the_stock_dictionary(reports: ReportWriter, version: Version) -> None:
    for event in executions():
        body = reports.execution(event, version)
        assert JUDGES[version].faults("8", body) == [], (event, body.replace("\x01", "|"))


@pytest.mark.parametrize("version", list(JUDGES))
@pytest.mark.parametrize("code", [code for code in refusals.TABLE if code // 10_000 == 1])
def test_every_refusal_of_an_order_is_one_of_the_stock_dictionary(
    reports: ReportWriter, version: Version, code: int
) -> None:
    """What the peer sent may be of a newer version than that of the session that is told; Side(54) may be lost so."""
    reason = refusals.ord_rej_reason(code)
    for kind in itertools.product(("", "1", "2", "J", "L", "P"), ("", "0", "6", "7"), "15G"):
        ord_type, tif, side = kind
        event = OrderRefused(
            4, 1, "a", "ACC9", "X", side, ord_type, tif, "1.50", "1e5", reason, "why", code=code, list_id="L"
        )
        assert JUDGES[version].faults("8", reports.refused(event, version)) in ([], ["54 is required"]), kind
        asked = msgspec.structs.replace(event, exec_type="I", ord_status_req_id="q")
        assert JUDGES[version].faults("8", reports.refused(asked, version)) in ([], ["54 is required"]), kind


@pytest.mark.parametrize(
    ("table", "tag"), [(term_fields.ORD_TYPES, 40), (term_fields.TIMES_IN_FORCE, 59), (term_fields.SIDES, 54)]
)
def test_values_that_are_echoed_are_those_of_the_stock_dictionaries(
    table: Mapping[Version, frozenset[str]], tag: int
) -> None:
    for version, known in table.items():
        assert known == JUDGES[version].values(tag), version


@pytest.mark.parametrize("version", list(JUDGES))
@pytest.mark.parametrize("code", list(refusals.TABLE))
def test_every_refused_cancel_and_message_is_one_of_the_stock_dictionary(
    reports: ReportWriter, version: Version, code: int
) -> None:
    for status, response in itertools.product("01248C", "12"):
        reason = refusals.cxl_rej_reason(code)
        event = CancelRejected(1, 5, "c", "a", status, response, reason, "why", 1, code)  # type: ignore[arg-type]
        assert JUDGES[version].faults("9", reports.cancel_rejected(event, version)) == []
    if code // 10_000 == 3:
        body = business_reject(version, ref_seq_num=1, ref_msg_type="D", code=code, text="why", ref_id="a")
        assert JUDGES[version].faults("j", body) == []


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("150=L\x01", "150=L is no value of it"),
        ("150=F\x01", "37 is required"),
        ("1138=10\x01", "1138 is unknown"),
        ("880=T1\x01", "880 is not in 8"),
        ("18=R E X1\x01", "18=X1 is no value of it"),
        ("126=20260101\x01", "126=20260101 is no UTCTIMESTAMP"),
        ("58=\x01", "58 is empty"),
        ("58=a\x0158=b\x01", "58 stands twice"),
    ],
)
def test_the_judge_finds_what_a_client_would_refuse(body: str, fault: str) -> None:
    assert fault in stock_judge("FIX44").faults("8", body)


@pytest.mark.parametrize("name", list(FIELD_ADDITIONS))
def test_our_dictionaries_are_the_stock_ones_and_the_listed_additions(name: str) -> None:
    if not RELEASE.is_dir():
        pytest.skip(f"{RELEASE} is not here: the build of the wire fetches it")
    stock = ElementTree.parse(RELEASE / f"{name}.xml").getroot()
    assert tree_of(without_additions(name)) == tree_of(stock)
