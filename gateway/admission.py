"""Admission: who may log on. The wire hands over each Logon that is in order; this says yes or no, and no session has
moved before.

At most two password hashes run at once, each on a thread of its own and without the interpreter lock. Failures are met
with a delay that grows per address and per CompID, so that guessing is slow and a stranger cannot lock a member out: a
delay never refuses a right password, it only answers later.
"""

import hashlib
import heapq
import hmac
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

import structlog

from config.exchange import LogonSettings
from config.passwords import Credential, is_password
from gateway.wire import Wire

HASHES_AT_ONCE: Final = 2
FAILURES_KEPT_MAX: Final = 10_000
FAILURE_FORGOTTEN_S: Final = 300.0
SIGNED_NUMBER: Final = 2
"""Place of MsgSeqNum(34) in what a Logon signs: SendingTime, MsgType, MsgSeqNum, SenderCompID, TargetCompID."""
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


class Account:
    """What admission knows of one session: how it authenticates, and its credential (None: none needed)."""

    __slots__ = ("credential", "method", "name", "username")

    def __init__(self, name: str, method: str, username: str, credential: Credential | None) -> None:
        self.name = name
        self.method = method
        self.username = username
        self.credential = credential


class Admission:
    """Threads that judge logon attempts. `accounts` maps session ids; it may be replaced while running.

    `logon_numbers` is given the MsgSeqNum(34) of each Logon that is accepted, the highest of a session, before the
    session hears of it.
    """

    def __init__(
        self,
        wire: Wire,
        accounts: Mapping[int, Account],
        bounds: LogonSettings,
        logon_numbers: dict[int, int] | None = None,
    ) -> None:
        self._wire = wire
        self._bounds = bounds
        self.accounts = accounts
        self._logon_numbers = {} if logon_numbers is None else logon_numbers
        self._failures = Failures()
        self._lock = threading.Lock()
        self._refusals: list[tuple[float, int]] = []
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
                self._judge(*attempt)
            self._refuse_due()

    def _judge(
        self,
        attempt_id: int,
        session_id: int,
        peer: str,
        username: str,
        password: str,
        raw_data: str,
        signed_text: str,
        _certificate_cn: str,
        _new_password: str,
    ) -> None:
        account = self.accounts.get(session_id)
        keys = (f"address {peer}", f"session {session_id}")
        accepted = False
        try:
            accepted = account is not None and self._is_proved(account, username, password, raw_data, signed_text)
        finally:
            delay = self._record(keys, accepted=accepted)
            if accepted:
                number = int(signed_text.split("\x01")[SIGNED_NUMBER])
                self._logon_numbers[session_id] = max(self._logon_numbers.get(session_id, 0), number)
                self._wire.admit(attempt_id, True, "")
            else:
                log.warning("logon refused", session=account.name if account else session_id, peer=peer, delay_s=delay)
                with self._lock:
                    heapq.heappush(self._refusals, (time.monotonic() + delay, attempt_id))

    def _refuse_due(self) -> None:
        """Send the refusals whose delay is over; a delay holds up no other attempt."""
        now = time.monotonic()
        while True:
            with self._lock:
                if not self._refusals or self._refusals[0][0] > now:
                    return
                _, attempt_id = heapq.heappop(self._refusals)
            self._wire.admit(attempt_id, False, REFUSED_TEXT)

    def _is_proved(self, account: Account, username: str, password: str, raw_data: str, signed_text: str) -> bool:
        if account.method == "none":
            return True
        credential = account.credential
        if credential is None:
            return False
        if account.method == "hmac":
            if credential.kind != "hmac":
                return False
            expected = hmac.new(credential.key, signed_text.encode(), hashlib.sha256).hexdigest()
            return hmac.compare_digest(expected.encode(), raw_data.lower().encode())
        name_matches = hmac.compare_digest(username.encode(), account.username.encode())
        # Hashed in any case, so that a wrong name costs as long as a wrong password.
        return is_password(credential, password) and name_matches

    def _record(self, keys: tuple[str, str], *, accepted: bool) -> float:
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
