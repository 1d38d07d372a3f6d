"""Benchmark of what follows a price: one order that moves every trailing stop, or every pegged order, an instrument may
have.

    python -m tests.bench.bench_followers [--moves N]

Each figure is what the matching thread does for that one order: match, move, encode the events and write the report of
each in FIX.4.4, in processor time. Everybody else waits for it.
"""

import argparse
import gc
import platform
import statistics
import time
from typing import Final

from gateway.reports import ReportWriter
from gateway.sessions import FIX44
from matching.codec import encode_events
from matching.commands import Command, DefineAccount, DefineInstrument, DefineSession, Deposit, NewOrder
from matching.engine import Engine
from matching.events import Event, Execution
from matching.pegs import PEGS_MAX
from matching.price_watch import TRAILS_MAX
from matching.terms import PLAIN, Terms
from matching.types import BUY, LIMIT, PEGGED, SELL, STOP, OrdType, Side
from risk.engine import RiskEngine

REFERENCE: Final = 58_500


class FollowersBench:
    """An engine in continuous trading."""

    def __init__(self) -> None:
        self.engine = Engine(RiskEngine())
        self.reports = ReportWriter(self.engine.instruments, {1: "ACC1"})
        self.orders = 0
        for each in (
            DefineInstrument(1, "AAPL", "spot", "USD", 1_000_000, 100_000_000, 10_000, REFERENCE, 5000),
            DefineAccount(1, "ACC1", "FIRM"),
            DefineSession(1, "S1", "TRADER1", 0, 0, 0, 0),
            Deposit(1, "USD", 10**18, "cash"),
            Deposit(1, "AAPL", 10**12, "shares"),
        ):
            self.apply(each)

    def apply(self, command: Command) -> tuple[float, list[Event]]:
        """Apply a command, encode its events and write its reports; return the seconds it took, and the events."""
        out: list[Event] = []
        began = time.thread_time()
        self.engine.apply(self.engine.seq + 1, self.engine.time_ns + 1_000, command, out)
        encode_events(out)
        for event in out:
            if type(event) is Execution:
                self.reports.execution(event, FIX44)
        return time.thread_time() - began, out

    def order(
        self, side: Side, price: int, *, ord_type: OrdType = LIMIT, terms: Terms | None = None
    ) -> tuple[float, list[Event]]:
        """Enter an order of one lot."""
        self.orders += 1
        name = f"O{self.orders}"
        return self.apply(NewOrder(1, 1, self.orders, False, name, 1, 1, side, ord_type, "1", price, 1, terms=terms))


def trailing(moves: int, *, offsets: int) -> list[float]:
    """Trade at a new high, again and again, above as many trailing stops as there may be."""
    bench = FollowersBench()
    bench.order(SELL, REFERENCE)
    bench.order(BUY, REFERENCE)
    for number in range(TRAILS_MAX):
        terms = Terms(peg="trail", offset=1_000 + number % offsets)
        bench.order(SELL, 0, ord_type=STOP, terms=terms)
    steps = []
    for number in range(moves):
        bench.order(SELL, REFERENCE + 1 + number)
        steps.append(bench.order(BUY, REFERENCE + 1 + number)[0])
        extreme = REFERENCE + 1 + number
        last = bench.engine.desk.orders[TRAILS_MAX + 2].terms or PLAIN
        assert last.stop_price == extreme - last.offset, "the trailing stops have followed"
    return steps


def pegged(moves: int, *, twice: bool) -> list[float]:
    """Improve the bid, again and again, under as many pegs as there may be; `twice`: those that buy are held back by
    those that sell, and go on when those have made room.
    """
    bench = FollowersBench()
    bench.order(BUY, REFERENCE - 500)
    bench.order(SELL, REFERENCE + 500)
    for number in range(PEGS_MAX):
        side: Side = SELL if number % 2 else BUY
        terms = Terms(peg="mid", offset=0 if side == BUY else 2 if twice else 50)
        bench.order(side, 0, ord_type=PEGGED, terms=terms)
    steps = []
    for number in range(moves):
        seconds, events = bench.order(BUY, REFERENCE - 490 + 10 * number)
        moved = sum(1 for event in events if isinstance(event, Execution) and event.exec_restatement_reason == 3)
        assert moved == (PEGS_MAX * 3 // 2 if twice else PEGS_MAX), f"{moved} moves of {PEGS_MAX} pegs"
        steps.append(seconds)
    return steps


def run(*, moves: int) -> dict[str, str]:
    """Return the figures."""
    gc.disable()
    try:
        found = {
            f"{TRAILS_MAX} trailing stops at 3 offsets": trailing(moves, offsets=3),
            f"{TRAILS_MAX} trailing stops at as many offsets": trailing(moves, offsets=TRAILS_MAX),
            f"{PEGS_MAX} pegs": pegged(moves, twice=False),
            f"{PEGS_MAX} pegs, some of which move twice": pegged(moves, twice=True),
        }
    finally:
        gc.enable()
    figures = {"machine": f"{platform.machine()}, CPython {platform.python_version()}"}
    for name, steps in found.items():
        figures[name] = f"{1e3 * statistics.median(steps):.2f} ms (longest {1e3 * max(steps):.2f})"
    return figures


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description="benchmark of what follows a price")
    parser.add_argument("--moves", type=int, default=40)
    arguments, _ = parser.parse_known_args()
    for name, value in run(moves=arguments.moves).items():
        print(f"{name:>40}  {value}")


if __name__ == "__main__":
    main()
