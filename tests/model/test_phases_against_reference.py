"""The engine and the judge of phases say the same to the same commands, auctions in steps and all."""

import random

import pytest

from matching import work
from matching.engine import Engine
from matching.events import AuctionEnded, Event, TradingPhaseSet
from risk.engine import RiskEngine
from tests.model.flow import definitions
from tests.model.plain_phase_flow import PlainPhaseFlow
from tests.model.reference_phases import PhasedExchange
from tests.model.test_engine_against_reference import STEP_MAX, compare_money, without_text


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two trades of an auction, four expiries in a step."""
    monkeypatch.setattr(work, "ORDERS_PER_STEP_MAX", STEP_MAX)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_random_flow_over_phases_gives_the_events_of_the_reference(seed: int) -> None:
    flow = PlainPhaseFlow(random.Random(seed))
    engine, reference = Engine(RiskEngine()), PhasedExchange(STEP_MAX)
    executed = 0
    setup = definitions()
    for seq in range(1, 601):
        time_ns, command = (flow.time_ns, setup[seq - 1]) if seq <= len(setup) else flow.next()
        events: list[Event] = []
        engine.apply(seq, time_ns, command, events)
        assert without_text(events) == without_text(reference.apply(time_ns, command)), f"step {seq}: {command}"
        engine.check_invariants()
        compare_money(engine, reference)
        flow.has_work = engine.has_work
        assert flow.has_work == bool(reference.works)
        for event in events:
            if isinstance(event, TradingPhaseSet):
                flow.phases[event.instrument_id] = event.phase
            executed += isinstance(event, AuctionEnded) and event.qty > 0
    assert executed > 0
