"""A simulated FIX counterparty: its own memory of what was sent and received, and how it reconciles."""

from collections import deque
from typing import Any, Final, NamedTuple

from gateway.inbound import NO_TERMS
from tests.sim.connection import Connection, Sent
from tests.sim.fix import Fields, FindingError, Parsed, parse

REPORTS: Final = frozenset({*"89bjrN", "BX"})
OPEN: Final = frozenset("01")


class Report(NamedTuple):
    """One application message as it was received; `is_original` where it had neither PossDup(43) nor PossResend(97)."""

    epoch: int
    num: int
    message: bytes
    content: str
    fields: Fields
    is_original: bool
    is_repeat: bool
    """PossResend(97)=Y."""


class Member:
    """One session of a member. Its numbers outlive connections, and the exchange's kills."""

    def __init__(self, begin_string: str, comp_id: str, *, keeps_numbers: bool) -> None:
        self.begin_string = begin_string
        self.comp_id = comp_id
        self.name = f"{comp_id}/{begin_string}"
        self.keeps_numbers = keeps_numbers
        self.connection: Connection | None = None
        self.next_sender = 1
        self.expected = 1
        self.is_logged_on = False
        self.awaiting_reset = False
        self.logout_sent = False
        self.sent: dict[int, Sent] = {}
        self.requests: dict[str, Sent] = {}
        """By ClOrdID(11): everything that was ever asked for."""
        self.answered: set[str] = set()
        self.reports: list[Report] = []
        self.lost_in_socket: list[bytes] = []
        """Written by the exchange and never taken: the connection was cut before, or the gap in front of it stayed."""
        self.open_orders: dict[str, Fields] = {}
        """The newest report of each order that is open, by OrderID(37)."""
        self.seen: dict[tuple[int, int], str] = {}
        self._ahead: dict[int, tuple[int, bytes]] = {}
        self._asked_through = 0
        self._count = 0

    # -- connections --------------------------------------------------------------------------------------------------

    def log_on(self, *, reset: bool) -> Connection:
        """Return a new connection with a Logon in it, for the gate."""
        assert self.connection is None, "one connection at a time"
        connection = self.connection = Connection()
        self._begin_connection()
        if reset or self.awaiting_reset:
            self._reset()
        else:
            self._send("A")
        return connection

    def refused(self) -> None:
        """The gate has closed the connection: nothing of it was read."""
        assert self.connection is not None
        self.connection = None
        if not self.awaiting_reset:
            self.next_sender -= 1

    def reset(self) -> None:
        """Begin the numbers anew inside the connection."""
        self._reset()

    def beat(self) -> None:
        """Send a Heartbeat(0)."""
        self._send("0")

    def log_out(self) -> None:
        """Say goodbye; the exchange answers."""
        self.logout_sent = True
        self._send("5")

    def cut(self, arriving: int, leaving: int) -> None:
        """The connection breaks: only so many messages still arrive at either end."""
        connection = self.connection
        assert connection is not None
        for _ in range(min(arriving, len(connection.to_member))):
            self._receive(*connection.to_member.popleft())
        while len(connection.to_exchange) > leaving:
            connection.to_exchange.pop()
        self._gone()

    def hang_up(self) -> None:
        """Close a connection on which nothing comes any more behind a Logout(5): a gap fill has passed over it, so that
        the exchange waits for one, as long as the session layer's time limits let it.
        """
        connection = self.connection
        if connection is None or not self.logout_sent or self.is_logged_on:
            return
        if not (connection.to_exchange or connection.to_member or connection.hold):
            self._gone()

    def _gone(self) -> None:
        connection = self.connection
        if connection is None:
            return
        self.lost_in_socket += [message for _, message in connection.to_member]
        connection.to_member.clear()
        connection.closed_by_member = True
        self.connection = None
        self._begin_connection()

    def _begin_connection(self) -> None:
        self.is_logged_on = self.logout_sent = False
        self.lost_in_socket += [message for _, message in self._ahead.values()]
        self._ahead.clear()
        self._asked_through = 0

    def _reset(self) -> None:
        self.awaiting_reset = True
        self.next_sender = 1
        self.sent.clear()
        self._send("A", reset=True)

    # -- sending ------------------------------------------------------------------------------------------------------

    def _send(self, msg_type: str, **more: Any) -> Sent:
        sent = Sent(msg_type, self.next_sender, **more)
        self.next_sender += 1
        assert self.connection is not None
        self.connection.to_exchange.append(sent)
        return sent

    def request(self, msg_type: str, values: tuple[Any, ...], *, poss_resend: bool = False) -> None:
        """Send an application message. Its first value is its ClOrdID(11), that of a list its ListID(66), of quotes
        their QuoteID(117).
        """
        sent = self._send(msg_type, values=values, poss_resend=poss_resend)
        self.sent[sent.num] = sent
        if not poss_resend:
            self.requests[values[0]] = sent

    def new_id(self) -> str:
        """Return a ClOrdID that the member has not used, unique over its sessions."""
        self._count += 1
        return f"{self.begin_string[-1]}{self.comp_id[0]}{self._count}"

    def new_order(self, symbol: str, side: str, price_e8: int | None, qty_e8: int, tif: str, inst: str | None) -> None:
        """Send NewOrderSingle(D); without a price it is a market order."""
        ord_type = "1" if price_e8 is None else "2"
        terms = (self.new_id(), None, symbol, side, ord_type, price_e8, qty_e8, tif, inst)
        self.request("D", (*terms, NO_TERMS))

    def ask_status(self, cl_ord_id: str) -> None:
        """Send OrderStatusRequest(H) about a ClOrdID; its answer is told from others by no id of its own."""
        sent = self._send("H", values=(cl_ord_id, None, "AAPL", "1", None))
        self.sent[sent.num] = sent

    def ask_mass_status(self, values: tuple[Any, ...]) -> None:
        """Send OrderMassStatusRequest(AF); after a reset nobody asks again."""
        sent = self._send("AF", values=values)
        self.sent[sent.num] = sent

    def repeat(self, sent: Sent) -> None:
        """Send a request that was sent before once more, with PossResend(97)=Y."""
        self.request(sent.msg_type, sent.values, poss_resend=True)

    def ask_resend(self, begin: int, end: int) -> None:
        """Send ResendRequest(2)."""
        self._send("2", begin=begin, end=end)

    def repeat_unanswered(self) -> None:
        """After a reset: ask again, as a possible resend, for everything without an answer."""
        for cl_ord_id, sent in self.requests.items():
            if cl_ord_id not in self.answered:
                self.request(sent.msg_type, sent.values, poss_resend=True)

    def unanswered(self) -> list[str]:
        """Return the ClOrdIDs of requests without an answer."""
        return [cl_ord_id for cl_ord_id in self.requests if cl_ord_id not in self.answered]

    # -- receiving ----------------------------------------------------------------------------------------------------

    def read(self, count: int) -> int:
        """Read up to `count` messages; notice the end of the connection behind the last. Return how many there were."""
        for done in range(count):
            connection = self.connection
            if connection is None:
                return done
            if not connection.to_member:
                if connection.closed_by_exchange:
                    self._gone()
                return done
            self._receive(*connection.to_member.popleft())
        return count

    def _receive(self, epoch: int, message: bytes) -> None:
        parsed = parse(message)
        fields = parsed.fields
        kind, num = fields["35"], int(fields["34"])
        is_dup = fields.get("43") == "Y"
        if kind == "A" and fields.get("141") == "Y":
            self._numbers_begin_anew(num)
        if kind == "2" and not is_dup:
            self._answer_resend(int(fields["7"]))
        elif kind == "A":
            self.is_logged_on = True
        elif kind == "5":
            self._logged_out(fields)
        elif kind == "3":
            raise FindingError("reject", f"{self.name} was told {fields}")
        if num > self.expected:
            self._ahead[num] = (epoch, message)
            self._ask_for_gap(num)
        elif num < self.expected:
            self._check_repeat(epoch, num, is_dup, parsed)
        else:
            self._take(epoch, num, message, parsed)
            self._take_ahead()

    def _numbers_begin_anew(self, num: int) -> None:
        if not self.awaiting_reset or num != 1:
            raise FindingError("member numbers", f"{self.name} got a Logon with 141=Y and number {num}")
        self.awaiting_reset = False
        self.expected = 1
        self._begin_connection()
        self.is_logged_on = True
        self.repeat_unanswered()

    def _ask_for_gap(self, num: int) -> None:
        if self._asked_through < self.expected and self.connection is not None and not self.awaiting_reset:
            self._asked_through = num - 1
            self.ask_resend(self.expected, 0)

    def _check_repeat(self, epoch: int, num: int, is_dup: bool, parsed: Parsed) -> None:
        if not is_dup:
            raise FindingError(
                "member numbers", f"{self.name} expects {self.expected}, got {num} anew: {parsed.fields}"
            )
        before = self.seen.get((epoch, num))
        if parsed.fields["35"] in REPORTS and before is not None and before != parsed.content:
            raise FindingError("resend differs", f"{self.name} had {before} under {num}, got {parsed.content}")

    def _take_ahead(self) -> None:
        while self.expected in self._ahead:
            epoch, message = self._ahead.pop(self.expected)
            self._take(epoch, self.expected, message, parse(message))
        self._ahead = {num: item for num, item in self._ahead.items() if num > self.expected}
        if self._ahead and self._asked_through < self.expected:
            self._ask_for_gap(min(self._ahead))

    def _take(self, epoch: int, num: int, message: bytes, parsed: Parsed) -> None:
        """Take the message whose number is expected."""
        fields, content = parsed
        self.expected = int(fields["36"]) if fields["35"] == "4" else num + 1
        if fields["35"] not in REPORTS:
            return
        self.seen[epoch, num] = content
        is_repeat = fields.get("97") == "Y"
        is_dup = fields.get("43") == "Y"
        self.reports.append(Report(epoch, num, message, content, fields, not (is_repeat or is_dup), is_repeat))
        self._learn(fields)

    def _learn(self, fields: Fields) -> None:
        # The answer to a list names orders of it too: the list is what was asked for.
        named = {"N": "66", "b": "117"}.get(fields["35"])
        answered = fields[named] if named else fields.get("379") or fields.get("11", "")
        if answered in self.requests:
            self.answered.add(answered)
        if (fields.get("150") == "I" or fields.get("20") == "3") and fields.get("41") in self.requests:
            # A repeat of a request whose order has taken another ClOrdID since: the status names it as OrigClOrdID.
            self.answered.add(fields["41"])
        if fields["35"] != "8" or fields["37"] == "NONE" or "584" in fields:
            # A mass status tells of the orders of other sessions too, whose reports go to these.
            return
        order_id, status = fields["37"], fields["39"]
        known = self.open_orders.get(order_id)
        if known is not None and int(known["17"][1:]) > int(fields["17"][1:]):
            return
        if status in (*OPEN, "5"):
            self.open_orders[order_id] = fields
        else:
            self.open_orders.pop(order_id, None)

    def _logged_out(self, fields: Fields) -> None:
        if "too low" in fields.get("58", ""):
            raise FindingError("too low", f"{self.name} was told {fields['58']}")
        self.is_logged_on = False
        if not self.logout_sent and self.connection is not None:
            self.log_out()

    def _answer_resend(self, begin: int) -> None:
        """Send again what the exchange has not: requests as possible duplicates, a gap fill for what was no request."""
        if self.awaiting_reset:
            return
        assert self.connection is not None
        out: deque[Sent] = self.connection.to_exchange
        num, end = begin, self.next_sender - 1
        while num <= end:
            sent = self.sent.get(num)
            if sent is not None:
                out.append(sent._replace(poss_dup=True))
                num += 1
                continue
            after = num
            while after <= end and after not in self.sent:
                after += 1
            out.append(Sent("4", num, poss_dup=True, new_seq_no=after))
            num = after
