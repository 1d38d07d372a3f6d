"""The engine and the slow reference exchange say the same to the same commands; invariants hold after each."""

import random

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from matching import refusals, work
from matching.engine import Engine
from matching.events import CancelRejected, Event, Execution, MessageThrottled, OrderListAnswered, OrderRefused
from risk.engine import RiskEngine
from tests.model.flow import Flow, definitions
from tests.model.reference_exchange import ReferenceExchange
from tests.model.reference_risk import TRANSIT

STEP_MAX = 4
CODE_MIN = 9_999
"""Codes of refusals are above it, values of FIX below."""


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make work of more than four orders go on in steps, so that random flow meets it."""
    monkeypatch.setattr(work, "ORDERS_PER_STEP_MAX", STEP_MAX)


def without_text(events: list[Event]) -> list[Event]:
    """Return the events with empty texts, which are for people, and without codes, which have to agree with reasons."""
    return [_without_text(event) for event in events]


def _without_text(event: Event) -> Event:
    if isinstance(event, Execution | OrderRefused | CancelRejected | MessageThrottled):
        if event.code:
            assert event.code in refusals.TABLE
            of_cancel = isinstance(event, CancelRejected)
            if not isinstance(event, MessageThrottled):
                reason = (refusals.cxl_rej_reason if of_cancel else refusals.ord_rej_reason)(event.code)
                assert reason == event.reason, event
        return msgspec.structs.replace(event, text="", code=0)
    if isinstance(event, OrderListAnswered):
        # The reference has the reason of the first fault where the engine has its code.
        reason = refusals.ord_rej_reason(event.code) if event.code > CODE_MIN else event.code
        return msgspec.structs.replace(event, text="", code=reason)
    return msgspec.structs.replace(event, text="") if "text" in event.__struct_fields__ else event


def compare(flow: Flow, steps: int, reference: ReferenceExchange | None = None) -> Engine:
    """Run both exchanges side by side and assert equality after each command."""
    engine, reference = Engine(RiskEngine()), reference or ReferenceExchange(STEP_MAX)
    for seq in range(1, steps + 1):
        setup = definitions()
        time_ns, command = (flow.time_ns, setup[seq - 1]) if seq <= len(setup) else flow.next()
        events: list[Event] = []
        engine.apply(seq, time_ns, command, events)
        assert without_text(events) == without_text(reference.apply(time_ns, command)), f"step {seq}: {command}"
        engine.check_invariants()
        compare_money(engine, reference)
        flow.has_work = engine.has_work
        assert flow.has_work == bool(reference.works)
    return engine


def compare_money(engine: Engine, reference: ReferenceExchange) -> None:
    risk = engine.risk
    assert isinstance(risk, RiskEngine)
    for account_id in reference.risk.accounts:
        for asset in ("USD", "AAPL", "MSFT", "BTC-PERP"):
            expected = reference.risk.balance(account_id, asset), reference.risk.held(account_id, asset)
            assert risk.balance_of(account_id, asset) == expected, (account_id, asset)
    for asset in ("USD", "AAPL"):
        assert risk.in_transit(asset) == reference.risk.balance(TRANSIT, asset), asset


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_random_flow_gives_the_events_of_the_reference(seed: int) -> None:
    compare(Flow(random.Random(seed)), 500)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6, 10))
def test_calm_flow_trades_much_and_gives_the_events_of_the_reference(seed: int) -> None:
    engine = compare(Flow(random.Random(seed), calm=True), 600)
    assert engine.statistics()["trades"] > 60


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(rng=st.randoms(use_true_random=False), calm=st.booleans())
def test_any_flow_gives_the_events_of_the_reference(rng: random.Random, calm: bool) -> None:
    compare(Flow(rng, calm=calm), 90)
