"""Random flow over phases: invariants hold, an auction has one price, depth is told, restarts change nothing."""

import random

import pytest

from gateway.depth_view import DepthView
from matching import work
from matching.engine import Engine
from matching.events import AuctionEnded, Event, Execution, TradingPhaseSet
from risk.engine import RiskEngine
from tests.matching.test_special_flow import check_depth, check_self_match, restart_after_each, stream
from tests.model.phase_flow import PhaseFlow


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make auctions of more than two trades go on in steps."""
    monkeypatch.setattr(work, "ORDERS_PER_STEP_MAX", 4)


class Auctions:
    """Adds up the fills of each auction and compares them with what its end says."""

    def __init__(self) -> None:
        self.fills: dict[int, list[Execution]] = {}
        self.executed = 0

    def look(self, event: Event) -> None:
        """Take one event."""
        if isinstance(event, Execution) and event.exec_type == "F" and event.is_auction:
            self.fills.setdefault(event.instrument_id, []).append(event)
        elif isinstance(event, AuctionEnded):
            fills = self.fills.pop(event.instrument_id, [])
            assert {fill.last_price for fill in fills} <= {event.price}, "an auction has one price"
            assert sum(fill.last_qty for fill in fills if fill.side == "1") == event.qty
            assert sum(fill.last_qty for fill in fills if fill.side == "2") == event.qty
            self.executed += event.qty > 0


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 8))
def test_random_flow_over_phases(seed: int) -> None:
    flow = PhaseFlow(random.Random(seed))
    engine, auctions = Engine(RiskEngine()), Auctions()
    views: dict[int, DepthView] = {number: DepthView(0, [], []) for number in (1, 2, 3)}
    for time_ns, command in stream(flow, 900):
        events: list[Event] = []
        engine.apply(engine.seq + 1, time_ns, command, events)
        engine.check_invariants()
        flow.has_work = engine.has_work
        for event in events:
            auctions.look(event)
            if isinstance(event, Execution):
                views[event.instrument_id].fold(event)
            elif isinstance(event, TradingPhaseSet):
                flow.phases[event.instrument_id] = event.phase
        if len(engine.instruments) == 3:
            check_depth(engine, views)
        check_self_match(engine, events)
        if flow.rng.random() < 0.1:
            data = engine.snapshot()
            engine = Engine(RiskEngine())
            engine.load(data)
            assert engine.snapshot() == data
            engine.check_invariants()
    assert auctions.executed > 0


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(60, 65))
def test_restarted_engine_says_the_same_over_phases(seed: int) -> None:
    restart_after_each(list(stream(PhaseFlow(random.Random(seed), share=0.6, pairs=True), 400)))
