"""The caller's side of `admin.sock`: one request as a line of JSON, one answer as a line of JSON."""

import socket
from pathlib import Path
from typing import Any, Final

import msgspec

SOCKET_NAME: Final = "admin.sock"
ANSWER_BYTES_MAX: Final = 64 * 1024 * 1024
TIMEOUT_S: Final = 30.0
_RECEIVE_BYTES: Final = 64 * 1024


class AdminCallError(Exception):
    """The exchange is not running, did not answer, or refused; the text says which."""


class _Answer(msgspec.Struct):
    ok: bool
    result: Any = None
    error: str = ""


def call(path: Path, command: str, arguments: dict[str, Any] | None = None) -> Any:
    """Have the running exchange do `command` and return its result.

    Raises:
        AdminCallError: it could not be asked, or it refused.
    """
    request = msgspec.json.encode({"command": command, "arguments": arguments or {}}) + b"\n"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(TIMEOUT_S)
        try:
            connection.connect(str(path))
            connection.sendall(request)
            line = _read_line(connection)
        except (FileNotFoundError, ConnectionRefusedError) as error:
            raise AdminCallError(f"no exchange is running behind {path}; start one with `outcry serve`") from error
        except OSError as error:
            raise AdminCallError(f"{path}: {error}") from error
    try:
        answer = msgspec.json.decode(line, type=_Answer)
    except msgspec.MsgspecError as error:
        raise AdminCallError(f"{path}: the answer to {command!r} is no JSON of the kind expected: {error}") from error
    if not answer.ok:
        raise AdminCallError(answer.error)
    return answer.result


def _read_line(connection: socket.socket) -> bytes:
    parts = bytearray()
    while not parts.endswith(b"\n"):
        data = connection.recv(_RECEIVE_BYTES)
        if not data:
            raise ConnectionAbortedError("the exchange closed the connection without an answer")
        parts += data
        if len(parts) > ANSWER_BYTES_MAX:
            raise ConnectionAbortedError(f"the answer is longer than {ANSWER_BYTES_MAX} bytes")
    return bytes(parts)
