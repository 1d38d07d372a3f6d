"""A small FIX engine on simplefix that does what certification tells it to, and can be made to do it wrongly.

It shares no code with the product. A flaw is named after the rule that it breaks; without one the engine is in order.
"""

import contextlib
import queue
import socket
import threading
import time
from collections.abc import Iterable, Mapping
from typing import Any, Final

import simplefix

from tests.support.fix_peer import unique_id, utc_timestamp

ADMIN: Final = frozenset("A012345")
WITH_CL_ORD_ID: Final = "DFGq"
REQUEST_ID: Final = {"AF": 584, "V": 262, "e": 324, "g": 335, "i": 117, "Z": 117}
WITH_TIME: Final = "DFGq"
STEP_SECONDS: Final = 0.02

Fields = list[tuple[int, str]]


class Engine:
    """One session. Its thread owns everything; acts come in through `act`, and `close` ends it."""

    def __init__(
        self,
        address: tuple[str, int],
        begin_string: str,
        comp_id: str,
        password: str,
        *,
        flaw: str = "",
        heart: int = 1,
    ) -> None:
        self._address = address
        self._begin_string = begin_string
        self._comp_id = comp_id
        self._password = password
        self._flaw = flaw
        self._heart = heart
        self._acts: queue.Queue[Mapping[str, Any]] = queue.Queue()
        self._over = threading.Event()
        self._socket: socket.socket | None = None
        self._parser = simplefix.FixParser()
        self._next_out = 1
        self._next_in = 1
        self._sent: dict[int, tuple[str, Fields, str]] = {}
        self._sent_at = 0.0
        self._logged_on = False
        self._logout_sent = False
        self._asked = False
        self._one_id = unique_id()
        self._last_order: Fields = []
        self.faults: list[str] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def act(self, act: Mapping[str, Any]) -> None:
        """Do this next."""
        self._acts.put(act)

    def close(self) -> None:
        """End the engine."""
        self._over.set()
        self._thread.join()
        self._drop()

    # --- the thread --------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                if self._is_ready():
                    with contextlib.suppress(queue.Empty):
                        self._do(self._acts.get_nowait())
                self._receive()
                self._beat()
            except OSError:
                self._drop()

    def _is_ready(self) -> bool:
        """A Logout in progress goes to its end before the next act."""
        return not (self._logout_sent and self._socket is not None)

    def _drop(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket = None
        self._logged_on = self._logout_sent = self._asked = False

    def _do(self, act: Mapping[str, Any]) -> None:
        kind = act["kind"]
        if kind.startswith("logon"):
            is_wrong = "wrong" in kind or self._flaw == "credential"
            reset = kind in ("logon", "logon with a reset") or (kind == "logon again" and self._flaw == "reset-unasked")
            self._log_on(reset=reset, password="nonsense" if is_wrong else self._password)
        elif kind == "logout":
            self._logout_sent = True
            self._send("5", [])
            if self._flaw == "after-logout":
                self._send("D", self._order([]))
        elif kind == "send":
            for _ in range(act["times"]):
                self._ask(act["msg_type"], [(int(tag), value) for tag, value in act["fields"]])

    def _log_on(self, *, reset: bool, password: str) -> None:
        self._drop()
        self._parser = simplefix.FixParser()
        self._socket = socket.create_connection(self._address, timeout=5.0)
        if reset:
            self._next_out = self._next_in = 1
            self._sent.clear()
        user = [(553, self._comp_id), (554, password)]
        version = [(1137, "9")] if self._begin_string == "FIXT.1.1" else []
        self._send("A", [(98, "0"), (108, str(self._heart)), *([(141, "Y")] if reset else []), *user, *version])

    def _beat(self) -> None:
        if self._logged_on and self._flaw != "heartbeat-late" and time.monotonic() - self._sent_at > self._heart * 0.8:
            self._send("0", [])

    # --- sending -----------------------------------------------------------------------------------------------------

    def _ask(self, msg_type: str, fields: Fields) -> None:
        header = [(97, "Y")] if (97, "Y") in fields else []
        body = [pair for pair in fields if pair[0] != 97]
        tags = {tag for tag, _ in body}
        if msg_type in WITH_CL_ORD_ID and 11 not in tags:
            cl_ord_id = self._one_id if self._flaw == "cl-ord-id" else unique_id()
            body.insert(0, (11, cl_ord_id))
        if not fields:
            body = [*body, *self._example(msg_type)]
        if msg_type == "D" and 97 in {tag for tag, _ in header}:
            body = [*self._last_order]
        if msg_type in REQUEST_ID and REQUEST_ID[msg_type] not in tags:
            body.insert(0, (REQUEST_ID[msg_type], unique_id()))
        if msg_type in WITH_TIME and not header:
            body.append((60, utc_timestamp()))
        if msg_type == "D" and not header:
            self._last_order = list(body)
        self._send(msg_type, self._spoiled(msg_type, body), header=header)

    def _example(self, msg_type: str) -> Fields:
        """Return a body of the engine's own, where it is asked for a message as it uses it."""
        hand = [(21, "1")] if self._begin_string == "FIX.4.2" else []
        order = [*hand, (55, "AAPL"), (54, "1"), (38, "1"), (40, "2"), (44, "300.00")]
        last = dict(self._last_order).get(11, "NONE")
        if msg_type in "FG":
            return [(41, last), *(order if msg_type == "G" else [(55, "AAPL"), (54, "1"), (38, "1")])]
        if msg_type == "H":
            return [(11, last), (55, "AAPL"), (54, "1")]
        if msg_type == "E":
            first, second = ([(11, unique_id()), (67, str(place)), *order] for place in (1, 2))
            return [(66, unique_id()), (394, "3"), (69, "OCO"), (68, "2"), (73, "2"), *first, *second]
        if msg_type == "BE":
            return [(923, unique_id()), (924, "4"), (553, self._comp_id)]
        if msg_type == "BW":
            span = [(1355, "DROPCOPY"), (1182, "1"), (1183, "0")]
            return [(1346, unique_id()), (1347, "0"), (1351, "1"), *span]
        if msg_type == "i":
            underlying = [(311, "AAPL")] if self._begin_string == "FIX.4.2" else []
            entry = [(299, "1"), (55, "AAPL"), (132, "300.00"), (133, "900.00"), (134, "1"), (135, "1")]
            return [(296, "1"), (302, "S"), *underlying, (304, "1"), (295, "1"), *entry]
        return []

    def _order(self, more: Fields) -> Fields:
        hand = [(21, "1")] if self._begin_string == "FIX.4.2" else []
        base = [(11, unique_id()), *hand, (55, "AAPL"), (54, "1"), (60, utc_timestamp()), (38, "1"), (40, "1")]
        return [*base, *more]

    def _spoiled(self, msg_type: str, body: Fields) -> Fields:
        if self._flaw == "dictionary-required" and msg_type == "D":
            return [pair for pair in body if pair[0] != 54]
        if self._flaw == "dictionary-value" and msg_type == "D":
            return [(tag, "x" if tag == 59 else value) for tag, value in body] + [(59, "x")]
        if self._flaw == "dictionary-field" and msg_type == "D":
            return [*body, (262, "stray")]
        if self._flaw == "orig-cl-ord-id" and msg_type == "F":
            return [(tag, "WRONG" if tag == 41 else value) for tag, value in body]
        if self._flaw == "cancel-without-orig" and msg_type == "F":
            return [pair for pair in body if pair[0] != 41]
        return body

    def _send(
        self, msg_type: str, body: Fields, *, header: Iterable[tuple[int, str]] = (), number: int | None = None
    ) -> None:
        if number is None:
            if self._flaw == "number-repeated" and msg_type == "D":
                self._next_out -= 1
            if self._flaw == "number-gap" and msg_type == "D":
                self._next_out += 3
            number = self._next_out
            self._next_out += 1
            self._sent[number] = (msg_type, body, utc_timestamp())
        message = simplefix.FixMessage()
        message.append_pair(8, self._begin_string)
        for tag, value in ((35, msg_type), (49, self._comp_id), (56, "OUTCRY"), (34, number), (52, utc_timestamp())):
            message.append_pair(tag, value)
        for tag, value in (*header, *body):
            message.append_pair(tag, value)
        self._transmit(self._damaged(msg_type, message.encode()))

    def _damaged(self, msg_type: str, raw: bytes) -> bytes:
        if msg_type != "D":
            return raw
        if self._flaw == "check-sum":
            return raw[:-4] + b"%03d\x01" % ((int(raw[-4:-1]) + 1) % 256)
        if self._flaw == "body-length":
            head, _, rest = raw.partition(b"\x019=")
            length, _, body = rest.partition(b"\x01")
            whole = head + b"\x019=" + str(int(length) + 5).encode() + b"\x01" + body[:-7]
            return whole + b"10=%03d\x01" % (sum(whole) % 256)
        if self._flaw == "header-order":
            whole = raw.replace(b"\x0135=D\x01", b"\x01", 1)[:-7] + b"35=D\x01"
            return whole + b"10=%03d\x01" % (sum(whole) % 256)
        if self._flaw == "framing":
            return b"garbage" + raw
        return raw

    def _transmit(self, raw: bytes) -> None:
        if self._socket is not None:
            self._socket.sendall(raw)
            self._sent_at = time.monotonic()

    # --- receiving ---------------------------------------------------------------------------------------------------

    def _receive(self) -> None:
        if self._socket is None:
            time.sleep(STEP_SECONDS)
            return
        self._socket.settimeout(STEP_SECONDS)
        try:
            data = self._socket.recv(65_536)
        except TimeoutError:
            return
        finally:
            self._socket.settimeout(5.0)
        if not data:
            self._drop()
            return
        self._parser.append_buffer(data)
        while (message := self._parser.get_message()) is not None:
            self._take({int(tag): value.decode("latin-1") for tag, value in message.pairs})

    def _take(self, message: dict[int, str]) -> None:
        msg_type, number = message[35], int(message[34])
        if msg_type == "A" and message.get(141) == "Y":
            self._next_in = 1
        if msg_type == "A":
            self._logged_on = True
        if msg_type == "4":
            self._next_in = max(self._next_in, int(message[36]))
            self._asked = False
            return
        if msg_type == "2":
            self._resend(int(message[7]), int(message[16]))
        if msg_type == "5":
            self._told_to_leave()
        if number > self._next_in:
            if not self._asked and self._flaw != "resend-not-asked":
                self._asked = True
                self._send("2", [(7, str(self._next_in)), (16, "0")])
            return
        if number == self._next_in:
            self._next_in += 1
            if message.get(43) != "Y":
                self._asked = False
        if msg_type == "1" and self._flaw != "test-request":
            self._send("0", [(112, message[112])])
        if msg_type == "8" and self._flaw == "report-refused":
            self._send("3", [(45, message[34]), (58, "I do not know this")])

    def _told_to_leave(self) -> None:
        if self._logged_on and not self._logout_sent:
            if self._flaw == "logout-unanswered":
                self._drop()
                return
            self._send("5", [])
            self._logout_sent = True
        else:
            self._drop()

    def _resend(self, begin: int, end: int) -> None:
        if self._flaw == "resend-unanswered":
            return
        last = end or self._next_out - 1
        for number in range(begin, last + 1):
            msg_type, body, sent_at = self._sent.get(number, ("0", [], utc_timestamp()))
            original = [] if self._flaw == "orig-sending-time" else [(122, sent_at)]
            if msg_type in ADMIN:
                self._send("4", [(123, "Y"), (36, str(number + 1))], header=[(43, "Y"), *original], number=number)
            else:
                self._send(msg_type, body, header=[(43, "Y"), *original], number=number)
