"""A TCP proxy that can cut the line between a client and the exchange, and keep it cut."""

import contextlib
import selectors
import socket
import struct
import threading
from typing import Final

LINGER_RESET: Final = struct.pack("ii", 1, 0)


class Proxy:
    """Forwards one connection at a time. Its thread owns the sockets; `cut` and `mend` may be called from the test."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._is_cut = threading.Event()
        self._is_idle = threading.Event()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def cut(self) -> None:
        """Reset the connection and refuse new ones until `mend`; returns when it is gone."""
        self._is_idle.clear()
        self._is_cut.set()
        self._is_idle.wait()

    def mend(self) -> None:
        """Take connections again."""
        self._is_cut.clear()

    def close(self) -> None:
        """End the proxy and its connections."""
        self._is_over.set()
        self._thread.join()
        self._listener.close()

    def _run(self) -> None:
        self._listener.settimeout(0.05)
        while not self._is_over.is_set():
            with contextlib.suppress(TimeoutError):
                client, _ = self._listener.accept()
                if self._is_cut.is_set():
                    client.close()
                else:
                    self._forward(client)
            if self._is_cut.is_set():
                self._is_idle.set()

    def _forward(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._target) as server, selectors.DefaultSelector() as selector:
            selector.register(client, selectors.EVENT_READ, server)
            selector.register(server, selectors.EVENT_READ, client)
            while not self._is_cut.is_set() and not self._is_over.is_set():
                for key, _ in selector.select(0.05):
                    source = key.fileobj
                    assert isinstance(source, socket.socket)
                    try:
                        data = source.recv(65_536)
                        key.data.sendall(data)
                    except ConnectionError:
                        return
                    if not data:
                        return
            for each in (client, server):
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_RESET)
