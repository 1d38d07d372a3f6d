"""What drop copies cost the others, and how fast they come: catching up, a whole day again, and sessions that sleep.

    python -m tests.bench.bench_drop_copy [--small] [--scale 0.2] [--parts 'catch up,whole day,dormant']

Orders come from the load generator in a process of its own; what a drop copy receives is counted here. All of it shares
the cores of the exchange, which elsewhere the clients do not, and machines are shared: read the ratios of one run. It
prints; it never fails because something was slow.
"""

import argparse
import contextlib
import json
import os
import re
import select
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from tests.bench.load import BEGUN
from tests.bench.machine import ROOT, anonymous_bytes, machine
from tests.bench.servers import Ours, run_load
from tests.support.fix_peer import FixPeer

REPORT: Final = b"\x0135=8\x01"
AGAIN: Final = (b"\x0143=Y\x01", b"\x0197=Y\x01")
GAP_FILL: Final = b"\x0135=4\x01"
NUMBERS: Final = re.compile(rb"\x0134=(\d+)\x01.*\x0117=E(\d+)\x01", re.S)
RECEIVE_BYTES: Final = 1 << 20
SILENCE_SECONDS_MAX: Final = 60.0
PRELOAD_ORDERS: Final = 250_000
"""Orders of one run of the generator: they are encoded before, and SendingTime may be 120 s old."""
COPIES: Final = 40
"""Drop copies that have missed the same, one after the other."""


@dataclass(frozen=True)
class Size:
    """How much is measured. `orders` give 1.73 reports each."""

    rounds: int = 3
    orders: int = 60_000
    day_orders: int = 580_000
    rate: float = 1_000.0
    rate_orders: int = 10_000
    dormant: int = 1_000
    idle: int = 200


SMALL: Final = Size(1, 600, 600, 500.0, 250, 10, 5)


@dataclass
class Bench:
    """One size, the server's maker, and the rows so far."""

    size: Size
    ours: Ours
    rows: list[tuple[str, str, str, str]] = field(default_factory=list)

    def add(self, what: str, figures: str, value: str, bar: str) -> None:
        """Add a row and show it at once."""
        self.rows.append((what, figures, value, bar))
        print(f"  {what}: {figures}; {value} ({bar})", flush=True)


class Copy:
    """A drop copy session that counts: its messages are not read, so that it keeps up. `repeats`: of its reports those
    that came again.
    """

    def __init__(self, port: int, begin_string: str = "FIX.4.4", comp_id: str = "DROP1") -> None:
        self.peer = FixPeer(("127.0.0.1", port), begin_string, comp_id, username="DROP1")
        self.peer.gap_allowed = True
        self.peer.logon()
        self._socket = socket.socket(fileno=os.dup(self.peer.fileno()))
        self._socket.setblocking(False)
        self._tail = b""
        self._last = b""
        self.reports = self.repeats = 0
        for message in self.peer.receive_nowait():
            self.reports += message.msg_type == "8"

    def take(self, seconds: float) -> None:
        """Take what comes within that time, once. What is cut off is counted with its rest."""
        if not select.select([self._socket], [], [], seconds)[0]:
            return
        data = self._socket.recv(RECEIVE_BYTES)
        if not data:
            raise RuntimeError(f"the exchange has closed after {self.reports} reports")
        data = self._tail + data
        cut = data.rfind(b"\x0110=")
        data, self._tail = data[:cut], data[cut:]
        self.reports += data.count(REPORT)
        self.repeats += sum(map(data.count, AGAIN)) - data.count(GAP_FILL)
        self._last = data or self._last

    def take_while(self, load: "subprocess.Popen[str]") -> None:
        """Take what comes until the generator has ended."""
        while load.poll() is None:
            self.take(0.1)

    def take_reports(self, wanted: int) -> float:
        """Take until there have been so many reports; return the seconds that took."""
        return self._take_until(lambda: self.reports >= wanted)

    def take_repeats(self, wanted: int) -> float:
        """Take until so many reports have come again; return the seconds that took."""
        return self._take_until(lambda: self.repeats >= wanted)

    def _take_until(self, is_enough: Callable[[], bool]) -> float:
        begun = last = time.perf_counter()
        while not is_enough():
            before = self.reports
            self.take(1.0)
            now = time.perf_counter()
            last = now if self.reports > before else last
            if now - last > SILENCE_SECONDS_MAX:
                raise RuntimeError(f"silent after {self.reports} reports, {self.repeats} of them again")
        return time.perf_counter() - begun

    def ask_again(self, until: tuple[str, str]) -> None:
        """Ask for everything by ResendRequest(2)."""
        self.peer.send("2", [(7, "1"), (16, until[0])])

    def ask_range(self, until: tuple[str, str]) -> None:
        """Ask for everything by ExecID."""
        ids = [(1346, f"R{time.monotonic_ns()}"), (1347, "0"), (1351, "1"), (1355, "DROPCOPY")]
        self.peer.send("BW", [*ids, (1182, "1"), (1183, until[1])])

    def last(self) -> tuple[str, str]:
        """Return MsgSeqNum(34) and the number in ExecID(17) of the last report."""
        found = NUMBERS.search(self._last[self._last.rfind(REPORT) :])
        if found is None:
            raise RuntimeError("no report was taken")
        return found[1].decode(), found[2].decode()

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()
        self.peer.cut()


@contextlib.contextmanager
def load_running(port: int, kind: str, *options: str) -> Iterator["subprocess.Popen[str]"]:
    """Run the load generator beside what is done here."""
    command = [sys.executable, "-m", "tests.bench.load", kind, "--port", str(port), *options]
    load = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield load
    finally:
        load.kill()
        load.communicate()


def result_of(load: "subprocess.Popen[str]") -> dict[str, Any]:
    """Wait for the generator's result."""
    said, errors = load.communicate()
    if load.returncode != 0:
        raise RuntimeError(errors)
    found: dict[str, Any] = json.loads(said)
    return found


def fill_day(ours: Ours, orders: int) -> int:
    """Trade so many orders; return how many reports that gave."""
    reports = 0
    for start in range(0, orders, PRELOAD_ORDERS):
        count = min(PRELOAD_ORDERS, orders - start)
        reports += run_load(ours.port, "throughput", "--orders", str(count), "--prefix", f"D{start}-")["reports"]
    return reports


def catch_up(bench: Bench) -> None:
    """A drop copy that was away comes back: reports a second, alone and while others trade, and what it costs them."""
    orders = str(bench.size.orders)
    alone: list[float] = []
    beside: list[float] = []
    quiet: list[float] = []
    slowed: list[float] = []
    for number in range(bench.size.rounds):
        with bench.ours.running("fsync") as ours:
            missed = fill_day(ours, bench.size.orders)
            copy = Copy(ours.port)
            alone.append(missed / copy.take_reports(missed))
            copy.close()
            found = run_load(ours.port, "throughput", "--orders", orders, "--prefix", f"Q{number}-")
            quiet.append(found["orders_per_s"])
            missed += found["reports"]
            with load_running(ours.port, "throughput", "--orders", orders, "--prefix", f"B{number}-") as load:
                # The generator encodes its orders first; what the copy has missed is the same whenever it comes.
                copy = Copy(ours.port, "FIXT.1.1")
                seconds = copy.take_reports(missed)
                beside.append(missed / seconds)
                copy.take_while(load)
                slowed.append(result_of(load)["orders_per_s"])
            copy.close()
    rates = [statistics.median(each) for each in (alone, beside, quiet, slowed)]
    bench.add("catching up, nobody trades", f"{rates[0]:.0f} reports/s", "", ">= 50000")
    bench.add("catching up beside a flood of orders", f"{rates[1]:.0f} reports/s", "", "")
    text = f"{rates[3]:.0f} orders/s, alone {rates[2]:.0f}"
    bench.add("orders beside it, flat out", text, f"{rates[3] / rates[2]:.2f}", "")


def paced(bench: Bench) -> None:
    """The same beside orders at a stated rate, which is what a market is: their latency, and the copy's reports/s."""
    options = ("--orders", str(bench.size.rate_orders), "--rate", str(bench.size.rate))
    quiet, beside = [], []
    rates: list[float] = []
    for number in range(bench.size.rounds):
        with bench.ours.running("fsync", drop_copies=COPIES) as ours:
            missed = fill_day(ours, bench.size.orders)
            quiet.append(run_load(ours.port, "rate", *options, "--sender", "TRADER2", "--prefix", f"Q{number}-"))
            given = [*options, "--prefix", f"B{number}-"]
            names = iter(f"COPY{copy:03d}" for copy in range(COPIES))
            beside.append(during(ours.port, given, partial(follow, ours.port, names, missed, rates)))
    tell_latency(bench, f"orders at {bench.size.rate:.0f}/s while a copy catches up", quiet, beside, "")
    bench.add("the copy beside them", f"{statistics.median(rates):.0f} reports/s", "", ">= 50000")


def follow(port: int, names: Iterator[str], missed: int, rates: list[float]) -> None:
    """Log the next drop copy on, take what it has missed, and note how fast that was."""
    name = next(names, "")
    if not name:
        time.sleep(0.1)
        return
    copy = Copy(port, comp_id=name)
    rates.append(missed / copy.take_reports(missed))
    copy.close()


def during(port: int, options: Sequence[str], act: Callable[[], None]) -> dict[str, Any]:
    """Return the latencies of orders at a rate while `act` is done again and again."""
    with load_running(port, "rate", *options, "--sender", "TRADER2") as load:
        assert load.stderr is not None
        said = load.stderr.readline()
        if said != f"{BEGUN}\n":
            raise RuntimeError(said + load.stderr.read())
        while True:
            act()
            if load.poll() is not None:
                return result_of(load)


def tell_latency(bench: Bench, what: str, quiet: list[dict[str, Any]], beside: list[dict[str, Any]], bar: str) -> None:
    """Add the row of latencies beside something against quiet ones."""
    p50, p99 = (
        [statistics.median(float(each[key]) for each in found) for found in (quiet, beside)] for key in ("p50", "p99")
    )
    figures = f"p50 {p50[1]:.0f} us (quiet {p50[0]:.0f}), p99 {p99[1]:.0f} us (quiet {p99[0]:.0f})"
    bench.add(what, figures, f"p99 {p99[1] / p99[0]:.2f} x quiet", bar)


def whole_day(bench: Bench) -> None:
    """A drop copy asks for all of a long day, by ResendRequest and by ExecID, again and again, beside paced orders."""
    options = ["--orders", str(bench.size.rate_orders), "--rate", str(bench.size.rate)]
    with bench.ours.running("fsync") as ours:
        reports = fill_day(ours, bench.size.day_orders)
        copy = Copy(ours.port)
        copy.take_reports(reports)
        until = copy.last()
        seconds: dict[str, list[float]] = {"ResendRequest(2)": [], "a range by ExecID": []}
        found: dict[str, list[dict[str, Any]]] = {name: [] for name in ("quiet", *seconds)}
        for number in range(bench.size.rounds):
            given = [*options, "--prefix", f"Q{number}-", "--sender", "TRADER2"]
            found["quiet"].append(run_load(ours.port, "rate", *given))
            for name, ask in zip(seconds, (copy.ask_again, copy.ask_range), strict=True):
                given = [*options, "--prefix", f"{name[:1]}{number}-"]
                found[name].append(
                    during(ours.port, given, partial(again, copy, partial(ask, until), reports, seconds[name]))
                )
        for name, of_name in seconds.items():
            text = f"{reports} reports, {reports / statistics.median(of_name):.0f}/s"
            bench.add(f"a day by {name}", text, "", "")
            tell_latency(bench, f"orders at {bench.size.rate:.0f}/s beside it", found["quiet"], found[name], "<= 2")
        copy.close()


def again(copy: Copy, ask: Callable[[], None], reports: int, seconds: list[float]) -> None:
    """Ask for the day, take it, and note how long that took."""
    wanted = copy.repeats + reports
    ask()
    seconds.append(copy.take_repeats(wanted))


def dormant(bench: Bench) -> None:
    """Sessions that are configured and sleep, each with a drop copy: what they cost orders, and their memory."""
    size = bench.size
    rates: dict[int, list[float]] = {0: [], size.dormant: []}
    memory: dict[int, list[int]] = {0: [], size.dormant: []}
    idle = []
    for _ in range(size.rounds):
        for count in rates:
            with bench.ours.running("fsync", sessions=count, drop_copies=count) as ours:
                memory[count].append(anonymous_bytes(ours.exchange.pid))
                if count:
                    idle.append(idle_bytes(ours, min(size.idle, count)))
                rates[count].append(run_load(ours.port, "throughput", "--orders", str(size.orders))["orders_per_s"])
    none, many = (statistics.median(found) for found in rates.values())
    what = f"{size.dormant} sessions and as many drop copies asleep"
    bench.add(what, f"{many:.0f} orders/s, without {none:.0f}", f"{many / none:.2f}", "about 1")
    few, more = (statistics.median(found) for found in memory.values())
    each = (more - few) / (2 * size.dormant) / 1024
    bench.add("memory of a session asleep", f"{each:.0f} KB", "", "")
    bench.add("memory of an idle session, logged on", f"{statistics.median(idle) / 1024 + each:.0f} KB", "", "< 200 KB")


def idle_bytes(ours: Ours, count: int) -> float:
    """Return what each of so many sessions takes beyond a sleeping one while it is logged on and says nothing."""
    before = anonymous_bytes(ours.exchange.pid)
    peers = [FixPeer(ours.exchange.address, "FIX.4.4", f"LOAD{n:03d}", username="TRADER1") for n in range(count)]
    for peer in peers:
        peer.logon()
    grown = (anonymous_bytes(ours.exchange.pid) - before) / count
    for peer in peers:
        peer.cut()
    return grown


PARTS: Final[dict[str, Callable[[Bench], None]]] = {
    "catch up": catch_up,
    "paced": paced,
    "whole day": whole_day,
    "dormant": dormant,
}


def run(size: Size, parts: Sequence[str], work: Path) -> Bench:
    """Run the parts and return their rows."""
    bench = Bench(size, Ours(work))
    for name in parts:
        print(f"{name}: {(PARTS[name].__doc__ or '').splitlines()[0]}", flush=True)
        PARTS[name](bench)
    return bench


def table(bench: Bench) -> str:
    """Return what ran where and the table, as Markdown."""
    facts = "\n".join(f"- {name}: {text}" for name, text in machine().items())
    lines = ["| measured | figures | ratio | bar |", "|---|---|---|---|"]
    lines += [f"| {' | '.join(row)} |" for row in bench.rows]
    return f"{facts}\n\n" + "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and print its table; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="a few orders: shows that it runs, not how fast")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full number of orders of the day")
    parser.add_argument("--rounds", type=int, default=Size.rounds)
    parser.add_argument("--parts", default=",".join(PARTS), help=f"of {', '.join(PARTS)}")
    options = parser.parse_args(arguments)
    size = replace(Size(), rounds=options.rounds, day_orders=max(int(Size.day_orders * options.scale), 1_000))
    with tempfile.TemporaryDirectory(prefix="outcry-bench-", dir=Path.cwd()) as work:
        bench = run(SMALL if options.small else size, options.parts.split(","), Path(work))
    print("\n" + table(bench))
    return 0


if __name__ == "__main__":
    sys.exit(main())
