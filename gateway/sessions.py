"""The FIX sessions as the matching thread sees them: who they are, what they may, and their journaled state.

A session's numbers have one owner, the wire; what stands here is what was told of them, and is what the journal holds.
"""

from collections.abc import Iterable, Iterator
from typing import Final, Literal, TypeAlias

from config.sessions import Authentication
from gateway.disconnects import Disconnecting, DisconnectRule
from gateway.inbound import Role
from matching.codec import SessionState
from matching.terms import SelfMatchMode, Terms, TriggerPrice

Version: TypeAlias = Literal["FIX.4.2", "FIX.4.4", "FIX.4.4 extended", "FIX.5.0SP2"]
FIX42: Final = "FIX.4.2"
FIX44: Final = "FIX.4.4"
FIX44_EXTENDED: Final = "FIX.4.4 extended"
"""FIX.4.4 with the tags and values that our own FIX44.xml has beyond the stock file: StrictFix44=N."""
FIX50SP2: Final = "FIX.5.0SP2"

SYMBOLS_SHOWN_MAX: Final = 20
NOTHING_CANCELED: Final = DisconnectRule()

VERSION_OF_BEGIN_STRING: Final[dict[str, Version]] = {"FIX.4.2": FIX42, "FIX.4.4": FIX44, "FIXT.1.1": FIX50SP2}


class GatewaySession:
    """One FIX session. Owner: the matching thread.

    `accounts` maps what Account(1) says to the account's id; None stands for the session's first account, which is
    taken where Account(1) is absent. `terms` are what plain orders of the session have by default (self-match
    prevention), `trigger` is the price that triggers a stop which does not say it. `symbols` are those that it may
    trade and see (None: all), `username` is who logs on. `is_retired`: the journal knows it, the configuration no
    longer. `state` is what the journal holds of the session once the next commit is done.
    """

    __slots__ = (
        "account_ids",
        "accounts",
        "authentication",
        "begin_string",
        "disconnecting",
        "drop_copy_live",
        "epoch",
        "is_retired",
        "logged_on",
        "name",
        "peer",
        "role",
        "self_match_id",
        "self_match_mode",
        "sender_comp_id",
        "session_id",
        "state",
        "symbols",
        "target_comp_id",
        "terms",
        "trigger",
        "username",
        "version",
        "watched",
    )

    def __init__(
        self,
        *,
        state: SessionState,
        begin_string: str,
        sender_comp_id: str,
        target_comp_id: str,
        role: Role,
        accounts: dict[str, int],
        strict: bool,
        self_match_id: str = "",
        self_match_mode: SelfMatchMode = "newest",
        trigger: TriggerPrice = "last",
        disconnect: DisconnectRule = NOTHING_CANCELED,
        was_connected: bool = True,
        username: str = "",
        symbols: Iterable[str] = (),
        authentication: Authentication = "password",
    ) -> None:
        self.state = state
        self.session_id = state.session_id
        self.name = state.name
        self.epoch = state.epoch
        self.begin_string = begin_string
        self.sender_comp_id = sender_comp_id
        self.target_comp_id = target_comp_id
        version = VERSION_OF_BEGIN_STRING[begin_string]
        self.version: Version = FIX44_EXTENDED if version == FIX44 and not strict else version
        self.role = role
        self.accounts: dict[str | None, int] = dict(accounts.items())
        self.account_ids = tuple(accounts.values())
        self.watched = frozenset(self.account_ids) if role == "drop_copy" else frozenset[int]()
        if self.account_ids:
            self.accounts[None] = self.account_ids[0]
        self.self_match_id = self_match_id
        self.self_match_mode: SelfMatchMode = self_match_mode
        self.trigger: TriggerPrice = trigger
        self.terms: Terms | None = (
            Terms(self_match_id=self_match_id, self_match_mode=self_match_mode) if self_match_id else None
        )
        self.disconnecting = Disconnecting(state.session_id, disconnect, was_connected)
        self.username = username
        self.symbols = frozenset(symbols) or None
        self.authentication: Authentication = authentication
        self.is_retired = False
        self.logged_on = False
        self.peer = ""
        self.drop_copy_live = False

    def configure_as(self, wanted: "GatewaySession") -> None:
        """Take what the configuration says of another; names, numbers and the connection stay what they are."""
        assert (self.session_id, self.name) == (wanted.session_id, wanted.name), f"{wanted.name} is not {self.name}"
        for name in _CONFIGURED:
            setattr(self, name, getattr(wanted, name))
        self.disconnecting.rule = wanted.disconnecting.rule

    def may_see(self, symbol: str | None) -> bool:
        """Whether an instrument is one of those that the session may trade and see."""
        return self.symbols is None or symbol in self.symbols

    def not_permitted(self, symbol: str | None) -> str:
        """Return what is said of an instrument that is none of them."""
        allowed = ", ".join(sorted(self.symbols or ())[:SYMBOLS_SHOWN_MAX])
        return f"Symbol(55) {symbol} is not permitted to this session, allowed: {allowed}"

    @property
    def is_resetting(self) -> bool:
        """Whether its numbers began anew, and that is not committed yet or reports of before wait to be staged."""
        return bool(self.state.anew) or self.state.epoch != self.epoch


_CONFIGURED: Final = (
    "version",
    "role",
    "accounts",
    "account_ids",
    "watched",
    "symbols",
    "username",
    "authentication",
    "self_match_id",
    "self_match_mode",
    "trigger",
    "terms",
    "is_retired",
)
"""What of a session is the configuration's, beside its rule for disconnects."""


class SessionBook:
    """All sessions by id. Owner: the matching thread."""

    def __init__(self, sessions: Iterable[GatewaySession]) -> None:
        self.by_id: dict[int, GatewaySession] = {}
        for session in sessions:
            self.add(session)

    def __iter__(self) -> Iterator[GatewaySession]:
        return iter(self.by_id.values())

    def add(self, session: GatewaySession) -> None:
        """Take up a session; its id must be new."""
        assert session.session_id not in self.by_id, f"session {session.name} is there already"
        self.by_id[session.session_id] = session

    def by_name(self, name: str) -> GatewaySession | None:
        """Return the session of that name (BEGINSTRING:SENDER->TARGET), or None."""
        for session in self.by_id.values():
            if session.name == name:
                return session
        return None

    def ids_by_name(self) -> dict[str, int]:
        """Return the id of every session by its name."""
        return {session.name: session_id for session_id, session in self.by_id.items()}

    def drop_copy_sessions(self) -> list[GatewaySession]:
        """Return every drop copy session, in the order of ids."""
        return [session for session in self.by_id.values() if session.role == "drop_copy"]
