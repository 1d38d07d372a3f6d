"""What shards are told once it is in the gateway's journal: instructions, requests over several shards, transfers.

Owner: the matching thread.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence

from gateway.relay import RelayEngine
from gateway.shard_link import ShardLink
from matching.commands import (
    CancelQuotes,
    Command,
    Instruction,
    MassCancel,
    MassQuote,
    PullQuotes,
    RequestMassStatus,
)

OF_SESSIONS = (MassCancel, RequestMassStatus, MassQuote, CancelQuotes, PullQuotes)
"""Instructions that keep their place among what their session sends."""


class Dispatch:
    """Instructions that wait for their commit, and steps of transfers that wait for it or for their shard.

    `submit` gives a command to a shard behind whatever waits for it; `unheard` are shards of which this gateway has not
    heard yet.
    """

    def __init__(
        self,
        relay: RelayEngine,
        links: Mapping[str, ShardLink],
        submit: Callable[[ShardLink, Command], None],
        unheard: set[str],
    ) -> None:
        self._relay = relay
        self._links = links
        self._submit = submit
        self._unheard = unheard
        self._instructed: deque[tuple[int, int, Instruction, Sequence[str]]] = deque()
        self._steps_due: list[tuple[int, str]] = []

    def has_work(self) -> bool:
        """Whether something waits for nothing but a commit or the next turn."""
        if self._relay.transfers.due or self._instructed:
            return True
        return any(self._step_link(transfer_id) is not None for _, transfer_id in self._steps_due)

    # -- instructions -------------------------------------------------------------------------------------------------

    def instruct(self, instruction_id: int, batch_seq: int) -> None:
        """Send an instruction to its shards when its batch is committed; to one that is down, when it is back."""
        kept = self._relay.instructions.waiting[instruction_id]
        self._instructed.append((batch_seq, instruction_id, kept.instruction, tuple(kept.shards)))

    def is_sent(self, instruction_id: int) -> bool:
        """Whether an instruction is in the journal, and under way."""
        return all(each[1] != instruction_id for each in self._instructed)

    def asking(self) -> set[int]:
        """Return the sessions of which something that shards are told is not under way yet."""
        requests = (instruction for _, _, instruction, _ in self._instructed)
        return {each.session_id for each in requests if isinstance(each, OF_SESSIONS)}

    def send_instructions(self, committed: int) -> None:
        """Send the instructions whose batch is in the journal."""
        while self._instructed and self._instructed[0][0] <= committed:
            _, _, instruction, shards = self._instructed.popleft()
            for name in shards:
                self._submit(self._links[name], instruction)

    # -- transfers ----------------------------------------------------------------------------------------------------

    def _step_link(self, transfer_id: str) -> ShardLink | None:
        """Return the shard that can be given the next step of a transfer now."""
        step = self._relay.transfers.next_step(transfer_id)
        link = self._links.get(step[0]) if step is not None else None
        return link if link is not None and link.is_up and link.name not in self._unheard else None

    def send_steps(self, begun: int, committed: int) -> None:
        """Send the next step of every transfer that has one in the journal, once its shard is up.

        Which step is next is known only when all that the shard has said is known: a step that was refused while this
        gateway was not there must not be sent again, since by now the shard might take it.
        """
        transfers = self._relay.transfers
        if not (self._steps_due or transfers.due):
            return
        due, transfers.due = transfers.due, []
        waiting: list[tuple[int, str]] = []
        for batch_seq, transfer_id in [*self._steps_due, *((begun, each) for each in due)]:
            step, link = transfers.next_step(transfer_id), self._step_link(transfer_id)
            if step is None:
                continue
            if link is None or batch_seq > committed:
                waiting.append((batch_seq, transfer_id))
            else:
                link.submit(step[1])
        self._steps_due = waiting
