"""Cancel on disconnect: what becomes of a session's orders when its connection is gone, and when.

The cancels are journaled commands. A session with a grace time that comes back within it keeps its orders. What a start
after a kill has to know, that a session had logged out in order, is journaled too; the grace time begins anew then.
Owner: the matching thread.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from matching.commands import CancelSessionOrders, Command, NoteConnection
from matching.work import RESTATED_CONNECTION_LOSS, RESTATED_LOGOUT

ON_DISCONNECT: Final = "Canceled on disconnect"
ON_LOGOUT: Final = "Canceled on logout"


class DisconnectRule(msgspec.Struct, frozen=True):
    """What the configuration says of one session. `account_ids`: all orders of these accounts, not the session's own.

    `on_logout`: a Logout in order counts too. `grace_ns`: how long a reconnect is waited for.
    """

    cancels: bool = False
    account_ids: tuple[int, ...] = ()
    spares_gtc: bool = False
    on_logout: bool = True
    grace_ns: int = 0


class Disconnecting(msgspec.Struct):
    """What this module has to know of a session. `was_connected`: it had not logged out in order when a start began."""

    session_id: int
    rule: DisconnectRule
    was_connected: bool = True

    def counts_at_start(self) -> bool:
        """Tell whether the session counts as disconnected by the end of the exchange's last process."""
        return self.rule.cancels and (self.rule.on_logout or self.was_connected)


def cancel_command(session_id: int, rule: DisconnectRule, *, clean: bool = False) -> CancelSessionOrders:
    """Return the command that cancels what the rule says."""
    return CancelSessionOrders(
        session_id,
        ON_LOGOUT if clean else ON_DISCONNECT,
        rule.account_ids,
        rule.spares_gtc,
        RESTATED_LOGOUT if clean else RESTATED_CONNECTION_LOSS,
    )


class Disconnects:
    """The sessions that are gone and whose grace time runs, by session id, each with when it ends."""

    def __init__(self) -> None:
        self._due_ns: dict[int, int] = {}
        self._rules: dict[int, tuple[DisconnectRule, bool]] = {}

    def begin(self, sessions: Iterable[Disconnecting], now_ns: int) -> None:
        """Begin the grace time of every session that has one: a kill has cut all connections."""
        for session in sessions:
            if session.rule.grace_ns and session.counts_at_start():
                self._wait(session.session_id, session.rule, now_ns, clean=False)

    def logged_on(self, session: Disconnecting) -> list[Command]:
        """Forget what was about to be canceled; return what is to be journaled of it."""
        self._due_ns.pop(session.session_id, None)
        self._rules.pop(session.session_id, None)
        return self._note(session, is_connected=True)

    def logged_out(self, session: Disconnecting, now_ns: int, *, clean: bool) -> list[Command]:
        """Return the cancel of the session's orders, or wait for it to come back."""
        rule = session.rule
        if not rule.cancels:
            return []
        if clean and not rule.on_logout:
            return self._note(session, is_connected=False)
        if rule.grace_ns:
            self._wait(session.session_id, rule, now_ns, clean=clean)
            return []
        return [cancel_command(session.session_id, rule, clean=clean)]

    def due(self, now_ns: int) -> list[Command]:
        """Return the cancels of sessions that have not come back in time."""
        if not self._due_ns:
            return []
        ended = sorted(key for key, due_ns in self._due_ns.items() if due_ns <= now_ns)
        commands: list[Command] = []
        for session_id in ended:
            del self._due_ns[session_id]
            rule, clean = self._rules.pop(session_id)
            commands.append(cancel_command(session_id, rule, clean=clean))
        return commands

    def _wait(self, session_id: int, rule: DisconnectRule, now_ns: int, *, clean: bool) -> None:
        self._due_ns[session_id] = now_ns + rule.grace_ns
        self._rules[session_id] = (rule, clean)

    def _note(self, session: Disconnecting, *, is_connected: bool) -> list[Command]:
        """Journal only what differs, and only where a start asks for it."""
        if not session.rule.cancels or session.rule.on_logout or session.was_connected == is_connected:
            return []
        session.was_connected = is_connected
        return [NoteConnection(session.session_id, is_connected)]
