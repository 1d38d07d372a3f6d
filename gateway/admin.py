"""The operator's socket: one JSON request a line, one JSON answer a line, on `admin.sock` in the data folder, mode
0600.

Request: {"command": "status", "arguments": {...}}. Answer: {"ok": true, "result": ...} or {"ok": false, "error":
"..."}. Owner: the main thread's event loop. What touches the market is submitted to the matching thread and journaled
there.
"""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import structlog

REQUEST_BYTES_MAX: Final = 65_536
CONNECTIONS_MAX: Final = 32
PATH_BYTES_MAX: Final = 107

log = structlog.get_logger("admin")

Operation = Callable[..., Awaitable[Any]]


class AdminError(Exception):
    """A request that cannot be obeyed; its text is the answer."""


class Request(msgspec.Struct):
    """One line from an operator's program."""

    command: str
    arguments: dict[str, Any] = {}


class AdminServer:
    """Serves the operator's socket. `operations` maps command names to what does them."""

    def __init__(self, path: Path, operations: Mapping[str, Operation]) -> None:
        self._path = path
        self._operations = operations
        self._server: asyncio.Server | None = None
        self._connections = 0

    async def start(self) -> None:
        """Listen; a socket that a killed exchange left behind is replaced.

        Raises:
            AdminError: the path is longer than a socket's address may be.
        """
        if len(os.fsencode(self._path)) > PATH_BYTES_MAX:
            raise AdminError(f"{self._path} is longer than {PATH_BYTES_MAX} bytes, the bound of a socket's address")
        self._path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(0o177)
        try:
            listener.bind(os.fspath(self._path))
        finally:
            os.umask(before)
        self._server = await asyncio.start_unix_server(self._serve, sock=listener, limit=REQUEST_BYTES_MAX)

    async def stop(self) -> None:
        """Close the socket and remove it."""
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._connections >= CONNECTIONS_MAX:
            writer.close()
            return
        self._connections += 1
        try:
            while line := await reader.readline():
                writer.write(msgspec.json.encode(await self._answer(line)) + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError) as error:
            log.info("admin connection ended", error=str(error))
        finally:
            self._connections -= 1
            writer.close()

    async def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            request = msgspec.json.decode(line, type=Request)
            operation = self._operations.get(request.command)
            if operation is None:
                known = ", ".join(sorted(self._operations))
                raise AdminError(f"command {request.command!r} is not known, allowed: {known}")
            return {"ok": True, "result": await operation(**request.arguments)}
        except (AdminError, msgspec.MsgspecError, TypeError) as error:
            return {"ok": False, "error": str(error)}
        except Exception as error:
            log.exception("admin command failed")
            return {"ok": False, "error": f"{type(error).__name__}: {error}"}
