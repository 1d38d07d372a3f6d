"""One session of the simulated wire: numbers, epochs, held messages and resends, as gateway/wire has them."""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from gateway.wire import APP, LOGON, LOGOUT, NUMBERS, RESEND, RESET, SLOW
from tests.sim.connection import Connection, Segment, Sent
from tests.sim.fix import ADMIN_TYPES, Parsed, encode, parse, sending_time, split

if TYPE_CHECKING:
    from tests.sim.wire import IoThread

RESEND_SLICE: Final = 7
"""Messages of a slice: few, so that slices are interrupted."""
APPLICATION: Final = frozenset({*"DEFGHVZiq", "AF", "BW"})
RESERVE_BLOCK: Final = 5
"""Numbers that market data reserves at a time."""


class ResendState:
    """A ResendRequest that is being answered; what else comes in is parked."""

    def __init__(self, begin: int, end: int, number: int) -> None:
        self.begin, self.end, self.number = begin, end, number
        self.slice_end = 0
        self.request_id = 0
        self.has_gaps = False
        self.parked: deque[Sent] = deque()


class WireSession:
    """Owner: its IO thread."""

    def __init__(self, io: "IoThread", spec: Mapping[str, Any]) -> None:
        self.io = io
        self.session_id: int = spec["session_id"]
        self.begin_string: str = spec["begin_string"]
        self.comp_ids: tuple[str, str] = (spec["sender_comp_id"], spec["target_comp_id"])
        self.epoch: int = spec["epoch"]
        self.next_sender: int = spec["next_sender"]
        self.next_target: int = spec["next_target"]
        self.written_through: int = spec["written_through"]
        self.written_beyond: dict[int, int] = {}
        self.reserved_through: int = spec["reserved_through"]
        self.reserve_serial = 0
        self.connection: Connection | None = None
        self.ahead: dict[int, Sent] = {}
        self.asked_through = 0
        self.resend: ResendState | None = None
        self.cause = ""
        self._request_ids = 0

    # -- connections --------------------------------------------------------------------------------------------------

    def adopt(self, connection: Connection) -> None:
        """Take up a connection whose first message is a Logon that the gate has let through."""
        assert self.connection is None, "the gate lets in one connection"
        self.connection = connection
        logon = connection.to_exchange.popleft()
        assert logon.msg_type == "A", "a connection begins with a Logon"
        self.cause = ""
        if logon.num < self.next_target and not logon.reset:
            self._refuse_number(logon.num)
            return
        self._logon(logon)
        self.io.tell((LOGON, self.session_id, self.epoch, "simulated"))

    def _logon(self, logon: Sent) -> None:
        if logon.reset:
            self._reset()
            self.io.number(self, "A", "141=Y\x01")
        else:
            self.io.number(self, "A", "")
        if logon.num > self.next_target:
            self._queue(logon)
        else:
            self._advance(self.next_target + 1)

    def _reset(self) -> None:
        if (self.next_sender, self.next_target) == (1, 1):
            self.io.begin_epoch(self)
            return
        if self.connection is not None:
            self.connection.hold.clear()
        old_epoch, written_through = self.epoch, self.written_through
        self.epoch += 1
        self.next_sender = self.next_target = 1
        self.written_through = self.reserved_through = self.reserve_serial = 0
        self.written_beyond.clear()
        self.ahead.clear()
        self.asked_through = 0
        self.io.tell((RESET, self.session_id, self.epoch, old_epoch, written_through))
        self.io.begin_epoch(self)

    def lost(self, cause: str) -> None:
        """The connection is gone."""
        if self.connection is not None:
            self.connection.hold.clear()
            self.cause = cause
            self._detach()

    def log_out(self, text: str) -> None:
        """Send a Logout and wait for the peer's: which simulated members answer, or cut."""
        if self.connection is not None:
            self.cause = text
            self.io.number(self, "5", f"58={text}\x01")

    def _detach(self, *, clean: bool = False) -> None:
        connection = self.connection
        assert connection is not None
        self.connection = None
        connection.closing = True
        self.resend = None
        self.ahead.clear()
        self.asked_through = 0
        self.io.tell((LOGOUT, self.session_id, self.epoch, clean, self.cause or "logout"))

    # -- input --------------------------------------------------------------------------------------------------------

    def receive(self, sent: Sent) -> None:
        """Take one message of the member."""
        if self.resend is not None:
            self.resend.parked.append(sent)
        else:
            self._feed(sent)

    def _feed(self, sent: Sent) -> None:
        if sent.msg_type == "A" and sent.reset:
            self._logon(sent)
        elif sent.msg_type == "2":
            self._resend_request(sent)
        elif sent.num > self.next_target:
            self._queue(sent)
        elif sent.num < self.next_target:
            if not sent.poss_dup:
                self._refuse_number(sent.num)
        else:
            self._take(sent)
            self._take_ahead()

    def _refuse_number(self, number: int) -> None:
        self.cause = f"MsgSeqNum too low, expecting {self.next_target} but received {number}"
        self.io.number(self, "5", f"58={self.cause}\x01")
        self._detach()

    def _queue(self, sent: Sent) -> None:
        self.ahead[sent.num] = sent
        if self.asked_through < self.next_target:
            self.asked_through = sent.num - 1
            self.io.number(self, "2", f"7={self.next_target}\x0116=0\x01")

    def _take_ahead(self) -> None:
        while self.connection is not None and self.resend is None:
            self.ahead = {num: sent for num, sent in self.ahead.items() if num >= self.next_target}
            sent = self.ahead.pop(self.next_target, None)
            if sent is None:
                return
            self._take(sent)

    def _take(self, sent: Sent) -> None:
        """Take the message whose number is expected."""
        if sent.msg_type in APPLICATION:
            number = self.next_target
            self.next_target += 1
            self.io.tell((APP, self.session_id, self.epoch, number, sent.msg_type, sent.poss_resend, sent.values))
        elif sent.msg_type == "4":
            self._advance(sent.new_seq_no)
        elif sent.msg_type == "5":
            self._advance(self.next_target + 1)
            self.io.number(self, "5", "")
            self._detach(clean=True)
        else:
            self._advance(self.next_target + 1)

    def _advance(self, next_target: int) -> None:
        self.next_target = next_target
        self.io.tell((NUMBERS, self.session_id, self.epoch, next_target))

    # -- output -------------------------------------------------------------------------------------------------------

    def encode(self, msg_type: str, body: str) -> tuple[int, bytes]:
        """Number one message and return it."""
        num = self.next_sender
        self.next_sender += 1
        time = sending_time(self.io.clock.now_ns())
        return num, encode(self.begin_string, msg_type, num, self.comp_ids, time, body)

    def hold(self, serial: int, num: int, message: bytes) -> None:
        """Keep a numbered message for the socket; without a connection it goes out by resend."""
        if self.connection is not None:
            self.connection.hold.append(Segment(serial, self.epoch, num, num, message))

    def publish(self, msg_type: str, body: str) -> None:
        """Number market data, which is not stored, and hold it until its numbers are reserved."""
        if self.connection is None:
            return
        if self.next_sender > self.reserved_through:
            self.reserved_through = self.next_sender + RESERVE_BLOCK - 1
            self.reserve_serial = self.io.reserve(self)
        num, message = self.encode(msg_type, body)
        self.hold(self.reserve_serial, num, message)

    def written(self, epoch: int, first: int, last: int) -> None:
        """Note that a socket took these numbers."""
        if epoch != self.epoch or last <= self.written_through:
            return
        if first > self.written_through + 1:
            self.written_beyond[first] = max(last, self.written_beyond.get(first, 0))
            return
        self.written_through = last
        for begin in sorted(self.written_beyond):
            if begin <= self.written_through + 1:
                self.written_through = max(self.written_through, self.written_beyond.pop(begin))

    # -- resends ------------------------------------------------------------------------------------------------------

    def _resend_request(self, sent: Sent) -> None:
        last = self.next_sender - 1
        end = last if sent.end == 0 or sent.end > last else sent.end
        if sent.num < self.next_target and sent.poss_dup:
            return
        if not 1 <= sent.begin <= end:
            if sent.num == self.next_target:
                self._advance(sent.num + 1)
            self.io.number(self, "3", f"45={sent.num}\x01371=7\x0158=Value is incorrect (out of range)\x01")
            return
        self.resend = ResendState(sent.begin, end, sent.num)
        self._ask_slice(sent.begin)

    def _ask_slice(self, begin: int) -> None:
        resend = self.resend
        assert resend is not None
        resend.begin = begin
        resend.slice_end = min(resend.end, begin + RESEND_SLICE - 1)
        self._request_ids += 1
        resend.request_id = self._request_ids
        self.io.tell(
            (
                RESEND,
                self.session_id,
                self.epoch,
                resend.request_id,
                begin,
                resend.slice_end,
                self.io.index,
                self.io.serial,
            )
        )

    def supply(self, request_id: int, runs: Sequence[tuple[int, int, bytes]], gaps: Sequence[tuple[int, int]]) -> None:
        """Take a slice; a number that is neither supplied nor a gap cuts the session."""
        resend = self.resend
        if resend is None or self.connection is None or resend.request_id != request_id:
            return
        messages: dict[int, bytes] = {}
        for first, count, blob in runs:
            parts = split(blob)
            assert len(parts) == count, f"a run of {count} messages has {len(parts)}"
            messages.update(zip(range(first, first + count), parts, strict=True))
        fill_from = 0
        for num in range(resend.begin, resend.slice_end + 1):
            message = messages.get(num)
            if message is None and not any(low <= num <= high for low, high in gaps):
                self.cause = f"resend: message {num} is missing from the journal"
                self._fill(fill_from, num - 1)
                self._detach()
                return
            if message is None or parse(message).fields["35"] in ADMIN_TYPES:
                fill_from = fill_from or num
                continue
            self._fill(fill_from, num - 1)
            fill_from = 0
            self._repeat(num, parse(message))
        self._fill(fill_from, resend.slice_end)
        resend.has_gaps = resend.has_gaps or bool(gaps)
        self._go_on()

    def _go_on(self) -> None:
        resend = self.resend
        assert resend is not None
        if resend.number == self.next_target:
            self._advance(resend.number + 1)
        if resend.slice_end < resend.end:
            self._ask_slice(resend.slice_end + 1)
            return
        if resend.has_gaps:
            self.io.tell((SLOW, self.session_id, self.epoch))
        self.resend = None
        self._take_ahead()
        parked = resend.parked
        while parked and self.connection is not None:
            # The first of them may be the next ResendRequest: then the others go on waiting.
            self.receive(parked.popleft())

    def _repeat(self, num: int, parsed: Parsed) -> None:
        """Send an application message again, with PossDupFlag(43)=Y."""
        kind, _, body = parsed.content.partition("|")
        flag = "97=Y\x01" if parsed.fields.get("97") == "Y" else ""
        text = "43=Y\x01" + flag + "".join(f"{field}\x01" for field in body.split("|"))
        self._hold_loose(num, num, kind, text)

    def _fill(self, first: int, last: int) -> None:
        """Stand in for admin messages and gaps with SequenceReset(4)."""
        if first:
            self._hold_loose(first, last, "4", f"43=Y\x01123=Y\x0136={last + 1}\x01")

    def _hold_loose(self, first: int, last: int, kind: str, body: str) -> None:
        assert self.connection is not None
        time = sending_time(self.io.clock.now_ns())
        message = encode(self.begin_string, kind, first, self.comp_ids, time, body)
        self.connection.hold.append(Segment(0, self.epoch, first, last, message))
