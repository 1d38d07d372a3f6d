"""The same commands give the same events byte for byte: in a second run, in a second process, and after a reload."""

import hashlib
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from matching.commands import Command
from matching.engine import Engine
from matching.events import Event
from risk.engine import RiskEngine
from tests.model.flow import Flow, definitions

ROOT = Path(__file__).parents[2]
_encode = msgspec.msgpack.Encoder().encode


def stream(seed: int, steps: int) -> Iterator[tuple[int, Command]]:
    """Definitions, then random commands of one seed; work goes on by itself now and then."""
    flow = Flow(random.Random(seed))
    for command in definitions():
        yield flow.time_ns, command
    for _ in range(steps):
        yield flow.next()


def run(engine: Engine, commands: list[tuple[int, Command]]) -> bytes:
    """Apply commands and return their events as bytes."""
    out: list[Event] = []
    for time_ns, command in commands:
        engine.apply(engine.seq + 1, time_ns, command, out)
    return _encode(out)


def digest(seed: int, steps: int) -> str:
    """Return a hash of events and state of one run."""
    engine = Engine(RiskEngine())
    events = run(engine, list(stream(seed, steps)))
    return hashlib.blake2b(events + engine.state_hash()).hexdigest()


def test_two_runs_are_equal() -> None:
    assert digest(1, 400) == digest(1, 400)
    assert digest(1, 400) != digest(2, 400)


@pytest.mark.slow
@pytest.mark.parametrize("hash_seed", ["1", "77"])
def test_another_process_with_other_hashes_is_equal(hash_seed: str) -> None:
    program = "from tests.matching.test_determinism import digest; print(digest(5, 1500))"
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
    answer = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert answer.stdout.strip() == digest(5, 1500)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20, 26))
def test_reloaded_engine_goes_on_as_if_it_had_never_stopped(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("matching.work.ORDERS_PER_STEP_MAX", 3)
    commands = list(stream(seed, 500))
    cuts = sorted(random.Random(seed).sample(range(1, len(commands)), 8))
    engine = Engine(RiskEngine())
    begin = 0
    for cut in [*cuts, len(commands)]:
        data = engine.snapshot()
        reloaded = Engine(RiskEngine())
        reloaded.load(data)
        assert reloaded.snapshot() == data
        reloaded.check_invariants()
        part = commands[begin:cut]
        assert run(reloaded, part) == run(engine, part)
        assert reloaded.state_hash() == engine.state_hash()
        engine, begin = reloaded, cut


def test_sequence_without_gap_and_time_that_does_not_go_back_are_asserted() -> None:
    engine = Engine(RiskEngine())
    first = definitions()[0]
    with pytest.raises(AssertionError, match="command 2 was given, expected 1"):
        engine.apply(2, 10, first, [])
    engine.apply(1, 10, first, [])
    with pytest.raises(AssertionError, match="is of 9, the last one was of 10"):
        engine.apply(2, 9, first, [])
