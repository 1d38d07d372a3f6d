"""Runs days: one, or one after the other until something is found; and makes a day that fails smaller."""

import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from tests.sim.actions import STEPS, Action, plan
from tests.sim.day import Day
from tests.sim.fix import FindingError

SHARED_MEMORY: Final = Path("/dev/shm")
"""Days are lived in memory where the machine allows it: what a disk may lose is simulated, not waited for."""
SHRINK_RUNS_MAX: Final = 400
Bug = Callable[[], AbstractContextManager[None]]


@dataclass
class Outcome:
    """How a day went: what was found, if anything, and what had happened until then.

    `planned` is how many steps its seed was given; a day that was made smaller has fewer actions.
    """

    seed: int
    actions: Sequence[Action]
    planned: int
    finding: FindingError | None = None
    trace: list[str] = field(default_factory=list)
    records: list[list[bytes]] = field(default_factory=list)
    """What each member received, in order."""

    def text(self) -> str:
        """Return all that is needed to repeat the day."""
        lines = [f"seed {self.seed}: {self.finding or 'nothing found'}", *(f"  {line}" for line in self.trace)]
        small = " --small" if len(self.actions) <= self.planned else ""
        return "\n".join([*lines, f"repeat it: python -m tests.sim {self.seed} --steps {self.planned}{small}"])


def run_day(seed: int, actions: Sequence[Action], bug: Bug = nullcontext) -> Outcome:
    """Run one day in a folder of its own."""
    outcome = Outcome(seed, actions, len(actions) - 1)
    memory = SHARED_MEMORY if os.access(SHARED_MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="outcry-sim-", dir=memory) as folder, bug():
        day = Day(Path(folder), seed)
        try:
            day.run(actions, outcome.trace)
        except FindingError as finding:
            outcome.finding = finding
        outcome.records = [[report.message for report in member.reports] for member in day.members]
    return outcome


def first_failure(seeds: Iterable[int], bug: Bug = nullcontext, *, steps: int = STEPS) -> Outcome | None:
    """Run days until one fails; None where none does."""
    for seed in seeds:
        outcome = run_day(seed, plan(seed, steps), bug)
        if outcome.finding is not None:
            return outcome
    return None


def shrink(outcome: Outcome, bug: Bug = nullcontext, *, runs_max: int = SHRINK_RUNS_MAX) -> Outcome:
    """Return the smallest day that was found in which the same judge objects: fewer steps, then fewer actions."""
    assert outcome.finding is not None, "only a day that fails is made smaller"
    best = outcome
    runs = 0
    size = max(len(best.actions) // 2, 1)
    while size and runs < runs_max:
        at, is_smaller = len(best.actions) - size, False
        # From the end on: what comes after the fault goes first, in big pieces.
        while at >= 0 and runs < runs_max:
            kept = [*best.actions[:at], *best.actions[at + size :]]
            runs += 1
            found = run_day(outcome.seed, kept, bug)
            if found.finding is not None and found.finding.kind == outcome.finding.kind:
                best, is_smaller = replace(found, planned=outcome.planned), True
            at -= size
        if not is_smaller or size > 1:
            size //= 2
    return best
