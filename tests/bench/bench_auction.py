"""Benchmark of an auction: how long it takes from the command to the last report, and the longest step of it.

    python -m tests.bench.bench_auction [--orders N] [--spread TICKS]

Each step is what the matching thread does of it: match, settle, encode the events and write the report of each fill
in FIX.4.4, in processor time, so that other load on the machine does not count. The wire's threads and the commit are
not in it: see bench_exchange. Prints a hash of the result.
"""

import argparse
import gc
import hashlib
import platform
import random
import statistics
import time
from typing import Final

from gateway.reports import ReportWriter
from gateway.sessions import FIX44
from matching.codec import encode_events
from matching.commands import (
    Command,
    ContinueWork,
    DefineAccount,
    DefineInstrument,
    DefineSession,
    Deposit,
    NewOrder,
    SetTradingPhase,
    TellIndicativePrice,
)
from matching.engine import Engine
from matching.events import Event, Execution
from matching.types import BUY, LIMIT, MARKET, SELL
from risk.engine import RiskEngine

SEED: Final = 20120518
REFERENCE: Final = 58_500
MARKET_SHARE: Final = 0.05


class AuctionBench:
    """An engine in its opening auction."""

    def __init__(self) -> None:
        self.engine = Engine(RiskEngine())
        self.hash = hashlib.blake2b(digest_size=16)
        self.reports = ReportWriter(self.engine.instruments, {1: "ACC1", 2: "ACC2"})
        self.fills = 0
        definitions: list[Command] = [
            DefineInstrument(1, "AAPL", "spot", "USD", 1_000_000, 100_000_000, 10_000, REFERENCE, 5000)
        ]
        for number in (1, 2):
            definitions += [
                DefineAccount(number, f"ACC{number}", "FIRM"),
                DefineSession(number, f"S{number}", f"TRADER{number}", 0, 0, 0, 0),
                Deposit(number, "USD", 10**18, f"cash {number}"),
                Deposit(number, "AAPL", 10**12, f"shares {number}"),
            ]
        definitions += [SetTradingPhase(1, "closed", "bench", ""), SetTradingPhase(1, "opening auction", "bench", "")]
        for each in definitions:
            self.apply(each)

    def apply(self, command: Command, *, told: bool = False) -> float:
        """Apply a command, encode its events and write its reports; return the seconds it took."""
        out: list[Event] = []
        began = time.thread_time()
        self.engine.apply(self.engine.seq + 1, self.engine.time_ns + 1_000, command, out)
        data = encode_events(out)
        if told:
            for event in out:
                if type(event) is Execution:
                    self.reports.execution(event, FIX44)
                    self.fills += 1
        seconds = time.thread_time() - began
        self.hash.update(data)
        return seconds

    def fill(self, orders: int, spread: int) -> None:
        """Enter orders of both sides at random prices within `spread` ticks of the reference, some of them market."""
        draw = random.Random(SEED)
        for number in range(orders):
            is_buy = number % 2 == 0
            market = draw.random() < MARKET_SHARE
            price = 0 if market else REFERENCE + draw.randint(-spread, spread)
            account = 1 if is_buy else 2
            side, kind, qty = BUY if is_buy else SELL, MARKET if market else LIMIT, draw.randint(1, 10)
            # The literals are of the same closed sets.
            self.apply(NewOrder(account, 1, number, False, f"O{number}", account, 1, side, kind, "0", price, qty))  # type: ignore[arg-type]


def run(*, orders: int, spread: int) -> dict[str, str]:
    """Run the auction and return its figures and the hash of all events and of the state after them."""
    gc.disable()
    try:
        bench = AuctionBench()
        bench.fill(orders, spread)
        book = bench.engine.desk.books[1]
        levels = len(book.bids.levels) + len(book.asks.levels)
        indicative = bench.apply(TellIndicativePrice(1))
        steps = [bench.apply(SetTradingPhase(1, "continuous", "bench", ""), told=True)]
        while bench.engine.has_work:
            steps.append(bench.apply(ContinueWork(), told=True))
        bench.engine.check_invariants()
        bench.hash.update(bench.engine.state_hash())
    finally:
        gc.enable()
    return {
        "machine": f"{platform.machine()}, CPython {platform.python_version()}",
        "orders, price levels": f"{orders:,}, {levels:,}",
        "indicative price": f"{1e3 * indicative:.2f} ms",
        "auction": f"{sum(steps):.3f} s in {len(steps)} steps, {bench.fills:,} reports",
        "step": f"{1e3 * statistics.median(steps):.2f} ms (first {1e3 * steps[0]:.2f}, longest {1e3 * max(steps):.2f})",
        "hash": bench.hash.hexdigest(),
    }


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description="auction benchmark")
    parser.add_argument("--orders", type=int, default=100_000)
    parser.add_argument("--spread", type=int, default=500)
    arguments, _ = parser.parse_known_args()
    for name, value in run(orders=arguments.orders, spread=arguments.spread).items():
        print(f"{name:>22}  {value}")


if __name__ == "__main__":
    main()
