"""A long run: load at a stated rate over sessions that come and go, trading days that end, snapshots, samples, a table.

    python -m tests.soak.long_run --minutes 60 [--rate ORDERS_PER_S] [--seed N]

Without --rate the load is half of what the exchange takes flat out, measured first. The load comes from generators in
processes of their own, one for each lane; each logs a session on, sends for one interval, is told everything, goes,
and the next one takes another session. Every second interval a snapshot is asked for.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any, Final

from gateway.cli.admin_client import SOCKET_NAME, call
from matching.journal import Journal
from tests.bench.machine import anonymous_bytes, machine
from tests.bench.servers import run_load
from tests.soak.judge import Sample, journal_fault, latency_fault, memory_fault, snapshot_pause_us
from tests.support.exchange import ROOT, ExchangeProcess

LANES: Final = 2
SESSIONS: Final = 12
CALIBRATION_ORDERS: Final = 60_000
WARM_UP_SHARE: Final = 0.2
PAGE_BYTES: Final = 4_096
PAGE_HEADER_BYTES: Final = 16
NODE_BYTES: Final = 16
"""Header and key of a record, 8 bytes each; the places of a page's nodes and its branch pages are not counted."""
BATCHES_SAMPLED: Final = 2_000
LATENCIES: Final = ("p50", "p90", "p99", "p99.9")
Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """How long, how much. `interval_s` is at most 60: a prepared order must not be older than 120 s when it is sent."""

    seconds: float
    interval_s: float
    day_s: int
    rate: float
    seed: int

    def words(self) -> str:
        """Say what will be done, before it is."""
        rate = f"{self.rate:.0f} orders/s" if self.rate else "half of what the exchange takes flat out"
        return (
            f"long run: {self.seconds / 60:.1f} minutes at {rate}, {LANES} of {SESSIONS} sessions at a time, each for"
            f" {self.interval_s:.0f} s, trading days of {self.day_s} s, a snapshot every {2 * self.interval_s:.0f} s,"
            f" seed {self.seed}"
        )


@dataclass
class Result:
    """What a run gave. `faults` is empty where all is as it has to be."""

    rate: float
    samples: list[Sample]
    computed_journal_bytes: float
    grown_journal_bytes: int
    snapshot_pause_us: float
    faults: list[str]


class LongRun:
    """One exchange under load, interval by interval. Owner: one test or one call of the command."""

    def __init__(self, base: Path, plan: Plan, say: Say) -> None:
        self._plan = plan
        self._say = say
        self._random = random.Random(plan.seed)
        self._orders = 0
        self._begun = 0.0
        shim = (sys.executable, "-m", "tests.soak.short_days", str(plan.day_s))
        self.exchange = ExchangeProcess(base, prefix=shim)
        file = self.exchange.sessions()
        for number in range(SESSIONS):
            file.clone("TRADER1", "FIX.4.4", f"LOAD{number:03d}")
        file.write()

    def run(self) -> Result:
        """Run the plan; the exchange is stopped in order at the end, and killed where anything fails."""
        self._say(self._plan.words())
        try:
            self.exchange.start()
            rate = self._plan.rate or self._half_load()
            result = self._load(rate)
            code = self.exchange.terminate()
            if code != 0:
                result.faults.append(f"the exchange ended with code {code}: {self.exchange.errors()}")
            return result
        finally:
            self.exchange.kill()

    def _half_load(self) -> float:
        options = ("--orders", str(CALIBRATION_ORDERS), "--prefix", "C", "--sender", "LOAD000", "--username", "TRADER1")
        found: float = run_load(self.exchange.port, "throughput", *options)["orders_per_s"]
        self._say(f"flat out: {found:.0f} orders/s")
        return found / 2

    def _load(self, rate: float) -> Result:
        plan = self._plan
        before = self._status()["journal"]
        samples: list[Sample] = []
        self._begun = time.monotonic()
        self._say("  ".join(f"{field.name:>12.12}" for field in fields(Sample)))
        number = 0
        while time.monotonic() - self._begun < plan.seconds:
            samples.append(self._interval(number, rate))
            self._say("  ".join(f"{value:>12.10g}" for value in astuple(samples[-1])))
            number += 1
        after = self._status()["journal"]
        computed = computed_bytes(self.exchange.data_dir / "journal", before["last_batch_seq"] + 1)
        grown = int(after["used_bytes"]) - int(before["used_bytes"])
        warm = samples[int(WARM_UP_SHARE * len(samples)) :]
        faults = [memory_fault(warm), latency_fault(warm), journal_fault(grown, computed)]
        pause = snapshot_pause_us(warm)
        return Result(rate, samples, computed, grown, pause, [fault for fault in faults if fault])

    def _interval(self, number: int, rate: float) -> Sample:
        """Load every lane for one interval, then look."""
        wants_snapshot = number % 2 == 1
        names = self._random.sample([f"LOAD{n:03d}" for n in range(SESSIONS)], LANES)
        count = max(int(rate * self._plan.interval_s / LANES), 1)
        lanes = [self._lane(name, f"{number}.{lane}.", rate / LANES, count) for lane, name in enumerate(names)]
        if wants_snapshot:
            # Not by the command line: another interpreter that starts costs the load more than the snapshot does.
            call(self.exchange.data_dir / SOCKET_NAME, "snapshot")
        results = [_result_of(lane) for lane in lanes]
        self._orders += sum(int(result["orders"]) for result in results)
        return self._sample(results, wants_snapshot)

    def _lane(self, comp_id: str, prefix: str, rate: float, count: int) -> "subprocess.Popen[str]":
        options = ["--sender", comp_id, "--username", "TRADER1", "--prefix", prefix, "--rate", str(rate)]
        command = [sys.executable, "-m", "tests.bench.load", "rate", "--port", str(self.exchange.port)]
        return subprocess.Popen(
            [*command, "--orders", str(count), *options], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )

    def _sample(self, results: Sequence[dict[str, Any]], snapshot_taken: bool) -> Sample:
        status = self._status()
        snapshot_pid = status["snapshots"]["pid"]
        p50, p90, p99, p999 = (max(float(result[name]) for result in results) for name in LATENCIES)
        return Sample(
            seconds=round(time.monotonic() - self._begun, 1),
            orders=self._orders,
            memory_bytes=anonymous_bytes(status["pid"]),
            snapshot_memory_bytes=anonymous_bytes(snapshot_pid) if snapshot_pid else 0,
            index_entries=int(status["journal"]["index_entries"]),
            orders_kept=int(status["engine"]["orders"]),
            journal_bytes=int(status["journal"]["used_bytes"]),
            trading_days=int((time.monotonic() - self._begun) // self._plan.day_s),
            snapshot_taken=snapshot_taken,
            p50=p50,
            p90=p90,
            p99=p99,
            p999=p999,
            served_p99=float(status["shards"][0]["latency_us"].get("p99", 0.0)),
        )

    def _status(self) -> dict[str, Any]:
        done = self.exchange.run("status", "--data", str(self.exchange.data_dir), "--json")
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found


def _result_of(lane: "subprocess.Popen[str]") -> dict[str, Any]:
    output, _ = lane.communicate()
    assert lane.returncode == 0, f"a generator ended with code {lane.returncode}: it was not told of every order"
    found: dict[str, Any] = json.loads(output)
    return found


def computed_bytes(folder: Path, first_batch_seq: int) -> float:
    """Return what LMDB needs for the batches from `first_batch_seq` on, by a sample of them spread over all.

    A record that is larger than half a page has whole pages of its own; the others share pages.
    """
    journal = Journal.open(folder, read_only=True)
    try:
        last = journal.last.batch_seq
        step = max((last + 1 - first_batch_seq) // BATCHES_SAMPLED, 1)
        looked_at = list(range(first_batch_seq, last + 1, step))
        found = sum(sum(_stored_bytes(length) for length in _record_lengths(journal, seq)) for seq in looked_at)
    finally:
        journal.close()
    return found / max(len(looked_at), 1) * (last + 1 - first_batch_seq)


def _record_lengths(journal: Any, batch_seq: int) -> list[int]:
    batch = next(iter(journal.read(batch_seq)))
    outbound = batch.outbound
    lengths = [160 + len(batch.commands) + 4 * len(batch.event_counts) + len(batch.events)]
    return [*lengths, 64 + 56 * len(outbound.runs) + len(outbound.blob)] if outbound.runs else lengths


def _stored_bytes(length: int) -> float:
    if length + NODE_BYTES > PAGE_BYTES // 2 - PAGE_HEADER_BYTES:
        return -(-(length + PAGE_HEADER_BYTES) // PAGE_BYTES) * PAGE_BYTES + NODE_BYTES
    return float(length + NODE_BYTES)


def say(text: str) -> None:
    """Print at once: the run is long."""
    print(text, flush=True)


def show(result: Result, tell: Say) -> None:
    """Print what the run came to."""
    last = result.samples[-1]
    tell(f"{last.orders} orders in {last.seconds:.0f} s, {result.rate:.0f}/s asked for; {last.trading_days} days ended")
    orders = max(last.orders, 1)
    tell(
        f"journal: {result.grown_journal_bytes / orders:.0f} bytes an order,"
        f" computed {result.computed_journal_bytes / orders:.0f}"
    )
    tell(f"p99 in intervals with a snapshot less p99 in those without: {result.snapshot_pause_us:.0f} us")
    for fault in result.faults:
        tell(f"FAULT: {fault}")


def main(arguments: Sequence[str]) -> int:
    """Run and print; the exit code is 1 where anything is not as it has to be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=0.0, help="orders a second; 0: half of flat out")
    parser.add_argument("--interval", type=float, default=20.0, help="seconds that a session stays")
    parser.add_argument("--day", type=int, default=60, help="seconds of a trading day")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    say(" · ".join(f"{name} {value}" for name, value in machine().items()))
    plan = Plan(options.minutes * 60, options.interval, options.day, options.rate, options.seed)
    with tempfile.TemporaryDirectory(prefix="outcry-soak-") as base:
        result = LongRun(Path(base), plan, say).run()
    show(result, say)
    return 1 if result.faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
