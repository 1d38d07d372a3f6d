"""Matching threads: pinned where asked, refused where they cannot be, their end never unseen."""

import os
import threading

import pytest

from matching.shard import ShardPinError, start_shard


def unexpected(error: BaseException) -> None:
    """Fail the test with what ended the thread."""
    pytest.fail(repr(error))


def wait(event: threading.Event) -> None:
    assert event.wait(10)


def test_a_thread_runs_on_the_core_it_is_pinned_to() -> None:
    core = max(os.sched_getaffinity(0))
    go_on = threading.Event()
    shard = start_shard("A", core, lambda: wait(go_on), unexpected)
    assert (shard.name, shard.core, shard.affinity(), shard.is_alive()) == ("A", core, frozenset({core}), True)
    assert core in os.sched_getaffinity(0)
    go_on.set()
    assert shard.join(10)
    assert (shard.is_alive(), shard.affinity(), shard.failure) == (False, frozenset({core}), None)


def test_only_the_matching_thread_is_pinned() -> None:
    before = os.sched_getaffinity(0)
    start_shard("A", min(before), lambda: None, unexpected).join()
    assert os.sched_getaffinity(0) == before


def test_without_a_core_the_kernel_chooses() -> None:
    shard = start_shard("A", None, lambda: None, unexpected)
    shard.join()
    assert shard.affinity() == os.sched_getaffinity(0)


@pytest.mark.parametrize("core", [-1, 4_095, 1 << 40])
def test_a_core_that_is_not_there_is_refused_before_the_start(core: int) -> None:
    started = threading.active_count()
    with pytest.raises(ShardPinError, match=rf"shard A: expected one of the cores .* found {core}$"):
        start_shard("A", core, lambda: pytest.fail("it must not run"), unexpected)
    assert threading.active_count() == started


def test_what_ends_a_thread_is_told() -> None:
    told: list[tuple[str, str]] = []

    def fail() -> None:
        raise ValueError("a defect")

    shard = start_shard("A", None, fail, lambda error: told.append((repr(error), threading.current_thread().name)))
    assert shard.join()
    assert told == [("ValueError('a defect')", "shard-A")]
    assert repr(shard.failure) == "ValueError('a defect')"
