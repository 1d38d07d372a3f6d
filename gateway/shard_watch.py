"""Wakes the matching thread when a shard has said something while it sleeps in the wire's poll.

One thread that waits on the sockets of all shards. It is armed only when the matching thread is about to sleep, and
says it once: while orders flow it never runs.
"""

import os
import select
import threading
from collections.abc import Callable
from typing import Final

from gateway.shard_link import Connection

ONCE: Final = select.EPOLLIN | select.EPOLLONESHOT


class ShardWatch:
    """The sockets of the shards. `watch` and `arm` are the matching thread's."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._epoll = select.epoll()
        self._sockets: set[Connection] = set()
        self._end_read, self._end_write = os.pipe()
        self._epoll.register(self._end_read, select.EPOLLIN)
        self._thread = threading.Thread(target=self._run, name="shard-watch", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def watch(self, connection: Connection) -> None:
        """Watch one more socket, until it is closed."""
        self._sockets.add(connection)
        self._epoll.register(connection, ONCE)

    def arm(self) -> None:
        """Wake the matching thread once for whatever comes from now on, or has come already."""
        for connection in tuple(self._sockets):
            if connection.fileno() < 0:
                self._sockets.remove(connection)
            else:
                self._epoll.modify(connection, ONCE)

    def stop(self) -> None:
        """End the thread."""
        os.write(self._end_write, b"\0")
        if self._thread.ident is not None:
            self._thread.join()
        self._epoll.close()
        os.close(self._end_read)
        os.close(self._end_write)

    def _run(self) -> None:
        while True:
            for number, _ in self._epoll.poll():
                if number == self._end_read:
                    return
            self._wake()
