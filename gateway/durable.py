"""Commands that have to be in the journal before their thread goes on (never the matching thread)."""

import time
from typing import Final

from gateway.exchange import Exchange
from matching.commands import Command
from matching.events import CommandRefused

DURABLE_SECONDS: Final = 5.0
LOOK_SECONDS: Final = 0.001


class NotDurableError(Exception):
    """A command is not known to be in the journal after `DURABLE_SECONDS`, or the exchange has ended."""


class DurableCommands:
    """Has the exchange obey a command, and waits for its commit."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def obey(self, command: Command) -> str:
        """Return nothing when the command is durable, or why it was refused.

        Raises:
            NotDurableError: nobody knows yet what becomes of it.
        """
        until = time.monotonic() + DURABLE_SECONDS
        try:
            submitted = self._exchange.submit(lambda: self._exchange.command_in_batch(command))
            events, batch_seq = submitted.result(DURABLE_SECONDS)
            while not self._exchange.submit(lambda: self._exchange.is_committed(batch_seq)).result(DURABLE_SECONDS):
                if time.monotonic() > until:
                    raise TimeoutError
                time.sleep(LOOK_SECONDS)
        except Exception as error:
            raise NotDurableError(f"{type(command).__name__}: {error!r}") from error
        return next((event.text for event in events if isinstance(event, CommandRefused)), "")

    def submit(self, command: Command) -> None:
        """Have the exchange obey a command, and do not wait for it."""
        self._exchange.submit(lambda: self._exchange.command(command))
