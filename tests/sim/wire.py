"""The simulated wire: the contract of gateway/wire/_wire.pyi, stepped by the day instead of by threads."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any, Final

from gateway.wire import BYTES, EPOCH, RESERVE
from tests.sim.clock import SimClock
from tests.sim.connection import Connection
from tests.sim.wire_session import WireSession

Item = tuple[Any, ...]
Task = Callable[[], None]
Run = tuple[int, int, int, int, int, int, int]
WRITE_MAX: Final = 4


class IoThread:
    """One IO thread: its sessions, its mailbox, its outbox of serials without gap."""

    def __init__(self, wire: "SimWire", index: int) -> None:
        self.wire = wire
        self.index = index
        self.clock = wire.clock
        self.serial = 0
        self.released = 0
        self.mailbox: deque[Task] = deque()
        self.sessions: list[WireSession] = []
        self.connections: list[tuple[Connection, WireSession]] = []

    def tell(self, item: Item) -> None:
        """Hand an inbound item to `poll`."""
        self.wire.inbound.append(item)

    def begin_epoch(self, session: WireSession) -> None:
        """Say that the numbers of a session begin anew."""
        self.serial += 1
        second = self.clock.now_ns() // 1_000_000_000
        self.wire.outbound.append((EPOCH, self.index, self.serial, session.session_id, session.epoch, second, 1, 1))

    def reserve(self, session: WireSession) -> int:
        """Say that numbers of a session are reserved; return the serial of that."""
        self.serial += 1
        through = session.reserved_through
        self.wire.outbound.append((RESERVE, self.index, self.serial, session.session_id, session.epoch, through))
        return self.serial

    def number(self, session: WireSession, msg_type: str, body: str) -> None:
        """Number and hold a message of the session layer itself."""
        self._numbered(0, [(session, msg_type, body)])

    def stage(self, batch_id: int, messages: Sequence[tuple[WireSession, str, str]]) -> None:
        """Number, encode and hold this thread's part of a batch."""
        self._numbered(batch_id, messages)

    def _numbered(self, batch_id: int, messages: Sequence[tuple[WireSession, str, str]]) -> None:
        self.serial += 1
        runs: list[Run] = []
        blob = b""
        for session, msg_type, body in messages:
            num, message = session.encode(msg_type, body)
            session.hold(self.serial, num, message)
            runs.append((session.session_id, session.epoch, num, 1, len(blob), len(message), session.written_through))
            blob += message
        item = (BYTES, self.index, self.serial, batch_id, tuple(_joined(runs)), blob)
        self.wire.outbound.append(item)
        self.wire.numbered(item)

    def step(self, random: Random) -> bool:
        """Do one small thing that there is to do; False where there is nothing."""
        choices: list[Task] = []
        if self.mailbox:
            choices.append(lambda: self.mailbox.popleft()())
        for connection, session in self.connections:
            if connection.is_over:
                choices.append(lambda c=connection, s=session: self._end(c, s))  # type: ignore[misc]  # defaults bind
            elif connection.closing and not connection.hold:
                choices.append(lambda c=connection: self._close(c))  # type: ignore[misc]  # as above
            else:
                if connection.to_exchange and not connection.closing:
                    choices.append(lambda c=connection, s=session: s.receive(c.to_exchange.popleft()))  # type: ignore[misc]
                if connection.hold and connection.hold[0].serial <= self.released:
                    choices.append(lambda c=connection, s=session: self._write(c, s))  # type: ignore[misc]  # as above
        if not choices:
            return False
        choices[random.randrange(len(choices))]()
        return True

    def _write(self, connection: Connection, session: WireSession) -> None:
        for _ in range(WRITE_MAX):
            if not connection.hold or connection.hold[0].serial > self.released:
                return
            segment = connection.hold.popleft()
            connection.to_member.append((segment.epoch, segment.message))
            session.written(segment.epoch, segment.first, segment.last)

    def _close(self, connection: Connection) -> None:
        connection.closed_by_exchange = True

    def _end(self, connection: Connection, session: WireSession) -> None:
        """Both directions are over, or the member is gone."""
        self.connections = [(each, of) for each, of in self.connections if each is not connection]
        if session.connection is connection:
            session.lost("the peer has closed the connection")
        connection.closed_by_exchange = True
        connection.hold.clear()


def _joined(runs: list[Run]) -> list[Run]:
    """Join messages of one session that follow each other into runs."""
    joined: list[Run] = []
    for run in runs:
        if joined:
            last = joined[-1]
            if last[:2] == run[:2] and last[2] + last[3] == run[2] and last[4] + last[5] == run[4]:
                joined[-1] = (*last[:3], last[3] + 1, last[4], last[5] + run[5], run[6])
                continue
        joined.append(run)
    return joined


class SimWire:
    """What the exchange sees of the wire. `observer` is told of items that were numbered and released."""

    def __init__(self, clock: SimClock, io_threads: int, observer: "Observer") -> None:
        self.clock = clock
        self.observer = observer
        self.inbound: deque[Item] = deque()
        self.outbound: list[Item] = []
        self.inbound_max = 1 << 30
        self.accepting = True
        self.threads = [IoThread(self, index) for index in range(io_threads)]
        self.sessions: dict[int, WireSession] = {}
        self.by_name: dict[tuple[str, str], WireSession] = {}
        self.cuts: list[tuple[int, str]] = []

    # -- the contract -------------------------------------------------------------------------------------------------

    def add_session(self, spec: Mapping[str, Any]) -> None:
        io = self.threads[len(self.sessions) % len(self.threads)]
        session = WireSession(io, spec)
        io.sessions.append(session)
        self.sessions[session.session_id] = session
        self.by_name[session.begin_string, session.comp_ids[1]] = session

    def set_windows(self, session_id: int, session: object, logon: object) -> None:
        """Sessions of the simulation have no schedule."""

    def wake(self) -> None:
        """Nobody sleeps."""

    def poll(self, timeout_ms: int) -> tuple[list[Item], list[Item], int]:
        """Return all outbound items and the oldest inbound ones."""
        outbound, self.outbound = self.outbound, []
        inbound = [self.inbound.popleft() for _ in range(min(len(self.inbound), self.inbound_max))]
        return inbound, outbound, 0

    def stage(self, batch_id: int, messages: Sequence[tuple[int, str, str]]) -> int:
        parts: dict[int, list[tuple[WireSession, str, str]]] = {}
        for session_id, msg_type, body in messages:
            session = self.sessions.get(session_id)
            if session is not None:
                parts.setdefault(session.io.index, []).append((session, msg_type, body))
        for index, part in parts.items():
            io = self.threads[index]
            io.mailbox.append(lambda io=io, part=part: io.stage(batch_id, part))  # type: ignore[misc]  # defaults bind
        return len(parts)

    def publish(self, session_ids: Sequence[int], msg_type: str, body: str) -> None:
        for session_id in session_ids:
            session = self.sessions[session_id]
            session.io.mailbox.append(lambda session=session: session.publish(msg_type, body))  # type: ignore[misc]

    def release(self, io: int, serial: int) -> None:
        self.observer.released(io, serial)
        thread = self.threads[io]

        def release() -> None:
            thread.released = max(thread.released, serial)

        thread.mailbox.append(release)

    def supply(
        self,
        session_id: int,
        request_id: int,
        runs: Sequence[tuple[int, int, bytes]],
        gaps: Sequence[tuple[int, int]] = (),
    ) -> None:
        session = self.sessions[session_id]
        session.io.mailbox.append(lambda: session.supply(request_id, runs, gaps))

    def logout(self, session_id: int, text: str) -> None:
        session = self.sessions[session_id]
        session.io.mailbox.append(lambda: session.log_out(text))

    def disconnect(self, session_id: int, cause: str) -> None:
        session = self.sessions[session_id]
        self.cuts.append((session_id, cause))
        session.io.mailbox.append(lambda: session.lost(cause))

    def pace(self, session_id: int, microseconds: int) -> None:
        """Time passes by what the day does: whoever is read later is a matter of its order."""

    def stop_accepting(self) -> None:
        self.accepting = False

    # -- the day's side -----------------------------------------------------------------------------------------------

    def numbered(self, item: Item) -> None:
        """Tell the observer what was numbered."""
        self.observer.numbered(item)

    def connect(self, begin_string: str, comp_id: str, connection: Connection) -> bool:
        """Let the gate decide on a connection; False: it is closed without a byte."""
        session = self.by_name.get((begin_string, comp_id))
        if session is None or session.connection is not None or not self.accepting:
            return False
        session.io.connections.append((connection, session))
        session.adopt(connection)
        return True

    def step(self, random: Random) -> bool:
        """Let one IO thread do one thing; False where none has anything to do."""
        begin = random.randrange(len(self.threads))
        return any(self.threads[(begin + i) % len(self.threads)].step(random) for i in range(len(self.threads)))

    def run_idle(self) -> None:
        """Do all that there is to do."""
        random = Random(0)
        while self.step(random):
            pass

    def is_idle(self) -> bool:
        """Whether nothing waits anywhere in the wire but released bytes in front of closed sockets."""
        return not self.inbound and not self.outbound and not any(io.mailbox for io in self.threads)

    def die(self) -> None:
        """The process has ended: every connection is cut."""
        for io in self.threads:
            for connection, _ in io.connections:
                connection.closed_by_exchange = True
                connection.hold.clear()


class Observer:
    """Keeps what was numbered, until it is released."""

    def numbered(self, item: Item) -> None:
        """Take note of an outbound item of bytes."""

    def released(self, io: int, serial: int) -> None:
        """Judge a release."""
