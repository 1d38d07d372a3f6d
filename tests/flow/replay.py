"""Replays a LOBSTER message file through one FIX session, in order and pipelined; compares its trades with the record.

1 -> NewOrderSingle limit Day; 2 -> replace to the smaller OrderQty; 3 -> cancel; 4 -> an immediate-or-cancel order of
the other side at that price and size, which must trade with the very order that the record names, whole, in one fill.
Rows of orders that the file does not place are left out.
"""

import csv
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.support.exchange import ROOT, ExchangeProcess
from tests.support.fix_peer import FixPeer, Message, PeerTimeoutError, utc_timestamp

DATA: Final = ROOT.parent / "shared" / "data" / "AAPL_2012-06-21_0930_messages.csv"
WINDOW: Final = 500
NEW, REDUCE, DELETE, EXECUTE = "1", "2", "3", "4"
BUY, SELL = "1", "2"


@dataclass(slots=True)
class Placed:
    """An order that the file has placed. `cl_ord_id` is its latest, as long as every replace is taken."""

    cl_ord_id: str
    side: str
    price: str
    qty: int


@dataclass(slots=True)
class Request:
    """One row as a FIX message. `maker` is the ClOrdID that an execution must meet, `qty` for how much."""

    cl_ord_id: str
    msg_type: str
    fields: list[tuple[int, str]]
    maker: str = ""
    qty: int = 0


@dataclass(slots=True)
class Result:
    """What came of a replay. `executions` are those of orders that the file places."""

    rows: int = 0
    sent: int = 0
    answered: int = 0
    executions: int = 0
    matched: int = 0
    seconds: float = 0.0
    unanswered: list[str] = field(default_factory=list)

    @property
    def rows_per_s(self) -> float:
        """Rows sent and answered a second."""
        return self.sent / self.seconds if self.seconds else 0.0


def requests(path: Path, result: Result) -> Iterator[Request]:
    """Yield the rows of the file as requests, in order."""
    placed: dict[str, Placed] = {}
    with path.open(newline="", encoding="ascii") as file:
        for number, row in enumerate(csv.reader(file)):
            result.rows += 1
            kind, order_id, size, ticks, direction = row[1], row[2], int(row[3]), int(row[4]), row[5]
            price = f"{ticks // 10_000}.{ticks % 10_000 // 100:02d}"
            if kind == NEW:
                order = placed[order_id] = Placed(f"N{order_id}", BUY if direction == "1" else SELL, price, size)
                yield Request(order.cl_ord_id, "D", terms(order.cl_ord_id, order.side, size, price, "0"))
            elif order_id in placed and kind in (REDUCE, DELETE, EXECUTE):
                yield _on_known(kind, placed[order_id], number, size, price)


def _on_known(kind: str, order: Placed, number: int, size: int, price: str) -> Request:
    if kind == DELETE:
        cl_ord_id = f"C{number}"
        ids = [(11, cl_ord_id), (41, order.cl_ord_id), (55, "AAPL"), (54, order.side), (38, str(order.qty))]
        return Request(cl_ord_id, "F", [*ids, (60, utc_timestamp())])
    if kind == REDUCE:
        cl_ord_id = f"R{number}"
        order.qty -= size
        fields = [(41, order.cl_ord_id), *terms(cl_ord_id, order.side, order.qty, order.price, "0")]
        order.cl_ord_id = cl_ord_id
        return Request(cl_ord_id, "G", fields)
    cl_ord_id = f"X{number}"
    side = SELL if order.side == BUY else BUY
    return Request(cl_ord_id, "D", terms(cl_ord_id, side, size, price, "3"), maker=order.cl_ord_id, qty=size)


def terms(cl_ord_id: str, side: str, qty: int, price: str, time_in_force: str) -> list[tuple[int, str]]:
    """Return the fields of a limit order in AAPL."""
    fields = [(11, cl_ord_id), (55, "AAPL"), (54, side), (60, utc_timestamp())]
    return [*fields, (38, str(qty)), (40, "2"), (44, price), (59, time_in_force)]


class Replay:
    """One replay on one session: a window of requests without an answer, and the fills that followed each order."""

    def __init__(self, peer: FixPeer) -> None:
        self._peer = peer
        self._open: deque[Request] = deque()
        self._fills: list[tuple[str, int]] = []
        self._aggressor: Request | None = None
        self.result = Result()

    def run(self, path: Path) -> Result:
        """Send every row and wait for every answer."""
        begun = time.perf_counter()
        for request in requests(path, self.result):
            while len(self._open) >= WINDOW:
                self._take(self._peer.receive())
            self._peer.send(request.msg_type, request.fields)
            self._open.append(request)
            self.result.sent += 1
            if request.maker:
                self.result.executions += 1
            for message in self._peer.receive_nowait():
                self._take(message)
        try:
            while self._open:
                self._take(self._peer.receive())
        except PeerTimeoutError:
            self.result.unanswered = [request.cl_ord_id for request in self._open]
        for message in self._last_words():
            self._take(message)
        self._judge()
        self.result.seconds = time.perf_counter() - begun
        return self.result

    def _last_words(self) -> list[Message]:
        """Return what follows the answer to the last request, up to the answer to a status request."""
        self._peer.send("H", [(11, "END"), (55, "AAPL"), (54, BUY)])
        messages = []
        while (message := self._peer.receive()).get(11) != "END":
            messages.append(message)
        return messages

    def _take(self, message: Message) -> None:
        """Take one report: fills and the end of an order belong to the request whose answer came last."""
        if message.msg_type == "1":
            self._peer.send("0", [(112, message[112])])
        elif message.msg_type == "8" and message[150] in ("F", "C"):
            if message[150] == "F":
                self._fills.append((message[11], int(message[32])))
        elif message.msg_type in ("8", "9", "3", "j"):
            self._judge()
            request = self._open.popleft()
            assert message.get(11) in (request.cl_ord_id, None), f"expected an answer to {request}, found {message}"
            self.result.answered += 1
            self._aggressor = request if request.maker else None

    def _judge(self) -> None:
        """Compare the fills of the last aggressor with the record: one fill, of that order, for that size."""
        if self._aggressor is not None:
            request = self._aggressor
            makers = [fill for fill in self._fills if fill[0] != request.cl_ord_id]
            takers = [fill for fill in self._fills if fill[0] == request.cl_ord_id]
            self.result.matched += makers == [(request.maker, request.qty)] and len(takers) == 1
        self._aggressor = None
        self._fills = []


def replay_file(exchange: ExchangeProcess, path: Path, begin_string: str = "FIX.4.4") -> Result:
    """Replay a file through TRADER1 and log out."""
    peer = exchange.peer("TRADER1", begin_string)
    peer.logon()
    result = Replay(peer).run(path)
    peer.logout()
    exchange.remember(peer)
    return result
