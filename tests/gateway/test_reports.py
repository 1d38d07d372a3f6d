"""What each version is told of each event, field by field."""

from typing import Any

import pytest

from gateway.fix_times import transact_time
from gateway.reports import ReportWriter
from gateway.sessions import FIX42, FIX44, FIX50SP2, Version
from matching.events import CancelRejected, Execution, OrderRefused
from tests.gateway.test_translation import AAPL

TIME_NS = 1_700_000_000_123_456_789


@pytest.fixture
def reports() -> ReportWriter:
    """A writer at a fixed time that knows AAPL and ACC1."""
    writer = ReportWriter({1: AAPL}, {1: "ACC1"})
    writer.set_time(TIME_NS)
    return writer


def execution(exec_type: str, ord_status: str, **changed: Any) -> Execution:
    """An event of a buy order of 100 AAPL at 585.00."""
    values = {
        "exec_id": 9,
        "exec_type": exec_type,
        "ord_status": ord_status,
        "order_id": 5,
        "session_id": 1,
        "cl_ord_id": "a",
        "orig_cl_ord_id": "",
        "account_id": 1,
        "instrument_id": 1,
        "side": "1",
        "ord_type": "2",
        "time_in_force": "0",
        "price": 58_500,
        "qty": 100,
        "leaves_qty": 100,
        "cum_qty": 0,
        "cum_value": 0,
    }
    return Execution(**{**values, **changed})


def fields(body: str) -> dict[str, str]:
    """Fields of a body by tag; a tag that stands twice is a fault."""
    pairs = [field.partition("=") for field in body.split("\x01")[:-1]]
    assert len({tag for tag, _, _ in pairs}) == len(pairs)
    return {tag: value for tag, _, value in pairs}


def test_transact_time_is_utc_in_milliseconds() -> None:
    assert transact_time(TIME_NS) == "20231114-22:13:20.123"


def test_a_new_order_is_acknowledged_with_its_whole_quantity_left(reports: ReportWriter) -> None:
    assert fields(reports.execution(execution("0", "0"), FIX44)) == {
        "37": "O5",
        "17": "E9",
        "150": "0",
        "39": "0",
        "11": "a",
        "1": "ACC1",
        "55": "AAPL",
        "54": "1",
        "38": "100",
        "40": "2",
        "44": "585.00",
        "59": "0",
        "151": "100",
        "14": "0",
        "6": "0",
        "60": "20231114-22:13:20.123",
    }


@pytest.mark.parametrize(
    ("version", "leaves", "exec_type", "trans_type"),
    [(FIX44, 40, "F", None), (FIX50SP2, 0, "F", None), (FIX42, 40, "1", "0"), (FIX42, 0, "2", "0")],
)
def test_a_fill_names_its_price_quantity_and_average(
    reports: ReportWriter, version: Version, leaves: int, exec_type: str, trans_type: str | None
) -> None:
    cum = 100 - leaves
    fill = execution(
        "F",
        "1" if leaves else "2",
        leaves_qty=leaves,
        cum_qty=cum,
        cum_value=58_400 * cum + 1,
        last_price=58_400,
        last_qty=10,
        trade_id=3,
    )
    told = fields(reports.execution(fill, version))
    assert (told["150"], told.get("20")) == (exec_type, trans_type)
    assert (told["31"], told["32"], told["151"], told["14"]) == ("584.00", "10", str(leaves), str(cum))
    assert told["6"] == ("584.00016667" if cum == 60 else "584.0001")


@pytest.mark.parametrize(
    ("version", "reason", "shown"),
    [(FIX44, 3, "3"), (FIX44, 16, "99"), (FIX44, 18, "99"), (FIX50SP2, 16, "16"), (FIX42, 13, "0"), (FIX42, 6, "6")],
)
def test_a_refusal_names_a_reason_that_the_version_knows(
    reports: ReportWriter, version: Version, reason: int, shown: str
) -> None:
    refusal = execution("8", "8", order_id=0, leaves_qty=0, reason=reason, text="why\x01not")
    told = fields(reports.execution(refusal, version))
    assert (told["37"], told["103"], told["58"], told["151"]) == ("NONE", shown, "why not", "0")


def test_a_canceled_order_names_the_order_that_was_meant(reports: ReportWriter) -> None:
    told = fields(reports.execution(execution("4", "4", cl_ord_id="c", orig_cl_ord_id="a", leaves_qty=0), FIX44))
    assert (told["11"], told["41"], told["150"], told["39"], told["151"]) == ("c", "a", "4", "4", "0")


def test_a_market_order_has_no_price_in_its_reports(reports: ReportWriter) -> None:
    assert "44" not in fields(reports.execution(execution("0", "0", ord_type="1"), FIX44))


def test_a_status_is_an_exec_type_of_its_own_only_where_the_version_has_one(reports: ReportWriter) -> None:
    status = execution("I", "1", ord_status_req_id="q")
    new, old = fields(reports.execution(status, FIX44)), fields(reports.execution(status, FIX42))
    assert (new["150"], new["39"], new["790"]) == ("I", "1", "q")
    assert (old["150"], old["39"], old["20"], old.get("790")) == ("1", "1", "3", None)


def test_a_refused_order_echoes_what_was_sent_but_no_number_that_is_none(reports: ReportWriter) -> None:
    event = OrderRefused(4, 1, "a", "ACC9", "XXX", "1", "2", "0", "1e5", "100", 1, "Symbol(55) XXX is not traded here")
    told = fields(reports.refused(event, FIX44))
    assert (told["37"], told["11"], told["55"], told["38"], told.get("44")) == ("NONE", "a", "XXX", "100", None)
    assert (told["150"], told["39"], told["103"], told["151"], told["14"], told["6"]) == ("8", "8", "1", "0", "0", "0")


def test_a_cancel_reject_tells_the_true_status(reports: ReportWriter) -> None:
    event = CancelRejected(1, 5, "c", "a", "2", "1", 0, "already filled", 1)
    assert fields(reports.cancel_rejected(event, FIX44)) == {
        "37": "O5",
        "11": "c",
        "41": "a",
        "39": "2",
        "1": "ACC1",
        "434": "1",
        "102": "0",
        "58": "already filled",
        "60": "20231114-22:13:20.123",
    }
    unknown = CancelRejected(1, 0, "c", "", "8", "1", 6, "no such order")
    assert fields(reports.cancel_rejected(unknown, FIX42))["102"] == "2"
    assert fields(reports.cancel_rejected(unknown, FIX42))["41"] == "NONE"
