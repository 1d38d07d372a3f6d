"""The engine and the judge say the same to orders with terms over trading phases and their auctions."""

import random

import pytest

from matching import work
from matching.engine import Engine
from matching.events import AuctionEnded, Event, Execution, TradingPhaseSet
from risk.engine import RiskEngine
from tests.model.auction_flow import AuctionFlow
from tests.model.flow import definitions
from tests.model.special_phases import SpecialPhases
from tests.model.test_engine_against_reference import compare_money, without_text
from tests.model.test_terms_against_reference import EVERY, STEP_MAX

SOAK_SEEDS = range(1_000, 2_000)
PROGRESS_EVERY = 100


@pytest.fixture(autouse=True)
def no_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "ORDERS_PER_STEP_MAX", STEP_MAX)


def compare_auctions(kinds: tuple[str, ...], seed: int, steps: int, *, lists: float) -> int:
    """Run both side by side and return how many fills were an auction's."""
    flow = AuctionFlow(random.Random(seed), kinds=kinds, lists=lists)
    engine, reference = Engine(RiskEngine()), SpecialPhases(STEP_MAX)
    fills = 0
    setup = definitions()
    for seq in range(1, steps + 1):
        time_ns, command = (flow.time_ns, setup[seq - 1]) if seq <= len(setup) else flow.next()
        events: list[Event] = []
        engine.apply(seq, time_ns, command, events)
        expected = reference.apply(time_ns, command)
        assert without_text(events) == without_text(expected), f"seed {seed}, step {seq}: {command}"
        engine.check_invariants()
        compare_money(engine, reference)
        flow.has_work = engine.has_work
        assert flow.has_work == bool(reference.works), f"seed {seed}, step {seq}: {command}"
        for event in events:
            if isinstance(event, TradingPhaseSet):
                flow.phases[event.instrument_id] = event.phase
            fills += isinstance(event, Execution) and event.is_auction
            if isinstance(event, AuctionEnded):
                check_uncrossed(engine, event.instrument_id)
    return fills


def check_uncrossed(engine: Engine, instrument_id: int) -> None:
    """Behind an auction no buy stands at or above a sell."""
    bids, asks = engine.depth(instrument_id, 1)
    assert not bids or not asks or bids[0][0] < asks[0][0], f"{bids} and {asks} behind an auction"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kinds", "lists"),
    [
        (("display",), 0.0),
        (("match", "display"), 0.0),
        (("stop", "limited", "touched", "trail"), 0.0),
        (("reduce", "time"), 0.0),
        (("linked",), 0.4),
        (("bracket",), 0.2),
        (EVERY, 0.2),
    ],
)
@pytest.mark.parametrize("seed", [1, 2])
def test_random_flow_over_auctions_gives_the_events_of_the_reference(
    kinds: tuple[str, ...], lists: float, seed: int
) -> None:
    assert compare_auctions(kinds, seed, 500, lists=lists) > 0


@pytest.mark.soak
def test_a_thousand_flows_over_auctions_give_the_events_of_the_reference(capsys: pytest.CaptureFixture[str]) -> None:
    for done, seed in enumerate(SOAK_SEEDS, start=1):
        kinds = EVERY if seed % 3 == 0 else EVERY[seed % len(EVERY) :][:2]
        compare_auctions(kinds, seed, 500, lists=(0, 0.3)[seed % 2])
        if done % PROGRESS_EVERY == 0:
            with capsys.disabled():
                print(f"\nmodel of auctions: {done} of {len(SOAK_SEEDS)} seeds, nothing found")
