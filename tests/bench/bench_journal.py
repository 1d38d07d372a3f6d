"""Benchmark of the journal alone: what a batch costs to append, durable and not, to read back, and to find messages in.

    python -m tests.bench.bench_journal [--batches N] [--orders N] [--folder DIR]

A batch is 500 orders, 900 events and 900 messages of 230 bytes unless told otherwise. It prints microseconds per batch
and a hash of what was stored, which is the same on every machine.
"""

import argparse
import hashlib
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from matching.codec import SessionState, encode_commands, encode_event_counts, encode_events
from matching.commands import NewOrder
from matching.events import Execution
from matching.journal import Batch, Journal
from matching.journal.store import Durability

MESSAGE_BYTES: Final = 230
EVENTS_PER_ORDER: Final = 1.8
FINGERPRINT: Final = b"outcry benchmark"


def fix_message(number: int) -> bytes:
    """An ExecutionReport(8) in size and shape."""
    body = b"35=8\x0134=%d\x0158=" % number
    body += b"x" * (MESSAGE_BYTES - len(body) - 25) + b"\x01"
    return b"8=FIX.4.4\x019=%d\x01" % len(body) + body + b"10=000\x01"


def batches(count: int, orders: int) -> Iterable[Batch]:
    """Batches of `orders` orders with their events and reports."""
    events = int(orders * EVENTS_PER_ORDER)
    for index in range(count):
        seq, message = index * orders + 1, index * events + 1
        commands = [
            NewOrder(1, 1, number, False, f"ORD{number:08}", 1, 1, "1", "2", "0", 58_500 + number % 50, 100)
            for number in range(seq, seq + orders)
        ]
        executions = [
            Execution(number, "0", "0", number, 1, f"ORD{number:08}", "", 1, 1, "1", "2", "0", 58_500, 100, 100, 0, 0)
            for number in range(message, message + events)
        ]
        blob = b"".join(fix_message(number) for number in range(message, message + events))
        run = (1, 1, message, events, 0, len(blob), message - 1)
        counts = [events // orders + (number < events % orders) for number in range(orders)]
        yield Batch(
            index + 1,
            seq,
            index + 1,
            encode_commands(commands),
            orders,
            encode_events(executions),
            events,
            [((run,), blob)],
            encode_event_counts(counts),
        )


def appended(journal: Journal, made: list[Batch]) -> list[float]:
    """Append one by one, each with a session state; return the microseconds of each."""
    taken = []
    for batch in made:
        number = batch.outbound[0][0][0][2]
        state = SessionState(1, "TRADER1", "TRADER1", 1, 0, number, 1, number, 0, 0, 0)
        taken.append(timed(lambda batch=batch, state=state: journal.append([batch], [state])))  # type: ignore[misc]
    return taken


def timed(work: Callable[[], object]) -> float:
    """Microseconds that `work` takes."""
    began = time.perf_counter()
    work()
    return 1e6 * (time.perf_counter() - began)


def spread(taken: list[float]) -> str:
    """Median and tail of some times."""
    ordered = sorted(taken)
    tail = ordered[min(int(len(ordered) * 0.99), len(ordered) - 1)]
    return f"{statistics.median(ordered):.0f} us (p99 {tail:.0f})"


def run(*, count: int, orders: int, folder: Path) -> dict[str, str]:
    """Run the benchmark in a new folder; return its figures and the hash of what was stored."""
    made = list(batches(count, orders))
    figures = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, CPython {platform.python_version()}",
        "batch": f"{orders} orders, {made[0].event_count} events, {len(made[0].outbound[0][1])} bytes of messages",
    }
    durabilities: tuple[Durability, ...] = ("async", "fsync")
    for durability in durabilities:
        journal = Journal.open(folder / durability, durability, fingerprint=FINGERPRINT)
        figures[f"append, {durability}"] = spread(appended(journal, made))
        journal.close()
    began = time.perf_counter()
    journal = Journal.open(folder / "fsync")
    figures["open"] = f"{1e3 * (time.perf_counter() - began):.1f} ms"
    digest = hashlib.blake2b(digest_size=16)
    began = time.perf_counter()
    for stored in journal.read(1):
        digest.update(stored.chain)
    figures["read and verify"] = f"{1e6 * (time.perf_counter() - began) / count:.0f} us per batch"
    last = made[-1].outbound[0][0][0]
    number, found = 1, 0
    began = time.perf_counter()
    while number < last[2] + last[3]:
        runs, number = journal.messages(1, 1, number, last[2] + last[3] - 1, 1 << 20)
        found += sum(length for _, length, _ in runs)
    figures["resend"] = f"{1e9 * (time.perf_counter() - began) / found:.0f} ns per message"
    assert found == last[2] + last[3] - 1, "every message is found once"
    journal.close()
    return figures | {"result": digest.hexdigest()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", type=int, default=400)
    parser.add_argument("--orders", type=int, default=500)
    parser.add_argument(
        "--folder", type=Path, help="where the journals are made; default: the folder of temporary files"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        for name, value in run(count=options.batches, orders=options.orders, folder=Path(folder)).items():
            print(f"{name:20} {value}")


if __name__ == "__main__":
    main()
