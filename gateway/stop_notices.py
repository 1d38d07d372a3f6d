"""What members are told of a planned stop: News(B), to whoever is logged on and to whoever logs on before it.

Owner: the matching thread.
"""

from typing import Final

from gateway.fix_times import transact_time
from gateway.next_batch import Message
from gateway.rejects import SOH_FREE
from gateway.sessions import GatewaySession, SessionBook
from matching.planned_stops import PlannedStop
from matching.user_events import StopPlanned

NEWS: Final = "B"
FLASH: Final = "1"
"""Urgency(61)."""
CALLED_OFF: Final = "The planned stop of the exchange is called off"
STOP_TEXT: Final = "Exchange is stopping"
SECOND_NS: Final = 1_000_000_000


class StopNotices:
    """`planned` is the stop that is planned, if there is one."""

    def __init__(self, planned: PlannedStop, sessions: SessionBook) -> None:
        self._planned = planned
        self._sessions = sessions

    def told(self, event: StopPlanned, time_ns: int, messages: list[Message]) -> None:
        """Append what every session that is logged on is told of a plan, or of its end."""
        body = news(event.at_ns, event.text, time_ns)
        messages += [(session.session_id, NEWS, body) for session in self._sessions if session.logged_on]

    def logged_on(self, session: GatewaySession, now_ns: int, messages: list[Message]) -> None:
        """Append what a session is told that has logged on before a stop."""
        if self._planned.at_ns:
            messages.append((session.session_id, NEWS, news(self._planned.at_ns, self._planned.text, now_ns)))


def news(at_ns: int, text: str, now_ns: int) -> str:
    """Return the body of a News(B): headline, the time of the stop as a line of its own, the operator's text."""
    headline, lines = CALLED_OFF, []
    if at_ns:
        at, left = transact_time(at_ns), max(0, at_ns - now_ns + SECOND_NS // 2) // SECOND_NS
        headline, lines = f"The exchange stops at {at} UTC, in {left} seconds", [f"Stop at {at}"]
    lines = [*lines, *([text.translate(SOH_FREE)] if text else [])] or [headline]
    said = "".join(f"58={line}\x01" for line in lines)
    return f"42={transact_time(now_ns)}\x0161={FLASH}\x01148={headline}\x0133={len(lines)}\x01{said}"


def stop_text(text: str) -> str:
    """Return Text(58) of the Logout(5) of a stop."""
    return f"{STOP_TEXT}: {text.translate(SOH_FREE)}" if text else STOP_TEXT
