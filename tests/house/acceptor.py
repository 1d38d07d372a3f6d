"""The other side of a FIX client's conversation, on a real socket: it sends and expects exactly what a test says.

No thread: the kernel buffers what either side has sent until the other reads, and a loopback connection stands before
`accept` is called.
"""

import socket
from collections.abc import Sequence
from typing import Self

from gateway.client import Message, Value, encode, parse
from gateway.client.message import Framer

TIMEOUT_S = 5.0


class Acceptor:
    """Listens on a free port of 127.0.0.1 and plays OUTCRY."""

    def __init__(self, begin_string: str = "FIX.4.4", peer: str = "TRADER1") -> None:
        self.begin_string = begin_string
        self.peer = peer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(TIMEOUT_S)
        self._connection: socket.socket | None = None
        self._framer = Framer()

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = self._listener.getsockname()[1]
        return port

    def accept(self) -> None:
        """Take the next connection; one that is open is closed."""
        self.hang_up()
        self._connection, _ = self._listener.accept()
        self._connection.settimeout(TIMEOUT_S)
        self._framer = Framer()

    def expect(self) -> Message:
        """The next message of the client."""
        connection = self._open()
        while (raw := self._framer.next()) is None:
            data = connection.recv(65_536)
            assert data, "the client closed the connection"
            self._framer.feed(data)
        return parse(raw)

    def expect_close(self) -> None:
        """The client has closed the connection and left nothing unread."""
        assert self._framer.next() is None
        assert self._open().recv(65_536) == b""

    def send(self, seq: int, msg_type: str, *fields: tuple[int, Value], poss_dup: bool = False) -> None:
        """Send a message with this number."""
        self.send_raw(self.message(seq, msg_type, fields, poss_dup=poss_dup))

    def message(self, seq: int, msg_type: str, fields: Sequence[tuple[int, Value]], *, poss_dup: bool = False) -> bytes:
        """The bytes of such a message."""
        head: list[tuple[int, Value]] = [(34, seq), (49, "OUTCRY"), (52, "20240102-03:04:05.678"), (56, self.peer)]
        if poss_dup:
            head += [(43, "Y"), (122, "20240102-03:04:05.678")]
        return encode(self.begin_string, msg_type, [*head, *fields])

    def send_raw(self, data: bytes) -> None:
        """Send these very bytes."""
        self._open().sendall(data)

    def hang_up(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def close(self) -> None:
        """Close everything."""
        self.hang_up()
        self._listener.close()

    def _open(self) -> socket.socket:
        assert self._connection is not None, "nobody is connected"
        return self._connection

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
