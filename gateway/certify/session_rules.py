"""Judges what a client says on its session, connection after connection: numbers, resends, heartbeats, ids, Logouts.

It hears every message that came from the client and every one that was handed to it, with the moment, and keeps its
own count of both. It sends nothing and corrects nothing. Moments are seconds of a clock that never goes back.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from gateway.certify.message_rules import MessageJudge
from gateway.certify.raw import RawMessage
from gateway.certify.rules import Fault
from gateway.client.session import utc_now

ADMIN: Final = frozenset("A012345")
SKEW_S_MAX: Final = 120.0
GRACE_S: Final = 1.0
"""What a heartbeat may be late beyond a fifth of its interval: QuickFIX's own timer looks once a second."""
_STAMP: Final = re.compile(r"\d{8}-\d\d:\d\d:\d\d(\.\d{1,9})?")
_WITH_CL_ORD_ID: Final = ("D", "F", "G", "q")
_CHANGES: Final = ("F", "G")


def moment_of(stamp: str) -> datetime | None:
    """The moment of a UTCTimestamp, to the second; None where the text is none."""
    if not _STAMP.fullmatch(stamp):
        return None
    try:
        return datetime.strptime(stamp[:17], "%Y%m%d-%H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None


class SessionJudge:
    """One client's session. `allowed` are rules that the present case suspends. Owner: the certification's thread."""

    def __init__(self, judge: MessageJudge, comp_id: str, target: str, *, answer_s: float) -> None:
        self._judge = judge
        self._comp_ids = (comp_id, target)
        self._answer_s = answer_s
        self.allowed: frozenset[str] = frozenset()
        self._faults: list[Fault] = []
        self.expected = 0
        """The next number of the client; 0 before its first Logon."""
        self._before_logon = 0
        self.client_expects = 0
        """The next number that the client is to hear; 0 where that is not known."""
        self._ahead: set[int] = set()
        self.is_logged_on = False
        self.heart_s = 0.0
        self._has_spoken = False
        self._heard_at = 0.0
        self._tests: dict[str, float] = {}
        self._resend: tuple[int, int, float] | None = None
        self._owed: tuple[int, float] | None = None
        self._logout_sent = self._logout_told = self._is_refused = False
        self._logout_told_at = 0.0
        self._ids: set[str] = set()

    # --- faults ------------------------------------------------------------------------------------------------------

    def take_faults(self) -> list[Fault]:
        """Return the faults found since the last call."""
        found, self._faults = self._faults, []
        return found

    def _fault(self, rule: str, found: str, message: RawMessage | None = None) -> None:
        if rule not in self.allowed:
            self._faults.append(Fault(rule, found, str(message) if message is not None else ""))

    # --- connection --------------------------------------------------------------------------------------------------

    def connected(self, now: float) -> None:
        """A connection of this client has said its first message."""
        self._has_spoken = self.is_logged_on = False
        self._logout_sent = self._logout_told = self._is_refused = False
        self._heard_at = now
        self._tests.clear()
        self._resend = self._owed = None

    def disconnected(self, *, by_client: bool) -> None:
        """The connection is gone; what waited for an answer waits no more."""
        if by_client and self._logout_told and not self._logout_sent and self.is_logged_on:
            self._fault("logout-unanswered", "the connection was closed without a Logout(5)")
        if not by_client and self._tests and self.is_logged_on:
            self._fault("test-request", f"TestReqID(112)={next(iter(self._tests))} was not answered, the exchange left")
        self.is_logged_on = False
        self._tests.clear()
        self._resend = self._owed = None

    def tick(self, now: float) -> None:
        """Look at what is overdue."""
        if not self.is_logged_on:
            return
        limit_s = self.heart_s * 1.2 + GRACE_S
        if now - self._heard_at > limit_s and not self._logout_told:
            found = f"nothing came for {now - self._heard_at:.1f} s with HeartBtInt(108)={self.heart_s:g}"
            self._fault("heartbeat-late", found)
            self._heard_at = now
        for test_id, asked_at in list(self._tests.items()):
            if now - asked_at > self._answer_s:
                self._fault("test-request", f"TestReqID(112)={test_id} was not answered in {self._answer_s:g} s")
                del self._tests[test_id]
        if self._resend is not None and now - self._resend[2] > self._answer_s:
            begin, end, _ = self._resend
            self._fault("resend-unanswered", f"numbers {begin} to {end} did not come in {self._answer_s:g} s")
            self._resend = None
        if self._owed is not None and now - self._owed[1] > self._answer_s:
            found = f"number {self._owed[0]} was missing for {self._answer_s:g} s and not asked for"
            self._fault("resend-not-asked", found)
            self._owed = None

    @property
    def has_open_question(self) -> bool:
        """Whether an answer of the client is still due."""
        return bool(self._tests) or self._resend is not None or self._owed is not None

    # --- from the client ---------------------------------------------------------------------------------------------

    def from_client(self, message: RawMessage, now: float) -> None:
        """Judge a message of the client."""
        for fault in self._judge.faults(message):
            if fault.rule not in self.allowed:
                self._faults.append(fault)
        if message.is_garbage:
            return
        self._heard_at = now
        self._header(message)
        self._order(message, now)
        if message.msg_type == "A":
            self._logon(message)
        else:
            self._number(message)
        self._answers(message)
        self._client_ids(message)
        if message.msg_type == "5":
            self._logout_sent = True

    def _header(self, message: RawMessage) -> None:
        for tag, wanted in zip((49, 56), self._comp_ids, strict=True):
            if message.get(tag) != wanted:
                self._fault("header", f"field {tag} is {message.get(tag)}, this session has {wanted}", message)
        if message.number == 0:
            self._fault("header", f"MsgSeqNum(34) is {message.get(34)}", message)
        sent_at = moment_of(message.get(52) or "")
        if sent_at is None:
            self._fault("sending-time", f"SendingTime(52) is {message.get(52)}", message)
        elif abs((utc_now() - sent_at).total_seconds()) > SKEW_S_MAX:
            self._fault("sending-time", f"SendingTime(52) {message.get(52)} is over {SKEW_S_MAX:g} s off", message)

    def _order(self, message: RawMessage, now: float) -> None:
        if not self._has_spoken and message.msg_type != "A":
            self._fault("first-logon", f"MsgType(35)={message.msg_type} came first", message)
        self._has_spoken = True
        is_resent = message.is_poss_dup or message.msg_type in ("2", "4")
        if self._logout_sent and not is_resent:
            self._fault("after-logout", f"MsgType(35)={message.msg_type} came after the client's Logout(5)", message)
        late = self._logout_told and now - self._logout_told_at > GRACE_S / 2
        if late and not self._logout_sent and not is_resent and message.msg_type != "5":
            found = f"MsgType(35)={message.msg_type} came after the exchange's Logout(5)"
            self._fault("after-logout", found, message)

    def _logon(self, message: RawMessage) -> None:
        self._before_logon = self.expected
        interval = message.get(108) or ""
        self.heart_s = float(interval) if interval.isdigit() else 0.0
        number = message.number
        if message.get(141) == "Y":
            if self.expected > 0:
                self._fault("reset-unasked", "ResetSeqNumFlag(141)=Y on a session that is to go on", message)
            if number != 1:
                self._fault("number-gap", f"ResetSeqNumFlag(141)=Y with MsgSeqNum(34)={number}", message)
        elif 0 < number < self.expected:
            rule = "reset-unasked" if number == 1 else "number-repeated"
            self._fault(rule, f"the Logon has number {number}, {self.expected} was next", message)
        # A number may be higher than was heard here: what was sent into a connection that was gone has used some.
        self.expected = number + 1

    def _number(self, message: RawMessage) -> None:
        number = message.number
        if self._is_refused:
            return
        if message.is_poss_dup:
            self._poss_dup(message)
            return
        if message.msg_type == "4":
            if message.get(123) == "Y":
                return
            self._fault("reset-unasked", f"SequenceReset(4) to {message.get(36)} without a gap fill", message)
        if 0 < number < self.expected:
            self._fault("number-repeated", f"number {number} came again, {self.expected} was next", message)
        elif number > self.expected:
            self._fault("number-gap", f"number {number} came, {self.expected} was next", message)
        self.expected = max(self.expected, number + 1)

    def _poss_dup(self, message: RawMessage) -> None:
        original, sent = message.get(122), message.get(52) or ""
        if message.msg_type == "4" and original is None:
            return
        if original is None or moment_of(original) is None:
            self._fault("orig-sending-time", f"PossDupFlag(43)=Y with OrigSendingTime(122) {original}", message)
        elif original[:17] > sent[:17]:
            self._fault("orig-sending-time", f"OrigSendingTime(122) {original} is after {sent}", message)

    def _answers(self, message: RawMessage) -> None:
        if message.msg_type == "0":
            self._tests.pop(message.get(112) or "", None)
        if message.msg_type == "2" and self._owed is not None:
            asked = message.get(7) or ""
            if asked.isdigit() and int(asked) > self._owed[0]:
                self._fault("resend-not-asked", f"asked from {asked}, {self._owed[0]} is missing", message)
            self._owed = None
        is_fill = message.msg_type == "4" and message.get(123) == "Y"
        if self._resend is None or not (message.is_poss_dup or is_fill):
            return
        begin, end, asked_at = self._resend
        if message.number > begin:
            found = f"numbers {begin} to {message.number - 1} were left out of the answer"
            self._fault("resend-unanswered", found, message)
        filled_to = message.get(36) or ""
        following = int(filled_to) if is_fill and filled_to.isdigit() else message.number + 1
        due = max(begin, following)
        self._resend = (due, end, asked_at) if due <= end else None

    def _client_ids(self, message: RawMessage) -> None:
        repeated = message.is_poss_dup or message.get(97) == "Y"
        own = message.get(11)
        original = message.get(41)
        if message.msg_type in _CHANGES:
            if original is None and message.get(37) is None:
                self._fault("orig-cl-ord-id", "neither OrigClOrdID(41) nor OrderID(37) is there", message)
            elif original is not None and original not in self._ids:
                self._fault("orig-cl-ord-id", f"no order was sent with OrigClOrdID(41)={original}", message)
        ids = [value for tag, value in message.fields if tag == 11] if message.msg_type == "E" else []
        if message.msg_type in _WITH_CL_ORD_ID and own:
            ids.append(own)
        for one in ids:
            if one in self._ids and not repeated:
                self._fault("cl-ord-id", f"ClOrdID(11)={one} was used before", message)
            self._ids.add(one)

    # --- to the client -----------------------------------------------------------------------------------------------

    def to_client(self, message: RawMessage, now: float) -> None:
        """Note a message that is handed to the client."""
        msg_type = message.msg_type
        if msg_type == "A":
            self.is_logged_on = True
            if message.get(141) == "Y":
                self.client_expects, self._ahead = 1, set()
            self.client_expects = self.client_expects or message.number
        elif msg_type == "1":
            self._tests[message.get(112) or ""] = now
        elif msg_type == "2":
            begin, end = int(message.get(7) or 0), int(message.get(16) or 0)
            self._resend = (begin, end or self.expected - 1, now)
        elif msg_type == "5":
            self._logout_told, self._logout_told_at = True, now
            if not self.is_logged_on:
                # A Logon that is refused has used no number here; a client may count it or not, and the Logout(5)
                # that he answers with.
                self.expected, self._is_refused = self._before_logon, True
        if self.is_logged_on:
            self._heard_by_client(message, now)

    def _heard_by_client(self, message: RawMessage, now: float) -> None:
        is_fill = message.msg_type == "4"
        last = int(message.get(36) or 1) - 1 if is_fill else message.number
        if last < self.client_expects:
            return
        if message.number > self.client_expects:
            self._ahead.add(message.number)
            if self._owed is None and message.get(789) is None and len(self._ahead) == 1:
                self._owed = (self.client_expects, now)
            return
        self.client_expects = last + 1
        while self.client_expects in self._ahead:
            self._ahead.remove(self.client_expects)
            self.client_expects += 1
        self._ahead = {number for number in self._ahead if number > self.client_expects}

    def agree_on_reset(self) -> None:
        """Both sides have agreed that numbers begin anew with the next Logon."""
        self.expected = self.client_expects = 0
        self._ahead = set()

    def ids(self) -> Iterator[str]:
        """Every ClOrdID(11) that was used."""
        return iter(sorted(self._ids))
