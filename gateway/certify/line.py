"""The line between a client and the exchange: hands bytes on as they are, and holds, loses or cuts them when told.

It listens where the client connects, and opens a connection to the exchange for each of the client's. All of it runs
in `pump`, in the caller's thread; it never waits for longer than asked. Owner: the certification's thread.
"""

import contextlib
import selectors
import socket
import struct
import time
from collections.abc import Callable
from typing import Final, Protocol

from gateway.certify.raw import RawFramer, RawMessage

_RESET: Final = struct.pack("ii", 1, 0)
_RECEIVE_BYTES: Final = 1 << 16
_CONNECT_S: Final = 10.0
CONNECTIONS_MAX: Final = 16
_LAST_WORDS_S: Final = 0.5
"""So long a client is still listened to whose exchange has closed: what it says behind a Logout(5) is judged too."""
UNSENT_BYTES_MAX: Final = 1 << 24
"""A side that does not read for so long is cut."""

Wanted = Callable[[RawMessage], bool]


class Listener(Protocol):
    """Who is told of everything that passes."""

    def opened(self, link: "Link") -> None:
        """A client has connected."""

    def said(self, link: "Link", message: RawMessage) -> None:
        """The client has sent a message; it is handed on unless `lose` or `hold` is set meanwhile."""

    def heard(self, link: "Link", message: RawMessage, *, is_lost: bool) -> None:
        """The exchange has sent a message, which is handed to the client unless it is lost."""

    def closed(self, link: "Link", *, by_client: bool) -> None:
        """The connection is gone."""


class Link:
    """One connection of a client, and that to the exchange which stands behind it."""

    def __init__(self, client: socket.socket, exchange: socket.socket, peer: str) -> None:
        self.client = client
        self.exchange = exchange
        self.peer = peer
        self.comp_id = ""
        self.is_held = False
        self.lose_from_client: Wanted | None = None
        self.lose_to_client: Wanted | None = None
        self.from_client = RawFramer()
        self.from_exchange = RawFramer()
        self.to_client = bytearray()
        self.to_exchange = bytearray()
        self.held = bytearray()
        self.is_open = True
        self.ends_at: float | None = None
        """Once the exchange has closed: when the client's side is closed too."""

    def release(self) -> None:
        """Hand on what was held."""
        self.is_held = False
        self.to_exchange += self.held
        self.held.clear()


class Line:
    """Every link of a certification."""

    def __init__(self, host: str, port: int, exchange: tuple[str, int], listener: Listener) -> None:
        self._exchange = exchange
        self._listener = listener
        self._selector = selectors.DefaultSelector()
        self._server = socket.create_server((host, port))
        self._server.setblocking(False)
        self._selector.register(self._server, selectors.EVENT_READ)
        self.address: tuple[str, int] = self._server.getsockname()[:2]
        self.links: list[Link] = []

    def close(self) -> None:
        """End every connection and stop listening."""
        for link in list(self.links):
            self._end(link, by_client=False)
        self._selector.close()
        self._server.close()

    def pump(self, seconds: float) -> None:
        """Pass on what comes within `seconds`; returns as soon as something has come."""
        deadline = time.monotonic() + seconds
        while True:
            self._flush()
            events = self._selector.select(max(0.0, deadline - time.monotonic()))
            for key, _ in events:
                if key.data is None:
                    self._accept()
                else:
                    link, is_client = key.data
                    if link.is_open:
                        self._receive(link, is_client=is_client)
            self._flush()
            self._end_silent()
            if events or time.monotonic() >= deadline:
                return

    def cut(self, link: Link) -> None:
        """Reset the client's connection, as a network does that is gone; the exchange loses its own too."""
        for each in (link.client, link.exchange):
            with contextlib.suppress(OSError):
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._end(link, by_client=False)

    def _accept(self) -> None:
        with contextlib.suppress(BlockingIOError):
            client, address = self._server.accept()
            if len(self.links) >= CONNECTIONS_MAX:
                client.close()
                return
            try:
                exchange = socket.create_connection(self._exchange, timeout=_CONNECT_S)
            except OSError:
                client.close()
                raise
            link = Link(client, exchange, f"{address[0]}:{address[1]}")
            for each, is_client in ((client, True), (exchange, False)):
                each.setblocking(False)
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._selector.register(each, selectors.EVENT_READ, (link, is_client))
            self.links.append(link)
            self._listener.opened(link)

    def _receive(self, link: Link, *, is_client: bool) -> None:
        source = link.client if is_client else link.exchange
        try:
            data = source.recv(_RECEIVE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data and not is_client:
            self._exchange_left(link)
        elif not data:
            self._flush()
            self._end(link, by_client=link.ends_at is None)
        elif is_client:
            for message in link.from_client.feed(data):
                self._from_client(link, message)
        else:
            for message in link.from_exchange.feed(data):
                self._from_exchange(link, message)

    def _from_client(self, link: Link, message: RawMessage) -> None:
        if not link.is_open:
            return
        self._listener.said(link, message)
        if link.lose_from_client is not None and link.lose_from_client(message):
            link.lose_from_client = None
            return
        if link.ends_at is None:
            (link.held if link.is_held else link.to_exchange).extend(message.raw)

    def _from_exchange(self, link: Link, message: RawMessage) -> None:
        if not link.is_open:
            return
        is_lost = link.lose_to_client is not None and link.lose_to_client(message)
        if is_lost:
            link.lose_to_client = None
        else:
            link.to_client.extend(message.raw)
        self._listener.heard(link, message, is_lost=is_lost)

    def _exchange_left(self, link: Link) -> None:
        """Tell the client that nothing more comes; what it still says is heard."""
        self._flush()
        if not link.is_open:
            return
        link.to_exchange.clear()
        self._selector.unregister(link.exchange)
        link.exchange.close()
        link.ends_at = time.monotonic() + _LAST_WORDS_S
        with contextlib.suppress(OSError):
            link.client.shutdown(socket.SHUT_WR)

    def _end_silent(self) -> None:
        now = time.monotonic()
        for link in list(self.links):
            if link.ends_at is not None and now >= link.ends_at:
                self._end(link, by_client=False)

    def _flush(self) -> None:
        for link in list(self.links):
            for target, waiting in ((link.client, link.to_client), (link.exchange, link.to_exchange)):
                if not waiting or not link.is_open or (target is link.exchange and link.ends_at is not None):
                    continue
                try:
                    sent = target.send(waiting)
                    del waiting[:sent]
                except BlockingIOError:
                    pass
                except OSError:
                    self._end(link, by_client=target is link.client)
                if len(waiting) > UNSENT_BYTES_MAX:
                    self._end(link, by_client=target is link.client)

    def _end(self, link: Link, *, by_client: bool) -> None:
        if not link.is_open:
            return
        link.is_open = False
        for each in (link.client, link.exchange) if link.ends_at is None else (link.client,):
            self._selector.unregister(each)
            each.close()
        self.links.remove(link)
        self._listener.closed(link, by_client=by_client)
