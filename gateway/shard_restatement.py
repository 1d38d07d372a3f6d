"""A restatement over several shards: what they have said of a member's orders, kept true until it is told.

Shards answer at different moments, and all is told when the last has. What a shard reports meanwhile goes to the member
at once; so the answers follow it, or a restatement would take back what a report before it has said. Part of the
gateway's state. Owner: the matching thread.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from matching.events import Execution, MassStatusReported
from matching.restatement import restated

NO_EXEC_ID: Final = 0
"""Of an order that came after its shard had answered: it gets an ExecID(17) of the gateway when it is told."""


class Restatement:
    """The answers to one request, in the order in which they are told, and the place of each order among them.

    An answer without an execution is of an order that has closed: it is not told.
    """

    def __init__(self, comp_id: str, answers: list[MassStatusReported]) -> None:
        self.comp_id = comp_id
        self.answers = answers
        self._places = {
            said.execution.order_id: place for place, said in enumerate(answers) if said.execution is not None
        }

    def add(self, said: MassStatusReported) -> None:
        """Take a shard's answer."""
        assert said.execution is not None, "an answer that is no marker tells of an order"
        self._places[said.execution.order_id] = len(self.answers)
        self.answers.append(said)

    def follow(self, event: Execution, comp_id: str, *, told: int, takes_new: bool) -> None:
        """Take what has become of an order. `told` answers were told; `takes_new`: others may still come up."""
        if comp_id != self.comp_id or not event.order_id:
            return
        place = self._places.get(event.order_id)
        if place is None:
            if takes_new and event.leaves_qty:
                self.add(MassStatusReported(NO_EXEC_ID, 0, "", 0, False, _as_restated(event, NO_EXEC_ID)))
        elif place >= told:
            said = self.answers[place]
            execution = _as_restated(event, said.exec_id) if event.leaves_qty else None
            self.answers[place] = msgspec.structs.replace(said, execution=execution)

    def open_from(self, begin: int, end: int) -> Iterator[Execution]:
        """Yield what is to be told of the answers from `begin` to before `end`."""
        for said in self.answers[begin:end]:
            if said.execution is not None:
                yield said.execution


def _as_restated(event: Execution, exec_id: int) -> Execution:
    """Return the restatement of the order that a report was about: its state, without what happened to it."""
    return msgspec.structs.replace(
        restated(event),
        exec_id=exec_id,
        orig_cl_ord_id="",
        last_price=0,
        last_qty=0,
        trade_id=0,
        is_aggressor=False,
        is_auction=False,
        reason=0,
        code=0,
        prior_price=0,
        prior_leaves=0,
        exec_ref_id=0,
        ord_status_req_id="",
    )
