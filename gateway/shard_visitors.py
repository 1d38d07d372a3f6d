"""Connections to a shard that have not said a valid hello yet. Owner: the shard's matching thread.

Whoever connects displaces nobody: the gateway that is connected stays until another has said in full who it is. A
visitor that says something else, or nothing for a while, is shown the door with the reason.
"""

import time
from collections.abc import Callable, Iterator
from typing import Final

import structlog

from gateway.shard_frames import Hello, decode_hello
from gateway.shard_link import Connection
from matching import frames
from matching.frames import Frame, FrameDecoder, FrameError

VISITORS_MAX: Final = 4
HELLO_SECONDS: Final = 5.0
HELLO_BYTES_MAX: Final = 1 << 24
"""Far beyond the hello of any configuration, which names every instrument, account and session."""
RECEIVE_BYTES: Final = 1 << 20

log = structlog.get_logger("shard")


class Visitor:
    """One connection, and what it has said so far."""

    def __init__(self, connection: Connection, now: float) -> None:
        self.connection = connection
        self.since = now
        self.decoder = FrameDecoder()
        self.received = 0


class Visitors:
    """At most VISITORS_MAX connections; one more takes the place of the oldest."""

    def __init__(self, refuse: Callable[[Connection, str], None]) -> None:
        self._refuse = refuse
        self._visitors: list[Visitor] = []

    @property
    def connections(self) -> list[Connection]:
        """All connections, to be waited for."""
        return [visitor.connection for visitor in self._visitors]

    def accept(self, listener: Connection) -> None:
        """Take one more connection."""
        try:
            connection, _ = listener.accept()
        except OSError as error:
            log.warning("a connection could not be accepted", error=str(error))
            return
        connection.setblocking(False)
        if len(self._visitors) == VISITORS_MAX:
            self._close(self._visitors[0], "too many others came")
        self._visitors.append(Visitor(connection, time.monotonic()))

    def listen(self) -> Iterator[tuple[Visitor, Hello, list[Frame]]]:
        """Yield every visitor that has said a valid hello, with what it said after it; it is no visitor any more."""
        for visitor in tuple(self._visitors):
            try:
                said = self._said(visitor)
                if said:
                    if said[0].header.kind != frames.HELLO:
                        raise FrameError(f"a frame of kind {said[0].header.kind} came before a hello")
                    hello = decode_hello(said[0])
                    self._visitors.remove(visitor)
                    yield visitor, hello, said[1:]
                elif time.monotonic() - visitor.since > HELLO_SECONDS:
                    raise FrameError(f"no hello within {HELLO_SECONDS:.0f} seconds")
            except (FrameError, OSError) as error:
                self._close(visitor, str(error))

    def _said(self, visitor: Visitor) -> list[Frame]:
        try:
            data = visitor.connection.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return []
        if not data:
            raise FrameError("closed before a hello")
        visitor.received += len(data)
        if visitor.received > HELLO_BYTES_MAX:
            raise FrameError(f"more than {HELLO_BYTES_MAX} bytes without a hello")
        return list(visitor.decoder.feed(data))

    def _close(self, visitor: Visitor, reason: str) -> None:
        log.warning("a connection is refused", reason=reason)
        self._refuse(visitor.connection, reason)
        visitor.connection.close()
        if visitor in self._visitors:
            self._visitors.remove(visitor)

    def close(self) -> None:
        """Close all of them."""
        for visitor in self._visitors:
            visitor.connection.close()
        self._visitors.clear()
