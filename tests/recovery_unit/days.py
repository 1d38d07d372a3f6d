"""Days of an exchange for recovery's tests: the real engine fed with seeded commands, journaled batch by batch."""

import random
from pathlib import Path
from typing import Final

from matching.codec import encode_commands, encode_event_counts, encode_events
from matching.commands import (
    CancelOrder,
    Command,
    ContinueWork,
    DefineAccount,
    DefineInstrument,
    DefineSession,
    Deposit,
    NewOrder,
    ReplaceOrder,
)
from matching.engine import Engine
from matching.events import Event, WorkLeft
from matching.journal import Batch, Journal
from matching.types import Side, TimeInForce
from risk.engine import RiskEngine
from tests.journal.building import part, state

SIDES: Final[tuple[Side, ...]] = ("1", "2")
FORCES: Final[tuple[TimeInForce, ...]] = ("0", "0", "1", "3")
ENGINE: Final = "tests.recovery_unit.days:new_engine"


def new_engine() -> Engine:
    """An engine that has seen nothing."""
    return Engine(RiskEngine())


def definitions() -> list[Command]:
    """One instrument, two members with money and shares."""
    commands: list[Command] = [
        DefineInstrument(1, "AAPL", "spot", "USD", 1_000_000, 100_000_000, 10_000, 58_500, 5_000)
    ]
    for number in (1, 2):
        commands += [
            DefineAccount(number, f"ACC{number}", "FIRM"),
            DefineSession(number, f"S{number}", f"TRADER{number}", 0, 0, 0, 0),
            Deposit(number, "USD", 10**16, f"cash{number}"),
            Deposit(number, "AAPL", 10**9, f"shares{number}"),
        ]
    return commands


def trading(number: int, random_source: random.Random) -> Command:
    """One message of a member: mostly orders around one price, some cancels and replaces of earlier ones."""
    member = random_source.choice((1, 2))
    side: Side = random_source.choice(SIDES)
    earlier = f"O{random_source.randrange(max(number - 40, 0), number)}" if number else "O0"
    kind = random_source.random()
    if kind < 0.7:
        price, qty = 58_500 + random_source.randrange(-10, 11), random_source.randrange(1, 9)
        force: TimeInForce = random_source.choice(FORCES)
        return NewOrder(member, 1, number, False, f"O{number}", member, 1, side, "2", force, price, qty)
    if kind < 0.9:
        return CancelOrder(member, 1, number, f"O{number}", earlier, 0, 1, side)
    return ReplaceOrder(member, 1, number, f"O{number}", earlier, 0, 1, side, "2", "0", 58_500, 3)


class Exchange:
    """Engine and journal, as the matching thread has them."""

    def __init__(self, folder: Path, *, seed: int = 1) -> None:
        self.journal = Journal.open(folder)
        self.engine = new_engine()
        self.random = random.Random(seed)
        self.number = 0
        self.message = 1

    def trade(self, batch_count: int, *, commands: int = 20) -> None:
        """Journal batches of trading; the first one of all defines who trades what."""
        for _ in range(batch_count):
            batch_commands = definitions() if self.journal.last.batch_seq == 0 else []
            for _ in range(commands):
                batch_commands.append(trading(self.number, self.random))
                self.number += 1
            self.commit(batch_commands)

    def rest(self, count: int) -> None:
        """Put `count` orders on the book, far from the market."""
        self.commit(
            [
                NewOrder(1, 1, number, False, f"R{number}", 1, 1, "1", "2", "1", 50_000 + number % 100, 1)
                for number in range(count)
            ]
        )

    def commit(self, commands: list[Command]) -> list[Event]:
        """Apply and journal one batch, with one report; return its events."""
        last = self.journal.last
        events: list[Event] = []
        counts: list[int] = []
        time_ns = last.time_ns + 1_000
        for offset, command in enumerate(commands):
            before = len(events)
            self.engine.apply(last.seq + 1 + offset, time_ns, command, events)
            counts.append(len(events) - before)
        batch = Batch(
            last.batch_seq + 1,
            last.seq + 1,
            time_ns,
            encode_commands(commands),
            len(commands),
            encode_events(events),
            len(events),
            [part(self.message, 1)],
            encode_event_counts(counts),
        )
        self.message += 1
        self.journal.append([batch], [state(next_sender=self.message), state(2)])
        return events

    def finish_work(self) -> int:
        """Journal steps of continuation until none is left; return how many."""
        steps = 0
        while self.engine.has_work:
            self.commit([ContinueWork()])
            steps += 1
        return steps

    def close(self) -> None:
        self.journal.close()


def has_left_work(events: list[Event]) -> bool:
    """True when the events say that a continuation has to follow."""
    return any(isinstance(event, WorkLeft) for event in events)
