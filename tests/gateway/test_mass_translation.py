"""Requests over many orders: the scope is told exactly, or the request is refused; and what is reported of them."""

from typing import Any

import pytest

from gateway.inbound import SCHEMA, SCOPE
from gateway.mass_translation import mass_cancel, mass_status
from gateway.relay import RelayEngine
from gateway.reports import ReportWriter
from gateway.sessions import FIX44, FIX44_EXTENDED, FIX50SP2, GatewaySession, Version
from gateway.shard_refusals import over_shards
from gateway.start_up import new_relay
from matching import refusals
from matching.commands import DefineSession, MassCancel, RequestMassStatus
from matching.events import Event, MassCancelReported, MassStatusReported
from tests.gateway.test_reports import execution, fields
from tests.gateway.test_translation import AAPL, session

__all__ = ["session"]

INSTRUMENTS = {"AAPL": AAPL}
NAMES = ("symbol", "cfi", "security_type", "side", "account")


def values(request_id: str | None, request_type: str | None, **scope: str) -> tuple[Any, ...]:
    """Values of a q or AF as the wire gives them."""
    extras: list[str | None] = [None] * (len(SCOPE) - len(NAMES))
    if "unoffered" in scope:
        extras[int(scope["unoffered"])] = "X"
    return (request_id, request_type, *(scope.get(name) for name in NAMES), *extras)


def cancel(session: GatewaySession, request_id: str | None, request_type: str | None, **scope: str) -> MassCancel:
    """The command of a q."""
    found = values(request_id, request_type, **scope)
    assert len(found) == len(SCHEMA["q"]) == len(SCHEMA["AF"])
    return mass_cancel(session, 5, False, found, INSTRUMENTS)


@pytest.mark.parametrize(
    ("request_type", "scope", "expected"),
    [
        ("7", {}, (0, "", "", 0)),
        ("7", {"side": "2", "account": "ACC2"}, (0, "", "2", 2)),
        ("1", {"symbol": "AAPL"}, (1, "", "", 0)),
        ("1", {"symbol": "AAPL", "cfi": "ESVUFR", "side": "1"}, (1, "", "1", 0)),
        ("3", {"cfi": "FFXXXX"}, (0, "perpetual", "", 0)),
        ("3", {"security_type": "CS"}, (0, "spot", "", 0)),
        ("3", {"security_type": "CS", "cfi": "ESVUFR"}, (0, "spot", "", 0)),
    ],
)
def test_scope(
    session: GatewaySession, request_type: str, scope: dict[str, str], expected: tuple[int, str, str, int]
) -> None:
    command = cancel(session, "q", request_type, **scope)
    assert (command.instrument_id, command.kind, command.side, command.account_id) == expected
    assert (command.code, command.cl_ord_id, command.session_id, command.msg_seq_num) == (0, "q", 7, 5)
    status = mass_status(session, 5, values("r", request_type, **scope), INSTRUMENTS)
    assert (status.instrument_id, status.kind, status.side, status.account_id, status.code) == (*expected, 0)


@pytest.mark.parametrize(
    ("request_type", "scope", "code"),
    [
        ("1", {}, refusals.MASS_UNKNOWN_SYMBOL),
        ("1", {"symbol": "X"}, refusals.MASS_UNKNOWN_SYMBOL),
        ("3", {}, refusals.MASS_UNKNOWN_PRODUCT),
        ("3", {"cfi": "OCASPS"}, refusals.MASS_UNKNOWN_PRODUCT),
        ("3", {"cfi": "ESVUFR", "security_type": "FUT"}, refusals.MASS_UNKNOWN_PRODUCT),
        ("3", {"symbol": "AAPL", "cfi": "E"}, refusals.MASS_SCOPE_CONTRADICTS),
        ("7", {"symbol": "AAPL"}, refusals.MASS_SCOPE_CONTRADICTS),
        ("7", {"cfi": "E"}, refusals.MASS_SCOPE_CONTRADICTS),
        ("7", {"security_type": "CS"}, refusals.MASS_SCOPE_CONTRADICTS),
        ("2", {}, refusals.MASS_CANCEL_NOT_SUPPORTED),
        ("", {}, refusals.MASS_CANCEL_NOT_SUPPORTED),
        ("7", {"side": "5"}, refusals.MASS_SIDE),
        ("7", {"account": "ACC9"}, refusals.MASS_UNKNOWN_ACCOUNT),
        *(("7", {"unoffered": str(n)}, refusals.MASS_TERM_NOT_OFFERED) for n in range(len(SCOPE) - len(NAMES))),
    ],
)
def test_scope_that_cannot_be_told_is_refused(
    session: GatewaySession, request_type: str, scope: dict[str, str], code: int
) -> None:
    command = cancel(session, "q", request_type, **scope)
    assert command.code == code
    assert command.text
    assert mass_status(session, 5, values("r", request_type, **scope), INSTRUMENTS).code == code


def test_ids_that_are_absent_or_too_long(session: GatewaySession) -> None:
    assert cancel(session, None, "7").code == refusals.MASS_ID_ABSENT
    assert cancel(session, "x" * 65, "7").code == refusals.MASS_ID_TOO_LONG
    assert mass_status(session, 5, values("x" * 65, "7"), INSTRUMENTS).code == refusals.MASS_ID_TOO_LONG


@pytest.fixture
def reports() -> ReportWriter:
    """A writer that knows AAPL and ACC1."""
    return ReportWriter({1: AAPL}, {1: "ACC1"})


def test_report_of_a_mass_cancel(reports: ReportWriter, session: GatewaySession) -> None:
    event = MassCancelReported(9, 7, "q", "1", "1", 3, "AAPL", "2")
    message = reports.message(event, session)
    assert message is not None
    assert message[0] == "r"
    said = {
        "11": "q",
        "37": "M9",
        "530": "1",
        "531": "1",
        "533": "3",
        "55": "AAPL",
        "54": "2",
        "60": "19700101-00:00:00.000",
    }
    assert fields(message[1]) == said
    session.version = FIX50SP2
    again = reports.message(event, session)
    assert again is not None
    assert fields(again[1]) == said | {"1369": "M9"}


def test_report_of_a_refused_mass_cancel_has_its_reason_and_code(
    reports: ReportWriter, session: GatewaySession
) -> None:
    event = MassCancelReported(9, 7, "q", "1", "0", 0, "X", "", refusals.MASS_UNKNOWN_SYMBOL, "not traded")
    expected: list[tuple[Version, dict[str, str]]] = [(FIX44, {}), (FIX44_EXTENDED, {"5950": "40101"})]
    for version, code in expected:
        session.version = version
        message = reports.message(event, session)
        assert message is not None
        found = fields(message[1])
        assert {tag: found.get(tag) for tag in ("531", "532", "533", "58")} == {
            "531": "0",
            "532": "1",
            "533": "0",
            "58": "40101: not traded",
        }
        assert {tag: value for tag, value in found.items() if tag == "5950"} == code


def test_answers_to_a_mass_status_carry_its_id_and_count(reports: ReportWriter, session: GatewaySession) -> None:
    told = reports.message(MassStatusReported(9, 7, "s", 2, False, execution("I", "0")), session)
    assert told is not None
    found = fields(told[1])
    assert {tag: found[tag] for tag in ("150", "11", "584", "911", "912")} == {
        "150": "I",
        "11": "a",
        "584": "s",
        "911": "2",
        "912": "N",
    }
    none = reports.message(MassStatusReported(9, 7, "s", 0, True, text="none"), session)
    assert none is not None
    found = fields(none[1])
    assert (found["37"], found["39"], found["55"], found["54"], found["911"], found["912"]) == (
        "NONE",
        "8",
        "[N/A]",
        "7",
        "0",
        "Y",
    )
    assert "11" not in found
    assert "103" not in found


def test_a_request_over_instruments_of_several_shards_is_refused_by_the_gateway_itself() -> None:
    relay: RelayEngine = new_relay()
    events: list[Event] = []
    commands = [
        DefineSession(7, "FIX.4.4:T", "T", 0, 0, 0, 0),
        over_shards(MassCancel(7, 1, 5, "q", "7")),
        over_shards(RequestMassStatus(7, 1, 6, "s")),
    ]
    for seq, command in enumerate(commands, start=1):
        relay.apply(seq, seq, command, events)
    _, report, status = events
    assert isinstance(report, MassCancelReported)
    assert (report.response, report.code) == ("0", refusals.MASS_CANCEL_OVER_SHARDS)
    assert isinstance(status, MassStatusReported)
    assert (status.total, status.code) == (0, refusals.MASS_CANCEL_OVER_SHARDS)
    assert relay.is_answered_here(7, 1, 5)
    assert relay.is_answered_here(7, 1, 6)
