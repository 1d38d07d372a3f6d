"""What users have changed by themselves: their passwords, requests that are not answered yet, and the signatures of
Logons that were used. Part of the state of every engine. Owner: the matching thread.

No password is here, only hashes: who proves a password does so elsewhere, and what he has found comes as a command. A
change and its answer are one command, so that there is never one without the other.
"""

from typing import Final

import msgspec

from matching import refusals
from matching.events import (
    CommandRefused,
    Event,
)
from matching.user_commands import AnswerUser, NoteSignedLogon, RequestUser, SetPassword
from matching.user_events import PasswordSet, SignedLogonNoted, UserAnswered, UserRequested

SIGNATURES_MAX: Final = 1_000
"""Signatures of one user that are kept at a time; while there are more, none of his Logons is taken."""
PASSWORD_INCORRECT: Final = 4
PASSWORD_CHANGED: Final = 5
OTHER: Final = 6
"""UserStatus(926)."""


class UsersRecord(msgspec.Struct, array_like=True):
    """All of it: (username, secret, replaces), requests by session, (username, [(signature, until)])."""

    passwords: list[tuple[str, str, str]]
    requests: list[RequestUser]
    signatures: list[tuple[str, list[tuple[str, int]]]]


class Users:
    """`passwords` has by username the hash, and the mark of the configured one that it stands for. Any thread may look
    one up.
    """

    def __init__(self) -> None:
        self.passwords: dict[str, tuple[str, str]] = {}
        self.requests: dict[int, RequestUser] = {}
        self._signatures: dict[str, dict[str, int]] = {}

    def request(self, command: RequestUser, out: list[Event]) -> None:
        """Answer a request whose answer is known; else keep it until it is answered, one of a session at a time."""
        ids = command.session_id, command.request_id, command.username
        if command.status:
            out.append(UserAnswered(*ids, command.status, command.code, command.text))
        elif command.session_id in self.requests:
            text = f"UserRequest {self.requests[command.session_id].request_id} of the session is not answered yet"
            out.append(UserAnswered(*ids, OTHER, refusals.USER_REQUEST_OPEN, text))
        else:
            self.requests[command.session_id] = command
            out.append(UserRequested(command.session_id, command.epoch, command.msg_seq_num, command.username))

    def answer(self, command: AnswerUser, out: list[Event]) -> None:
        """Answer a request, and change the password where that is the answer."""
        asked = self.requests.get(command.session_id)
        if asked is None or (asked.epoch, asked.msg_seq_num) != (command.epoch, command.msg_seq_num):
            out.append(CommandRefused("AnswerUser", f"session {command.session_id} has no such request"))
            return
        del self.requests[command.session_id]
        ids = command.session_id, asked.request_id, asked.username
        if not command.secret:
            out.append(UserAnswered(*ids, command.status, command.code, command.text))
        elif self._is_in_force(asked.username, command.was):
            self.passwords[asked.username] = (command.secret, command.replaces)
            out.append(PasswordSet(asked.username, f"session {command.session_id}", True))
            out.append(UserAnswered(*ids, PASSWORD_CHANGED))
        else:
            text = "the password was changed meanwhile"
            out.append(UserAnswered(*ids, PASSWORD_INCORRECT, refusals.PASSWORD_WRONG, text))

    def _is_in_force(self, username: str, secret: str) -> bool:
        return self.passwords.get(username, ("", ""))[0] == secret

    def set_password(self, command: SetPassword, out: list[Event]) -> None:
        """Change a password, or forget the change."""
        if command.was is not None and not self._is_in_force(command.username, command.was):
            out.append(CommandRefused("SetPassword", f"the password of {command.username} was changed meanwhile"))
            return
        if command.secret:
            self.passwords[command.username] = (command.secret, command.replaces)
        else:
            self.passwords.pop(command.username, None)
        out.append(PasswordSet(command.username, command.by, bool(command.secret)))

    def note_signed_logon(self, command: NoteSignedLogon, time_ns: int, out: list[Event]) -> None:
        """Take a signature once, while its Logon is young enough."""
        known = self._signatures.get(command.username, {})
        kept = {signature: until_ns for signature, until_ns in known.items() if until_ns > time_ns}
        fault = ""
        if command.until_ns <= time_ns:
            fault = "is too old"
        elif command.signature in kept:
            fault = "was used before"
        elif len(kept) >= SIGNATURES_MAX:
            fault = f"is one more than the {SIGNATURES_MAX} that are kept"
        if fault:
            out.append(CommandRefused("NoteSignedLogon", f"the signature of a Logon of {command.username} {fault}"))
            return
        kept[command.signature] = command.until_ns
        self._signatures[command.username] = kept
        out.append(SignedLogonNoted(command.username))

    def record(self) -> UsersRecord | None:
        """Return the state, the same for the same state; None where there is nothing."""
        if not (self.passwords or self.requests or self._signatures):
            return None
        return UsersRecord(
            [(username, *each) for username, each in sorted(self.passwords.items())],
            [each for _, each in sorted(self.requests.items())],
            [(username, list(known.items())) for username, known in sorted(self._signatures.items())],
        )

    def load(self, record: UsersRecord) -> None:
        """Take what `record` has returned."""
        self.passwords = {username: (secret, replaces) for username, secret, replaces in record.passwords}
        self.requests = {each.session_id: each for each in record.requests}
        self._signatures = {username: dict(known) for username, known in record.signatures}
