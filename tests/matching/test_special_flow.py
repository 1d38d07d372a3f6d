"""Random flow with terms: invariants hold after each command, a restart changes nothing, depth is told truly, and no
two orders of one self-match id ever trade.
"""

import random
from collections.abc import Iterator

import pytest

from gateway.depth_view import BID, OFFER, DepthView
from matching import work
from matching.commands import Command
from matching.engine import Engine
from matching.events import Event, Execution
from risk.engine import RiskEngine
from tests.matching.standing import standing
from tests.model.flow import definitions
from tests.model.special_flow import SpecialFlow


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make cascades of more than four orders go on in steps."""
    monkeypatch.setattr(work, "ORDERS_PER_STEP_MAX", 4)


def stream(flow: SpecialFlow, steps: int) -> Iterator[tuple[int, Command]]:
    for command in definitions():
        yield flow.time_ns, command
    for _ in range(steps):
        yield flow.next()


def check_depth(engine: Engine, views: dict[int, DepthView]) -> None:
    for instrument_id, view in views.items():
        bids, asks = engine.depth(instrument_id, 0)
        assert view.top(BID, 0) == {-price: (qty, count) for price, qty, count in bids}
        assert view.top(OFFER, 0) == {price: (qty, count) for price, qty, count in asks}


def restart_after_each(commands: list[tuple[int, Command]]) -> None:
    """An engine that is restarted from its snapshot after each command says what one says that goes on."""
    steady, restarted = Engine(RiskEngine()), Engine(RiskEngine())
    for number, (time_ns, command) in enumerate(commands):
        one: list[Event] = []
        other: list[Event] = []
        steady.apply(number + 1, time_ns, command, one)
        restarted.apply(number + 1, time_ns, command, other)
        assert one == other, command
        data = restarted.snapshot()
        assert data == steady.snapshot()
        restarted = Engine(RiskEngine())
        restarted.load(data)
        assert standing(restarted) == standing(steady), command
        assert restarted.has_work == steady.has_work, command


def check_self_match(engine: Engine, events: list[Event]) -> None:
    """No trade joins two orders of one id and one firm."""
    fills: dict[int, list[Execution]] = {}
    for event in events:
        if isinstance(event, Execution) and event.exec_type == "F":
            fills.setdefault(event.trade_id, []).append(event)
    for one, other in fills.values():
        ids = [each.terms.self_match_id if each.terms else "" for each in (one, other)]
        firms = [engine.accounts[each.account_id].firm for each in (one, other)]
        is_own = one.account_id == other.account_id or firms[0] == firms[1]
        assert not (ids[0] and ids[0] == ids[1] and is_own), f"orders of one id traded: {one} {other}"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_random_flow_with_terms(seed: int) -> None:
    flow = SpecialFlow(random.Random(seed), calm=seed % 4 != 0)
    engine = Engine(RiskEngine())
    views: dict[int, DepthView] = {number: DepthView(0, [], []) for number in (1, 2, 3)}
    types: dict[str, int] = {}
    for time_ns, command in stream(flow, 700):
        events: list[Event] = []
        engine.apply(engine.seq + 1, time_ns, command, events)
        engine.check_invariants()
        flow.has_work = engine.has_work
        for event in events:
            if isinstance(event, Execution):
                types[event.exec_type] = types.get(event.exec_type, 0) + 1
                views[event.instrument_id].fold(event)
        if len(engine.instruments) == 3:
            check_depth(engine, views)
        check_self_match(engine, events)
        if flow.rng.random() < 0.1:
            data = engine.snapshot()
            engine = Engine(RiskEngine())
            engine.load(data)
            assert engine.snapshot() == data
            engine.check_invariants()
    assert min(types.get(kind, 0) for kind in "F0D4C8I5L") > 0, types


@pytest.mark.slow
@pytest.mark.parametrize("seed", [50, 51])
def test_restarted_engine_says_the_same_with_terms(seed: int) -> None:
    restart_after_each(list(stream(SpecialFlow(random.Random(seed)), 400)))
