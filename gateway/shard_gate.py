"""Sessions that have asked several shards at once: what they send next waits until every shard has been told.

A request goes to shards when it is in the journal. An order that was sent behind a mass cancel must not come before it.
Owner: the matching thread.
"""

from collections.abc import Container
from typing import TypeAlias

from gateway.answers import Answers
from gateway.shard_commands import Routed
from matching.commands import CancelSessionOrders, Command

Ordered: TypeAlias = Routed | CancelSessionOrders
"""What must keep its place behind a request of its session."""


class RequestGate:
    """By session, the commands that wait behind its request, in their order."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self.waiting: dict[int, list[Command]] = {}

    def begin(self, session_id: int) -> None:
        """Let what the session sends next wait, behind what waits already."""
        self.waiting.setdefault(session_id, [])

    def holds(self, command: Command) -> bool:
        """Keep a command that has to wait; return whether it was kept."""
        if not isinstance(command, Ordered):
            return False
        waiting = self.waiting.get(command.session_id)
        if waiting is None:
            return False
        if isinstance(command, Routed):
            self._answers.sent(command.session_id, command.epoch, command.msg_seq_num)
        waiting.append(command)
        return True

    def released(self, asking: Container[int]) -> list[Command]:
        """Return what does not wait any longer, where the requests of the sessions `asking` are not under way yet."""
        released: list[Command] = []
        for session_id in tuple(self.waiting):
            if session_id not in asking:
                released += self.waiting.pop(session_id)
        for command in released:
            if isinstance(command, Routed):
                self._answers.answered(command.session_id, command.epoch, command.msg_seq_num)
        return released
