"""Records of an older program have fewer fields; replayed, they are the same events, and other events are not."""

from array import array
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from matching import codec
from matching.engine import Engine
from matching.events import Event
from matching.replay import ReplayMismatchError, replay_batch
from risk.engine import RiskEngine
from tests.matching.harness import Harness, buy


def stored(exchange: Harness, *, fields: int, qty: int) -> Any:
    """A batch of one order, as a program wrote it whose Execution had so many fields."""
    command = buy("a", 10, 9_900)
    copy = Engine(RiskEngine())
    copy.load(exchange.engine.snapshot())
    events: list[Event] = []
    copy.apply(copy.seq + 1, exchange.time_ns, command, events)
    rows = [msgspec.to_builtins(msgspec.structs.replace(cast(Any, each), qty=qty))[: fields + 1] for each in events]
    data = msgspec.msgpack.encode(rows)
    return SimpleNamespace(
        decode_commands=lambda: [command],
        decode_events=lambda: codec.decode_events(data),
        events=data,
        event_count=len(events),
        event_counts=array("I", [len(events)]),
        first_seq=exchange.engine.seq + 1,
        time_ns=exchange.time_ns,
        batch_seq=1,
    )


def test_events_without_the_newer_fields_are_the_same(exchange: Harness) -> None:
    replay_batch(exchange.engine, stored(exchange, fields=17, qty=10))
    assert exchange.book() == ([(9_900, 10, 1)], [])


def test_other_events_are_named(exchange: Harness) -> None:
    with pytest.raises(ReplayMismatchError, match="found"):
        replay_batch(exchange.engine, stored(exchange, fields=17, qty=11))
