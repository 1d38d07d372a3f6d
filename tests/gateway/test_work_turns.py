"""A step of work gives way to the input of others once, and what is complete is committed together with that."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.pipeline import Pipeline
from gateway.sessions import SessionBook
from gateway.work_turns import STEP_BATCHES_MAX, WorkTurns
from matching.journal import Journal
from tests.gateway.test_pipeline import SESSION, begin, part
from tests.support.sessions import gateway_session


@pytest.fixture
def pipeline(tmp_path: Path) -> Iterator[Pipeline]:
    """A pipeline with one session on a real journal."""
    journal = Journal.open(tmp_path, durability="async", map_bytes=1 << 24)
    yield Pipeline(journal, SessionBook([gateway_session(SESSION)]), 1, lambda _name: None)
    journal.close()


def test_steps_follow_each_other_while_nobody_sends_anything(pipeline: Pipeline) -> None:
    turns = WorkTurns(pipeline)
    for _ in range(STEP_BATCHES_MAX):
        assert turns.may_step()
        turns.stepped()
        begin(pipeline, parts=1, target=1)
        assert not turns.holds_commit()
    assert not turns.may_step(), "their batches do not pile up"


def test_the_next_step_waits_for_the_batch_that_it_gave_way_to(pipeline: Pipeline) -> None:
    turns = WorkTurns(pipeline)
    step = begin(pipeline, parts=1, target=1)
    turns.stepped()
    assert turns.gives_way()
    others = begin(pipeline, parts=1, target=2)
    assert not turns.may_step()
    pipeline.receive([part(0, 1, step, 1)])
    assert turns.holds_commit(), "the step's batch is complete, that of the others is to go with it"
    pipeline.receive([part(0, 2, others, 2)])
    assert not turns.holds_commit()
    assert [each.batch.batch_seq for each in pipeline.commit()[0]] == [step, others]
    assert turns.may_step()


def test_input_without_end_does_not_stop_the_work(pipeline: Pipeline) -> None:
    turns = WorkTurns(pipeline)
    assert turns.gives_way()
    first = begin(pipeline, parts=1, target=1)
    assert not turns.gives_way(), "once for each step"
    assert not turns.may_step()
    begin(pipeline, parts=1, target=2)
    pipeline.receive([part(0, 1, first, 1)])
    pipeline.commit()
    assert turns.may_step()
    turns.stepped()
    assert turns.gives_way()


def test_input_that_becomes_no_batch_holds_nothing(pipeline: Pipeline) -> None:
    """It may be for another shard."""
    turns = WorkTurns(pipeline)
    assert turns.gives_way()
    assert turns.may_step()
    assert not turns.holds_commit()
