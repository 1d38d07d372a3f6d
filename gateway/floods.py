"""Floods: a session that goes on over its throttle is read later, so that refusing it costs the others little.

Each message is answered all the same, a little after the ones before it; what waits stays in the socket, and the peer
feels that when he sends. Owner: the matching thread.
"""

from typing import Final

from gateway.sessions import SessionBook
from gateway.wire import Wire

REFUSAL_PAUSE_US: Final = 300
"""Pause for each message that a throttle has refused: some 3,000 a second are, however many come."""
PAUSE_US_MAX: Final = 10_000


class Floods:
    """Counts refused messages, and has their sessions wait."""

    def __init__(self, wire: Wire, sessions: SessionBook) -> None:
        self._wire = wire
        self._sessions = sessions
        self._refused: dict[int, int] = {}

    def refused(self, session_id: int) -> None:
        """Note that a throttle has refused a message of a session."""
        self._refused[session_id] = self._refused.get(session_id, 0) + 1

    def slow_down(self) -> None:
        """Read these sessions later."""
        while self._refused:
            session_id, count = self._refused.popitem()
            if session_id in self._sessions.by_id:
                self._wire.pace(session_id, min(count * REFUSAL_PAUSE_US, PAUSE_US_MAX))
