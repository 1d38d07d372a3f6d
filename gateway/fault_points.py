"""The fault points of an exchange: every step of stage, commit, release, snapshot, retention, recovery and start.

Off unless `outcry serve --fault-point NAME:COUNT` names one; then the process kills itself with SIGKILL when NAME is
passed for the COUNT-th time. Those of a snapshot are passed in the snapshot process, and end that alone; all others
end the exchange. See matching.fault_points for how.
"""

from collections.abc import Callable
from typing import Final

from matching.fault_points import FaultPointError, arm, passed
from matching.journal import FAULT_POINTS as JOURNAL_FAULT_POINTS
from matching.journal import RETAIN_FAULT_POINTS
from matching.recovery import RECOVERY_FAULT_POINTS
from matching.snapshot_files import SNAPSHOT_FAULT_POINTS

__all__ = ["FAULT_POINTS", "FaultPointError", "fault_point", "no_fault", "passed"]

JOURNAL_PREFIX: Final = "commit."
BATCH_FAULT_POINTS: Final = (
    "stage.before",
    "commit.before",
    *(JOURNAL_PREFIX + name for name in JOURNAL_FAULT_POINTS),
    "commit.after",
    "release.before",
    "release.after",
)
STEP_FAULT_POINTS: Final = ("stage.after", "release.each")
"""Passed when the IO threads have the messages of a batch, and after each of them that was told to release."""
RESET_FAULT_POINT: Final = "anew.before"
"""Passed before reports of an ended epoch are staged anew."""
SHARDS_SENT: Final = "shards.sent"
"""Passed by the gateway of shards when it has sent them something, before the commit of what it took with that."""
SESSIONS_FAULT_POINTS: Final = ("sessions.before", "sessions.journaled", "sessions.wire")
"""Passed when sessions were read again: before their batch is begun, when it is in the journal, and before each that
the wire is told of.
"""
START_FAULT_POINTS: Final = (*RECOVERY_FAULT_POINTS, "configure.before", "configure.after")
"""Passed between the start of the process and the first connection that it accepts."""
FAULT_POINTS: Final = (
    *BATCH_FAULT_POINTS,
    *STEP_FAULT_POINTS,
    RESET_FAULT_POINT,
    SHARDS_SENT,
    *SESSIONS_FAULT_POINTS,
    *START_FAULT_POINTS,
    *RETAIN_FAULT_POINTS,
    *SNAPSHOT_FAULT_POINTS,
)
_for_snapshots: list[str] = []


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
    pass_or_die = arm(specification, FAULT_POINTS)
    _for_snapshots[:] = [specification] if specification.partition(":")[0] in SNAPSHOT_FAULT_POINTS else []
    return pass_or_die


def snapshot_options() -> list[str]:
    """Options that arm the snapshot process, the first one that is started: the one after it has to live."""
    specification = _for_snapshots.pop() if _for_snapshots else ""
    return ["--fault-point", specification] if specification else []
