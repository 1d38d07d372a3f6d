"""A damaged journal, by the real command line: start, verify and replay name the damage and what is still whole."""

import contextlib
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from matching.journal import Journal
from tests.crash import damage
from tests.crash.room import Room
from tests.crash.steps import ask, take_snapshot
from tests.support.exchange import ExchangeProcess
from tests.support.fix_peer import PeerClosedError

SEED = 20201001


@dataclass
class Damaged:
    """An exchange that was killed after a short load, its data to be damaged and put back."""

    exchange: ExchangeProcess
    room: Room
    whole: Path
    snapshot_batch: int
    last_batch: int

    def restore(self) -> None:
        """Put the data back as they were."""
        self.exchange.kill()
        shutil.rmtree(self.exchange.data_dir)
        shutil.copytree(self.whole, self.exchange.data_dir)

    def start_refused(self) -> str:
        """Start, which has to fail in order, and return what it says."""
        self.exchange.spawn()
        code = self.exchange.wait()
        said = self.exchange.errors().rpartition("outcry: ")[2]
        assert code == 1, f"exit code {code}: {self.exchange.errors()}"
        return said

    def check(self, command: str, wanted: str) -> "re.Match[str]":
        """Run `outcry verify` or `outcry replay`, which has to fail and to say what is wanted."""
        done = self.exchange.run(command, "--data", str(self.exchange.data_dir))
        assert done.returncode == 1, f"{command} ended with {done.returncode}: {done.stderr}"
        found = re.search(wanted, done.stdout + done.stderr)
        assert found, f"{command} said:\n{done.stdout[-2_000:]}\n{done.stderr}"
        return found


def batch_that_tells(exchange: ExchangeProcess, name: str) -> int:
    """The first batch in which a session is told something by number 2 or later: no Logon."""
    with contextlib.closing(Journal.open(exchange.data_dir / "journal", read_only=True)) as journal:
        session_id = next(state.session_id for state in journal.sessions().values() if state.name == name)
        for batch in journal.read(1):
            if any(run[0] == session_id and run[2] >= 2 for run in batch.outbound.runs):
                return batch.batch_seq
    raise LookupError(f"{name} was told nothing")


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Damaged]:
    """A journal of a short load with a snapshot in its middle; the members know all that is in it."""
    base = tmp_path_factory.mktemp("damage")
    exchange = ExchangeProcess(base)
    with contextlib.closing(Room(exchange, SEED)) as room:
        try:
            exchange.start()
            room.trade_for(0.2)
            take_snapshot(exchange)
            room.trade_until_killed_after(0.2)
            for member in room.members:
                exchange.remember(member.peer)
            snapshot = max((exchange.data_dir / "snapshots").glob("*.snapshot"))
            with contextlib.closing(Journal.open(exchange.data_dir / "journal", read_only=True)) as journal:
                last = journal.last.batch_seq
            shutil.copytree(
                exchange.data_dir, base / "whole", ignore=shutil.ignore_patterns("*.sock", "lock*", "ballast")
            )
            yield Damaged(exchange, room, base / "whole", int(snapshot.stem), last)
        finally:
            exchange.kill()


@pytest.fixture
def damaged(loaded: Damaged) -> Iterator[Damaged]:
    """The same data for every test, whole at its begin."""
    loaded.restore()
    yield loaded
    loaded.restore()


RECORDS = {"commands": 0.25, "events": 0.95}


@pytest.mark.slow
@pytest.mark.parametrize("section", RECORDS)
def test_a_flipped_bit_in_a_batch_is_named(section: str, damaged: Damaged) -> None:
    number = damaged.snapshot_batch + 2
    damage.change_record(damaged.exchange, b"batches", number, damage.flip(RECORDS[section]))
    wanted = rf"damaged at batch {number}, command (\d+): .*; the last whole batch is {number - 1}"
    assert re.search(wanted, damaged.start_refused())
    damaged.check("verify", wanted)
    found = damaged.check("replay", wanted)
    assert f"\n{found[1]} " not in found.string, "what is damaged was shown"
    assert f"\n{int(found[1]) - 1} " in found.string, "what is whole was not shown"


@pytest.mark.slow
def test_a_torn_last_record_is_named(damaged: Damaged) -> None:
    number = damaged.last_batch
    damage.change_record(damaged.exchange, b"batches", number, damage.tear)
    wanted = rf"damaged at batch {number}.*; the last whole batch is {number - 1}"
    assert re.search(wanted, damaged.start_refused())
    damaged.check("verify", wanted)
    damaged.check("replay", wanted)


@pytest.mark.slow
def test_a_flipped_bit_in_a_session_is_named_and_all_batches_are_whole(damaged: Damaged) -> None:
    damage.change_record(damaged.exchange, b"sessions", 1, damage.flip(0.7))
    wanted = rf"damaged: .*session 1.*; the last whole batch is {damaged.last_batch}"
    assert re.search(wanted, damaged.start_refused())
    damaged.check("verify", wanted)


@pytest.mark.slow
def test_a_damaged_snapshot_is_named_and_an_older_state_is_replayed(damaged: Damaged) -> None:
    path = damaged.exchange.data_dir / "snapshots" / f"{damaged.snapshot_batch:020d}.snapshot"
    damage.change_file(path, damage.flip(0.5))
    damaged.check("verify", f"{path.name}: the checksum does not match")
    damaged.exchange.start()
    assert f"{path.name}: the checksum does not match" in damaged.exchange.errors()
    assert damaged.exchange.terminate() == 0


@pytest.mark.slow
def test_damaged_outbound_bytes_are_named_and_never_sent(damaged: Damaged) -> None:
    """The index is built from the tables of runs, so the exchange starts; who asks for the bytes is cut."""
    exchange, member, other = damaged.exchange, damaged.room.members[0], damaged.room.members[1]
    number = batch_that_tells(exchange, f"{member.peer.begin_string}:OUTCRY->{member.peer.comp_id}")
    damage.change_record(exchange, b"outbound", number, damage.flip(0.9))
    damaged.check("verify", rf"batch {number}.*outbound.*last whole batch is {number - 1}")
    exchange.start()
    member.peer.close()
    known = dict(member.by_number)
    with pytest.raises(PeerClosedError):
        member.connect(is_whole_day=True)
    assert known.items() <= member.by_number.items()
    cuts = ask(exchange, "status")["wire"]["cuts"]
    assert any("missing from the journal" in reason for reason in cuts), cuts
    assert f"damaged at batch {number}" in exchange.errors()
    other.connect(is_whole_day=False)
    other.trade()
    other.settle()
    other.peer.cut()


def _truncated(damaged: Damaged) -> None:
    damage.truncate(damage.data_file(damaged.exchange), 0.6)


def _zeroed_batches(damaged: Damaged) -> None:
    damage.zero_page(damage.data_file(damaged.exchange), damage.page_in_use(damaged.exchange, b"batches"))


def _zeroed_outbound(damaged: Damaged) -> None:
    damage.zero_page(damage.data_file(damaged.exchange), damage.page_in_use(damaged.exchange, b"outbound"))


def _zeroed_meta(damaged: Damaged) -> None:
    damage.zero_page(damage.data_file(damaged.exchange), 0)


def _zeroed_leaves(damaged: Damaged) -> None:
    """Every third leaf: LMDB itself would end the process by an assertion of its own."""
    path = damage.data_file(damaged.exchange)
    for page in damage.pages_of_kind(path, 2)[::3]:
        damage.zero_page(path, page)


FILES: dict[str, tuple[Callable[[Damaged], None], str]] = {
    "truncated": (_truncated, r"data\.mdb is torn: expected \d+ bytes, found \d+"),
    "root page of the batches": (_zeroed_batches, r"data\.mdb is damaged \(main/batches DB: page \d+"),
    "root page of the messages": (_zeroed_outbound, r"data\.mdb is damaged \(main/outbound DB: page \d+"),
    "meta page": (_zeroed_meta, r"data\.mdb is damaged \(.*meta|data\.mdb is damaged \(not an LMDB data file"),
    "leaf pages": (_zeroed_leaves, r"data\.mdb is damaged \(.*page \d+"),
}


@pytest.mark.slow
@pytest.mark.parametrize("what", FILES)
def test_a_damaged_file_is_named_before_lmdb_meets_it(what: str, damaged: Damaged) -> None:
    change, named = FILES[what]
    change(damaged)
    wanted = rf"{named}.*; the last whole batch is (\d+)"
    found = re.search(wanted, damaged.start_refused())
    assert found
    assert int(found[1]) <= damaged.last_batch
    for command in ("verify", "replay"):
        assert damaged.check(command, wanted)[1] == found[1]
    if what == "meta page":
        # The other meta page is of the commit before, whose pages are all there still.
        assert int(found[1]) >= damaged.last_batch - 1
