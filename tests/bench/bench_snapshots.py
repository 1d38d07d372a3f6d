"""What a snapshot costs orders: their latency at a stated rate while snapshots are written, against none, by turns.

    python -m tests.bench.bench_snapshots [--orders 300000] [--rounds 3]

A process of its own, at the lowest priority, replays the journal and writes them: the exchange starts it and reads one
line of it. So many orders rest that a snapshot takes seconds; one begins as soon as the one before it is there. The
load generator, both processes and their disk share what this machine has. It prints; it never fails because something
was slow.
"""

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from tests.bench.bench_drop_copy import during
from tests.bench.machine import machine
from tests.bench.servers import Ours, run_load
from tests.crash.steps import ask, wait_for

RATE: Final = 1_000
PRELOAD_ORDERS: Final = 100_000
"""Orders of one run of the generator: they are encoded before, and SendingTime may be 120 s old."""
PERCENTILES: Final = ("p50", "p99", "p99.9")


def compare(ours: Ours, rounds: int, rate_orders: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[int]]:
    """Return the latencies of each round without and with snapshots, and how many snapshots each round had."""
    quiet, beside, counts = [], [], []
    options = ("--orders", str(rate_orders), "--rate", str(RATE))
    for number in range(rounds):
        quiet.append(run_load(ours.port, "rate", *options, "--sender", "TRADER2", "--prefix", f"Q{number}-"))
        taken: list[None] = []
        act = partial(_snapshot, ours, taken)
        beside.append(during(ours.port, [*options, "--prefix", f"S{number}-"], act))
        counts.append(len(taken))
    return quiet, beside, counts


def _snapshot(ours: Ours, taken: list[None]) -> None:
    """Ask for a snapshot and wait for what is said of it: where the load has just ended there is nothing new."""
    said = partial(_said, ours.exchange.data_dir / "snapshots.log")
    before = len(said())
    ask(ours.exchange, "snapshot")
    wait_for(lambda: len(said()) > before, "an answer of the snapshot process")
    taken += [None] * sum(line["written"] for line in said()[before:])


def _said(path: Path) -> list[dict[str, Any]]:
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    return [json.loads(line) for line in lines if line.startswith("{")]


def run(work: Path, *, orders: int, rounds: int, rate_orders: int) -> list[str]:
    """Run the exchange and both loads; return the rows of the table."""
    ours = Ours(work)
    with ours.running("fsync") as running:
        for start in range(0, orders, PRELOAD_ORDERS):
            count = str(min(PRELOAD_ORDERS, orders - start))
            run_load(running.port, "throughput", "--orders", count, "--mode", "rest", "--prefix", f"R{start}-")
        quiet, beside, counts = compare(running, rounds, rate_orders)
    rows = ["| latency of orders | without snapshots, us | with, us | ratio |", "|---|---|---|---|"]
    for name in PERCENTILES:
        without, with_them = (statistics.median(float(each[name]) for each in found) for found in (quiet, beside))
        rows.append(f"| {name} at {RATE}/s | {without:.0f} | {with_them:.0f} | {with_them / without:.2f} |")
    rows.append(f"| snapshots in {rate_orders / RATE:g} s | 0 | {statistics.median(counts):g} | |")
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and print its table; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=300_000, help="orders that rest")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rate-orders", type=int, default=20_000, help="orders of one round")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="outcry-bench-", dir=Path.cwd()) as work:
        rows = run(Path(work), orders=options.orders, rounds=options.rounds, rate_orders=options.rate_orders)
    print("\n".join(f"- {name}: {text}" for name, text in machine().items()))
    print(f"- settings: shipped configuration, {options.orders} resting orders, {options.rounds} rounds by turns\n")
    print("\n".join(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
