"""How long a mass cancel takes: from the request to its report, all cancels reported in between.

    python -m tests.bench.bench_mass_cancel [--orders 10000] [--rounds 5] [--others 1000000]

Another member sends one order at a time meanwhile, from a process of his own: the greatest of his latencies is what the
steps of the mass cancel cost others. It prints; it never fails because something was slow.
"""

import argparse
import contextlib
import select
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.bench.machine import machine
from tests.bench.servers import Ours, run_load
from tests.support.fix_peer import FixPeer, utc_timestamp

BAR_MS: Final = 300.0
BAR_OTHERS_MS: Final = 20.0
WINDOW: Final = 500
ANSWER_SECONDS: Final = 60.0
OTHER_ORDERS: Final = 200
LOAD_ORDERS: Final = 100_000
"""Orders of the others that are sent by one run of the load generator, whose SendingTime(52) stays the same."""


@dataclass(frozen=True)
class Result:
    """Milliseconds from request to report by round, cancels counted in the bytes, and the others' greatest latencies in
    us: meanwhile, and `alone` in a round without a mass cancel, because the machine and its disk have pauses of their
    own.
    """

    milliseconds: list[float]
    canceled: int
    others_max_us: float
    alone_max_us: float


def run(work: Path, *, orders: int, rounds: int, others: int = 0) -> Result:
    """Measure on an exchange of its own with fsync, where others have so many open orders."""
    with Ours(work).running("fsync") as ours:
        for begin in range(0, others, LOAD_ORDERS):
            options = ("--orders", str(min(LOAD_ORDERS, others - begin)), "--sender", "TRADER2", "--mode", "rest")
            run_load(ours.port, "throughput", *options, "--prefix", f"X{begin}-")
        peer = FixPeer(("127.0.0.1", ours.port), "FIX.4.4", "TRADER1")
        peer.logon()
        times, counts, latencies = [], [], []
        with _other_member(ours.port, rounds) as alone:
            pass
        for number in range(rounds):
            _rest(peer, orders, number)
            with _other_member(ours.port, number) as found:
                elapsed, count = _mass_cancel(peer, orders, number)
            times.append(elapsed * 1_000)
            counts.append(count)
            latencies.append(found[0]["max"])
        peer.close()
    assert set(counts) == {orders}, f"every order is reported canceled, found {counts}"
    return Result(times, counts[0], max(latencies), alone[0]["max"])


def _rest(peer: FixPeer, orders: int, number: int) -> None:
    """Let orders rest, a window of them at a time."""
    for begin in range(0, orders, WINDOW):
        count = min(WINDOW, orders - begin)
        for index in range(begin, begin + count):
            fields = [(11, f"R{number}-{index}"), (55, "AAPL"), (54, "1"), (38, "1"), (40, "2")]
            peer.send("D", [*fields, (44, f"{550 + index % 3_000 / 100:.2f}"), (59, "0"), (60, utc_timestamp())])
        for _ in range(count):
            report = peer.receive_application()
            assert report[150] == "0", f"expected a resting order, found {report}"


@contextlib.contextmanager
def _other_member(port: int, number: int) -> Iterator[list[dict[str, Any]]]:
    """Have TRADER2 send one order at a time, from before the block until after it."""
    found: list[dict[str, Any]] = []
    options = ("--orders", str(OTHER_ORDERS), "--sender", "TRADER2", "--symbol", "MSFT", "--prefix", f"P{number}-")
    thread = threading.Thread(target=lambda: found.append(run_load(port, "pingpong", *options)))
    thread.start()
    # Its interpreter needs a while to start; then it sends for about half a second.
    time.sleep(0.4)
    yield found
    thread.join()


def _mass_cancel(peer: FixPeer, orders: int, number: int) -> tuple[float, int]:
    """Return the seconds until the report is there, and how many cancels came before it; bytes are looked at after."""
    request = peer.encode("q", [(11, f"Q{number}"), (530, "7"), (60, utc_timestamp())])
    read = peer._socket
    assert read is not None, "the peer is connected"
    data = bytearray()
    began = time.perf_counter()
    peer.send_raw(request)
    peer.next_out += 1
    while b"\x0135=r\x01" not in data[-2_000:] and time.perf_counter() - began < ANSWER_SECONDS:
        if select.select([read], [], [], ANSWER_SECONDS)[0]:
            data += read.recv(1 << 20)
    elapsed = time.perf_counter() - began
    assert f"533={orders}\x01".encode() in data, "the report counts every order"
    peer.next_in += data.count(b"\x0110=")
    return elapsed, data.count(b"\x01150=4\x01")


def main() -> int:
    """Run with the arguments given and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--others", type=int, default=0, help="open orders of another member meanwhile")
    options, _ = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as work:
        result = run(Path(work), orders=options.orders, rounds=options.rounds, others=options.others)
    print(machine())
    rounds = ", ".join(f"{value:.0f}" for value in result.milliseconds)
    print(f"mass cancel of {options.orders:,} orders, {options.others:,} of others, fsync, ms by round: {rounds}")
    print(f"median {statistics.median(result.milliseconds):.0f} ms, bar {BAR_MS:.0f} ms")
    meanwhile, alone = result.others_max_us / 1_000, result.alone_max_us / 1_000
    print(
        f"greatest latency of another member's order meanwhile: {meanwhile:.1f} ms, in a round without: {alone:.1f} ms"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
