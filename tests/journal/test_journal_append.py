"""Appending and reading back."""

import errno
import os
import threading
from pathlib import Path

import pytest

from matching.codec import decode_commands
from matching.journal import FAULT_POINTS, Journal, JournalError, JournalFullError, JournalWriteError
from tests.journal.building import accepted, batch, batches, everything, order, part, state


def test_what_is_appended_is_read_back(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path)
    written = batches(5)
    journal.append(written[:2], [state(next_sender=7), state(2)])
    journal.append(written[2:], [state(next_sender=16)])
    assert everything(journal) == written
    assert journal.sessions() == {1: state(next_sender=16), 2: state(2)}
    assert journal.last[:3] == (5, 10, 5_000)
    journal.close()


def test_everything_is_there_after_reopening(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path)
    journal.append(batches(5), [state()])
    last = journal.last
    journal.close()
    reopened = Journal.open(tmp_path)
    assert reopened.last == last
    assert everything(reopened) == batches(5)
    assert reopened.sessions() == {1: state()}
    reopened.append([batch(6, 11)])
    assert [stored.batch_seq for stored in reopened.read(4)] == [4, 5, 6]
    reopened.close()


def test_a_new_journal_is_empty(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "new" / "journal")
    assert journal.last[:3] == (0, 0, 0)
    assert everything(journal) == []
    assert journal.sessions() == {}
    assert list(journal.read(1)) == list(journal.read(9)) == []
    journal.close()


def test_a_batch_without_commands_carries_messages_and_sessions(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path)
    empty = batch(1, 1, commands=0, outbound=[part(1, 1)])
    journal.append([empty], [state()])
    journal.append([], [state(next_sender=9)])
    (stored,) = journal.read(1)
    assert (stored.decode_commands(), stored.decode_events(), list(stored.outcomes())) == ([], [], [])
    assert journal.last[:2] == (1, 0)
    assert journal.sessions() == {1: state(next_sender=9)}
    journal.close()


def test_outcomes_give_each_command_its_events(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path)
    journal.append([batch(1, 1, commands=3)])
    (stored,) = journal.read(1)
    assert [(outcome.seq, outcome.command, outcome.events) for outcome in stored.outcomes()] == [
        (number, order(number), [accepted(number)]) for number in (1, 2, 3)
    ]
    assert decode_commands(stored.commands) == [order(1), order(2), order(3)]
    journal.close()


def test_without_counts_all_events_stand_with_the_last_command(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path)
    journal.append([batch(1, 1, counts=False)])
    (stored,) = journal.read(1)
    assert [outcome.events for outcome in stored.outcomes()] == [[], [accepted(1), accepted(2)]]
    journal.close()


def test_offsets_of_several_parts_point_into_one_blob(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path)
    first, second = part(1, 2), part(1, 3, session_id=2)
    journal.append([batch(1, 1, outbound=[first, second])])
    outbound = journal.outbound(1)
    assert [bytes(outbound.blob[run[4] : run[4] + run[5]]) for run in outbound.runs] == [first[1], second[1]]
    journal.close()


@pytest.mark.parametrize(
    "wrong",
    [
        batch(2, 1),
        batch(1, 2),
        batch(1, 1, time_ns=-1),
        batch(1, 1, outbound=[(((1, 1, 1, 1, 5, 200, 0),), b"short")]),
        batch(1, 1, outbound=[(((1, 1, 1, 0, 0, 0, 0),), b"")]),
    ],
    ids=["gap in batches", "gap in commands", "time goes back", "run beyond its blob", "run without messages"],
)
def test_what_does_not_follow_is_refused_before_anything_is_written(tmp_path: Path, wrong: object) -> None:
    journal = Journal.open(tmp_path)
    with pytest.raises(AssertionError):
        journal.append([wrong])  # type: ignore[list-item]  # parametrize hides the type
    assert journal.last[:2] == (0, 0)
    journal.append([batch(1, 1)])
    journal.close()


def test_a_second_thread_may_not_append_until_the_journal_is_handed_over(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path)
    journal.append([batch(1, 1)])
    outcomes: list[object] = []

    def append_elsewhere() -> None:
        try:
            journal.append([batch(2, 3)])
            outcomes.append("appended")
        except AssertionError as error:
            outcomes.append(str(error))

    for _ in range(2):
        thread = threading.Thread(target=append_elsewhere)
        thread.start()
        thread.join()
        journal.hand_over()
    assert "belongs to thread" in str(outcomes[0])
    assert outcomes[1] == "appended"
    assert journal.last.batch_seq == 2
    journal.close()


@pytest.mark.parametrize("step", FAULT_POINTS[:-1])
@pytest.mark.parametrize(
    ("error", "named"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), JournalFullError),
        (OSError(errno.EIO, "Input/output error"), JournalWriteError),
    ],
    ids=["disk full", "disk error"],
)
def test_a_failed_append_changes_nothing_and_may_be_tried_again(
    tmp_path: Path, step: str, error: Exception, named: type[JournalError]
) -> None:
    journal = Journal.open(tmp_path)
    journal.append(batches(1), [state()])
    before, figures = journal.last, journal.statistics()

    def fail(reached: str) -> None:
        if reached == step:
            raise error

    journal.faults = fail
    with pytest.raises(named):
        journal.append(batches(3)[1:], [state(next_sender=9)])
    assert (journal.last, everything(journal), journal.sessions()) == (before, batches(1), {1: state()})
    assert journal.statistics()["index_entries"] == figures["index_entries"]
    assert journal.holes(1, 1, 1, 9) == [(4, 9)]
    journal.faults = None
    journal.append(batches(3)[1:], [state(next_sender=9)])
    assert everything(journal) == batches(3)
    assert journal.holes(1, 1, 1, 9) == []
    journal.close()


def test_the_fault_points_are_passed_in_order(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path)
    passed: list[str] = []
    journal.faults = passed.append
    journal.append([batch(1, 1)])
    assert tuple(passed) == FAULT_POINTS
    journal.close()


def test_a_full_map_is_named_and_the_append_succeeds_when_it_is_enlarged(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path, map_bytes=256 << 10)
    written = batches(400, text="x" * 500)

    def append_all() -> None:
        for number, one in enumerate(written):
            journal.append([one], [state(next_sender=number)])

    with pytest.raises(JournalFullError, match="MDB_MAP_FULL"):
        append_all()
    done = journal.last.batch_seq
    assert 0 < done < 399
    journal.enlarge(64 << 20)
    journal.append(written[done:], [state()])
    assert everything(journal) == written
    journal.close()


def test_a_disk_that_is_really_full_is_named(tmp_path: Path) -> None:
    """The kernel refuses to let the file grow, as a full disk does: the commit fails, the next one is good."""
    import resource
    import signal

    journal = Journal.open(tmp_path)
    journal.append(batches(1), [state()])
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (os.stat(tmp_path / "data.mdb").st_size, limits[1]))
        with pytest.raises(JournalFullError):
            journal.append(batches(40, text="x" * 5_000)[1:], [state(next_sender=9)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    assert (everything(journal), journal.sessions()) == (batches(1), {1: state()})
    journal.append(batches(40)[1:], [state(next_sender=9)])
    assert everything(journal) == batches(40)
    journal.close()


def test_async_is_flushed_on_request_and_on_close(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path, durability="async")
    journal.append(batches(3))
    journal.flush()
    journal.close()
    journal.close()
    reopened = Journal.open(tmp_path, durability="async")
    assert everything(reopened) == batches(3)
    assert reopened.statistics()["durability"] == "async"
    reopened.close()


def test_a_reader_follows_a_writer_of_another_process(tmp_path: Path) -> None:
    """The reader here is the child, as one process must not open the same journal twice."""
    from tests.journal.processes import python

    journal = Journal.open(tmp_path)
    journal.append(batches(3), [state()])
    script = "j = Journal.open(sys.argv[1], read_only=True); print(j.last[0], len(list(j.read(2))), len(j.sessions()))"
    assert python(script, tmp_path).stdout == "3 2 1\n"
    journal.append([batch(4, 7)])
    assert python(script, tmp_path).stdout == "4 3 1\n"
    journal.close()


def test_a_record_that_is_already_there_is_never_skipped_in_silence(tmp_path: Path) -> None:
    """The disk has more than the journal remembers: a defect, and the batch must not count as stored."""
    journal = Journal.open(tmp_path)
    journal.append(batches(2))
    journal._last = journal._last._replace(batch_seq=1, seq=2)
    with pytest.raises(AssertionError, match="batch 2 does not follow the last record"):
        journal.append([batch(2, 3)])
    journal.close()
