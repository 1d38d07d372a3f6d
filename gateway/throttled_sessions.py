"""Sessions over their throttle: the first level has them read later, the second logs them out.

Each message is answered all the same, a little after the ones before it; what waits stays in the socket, and the peer
feels that when he sends. A session that does not stop hears of the cancel of each of its orders before the Logout(5);
of more than 500 on one shard the rest comes later.
Owner: the matching thread.
"""

from collections.abc import Callable, Iterator
from typing import Final

from gateway.next_batch import NextBatch
from gateway.sessions import SessionBook
from gateway.wire import Wire
from matching.clock import Clock
from matching.commands import CancelSessionOrders
from matching.events import SessionCut
from matching.work import RESTATED_OTHER

REFUSAL_PAUSE_US: Final = 500
"""Pause for each message that a throttle has refused: some 2,000 a second are, however many come."""
PAUSE_US_MAX: Final = 50_000
LOGOUT_WAIT_NS: Final = 2_000_000_000
"""How long a Logout waits for cancels, in nanoseconds: of more orders, or with a shard down, the rest comes later."""


class ThrottledSessions:
    """Counts refused messages and has their sessions wait; logs out those that go on.

    `has_orders_of` tells whether orders of a session are open or being canceled. `is_sharded`: each shard counts for
    itself and has canceled only its own orders when one of them cuts a session.
    """

    def __init__(
        self,
        next_batch: NextBatch,
        *,
        wire: Wire,
        sessions: SessionBook,
        clock: Clock,
        has_orders_of: Callable[[int], bool],
        is_sharded: bool,
    ) -> None:
        self._next = next_batch
        self._wire = wire
        self._sessions = sessions
        self._clock = clock
        self._has_orders_of = has_orders_of
        self._is_sharded = is_sharded
        self._refused: dict[int, int] = {}
        self._cuts: dict[int, tuple[str, int]] = {}

    def refused(self, session_id: int) -> None:
        """Note that a throttle has refused a message of a session."""
        self._refused[session_id] = self._refused.get(session_id, 0) + 1

    def cut(self, event: SessionCut) -> None:
        """Note that a session went over the second level; what it has on shards is canceled."""
        session = self._sessions.by_id.get(event.session_id)
        is_here = session is not None and session.logged_on
        if self._is_sharded:
            text = f"Canceled: {event.text}"
            self._next.commands.append(CancelSessionOrders(event.session_id, text, restatement=RESTATED_OTHER))
        if is_here:
            self._cuts.setdefault(event.session_id, (event.text, self._clock.now_ns() + LOGOUT_WAIT_NS))

    def slow_down(self) -> None:
        """Read the sessions later of which messages were refused."""
        while self._refused:
            session_id, count = self._refused.popitem()
            if session_id in self._sessions.by_id:
                self._wire.pace(session_id, min(count * REFUSAL_PAUSE_US, PAUSE_US_MAX))

    def logged_out(self, session_id: int) -> None:
        """Forget that a session was to be logged out: it has gone, and may come again."""
        self._cuts.pop(session_id, None)

    def is_due(self) -> bool:
        """Whether a session is to be logged out now."""
        return bool(self._cuts) and next(self._due(), None) is not None

    def log_out(self) -> None:
        """Log out the sessions that were cut and have no order left, behind what was staged for them."""
        for session_id in list(self._due()) if self._cuts else ():
            text, _ = self._cuts.pop(session_id)
            if session_id in self._sessions.by_id:
                self._wire.logout(session_id, text)

    def _due(self) -> Iterator[int]:
        now_ns = self._clock.now_ns()
        for session_id, (_, until_ns) in self._cuts.items():
            if now_ns >= until_ns or not self._is_canceling(session_id):
                yield session_id

    def _is_canceling(self, session_id: int) -> bool:
        for command in self._next.commands:
            if isinstance(command, CancelSessionOrders) and command.session_id == session_id:
                return True
        return self._has_orders_of(session_id)
