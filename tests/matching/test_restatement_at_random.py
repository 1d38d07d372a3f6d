"""A client that takes all that its session is told, in its order, has the book at the end of every restatement.

Random flow with all kinds of orders, restatements in steps with others trading between them, restarts anywhere.
"""

import random

import pytest

from matching import work
from matching.commands import RequestMassStatus
from matching.engine import Engine
from matching.events import Event, Execution, MassStatusReported
from risk.engine import RiskEngine
from tests.model.flow import definitions
from tests.model.special_flow import SpecialFlow

SESSION, OTHER_OF_THE_MEMBER = 1, 2
Told = dict[int, tuple[int, int]]
"""LeavesQty and CumQty of open orders by id."""


class Client:
    """Knows nothing but what session 1 is told since the begin marker of the restatement that goes on."""

    def __init__(self) -> None:
        self.begun = -1
        self.known: Told = {}

    def take(self, event: Event) -> bool:
        """Take one event that the session is told; return whether it ends a restatement."""
        if isinstance(event, Execution) and event.session_id == SESSION and event.order_id:
            self._note(event)
        elif isinstance(event, MassStatusReported):
            if event.marker == "begin":
                self.begun, self.known = event.total, {}
            elif event.execution is not None:
                assert event.execution.exec_type == "D"
                self._note(event.execution)
            elif event.marker == "end":
                return True
        return False

    def _note(self, said: Execution) -> None:
        if said.leaves_qty:
            self.known[said.order_id] = said.leaves_qty, said.cum_qty
        else:
            self.known.pop(said.order_id, None)


def open_orders(engine: Engine, session_id: int) -> Told:
    """What a session's open orders are."""
    return {each.order_id: (each.leaves_qty, each.cum_qty) for each in engine.sessions[session_id].open_orders()}


def is_of_session(engine: Engine, order_id: int) -> bool:
    """Tell whether an order, open or closed, was entered by session 1."""
    order = engine.desk.orders.get(order_id)
    return order is not None and order.session.session_id == SESSION


@pytest.mark.slow
@pytest.mark.parametrize("step", [4, 500])
@pytest.mark.parametrize("seed", range(4))
def test_whoever_takes_all_messages_in_order_has_the_book(
    seed: int, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "ORDERS_PER_STEP_MAX", step)
    flow = SpecialFlow(random.Random(seed), calm=True)
    engine, client = Engine(RiskEngine()), Client()
    asked = answered = restated = 0
    commands = [(flow.time_ns, command) for command in definitions()]
    for number in range(900):
        if commands:
            time_ns, command = commands.pop(0)
        elif number % 30 == 0 and asked == answered:
            time_ns, command = flow.time_ns, RequestMassStatus(SESSION, 1, 1, f"r{number}", restates=True)
            asked += 1
        else:
            time_ns, command = flow.next()
        events: list[Event] = []
        engine.apply(engine.seq + 1, time_ns, command, events)
        flow.has_work = engine.has_work
        for at, event in enumerate(events):
            if not client.take(event):
                continue
            answered += 1
            restated += len(client.known)
            rest = [each for each in events[at + 1 :] if isinstance(each, Execution)]
            if not rest:
                own = open_orders(engine, SESSION)
                of_others = {key for key in client.known if key not in own and not is_of_session(engine, key)}
                assert {key: said for key, said in client.known.items() if key not in of_others} == own
            if step == 500 and isinstance(command, RequestMassStatus):
                assert client.known == open_orders(engine, SESSION) | open_orders(engine, OTHER_OF_THE_MEMBER)
                assert client.begun == len(client.known)
        if flow.rng.random() < 0.1:
            data = engine.snapshot()
            engine = Engine(RiskEngine())
            engine.load(data)
            assert engine.snapshot() == data
    assert answered > 10, "restatements came to their ends"
    assert restated > 40, "they told of orders"
