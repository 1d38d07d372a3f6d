"""What becomes of credentials that were proved: signatures are used up, passwords are changed. Owner: the admission
threads.
"""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Final, Protocol

from config.passwords import Credential, hash_password, in_force, is_password, mark_of, new_password_fault
from gateway.user_desk import Proof
from matching import refusals
from matching.commands import AnswerUser, Command, NoteSignedLogon, SetPassword
from matching.users import OTHER, PASSWORD_CHANGED, PASSWORD_INCORRECT

SECOND_NS: Final = 1_000_000_000
WRONG_TEXT: Final = "Password(554) is not the user's"


class Journaling(Protocol):
    """How a command gets into the journal."""

    def obey(self, command: Command) -> str:
        """Return nothing when the command is durable, or why it was refused; raise where that is not known."""

    def submit(self, command: Command) -> None:
        """Have a command obeyed, and do not wait for it."""


class Account:
    """What admission knows of one session: how it authenticates, its credential of the file (None: none needed), and
    from how many seconds on its Logons are too old.
    """

    __slots__ = ("comp_id", "credential", "max_latency_s", "method", "name", "username")

    def __init__(
        self,
        name: str,
        method: str,
        username: str,
        credential: Credential | None,
        *,
        comp_id: str = "",
        max_latency_s: int = 120,
    ) -> None:
        self.name = name
        self.method = method
        self.username = username
        self.credential = credential
        self.comp_id = comp_id
        self.max_latency_s = max_latency_s


class Credentials:
    """`changed` are the passwords that users have set, by username: hash, and mark of the line that it stands for."""

    def __init__(self, changed: Mapping[str, tuple[str, str]], journaling: Journaling) -> None:
        self._changed = changed
        self._journaling = journaling

    def is_proved(self, account: Account, username: str, password: str) -> bool:
        """Tell whether this is the user and his password; a wrong name costs as long as a wrong password."""
        credential = in_force(account.credential, self._changed.get(account.username))
        if credential is None:
            return False
        name_matches = hmac.compare_digest(username.encode(), account.username.encode())
        return is_password(credential, password) and name_matches

    def signature(self, account: Account, signed_text: str) -> str:
        """Return the HMAC-SHA256 of a Logon, in hex; "" where the user has no key."""
        credential = account.credential
        if credential is None or credential.kind != "hmac":
            return ""
        return hmac.new(credential.key, signed_text.encode(), hashlib.sha256).hexdigest()

    def use_up(self, account: Account, signature: str, sent_ns: int, longest_s: int) -> str:
        """Use up a signature, so that it is worth nothing any more, also after a kill; return why that cannot be.

        `longest_s` is the greatest age at which any session of the exchange takes a Logon.
        """
        until_ns = sent_ns + (longest_s + 1) * SECOND_NS
        return self._journaling.obey(NoteSignedLogon(account.username, signature, until_ns))

    def new_password_fault(self, account: Account, password: str, new_password: str) -> str:
        """Return code and text of what is against a new password, or nothing."""
        if account.method != "password":
            return f"{refusals.NO_PASSWORD_TO_CHANGE}: the session logs on by {account.method}, not by a password"
        fault = new_password_fault(new_password, names=(account.username, account.comp_id), former=password)
        return f"{refusals.NEW_PASSWORD_NOT_ALLOWED}: {fault}" if fault else ""

    def change(self, account: Account, new_password: str) -> bool:
        """Change a password that was proved; return whether it is changed, and durable."""
        was = self._was(account)
        command = SetPassword(
            account.username, hash_password(new_password), mark_of(account.credential), account.name, was
        )
        return not self._journaling.obey(command)

    def answer(self, account: Account | None, proof: Proof) -> AnswerUser:
        """Return the answer to a request for a change: the change itself, or why it is none."""
        ids = proof.session_id, proof.epoch, proof.msg_seq_num
        if account is None or not proof.password:
            return AnswerUser(*ids, OTHER, refusals.USER_REQUEST_LOST, "the password is gone; nothing has changed")
        was = self._was(account)
        if not self.is_proved(account, account.username, proof.password):
            return AnswerUser(*ids, PASSWORD_INCORRECT, refusals.PASSWORD_WRONG, WRONG_TEXT)
        fault = new_password_fault(proof.new_password, names=(account.username, account.comp_id), former=proof.password)
        if fault:
            return AnswerUser(*ids, OTHER, refusals.NEW_PASSWORD_NOT_ALLOWED, fault)
        secret = hash_password(proof.new_password)
        return AnswerUser(*ids, PASSWORD_CHANGED, 0, "", secret, mark_of(account.credential), was)

    def submit(self, answer: AnswerUser) -> None:
        """Give an answer, and with it the change."""
        self._journaling.submit(answer)

    def _was(self, account: Account) -> str:
        """Return the hash of the user's own that is in force, "" for the file's."""
        changed = self._changed.get(account.username)
        return changed[0] if changed is not None and changed[1] == mark_of(account.credential) else ""
