"""A FIX peer that shares no code with the product: raw bytes in and out, with full control of every header field.

It refuses to be lenient: a wrong BodyLength(9), CheckSum(10), CompID or MsgSeqNum(34) from the exchange is an error
here, so that every conversation checks the session layer by the way.
"""

import contextlib
import itertools
import re
import select
import socket
import ssl
import struct
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, TypeAlias

SOH: Final = "\x01"
EXCHANGE: Final = "OUTCRY"
HEADER_TAGS: Final = frozenset(
    {8, 9, 35, 49, 56, 115, 128, 34, 50, 142, 57, 143, 43, 97, 52, 122, 369, 1128, 1129, 347}
)
ANSWER_SECONDS: Final = 10.0
"""Longest wait for an answer that must come: a bound of patience on a busy machine, never a sleep."""

Fields: TypeAlias = Sequence[tuple[int, str]]

_counter = itertools.count(1)


class PeerError(AssertionError):
    """The exchange said something that the FIX session layer forbids, or said nothing when it had to answer."""


class PeerClosedError(PeerError):
    """The exchange closed the connection."""


class PeerTimeoutError(PeerError):
    """Nothing came within the bound."""


def utc_timestamp(offset_seconds: float = 0.0) -> str:
    """Return the present as UTCTimestamp in milliseconds, moved by `offset_seconds`."""
    moment = time.time() + offset_seconds
    whole = int(moment)
    return f"{time.strftime('%Y%m%d-%H:%M:%S', time.gmtime(whole))}.{int((moment - whole) * 1000):03d}"


def unique_id(prefix: str = "C") -> str:
    """Return an id that no other call in this or another test process returns."""
    return f"{prefix}{time.time_ns() // 1000:x}-{next(_counter)}"


def encode(pairs: Fields, *, body_length: str | None = None, check_sum: str | None = None) -> bytes:
    """Return the bytes of a message whose `pairs` begin with BeginString(8); 9 and 10 are computed unless given.

    Text is encoded as latin-1, so that any byte can be sent.
    """
    begin = f"8={pairs[0][1]}{SOH}".encode("latin-1")
    body = "".join(f"{tag}={value}{SOH}" for tag, value in pairs[1:]).encode("latin-1")
    length = str(len(body)) if body_length is None else body_length
    head = begin + f"9={length}{SOH}".encode("latin-1") + body
    total = f"{sum(head) % 256:03d}" if check_sum is None else check_sum
    return head + f"10={total}{SOH}".encode("latin-1")


class Message:
    """One message as received: fields in the order of the wire, and its bytes."""

    __slots__ = ("fields", "raw")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        pairs = []
        for part in raw.decode("latin-1")[:-1].split(SOH):
            tag, _, value = part.partition("=")
            pairs.append((int(tag), value))
        self.fields: tuple[tuple[int, str], ...] = tuple(pairs)

    def get(self, tag: int) -> str | None:
        """Return the first value of `tag`, or None."""
        for found, value in self.fields:
            if found == tag:
                return value
        return None

    def __getitem__(self, tag: int) -> str:
        value = self.get(tag)
        if value is None:
            raise PeerError(f"field {tag} is absent in {self}")
        return value

    def __contains__(self, tag: int) -> bool:
        return self.get(tag) is not None

    def values(self, tag: int) -> list[str]:
        """Return every value of `tag`, in order."""
        return [value for found, value in self.fields if found == tag]

    def groups(self, count_tag: int, first_tag: int) -> list[dict[int, str]]:
        """Return the entries of the repeating group `count_tag`, each of which begins with `first_tag`."""
        entries: list[dict[int, str]] = []
        inside = False
        for tag, value in self.fields:
            if tag == count_tag:
                inside = True
            elif inside and tag == first_tag:
                entries.append({tag: value})
            elif inside and entries and tag != 10:
                entries[-1][tag] = value
        return entries

    @property
    def msg_type(self) -> str:
        """MsgType(35)."""
        return self[35]

    @property
    def seq(self) -> int:
        """MsgSeqNum(34)."""
        return int(self[34])

    @property
    def poss_dup(self) -> bool:
        """Whether PossDupFlag(43)=Y."""
        return self.get(43) == "Y"

    def __str__(self) -> str:
        return self.raw.decode("latin-1").replace(SOH, "|")

    __repr__ = __str__


class Framer:
    """Cuts a byte stream into messages. Strict: any byte that is not a whole, right message is an error."""

    _head = re.compile(rb"8=[^\x01]{1,16}\x019=(\d{1,7})\x01")

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Message]:
        """Take `data` and return the messages that are complete now."""
        self._buffer += data
        messages: list[Message] = []
        while True:
            raw = self._next()
            if raw is None:
                return messages
            messages.append(Message(raw))

    def _next(self) -> bytes | None:
        head = self._head.match(self._buffer)
        if head is None:
            if len(self._buffer) > 32 or (self._buffer and not b"8=FIX".startswith(self._buffer[:5])):
                raise PeerError(f"not a FIX message: {bytes(self._buffer[:80])!r}")
            return None
        end = head.end() + int(head[1]) + 7
        if len(self._buffer) < end:
            return None
        raw = bytes(self._buffer[:end])
        del self._buffer[:end]
        if raw[-7:-4] != b"10=" or raw[-1:] != b"\x01":
            raise PeerError(f"BodyLength(9) is wrong: {raw[:200]!r}")
        if int(raw[-4:-1]) != sum(raw[:-7]) % 256:
            raise PeerError(f"CheckSum(10) is wrong: {raw[:200]!r}")
        return raw


class FixPeer:
    """One end of a FIX session, on a blocking socket with bounded waits.

    `next_out` and `next_in` are this side's numbers; they survive a cut, as a client's store would. Numbers of received
    messages are checked: a gap is an error unless `gap_allowed` is set, and then recovery must close it.
    """

    def __init__(
        self,
        address: tuple[str, int],
        begin_string: str,
        comp_id: str,
        *,
        next_out: int = 1,
        next_in: int = 1,
        tls: ssl.SSLContext | None = None,
        username: str | None = None,
        source: str = "127.0.0.1",
    ) -> None:
        self.address = address
        self.begin_string = begin_string
        self.comp_id = comp_id
        self.username = username or comp_id
        self.next_out = next_out
        self.next_in = next_in
        self.gap_allowed = False
        self.was_cut = False
        self.check_numbers = True
        self._tls = tls
        self._source = source
        self._ahead: set[int] = set()
        self._socket: socket.socket | None = None
        self._framer = Framer()
        self._arrived: list[Message] = []

    @property
    def is_connected(self) -> bool:
        """Whether a socket is open on this side."""
        return self._socket is not None

    @property
    def has_gap(self) -> bool:
        """Whether a message is known to be missing."""
        return bool(self._ahead)

    def fileno(self) -> int:
        """Return the socket's descriptor, for select."""
        if self._socket is None:
            raise PeerClosedError(f"{self.comp_id}: not connected")
        return self._socket.fileno()

    def connect(self) -> None:
        """Open the connection; nothing is sent."""
        assert self._socket is None, "connected already"
        raw = socket.create_connection(self.address, timeout=ANSWER_SECONDS, source_address=(self._source, 0))
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = raw if self._tls is None else self._tls.wrap_socket(raw, server_hostname="localhost")
        self._framer = Framer()
        self._arrived = []

    def pairs(self, msg_type: str, fields: Fields) -> list[tuple[int, str]]:
        """Return the whole message as pairs. Header fields in `fields` replace ours; the value "!" leaves one out."""
        given = {tag: value for tag, value in fields if tag in HEADER_TAGS}
        header: dict[int, str] = {
            8: self.begin_string,
            35: msg_type,
            49: self.comp_id,
            56: EXCHANGE,
            34: str(self.next_out),
            52: utc_timestamp(),
        }
        header.update(given)
        pairs = [(tag, value) for tag, value in header.items() if value != "!"]
        pairs += [(tag, value) for tag, value in fields if tag not in HEADER_TAGS and tag != 10]
        return pairs

    def encode(self, msg_type: str, fields: Fields = ()) -> bytes:
        """Return the bytes that `send` would send; our number does not move."""
        given = dict(fields)
        return encode(
            [pair for pair in self.pairs(msg_type, fields) if pair[0] != 9],
            body_length=given.get(9),
            check_sum=given.get(10),
        )

    def send(self, msg_type: str, fields: Fields = ()) -> bytes:
        """Send one message and return its bytes. A number given by 34 becomes ours unless it is a PossDup copy."""
        raw = self.encode(msg_type, fields)
        given = dict(fields)
        if given.get(43) != "Y":
            self.next_out = (int(given[34]) if given.get(34, "!").isdigit() else self.next_out) + 1
        self.send_raw(raw)
        return raw

    def send_raw(self, data: bytes) -> None:
        """Send bytes as they are."""
        if self._socket is None:
            raise PeerClosedError(f"{self.comp_id}: not connected")
        try:
            self._socket.sendall(data)
        except (ConnectionError, ssl.SSLError) as error:
            raise PeerClosedError(f"{self.comp_id}: closed while sending: {error}") from error

    def receive(self, seconds: float = ANSWER_SECONDS) -> Message:
        """Return the next message. Raises PeerClosedError or PeerTimeoutError."""
        deadline = time.monotonic() + seconds
        while not self._arrived:
            self._read(deadline - time.monotonic())
        message = self._arrived.pop(0)
        self._check(message)
        return message

    def receive_application(self) -> Message:
        """Return the next message that is neither Heartbeat(0) nor TestRequest(1); a TestRequest is answered."""
        while True:
            message = self.receive()
            if message.msg_type == "1":
                self.send("0", [(112, message[112])])
            elif message.msg_type != "0":
                return message

    def receive_nowait(self) -> list[Message]:
        """Return what has arrived, without waiting. Raises PeerClosedError only when nothing is left to return."""
        with contextlib.suppress(PeerTimeoutError):
            while True:
                try:
                    self._read(0.0)
                except PeerClosedError:
                    if not self._arrived:
                        raise
                    break
        arrived, self._arrived = self._arrived, []
        for message in arrived:
            self._check(message)
        return arrived

    def _read(self, seconds: float) -> None:
        if self._socket is None:
            raise PeerClosedError(f"{self.comp_id}: not connected")
        pending = isinstance(self._socket, ssl.SSLSocket) and self._socket.pending() > 0
        if not pending and not select.select([self._socket], [], [], max(seconds, 0.0))[0]:
            raise PeerTimeoutError(f"{self.comp_id}: nothing received within {seconds:.1f} s")
        try:
            data = self._socket.recv(1 << 18)
        except (ConnectionError, ssl.SSLError):
            data = b""
        if not data:
            self._drop()
            raise PeerClosedError(f"{self.comp_id}: the exchange closed the connection")
        self._arrived += self._framer.feed(data)

    def _check(self, message: Message) -> None:
        """Check header and number of a received message, and move `next_in`."""
        for tag, expected in ((8, self.begin_string), (49, EXCHANGE), (56, self.comp_id)):
            if message.get(tag) != expected:
                raise PeerError(f"field {tag} is {message.get(tag)}, expected {expected}: {message}")
        if not re.fullmatch(r"\d{8}-\d\d:\d\d:\d\d(\.\d{3,9})?", message[52]):
            raise PeerError(f"SendingTime(52) is not a UTCTimestamp: {message}")
        if self.check_numbers:
            self._number(message)

    def _number(self, message: Message) -> None:
        seq = message.seq
        if message.msg_type == "A" and message.get(141) == "Y":
            self.next_in, self._ahead = 2, set()
            if seq != 1:
                raise PeerError(f"Logon with ResetSeqNumFlag(141)=Y has number {seq}: {message}")
            return
        if message.msg_type == "4" and message.get(123) != "Y":
            self.next_in = int(message[36])
            return
        if message.poss_dup and 122 not in message and message.msg_type != "4":
            raise PeerError(f"PossDupFlag(43)=Y without OrigSendingTime(122): {message}")
        if seq < self.next_in and not message.poss_dup:
            raise PeerError(f"MsgSeqNum(34) {seq} is below {self.next_in} without PossDupFlag(43): {message}")
        last = int(message[36]) - 1 if message.msg_type == "4" else seq
        if last < self.next_in:
            return
        if seq > self.next_in:
            if not self.gap_allowed:
                raise PeerError(f"MsgSeqNum(34) {seq}, expected {self.next_in}: {message}")
            self._ahead.add(seq)
            return
        self.next_in = last + 1
        while self.next_in in self._ahead:
            self._ahead.remove(self.next_in)
            self.next_in += 1
        self._ahead = {number for number in self._ahead if number > self.next_in}

    def logon_fields(self, *, password: str | None = None, heart_bt_int: int = 30) -> list[tuple[int, str]]:
        """Return the body of our usual Logon."""
        fields = [
            (98, "0"),
            (108, str(heart_bt_int)),
            (553, self.username),
            (554, password or password_of(self.username)),
        ]
        if self.begin_string == "FIXT.1.1":
            fields.append((1137, "9"))
        return fields

    def logon(self, extra: Fields = ()) -> Message:
        """Connect unless connected, log on and return the Logon(A) of the exchange. `extra` replaces or adds fields."""
        if self._socket is None:
            self.connect()
        given = dict(extra)
        fields = [(tag, given.pop(tag, value)) for tag, value in self.logon_fields()]
        if given.get(141) == "Y":
            self.next_out = 1
        self.send("A", [*[pair for pair in fields if pair[1] != "!"], *[(t, v) for t, v in extra if t in given]])
        answer = self.receive()
        if answer.msg_type != "A":
            raise PeerError(f"expected a Logon(A), found {answer}")
        return answer

    def recover(self) -> list[Message]:
        """Ask for all messages that are missing, wait until the gap is closed, and return what came meanwhile."""
        self.gap_allowed = True
        highest = max(self._ahead, default=self.next_in - 1)
        self.send("2", [(7, str(self.next_in)), (16, "0")])
        messages = []
        while self.next_in <= highest:
            messages.append(self.receive())
        return messages

    def logout(self) -> list[Message]:
        """Exchange Logouts and close; return what came before the answer."""
        before = []
        self.send("5")
        try:
            while (message := self.receive()).msg_type != "5":
                before.append(message)
        finally:
            self.close()
        return before

    def expect_closed(self, seconds: float = ANSWER_SECONDS) -> list[Message]:
        """Wait until the exchange closes the connection; return what it said before."""
        said = []
        try:
            while True:
                said.append(self.receive(seconds))
        except PeerClosedError:
            return said

    def cut(self) -> None:
        """Reset the TCP connection: what is unread on either side is gone."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._drop()
            self.was_cut = True

    def close(self) -> None:
        """Close the connection, if there is one."""
        self._drop()

    def _drop(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def password_of(comp_id: str) -> str:
    """Return the demo password of a CompID."""
    return comp_id.lower()


def without_heartbeats(messages: Iterable[Message]) -> Iterator[Message]:
    """Yield the messages that are not Heartbeat(0)."""
    return (message for message in messages if message.msg_type != "0")
