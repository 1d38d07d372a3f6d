"""The engine and the slow reference say the same to orders with terms; invariants hold after each command.

The bounds of steps are judged in tests/matching; here no step has a bound.
"""

import random

import pytest

from matching import work
from matching.engine import Engine
from matching.events import Event, Execution, OrderListAnswered
from risk.engine import RiskEngine
from tests.model.flow import definitions
from tests.model.list_flow import ListFlow
from tests.model.reference_special import ReferenceSpecial
from tests.model.test_engine_against_reference import compare_money, without_text

STEP_MAX = 1_000_000
SOAK_SEEDS = range(1_000, 3_000)
PROGRESS_EVERY = 200
EVERY = (
    "display", "stop", "limited", "touched", "trail", "peg", "match", "time", "reduce", "linked", "wrong", "bracket",
)  # fmt: skip


def compare(kinds: tuple[str, ...], seed: int, steps: int, *, calm: bool, lists: float) -> dict[str, int]:
    """Run both side by side and return how often each ExecType was said, "E" for a list that was taken."""
    flow = ListFlow(random.Random(seed), calm=calm, kinds=kinds, share=0.6, lists=lists)
    engine, reference = Engine(RiskEngine()), ReferenceSpecial(STEP_MAX)
    said: dict[str, int] = {}
    setup = definitions()
    for seq in range(1, steps + 1):
        time_ns, command = (flow.time_ns, setup[seq - 1]) if seq <= len(setup) else flow.next()
        events: list[Event] = []
        engine.apply(seq, time_ns, command, events)
        expected = reference.apply(time_ns, command)
        assert without_text(events) == without_text(expected), f"seed {seed}, step {seq}: {command}"
        engine.check_invariants()
        compare_money(engine, reference)
        for event in events:
            kind: str = event.exec_type if isinstance(event, Execution) else ""
            if isinstance(event, OrderListAnswered) and event.order_ids:
                kind = "E"
            said[kind] = said.get(kind, 0) + 1
    return said


@pytest.fixture(autouse=True)
def no_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "ORDERS_PER_STEP_MAX", STEP_MAX)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kinds", "lists", "said"),
    [
        (("display",), 0, "0FD4C5"),
        (("match",), 0, "0F4C5"),
        (("display", "match"), 0, "0FD4C5"),
        (("stop", "limited", "touched"), 0, "0FL4C5"),
        (("trail", "limited"), 0, "0FL4C5"),
        (("time",), 0, "0F4C5"),
        (("reduce",), 0, "0F4C"),
        (("bracket",), 0, "0FDL4C5"),
        (("peg",), 0, "0FD4C5"),
        (("linked",), 0, "0FDL4C5"),
        (("display",), 0.4, "0FDL4C5E"),
        (EVERY, 0, "0FDL4C5"),
        (EVERY, 0.2, "0FDL4C5E"),
    ],
)
@pytest.mark.parametrize("seed", [1, 2])
def test_random_flow_gives_the_events_of_the_reference(
    kinds: tuple[str, ...], lists: float, said: str, seed: int
) -> None:
    found = compare(kinds, seed, 400, calm=seed != 2, lists=lists)
    assert seed == 2 or not set(said) - set(found), found


@pytest.mark.soak
def test_thousands_of_flows_give_the_events_of_the_reference(capsys: pytest.CaptureFixture[str]) -> None:
    for done, seed in enumerate(SOAK_SEEDS, start=1):
        kinds = EVERY if seed % 3 == 0 else EVERY[seed % len(EVERY) :][:2]
        compare(kinds, seed, 400, calm=seed % 5 != 0, lists=(0, 0.3)[seed % 2])
        if done % PROGRESS_EVERY == 0:
            with capsys.disabled():
                print(f"\nmodel of terms: {done} of {len(SOAK_SEEDS)} seeds, nothing found")
