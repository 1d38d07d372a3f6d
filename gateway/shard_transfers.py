"""Transfers between shards as the gateway sees them: how far each is, and which step is next. Owner: the matching
thread.

Cash leaves one shard, then comes in on the other. Where the other refuses it, it is given back to the shard that it
came from, so that nothing stays under way for good; only where that is refused too, an operator has to look.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from matching.commands import Command, RequestTransfer, TransferIn, TransferOut
from matching.events import TransferredIn, TransferredOut

REQUESTED: Final = "requested"
UNDER_WAY: Final = "under way"
DONE: Final = "done"
REFUSED: Final = "refused"
GIVING_BACK: Final = "being given back"
"""The taking shard refused it; the giving shard is to have it again."""
GIVEN_BACK: Final = "given back"
STUCK: Final = "taken but not given"
"""Both shards refuse what is under way: for an operator to look at."""
OPEN_STATES: Final = (REQUESTED, UNDER_WAY, GIVING_BACK)
FAILED_STATES: Final = (REFUSED, GIVEN_BACK, STUCK)


class Transfer(msgspec.Struct, array_like=True):
    """A transfer between shards and how far it is: see REQUESTED and the states after it. `text`: why it was
    refused.
    """

    command: RequestTransfer
    state: str
    text: str = ""


class Transfers:
    """Every transfer by its id. `due`: whose next step is to be sent; no part of the state, a step may be sent once
    too often.
    """

    def __init__(self, transfers: Iterable[Transfer] = ()) -> None:
        self.by_id = {each.command.transfer_id: each for each in transfers}
        self.due = [key for key, each in self.by_id.items() if each.state in OPEN_STATES]

    def request(self, command: RequestTransfer) -> str:
        """Take up a transfer, once for each id; return why not, or nothing."""
        known = self.by_id.get(command.transfer_id)
        if known is None:
            self._move(Transfer(command, REQUESTED), REQUESTED)
            return ""
        same = msgspec.structs.replace(command, by=known.command.by, reason=known.command.reason)
        return "" if known.command == same else f"transfer {command.transfer_id} is another: {known.command}"

    def posted(self, shard: str, event: TransferredOut | TransferredIn) -> None:
        """Note that a shard has posted a step; a repeat changes nothing."""
        transfer = self.by_id.get(event.transfer_id)
        if transfer is None:
            return
        giving, taking = transfer.command.from_shard, transfer.command.to_shard
        if isinstance(event, TransferredOut):
            if (transfer.state, shard) == (REQUESTED, giving):
                self._move(transfer, UNDER_WAY)
        elif (transfer.state, shard) == (UNDER_WAY, taking):
            transfer.state = DONE
        elif (transfer.state, shard) == (GIVING_BACK, giving):
            transfer.state = GIVEN_BACK

    def refused(self, shard: str, transfer_id: str, text: str) -> None:
        """Note that a shard has refused the step that it was sent."""
        transfer = self.by_id.get(transfer_id)
        if transfer is None:
            return
        giving, taking = transfer.command.from_shard, transfer.command.to_shard
        if (transfer.state, shard) == (REQUESTED, giving):
            transfer.state, transfer.text = REFUSED, text
        elif (transfer.state, shard) == (UNDER_WAY, taking):
            transfer.text = f"shard {taking}: {text}"
            self._move(transfer, GIVING_BACK)
        elif (transfer.state, shard) == (GIVING_BACK, giving):
            transfer.state, transfer.text = STUCK, f"{transfer.text}; shard {giving}: {text}"

    def _move(self, transfer: Transfer, state: str) -> None:
        transfer.state = state
        self.by_id[transfer.command.transfer_id] = transfer
        self.due.append(transfer.command.transfer_id)

    def next_step(self, transfer_id: str) -> tuple[str, Command] | None:
        """Return a shard and what it is to do next; None where nothing is left to do.

        Ids of what comes in and of what goes out are apart in a shard: what is given back comes in under its own id.
        """
        transfer = self.by_id[transfer_id]
        request = transfer.command
        terms = (request.account_id, request.asset, request.amount, transfer_id)
        if transfer.state == REQUESTED:
            return request.from_shard, TransferOut(*terms, request.to_shard, request.by, request.reason)
        if transfer.state == UNDER_WAY:
            return request.to_shard, TransferIn(*terms, request.from_shard, request.by, request.reason)
        if transfer.state == GIVING_BACK:
            return request.from_shard, TransferIn(*terms, request.to_shard, request.by, request.reason)
        return None
