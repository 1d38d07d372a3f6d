"""What users do by themselves, and what all members are told: passwords, signed Logons, a planned stop."""

import msgspec


class UserRequested(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=94):
    """A user wants to change his password: whoever has it proves it, and answers."""

    session_id: int
    epoch: int
    msg_seq_num: int
    username: str


class UserAnswered(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=95):
    """UserResponse(BF). `status` is UserStatus(926); `code` and `text` say why where nothing was changed."""

    session_id: int
    request_id: str
    username: str
    status: int
    code: int = 0
    text: str = ""


class PasswordSet(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=96):
    """The password of a user is another one; not `is_changed`: that of the configuration is in force again."""

    username: str
    by: str
    is_changed: bool


class SignedLogonNoted(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=98):
    """The signature of a Logon is used up."""

    username: str


class StopPlanned(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=97):
    """The exchange is to stop at `at_ns`, with `text` for all members; 0: the stop is called off."""

    at_ns: int
    text: str
    by: str
    is_reminder: bool = False
