"""What may happen in a simulated day, and how a seed becomes a list of it.

An action is a word and a number: the number decides all that the word leaves open, by itself. So actions can be left
out of a list without the others becoming others, and a failing day can be made smaller.
"""

from random import Random
from typing import Final, NamedTuple

STEPS: Final = 130
"""Actions of an ordinary day."""

WEIGHTS: Final = {
    "trade": 44,
    "burst": 4,
    "flood": 1,
    "idle": 10,
    "cut": 4,
    "log out": 1,
    "reset": 2,
    "ask resend": 3,
    "operate": 6,
    "auction": 3,
    "correct": 3,
    "wait": 3,
    "step clock": 1,
    "throw out": 1,
    "fail commit": 2,
    "slow commit": 2,
    "kill": 1,
    "kill at": 2,
    "lose power": 2,
    "restart": 1,
    "reconfigure": 1,
    "snapshot": 1,
}


class Action(NamedTuple):
    """One thing that happens; `draw` seeds all choices in it."""

    word: str
    draw: int


def plan(seed: int, steps: int = STEPS) -> list[Action]:
    """Return the actions of a seed's day."""
    random = Random(seed)
    words = random.choices(list(WEIGHTS), list(WEIGHTS.values()), k=steps)
    return [Action("begin", seed), *(Action(word, random.randrange(1 << 30)) for word in words)]
