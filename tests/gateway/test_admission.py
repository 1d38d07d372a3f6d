"""Admission: who is let in, what is journaled before that, and that nobody is let in where it may not be."""

import hashlib
import hmac
import queue
import threading
import time
from collections.abc import Iterator

import pytest

from config.exchange import LogonSettings
from config.passwords import Credential, hash_password, mark_of
from gateway.admission import Admission, sending_time_ns
from gateway.credentials import Account, Credentials
from gateway.user_desk import Proof
from matching import refusals
from matching.commands import AnswerUser, Command, NoteSignedLogon, SetPassword
from matching.engine import Engine
from matching.events import CommandRefused, Event
from risk.engine import RiskEngine

KEY = bytes(range(16))
SENT = "20231114-22:13:20.250"
SENT_NS = 1_700_000_000_250_000_000
LINE = Credential("TRADER1", "argon2id", hash_password("trader1"), 1)
pytestmark = pytest.mark.slow
WAIT_SECONDS = 20.0
BOUNDS = LogonSettings(10, 10, 10, 4_096, 10, 5, 3_600, 3_600)


class Door:
    """The wire as far as admission knows it: attempts in, answers out."""

    def __init__(self) -> None:
        self.attempts: list[tuple[object, ...]] = []
        self.answers: queue.SimpleQueue[tuple[int, bool, str]] = queue.SimpleQueue()
        self._lock = threading.Lock()

    def poll_logon(self, _timeout_ms: int) -> list[tuple[object, ...]]:
        """Hand over what has come, as the wire does; wait a moment where nothing has."""
        with self._lock:
            attempts, self.attempts = self.attempts, []
        if not attempts:
            threading.Event().wait(0.005)
        return attempts

    def admit(self, attempt_id: int, accepted: bool, text: str, delay_ms: int = 0) -> None:
        """Note an answer; the wire would give a refusal so much later."""
        assert not (accepted and delay_ms)
        self.answers.put((attempt_id, accepted, text))


class Journal:
    """Obeys commands with a real engine, at once; `fails`: nobody knows whether they are durable."""

    def __init__(self) -> None:
        self.engine = Engine(RiskEngine())
        self.commands: list[Command] = []
        self.submitted: queue.SimpleQueue[Command] = queue.SimpleQueue()
        self.fails = False

    def obey(self, command: Command) -> str:
        """Apply a command; return why it was refused."""
        if self.fails:
            raise RuntimeError("the matching thread has ended")
        self.commands.append(command)
        events: list[Event] = []
        self.engine.apply(self.engine.seq + 1, SENT_NS, command, events)
        return next((event.text for event in events if isinstance(event, CommandRefused)), "")

    def submit(self, command: Command) -> None:
        """Take an answer."""
        self.submitted.put(command)


class House:
    """Admission with a door and a journal. Session 1 has the password trader1, 2 is the same user, 3 and 4 a key."""

    def __init__(self) -> None:
        self.door, self.journal = Door(), Journal()
        self.proofs: queue.SimpleQueue[Proof] = queue.SimpleQueue()
        key = Credential("BOT1", "hmac", KEY.hex(), 2)
        accounts = {
            1: Account("one", "password", "TRADER1", LINE, comp_id="TRADER1"),
            2: Account("two", "password", "TRADER1", LINE, comp_id="TRADER1"),
            3: Account("three", "hmac", "BOT1", key, comp_id="BOT1"),
            4: Account("four", "hmac", "BOT1", key, comp_id="BOT1"),
        }
        self.admission = Admission(
            self.door,  # type: ignore[arg-type]  # as much of the wire as is asked for
            accounts,
            BOUNDS,
            credentials=Credentials(self.journal.engine.users.passwords, self.journal),
            proofs=self.proofs,
        )

    def log_on(
        self, session_id: int, password: str = "", *, new: str = "", signature: str = "", number: int = 1
    ) -> tuple[bool, str]:
        """Send a Logon and return whether it is taken, and the text."""
        signed = f"{SENT}\x01A\x01{number}\x01X\x01OUTCRY"
        attempt = (7, session_id, "127.0.0.1", "TRADER1", password, signature, signed, "", new)
        self.door.attempts.append(attempt)
        _, accepted, text = self.door.answers.get(timeout=WAIT_SECONDS)
        return accepted, text

    def prove(self, password: str, new: str) -> AnswerUser:
        """Have a change proved and return the answer."""
        self.proofs.put(Proof(1, 1, 5, password, new))
        answer = self.journal.submitted.get(timeout=WAIT_SECONDS)
        assert isinstance(answer, AnswerUser)
        return answer


@pytest.fixture
def house() -> Iterator[House]:
    """A house whose admission runs."""
    found = House()
    found.admission.start()
    yield found
    found.admission.stop()


def signature_of(number: int = 1) -> str:
    """The signature of session 3's or 4's Logon."""
    text = f"{SENT}\x01A\x01{number}\x01X\x01OUTCRY"
    return hmac.new(KEY, text.encode(), hashlib.sha256).hexdigest()


def test_a_change_at_logon_is_journaled_before_the_logon_is_taken(house: House) -> None:
    assert house.log_on(1, "trader1", new="correct-horse-9") == (True, "")
    (command,) = house.journal.commands
    assert isinstance(command, SetPassword)
    assert (command.username, command.replaces, command.was) == ("TRADER1", mark_of(LINE), "")
    assert "correct-horse-9" not in repr(command)
    assert house.log_on(2, "trader1") == (False, "Logon refused")
    assert house.log_on(2, "correct-horse-9") == (True, "")


def test_a_new_password_that_may_not_be_used_refuses_the_logon_and_changes_nothing(house: House) -> None:
    accepted, text = house.log_on(1, "trader1", new="short")
    assert not accepted
    assert text.startswith(f"{refusals.NEW_PASSWORD_NOT_ALLOWED}: ")
    assert house.log_on(1, "wrong", new="short") == (False, "Logon refused")
    assert house.journal.commands == []
    assert house.log_on(1, "trader1") == (True, "")


def test_nobody_is_let_in_on_what_may_not_be_journaled(house: House) -> None:
    house.journal.fails = True
    assert house.log_on(1, "trader1", new="correct-horse-9") == (False, "Logon refused")
    assert house.log_on(3, signature=signature_of()) == (False, "Logon refused")
    assert house.log_on(1, "trader1") == (True, "")


def test_a_signature_is_taken_once_for_all_sessions_of_the_user(house: House) -> None:
    assert house.log_on(3, signature=signature_of()) == (True, "")
    assert house.log_on(3, signature=signature_of()) == (False, "Logon refused")
    assert house.log_on(4, signature=signature_of().upper()) == (False, "Logon refused")
    assert house.log_on(4, signature=signature_of(2), number=2) == (True, "")
    assert house.log_on(4, signature=signature_of(2), number=3) == (False, "Logon refused")
    notes = [command for command in house.journal.commands if isinstance(command, NoteSignedLogon)]
    assert {note.until_ns for note in notes} == {SENT_NS + 121 * 1_000_000_000}
    accepted, text = house.log_on(4, signature=signature_of(5), number=5, new="correct-horse-9")
    assert (accepted, text[:6]) == (False, f"{refusals.NO_PASSWORD_TO_CHANGE}:")


def test_a_request_is_proved_and_bears_the_hash_alone(house: House) -> None:
    wrong = house.prove("wrong", "correct-horse-9")
    assert (wrong.status, wrong.code, wrong.secret) == (4, refusals.PASSWORD_WRONG, "")
    short = house.prove("trader1", "short")
    assert (short.status, short.code, short.secret) == (6, refusals.NEW_PASSWORD_NOT_ALLOWED, "")
    gone = house.prove("", "")
    assert (gone.status, gone.code) == (6, refusals.USER_REQUEST_LOST)
    changed = house.prove("trader1", "correct-horse-9")
    assert (changed.status, changed.code, changed.was, changed.replaces) == (5, 0, "", mark_of(LINE))
    assert changed.secret.startswith("$argon2id$")
    assert "correct-horse-9" not in repr(changed)


def test_wrong_passwords_of_requests_are_answered_later_and_later(house: House) -> None:
    """Up to `failures_max` at once, then each has to wait; Logons with the right password do not."""
    for _ in range(BOUNDS.failures_max - 1):
        house.prove("wrong", "correct-horse-9")
    house.proofs.put(Proof(1, 1, 5, "wrong", "correct-horse-9"))
    until = time.monotonic() + WAIT_SECONDS
    while not house.proofs.empty():
        assert time.monotonic() < until
    for _ in range(4):
        # Each takes as long as the proof did.
        assert house.log_on(2, "trader1") == (True, "")
    with pytest.raises(queue.Empty):
        house.journal.submitted.get_nowait()


def test_times_of_logons() -> None:
    assert sending_time_ns(SENT) == SENT_NS
    assert sending_time_ns("20231114-22:13:20") == 1_700_000_000_000_000_000
    assert sending_time_ns("20231114-22:13:20.250999999") == SENT_NS
    with pytest.raises(ValueError, match="does not match"):
        sending_time_ns("today at five pm..")
