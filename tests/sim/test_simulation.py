"""Simulated days: none of an ordinary seed fails; each planted fault is found, printed and made small.

A day that fails prints its seed and its actions; `python -m tests.sim SEED` repeats it.
"""

import time
from typing import Final

import pytest

from tests.sim.actions import plan
from tests.sim.bugs import BUGS, EXPECTED
from tests.sim.run import first_failure, run_day, shrink

SHORT_SEEDS: Final = range(1, 21)
BUG_SEEDS_MAX: Final = 200
SOAK_SEEDS: Final = range(1_000, 4_000)
SOAK_STEPS: Final = 200
PROGRESS_EVERY: Final = 100
MEASURED_EVERY: Final = 10


@pytest.mark.slow
@pytest.mark.parametrize("seed", SHORT_SEEDS)
def test_nothing_is_found_on_an_ordinary_day(seed: int) -> None:
    outcome = run_day(seed, plan(seed))
    assert outcome.finding is None, outcome.text()


@pytest.mark.slow
@pytest.mark.parametrize("name", BUGS)
def test_a_planted_fault_is_found(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = first_failure(range(BUG_SEEDS_MAX), BUGS[name])
    assert outcome is not None, f"{name} was not found by {BUG_SEEDS_MAX} seeds"
    assert outcome.finding is not None
    with capsys.disabled():
        place = f"seed {outcome.seed}, the {outcome.seed + 1}. of {BUG_SEEDS_MAX}"
        print(f"\n{name}: found by {place}: {outcome.finding.kind}")
    assert outcome.finding.kind in EXPECTED[name], outcome.text()


@pytest.mark.slow
def test_a_seed_decides_all_of_its_day() -> None:
    first, second = (run_day(7, plan(7)) for _ in range(2))
    assert first.trace == second.trace
    assert first.records == second.records


@pytest.mark.slow
def test_a_failing_day_is_made_small() -> None:
    bug = BUGS["leaked hold"]
    outcome = first_failure(range(BUG_SEEDS_MAX), bug, steps=40)
    assert outcome is not None
    small = shrink(outcome, bug, runs_max=60)
    assert small.finding is not None
    assert small.finding.kind == "holds"
    assert len(small.actions) < len(outcome.actions) // 2
    assert f"seed {outcome.seed}: holds" in small.text()
    assert small.text().endswith(f"python -m tests.sim {outcome.seed} --steps 40 --small")


@pytest.mark.soak
def test_nothing_is_found_on_thousands_of_days(capsys: pytest.CaptureFixture[str]) -> None:
    begin = time.monotonic()
    for done, seed in enumerate(SOAK_SEEDS):
        outcome = run_day(seed, plan(seed, SOAK_STEPS))
        if outcome.finding is not None:
            pytest.fail(f"{outcome.text()}\n\nmade smaller:\n{shrink(outcome).text()}")
        each = (time.monotonic() - begin) / (done + 1)
        with capsys.disabled():
            if done + 1 == MEASURED_EVERY:
                total = each * len(SOAK_SEEDS) / 60
                print(f"\nsimulation: {len(SOAK_SEEDS)} days of {SOAK_STEPS} actions, about {total:.0f} minutes")
            if (done + 1) % PROGRESS_EVERY == 0:
                print(f"simulation: {done + 1} of {len(SOAK_SEEDS)} days, nothing found, {each:.2f} s a day")
