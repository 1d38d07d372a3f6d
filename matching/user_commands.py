"""Commands about users and sessions as such: requests of users, passwords, signed Logons, and a stop that is planned.
Layout and units: see matching.commands.
"""

import msgspec


class RequestUser(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=94):
    """UserRequest(BE). `status` is UserStatus(926) of the answer where it is known at once, with `code` and `text`; 0:
    the user changes his password, which has to be proved first. No password is part of it.
    """

    session_id: int
    epoch: int
    msg_seq_num: int
    request_id: str
    username: str
    status: int = 0
    code: int = 0
    text: str = ""


class AnswerUser(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=95):
    """Answer the request of a session that is not answered yet; with a `secret`, change the password with it, as
    SetPassword does.
    """

    session_id: int
    epoch: int
    msg_seq_num: int
    status: int
    code: int = 0
    text: str = ""
    secret: str = ""
    replaces: str = ""
    was: str = ""


class SetPassword(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=96):
    """Set the argon2id hash of a user's password in place of the configured one; "": that one is in force again.

    `replaces` is the mark of the configured one: the change holds as long as that is configured. `was` is the hash that
    was proved, "" the configured one: where it is not in force any more nothing is changed; None: whatever it is.
    """

    username: str
    secret: str
    replaces: str
    by: str
    was: str | None = None


class NoteSignedLogon(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=98):
    """The signature of a user's Logon has been used: refused where it was before. From `until_ns` on its
    SendingTime(52) is too old for any Logon, so that it need not be known any longer.
    """

    username: str
    signature: str
    until_ns: int


class PlanStop(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=97):
    """Plan an orderly stop of the exchange at `at_ns`, say again that it is planned (`is_reminder`), or with 0 call it
    off; `is_done`: the exchange stops, or the time is over, so that nobody is told.
    """

    at_ns: int
    text: str
    by: str
    is_reminder: bool = False
    is_done: bool = False
