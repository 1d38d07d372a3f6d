"""Two shards and a sender who moves money between them, all of them killed at any instant: nothing is lost or made."""

from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from gateway.cli.journal import replay
from matching.codec import decode_commands, encode_commands, encode_events
from matching.commands import (
    Command,
    DefineAccount,
    DefineSession,
    Deposit,
    NewOrder,
    SetKillSwitch,
    TransferIn,
    TransferOut,
)
from matching.engine import Engine
from matching.events import CommandRefused, Event, TransferredIn, TransferredOut
from matching.recovery import recover
from matching.snapshot import take_snapshot_now
from matching.verification import verify
from risk.engine import RiskEngine
from tests.matching.harness import AAPL, ACC1, ACC2, MAKER, TRADER
from tests.recovery_unit.days import Exchange, new_engine

NAMES: Final = ("a", "b")
ASSETS: Final = ("USD", "AAPL")
ACCOUNTS: Final = (ACC1, ACC2)
CASH: Final = 5_000_000_000
SHARES: Final = 50
FATES: Final = ("answered", "answered", "answer lost", "killed before the commit")
"""What becomes of a command: its answer arrives, or it is committed and nobody hears of it, or neither."""


def definitions() -> list[Command]:
    """AAPL and two accounts of two members; each opens with cash and shares."""
    return [
        AAPL,
        *(DefineAccount(number, f"ACC{number}", "FIRM") for number in ACCOUNTS),
        DefineSession(TRADER, "TRADER", "TRADER1", 0, 0, 0, 0),
        DefineSession(MAKER, "MAKER", "MAKER1", 0, 0, 0, 0),
        *(Deposit(number, "USD", CASH, f"cash {number}") for number in ACCOUNTS),
        *(Deposit(number, "AAPL", SHARES, f"shares {number}") for number in ACCOUNTS),
    ]


class Shard:
    """An engine and what of it is durable: the bytes of commands and events, and the last snapshot with its place."""

    def __init__(self) -> None:
        self.engine = Engine(RiskEngine())
        self.journal: list[tuple[bytes, bytes]] = []
        self.posted: list[Command] = []
        self.snapshot: tuple[int, bytes] | None = None
        for command in definitions():
            assert not isinstance(self.tell(command)[-1], CommandRefused)

    @property
    def risk(self) -> RiskEngine:
        risk = self.engine.risk
        assert isinstance(risk, RiskEngine)
        return risk

    def tell(self, command: Command, *, fate: str = "answered") -> list[Event]:
        """Apply and commit a command as `fate` says; return its events where an answer arrives."""
        out: list[Event] = []
        self.engine.apply(self.engine.seq + 1, self.engine.seq, command, out)
        if fate == "killed before the commit":
            self.restart()
            return []
        self.journal.append((encode_commands([command]), encode_events(out)))
        if isinstance(out[0], TransferredOut | TransferredIn):
            self.posted.append(command)
        return out if fate == "answered" else []

    def restart(self) -> None:
        """Begin again with the last snapshot and what was committed after it."""
        self.engine = self.replayed(self.snapshot)

    def replayed(self, snapshot: tuple[int, bytes] | None) -> Engine:
        """A new engine that replays the journal after `snapshot` and says every event again, byte for byte."""
        engine = Engine(RiskEngine())
        begin = 0
        if snapshot is not None:
            begin, state = snapshot
            engine.load(state)
            assert engine.snapshot() == state
        for commands, events in self.journal[begin:]:
            out: list[Event] = []
            (command,) = decode_commands(commands)
            engine.apply(engine.seq + 1, engine.seq, command, out)
            assert encode_events(out) == events, f"replay of {command}"
        return engine


class Transfer:
    """One transfer as its sender knows it: the two commands, and which answers he has seen."""

    def __init__(self, giver: str, out: TransferOut, to: TransferIn) -> None:
        self.steps: Final = ((giver, out), (out.to_shard, to))
        self.amount: Final = out.amount
        self.asset: Final = out.asset
        self.is_out = False
        self.is_in = False
        self.is_refused = False


class TwoShards(RuleBasedStateMachine):
    """Transfers begun, repeated and finished in any order, orders that hold the money, kills, snapshots, switches."""

    def __init__(self) -> None:
        super().__init__()
        self.shards = {name: Shard() for name in NAMES}
        self.transfers: list[Transfer] = []
        self.count = 0

    # -- what happens -------------------------------------------------------------------------------------------------

    @rule(
        giver=st.sampled_from(NAMES),
        account_id=st.sampled_from(ACCOUNTS),
        asset=st.sampled_from(ASSETS),
        part=st.integers(1, 130) | st.integers(30, 100),
        fate=st.sampled_from(FATES),
    )
    def begin(self, giver: str, account_id: int, asset: str, part: int, fate: str) -> None:
        """Take the first step of a new transfer of `part` percent of the opening balance."""
        taker = NAMES[1 - NAMES.index(giver)]
        amount = max(1, (CASH if asset == "USD" else SHARES) * part // 100)
        self.count += 1
        named = (account_id, asset, amount, f"t{self.count}")
        self.transfers.append(
            Transfer(giver, TransferOut(*named, taker, "ops", ""), TransferIn(*named, giver, "ops", ""))
        )
        self.go_on(self.transfers[-1], fate)

    @precondition(lambda self: self.transfers)
    @rule(which=st.integers(0, 1_000), fate=st.sampled_from(FATES), times=st.integers(1, 3))
    def take_the_next_step(self, which: int, fate: str, times: int) -> None:
        """Go on with a transfer as its sender does who knows only the answers that he has seen."""
        for _ in range(times):
            self.go_on(self.transfers[which % len(self.transfers)], fate)

    @precondition(lambda self: any(each.is_out for each in self.transfers))
    @rule(which=st.integers(0, 1_000), step=st.integers(0, 1), fate=st.sampled_from(FATES))
    def repeat_a_step(self, which: int, step: int, fate: str) -> None:
        """Take either step again, of a transfer whose first step is known to be taken."""
        begun = [each for each in self.transfers if each.is_out]
        transfer = begun[which % len(begun)]
        name, command = transfer.steps[step]
        self.hear(transfer, self.shards[name].tell(command, fate=fate))

    @precondition(lambda self: any(each.is_out for each in self.transfers))
    @rule(which=st.integers(0, 1_000), more=st.integers(-3, 3).filter(bool))
    def use_a_known_id_for_something_else(self, which: int, more: int) -> None:
        begun = [each for each in self.transfers if each.is_out]
        transfer = begun[which % len(begun)]
        name, command = transfer.steps[0]
        (event,) = self.shards[name].tell(msgspec.structs.replace(command, amount=command.amount + more))
        assert isinstance(event, CommandRefused), event
        assert "other content" in event.text

    @rule(
        name=st.sampled_from(NAMES),
        member=st.sampled_from(((TRADER, ACC1), (MAKER, ACC2))),
        side=st.sampled_from(("1", "2")),
        price=st.integers(9_990, 10_010),
        qty=st.integers(1, 30) | st.integers(25, 45),
    )
    def trade(self, name: str, member: tuple[int, int], side: Any, price: int, qty: int) -> None:
        """Enter an order, which holds money or shares and may trade."""
        self.count += 1
        session_id, account_id = member
        self.shards[name].tell(
            NewOrder(session_id, 1, 1, False, f"o{self.count}", account_id, 1, side, "2", "0", price, qty)
        )

    @rule(
        name=st.sampled_from(NAMES),
        account_id=st.sampled_from(ACCOUNTS),
        engaged=st.sampled_from((False, False, False, True)),
    )
    def switch(self, name: str, account_id: int, engaged: bool) -> None:
        self.shards[name].tell(SetKillSwitch("account", account_id, engaged, "ops", "test"))

    @rule(name=st.sampled_from(NAMES))
    def take_a_snapshot(self, name: str) -> None:
        shard = self.shards[name]
        shard.snapshot = (len(shard.journal), shard.engine.snapshot())

    @rule(name=st.sampled_from(NAMES))
    def kill(self, name: str) -> None:
        self.shards[name].restart()

    # -- the sender ---------------------------------------------------------------------------------------------------

    def go_on(self, transfer: Transfer, fate: str) -> None:
        """Send the first step until it is answered, then the second."""
        if transfer.is_refused:
            return
        name, command = transfer.steps[transfer.is_out]
        self.hear(transfer, self.shards[name].tell(command, fate=fate))

    def hear(self, transfer: Transfer, answer: list[Event]) -> None:
        """Learn from an answer; a first step that is refused moved nothing, and is not sent again."""
        for event in answer:
            if isinstance(event, CommandRefused):
                assert event.command == "TransferOut", event
                assert not transfer.is_out, f"a step that was taken is answered alike for ever: {event}"
                transfer.is_refused = True
            else:
                assert isinstance(event, TransferredOut | TransferredIn), event
                assert event.balance == self.balance(transfer.steps[isinstance(event, TransferredIn)][0], event)
                transfer.is_out = True
                transfer.is_in = transfer.is_in or isinstance(event, TransferredIn)

    def balance(self, name: str, event: TransferredOut | TransferredIn) -> int:
        return self.shards[name].risk.balance_of(event.account_id, event.asset)[0]

    # -- what holds ---------------------------------------------------------------------------------------------------

    @invariant()
    def nothing_is_lost_or_made(self) -> None:
        for asset in ASSETS:
            total = 0
            for shard in self.shards.values():
                balances = [shard.risk.balance_of(account_id, asset)[0] for account_id in ACCOUNTS]
                assert min(balances) >= 0, f"{asset}: {balances}"
                total += sum(balances) + shard.risk.in_transit(asset)
            assert total == (CASH if asset == "USD" else SHARES) * len(ACCOUNTS) * len(NAMES)

    @invariant()
    def what_is_under_way_was_sent_and_not_taken(self) -> None:
        """Counted from the answers that were committed, whether anybody heard them or not."""
        under_way = dict.fromkeys(ASSETS, 0)
        for transfer in self.transfers:
            taken = [command in self.shards[name].posted for name, command in transfer.steps]
            assert taken != [False, True], "no second step without a first"
            assert taken[0] >= transfer.is_out, "an answer is of what is committed"
            under_way[transfer.asset] += transfer.amount if taken == [True, False] else 0
        for asset, amount in under_way.items():
            assert sum(shard.risk.in_transit(asset) for shard in self.shards.values()) == amount

    @invariant()
    def the_books_of_each_shard_are_right(self) -> None:
        for shard in self.shards.values():
            shard.engine.check_invariants()

    def teardown(self) -> None:
        """Finish every transfer; then nothing is under way, and the journals replay to the same states."""
        for transfer in self.transfers:
            for _ in range(2):
                self.go_on(transfer, "answered")
            assert transfer.is_refused or transfer.is_in
        self.nothing_is_lost_or_made()
        self.what_is_under_way_was_sent_and_not_taken()
        for asset in ASSETS:
            assert sum(shard.risk.in_transit(asset) for shard in self.shards.values()) == 0
        for shard in self.shards.values():
            for snapshot in (None, shard.snapshot, (len(shard.journal), shard.engine.snapshot())):
                assert shard.replayed(snapshot).state_hash() == shard.engine.state_hash()


@pytest.mark.slow
def test_money_between_two_shards_survives_kills_at_every_step() -> None:
    run_state_machine_as_test(
        TwoShards,
        settings=settings(
            max_examples=100,
            stateful_step_count=40,
            deadline=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_a_killed_shard_and_a_sender_who_hears_nothing() -> None:
    """One transfer in which everything that can be lost is lost, once before and once after each commit."""
    day = TwoShards()
    lost = ("killed before the commit", "answer lost", "killed before the commit", "answered")
    day.begin("a", ACC1, "USD", 30, lost[0])
    (transfer,) = day.transfers
    for fate in lost[1:]:
        day.go_on(transfer, fate)
    assert transfer.is_out
    for fate in lost:
        day.kill("b")
        day.take_a_snapshot("a")
        day.go_on(transfer, fate)
    assert transfer.is_in
    day.repeat_a_step(0, 0, "answered")
    day.repeat_a_step(0, 1, "answered")
    balances = [day.shards[name].risk.balance_of(ACC1, "USD") for name in NAMES]
    assert balances == [(CASH * 70 // 100, 0), (CASH * 130 // 100, 0)]
    day.nothing_is_lost_or_made()
    day.teardown()


def test_a_journal_with_transfers_recovers_verifies_and_reads_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exchange = Exchange(tmp_path / "journal")
    out = TransferOut(1, "AAPL", 5, "t1", "b", "ops", "moved")
    exchange.trade(2)
    exchange.commit([out, TransferIn(2, "USD", 7, "t1", "b", "ops", "moved")])
    take_snapshot_now(exchange.journal, tmp_path / "snapshots", new_engine)
    (again,) = exchange.commit([out])
    recovered = recover(exchange.journal, tmp_path / "snapshots", new_engine)
    assert recovered.snapshot_used is not None
    assert recovered.engine.state_hash() == exchange.engine.state_hash()
    report = verify(exchange.journal, new_engine, None, tmp_path / "snapshots")
    assert (report.faults, len(report.snapshots)) == ([], 1)
    exchange.close()
    replay(tmp_path, as_json=False)
    said = capsys.readouterr().out
    assert isinstance(again, TransferredOut)
    words = "TransferredOut account_id=1 asset=AAPL amount=5 transfer_id=t1 to_shard=b by=ops reason=moved"
    assert f"{words} balance={again.balance}\n" in said
    assert "TransferredIn account_id=2 asset=USD amount=7 transfer_id=t1 from_shard=b by=ops reason=moved" in said
