"""Admission: who may log on. The wire hands over each Logon that is in order; this says yes or no, and no session has
moved before.

At most two password hashes run at once, each on a thread of its own and without the interpreter lock. Failures are met
with a delay that grows per address and per CompID, so that guessing is slow and a stranger cannot lock a member out: a
delay never refuses a right password, it only answers later. A Logon that changes the password, or uses up a signature,
is let in when that is in the journal. Requests of users who are logged on are proved here too, between Logons.
"""

import heapq
import hmac
import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, NamedTuple

import structlog

from config.exchange import LogonSettings
from gateway.credentials import Account, Credentials
from gateway.user_desk import Proof
from gateway.wire import Wire
from matching.commands import AnswerUser
from matching.refusals import PASSWORD_WRONG

HASHES_AT_ONCE: Final = 2
FAILURES_KEPT_MAX: Final = 10_000
FAILURE_FORGOTTEN_S: Final = 300.0
SIGNED_NUMBER: Final = 2
"""Place of MsgSeqNum(34) in what a Logon signs: SendingTime, MsgType, MsgSeqNum, SenderCompID, TargetCompID."""
SENDING_TIME: Final = 0
REFUSED_TEXT: Final = "Logon refused"

log = structlog.get_logger("admission")


class Failures:
    """Failed logons by key, bounded: the oldest are forgotten first. Used under the admission's lock."""

    def __init__(self) -> None:
        self._counts: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def count(self, key: str, now: float) -> int:
        """Return the failures of `key` that are not forgotten yet."""
        count, last = self._counts.get(key, (0, now))
        return count if now - last < FAILURE_FORGOTTEN_S else 0

    def add(self, key: str, now: float) -> None:
        """Count one failure of `key`."""
        self._counts[key] = (self.count(key, now) + 1, now)
        self._counts.move_to_end(key)
        while len(self._counts) > FAILURES_KEPT_MAX:
            self._counts.popitem(last=False)

    def clear(self, key: str) -> None:
        """Forget `key`, after a success."""
        self._counts.pop(key, None)


class Attempt(NamedTuple):
    """A Logon as the wire hands it over. Never to be logged."""

    attempt_id: int
    session_id: int
    peer: str
    username: str
    password: str
    raw_data: str
    signed_text: str
    certificate_cn: str
    new_password: str


class Verdict(NamedTuple):
    """`is_proved`: it is the peer; `text`: why he is not let in all the same."""

    is_proved: bool
    text: str = ""


NOT_PROVED: Final = Verdict(False)


class Admission:
    """Threads that judge logon attempts. `accounts` maps session ids; it may be replaced while running.

    `logon_numbers` is given the MsgSeqNum(34) of each Logon that is accepted, the highest of a session, before the
    session hears of it. `proofs` are requests of users to be proved.
    """

    def __init__(
        self,
        wire: Wire,
        accounts: Mapping[int, Account],
        bounds: LogonSettings,
        logon_numbers: dict[int, int] | None = None,
        *,
        credentials: Credentials,
        proofs: "queue.SimpleQueue[Proof]",
    ) -> None:
        self._wire = wire
        self._bounds = bounds
        self.accounts = accounts
        self._logon_numbers = {} if logon_numbers is None else logon_numbers
        self._credentials = credentials
        self._proofs = proofs
        self._answers: list[tuple[float, int, AnswerUser]] = []
        self._failures = Failures()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, name=f"admission-{number}", daemon=True)
            for number in range(HASHES_AT_ONCE)
        ]

    def start(self) -> None:
        """Begin to judge."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End after the attempts at hand."""
        self._stop.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            for attempt in self._wire.poll_logon(50):
                self._judge(Attempt(*attempt))
            self._prove_next()
            self._answer_due()

    def _judge(self, attempt: Attempt) -> None:
        account = self.accounts.get(attempt.session_id)
        keys = (f"address {attempt.peer}", f"session {attempt.session_id}")
        verdict = NOT_PROVED
        try:
            if account is not None:
                verdict = self._verdict(account, attempt)
        except Exception as error:
            # Nobody is let in on what is not known to be in the journal; the peer may try again.
            log.error("a logon could not be decided", session=account.name if account else "", error=repr(error))
        finally:
            delay = self._record(keys, accepted=verdict.is_proved)
            name = account.name if account else attempt.session_id
            if verdict.is_proved and not verdict.text:
                number = int(attempt.signed_text.split("\x01")[SIGNED_NUMBER])
                self._logon_numbers[attempt.session_id] = max(self._logon_numbers.get(attempt.session_id, 0), number)
                self._wire.admit(attempt.attempt_id, True, "")
            elif verdict.is_proved:
                log.warning("logon refused", session=name, peer=attempt.peer, why=verdict.text)
                self._wire.admit(attempt.attempt_id, False, verdict.text)
            else:
                log.warning("logon refused", session=name, peer=attempt.peer, delay_s=delay)
                self._wire.admit(attempt.attempt_id, False, REFUSED_TEXT, int(delay * 1_000))

    def _prove_next(self) -> None:
        """Prove the next request of a user, if there is one; a wrong password is answered as late as at a Logon."""
        try:
            proof = self._proofs.get_nowait()
        except queue.Empty:
            return
        try:
            answer = self._credentials.answer(self.accounts.get(proof.session_id), proof)
            is_wrong = answer.code == PASSWORD_WRONG
            delay = self._record((f"session {proof.session_id}",), accepted=False) if is_wrong else 0.0
            with self._lock:
                heapq.heappush(self._answers, (time.monotonic() + delay, proof.session_id, answer))
        except Exception as error:
            log.error("a request of a user could not be proved", session=proof.session_id, error=repr(error))

    def _answer_due(self) -> None:
        """Give the answers whose delay is over."""
        now = time.monotonic()
        while True:
            with self._lock:
                if not self._answers or self._answers[0][0] > now:
                    return
                *_, answer = heapq.heappop(self._answers)
            self._credentials.submit(answer)

    def _verdict(self, account: Account, attempt: Attempt) -> Verdict:
        if account.method == "hmac":
            if not self._is_signed(account, attempt):
                return NOT_PROVED
        elif account.method == "password" and not self._credentials.is_proved(
            account, attempt.username, attempt.password
        ):
            return NOT_PROVED
        if not attempt.new_password:
            return Verdict(True)
        fault = self._credentials.new_password_fault(account, attempt.password, attempt.new_password)
        if fault:
            return Verdict(True, fault)
        # Where it was changed meanwhile, the password that was proved is none any more.
        return Verdict(self._credentials.change(account, attempt.new_password))

    def _is_signed(self, account: Account, attempt: Attempt) -> bool:
        """Tell whether a Logon is signed with the user's key, is young, and was never used before."""
        expected = self._credentials.signature(account, attempt.signed_text)
        if not expected or not hmac.compare_digest(expected.encode(), attempt.raw_data.lower().encode()):
            return False
        sent_ns = sending_time_ns(attempt.signed_text.split("\x01")[SENDING_TIME])
        longest = max((each.max_latency_s for each in self.accounts.values() if each.method == "hmac"), default=0)
        fault = self._credentials.use_up(account, expected, sent_ns, longest)
        if fault:
            log.warning("a signed logon is not taken", session=account.name, peer=attempt.peer, why=fault)
        return not fault

    def _record(self, keys: tuple[str, ...], *, accepted: bool) -> float:
        """Count the outcome; return for how many seconds a refusal waits."""
        now = time.monotonic()
        with self._lock:
            if accepted:
                for key in keys:
                    self._failures.clear(key)
                return 0.0
            failures = max(self._failures.count(key, now) for key in keys)
            for key in keys:
                self._failures.add(key, now)
        over = failures + 1 - self._bounds.failures_max
        if over < 0:
            return 0.0
        return float(min(self._bounds.backoff_seconds * 2 ** min(over, 16), self._bounds.backoff_seconds_max))


def sending_time_ns(text: str) -> int:
    """Return a SendingTime(52), which the gate has read before, in nanoseconds since the epoch; a part of a millisecond
    is left out.

    Raises:
        ValueError: it is no time.
    """
    moment = datetime.strptime(text[:17], "%Y%m%d-%H:%M:%S").replace(tzinfo=UTC)
    milliseconds = int((text[18:21] or "0").ljust(3, "0"))
    return (int(moment.timestamp()) * 1_000 + milliseconds) * 1_000_000
