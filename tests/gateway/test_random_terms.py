"""Random orders and replaces, many of them senseless: each is answered in words of every version."""

import random
from typing import Any, Final

import pytest

from gateway.reports import ReportWriter
from gateway.translation import Translator
from matching import refusals
from matching.commands import NewOrder, RefuseCancel, RefuseOrder, ReplaceOrder
from matching.events import CancelRejected, Event, Execution, OrderRefused
from tests.gateway.test_order_terms import session_with
from tests.gateway.test_stock_dictionaries import JUDGES
from tests.gateway.test_translation import terms
from tests.matching.harness import Harness

E8: Final = 10**8
MESSAGES: Final = 600
DAY_NS: Final = 86_400 * 10**9
PRICES: Final = [None, None, 99 * E8, 100 * E8, 101 * E8, 5_000 * E8, 0, -E8, 100 * E8 + 1, "1e9"]
QUANTITIES: Final = [E8, 10 * E8, 50 * E8, 50 * E8, 0, None, E8 // 2, -E8, "9" * 40]
ORD_TYPES: Final = ["1", "2", "3", "4", "J", "P", "K", None]
TIMES: Final = [None, "0", "1", "3", "4", "6", "9"]
EXEC_INSTS: Final = [None, "6", "E", "R", "M", "P", "a", "6 E", "R M", "G"]
VALUES: Final[dict[int, list[Any]]] = {
    15: ["USD", "EUR"],
    99: [*PRICES[2:], 99 * E8, 101 * E8],
    110: ["1"],
    111: [E8, 10 * E8, 60 * E8, 0, E8 // 2, "x"],
    126: [2 * DAY_NS, 1, "no time"],
    211: [-E8, E8, 2 * E8, 0, 1, "x"],
    432: ["19700103", "19700230", ""],
    583: ["pair", "other", "x" * 65],
    1094: ["2", "4", "5", "7", "8"],
    1100: ["4", "1"],
    1102: [99 * E8, 101 * E8],
    1107: ["2", "1"],
    1109: ["U", "D"],
    1138: [E8, 10 * E8, 60 * E8],
    2362: ["desk", "other", "x" * 65],
    2964: ["1", "2", "3", "4", "9"],
    5951: ["L", "M", "X"],
    5952: [103 * E8, 97 * E8, 1],
    5953: [97 * E8, 103 * E8, 0],
}


SENSIBLE: Final[list[tuple[tuple[Any, ...], dict[int, Any]]]] = [
    (("1", None, 10 * E8, None, None), {}),
    (("2", 100 * E8, 50 * E8, "0", None), {}),
    (("2", 99 * E8, 50 * E8, "1", "6"), {}),
    (("2", 101 * E8, 50 * E8, "0", None), {111: 10 * E8}),
    (("2", 100 * E8, 10 * E8, "6", None), {126: 2 * DAY_NS}),
    (("2", 100 * E8, 10 * E8, "3", None), {2362: "desk", 2964: "2"}),
    (("3", None, 10 * E8, "1", None), {99: 101 * E8}),
    (("3", None, 10 * E8, None, "a"), {211: E8}),
    (("4", 99 * E8, 10 * E8, "0", None), {1102: 99 * E8, 1107: "2"}),
    (("J", None, 10 * E8, "0", None), {99: 99 * E8, 5951: "M"}),
    (("P", 101 * E8, 10 * E8, "0", "R"), {}),
    (("P", None, 10 * E8, "6", None), {1094: "2", 211: -E8, 432: "19700103"}),
    (("2", 100 * E8, 10 * E8, "0", None), {5952: 103 * E8, 5953: 97 * E8}),
    (("2", 100 * E8, 10 * E8, "0", "E"), {}),
    (("2", 101 * E8, 10 * E8, "0", None), {583: "pair"}),
    (("3", None, 10 * E8, "0", None), {583: "pair", 99: 99 * E8}),
]


def random_order(draw: random.Random) -> tuple[Any, ...]:
    """OrdType, Price, OrderQty, TimeInForce, ExecInst and terms: sensible, or with something changed in it."""
    kind, given = draw.choice(SENSIBLE)
    fields, more = list(kind), dict(given)
    if draw.random() < 0.3:
        at = draw.randrange(len(fields))
        fields[at] = draw.choice((ORD_TYPES, PRICES, QUANTITIES, TIMES, EXEC_INSTS)[at])
    if draw.random() < 0.3:
        tag = draw.choice(sorted(VALUES))
        more[tag] = draw.choice(VALUES[tag])
    if more and draw.random() < 0.1:
        del more[draw.choice(sorted(more))]
    return (*fields, terms(more))


def judged(event: Event, reports: ReportWriter) -> None:
    """Assert that every version can be told what has happened."""
    for version, judge in JUDGES.items():
        if isinstance(event, Execution):
            assert judge.faults("8", reports.execution(event, version)) == [], event
        elif isinstance(event, OrderRefused):
            assert judge.faults("8", reports.refused(event, version)) == [], event
        elif isinstance(event, CancelRejected):
            assert judge.faults("9", reports.cancel_rejected(event, version)) == [], event


def answers(events: list[Event], cl_ord_id: str) -> list[Event]:
    """Return what was said about a request; of a replace to the session that entered the order."""
    return [
        event
        for event in events
        if isinstance(event, Execution | OrderRefused | CancelRejected) and event.cl_ord_id == cl_ord_id
    ]


@pytest.mark.parametrize("seed", range(4))
def test_every_order_and_replace_is_answered_and_leaves_nothing_behind(seed: int) -> None:
    """The harness checks all invariants after each command: books, holds, triggers, lists."""
    draw = random.Random(seed)
    harness = Harness()
    sessions = [session_with(), session_with(self_match_id="desk", self_match_mode="both", trigger="mark")]
    for number, session in enumerate(sessions, start=1):
        session.session_id = number
        session.accounts = {None: number, f"ACC{number}": number}
    symbols = {instrument.symbol: instrument for instrument in harness.engine.instruments.values()}
    translator = Translator(symbols, {"19700103": 3 * DAY_NS}.get)
    reports = ReportWriter(harness.engine.instruments, {1: "ACC1", 2: "ACC2", 3: "ACC3"})
    names = [""]
    accepted = 0
    for number in range(MESSAGES):
        session, cl_ord_id = draw.choice(sessions), f"c{number}"
        head = (draw.choice(["AAPL", "AAPL", "BTC-PERP"]), draw.choice("12"))
        *kind, given = random_order(draw)
        if draw.random() < 0.7:
            values = (cl_ord_id, None, *head, *kind, given)
            command = translator.new_order(session, number, False, values)
            assert isinstance(command, NewOrder | RefuseOrder)
        else:
            values = (cl_ord_id, draw.choice(names), None, *head, *kind, None, given)
            command = translator.replace_order(session, number, False, values)
            assert isinstance(command, ReplaceOrder | RefuseCancel)
        before = harness.engine.statistics()["open_orders"]
        events = harness.apply(command)
        said = answers(events, cl_ord_id)
        assert said, (command, events)
        if isinstance(command, RefuseOrder | RefuseCancel):
            assert command.code in refusals.TABLE, command
            assert harness.engine.statistics()["open_orders"] == before
        first = said[0]
        if isinstance(first, Execution) and first.exec_type in "05":
            accepted += 1
            names.append(cl_ord_id)
        for event in events:
            judged(event, reports)
    assert accepted > MESSAGES // 20, accepted
