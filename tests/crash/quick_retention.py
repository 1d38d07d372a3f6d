"""Runs `outcry serve` with a retention that looks every second and keeps only what the oldest snapshot needs.

    python -m tests.crash.quick_retention COMMAND...

COMMAND is what `ExchangeProcess` starts: an interpreter, `-c`, the program and its arguments. Only the age is left
out of account, which a test cannot wait for; how far retention may go and what it deletes is the exchange's own.
"""

import sys
from pathlib import Path

from gateway import timers
from matching.journal import JournalReader
from matching.retention import retention_bound

EVERYTHING_IS_OLD_NS = 1 << 62


def bound_without_age(journal: JournalReader, snapshots_dir: Path, *, keep_from_ns: int) -> int:
    """Return the first batch that has to stay, as if every batch were old enough to go."""
    return retention_bound(journal, snapshots_dir, keep_from_ns=max(keep_from_ns, EVERYTHING_IS_OLD_NS))


def main(arguments: list[str]) -> None:
    """Replace the age and the interval, and run the program in this process."""
    _, _, program, *rest = arguments
    vars(timers).update(RETENTION_SECONDS=1, retention_bound=bound_without_age)
    sys.argv = ["outcry", *rest]
    exec(compile(program, "outcry", "exec"), {"__name__": "__main__"})


if __name__ == "__main__":
    main(sys.argv[1:])
