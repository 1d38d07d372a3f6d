"""A gateway's side and shards, real but for the wire, in one thread: each does a turn when the test says so."""

import contextlib
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from gateway.fault_points import no_fault
from gateway.relay import RelayEngine
from gateway.sessions import SessionBook
from gateway.shard_exchange import ShardExchange
from gateway.shard_frames import Hello
from gateway.shard_market import ShardMarket
from gateway.shard_watch import ShardWatch
from gateway.start_up import new_engine, new_relay
from gateway.storage import Storage
from matching.clock import SystemClock
from matching.commands import (
    Command,
    DefineAccount,
    DefineInstrument,
    DefineSession,
    DefineShard,
    Deposit,
    NewOrder,
    RequestTransfer,
)
from matching.events import Event, ShardsInstructed
from matching.journal import Ballast, Journal
from matching.recovery import recover
from tests.support.sessions import gateway_session

SESSION: Final = 1
EPOCH: Final = 1
AAPL: Final = DefineInstrument(1, "AAPL", "spot", "USD", 1_000_000, 100_000_000, 10_000, 10_000, 5_000)
MSFT: Final = DefineInstrument(2, "MSFT", "spot", "USD", 1_000_000, 100_000_000, 10_000, 10_000, 5_000)
INSTRUMENTS: Final = {"a": AAPL, "b": MSFT}
CASH: Final = 1_000_000_000_000
SHARED: Final[tuple[Command, ...]] = (
    DefineAccount(1, "ACC1", "FIRM"),
    DefineSession(SESSION, "FIX.4.4:OUTCRY->T1", "T1", 0, 0, 0, 0),
)
TURNS_MAX: Final = 200


def order(number: int, cl_ord_id: str, *, instrument_id: int = 1, epoch: int = EPOCH, price: int = 9_000) -> NewOrder:
    """Return a limit order to buy one lot, message `number` of the session."""
    return NewOrder(SESSION, epoch, number, False, cl_ord_id, 1, instrument_id, "1", "2", "1", price, 1)


class ShardSide:
    """One shard: its journal outlives it."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.name = name
        self.configured: list[Command] = []
        self.path = folder / f"{name}.sock"
        self.journal = Journal.open(folder / name, durability="async", map_bytes=1 << 26)
        self.engine = recover(self.journal, folder / f"{name}.snapshots", new_engine).engine
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.path.unlink(missing_ok=True)
        self.listener.bind(str(self.path))
        self.listener.listen(8)
        self.exchange = ShardExchange(
            listener=self.listener,
            engine=self.engine,
            journal=self.journal,
            storage=Storage(
                self.journal,
                Ballast(folder / f"{name}.ballast", 1),
                free_bytes_min=0,
                alarm_percent=100,
                give_up_s=0.0,
            ),
            clock=SystemClock(),
            configure=self._configure,
            fault_point=no_fault,
            flushes=False,
        )

    def _configure(self, hello: Hello) -> list[Command]:
        if self.engine.shard_id:
            return self.configured
        instrument = INSTRUMENTS[self.name]
        money = Deposit(1, "USD", CASH, "opening")
        return [DefineShard(self.name, hello.shard_id), instrument, *SHARED, money, *self.configured]

    def connection(self) -> socket.socket:
        """Return a new connection to it."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.connect(str(self.path))
        return connection

    def commands(self) -> list[Command]:
        """Return all commands that it has journaled."""
        return [command for batch in self.journal.read(1) for command in batch.decode_commands()]

    def restarted(self) -> "ShardSide":
        """Return the shard that comes after this one was killed: what it had not read is gone."""
        self.close()
        return ShardSide(self.folder, self.name)

    def close(self) -> None:
        """End it; its journal is closed."""
        self.exchange.stop()
        self.exchange.run()
        self.listener.close()
        self.journal.close()


class GatewaySide:
    """The gateway's engine and market. `committed` follows `begun` at the end of a turn while `commits`."""

    def __init__(self, relay: RelayEngine | None = None, *, logon_number: int = 1) -> None:
        self.relay = relay if relay is not None else new_relay()
        self.events: list[Event] = []
        # The number of a batch is its time, which never goes back, and which shards compare with their own.
        self.begun = self.committed = max(self.relay.local.time_ns, SystemClock().now_ns())
        self.commits = True
        if relay is None:
            definitions = (*INSTRUMENTS.values(), *SHARED)
            self.apply([*definitions, *(DefineShard(name, at) for at, name in enumerate(INSTRUMENTS, start=1))])
        self.session = gateway_session(SESSION)
        self.session.state.next_sender = 2
        self.sessions = SessionBook([self.session])
        self.watch = ShardWatch(lambda: None)
        homes = {instrument.symbol: name for name, instrument in INSTRUMENTS.items()}
        numbers = {SESSION: logon_number}
        self.market = ShardMarket(
            self.relay,
            self.sessions,
            homes,
            self.watch,
            logon_numbers=numbers,
            clock=SystemClock(),
            fault_point=no_fault,
        )
        self.market.logged_on(SESSION)

    def apply(self, commands: Sequence[Command]) -> list[Event]:
        """Journal commands as a batch of the gateway's own."""
        told = len(self.events)
        self.begun += 1
        for command in commands:
            self.relay.apply(self.relay.statistics()["seq"] + 1, self.begun, command, self.events)
        if self.commits:
            self.committed = self.begun
        return self.events[told:]

    def turn(self, *commands: Command) -> list[Event]:
        """Distribute commands, take what has come, and journal what that gives; return its events."""
        own = self.market.distribute(commands, {}, begun=self.begun, committed=self.committed)
        if self.commits:
            self.committed = self.begun
        events = self.apply(own) if own else []
        for event in events:
            if isinstance(event, ShardsInstructed):
                self.market.dispatch.instruct(event.instruction_id, self.begun)
        return events

    def connect(self, shard: ShardSide) -> None:
        """Connect to a shard."""
        self.market.connect(shard.name, shard.connection())

    def restarted(self, *, logon_number: int = 1) -> "GatewaySide":
        """Return the gateway that comes after this one was killed: it has the state that was committed.

        What has a number below that of the Logon may have been sent before.
        """
        assert self.committed == self.begun, "what is not committed would be lost"
        self.close()
        relay = new_relay()
        relay.load(self.relay.snapshot())
        return GatewaySide(relay, logon_number=logon_number)

    def close(self) -> None:
        """Close every connection."""
        for link in self.market.links.values():
            link.drop("killed")
        self.watch.stop()

    def transfer(self, amount: int, transfer_id: str) -> None:
        """Ask for a transfer of USD from shard a to shard b."""
        self.apply([RequestTransfer(1, "USD", amount, transfer_id, "a", "b", "me", "")])


def settle(gateway: GatewaySide, *shards: ShardSide) -> list[Event]:
    """Let everybody do turns until nobody has anything to do; return the gateway's events."""
    events: list[Event] = []
    quiet = 0
    for _ in range(TURNS_MAX):
        said = gateway.turn()
        events += said
        before = sum(shard.journal.last.batch_seq for shard in shards)
        for shard in shards:
            shard.exchange.turn(0)
        moved = sum(shard.journal.last.batch_seq for shard in shards) != before
        quiet = 0 if said or moved or gateway.market.has_work() else quiet + 1
        if quiet == 3:
            return events
    raise AssertionError(f"not at rest after {TURNS_MAX} turns")


@contextlib.contextmanager
def shard_sides(folder: Path, *names: str) -> Iterator[list[ShardSide]]:
    """Run shards, and close them at the end."""
    shards = [ShardSide(folder, name) for name in names]
    try:
        yield shards
    finally:
        for shard in shards:
            shard.close()
