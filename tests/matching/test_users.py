"""What users change by themselves: a change and its answer are one, a signature is used once, and all of it lasts."""

from matching import refusals, users
from matching.commands import AnswerUser, NoteSignedLogon, PlanStop, RequestUser, SetPassword
from matching.events import (
    CommandRefused,
    MessageThrottled,
)
from matching.user_events import PasswordSet, SignedLogonNoted, StopPlanned, UserAnswered, UserRequested
from tests.matching.harness import TRADER, TRADER_FIX42, Harness
from tests.matching.test_state_records import reload


def request(number: int = 5, request_id: str = "r", *, session_id: int = TRADER, status: int = 0) -> RequestUser:
    """A request of TRADER1 to change the password, or one whose answer is known."""
    return RequestUser(session_id, 1, number, request_id, "TRADER1", status, 70601 if status else 0, "why")


def change(number: int = 5, secret: str = "new", *, session_id: int = TRADER, was: str = "") -> AnswerUser:
    """The answer that the password was proved."""
    return AnswerUser(session_id, 1, number, 5, 0, "", secret, "line", was)


def test_a_change_and_its_answer_are_one_command(exchange: Harness) -> None:
    assert exchange.apply(request()) == [UserRequested(TRADER, 1, 5, "TRADER1")]
    assert reload(exchange).engine.users.requests == exchange.engine.users.requests
    assert exchange.apply(change()) == [
        PasswordSet("TRADER1", f"session {TRADER}", True),
        UserAnswered(TRADER, "r", "TRADER1", 5),
    ]
    assert reload(exchange).engine.users.passwords == {"TRADER1": ("new", "line")}
    assert exchange.engine.users.requests == {}
    (again,) = exchange.apply(change())
    assert isinstance(again, CommandRefused)


def test_an_answer_that_is_known_is_given_at_once_and_one_request_is_open_at_a_time(exchange: Harness) -> None:
    assert exchange.apply(request(status=6)) == [UserAnswered(TRADER, "r", "TRADER1", 6, 70601, "why")]
    exchange.apply(request())
    (second,) = exchange.apply(request(6, "s"))
    assert isinstance(second, UserAnswered)
    assert (second.request_id, second.status, second.code) == ("s", 6, refusals.USER_REQUEST_OPEN)
    (refused,) = exchange.apply(change(6))
    assert isinstance(refused, CommandRefused)
    assert exchange.apply(change(5))[-1] == UserAnswered(TRADER, "r", "TRADER1", 5)


def test_of_two_changes_that_proved_the_same_password_the_first_counts(exchange: Harness) -> None:
    exchange.apply(request(), request(7, "o", session_id=TRADER_FIX42))
    exchange.apply(change())
    late = change(7, "other", session_id=TRADER_FIX42)
    (answer,) = exchange.apply(late)
    assert isinstance(answer, UserAnswered)
    assert (answer.status, answer.code) == (users.PASSWORD_INCORRECT, refusals.PASSWORD_WRONG)
    (refused,) = exchange.apply(SetPassword("TRADER1", "third", "line", "logon", ""))
    assert isinstance(refused, CommandRefused)
    assert exchange.engine.users.passwords["TRADER1"][0] == "new"
    exchange.apply(SetPassword("TRADER1", "third", "line", "logon", "new"), SetPassword("TRADER1", "", "", "passwords"))
    assert exchange.engine.users.passwords == {}


def test_requests_take_from_the_sessions_bucket() -> None:
    exchange = Harness(rate=1, burst=1)
    events = exchange.apply(request(status=1), request(6, "s"))
    assert [type(event) for event in events] == [UserAnswered, MessageThrottled]


def test_a_signature_is_used_once_until_it_is_too_old_for_any_logon(exchange: Harness) -> None:
    now = exchange.time_ns
    note = NoteSignedLogon("TRADER1", "aa", now + 1_000_000_000)
    assert exchange.apply(note) == [SignedLogonNoted("TRADER1")]
    for again in (exchange, reload(exchange)):
        (refused,) = again.apply(note)
        assert isinstance(refused, CommandRefused)
        assert refused.text == "the signature of a Logon of TRADER1 was used before"
    assert exchange.apply(NoteSignedLogon("MAKER1", "aa", now + 1_000_000_000)) == [SignedLogonNoted("MAKER1")]
    exchange.time_ns += 2_000_000_000
    (old,) = exchange.apply(note)
    assert isinstance(old, CommandRefused)
    assert old.text == "the signature of a Logon of TRADER1 is too old"


def test_signatures_of_a_user_are_bounded_and_leave_with_their_time(exchange: Harness) -> None:
    until = exchange.time_ns + 1_000_000_000
    exchange.apply(*(NoteSignedLogon("TRADER1", f"{n:x}", until) for n in range(users.SIGNATURES_MAX)))
    (refused,) = exchange.apply(NoteSignedLogon("TRADER1", "more", until + 9_000_000_000))
    assert isinstance(refused, CommandRefused)
    exchange.time_ns = until + 1
    assert exchange.apply(NoteSignedLogon("TRADER1", "more", until + 9_000_000_000)) == [SignedLogonNoted("TRADER1")]


def test_a_stop_is_planned_told_again_once_and_called_off(exchange: Harness) -> None:
    at = exchange.time_ns + 300_000_000_000
    assert exchange.apply(PlanStop(at, "upgrade", "ops")) == [StopPlanned(at, "upgrade", "ops")]
    exchange = reload(exchange)
    remind = PlanStop(at, "", "timer", True)
    assert exchange.apply(remind) == [StopPlanned(at, "upgrade", "timer", True)]
    assert [type(event) for event in exchange.apply(remind)] == [CommandRefused]
    assert reload(exchange).engine.planned_stop.is_reminded
    assert exchange.apply(PlanStop(0, "not today", "ops")) == [StopPlanned(0, "not today", "ops")]
    assert [type(event) for event in exchange.apply(PlanStop(0, "", "ops"), remind)] == [CommandRefused] * 2
    assert [type(event) for event in exchange.apply(PlanStop(1, "", "ops"))] == [CommandRefused]


def test_a_stop_that_is_soon_is_told_once_and_one_that_is_done_to_nobody(exchange: Harness) -> None:
    stop = exchange.engine.planned_stop
    at = exchange.time_ns + 30_000_000_000
    exchange.apply(PlanStop(at, "", "ops"))
    assert not stop.is_reminder_due(at - 1)
    assert not stop.is_due(at - 1)
    assert stop.is_due(at)
    assert exchange.apply(PlanStop(0, "", "stop", is_done=True)) == []
    assert not stop.is_due(at)


def test_engines_that_know_no_users_have_the_state_that_they_had(exchange: Harness) -> None:
    before = exchange.engine.snapshot()
    at = exchange.time_ns + 60_000_000_000
    exchange.apply(PlanStop(at, "", "ops"), PlanStop(0, "", "ops"))
    seq_bytes = len(exchange.engine.snapshot())
    assert exchange.engine.users.record() is None
    assert seq_bytes <= len(before) + 16
