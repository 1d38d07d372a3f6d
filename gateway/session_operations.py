"""What an operator can do to FIX sessions in a running exchange: log them out, bar them, set their numbers.

Owner: the main thread's event loop; what changes a session's numbers is journaled by the way of the wire.
"""

from typing import Any

from gateway.admin import AdminError, Operation
from gateway.operator_values import known
from gateway.sessions import SessionBook
from gateway.wire import Wire


class SessionOperations:
    """The operations on sessions, by their names."""

    def __init__(self, *, wire: Wire, sessions: SessionBook) -> None:
        self._wire = wire
        self._sessions = sessions

    def table(self) -> dict[str, Operation]:
        """Return the operations by command name."""
        return {
            "session_logout": self.logout,
            "session_enable": self.enable,
            "session_reset": self.reset,
            "session_renumber": self.renumber,
        }

    async def logout(self, name: str, reason: str = "Logged out by the operator") -> dict[str, Any]:
        """Send a Logout; the session may log on again."""
        self._wire.logout(self._id(name), reason)
        return {"session": name}

    async def enable(self, name: str, enabled: bool) -> dict[str, Any]:
        """Let a session log on, or no longer."""
        self._wire.enable(self._id(name), enabled)
        return {"session": name, "enabled": enabled}

    async def reset(self, name: str) -> dict[str, Any]:
        """Begin both numbers of a session anew at 1."""
        self._wire.reset(self._id(name))
        return {"session": name}

    async def renumber(self, name: str, next_sender: int, next_target: int) -> dict[str, Any]:
        """Set both numbers of a session."""
        if next_sender < 1 or next_target < 1:
            raise AdminError(f"numbers {next_sender} and {next_target}, allowed: from 1")
        self._wire.renumber(self._id(name), next_sender, next_target)
        return {"session": name, "next_sender": next_sender, "next_target": next_target}

    def _id(self, name: str) -> int:
        return known("session", name, self._sessions.ids_by_name())
