"""Fault points: named places at which a test may end the process at once, as a power cut would.

A process arms at most one, when it starts; all others are passed, and so are all of them where none is armed. What is
passed often (each batch) asks a function that it was given; what is passed seldom (recovery, snapshots, retention)
asks `passed`, so that nothing has to be handed down for a test's sake.
"""

import os
import signal
from collections.abc import Callable, Collection

_armed: list[Callable[[str], None]] = []
"""The one that is armed in this process. Written by the main thread before any other is there."""


class FaultPointError(ValueError):
    """A fault point that does not exist, or a count that is none."""


def passed(name: str) -> None:
    """Go on, or die here."""
    for pass_or_die in _armed:
        pass_or_die(name)


def arm(specification: str, names: Collection[str]) -> Callable[[str], None]:
    """Arm one fault point in this process; return what `passed` asks from now on.

    Args:
        specification: NAME:COUNT; the process dies when NAME is passed for the COUNT-th time.
        names: the fault points that this process has.

    Raises:
        FaultPointError: no such name, or the count is not a whole number from 1.
    """
    name, _, count_text = specification.partition(":")
    if name not in names:
        raise FaultPointError(f"fault point {name!r} is not known, allowed: {', '.join(names)}")
    if not (count_text or "1").isdigit() or int(count_text or "1") < 1:
        raise FaultPointError(f"fault point count {count_text!r}, allowed: a whole number from 1")
    left = int(count_text or "1")

    def pass_or_die(found: str) -> None:
        nonlocal left
        if found == name:
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)

    _armed[:] = [pass_or_die]
    return pass_or_die
