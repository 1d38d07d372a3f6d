"""`python -m tests.sim SEED [--steps N] [--days N] [--small] [--bug NAME]`: repeats simulated days.

Exit code 1: something was found.
"""

import argparse
import sys
from contextlib import nullcontext

from tests.sim.actions import STEPS, plan
from tests.sim.bugs import BUGS
from tests.sim.run import run_day, shrink


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tests.sim", description="One simulated day of the exchange.")
    parser.add_argument("seed", type=int, help="what decides the day")
    parser.add_argument("--steps", type=int, default=STEPS, help="actions of the day (default: %(default)s)")
    parser.add_argument("--days", type=int, default=1, help="days, of this seed and the next ones")
    parser.add_argument("--small", action="store_true", help="leave out of a failing day what is not needed to fail")
    parser.add_argument("--bug", choices=sorted(BUGS), help="plant one of the known faults")
    arguments = parser.parse_args()
    bug = BUGS[arguments.bug] if arguments.bug else nullcontext
    for seed in range(arguments.seed, arguments.seed + arguments.days):
        outcome = run_day(seed, plan(seed, arguments.steps), bug)
        if outcome.finding is not None:
            print(outcome.text())
            if arguments.small:
                print(shrink(outcome, bug).text())
            return 1
        print(f"seed {seed}: nothing found in {len(outcome.trace)} actions", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
