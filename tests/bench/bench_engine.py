"""Benchmark of the engine alone: translated commands in, events out; no wire, journal or reports.

    python -m tests.bench.bench_engine [--orders N] [--resting N] [--dormant N] [--against FOLDER]

It prints microseconds per order as the median of rounds, the time of snapshots, and a hash of the result: the same
seed gives the same hash on every machine, whatever the speed. `--dormant` lets stops wait far from the price, which
must cost nothing. `--against` runs the same benchmark of another checkout's code in turns with this one's, and prints
the ratio, because the machine's own speed changes from minute to minute.
"""

import argparse
import gc
import hashlib
import os
import platform
import random
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import msgspec

from matching.commands import Command, DefineAccount, DefineInstrument, DefineSession, Deposit, NewOrder, SetLimits
from matching.engine import Engine
from matching.events import Event
from matching.terms import Terms
from matching.types import BUY, SELL, Side
from risk.engine import RiskEngine

SEED: Final = 20120621
ROUND_ORDERS: Final = 20_000
REFERENCE: Final = 58_500
ACCOUNTS: Final = 3

_encode = msgspec.msgpack.Encoder().encode


class Bench:
    """An engine with accounts and the commands that drive it. `throttled`: all have buckets, which never bind."""

    def __init__(self, *, throttled: bool = True) -> None:
        self.engine = Engine(RiskEngine())
        self.random = random.Random(SEED)
        self.hash = hashlib.blake2b(digest_size=16)
        self._cl_ord_id = 0
        rate = 1_000_000 if throttled else 0
        commands: list[Command] = [
            DefineInstrument(1, "AAPL", "spot", "USD", 1_000_000, 100_000_000, 10_000, REFERENCE, 5000)
        ]
        for number in range(1, ACCOUNTS + 1):
            commands += [
                DefineAccount(number, f"ACC{number}", "FIRM"),
                DefineSession(number, f"S{number}", f"TRADER{number}", rate, rate, rate, rate),
                Deposit(number, "USD", 10**18, f"cash {number}"),
                Deposit(number, "AAPL", 10**12, f"shares {number}"),
                SetLimits(number, 1, 10**6, 10**15, 10**7, 2 * 10**12, 0, 0),
                SetLimits(number, 0, 0, 0, 10**7, 0, rate, rate),
            ]
        self.apply(commands)

    def apply(self, commands: list[Command]) -> float:
        """Apply commands as frames of 64; return the processor time spent in the engine alone."""
        engine, seconds = self.engine, 0.0
        apply = engine.apply
        seq, time_ns = engine.seq, engine.time_ns
        for begin in range(0, len(commands), 64):
            frame = commands[begin : begin + 64]
            out: list[Event] = []
            time_ns += 640_000
            began = time.thread_time()
            for command in frame:
                seq += 1
                apply(seq, time_ns, command, out)
            seconds += time.thread_time() - began
            self.hash.update(_encode(out))
        return seconds

    def orders(self, count: int, *, far: bool = False) -> list[Command]:
        """Return random limit orders around the reference; `far` ones rest on both sides without meeting."""
        draw = self.random
        commands: list[Command] = []
        for _ in range(count):
            self._cl_ord_id += 1
            side: Side = BUY if draw.random() < 0.5 else SELL
            price = REFERENCE + draw.randint(-5, 5)
            if far:
                price = REFERENCE + draw.randint(100, 20_000) * (-1 if side == "1" else 1)
            qty = draw.randint(1, 10) * 100
            number = draw.randint(1, ACCOUNTS)
            # Decoded commands own their integers and texts; so do these.
            commands.append(
                NewOrder(
                    number, 1, self._cl_ord_id, False, f"O{self._cl_ord_id}", number, 1, side, "2", "0", price, qty
                )
            )
        return commands

    def stops(self, count: int) -> list[Command]:
        """Return stops that wait at every price from 1,000 ticks off the reference on, on both sides of it."""
        commands: list[Command] = []
        for number in range(count):
            self._cl_ord_id += 1
            side: Side = BUY if number % 2 else SELL
            stop_price = REFERENCE + (1_000 + number % 20_000) * (1 if side == BUY else -1)
            account = number % ACCOUNTS + 1
            commands.append(
                NewOrder(
                    account,
                    1,
                    self._cl_ord_id,
                    False,
                    f"O{self._cl_ord_id}",
                    account,
                    1,
                    side,
                    "3",
                    "1",
                    0,
                    100,
                    terms=Terms(stop_price=stop_price),
                )
            )
        return commands


def run(*, orders: int, resting: int, dormant: int = 0) -> dict[str, str]:
    """Run the benchmark and return its figures and the hash of all events and of the state after them."""
    gc.disable()
    try:
        bench = Bench()
        waiting = bench.apply(bench.stops(dormant)) if dormant else 0.0
        filled = bench.apply(bench.orders(resting, far=True)) if resting else 0.0
        rounds = []
        for _ in range(max(orders // ROUND_ORDERS, 1)):
            commands = bench.orders(min(orders, ROUND_ORDERS))
            rounds.append(1e6 * bench.apply(commands) / len(commands))
        before = bench.engine.statistics()
        began = time.perf_counter()
        snapshot = bench.engine.snapshot()
        dumped = time.perf_counter()
        restored = Engine(RiskEngine())
        restored.load(snapshot)
        loaded = time.perf_counter()
        assert restored.state_hash() == bench.engine.state_hash(), "a loaded engine has the state of the one dumped"
        bench.hash.update(bench.engine.state_hash())
    finally:
        gc.enable()
    return {
        "machine": f"{platform.machine()}, CPython {platform.python_version()}",
        "us per resting order": f"{1e6 * filled / resting:.2f}" if resting else "-",
        "us per dormant stop": f"{1e6 * waiting / dormant:.2f}" if dormant else "-",
        "us per order": f"{statistics.median(rounds):.2f} (best {min(rounds):.2f}, worst {max(rounds):.2f})",
        "trades per order": f"{before['trades'] / orders:.2f}",
        "open orders": str(before["open_orders"]),
        "snapshot": f"{dumped - began:.2f} s, {len(snapshot):,} bytes",
        "load": f"{loaded - dumped:.2f} s",
        "hash": bench.hash.hexdigest(),
    }


def compare(other: Path, *, orders: int, dormant: int, turns: int) -> None:
    """Run in turns the other checkout, this one, and this one with dormant stops; print best times and their ratios."""
    here = Path(__file__).parents[2]
    runs: list[tuple[str, Path, list[str]]] = [("before", other, []), ("after", here, [])]
    if dormant:
        runs.append((f"after, {dormant:,} dormant stops", here, ["--dormant", str(dormant)]))
    best: dict[str, list[float]] = {name: [] for name, _, _ in runs}
    for turn in range(turns):
        for name, folder, more in runs if turn % 2 else reversed(runs):
            best[name].append(_best_of(folder, ["--orders", str(orders), *more]))
    base = statistics.median(best["before"])
    for name, times in best.items():
        ratios = [after / before for after, before in zip(times, best["before"], strict=True)]
        print(
            f"{name:>30}  {statistics.median(times):.2f} us per order (least {min(times):.2f}), "
            f"ratio of medians {statistics.median(times) / base:.3f}, of least {min(times) / min(best['before']):.3f}, "
            f"median of ratios {statistics.median(ratios):.3f}"
        )


def _best_of(folder: Path, arguments: list[str]) -> float:
    """Run this benchmark with the code of a checkout and return the microseconds per order of its best round."""
    done = subprocess.run(
        [sys.executable, str(Path(__file__).resolve()), *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    (line,) = [each for each in done.stdout.splitlines() if " us per order " in each]
    return float(line.split("best ")[1].split(",")[0])


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description="engine benchmark")
    parser.add_argument("--orders", type=int, default=200_000)
    parser.add_argument("--resting", type=int, default=0)
    parser.add_argument("--dormant", type=int, default=0, help="stops that wait far from the price")
    parser.add_argument("--against", type=Path, help="another checkout, to compare the plain path with")
    parser.add_argument("--turns", type=int, default=9, help="turns of a comparison")
    arguments = parser.parse_args()
    if arguments.against is not None:
        compare(arguments.against, orders=arguments.orders, dormant=arguments.dormant, turns=arguments.turns)
        return
    for name, value in run(orders=arguments.orders, resting=arguments.resting, dormant=arguments.dormant).items():
        print(f"{name:>22}  {value}")


if __name__ == "__main__":
    main()
