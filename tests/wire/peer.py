"""A FIX peer that speaks in raw bytes, and a journal that commits at once or when told: no helper hides the wire."""

import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from gateway.wire import APP, BYTES, EPOCH, LOGON, LOGOUT, NUMBERS, RESEND, RESERVE, RESET, SLOW, Wire

DICTIONARIES = Path(__file__).parents[2] / "config" / "dictionaries"
SCHEMA: dict[str, list[Any]] = {
    "D": [(11, "t"), (55, "t"), (54, "t"), (38, "d"), (44, "d"), (60, "u"), (58, "t"), (354, "i"), (355, "t")],
    "V": [(262, "t"), (263, "t"), (264, "i"), (267, ((269, "t"),)), (146, ((55, "t"),))],
    "B": [(148, "t")],
}
SOH = "\x01"
PATIENCE_S = 10.0
"""How long a peer waits for what has to come; a test that passes never waits so long."""

Message = list[tuple[int, str]]
Inbound = tuple[Any, ...]


def now(offset_s: float = 0.0) -> str:
    """SendingTime(52) text of this moment, moved by `offset_s`."""
    stamp = datetime.fromtimestamp(time.time() + offset_s, UTC)
    return stamp.strftime("%Y%m%d-%H:%M:%S.") + f"{stamp.microsecond // 1000:03d}"


def frame(begin_string: str, body: str | bytes) -> bytes:
    """A whole message around `body`, which begins with 35=, with right BodyLength(9) and CheckSum(10)."""
    data = body if isinstance(body, bytes) else body.replace("|", SOH).encode("latin-1")
    whole = f"8={begin_string}{SOH}9={len(data)}{SOH}".encode() + data
    return whole + f"10={sum(whole) % 256:03d}{SOH}".encode()


def parse(message: bytes) -> Message:
    """The fields of a message in order; its length and checksum are asserted."""
    assert message.endswith(SOH.encode())
    end = message.rindex(b"10=")
    assert int(message[end + 3 : -1]) == sum(message[:end]) % 256
    fields = [field.split("=", 1) for field in message.decode("latin-1").split(SOH)[:-1]]
    result = [(int(tag), value) for tag, value in fields]
    start = message.index(SOH.encode(), message.index(b"9=")) + 1
    assert int(dict(result)[9]) == end - start
    return result


def split(data: bytes) -> tuple[list[bytes], bytes]:
    """Whole messages at the beginning of `data`, and the rest."""
    messages = []
    while (at := data.find(b"\x0110=")) >= 0 and len(data) >= at + 8:
        messages.append(data[: at + 8])
        data = data[at + 8 :]
    return messages, data


class Peer:
    """One TCP (or TLS) connection of a session's other side. Numbers its messages; `next_num` may be set."""

    def __init__(
        self,
        port: int,
        *,
        begin_string: str = "FIX.4.4",
        comp_id: str = "TRADER1",
        target: str = "OUTCRY",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        plain = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        self.sock: socket.socket = tls.wrap_socket(plain, server_hostname="localhost") if tls else plain
        self.begin_string = begin_string
        self.comp_id = comp_id
        self.target = target
        self.next_num = 1
        self.rest = b""
        self.waiting: list[bytes] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.sock.close()

    def encode(
        self, msg_type: str, body: str | bytes = "", *, num: int | None = None, head: str = "", at: str = ""
    ) -> bytes:
        """A message numbered `num` or with the next number; `head` are further header fields, "43=Y|"."""
        if num is None:
            num = self.next_num
            self.next_num += 1
        header = f"35={msg_type}|34={num}|49={self.comp_id}|52={at or now()}|56={self.target}|{head}"
        text = body if isinstance(body, bytes) else body.replace("|", SOH).encode("latin-1")
        return frame(self.begin_string, header.replace("|", SOH).encode("latin-1") + text)

    def send(self, msg_type: str, body: str | bytes = "", **how: Any) -> None:
        """Encodes and sends one message."""
        self.sock.sendall(self.encode(msg_type, body, **how))

    def raw(self, data: bytes) -> None:
        """Sends bytes as they are."""
        self.sock.sendall(data)

    def logon(self, extra: str = "", *, interval: int = 30, **how: Any) -> None:
        """Sends a Logon; the answer is the caller's to read."""
        version = "1137=9|" if self.begin_string == "FIXT.1.1" else ""
        user = "" if self.begin_string == "FIX.4.2" else f"553={self.comp_id}|554=secret|"
        self.send("A", f"98=0|108={interval}|{extra}{user}{version}", **how)

    def read(self) -> dict[int, str] | None:
        """The next message, or None when the connection has ended."""
        message = self.read_bytes()
        return None if message is None else dict(parse(message))

    def read_bytes(self) -> bytes | None:
        """The next message as it came, or None when the connection has ended."""
        while not self.waiting:
            try:
                data = self.sock.recv(1 << 16)
            except (ConnectionResetError, ssl.SSLEOFError):
                data = b""
            if not data:
                assert self.rest == b"", f"the connection ended inside of a message: {self.rest!r}"
                return None
            self.waiting, self.rest = split(self.rest + data)
        return self.waiting.pop(0)

    def expect(self, msg_type: str) -> dict[int, str]:
        """The next message, which is of this type."""
        message = self.read()
        assert message is not None, f"connection ended instead of 35={msg_type}"
        assert message[35] == msg_type, message
        return message

    def is_silent(self, seconds: float = 0.1) -> bool:
        """Nothing comes for a while: the only way to see what must not happen."""
        if self.waiting:
            return False
        self.sock.settimeout(seconds)
        try:
            data = self.sock.recv(1 << 16)
        except TimeoutError:
            return True
        finally:
            self.sock.settimeout(PATIENCE_S)
        self.waiting, self.rest = split(self.rest + data)
        return False

    def ends(self) -> bool:
        """The connection ends without another message."""
        return self.read() is None


class Exchange:
    """A wire, its journal and its doorkeeper: what Python does around the wire, in one thread each.

    The journal keeps every numbered byte by (session, epoch, number). While `committing` is off nothing is released.
    Inbound items are collected in `inbound`; `on_app` may answer them.
    """

    def __init__(
        self, *, options: Mapping[str, int] | None = None, schema: Mapping[str, Sequence[Any]] = SCHEMA
    ) -> None:
        self.wire = Wire(schema, {"tick_ms": 50, "logon_timeout_ms": 1000, **(options or {})})
        self.port = 0
        self.inbound: list[Inbound] = []
        self.outbound: list[Inbound] = []
        self.stored: dict[tuple[int, int], dict[int, bytes]] = {}
        self.gaps: dict[tuple[int, int], list[tuple[int, int]]] = {}
        self.committing = True
        self.answering = True
        self.password = "secret"
        self.supplying = True
        self.attempts: list[tuple[Any, ...]] = []
        self.refused_text = "Logon refused"
        self.on_app: Callable[[Inbound], None] | None = None
        self.parts_missing: dict[int, int] = {}
        self.batch = 0
        self.changed = threading.Condition()
        self.stopping = False
        self.held: list[tuple[int, int]] = []
        self.resends: list[Inbound] = []
        self.committed: dict[int, int] = {}
        self.peers: list[Peer] = []
        self.threads = [threading.Thread(target=self._poll), threading.Thread(target=self._doorkeeper)]

    def __enter__(self) -> Self:
        self.port = self.port or self.wire.listen("127.0.0.1", 0, None)
        self.wire.start()
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends everything; afterwards no native object of this exchange is alive."""
        for peer in self.peers:
            peer.close()
        self.stopping = True
        self.wire.wake()
        for thread in self.threads:
            thread.join()
        self.wire.stop(0)
        del self.wire

    def add(self, session_id: int = 1, comp_id: str = "TRADER1", begin_string: str = "FIX.4.4", **more: Any) -> None:
        """Adds a session under its shipped names."""
        fixt = begin_string == "FIXT.1.1"
        transport = DICTIONARIES / ("FIXT11.xml" if fixt else begin_string.replace(".", "") + ".xml")
        spec = {
            "session_id": session_id,
            "begin_string": begin_string,
            "sender_comp_id": "OUTCRY",
            "target_comp_id": comp_id,
            "transport_dictionary": str(transport),
            "app_dictionary": str(DICTIONARIES / "FIX50SP2.xml") if fixt else str(transport),
            **more,
        }
        self.wire.add_session(spec)

    def peer(self, comp_id: str = "TRADER1", **more: Any) -> Peer:
        """A new connection of a session's other side, closed with the exchange; nothing is sent yet."""
        peer = Peer(more.pop("port", self.port), comp_id=comp_id, **more)
        self.peers.append(peer)
        return peer

    def logged_on(
        self, comp_id: str = "TRADER1", *, num: int = 1, extra: str = "", interval: int = 30, **more: Any
    ) -> Peer:
        """A connection whose Logon was answered."""
        peer = self.peer(comp_id, **more)
        peer.next_num = num
        peer.logon(extra, interval=interval)
        peer.expect("A")
        return peer

    def stage(self, *messages: tuple[int, str, str]) -> int:
        """Stages one batch, bodies written with | for the separator."""
        with self.changed:
            self.batch += 1
            batch = self.batch
        parts = self.wire.stage(batch, [(s, t, b.replace("|", SOH)) for s, t, b in messages])
        with self.changed:
            self.parts_missing[batch] = self.parts_missing.get(batch, 0) + parts
        return batch

    def wait(self, condition: Callable[[], bool], what: str = "") -> None:
        """Waits until `condition` holds; the polling thread looks after each poll."""
        with self.changed:
            assert self.changed.wait_for(condition, PATIENCE_S), what or f"waited in vain; inbound {self.inbound[-5:]}"

    def wait_for(self, kind: int, session_id: int = 1, *, count: int = 1) -> list[Inbound]:
        """Waits for `count` inbound items of a kind, and returns all of them."""

        def found() -> list[Inbound]:
            return [item for item in self.inbound if item[0] == kind and item[1] == session_id]

        self.wait(lambda: len(found()) >= count, f"no {count} items of kind {kind}: {self.inbound[-8:]}")
        return found()

    def statistics(self, session_id: int = 1) -> dict[str, Any]:
        """What the wire says of a session."""
        return next(dict(entry) for entry in self.wire.statistics()["sessions"] if entry["session_id"] == session_id)

    def commit(self) -> None:
        """Releases all that was held back, and goes on committing."""
        with self.changed:
            self.committing = True
            self._release()

    # The polling thread.

    def _poll(self) -> None:
        while not self.stopping:
            inbound, outbound, oldest_ns = self.wire.poll(100)
            assert (oldest_ns > 0) == bool(inbound)
            with self.changed:
                for item in outbound:
                    self._store(item)
                self.inbound.extend(inbound)
                if self.committing:
                    self._release()
                self.resends += [item for item in inbound if item[0] == RESEND]
                self._answer_resends()
                self.changed.notify_all()
            if self.on_app is not None:
                for item in inbound:
                    if item[0] == APP:
                        self.on_app(item)

    def _store(self, item: Inbound) -> None:
        self.outbound.append(item)
        self.held.append((item[1], item[2]))
        if item[0] == BYTES:
            _, _, _, batch, runs, blob = item
            for session_id, epoch, first, count, offset, length, _written in runs:
                messages, rest = split(blob[offset : offset + length])
                assert len(messages) == count, "a run holds as many messages as it says"
                assert rest == b""
                stored = self.stored.setdefault((session_id, epoch), {})
                for i, message in enumerate(messages):
                    assert int(dict(parse(message))[34]) == first + i
                    assert first + i not in stored, "a number is used once in an epoch"
                    stored[first + i] = message
            if batch:
                self.parts_missing[batch] = self.parts_missing.get(batch, 0) - 1
        elif item[0] == RESERVE:
            _, _, _, session_id, epoch, through = item
            self.gaps.setdefault((session_id, epoch), []).append((1, through))

    def _release(self) -> None:
        for io, serial in self.held:
            assert serial == self.committed.get(io, 0) + 1, "serials of an IO thread have no gap"
            self.committed[io] = serial
        self.held.clear()
        for io, serial in self.committed.items():
            self.wire.release(io, serial)

    def _answer_resends(self) -> None:
        if not self.supplying:
            return
        later = []
        for item in self.resends:
            _, session_id, epoch, request_id, begin, end, io, serial = item
            if self.committed.get(io, 0) < serial:
                later.append(item)
                continue
            stored = self.stored.get((session_id, epoch), {})
            runs = [(n, 1, stored[n]) for n in range(begin, end + 1) if n in stored]
            self.wire.supply(session_id, request_id, runs, self.gaps.get((session_id, epoch), []))
        self.resends = later

    def _doorkeeper(self) -> None:
        while not self.stopping:
            for attempt in self.wire.poll_logon(100):
                with self.changed:
                    self.attempts.append(attempt)
                    self.changed.notify_all()
                if self.answering:
                    accepted = attempt[4] == self.password or attempt[3] == ""
                    self.wire.admit(attempt[0], accepted, "" if accepted else self.refused_text)


def resident_bytes() -> int:
    """Memory of this process that is in RAM."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


__all__ = [
    "APP", "BYTES", "EPOCH", "LOGON", "LOGOUT", "NUMBERS", "RESEND", "RESERVE", "RESET", "SLOW",
    "Exchange", "Peer", "frame", "now", "parse", "resident_bytes", "split",
]  # fmt: skip
