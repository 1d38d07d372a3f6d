"""Certification passes an engine that is in order, in every version and role, and fails one with a flaw by its rule."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.certify.case_table import Case, cases_of
from gateway.certify.certification import Certification, Plan
from gateway.certify.exchange import MAKER, TARGET, TRADER, Member, ThrowAwayExchange, clear_book, free_port
from gateway.certify.line import Line
from gateway.certify.report import Report, Result
from gateway.certify.run import Act, Desk
from gateway.cli import admin_client
from gateway.client import FixClient
from gateway.inbound import Role
from gateway.sessions import FIX42, FIX44, FIX50SP2, VERSION_OF_BEGIN_STRING, Version
from tests.certify.engine import Engine

pytestmark = pytest.mark.slow

WHO = Member("CLIENT1", "a-password")
BEGIN_STRINGS = {version: begin_string for begin_string, version in VERSION_OF_BEGIN_STRING.items()}
ANSWER_SECONDS = 2.0
PATIENCE_SECONDS = 10.0


class Desktop:
    """The developer: hands every act to his engine, and remembers what he was told."""

    def __init__(self) -> None:
        self.engine: Engine | None = None
        self.acts: list[Act] = []

    def act(self, act: Act) -> None:
        self.acts.append(act)
        assert self.engine is not None
        self.engine.act(act._asdict())

    def note(self, text: str) -> None:
        """Nothing to do."""

    def begun(self, case: Case, session: str) -> None:
        """Nothing to do."""

    def ended(self, result: Result) -> None:
        """Nothing to do."""


@pytest.fixture(scope="module")
def exchange() -> Iterator[ThrowAwayExchange]:
    """One real exchange for all certifications of this file."""
    running = ThrowAwayExchange(WHO, free_port(), keys={"MessageRate": "100", "MessageBurst": "100"})
    running.start()
    yield running
    running.stop()


def certified(
    exchange: ThrowAwayExchange,
    folder: Path,
    *names: str,
    version: Version = FIX44,
    role: Role = "order_entry",
    flaw: str = "",
    has_all: bool = False,
    skipped: tuple[str, ...] = (),
    earlier: tuple[Result, ...] = (),
) -> tuple[Report, Desktop]:
    """Return the report of a certification of an engine with that flaw."""
    comp_id = WHO.session(role)
    plan = Plan(
        WHO.comp_id,
        TARGET,
        ((role, comp_id),),
        version,
        names,
        skipped,
        has_all,
        WHO.password,
        PATIENCE_SECONDS,
        ANSWER_SECONDS,
    )

    def client(name: str) -> FixClient:
        return FixClient(*exchange.address, sender=name, password=WHO.password, target=TARGET)

    def operate(command: str, arguments: dict[str, Any]) -> Any:
        return admin_client.call(exchange.data / admin_client.SOCKET_NAME, command, arguments)

    desktop = Desktop()

    def listen(listener: Certification) -> Line:
        line = Line("127.0.0.1", 0, exchange.address, listener)
        desktop.engine = Engine(line.address, BEGIN_STRINGS[version], comp_id, WHO.password, flaw=flaw)
        return line

    desk = Desk(lambda: client(MAKER), lambda: client(TRADER), operate, lambda: clear_book(operate))
    try:
        return Certification(plan, desk, desktop, folder, listen=listen).go(earlier), desktop
    finally:
        if desktop.engine is not None:
            desktop.engine.close()


def verdicts(report: Report) -> dict[str, str]:
    """Return what came of each case, with what was found where it is not passed."""
    return {each.case: f"{each.verdict} {each.rule} {each.found} {each.message}".rstrip() for each in report.results}


def test_an_engine_in_order_passes_every_case_of_order_entry(exchange: ThrowAwayExchange, tmp_path: Path) -> None:
    report, _ = certified(exchange, tmp_path, skipped=("heartbeat",))
    assert set(verdicts(report).values()) == {"passed"}, verdicts(report)
    assert len(report.results) > 15
    assert report.is_passed


@pytest.mark.interop
@pytest.mark.parametrize("version", [FIX42, FIX50SP2])
def test_an_engine_in_order_passes_in_every_version(
    exchange: ThrowAwayExchange, tmp_path: Path, version: Version
) -> None:
    report, _ = certified(exchange, tmp_path, version=version, skipped=("heartbeat",))
    assert set(verdicts(report).values()) == {"passed"}, verdicts(report)


@pytest.mark.interop
@pytest.mark.parametrize("version", [FIX42, FIX44, FIX50SP2])
def test_every_optional_case_can_be_passed(exchange: ThrowAwayExchange, tmp_path: Path, version: Version) -> None:
    """Also those that are made of the tables: each message that is taken, each value of an order's kinds."""
    optional = tuple(case.name for case in cases_of("order_entry", version) if case.is_optional)
    report, _ = certified(exchange, tmp_path, *optional, version=version)
    assert {name: each for name, each in verdicts(report).items() if each != "passed"} == {}
    assert len(report.results) == len(optional) > 20


@pytest.mark.parametrize("role", ["drop_copy", "market_data"])
def test_an_engine_in_order_passes_in_every_role(exchange: ThrowAwayExchange, tmp_path: Path, role: Role) -> None:
    report, _ = certified(exchange, tmp_path, role=role, skipped=("heartbeat", "test-request", "wrong-password"))
    assert set(verdicts(report).values()) == {"passed"}, verdicts(report)


# The others of the same kind run with `make interop`; `test_certification_bytes` has them without an exchange.
FLAWS = [
    ("body-length", "new-order"),
    ("check-sum", "new-order"),
    pytest.param("header-order", "new-order", marks=pytest.mark.interop),
    pytest.param("framing", "new-order", marks=pytest.mark.interop),
    ("number-repeated", "new-order"),
    pytest.param("number-gap", "new-order", marks=pytest.mark.interop),
    ("test-request", "test-request"),
    ("heartbeat-late", "heartbeat"),
    ("resend-unanswered", "resend"),
    ("resend-not-asked", "gap"),
    ("orig-sending-time", "resend"),
    ("cl-ord-id", "replace"),
    ("dictionary-required", "new-order"),
    pytest.param("dictionary-value", "new-order", marks=pytest.mark.interop),
    pytest.param("dictionary-field", "new-order", marks=pytest.mark.interop),
    ("credential", "logon"),
    ("orig-cl-ord-id", "cancel"),
    ("after-logout", "logout"),
    ("logout-unanswered", "logout-by-exchange"),
    ("reset-unasked", "cut"),
    ("report-refused", "new-order"),
]


@pytest.mark.parametrize(("flaw", "case"), FLAWS)
def test_an_engine_with_a_flaw_fails_by_the_rule_that_it_breaks(
    exchange: ThrowAwayExchange, tmp_path: Path, flaw: str, case: str
) -> None:
    report, _ = certified(exchange, tmp_path, case, flaw=flaw)
    assert [(each.case, each.verdict, each.rule) for each in report.results] == [(case, "failed", flaw)], verdicts(
        report
    )
    assert report.results[0].asks
    assert not report.is_passed


def test_a_cancel_that_names_no_order_fails(exchange: ThrowAwayExchange, tmp_path: Path) -> None:
    report, _ = certified(exchange, tmp_path, "cancel", flaw="cancel-without-orig")
    assert [(each.verdict, each.rule) for each in report.results] == [("failed", "dictionary-required")]
    assert "OrigClOrdID(41) is absent" in report.results[0].found


def test_a_run_that_goes_on_asks_only_for_what_has_not_passed(exchange: ThrowAwayExchange, tmp_path: Path) -> None:
    first, _ = certified(exchange, tmp_path, "logon", "new-order", "replace", flaw="cl-ord-id")
    assert verdicts(first)["new-order"] == "passed"
    assert not first.is_passed
    second, desktop = certified(exchange, tmp_path, "logon", "new-order", "replace", earlier=first.results)
    assert set(verdicts(second).values()) == {"passed"}
    assert [act.msg_type for act in desktop.acts if act.kind == "send"] == ["D", "G"]
    assert (tmp_path / "report.md").read_text("utf-8").startswith("# Certification of CLIENT1")


def test_bytes_are_kept_without_secrets(exchange: ThrowAwayExchange, tmp_path: Path) -> None:
    certified(exchange, tmp_path, "logon")
    logged = (tmp_path / "wire.log").read_bytes()
    assert b"\x0135=A\x01" in logged
    assert WHO.password.encode() not in logged
    assert b"554=***" in logged
