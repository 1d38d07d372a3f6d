"""The load generator of all benchmarks: raw sockets, orders encoded beforehand, a bounded number of them in flight.

The same bytes go to every server that is measured. While the clock runs it only sends prepared bytes, receives, and
counts acknowledgements (150=0 or 8) and reports (35=8); everything else is done before or after. A process of its own:

    python -m tests.bench.load throughput --port 9878 --orders 100000

prints one JSON object. Numbers are this process's view; times are in seconds, latencies in microseconds.
"""

import argparse
import hashlib
import json
import random
import re
import resource
import select
import socket
import sys
import time
from collections.abc import Sequence
from typing import Any, Final

SOH: Final = "\x01"
SEED: Final = 1
CHUNK_ORDERS: Final = 64
RECEIVE_BYTES: Final = 1 << 20
SILENCE_SECONDS_MAX: Final = 30.0
ACK_NEW: Final = b"\x01150=0\x01"
ACK_REJECTED: Final = b"\x01150=8\x01"
REPORT: Final = b"\x0135=8\x01"
BEGUN: Final = "begun"
"""Said on standard error when orders at a rate are encoded and begin to be sent."""
PERCENTILES: Final = (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999))
SPREAD: Final = (("AAPL", 1.0, 2), ("MSFT", 0.05, 2), ("BTC-PERP", 100.0, 0))
"""Symbol, its price as a multiple of a price around 585.00, and decimals: a whole number of ticks each."""
_MESSAGE: Final = re.compile(rb"\x0135=8\x01(.*?)\x0110=\d{3}\x01", re.S)
_buffer: Final = bytearray(RECEIVE_BYTES)
_buffer_view: Final = memoryview(_buffer)
"""One for all sockets: a fresh one for every call costs the kernel more than the bytes in it."""
_DIGESTED: Final = tuple(re.compile(rb"\x01%d=([^\x01]*)" % tag) for tag in (150, 11, 32, 31))


class LoadError(Exception):
    """The server closed, refused or fell silent."""


class Line:
    """One FIX session of the generator: its socket, its orders, and what has come back."""

    def __init__(self, options: argparse.Namespace, comp_id: str, count: int, number: int = 0) -> None:
        self.comp_id = comp_id
        self._options = options
        self.socket = socket.create_connection((options.host, options.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sent = 0
        self.acked = 0
        self.reports = 0
        self.pending = b""
        self.received: list[bytes] = []
        self._tail = b""
        self._next_number = 1
        self._time = time.strftime("%Y%m%d-%H:%M:%S", time.gmtime())
        self._log_on()
        prices = rest_price if options.mode == "rest" else cross_price
        source = random.Random(f"{SEED} {number} {options.prefix}")
        self.orders = [self._order(index, source, prices) for index in range(count)]

    def _encode(self, msg_type: str, body: str) -> bytes:
        ids = f"49={self.comp_id}{SOH}56={self._options.target}{SOH}"
        text = f"35={msg_type}{SOH}{ids}34={self._next_number}{SOH}52={self._time}{SOH}{body}"
        self._next_number += 1
        head = f"8=FIX.4.4{SOH}9={len(text)}{SOH}{text}".encode()
        return head + b"10=%03d\x01" % (sum(head) % 256)

    def _log_on(self) -> None:
        user = self._options.username or self.comp_id
        body = f"98=0{SOH}108=60{SOH}141=Y{SOH}553={user}{SOH}554={user.lower()}{SOH}"
        self.socket.sendall(self._encode("A", body))
        self.socket.settimeout(SILENCE_SECONDS_MAX)
        answer = self.socket.recv(4096)
        if b"\x0135=A\x01" not in answer:
            raise LoadError(f"no Logon in answer: {answer!r}")
        self.socket.setblocking(False)

    def _order(self, index: int, source: random.Random, prices: Any) -> bytes:
        side = source.choice("12")
        cl_ord_id = f"{self._options.prefix}{index}"
        price = prices(side, source)
        symbol = self._options.symbol
        if self._options.spread:
            symbol, scale, decimals = SPREAD[index % len(SPREAD)]
            price = f"{float(price) * scale:.{decimals}f}"
        terms = f"38={source.randint(1, 10) * 10}{SOH}40=2{SOH}44={price}{SOH}59=0{SOH}"
        ids = f"11={cl_ord_id}{SOH}21=1{SOH}55={symbol}{SOH}54={side}{SOH}60={self._time}{SOH}"
        return self._encode("D", ids + terms)

    def fill_and_send(self, window: int) -> None:
        """Send the next orders until the window is full or the socket takes no more."""
        while True:
            if not self.pending:
                count = min(CHUNK_ORDERS, len(self.orders) - self.sent, window - (self.sent - self.acked))
                if count <= 0:
                    return
                self.pending = b"".join(self.orders[self.sent : self.sent + count])
                self.sent += count
            self.send()
            if self.pending:
                return

    def send(self) -> None:
        """Send as much of `pending` as the socket takes."""
        try:
            self.pending = self.pending[self.socket.send(self.pending) :]
        except BlockingIOError:
            return

    def receive(self, *, keep: bool) -> int:
        """Take what has come; return how many acknowledgements were in it."""
        try:
            length = self.socket.recv_into(_buffer)
        except BlockingIOError:
            return 0
        if not length:
            raise LoadError(f"{self.comp_id}: closed after {self.acked} of {self.sent} orders")
        data = bytes(_buffer_view[:length])
        if keep:
            self.received.append(data)
        if self._tail:
            data = self._tail + data
        # Everything up to the last whole message is counted; what is cut waits for its rest.
        end = data.rfind(b"\x018=FIX")
        if data.endswith(b"\x01") and data[-8:-4] == b"\x0110=":
            self._tail = b""
        else:
            self._tail = data[end + 1 :]
            data = data[: end + 1]
        acks = data.count(ACK_NEW) + data.count(ACK_REJECTED)
        self.acked += acks
        self.reports += data.count(REPORT)
        return acks


class Watcher:
    """A session that only listens: the drop copy in a run."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._line = Line(options, "DROP1", 0)
        self.socket = self._line.socket

    @property
    def reports(self) -> int:
        """Reports received."""
        return self._line.reports

    def receive(self) -> None:
        """Take what has come."""
        self._line.receive(keep=False)


def cross_price(side: str, source: random.Random) -> str:
    """Prices around 585.00 that cross often enough for 1.7 reports an order (as the experiments' generator does)."""
    return f"{585 + source.randint(-5, 5) * 0.01 + (-0.025 if side == '1' else 0.025):.2f}"


def rest_price(side: str, source: random.Random) -> str:
    """Prices far from each other's side: every order rests."""
    cents = source.randint(30_000, 58_000) if side == "1" else source.randint(59_000, 87_000)
    return f"{cents // 100}.{cents % 100:02d}"


def throughput(options: argparse.Namespace) -> dict[str, Any]:
    """Send all orders as fast as the window lets, over one or many sessions."""
    comp_ids = [f"LOAD{n:03d}" for n in range(options.sessions)] if options.sessions > 1 else [options.sender]
    share = options.orders // len(comp_ids)
    lines = [Line(options, comp_id, share, number) for number, comp_id in enumerate(comp_ids)]
    watcher = Watcher(options) if options.drop else None
    window = max(options.window // len(lines), 1)
    used, begun = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    ended = _run(lines, watcher, window, keep=options.digest)
    now = resource.getrusage(resource.RUSAGE_SELF)
    seconds = ended - begun
    if watcher is not None:
        _drain(watcher, sum(line.reports for line in lines))
    acked, reports = sum(line.acked for line in lines), sum(line.reports for line in lines)
    result: dict[str, Any] = {
        "orders": acked,
        "reports": reports,
        "seconds": round(seconds, 4),
        "orders_per_s": round(acked / seconds, 1),
        "reports_per_s": round(reports / seconds, 1),
        "load_cpu_s": round(now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime, 3),
        "drop_reports": watcher.reports if watcher is not None else None,
    }
    if options.digest:
        result["digest"] = digest_of(b"".join(lines[0].received))
    return result


def _run(lines: Sequence[Line], watcher: Watcher | None, window: int, *, keep: bool) -> float:
    """Run until every order is acknowledged and every report that belongs to it has come; return when the last came."""
    poller = select.epoll()
    by_number = {line.socket.fileno(): line for line in lines}
    for number in by_number:
        poller.register(number, select.EPOLLIN | select.EPOLLOUT)
    if watcher is not None:
        poller.register(watcher.socket.fileno(), select.EPOLLIN)
    wants_out = dict.fromkeys(by_number, True)
    left = set(by_number)
    last = time.perf_counter()
    while left:
        for number, what in poller.poll(2.0):
            line = by_number.get(number)
            if line is None:
                assert watcher is not None
                watcher.receive()
                continue
            if what & (select.EPOLLIN | select.EPOLLHUP):
                line.receive(keep=keep)
                last = time.perf_counter()
                # A fill of an order that rested may come long after the session's last acknowledgement.
                if line.acked == len(line.orders):
                    left.discard(number)
            line.fill_and_send(window)
            if bool(line.pending) != wants_out[number]:
                wants_out[number] = bool(line.pending)
                poller.modify(number, select.EPOLLIN | (select.EPOLLOUT if line.pending else 0))
        if time.perf_counter() - last > SILENCE_SECONDS_MAX:
            raise LoadError(f"silent after {sum(line.acked for line in lines)} acknowledgements")
    return last


def _drain(watcher: Watcher, wanted: int) -> None:
    while watcher.reports < wanted:
        if not select.select([watcher.socket], [], [], SILENCE_SECONDS_MAX)[0]:
            raise LoadError(f"the drop copy has {watcher.reports} of {wanted} reports")
        watcher.receive()


def ping_pong(options: argparse.Namespace) -> dict[str, Any]:
    """Send one order, wait for its report, send the next: the latency of an idle exchange."""
    line = Line(options, options.sender, options.orders)
    line.socket.setblocking(True)
    latencies = []
    for index, order in enumerate(line.orders):
        mark = f"{SOH}11={options.prefix}{index}{SOH}".encode()
        begun = time.perf_counter()
        line.socket.sendall(order)
        data = b""
        while mark not in data or REPORT not in data:
            part = line.socket.recv(65_536)
            if not part:
                raise LoadError("closed")
            data += part
        latencies.append(time.perf_counter() - begun)
    return {"orders": len(latencies), **percentiles(latencies)}


def at_rate(options: argparse.Namespace) -> dict[str, Any]:
    """Send at a stated rate whatever comes back; latency counts from the time at which an order was to be sent."""
    line = Line(options, options.sender, options.orders)
    total, step = len(line.orders), 1.0 / options.rate
    latencies: list[float] = []
    # Orders are encoded; whoever does something beside them waits for this.
    print(BEGUN, file=sys.stderr, flush=True)
    begun = time.perf_counter() + 0.05
    last = begun
    while len(latencies) < total:
        now = time.perf_counter()
        due = min(total, int((now - begun) / step) + 1) if now >= begun else 0
        if due > line.sent:
            line.pending += b"".join(line.orders[line.sent : due])
            line.sent = due
        if line.pending:
            line.send()
        wait = begun + line.sent * step - time.perf_counter() if line.sent < total else 0.05
        if select.select([line.socket], [], [], max(wait, 0.0))[0]:
            acks = line.receive(keep=False)
            last = time.perf_counter()
            known = len(latencies)
            latencies += [last - (begun + index * step) for index in range(known, known + acks)]
        elif time.perf_counter() - last > SILENCE_SECONDS_MAX:
            raise LoadError(f"silent after {len(latencies)} acknowledgements")
    return {"orders": total, "rate": options.rate, **percentiles(latencies)}


def percentiles(seconds: list[float]) -> dict[str, float]:
    """Return the percentiles of PERCENTILES and the maximum, in microseconds."""
    ordered = sorted(seconds)
    last = len(ordered) - 1
    found = {name: round(1e6 * ordered[min(int(len(ordered) * share), last)], 1) for name, share in PERCENTILES}
    return {**found, "max": round(1e6 * ordered[-1], 1)}


def digest_of(stream: bytes) -> str:
    """Return a hash of what was reported: (ExecType, ClOrdID, LastQty, LastPx) of every report, in order."""
    digest = hashlib.sha256()
    for report in _MESSAGE.finditer(stream):
        body = b"\x01" + report[1]
        found = (pattern.search(body) for pattern in _DIGESTED)
        digest.update(b"|".join(match[1] if match else b"" for match in found) + b"\n")
    return digest.hexdigest()[:16]


def read_options(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=("throughput", "pingpong", "rate"))
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--orders", type=int, default=50_000)
    parser.add_argument("--window", type=int, default=1_000)
    parser.add_argument("--sessions", type=int, default=1, help="more than one: LOAD000, LOAD001 ...")
    parser.add_argument("--sender", default="TRADER1")
    parser.add_argument("--username", default="", help="user of all sessions; default: the sender")
    parser.add_argument("--target", default="OUTCRY")
    parser.add_argument("--symbol", default="AAPL")
    parser.add_argument("--spread", action="store_true", help="orders in turn for the instruments of the demo")
    parser.add_argument("--prefix", default="O", help="what ClOrdIDs begin with")
    parser.add_argument("--mode", choices=("cross", "rest"), default="cross")
    parser.add_argument("--rate", type=float, default=10_000.0)
    parser.add_argument("--drop", action="store_true", help="log DROP1 on as well")
    parser.add_argument("--digest", action="store_true", help="hash what was reported")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> int:
    """Run one load and print its result; return the exit code."""
    options = read_options(arguments)
    kinds = {"throughput": throughput, "pingpong": ping_pong, "rate": at_rate}
    try:
        result = kinds[options.kind](options)
    except (LoadError, OSError) as error:
        print(f"load: {error}", file=sys.stderr)
        return 1
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
