"""Fault points: places on the way of a batch where a test may end the process at once, as a power cut would.

Off unless `outcry serve --fault-point NAME:COUNT` names one; then the process kills itself with SIGKILL when NAME is
passed for the COUNT-th time. Names: those below, and those of the journal with `commit.` in front. Every batch passes
the first group; RESET_FAULT_POINT is passed before reports of an ended epoch are staged anew.
"""

import os
import signal
from collections.abc import Callable
from typing import Final

from matching.journal import FAULT_POINTS as JOURNAL_FAULT_POINTS

JOURNAL_PREFIX: Final = "commit."
BATCH_FAULT_POINTS: Final = (
    "stage.before",
    "commit.before",
    *(JOURNAL_PREFIX + name for name in JOURNAL_FAULT_POINTS),
    "commit.after",
    "release.before",
    "release.after",
)
RESET_FAULT_POINT: Final = "anew.before"
FAULT_POINTS: Final = (*BATCH_FAULT_POINTS, RESET_FAULT_POINT)


class FaultPointError(ValueError):
    """A fault point that does not exist, or a count that is none."""


def no_fault(_name: str) -> None:
    """Pass every fault point."""


def fault_point(specification: str) -> Callable[[str], None]:
    """Return the function that passes all fault points but one.

    Args:
        specification: NAME:COUNT, COUNT at least 1; "" for none.

    Raises:
        FaultPointError: no such name, or the count is not a whole number from 1.
    """
    if not specification:
        return no_fault
    name, _, count_text = specification.partition(":")
    if name not in FAULT_POINTS:
        raise FaultPointError(f"fault point {name!r} is not known, allowed: {', '.join(FAULT_POINTS)}")
    if not (count_text or "1").isdigit() or int(count_text or "1") < 1:
        raise FaultPointError(f"fault point count {count_text!r}, allowed: a whole number from 1")
    left = int(count_text or "1")

    def pass_or_die(passed: str) -> None:
        nonlocal left
        if passed == name:
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)

    return pass_or_die
