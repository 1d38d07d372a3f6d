"""When work over a whole scope goes on with a step, so that the orders of others wait for as few commits as can be.

A step brings hundreds of messages into its batch. So what comes in while work goes on gets a batch without a step, the
next step waits until that is committed, and a step's batch that is complete is committed together with it, not before
it. Once for each step: input without end does not stop the work. Owner: the matching thread.
"""

from typing import Final

from gateway.pipeline import Pipeline

STEP_BATCHES_MAX: Final = 2
"""Batches that may wait for their commit when a step of work over a whole scope is begun."""


class WorkTurns:
    """`_held_for` is the batch that the next step waits for; `_has_given_way`: since the last step one was held."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._held_for = 0
        self._has_given_way = False

    def gives_way(self) -> bool:
        """Tell whether a step gives way to the input of this turn, which is the next batch; once for each step."""
        if self._has_given_way:
            return False
        self._has_given_way, self._held_for = True, self._pipeline.next_batch_seq
        return True

    def may_step(self) -> bool:
        """Tell whether a step may be begun: its batches may not pile up, or the orders of others wait for all."""
        return len(self._pipeline.pending) < STEP_BATCHES_MAX and not self._waits()

    def stepped(self) -> None:
        """A step is begun: the next one may give way again."""
        self._has_given_way = False

    def holds_commit(self) -> bool:
        """Tell whether what is complete waits for the batch of others, which the IO threads have still to encode."""
        return self._waits() and bool(self._pipeline.pending[self._place()].parts_missing)

    def _waits(self) -> bool:
        """Whether the batch that a step has given way to is not committed yet."""
        return 0 <= self._place() < len(self._pipeline.pending)

    def _place(self) -> int:
        """Return where that batch stands among those that are not committed; outside of them where it is none."""
        pending = self._pipeline.pending
        return self._held_for - pending[0].batch.batch_seq if pending else -1
