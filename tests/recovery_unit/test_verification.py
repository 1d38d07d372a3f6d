"""`verify` finds what is wrong and says it; `replay` makes the journal readable."""

from pathlib import Path

import pytest

from matching.commands import NewOrder
from matching.journal import Journal, JournalError
from matching.journal.records import KEY
from matching.retention import retention_bound
from matching.snapshot import take_snapshot_now
from matching.snapshot_files import read_snapshot, write_snapshot
from matching.verification import replay, verify
from risk.engine import RiskEngine
from tests.journal.test_journal_damage import alter, flip
from tests.recovery_unit.days import Exchange, definitions, new_engine
from tests.recovery_unit.test_recovery import ForgetfulEngine


@pytest.fixture
def exchange(tmp_path: Path) -> Exchange:
    """Eight batches; snapshots after the third and the sixth in `snapshots`."""
    exchange = Exchange(tmp_path / "journal")
    for count in (3, 3):
        exchange.trade(count)
        take_snapshot_now(exchange.journal, tmp_path / "snapshots", new_engine)
    exchange.trade(2)
    return exchange


def test_a_whole_journal_is_verified_in_full(exchange: Exchange, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    report = verify(
        exchange.journal, new_engine, lambda batch, last: seen.append((batch, last)), tmp_path / "snapshots"
    )
    assert report.is_whole, report.faults
    last = exchange.journal.last
    assert (report.first_batch_seq, report.last_batch_seq, report.batches) == (1, 8, 8)
    assert (report.commands, report.messages, report.sessions) == (last.seq, 8, 2)
    assert report.events == sum(batch.event_count for batch in exchange.journal.read(1)) > report.commands / 2
    assert (report.chain, report.state_hash) == (last.chain.hex(), exchange.engine.state_hash().hex())
    assert report.snapshots == [3, 6]
    assert seen == [(number, 8) for number in range(1, 9)]
    exchange.close()


def test_an_empty_journal_is_whole(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path)
    assert verify(journal, new_engine).is_whole
    journal.close()


@pytest.mark.parametrize("database", [b"batches", b"outbound"])
def test_damage_is_reported_with_what_is_whole(exchange: Exchange, tmp_path: Path, database: bytes) -> None:
    exchange.close()
    alter(exchange.journal.folder, database, KEY.pack(5), flip(-1))
    journal = Journal.open(exchange.journal.folder)
    report = verify(journal, new_engine, snapshots_dir=tmp_path / "snapshots")
    (fault,) = report.faults
    assert "batch 5" in fault
    assert "the last whole batch is 4" in fault
    assert (report.last_batch_seq, report.snapshots, report.is_whole) == (4, [3], False)
    journal.close()


def test_another_program_is_reported(exchange: Exchange) -> None:
    (fault,) = verify(exchange.journal, lambda: ForgetfulEngine(RiskEngine())).faults
    assert fault.startswith("replay of batch")
    exchange.close()


def test_a_snapshot_with_another_state_is_reported(exchange: Exchange, tmp_path: Path) -> None:
    """The file is whole and at the right place; only the replay tells."""
    snapshots = tmp_path / "snapshots"
    third, sixth = (read_snapshot(path) for path in sorted(snapshots.iterdir()))
    write_snapshot(snapshots, sixth.position, state_hash=third.state_hash, engine=third.engine)
    report = verify(exchange.journal, new_engine, snapshots_dir=snapshots)
    (fault,) = report.faults
    assert "has another state than the replay" in fault
    assert (report.snapshots, report.last_batch_seq) == ([3], 8)
    exchange.close()


def test_snapshots_that_do_not_fit_are_reported(exchange: Exchange, tmp_path: Path) -> None:
    snapshots = tmp_path / "snapshots"
    third, sixth = (read_snapshot(path) for path in sorted(snapshots.iterdir()))
    write_snapshot(snapshots, sixth.position._replace(batch_seq=99), state_hash=b"", engine=b"")
    write_snapshot(
        snapshots, third.position._replace(chain=bytes(16)), state_hash=third.state_hash, engine=third.engine
    )
    (snapshots / "7.snapshot").write_bytes(b"garbage")
    report = verify(exchange.journal, new_engine, snapshots_dir=snapshots)
    assert len(report.faults) == 3
    assert [
        text
        for text in ("journal ends at 8", "another chain", "shorter than its header")
        if not any(text in fault for fault in report.faults)
    ] == []
    assert report.snapshots == [6]
    exchange.close()


def test_a_shortened_journal_is_verified_from_its_oldest_snapshot(exchange: Exchange, tmp_path: Path) -> None:
    snapshots = tmp_path / "snapshots"
    before = retention_bound(exchange.journal, snapshots, keep_from_ns=1 << 62)
    assert before == 3
    while exchange.journal.retain(before):
        pass
    report = verify(exchange.journal, new_engine, snapshots_dir=snapshots)
    assert report.is_whole, report.faults
    assert (report.first_batch_seq, report.batches, report.snapshots) == (4, 5, [3, 6])
    assert report.state_hash == exchange.engine.state_hash().hex()
    assert "no snapshot fits" in verify(exchange.journal, new_engine).faults[0]
    exchange.close()


def test_retention_keeps_what_is_young_and_what_snapshots_need(exchange: Exchange, tmp_path: Path) -> None:
    snapshots = tmp_path / "snapshots"
    assert retention_bound(exchange.journal, snapshots, keep_from_ns=2_000) == 2
    assert retention_bound(exchange.journal, snapshots, keep_from_ns=8_000) == 3
    for path in sorted(snapshots.iterdir()):
        path.write_bytes(b"garbage")
    assert retention_bound(exchange.journal, snapshots, keep_from_ns=8_000) == 0
    assert retention_bound(exchange.journal, tmp_path / "nothing", keep_from_ns=8_000) == 0
    exchange.close()


def test_replay_gives_each_command_with_its_events(exchange: Exchange) -> None:
    first = len(definitions()) + 1
    outcomes = list(replay(exchange.journal, first + 5, first + 60))
    assert [outcome.seq for outcome in outcomes] == list(range(first + 5, first + 61))
    everything = list(replay(exchange.journal, 1, 1 << 60))
    assert [outcome.command for outcome in everything[: first - 1]] == definitions()
    assert sum(len(outcome.events) for outcome in everything) == sum(
        batch.event_count for batch in exchange.journal.read(1)
    )
    assert all(
        event.cl_ord_id == outcome.command.cl_ord_id
        for outcome in everything
        if isinstance(outcome.command, NewOrder)
        for event in outcome.events[:1]
        if hasattr(event, "cl_ord_id")
    )
    assert list(replay(exchange.journal, 10**6, 10**7)) == []
    exchange.close()


def test_replay_of_what_was_deleted_is_refused(exchange: Exchange) -> None:
    while exchange.journal.retain(5):
        pass
    with pytest.raises(JournalError, match=r"command 1 was deleted; the journal begins with command \d+"):
        list(replay(exchange.journal, 1, 2))
    exchange.close()
