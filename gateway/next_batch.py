"""What the next batch is made of, gathered in one turn of the exchange loop. Owner: the matching thread."""

from typing import TypeAlias

from matching.commands import Command

Message: TypeAlias = tuple[int, str, str]
"""Session id, MsgType(35) and body of a message to send."""


class NextBatch:
    """Commands to apply, messages to send that no command brings about, and, by session, the epoch and the next
    MsgSeqNum(34) in of what was taken.
    """

    __slots__ = ("commands", "messages", "targets")

    def __init__(self) -> None:
        self.commands: list[Command] = []
        self.messages: list[Message] = []
        self.targets: dict[int, tuple[int, int]] = {}

    def is_empty(self) -> bool:
        """Tell whether there is nothing to begin a batch for."""
        return not (self.commands or self.messages or self.targets)

    def take_commands(self) -> list[Command]:
        """Return the commands, and begin anew with none."""
        commands, self.commands = self.commands, []
        return commands

    def take_messages(self) -> list[Message]:
        """Return the messages, and begin anew with none."""
        messages, self.messages = self.messages, []
        return messages

    def take_targets(self) -> dict[int, tuple[int, int]]:
        """Return the numbers in, and begin anew with none."""
        targets, self.targets = self.targets, {}
        return targets
