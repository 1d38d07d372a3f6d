"""A member's program that survives every crash of the exchange and keeps its own record of what it sent and was told.

Owner: one thread. The record is the judge: what the exchange says after a restart is compared with what it said before.
"""

import contextlib
import random
import select
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from tests.support.exchange import ExchangeProcess
from tests.support.fix_peer import (
    ANSWER_SECONDS,
    Fields,
    FixPeer,
    Message,
    PeerClosedError,
    PeerError,
    unique_id,
    utc_timestamp,
)

HEADER_OF_A_COPY: Final = frozenset({8, 9, 10, 34, 43, 52, 97, 122})
OPEN_STATUSES: Final = frozenset("01")
STATUS_REPORT: Final = "I"
IN_FLIGHT_MAX: Final = 24
"""Orders and requests of one member without an answer: enough that a crash always meets several on their way."""
Content = tuple[tuple[int, str], ...]


def content_of(message: Message) -> Content:
    """Return what a report says, without what a repeated sending may change: header, order of fields."""
    return tuple(sorted(pair for pair in message.fields if pair[0] not in HEADER_OF_A_COPY))


@dataclass(frozen=True, slots=True)
class Market:
    """What is traded, and around which price."""

    symbol: str
    price: Decimal
    tick: Decimal


AAPL: Final = Market("AAPL", Decimal("585.00"), Decimal("0.01"))
MSFT: Final = Market("MSFT", Decimal("30.00"), Decimal("0.01"))
BTC_PERP: Final = Market("BTC-PERP", Decimal("60000.0"), Decimal("0.5"))


@dataclass(slots=True)
class Order:
    """An order as its member knows it. `last` is the latest report of it, in the order of sending."""

    fields: Fields
    report: Message | None = None

    @property
    def is_open(self) -> bool:
        """Whether the member believes that the order is in the book."""
        return self.report is not None and self.report[39] in OPEN_STATUSES


class Recorder:
    """A session that is connected again and again, and remembers every report by its number and by its ExecID."""

    def __init__(self, exchange: ExchangeProcess, comp_id: str, begin_string: str) -> None:
        self.peer: FixPeer = exchange.peer(comp_id, begin_string)
        self.peer.gap_allowed = True
        self.reports: dict[str, Content] = {}
        self.by_number: dict[int, tuple[str, Content]] = {}
        self.answered: set[str] = set()
        self.echoes: set[str] = {""}
        self._echo = ""
        self._copies: list[tuple[int, bool]] = []
        self._sent: dict[int, tuple[str, Fields, str]] = {}

    def connect(self, *, is_whole_day: bool = True) -> None:
        """Log on and close every gap on both sides.

        Args:
            is_whole_day: ask for everything since number 1 and compare it with the record, not only what is missing.
        """
        self.take(self.peer.logon())
        self._ask_for_echo()
        self.pump_until(lambda: self._echo in self.echoes)
        if not is_whole_day:
            if self.peer.has_gap:
                self.peer.send("2", [(7, str(self.peer.next_in)), (16, "0")])
                self.pump_until(lambda: not self.peer.has_gap)
            return
        self._copies = []
        self.peer.send("2", [(7, "1"), (16, "0")])
        end = self.peer.next_in
        self._ask_for_echo()
        self.pump_until(lambda: self._echo in self.echoes and not self.peer.has_gap and len(self._copies) >= end - 1)
        numbers = [number for number, _ in self._copies if number < end]
        assert numbers == list(range(1, end)), f"{self.peer.comp_id}: resent were {numbers}, expected 1 to {end - 1}"
        filled = {number for number, is_filled in self._copies if is_filled}
        lost = filled & self.by_number.keys()
        assert not lost, f"{self.peer.comp_id}: reports {sorted(lost)[:10]} were gap-filled"

    def _ask_for_echo(self) -> None:
        """Send a TestRequest: its echo shows that all that we sent before has been taken."""
        self._echo = unique_id("ECHO")
        self.peer.send("1", [(112, self._echo)])

    def pump_until(self, is_done: Callable[[], bool], seconds: float = 3 * ANSWER_SECONDS) -> None:
        """Take messages until `is_done`. Raises PeerTimeoutError when that does not come to pass."""
        deadline = time.monotonic() + seconds
        while not is_done():
            self.take(self.peer.receive(max(deadline - time.monotonic(), 0.0)))

    def pump_nowait(self) -> None:
        """Take what has arrived."""
        for message in self.peer.receive_nowait():
            self.take(message)

    def drain(self) -> None:
        """Take all that the exchange had handed to the network before it died, until the end of the connection."""
        with contextlib.suppress(PeerClosedError):
            while self.peer.is_connected:
                self.take(self.peer.receive())
        self.peer.close()

    def send_application(self, msg_type: str, fields: Fields) -> None:
        """Send an application message and remember it for a resend."""
        self._sent[self.peer.next_out] = (msg_type, fields, utc_timestamp())
        self.peer.send(msg_type, fields)

    def take(self, message: Message) -> None:
        """Take one message of the exchange into the record; what the specification forbids is an error."""
        if message.poss_dup:
            is_filled = message.msg_type == "4"
            end = int(message[36]) if is_filled else message.seq + 1
            self._copies += [(number, is_filled) for number in range(message.seq, end)]
        match message.msg_type:
            case "A" | "4":
                pass
            case "0":
                self.echoes.add(message.get(112) or "")
            case "1":
                self.peer.send("0", [(112, message[112])])
            case "2":
                self._resend(int(message[7]), int(message[16]))
            case "8" | "9" | "j":
                self._record(message)
            case _:
                raise PeerError(f"{self.peer.comp_id}: not expected in this test: {message}")

    def _resend(self, begin: int, end: int) -> None:
        """Answer a ResendRequest: orders as PossDup copies, everything else as gap fills."""
        last = end or self.peer.next_out - 1
        number = begin
        while number <= last:
            if number in self._sent:
                msg_type, fields, sending_time = self._sent[number]
                self.peer.send(msg_type, [*fields, (34, str(number)), (43, "Y"), (122, sending_time)])
                number += 1
            else:
                following = number
                while following <= last and following not in self._sent:
                    following += 1
                fill = [(34, str(number)), (43, "Y"), (122, utc_timestamp()), (123, "Y"), (36, str(following))]
                self.peer.send("4", fill)
                number = following
        if self._echo not in self.echoes:
            self._ask_for_echo()

    def _record(self, message: Message) -> None:
        content = content_of(message)
        known = self.by_number.setdefault(message.seq, (message.get(17) or "", content))
        if known[1] != content:
            raise PeerError(f"number {message.seq} was sent with two contents:\n{known[1]}\n{content}")
        self.answered.add(message[379] if message.msg_type == "j" else message[11])
        if message.msg_type != "8":
            return
        exec_id = message[17]
        is_new = exec_id not in self.reports
        if self.reports.setdefault(exec_id, content) != content:
            raise PeerError(f"ExecID(17) {exec_id} says two things:\n{self.reports[exec_id]}\n{content}")
        if not is_new and not message.poss_dup and message.get(97) != "Y":
            raise PeerError(f"ExecID(17) {exec_id} came twice without PossDupFlag(43): {message}")
        if is_new:
            self.note(message)

    def note(self, message: Message) -> None:
        """Take notice of a report that is new."""

    def trade_reports(self) -> set[str]:
        """Return the ExecIDs of all reports but answers to status requests, which are nobody's copy."""
        return {exec_id for exec_id, content in self.reports.items() if (150, STATUS_REPORT) not in content}


class Member(Recorder):
    """A recorder that trades: limit, immediate-or-cancel, cancel and replace, several in flight at any time."""

    def __init__(
        self,
        exchange: ExchangeProcess,
        comp_id: str,
        begin_string: str,
        seed: int,
        markets: Sequence[Market] = (AAPL,),
    ) -> None:
        super().__init__(exchange, comp_id, begin_string)
        self._markets = markets
        self.orders: dict[str, Order] = {}
        self.owner: dict[str, Order] = {}
        self.asked: list[str] = []
        self._random = random.Random(f"{comp_id} {seed}")

    @property
    def in_flight(self) -> int:
        """Requests without an answer."""
        return len(self.asked) - sum(1 for cl_ord_id in self.asked if cl_ord_id in self.answered)

    def trade(self) -> None:
        """Send requests until IN_FLIGHT_MAX of them have no answer."""
        self.asked = [cl_ord_id for cl_ord_id in self.asked if cl_ord_id not in self.answered]
        while len(self.asked) < IN_FLIGHT_MAX:
            self._send_one()

    def _send_one(self) -> None:
        choice = self._random.random()
        resting = [order for order in list(self.orders.values())[-60:] if order.is_open]
        if choice < 0.35 and resting:
            report = self._random.choice(resting).report
            assert report is not None
            self._change(report, is_cancel=choice < 0.2)
        else:
            self._enter(is_ioc=choice > 0.9)

    def enter_everywhere(self) -> None:
        """Send an order for every market, however many requests have no answer."""
        for market in self._markets:
            self._enter(is_ioc=False, market=market)

    def _enter(self, *, is_ioc: bool, market: Market | None = None) -> None:
        cl_ord_id = unique_id()
        side = self._random.choice("12")
        market = market or self._random.choice(self._markets)
        price = market.price + Decimal(self._random.randint(-8, 8)) * market.tick
        terms = [
            (38, str(self._random.randint(1, 9) * 10)),
            (40, "2"),
            (44, str(price)),
            (59, "3" if is_ioc else "1"),
        ]
        fields = [(11, cl_ord_id), (21, "1"), (55, market.symbol), (54, side), *terms, (60, utc_timestamp())]
        self.orders[cl_ord_id] = self.owner[cl_ord_id] = Order(fields)
        self.asked.append(cl_ord_id)
        self.send_application("D", fields)

    def _change(self, report: Message, *, is_cancel: bool) -> None:
        cl_ord_id = unique_id()
        ids = [(11, cl_ord_id), (41, report[11]), (55, report[55]), (54, report[54]), (60, utc_timestamp())]
        self.owner[cl_ord_id] = self.owner[report[11]]
        self.asked.append(cl_ord_id)
        if is_cancel:
            self.send_application("F", [*ids, (38, report[38])])
        else:
            qty = int(Decimal(report[38])) + self._random.choice((-1, 1, 5))
            self.send_application(
                "G", [*ids, (21, "1"), (38, str(max(qty, 1))), (40, "2"), (44, report[44]), (59, "1")]
            )

    def note(self, message: Message) -> None:
        """Let the order know its latest report, by number: a copy of an older one may come after it."""
        if message[150] != STATUS_REPORT and message.get(103) is None:
            order = self.owner[message[11]]
            if order.report is None or order.report.seq < message.seq:
                order.report = message

    def traded_symbols(self) -> set[str]:
        """Return the symbols in which something was filled."""
        reports = [order.report for order in self.owner.values() if order.report is not None]
        return {report[55] for report in reports if report[14] != "0"}

    def texts(self) -> set[str]:
        """Return all that Text(58) has said."""
        return {value for _, content in self.by_number.values() for tag, value in content if tag == 58}

    def settle(self) -> None:
        """Wait until every request has an answer: nothing that was sent may stay without one."""
        self.pump_until(lambda: all(cl_ord_id in self.answered for cl_ord_id in self.asked))
        self.asked = []

    def check_books(self, sample: int) -> None:
        """Compare the state of our latest orders, as status requests tell it, with our own record."""
        orders = [order for order in self.orders.values() if order.report is not None][-sample:]
        for order in orders:
            report = order.report
            assert report is not None
            answer = self._ask(report)
            for tag in (37, 38, 39, 14, 151, 6, 44):
                assert answer.get(tag) == report.get(tag), f"{tag} differs:\nsaid now {answer}\nlast said {report}"

    def _ask(self, report: Message) -> Message:
        found: list[Message] = []
        self.send_application("H", [(11, report[11]), (37, report[37]), (55, report[55]), (54, report[54])])
        while not found:
            message = self.peer.receive()
            self.take(message)
            if message.msg_type == "8" and not message.poss_dup and message[37] == report[37]:
                found.append(message)
        return found[0]

    def repeat_orders(self, count: int) -> None:
        """Send orders again with PossResend(97)=Y: each is answered with the status of the first, none is taken."""
        for order in [order for order in self.orders.values() if order.report is not None][-count:]:
            assert order.report is not None
            self.send_application("D", [*order.fields, (97, "Y")])
            message = self.peer.receive()
            while message.msg_type != "8":
                self.take(message)
                message = self.peer.receive()
            self.take(message)
            assert message[37] == order.report[37], f"a second order: {message}\nfirst {order.report}"
            assert (message[39], message[14], message[151]) == tuple(order.report[tag] for tag in (39, 14, 151))


def trade_all(members: Sequence[Member], watchers: Sequence[Recorder], is_over: Callable[[], bool]) -> bool:
    """Trade until `is_over` or until the exchange has died; tell whether it lives."""
    try:
        while not is_over():
            for member in members:
                member.trade()
            select.select([recorder.peer for recorder in (*members, *watchers)], [], [], 0.05)
            for recorder in (*members, *watchers):
                recorder.pump_nowait()
    except PeerClosedError:
        return False
    return True
