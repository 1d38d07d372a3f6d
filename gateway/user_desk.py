"""Requests of users: UserRequest(BE) in, UserResponse(BF) out. Owner: the matching thread, but for `proofs`.

UserRequestType(924) 3 changes the password; 4 says whether the user is logged on; 1 and 2 are not offered, as Logon(A)
and Logout(5) do that. The passwords of a request are no part of the command that is journaled: they wait here until
that is applied, and then go to the admission threads, which prove the old one and hash the new one.
"""

import queue
from typing import Any, Final, NamedTuple

from gateway.id_fault import id_fault
from gateway.order_terms import shown
from gateway.rejects import SOH_FREE
from gateway.sessions import GatewaySession
from matching import refusals
from matching.commands import AnswerUser, RequestUser
from matching.refusals import Refusal
from matching.types import CL_ORD_ID_CHARS_MAX
from matching.user_events import UserAnswered, UserRequested
from matching.users import OTHER, PASSWORD_INCORRECT, Users

USER_RESPONSE: Final = "BF"
CHANGE_PASSWORD: Final = "3"
USER_STATUS: Final = "4"
LOGGED_IN: Final = 1
TO_BE_PROVED: Final = 0
LOST_TEXT: Final = "the exchange was started anew before the password was proved; nothing has changed"


class Proof(NamedTuple):
    """A change of password that is to be proved and hashed. Never to be logged."""

    session_id: int
    epoch: int
    msg_seq_num: int
    password: str
    new_password: str


class UserDesk:
    """`proofs` is emptied by the admission threads; a session has at most one there."""

    def __init__(self, users: Users) -> None:
        self.users = users
        self.proofs: queue.SimpleQueue[Proof] = queue.SimpleQueue()
        self._secrets: dict[int, Proof] = {}

    def request(self, session: GatewaySession, msg_seq_num: int, values: tuple[Any, ...]) -> RequestUser:
        """Return the command of a BE; `values` as in the table `inbound`."""
        request_id, _, username, password, new_password = values
        status, (code, text) = _immediate(session, values)
        if status == TO_BE_PROVED:
            ids = session.session_id, session.epoch, msg_seq_num
            self._secrets[session.session_id] = Proof(*ids, password or "", new_password or "")
        return RequestUser(
            session.session_id,
            session.epoch,
            msg_seq_num,
            (request_id or "")[:CL_ORD_ID_CHARS_MAX],
            (username or "")[:CL_ORD_ID_CHARS_MAX],
            status,
            code,
            text,
        )

    def requested(self, event: UserRequested) -> None:
        """Have a change of password proved, now that the request is on its way into the journal."""
        secret = self._secrets.pop(event.session_id, None)
        ids = event.session_id, event.epoch, event.msg_seq_num
        # Without its passwords it is proved by nothing, and so refused.
        self.proofs.put(secret if secret is not None and secret[:3] == ids else Proof(*ids, "", ""))


def _immediate(session: GatewaySession, values: tuple[Any, ...]) -> tuple[int, Refusal]:
    """Return UserStatus(926), code and text of an answer that is known at once; 0: the old password is to be proved."""
    request_id, request_type, username, password, new_password = values
    fault = id_fault(
        "UserRequestID(923)", request_id, absent=refusals.USER_REQUEST_ID, too_long=refusals.USER_REQUEST_ID
    )
    if fault is not None:
        return OTHER, fault
    if request_type not in (CHANGE_PASSWORD, USER_STATUS):
        text = f"UserRequestType(924) {shown(request_type)} is not offered, allowed: 3, 4"
        return OTHER, (refusals.USER_REQUEST_TYPE, text)
    if username != session.username:
        text = f"Username(553) {shown(username)} is not the user of {session.target_comp_id}"
        return refusals.user_status(refusals.USER_UNKNOWN), (refusals.USER_UNKNOWN, text)
    if request_type == USER_STATUS:
        return LOGGED_IN, (0, "")
    if session.authentication != "password":
        text = f"the session logs on by {session.authentication}, not by a password"
        return OTHER, (refusals.NO_PASSWORD_TO_CHANGE, text)
    if not password:
        return PASSWORD_INCORRECT, (refusals.PASSWORD_WRONG, "Password(554) is absent")
    if not new_password:
        return OTHER, (refusals.NEW_PASSWORD_NOT_ALLOWED, "NewPassword(925) is absent")
    return TO_BE_PROVED, (0, "")


def unanswered_requests(users: Users) -> list[AnswerUser]:
    """Return what is said, at a start, to requests whose passwords are gone with the process that had them."""
    return [
        AnswerUser(each.session_id, each.epoch, each.msg_seq_num, OTHER, refusals.USER_REQUEST_LOST, LOST_TEXT)
        for each in users.requests.values()
    ]


def user_response(event: UserAnswered) -> str:
    """Return the body of the UserResponse(BF) that says `event`."""
    said = f"{event.code}: {event.text}" if event.code else event.text
    text = f"927={said.translate(SOH_FREE)}\x01" if said else ""
    return f"923={event.request_id}\x01553={event.username}\x01926={event.status}\x01{text}"
