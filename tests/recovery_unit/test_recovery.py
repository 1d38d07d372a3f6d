"""Recovery: the state after a restart is the state before, from whichever snapshot it begins."""

import re
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from matching.commands import Command, SetKillSwitch
from matching.engine import Engine
from matching.events import Event
from matching.journal import Journal, JournalCorruptError
from matching.journal.records import KEY
from matching.recovery import RecoveryError, ReplayMismatchError, recover
from matching.snapshot import take_snapshot_now
from matching.snapshot_files import read_snapshot, snapshot_paths, write_snapshot
from risk.engine import RiskEngine
from tests.journal.building import state
from tests.journal.test_journal_damage import alter, flip
from tests.recovery_unit.days import Exchange, has_left_work, new_engine


@pytest.fixture
def exchange(tmp_path: Path) -> Exchange:
    return Exchange(tmp_path / "journal")


@pytest.fixture
def snapshots(tmp_path: Path) -> Path:
    return tmp_path / "snapshots"


def test_a_new_journal_gives_an_engine_that_has_seen_nothing(exchange: Exchange, snapshots: Path) -> None:
    recovered = recover(exchange.journal, snapshots, new_engine)
    assert recovered.engine.state_hash() == new_engine().state_hash()
    assert (recovered.next_batch_seq, recovered.next_seq, recovered.time_ns, recovered.sessions) == (1, 1, 0, {})
    exchange.close()


def test_replay_from_the_begin_gives_the_same_state(exchange: Exchange, snapshots: Path) -> None:
    exchange.trade(10)
    recovered = recover(exchange.journal, snapshots, new_engine)
    assert recovered.engine.state_hash() == exchange.engine.state_hash()
    recovered.engine.check_invariants()
    last = exchange.journal.last
    assert (recovered.next_batch_seq, recovered.next_seq, recovered.time_ns) == (11, last.seq + 1, last.time_ns)
    assert recovered.sessions == {1: state(next_sender=11), 2: state(2)}
    assert (recovered.replayed_commands, recovered.snapshot_used) == (last.seq, None)
    exchange.close()


def test_replay_from_a_snapshot_gives_the_same_state(exchange: Exchange, snapshots: Path) -> None:
    exchange.trade(6)
    info = take_snapshot_now(exchange.journal, snapshots, new_engine)
    exchange.trade(4)
    recovered = recover(exchange.journal, snapshots, new_engine)
    assert recovered.engine.state_hash() == exchange.engine.state_hash()
    recovered.engine.check_invariants()
    assert (recovered.snapshot_used, recovered.replayed_commands) == (info.path, 80)
    exchange.trade(3)
    assert recover(exchange.journal, snapshots, new_engine).engine.state_hash() == exchange.engine.state_hash()
    exchange.close()


def test_work_that_goes_over_several_steps_goes_on_after_a_restart(exchange: Exchange, snapshots: Path) -> None:
    exchange.trade(1)
    exchange.rest(1_200)
    assert has_left_work(exchange.commit([SetKillSwitch("market", 0, True, "operator", "test")]))
    take_snapshot_now(exchange.journal, snapshots, new_engine)
    for folder in (snapshots, snapshots / "none"):
        recovered = recover(exchange.journal, folder, new_engine)
        assert recovered.engine.has_work
        assert recovered.engine.state_hash() == exchange.engine.state_hash()
    assert exchange.finish_work() > 0
    recovered = recover(exchange.journal, snapshots, new_engine)
    assert not recovered.engine.has_work
    assert recovered.engine.state_hash() == exchange.engine.state_hash()
    exchange.close()


def damage_checksum(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def newer_version(path: Path) -> None:
    data = bytearray(path.read_bytes())
    struct.pack_into("<H", data, 4, 2)
    path.write_bytes(data)


def other_chain(path: Path) -> None:
    snapshot = read_snapshot(path)
    position = snapshot.position._replace(chain=bytes(16))
    write_snapshot(path.parent, position, state_hash=snapshot.state_hash, engine=snapshot.engine)


def beyond_the_end(path: Path) -> None:
    snapshot = read_snapshot(path)
    position = snapshot.position._replace(batch_seq=99)
    write_snapshot(path.parent, position, state_hash=snapshot.state_hash, engine=snapshot.engine)
    path.unlink()


def unknown_state(path: Path) -> None:
    snapshot = read_snapshot(path)
    write_snapshot(path.parent, snapshot.position, state_hash=snapshot.state_hash, engine=b"\xc1 not a state")


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (damage_checksum, "the checksum does not match"),
        (cut_short, r"expected \d+ bytes of state, found \d+"),
        (empty, "is shorter than its header"),
        (newer_version, "expected format version 1 to 1, found 2"),
        (other_chain, "is of another journal"),
        (beyond_the_end, "is of a batch that the journal does not have"),
        (unknown_state, "cannot be loaded"),
    ],
)
def test_a_snapshot_that_does_not_fit_is_passed_over_for_an_older_one(
    exchange: Exchange, snapshots: Path, harm: Callable[[Path], None], reason: str
) -> None:
    exchange.trade(3)
    older = take_snapshot_now(exchange.journal, snapshots, new_engine)
    exchange.trade(3)
    newer = take_snapshot_now(exchange.journal, snapshots, new_engine)
    exchange.trade(3)
    harm(newer.path)
    recovered = recover(exchange.journal, snapshots, new_engine)
    assert recovered.snapshot_used == older.path
    assert recovered.engine.state_hash() == exchange.engine.state_hash()
    (ignored,) = recovered.snapshots_ignored
    assert re.search(reason, ignored), ignored
    older.path.unlink()
    from_begin = recover(exchange.journal, snapshots, new_engine)
    assert (from_begin.snapshot_used, from_begin.engine.state_hash()) == (None, exchange.engine.state_hash())
    exchange.close()


class ForgetfulEngine(Engine):
    """Another program: it loses the events of one command."""

    forgets = 77

    def apply(self, seq: int, time_ns: int, command: Command, out: list[Event]) -> None:
        super().apply(seq, time_ns, command, [] if seq == self.forgets else out)


def test_an_event_that_comes_out_differently_ends_recovery_and_is_named(exchange: Exchange, snapshots: Path) -> None:
    exchange.trade(6)
    with pytest.raises(ReplayMismatchError, match=r"replay of batch \d, command 77: expected .*\(.*, found ") as caught:
        recover(exchange.journal, snapshots, lambda: ForgetfulEngine(RiskEngine()))
    (batch,) = [stored for stored in exchange.journal.read(1) if stored.first_seq <= 77 <= stored.last_seq]
    assert (caught.value.batch_seq, caught.value.seq) == (batch.batch_seq, 77)
    exchange.close()


def test_recovery_refuses_a_damaged_batch_and_names_what_is_whole(exchange: Exchange, snapshots: Path) -> None:
    exchange.trade(6)
    seq = next(iter(exchange.journal.read(4))).first_seq
    exchange.close()
    alter(exchange.journal.folder, b"batches", KEY.pack(4), flip(300))
    journal = Journal.open(exchange.journal.folder)
    with pytest.raises(JournalCorruptError) as caught:
        recover(journal, snapshots, new_engine)
    assert (caught.value.batch_seq, caught.value.seq, caught.value.last_good) == (4, seq, 3)
    journal.close()


def test_damage_before_the_snapshot_does_not_stop_recovery(exchange: Exchange, snapshots: Path) -> None:
    exchange.trade(4)
    take_snapshot_now(exchange.journal, snapshots, new_engine)
    exchange.trade(2)
    exchange.close()
    alter(exchange.journal.folder, b"batches", KEY.pack(2), flip(300))
    journal = Journal.open(exchange.journal.folder)
    assert recover(journal, snapshots, new_engine).engine.state_hash() == exchange.engine.state_hash()
    journal.close()


def test_a_shortened_journal_needs_a_snapshot(exchange: Exchange, snapshots: Path) -> None:
    exchange.trade(5)
    take_snapshot_now(exchange.journal, snapshots, new_engine)
    exchange.trade(3)
    while exchange.journal.retain(5):
        pass
    assert recover(exchange.journal, snapshots, new_engine).engine.state_hash() == exchange.engine.state_hash()
    snapshot_paths(snapshots)[0].unlink()
    with pytest.raises(RecoveryError, match=r"the journal begins after batch 4 and no snapshot fits: there is none in"):
        recover(exchange.journal, snapshots, new_engine)
    exchange.close()
