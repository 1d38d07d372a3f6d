"""Snapshots: complete, the same for the same state, refused where they are of another version or the engine is used."""

import msgspec
import pytest

from matching.commands import CancelSessionOrders, SetAcceptance, SetKillSwitch, SetTradingPhase
from matching.engine import Engine
from risk.engine import RiskEngine
from tests.matching.harness import MAKER, TRADER, Harness, brief, buy, cancel, order, replace, sell


def reload(exchange: Harness) -> Harness:
    """The same exchange after a stop and a start."""
    copy = Harness()
    copy.risk = RiskEngine()
    copy.engine = Engine(copy.risk)
    copy.engine.load(exchange.engine.snapshot())
    copy.time_ns = exchange.time_ns
    copy.engine.check_invariants()
    return copy


def test_queue_order_survives_a_replace_and_a_reload(exchange: Harness) -> None:
    exchange.apply(buy("a", 10, 9_900), buy("b", 10, 9_900), buy("c", 10, 9_900), replace("a2", "a", 11, 9_900))
    fills = brief(reload(exchange).apply(sell("s", 31, 9_900)))[1::2]
    assert [row[0] for row in fills] == ["b", "c", "a2"]


def test_names_refusals_and_switches_survive_a_reload(exchange: Harness) -> None:
    exchange.apply(
        buy("a", 10, 9_900),
        cancel("c", "a"),
        buy("refused", 10, 50_000),
        SetTradingPhase(2, "halted", "ops", ""),
        SetKillSwitch("account", 3, True, "ops", "stop"),
    )
    copy = reload(exchange)
    assert brief(copy.apply(buy("a", 1, 9_900), buy("c", 1, 9_900), buy("refused", 1, 9_900))) == [
        ("a", "8", "8", 0, 0, 6),
        ("c", "8", "8", 0, 0, 6),
        ("refused", "8", "8", 0, 0, 6),
    ]
    assert brief(copy.apply(buy("x", 1, 9_900, poss_resend=True), buy("refused", 1, 9_900, poss_resend=True))) == [
        ("x", "0", "0", 1, 0),
        ("refused", "I", "8", 0, 0),
    ]
    assert brief(copy.apply(order("p", "1", 1, 10_000, instrument_id=2)))[0][-1] == 2
    assert brief(copy.apply(order("k", "1", 1, 10_000, account_id=3)))[0][-1] == 0


def test_unfinished_work_and_closed_acceptance_survive_a_reload(
    exchange: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("matching.work.ORDERS_PER_STEP_MAX", 1)
    exchange.apply(buy("a", 1, 9_900), buy("b", 1, 9_900), CancelSessionOrders(TRADER, "gone"))
    exchange.apply(SetAcceptance(False, "disk full"))
    copy = reload(exchange)
    assert copy.engine.has_work
    assert not copy.engine.accepting
    assert brief(copy.apply(buy("c", 1, 9_900)))[0][-1] == 99
    assert brief(copy.apply(sell("s", 1, 9_900, session_id=MAKER)))[0][-1] == 2


def test_snapshot_of_another_version_is_refused(exchange: Harness) -> None:
    record = msgspec.msgpack.decode(exchange.engine.snapshot())
    record[0] += 1
    with pytest.raises(ValueError, match="state has version 3, known is 2"):
        Engine(RiskEngine()).load(msgspec.msgpack.encode(record))


def test_snapshot_of_the_version_before_is_read(exchange: Harness) -> None:
    exchange.apply(buy("a", 10, 9_900), sell("s", 4, 9_900))
    record = msgspec.msgpack.decode(exchange.engine.snapshot())
    record[0] = 1
    engine = Engine(RiskEngine())
    engine.load(msgspec.msgpack.encode(record[:-1]))
    engine.check_invariants()
    assert engine.depth(1, 0) == exchange.engine.depth(1, 0)


def test_bytes_that_are_no_snapshot_are_refused(exchange: Harness) -> None:
    data = exchange.engine.snapshot()
    for damaged in (b"", b"\xc0", data[:-1], msgspec.msgpack.encode([1, 2, 3])):
        with pytest.raises(msgspec.DecodeError):
            Engine(RiskEngine()).load(damaged)


def test_snapshot_is_loaded_into_a_new_engine_only(exchange: Harness) -> None:
    with pytest.raises(AssertionError, match="into a new engine"):
        exchange.engine.load(exchange.engine.snapshot())


def test_state_hash_has_16_bytes_and_tells_states_apart(exchange: Harness) -> None:
    before = exchange.engine.state_hash()
    assert len(before) == 16
    exchange.apply(buy("a", 1, 9_900))
    assert exchange.engine.state_hash() != before
    assert reload(exchange).engine.state_hash() == exchange.engine.state_hash()
