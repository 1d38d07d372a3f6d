"""The whole exchange against the prototype of the experiments: same machine, same run, same load generator.

    python -m tests.bench.bench_exchange [--small] [--parts throughput,pingpong,...] [--prototype BUILD]

These machines are shared and their speed drifts by half, so rounds of both servers alternate and every bar is a ratio
of the medians. It prints; it never fails because something was slow.
"""

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from tests.bench.machine import anonymous_bytes, machine
from tests.bench.servers import Ours, Prototype, PrototypeUnavailableError, build_prototype, cpu_seconds, run_load
from tests.flow.replay import DATA, replay_file
from tests.support.fix_peer import FixPeer, utc_timestamp
from tests.support.shards import shard_pids

NAN: Final = float("nan")
PRELOAD_ORDERS: Final = 250_000
"""Resting orders sent by one run of the generator: its orders are encoded before, and SendingTime may be 120 s old."""
SNAPSHOT_SECONDS: Final = 300.0


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    orders: int = 300_000
    rounds: int = 3
    pings: int = 5_000
    rate: float = 10_000.0
    rate_orders: int = 50_000
    sessions: int = 100
    resting_few: int = 100
    resting_many: int = 1_000_000
    recovery_orders: int = 300_000


def scaled(scale: float, rounds: int) -> Size:
    """Return a share of the full size: for a look on a busy machine, not for the README."""
    full = Size()
    names = ("orders", "pings", "rate_orders", "resting_many", "recovery_orders")
    return replace(full, rounds=rounds, **{name: max(int(getattr(full, name) * scale), 1_000) for name in names})


SMALL: Final = Size(2_000, 1, 100, 1_000.0, 500, 5, 10, 2_000, 2_000)


@dataclass
class Row:
    """One line of the table. `bar` is what the design asks of `value`."""

    what: str
    prototype: str
    ours: str
    value: str
    bar: str


@dataclass
class Bench:
    """Both servers, the size, and the rows so far."""

    size: Size
    ours: Ours
    prototype: Prototype | None
    rows: list[Row] = field(default_factory=list)
    digest: str = ""

    def add(self, what: str, ours: str, *, prototype: str = "", value: str = "", bar: str = "") -> None:
        """Add a row and show it at once: a full run takes minutes."""
        self.rows.append(Row(what, prototype, ours, value, bar))
        print(f"  {what}: prototype {prototype or '-'}, outcry {ours} {value} {bar}", flush=True)


def throughput(bench: Bench) -> None:
    """Orders and reports a second and Python time per order, TRADER1 alone; rounds of both servers alternate."""
    size = bench.size
    found: dict[str, list[dict[str, Any]]] = {"prototype": [], "outcry": []}
    for _ in range(size.rounds):
        for server in (bench.prototype, bench.ours):
            if server is not None:
                with server.running("fsync"):
                    result = run_load(server.port, "throughput", "--orders", str(size.orders), "--digest")
                    result["python_us"] = server.python_us_per_order(size.orders)
                found[server.name].append(result)
    bench.digest = found["outcry"][0]["digest"]
    if any(result["digest"] != bench.digest for result in found["outcry"]):
        raise AssertionError(f"the same orders were reported differently: {[r['digest'] for r in found['outcry']]}")
    for key, name, bar, places in (
        ("orders_per_s", "orders/s", ">= 0.6", 0),
        ("reports_per_s", "reports/s", ">= 0.6", 0),
        ("python_us", "Python us per order", "<= 2", 2),
        ("load_cpu_s", "CPU s of the generator", "", 2),
    ):
        compare(bench, f"{name}, TRADER1 alone, {size.orders} orders", key, found, bar, places)


def drop_copy(bench: Bench) -> None:
    """The same with DROP1 logged on: every report goes out twice."""
    with bench.ours.running("fsync"):
        result = run_load(bench.ours.port, "throughput", "--orders", str(bench.size.orders), "--drop")
    text = f"{result['orders_per_s']:.0f} orders/s, {result['reports_per_s']:.0f} reports/s"
    bench.add("with DROP1 logged on too", text, value=f"{result['drop_reports']} copies")


def ping_pong(bench: Bench) -> None:
    """Latency of an idle exchange, with and without fsync."""
    for durability in ("fsync", "async"):
        found: dict[str, list[dict[str, Any]]] = {"prototype": [], "outcry": []}
        for _ in range(bench.size.rounds):
            for server in (bench.prototype, bench.ours):
                if server is not None:
                    with server.running(durability):
                        found[server.name].append(run_load(server.port, "pingpong", "--orders", str(bench.size.pings)))
        for key in ("p50", "p90", "p99", "p99.9"):
            bar = "<= 1.4" if key == "p50" else ""
            compare(bench, f"ping-pong {key} us, {durability}", key, found, bar, 0)


def at_rate(bench: Bench) -> None:
    """Latency at a stated rate, from the intended send time."""
    size = bench.size
    found: dict[str, list[dict[str, Any]]] = {"prototype": [], "outcry": []}
    options = ("--orders", str(size.rate_orders), "--rate", str(size.rate))
    for server in (bench.prototype, bench.ours):
        if server is not None:
            with server.running("fsync"):
                found[server.name].append(run_load(server.port, "rate", *options))
    for key in ("p50", "p90", "p99", "p99.9"):
        compare(bench, f"latency {key} us at {size.rate:.0f} orders/s", key, found, "", 0)


def sessions(bench: Bench) -> None:
    """Many sessions at once against one."""
    size = bench.size
    alone = ("throughput", "--orders", str(size.orders))
    together = (*alone, "--sessions", str(size.sessions), "--username", "TRADER1", "--prefix", "S")
    one: list[dict[str, Any]] = []
    many: list[dict[str, Any]] = []
    for _ in range(size.rounds):
        for found, options in ((one, alone), (many, together)):
            with bench.ours.running("fsync", sessions=size.sessions):
                found.append(run_load(bench.ours.port, *options))
    rates = [statistics.median(result["orders_per_s"] for result in found) for found in (one, many)]
    cpu = [statistics.median(result["load_cpu_s"] for result in found) for found in (one, many)]
    text = f"{rates[1]:.0f} orders/s, one: {rates[0]:.0f}; CPU s of the generator {cpu[1]:.2f}, one: {cpu[0]:.2f}"
    bench.add(f"{size.sessions} sessions at once", text, value=f"{rates[1] / rates[0]:.2f} of one", bar=">= 0.8")


def shards(bench: Bench) -> None:
    """Three instruments in one process and in a process each; what an order costs in each of them."""
    size = bench.size
    load = ("throughput", "--orders", str(size.orders), "--spread")
    rates: dict[str, list[float]] = {".": [], "per-instrument": []}
    costs: list[tuple[float, float]] = []
    for _ in range(size.rounds):
        for configuration, found in rates.items():
            with bench.ours.running("fsync", configuration=configuration):
                pids = shard_pids(bench.ours.exchange).values()
                before = cpu_seconds(bench.ours.exchange.pid), sum(map(cpu_seconds, pids))
                found.append(run_load(bench.ours.port, *load)["orders_per_s"])
                after = cpu_seconds(bench.ours.exchange.pid), sum(map(cpu_seconds, pids))
                if pids:
                    costs.append((after[0] - before[0], after[1] - before[1]))
    one, many = (statistics.median(found) for found in rates.values())
    gateway, shard = (statistics.median(each) / size.orders * 1e6 for each in zip(*costs, strict=True))
    text = f"{many:.0f} orders/s, one process: {one:.0f}"
    bench.add("three instruments, a shard for each", text, value=f"{many / one:.2f} of one process")
    bench.add("CPU us per order with shards, fsync", f"gateway {gateway:.1f} (with its IO threads), shard {shard:.1f}")


def preload(bench: Bench, orders: int, prefix: str) -> dict[str, float]:
    """Put resting orders into the book; return orders/s."""
    rates = []
    for start in range(0, orders, PRELOAD_ORDERS):
        count = min(PRELOAD_ORDERS, orders - start)
        options = ("--orders", str(count), "--mode", "rest", "--prefix", f"{prefix}{start}-")
        rates.append(run_load(bench.ours.port, "throughput", *options)["orders_per_s"])
    return {"orders_per_s": statistics.median(rates)}


def flat(bench: Bench) -> None:
    """The same throughput with few and with many resting orders; memory per resting order; start with a snapshot."""
    size = bench.size
    rates = {}
    for resting in (size.resting_few, size.resting_many):
        commands = ("every_commands = 2000000", f"every_commands = {max(resting // 2, 1_000)}")
        with bench.ours.running(
            "fsync", replacements=[commands, ("every_seconds = 300", "every_seconds = 20")]
        ) as ours:
            run_load(ours.port, "throughput", "--orders", str(min(size.orders, 20_000)), "--prefix", "W")
            before = anonymous_bytes(ours.exchange.pid)
            preload(bench, resting, "R")
            per_order = (anonymous_bytes(ours.exchange.pid) - before) / resting
            found = run_load(ours.port, "throughput", "--orders", str(size.orders), "--prefix", "X")
            rates[resting] = found["orders_per_s"]
            if resting == size.resting_many:
                bench.add("memory per resting order", f"{per_order:.0f} bytes", bar="<= 1024")
                start_with_snapshot(bench, resting)
    few, many = rates[size.resting_few], rates[size.resting_many]
    text = f"{few:.0f} orders/s with {size.resting_few}, {many:.0f} with {size.resting_many}"
    bench.add("flat: resting orders", text, value=f"{many / few:.2f}", bar=">= 0.8")


def start_with_snapshot(bench: Bench, resting: int) -> None:
    """Seconds from the start of the process, with a snapshot of the whole book, until an order is accepted."""
    exchange = bench.ours.exchange
    begun, since = time.monotonic(), time.time()
    snapshots = exchange.data_dir / "snapshots"
    while not any(path.stat().st_mtime > since for path in snapshots.glob("*.snapshot")):
        if time.monotonic() - begun > SNAPSHOT_SECONDS:
            bench.add("start with a snapshot", f"no new snapshot within {SNAPSHOT_SECONDS:.0f} s", bar="<= 15 s")
            return
        run_load(exchange.port, "throughput", "--orders", "1000", "--prefix", f"N{time.monotonic_ns()}-")
    exchange.kill()
    begun = time.monotonic()
    exchange.start(seconds=SNAPSHOT_SECONDS)
    first_order(exchange.address)
    text = f"{time.monotonic() - begun:.1f} s until the first order is accepted"
    bench.add(f"start with a snapshot of {resting} open orders", text, bar="<= 15 s")


def first_order(address: tuple[str, int]) -> None:
    """Log on and see one order accepted."""
    peer = FixPeer(address, "FIX.4.4", "TRADER2")
    peer.logon([(141, "Y")])
    terms = [(55, "AAPL"), (54, "1"), (38, "1"), (40, "2"), (44, "500.00"), (60, utc_timestamp())]
    peer.send("D", [(11, f"FIRST{time.monotonic_ns()}"), *terms])
    report = peer.receive()
    if report.get(150) != "0":
        raise AssertionError(f"not accepted: {report}")
    peer.cut()


def recovery(bench: Bench) -> None:
    """Orders a second of a replay without snapshot, against the live rate of the same orders."""
    size = bench.size
    never = [
        ("every_commands = 2000000", "every_commands = 1000000000"),
        ("every_seconds = 300", "every_seconds = 86400"),
    ]
    with bench.ours.running("fsync", replacements=never) as ours:
        exchange = ours.exchange
        exchange.kill()
        begun = time.monotonic()
        exchange.start()
        empty = time.monotonic() - begun
        live = run_load(ours.port, "throughput", "--orders", str(size.recovery_orders))["orders_per_s"]
        exchange.kill()
        shutil.rmtree(exchange.data_dir / "snapshots", ignore_errors=True)
        begun = time.monotonic()
        exchange.start(seconds=SNAPSHOT_SECONDS)
        rate = size.recovery_orders / max(time.monotonic() - begun - empty, 0.001)
    bench.add("recovery", f"{rate:.0f} orders/s, live {live:.0f}", value=f"{rate / live:.2f} x live", bar=">= 2")


def flow(bench: Bench) -> None:
    """Real order flow of NASDAQ through one FIX session."""
    if not DATA.exists():
        bench.add("real order flow", f"skipped: {DATA} is not here")
        return
    with bench.ours.running("fsync") as ours:
        result = replay_file(ours.exchange, DATA)
    text = f"{result.matched} of {result.executions} executions, {result.answered} of {result.sent} rows answered"
    bench.add("real order flow", text, value=f"{result.rows_per_s:.0f} rows/s", bar=">= 1560, all")


def compare(bench: Bench, what: str, key: str, found: dict[str, list[dict[str, Any]]], bar: str, places: int) -> None:
    """Add a row of medians and their ratio."""
    ours = statistics.median(float(result[key]) for result in found["outcry"])
    theirs = statistics.median(float(result[key]) for result in found["prototype"]) if found["prototype"] else NAN
    ratio = f"{ours / theirs:.2f} x" if theirs == theirs and theirs else ""
    prototype = f"{theirs:.{places}f}" if theirs == theirs else ""
    bench.add(what, f"{ours:.{places}f}", prototype=prototype, value=ratio, bar=bar)


PARTS: Final[dict[str, Callable[[Bench], None]]] = {
    "throughput": throughput,
    "drop_copy": drop_copy,
    "pingpong": ping_pong,
    "rate": at_rate,
    "sessions": sessions,
    "shards": shards,
    "flat": flat,
    "recovery": recovery,
    "flow": flow,
}


def run(
    size: Size, parts: Sequence[str], work: Path, prototype: str | None, *, needs_prototype: bool = True
) -> tuple[Bench, list[str]]:
    """Run the parts and return the rows, and notes on what could not be run."""
    notes = []
    other = None
    if needs_prototype:
        try:
            other = Prototype(build_prototype(prototype), work / "prototype")
        except PrototypeUnavailableError as error:
            notes.append(f"no prototype, no ratios: {error}")
    bench = Bench(size, Ours(work), other)
    for name in parts:
        print(f"{name}: {(PARTS[name].__doc__ or '').splitlines()[0]}", flush=True)
        PARTS[name](bench)
    return bench, notes


def table(bench: Bench, notes: Sequence[str]) -> str:
    """Return what ran where, the table, and the hash of the result, as Markdown."""
    facts = "\n".join(f"- {name}: {text}" for name, text in machine().items())
    lines = ["| measured | prototype | outcry | ratio | bar |", "|---|---|---|---|---|"]
    lines += [f"| {row.what} | {row.prototype} | {row.ours} | {row.value} | {row.bar} |" for row in bench.rows]
    settings = (
        f"- settings: shipped configuration, {bench.size.orders} orders, {bench.size.rounds} rounds, "
        "1,000 in flight, FIX.4.4, generator on the same cores"
    )
    more = [f"- {note}" for note in notes]
    return "\n".join([facts, settings, *more, f"- hash of the result: {bench.digest or 'none'}", "", *lines])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and print its table; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="a few orders: shows that it runs, not how fast")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full number of orders")
    parser.add_argument("--rounds", type=int, default=Size.rounds, help="rounds of each server")
    parser.add_argument("--parts", default=",".join(PARTS), help=f"of {', '.join(PARTS)}")
    parser.add_argument("--prototype", help="folder of a build of the experiments")
    parser.add_argument("--no-prototype", action="store_true", help="measure the exchange alone")
    options = parser.parse_args(arguments)
    parts = options.parts.split(",")
    if unknown := [name for name in parts if name not in PARTS]:
        parser.error(f"unknown parts {unknown}, known: {', '.join(PARTS)}")
    with tempfile.TemporaryDirectory(prefix="outcry-bench-", dir=Path.cwd()) as work:
        size = SMALL if options.small else scaled(options.scale, options.rounds)
        bench, notes = run(size, parts, Path(work), options.prototype, needs_prototype=not options.no_prototype)
    print("\n" + table(bench, notes))
    return 0


if __name__ == "__main__":
    sys.exit(main())
