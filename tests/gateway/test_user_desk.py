"""UserRequest(BE), News(B) and restatements: what is told of them is of the stock dictionaries, and bears no secret."""

import pytest

from config.passwords import NEW_PASSWORD_CHARACTERS, Credential, in_force, mark_of, new_password_fault
from gateway.reports import ReportWriter
from gateway.sessions import FIX44, FIX44_EXTENDED, FIX50SP2, GatewaySession, Version
from gateway.stop_notices import CALLED_OFF, news, stop_text
from gateway.user_desk import LOGGED_IN, UserDesk, unanswered_requests, user_response
from matching import refusals
from matching.events import (
    MassStatusReported,
)
from matching.restatement import restated, text_of
from matching.user_events import UserAnswered, UserRequested
from matching.users import OTHER, PASSWORD_INCORRECT, Users
from tests.gateway.test_reports import TIME_NS, execution
from tests.gateway.test_stock_dictionaries import JUDGES, TERMS
from tests.gateway.test_translation import AAPL, session

__all__ = ["session"]

SECRETS = ("old-secret-1", "new-secret-2")


@pytest.fixture
def member(session: GatewaySession) -> GatewaySession:
    """An order entry session of the user TRADER1."""
    session.username = "TRADER1"
    return session


def values(
    request_type: str | None = "3", *, request_id: str | None = "r", username: str | None = "TRADER1"
) -> tuple[str | None, ...]:
    """The values of a BE with two passwords."""
    return (request_id, request_type, username, *SECRETS)


def test_a_change_waits_for_its_proof_and_its_command_bears_no_password(member: GatewaySession) -> None:
    desk = UserDesk(Users())
    command = desk.request(member, 5, values())
    assert (command.status, command.request_id, command.username, command.msg_seq_num) == (0, "r", "TRADER1", 5)
    assert not any(secret in repr(command) for secret in SECRETS)
    assert desk.proofs.empty()
    desk.requested(UserRequested(member.session_id, member.epoch, 5, "TRADER1"))
    proof = desk.proofs.get_nowait()
    assert proof == (member.session_id, member.epoch, 5, *SECRETS)


def test_the_passwords_of_another_request_prove_nothing(member: GatewaySession) -> None:
    desk = UserDesk(Users())
    desk.request(member, 5, values())
    desk.requested(UserRequested(member.session_id, member.epoch, 4, "TRADER1"))
    assert desk.proofs.get_nowait() == (member.session_id, member.epoch, 4, "", "")


@pytest.mark.parametrize(
    ("found", "status", "code"),
    [
        (values("4"), LOGGED_IN, 0),
        (values("1"), OTHER, refusals.USER_REQUEST_TYPE),
        (values("2"), OTHER, refusals.USER_REQUEST_TYPE),
        (values(None), OTHER, refusals.USER_REQUEST_TYPE),
        (values(request_id=None), OTHER, refusals.USER_REQUEST_ID),
        (values(request_id="x" * 65), OTHER, refusals.USER_REQUEST_ID),
        (values(username="TRADER2"), 3, refusals.USER_UNKNOWN),
        (values("4", username=None), 3, refusals.USER_UNKNOWN),
        (("r", "3", "TRADER1", None, "new"), PASSWORD_INCORRECT, refusals.PASSWORD_WRONG),
        (("r", "3", "TRADER1", "old", None), OTHER, refusals.NEW_PASSWORD_NOT_ALLOWED),
    ],
)
def test_what_needs_no_proof_is_answered_at_once(
    member: GatewaySession, found: tuple[str | None, ...], status: int, code: int
) -> None:
    command = UserDesk(Users()).request(member, 5, found)
    assert (command.status, command.code) == (status, code)
    if code:
        assert refusals.user_status(code) == status


def test_who_logs_on_by_a_key_has_no_password_to_change(member: GatewaySession) -> None:
    member.authentication = "hmac"
    assert UserDesk(Users()).request(member, 5, values()).code == refusals.NO_PASSWORD_TO_CHANGE


def test_a_request_whose_passwords_went_with_the_process_is_answered(member: GatewaySession) -> None:
    users = Users()
    users.request(UserDesk(users).request(member, 5, values()), [])
    (answer,) = unanswered_requests(users)
    out: list[object] = []
    users.answer(answer, out)  # type: ignore[arg-type]  # events of one kind are wanted
    (event,) = out
    assert isinstance(event, UserAnswered)
    assert (event.status, event.code) == (OTHER, refusals.USER_REQUEST_LOST)


@pytest.mark.parametrize("version", [FIX44, FIX44_EXTENDED, FIX50SP2])
def test_every_answer_is_one_of_the_stock_dictionary(version: Version) -> None:
    for code in (0, *(code for code in refusals.TABLE if code // 10_000 == 7)):
        status = refusals.user_status(code) if code else 5
        body = user_response(UserAnswered(1, "r", "TRADER1", status, code, "why" if code else ""))
        assert JUDGES[version].faults("BF", body) == []


@pytest.mark.parametrize("version", list(JUDGES))
def test_every_news_is_one_of_the_stock_dictionary(version: Version) -> None:
    for at_ns in (0, TIME_NS + 300_000_000_000):
        for text in ("", "release"):
            head, count, lines = news(at_ns, text, TIME_NS).partition("33=")
            said = lines.split("\x01")[1:-1]
            assert JUDGES[version].faults("B", f"{head}{count}{lines[0]}\x01") == []
            assert len(said) == int(lines[0]) > 0
            assert all(line.startswith("58=") and line != "58=" for line in said)
    assert f"148={CALLED_OFF}\x01" in news(0, "", TIME_NS)
    assert "in 300 seconds" in news(TIME_NS + 300_000_000_000, "", TIME_NS)
    assert stop_text("a\x01b") == "Exchange is stopping: a b"


@pytest.mark.parametrize("version", [FIX44, FIX44_EXTENDED, FIX50SP2])
def test_every_restatement_is_one_of_the_stock_dictionary(version: Version) -> None:
    reports = ReportWriter({1: AAPL}, {1: "ACC1"})
    reports.set_time(TIME_NS)
    for place in ("begin", "end"):
        event = MassStatusReported(7, 1, "r", 3, place == "end", text=text_of(place, 3), marker=place)
        body = reports.mass_status(event, version)
        assert JUDGES[version].faults("8", body) == []
        assert f"911=3\x01912={'Y' if place == 'end' else 'N'}\x01" in body
    for ord_type, terms in TERMS:
        for tif in "0126":
            status = execution(
                "I",
                "1",
                ord_type=ord_type,
                terms=terms,
                time_in_force=tif,
                cum_qty=10,
                leaves_qty=90,
                cum_value=584_000,
            )
            body = reports.mass_status(MassStatusReported(9, 1, "r", 3, False, restated(status)), version)
            assert JUDGES[version].faults("8", body) == []
            assert "150=D\x01" in body
            assert "378=99\x01" in body


@pytest.mark.parametrize(
    ("password", "fault"),
    [
        ("correct-horse-9", ""),
        ("x" * NEW_PASSWORD_CHARACTERS[0], ""),
        ("x" * (NEW_PASSWORD_CHARACTERS[0] - 1), "characters, allowed: 12 to 256"),
        ("x" * 257, "characters, allowed: 12 to 256"),
        ("correct-horse-\xe9", "not printable ASCII"),
        ("correct\x07horse-9", "not printable ASCII"),
        ("the-Trader1-password", "holds the user's name or CompID"),
        ("former-password", "is the password in force"),
    ],
)
def test_new_passwords(password: str, fault: str) -> None:
    found = new_password_fault(password, names=("TRADER1", ""), former="former-password")
    assert found.endswith(fault)
    assert bool(found) == bool(fault)


def test_a_change_stands_for_the_line_that_was_there() -> None:
    line = Credential("TRADER1", "argon2id", "hash of the file", 3)
    changed = ("hash of the user", mark_of(line))
    found = in_force(line, changed)
    assert found is not None
    assert found.secret == "hash of the user"
    newer = Credential("TRADER1", "argon2id", "hash by the operator", 3)
    assert in_force(newer, changed) is newer
    assert in_force(line, None) is line
    assert in_force(None, changed) is None
    key = Credential("TRADER1", "hmac", "5a" * 16, 3)
    assert in_force(key, ("hash", mark_of(key))) is key
