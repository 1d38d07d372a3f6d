"""What an attack costs the others: the latency of another member's orders, quiet and under each of four attacks.

    python -m tests.bench.bench_hostile [--small] [--parts 'resend storm,slow reader']

The member sends one order at a time and waits for its ExecutionReport, in a process of his own; the attack comes from
another. Elsewhere an attacker has cores of his own: here he runs on those of the exchange and the member whenever they
are idle, and so takes from them what the exchange does for him, and little besides. It prints; it never fails because
something was slow.
"""

import argparse
import contextlib
import select
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from tests.bench.machine import ROOT, machine
from tests.bench.servers import run_load
from tests.fuzz.test_field_values import trade
from tests.hostile.crowd import crowd_before
from tests.hostile.judge import log_on_anew
from tests.hostile.storms import Storm, order_flood, resend_storm, slow_reader, storming
from tests.support.exchange import ExchangeProcess
from tests.support.fix_peer import FixPeer

ATTACKER: Final = "TRADER1"
MEMBER: Final = "TRADER2"
THROTTLE: Final = 1_000
"""Messages a second that the attacker's session may send: a flood above it is answered with rejects."""
IDLE: Final = ("chrt", "--idle", "0")
"""What runs behind it gets no core that anybody else wants."""
BAR: Final = "at most 2 x quiet"
STORMS: Final[dict[str, Storm]] = {
    "resend storm": resend_storm,
    "flood over the throttle": order_flood,
    "slow reader": slow_reader,
}
UNLOGGED: Final = "connections that never log on"
PARTS: Final = (UNLOGGED, *STORMS)


@dataclass(frozen=True)
class Size:
    """How much is measured: orders of one round, rounds, connections before logon, reports for the resend storm."""

    orders: int = 2_000
    rounds: int = 3
    strangers: int = 10_000
    reports: int = 2_000


SMALL: Final = Size(50, 1, 200, 20)


@dataclass
class Row:
    """Latencies of one situation, in microseconds: the median of the rounds; `ratio` is that of p99 to quiet."""

    what: str
    p50: float
    p99: float
    p99_quiet: float

    @property
    def ratio(self) -> float:
        """How many times the quiet p99 it is."""
        return self.p99 / self.p99_quiet


@dataclass
class Bench:
    """One exchange, and the rows so far."""

    size: Size
    exchange: ExchangeProcess
    rows: list[Row] = field(default_factory=list)
    loads: int = 0

    def measure(self) -> dict[str, Any]:
        """Return the latencies of one round of the member."""
        self.loads += 1
        options = ("--orders", str(self.size.orders), "--sender", MEMBER, "--prefix", f"L{self.loads}-")
        return run_load(self.exchange.port, "pingpong", *options)

    def compare(self, what: str, attack: Callable[[], contextlib.AbstractContextManager[object]]) -> None:
        """Measure quiet and under the attack by turns, and add a row."""
        quiet, under = [], []
        for _ in range(self.size.rounds):
            quiet.append(self.measure())
            with attack():
                under.append(self.measure())
        row = Row(what, _median(under, "p50"), _median(under, "p99"), _median(quiet, "p99"))
        self.rows.append(row)
        print(f"  {what}: p99 {row.p99:.0f} us, quiet {row.p99_quiet:.0f} us: {row.ratio:.2f} x, bar {BAR}", flush=True)


def _median(results: list[dict[str, Any]], key: str) -> float:
    return statistics.median(float(result[key]) for result in results)


@contextlib.contextmanager
def storm_process(exchange: ExchangeProcess, storm: str, reports: int) -> Iterator[None]:
    """Run a storm in a process of its own while the block runs."""
    command = [sys.executable, "-m", "tests.bench.bench_hostile", "--storm", storm, "--port", str(exchange.port)]
    process = subprocess.Popen(
        [*IDLE, *command, "--reports", str(reports)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "storming\n", "the storm did not begin"
        yield
        said, _ = process.communicate("")
        assert process.returncode == 0, f"the storm ended with {process.returncode}"
        print(f"    {said.strip()}", flush=True)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def storm_main(options: argparse.Namespace) -> int:
    """Log the attacker on and storm until the standard input ends; whenever the exchange cuts him, he comes again."""
    peer = FixPeer(("127.0.0.1", options.port), "FIX.4.4", ATTACKER)
    log_on_anew(peer)
    if options.storm == "resend storm":
        while peer.next_in <= options.reports:
            trade(peer)
    print("storming", flush=True)
    sent = cuts = 0
    over = False
    while not over:
        with storming(STORMS[options.storm], peer) as storm:
            while not (over or storm.is_over):
                over = bool(select.select([sys.stdin], [], [], 0.05)[0])
        sent += storm.sent
        if not over:
            cuts += 1
            log_on_anew(peer)
    peer.cut()
    print(f"{options.storm}: {sent} messages sent, cut {cuts} times")
    return 0


def run(size: Size, work: Path, parts: Sequence[str] = PARTS) -> Bench:
    """Run the exchange and these attacks; return the rows."""
    exchange = ExchangeProcess(work / "exchange")
    sessions = exchange.sessions()
    sessions.set("MessageRate", str(THROTTLE), comp_id=ATTACKER)
    sessions.set("MessageBurst", str(THROTTLE), comp_id=ATTACKER)
    sessions.write()
    bench = Bench(size, exchange)
    try:
        exchange.start()
        bench.measure()  # the first orders of a process are slower
        if UNLOGGED in parts:
            bench.compare(UNLOGGED, lambda: crowd_before(exchange.port, size.strangers, again=True, prefix=IDLE))
        for name in [name for name in STORMS if name in parts]:
            bench.compare(name, lambda name=name: storm_process(exchange, name, size.reports))  # type: ignore[misc]
    finally:
        exchange.kill()
    return bench


def table(bench: Bench) -> str:
    """Return what ran where and the rows, as Markdown."""
    facts = [f"- {name}: {text}" for name, text in machine().items()]
    size = bench.size
    facts.append(
        f"- settings: shipped configuration, the attacker's session throttled to {THROTTLE} messages/s, {size.orders} "
        f"orders a round one at a time, medians of {size.rounds} rounds, quiet and attack by turns; {size.strangers} "
        f"connections tried and tried again, resends of {size.reports} reports; attackers on the same cores while "
        "they are idle"
    )
    lines = ["| attack | p50 us | p99 us | p99 quiet us | ratio | bar |", "|---|---|---|---|---|---|"]
    lines += [
        f"| {row.what} | {row.p50:.0f} | {row.p99:.0f} | {row.p99_quiet:.0f} | {row.ratio:.2f} x | {BAR} |"
        for row in bench.rows
    ]
    return "\n".join([*facts, "", *lines])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and print its table; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="a few orders: shows that it runs, not how fast")
    parser.add_argument("--rounds", type=int, default=Size.rounds, help="rounds, quiet and attack by turns")
    parser.add_argument("--parts", default=",".join(PARTS), help=f"of {', '.join(PARTS)}")
    parser.add_argument("--storm", choices=STORMS, help="be the attacker, as the benchmark starts him")
    parser.add_argument("--port", type=int, help="of the exchange, for the attacker")
    parser.add_argument("--reports", type=int, default=Size.reports, help="range of the resend storm")
    options = parser.parse_args(arguments)
    if options.storm:
        return storm_main(options)
    parts = options.parts.split(",")
    if unknown := [name for name in parts if name not in PARTS]:
        parser.error(f"unknown parts {unknown}, known: {', '.join(PARTS)}")
    size = SMALL if options.small else replace(Size(), rounds=options.rounds)
    with tempfile.TemporaryDirectory(prefix="outcry-bench-", dir=Path.cwd()) as work:
        bench = run(size, Path(work), parts)
    print("\n" + table(bench))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
