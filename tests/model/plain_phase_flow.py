"""Random plain orders over changing trading phases, for the comparison with the reference."""

import random
from typing import Any

from matching import commands as c
from tests.model.flow import Flow
from tests.model.reference_phases import MAY_FOLLOW


class PlainPhaseFlow(Flow):
    """Phases change mostly along the table; in calls there are more market orders and prices that cross."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__(rng, calm=True)
        self.phases: dict[int, str] = {1: "continuous", 2: "continuous", 3: "continuous"}

    def next(self) -> tuple[int, c.Command]:
        time_ns, command = super().next()
        draw = self.rng.random()
        if draw < 0.05:
            return time_ns, self.phase()
        if draw < 0.08:
            return time_ns, c.TellIndicativePrice(self.rng.choice((1, 1, 2, 3, 9)))
        return time_ns, command

    def phase(self) -> c.Command:
        number = self.rng.choice((1, 1, 2, 3))
        known = tuple(MAY_FOLLOW)
        wanted: Any = self.rng.choice(MAY_FOLLOW[self.phases[number]] if self.rng.random() < 0.9 else known)
        if wanted in ("halted", "closed") and self.rng.random() < 0.6:
            wanted = "continuous"
        return c.SetTradingPhase(number, wanted, "ops", "", self.rng.choice((0, 0, 77, -1)))
