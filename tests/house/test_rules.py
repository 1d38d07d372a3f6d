"""Each rule of architecture finds what it is for, and leaves alone what looks like it. Violations are planted here."""

from collections.abc import Callable

import pytest

from tests.house import rules
from tests.house.rules import Module


def one(path: str, text: str) -> list[Module]:
    """A project of one module."""
    return [Module(path, text)]


@pytest.mark.parametrize(
    ("path", "line", "is_violation"),
    [
        ("matching/book.py", "from risk.limits import Limit", True),
        ("matching/book.py", "import gateway", True),
        ("matching/book.py", "from matching.types import BUY", False),
        ("risk/engine.py", "from config.settings import load", True),
        ("risk/engine.py", "from matching.types import BUY", False),
        ("risk/engine.py", "from matching.journal import Journal", True),
        ("config/settings.py", "from gateway.wire import Wire", True),
        ("config/settings.py", "from risk.texts import text", False),
        ("gateway/server.py", "from config.settings import load", False),
        ("gateway/server.py", "from tests.support import peer", True),
        ("matching/journal/store.py", "from ...risk import engine", True),
        ("matching/book.py", "def late() -> None:\n    import gateway.server", True),
    ],
)
def test_direction_of_imports(path: str, line: str, is_violation: bool) -> None:
    assert bool(rules.wrong_direction(one(path, line))) == is_violation


def test_cycle_is_named_as_a_chain() -> None:
    modules = [
        Module("matching/a.py", "from matching.b import x"),
        Module("matching/b.py", "import matching.c"),
        Module("matching/c.py", "from matching import a"),
    ]
    assert rules.cycles(modules) == ["matching.a → matching.b → matching.c → matching.a"]


@pytest.mark.parametrize(
    "text",
    [
        "def late() -> None:\n    from matching.a import x",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from matching.a import x",
    ],
)
def test_import_that_does_not_run_at_load_makes_no_cycle(text: str) -> None:
    modules = [Module("matching/a.py", "from matching.b import y"), Module("matching/b.py", text)]
    assert rules.cycles(modules) == []


@pytest.mark.parametrize(
    ("path", "line", "is_violation"),
    [
        ("gateway/reports.py", "import quickfix", True),
        ("gateway/reports.py", "import lmdb", True),
        ("matching/engine.py", "from lmdb import Environment", True),
        ("matching/journal/store.py", "import lmdb", False),
        ("gateway/reports.py", "from socket import create_connection", True),
        ("gateway/client/client.py", "import socket", False),
        ("gateway/exchange.py", "import rich.table", True),
        ("gateway/cli/status_tables.py", "from rich.table import Table", False),
    ],
)
def test_owners(path: str, line: str, is_violation: bool) -> None:
    assert bool(rules.strangers(one(path, line))) == is_violation


@pytest.mark.parametrize(
    ("path", "text", "is_violation"),
    [
        ("matching/clock.py", "time.time_ns()", False),
        ("matching/engine.py", "time.time_ns()", True),
        ("matching/engine.py", "time.monotonic()", True),
        ("gateway/exchange.py", "time.monotonic_ns()", False),
        ("gateway/exchange.py", "time.time()", True),
        ("gateway/exchange.py", "datetime.datetime.now(UTC)", True),
        ("gateway/client/session.py", "datetime.now(UTC)", False),
        ("config/settings.py", "date.today()", True),
    ],
)
def test_clocks(path: str, text: str, is_violation: bool) -> None:
    assert bool(rules.wall_clocks(one(path, text))) == is_violation


@pytest.mark.parametrize(
    ("path", "text", "is_violation"),
    [
        ("matching/shard.py", "threading.Thread(target=run)", False),
        ("matching/engine.py", "threading.Thread(target=run)", True),
        ("gateway/exchange.py", "Thread(target=run)", True),
        ("gateway/exchange.py", "threading.get_ident()", False),
        ("gateway/server.py", "os.sched_setaffinity(0, {1})", True),
    ],
)
def test_threads(path: str, text: str, is_violation: bool) -> None:
    assert bool(rules.threads(one(path, text))) == is_violation


PLANTED = [
    "import random",
    "from time import monotonic",
    "import os",
    "price = 0.5",
    "half = qty / 2",
    "qty /= 2",
    "price = float(text)",
    "place = hash(cl_ord_id)",
    "order = id(self)",
    "for order in {1, 2}:\n    pass",
    "ids = set()\nfor order in ids:\n    pass",
    "ids: set[int] = build()\ntotal = [order for order in ids]",
    "class Book:\n    def __init__(self) -> None:\n        self.ids: set[int] = set()\n"
    "    def first(self) -> int:\n        return next(iter(self.ids))",
    "def walk(ids: frozenset[int]) -> list[int]:\n    return list(ids)",
    "from typing import Final\nids: Final[set[int]] = set()\nfirst = ids.pop()",
    "for order in open_orders.union(closed_orders):\n    pass",
    "ids = set()\nfirst, *rest = [*ids]",
    "for order in {1} | other:\n    pass",
]
HARMLESS = [
    "ids = {1, 2}\nknown = 3 in ids",
    "ids: set[int] = set()\nfor order in sorted(ids):\n    pass",
    "half = qty // 2",
    "book: dict[int, str] = {}\nfor price in book:\n    pass",
    "ids: set[int] = set()\nids.add(3)\ncount = len(ids)",
    "sets: dict[str, set[int]] = {}\nfor name in sets:\n    pass",
    "stack: list[int] = []\nlast = stack.pop()",
]


@pytest.mark.parametrize("text", PLANTED)
@pytest.mark.parametrize("path", ["matching/engine.py", "risk/engine.py"])
def test_what_is_not_determined_is_found(path: str, text: str) -> None:
    assert rules.undetermined(one(path, text))


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_determined_is_left_alone(text: str) -> None:
    assert rules.undetermined(one("matching/engine.py", text)) == []


def test_rooms_of_recovery_and_gateway_may_read_what_is_not_determined() -> None:
    assert rules.undetermined(one("matching/journal/store.py", "import os")) == []
    assert rules.undetermined(one("gateway/statistics.py", "share = 1 / 2")) == []
    assert rules.undetermined(one("risk/clock.py", "import time")), "risk has no clock of its own"


@pytest.mark.parametrize("path", ["gateway/utils.py", "matching/common/order.py", "tests/helpers.py"])
def test_names_that_say_nothing(path: str) -> None:
    assert rules.banned_names(one(path, ""))


@pytest.mark.parametrize(
    ("lines", "is_violation"), [(rules.FUNCTION_LINES_MAX, False), (rules.FUNCTION_LINES_MAX + 1, True)]
)
def test_function_at_its_bound(lines: int, is_violation: bool) -> None:
    docstring = '    """Says\n\n    much.\n    """\n'
    text = "def long() -> None:\n" + docstring + "    pass\n" * (lines - 1)
    assert bool(rules.too_long(one("risk/checks.py", text))) == is_violation


@pytest.mark.parametrize(
    ("lines", "is_violation"), [(rules.MODULE_LINES_MAX, False), (rules.MODULE_LINES_MAX + 1, True)]
)
def test_module_at_its_bound(lines: int, is_violation: bool) -> None:
    assert bool(rules.too_long(one("risk/checks.py", "x = 1\n" * lines))) == is_violation


@pytest.mark.parametrize("text", ["# TO" + "DO: later", "# FIX" + "ME", "index = https://pypi." + "org/simple"])
def test_left_over_notes_and_registries(text: str) -> None:
    assert rules.left_over("docs/architecture.md", text)


@pytest.mark.parametrize(
    "rule",
    [rules.wrong_direction, rules.cycles, rules.strangers, rules.wall_clocks, rules.threads, rules.undetermined],
)
def test_empty_module_breaks_no_rule(rule: Callable[[list[Module]], list[str]]) -> None:
    assert rule(one("matching/empty.py", "")) == []
