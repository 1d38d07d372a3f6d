"""Layouts of the small records: the state of a session, and where the journal begins after retention."""

import struct
from collections.abc import Iterable
from typing import Final

from xxhash import xxh3_64_intdigest

from matching.codec import SessionState, decode_session, decode_session_before_3, encode_session
from matching.journal.errors import RecordError
from matching.journal.records import Position

_SESSION_MARK: Final = b"OCSE"
SESSION_VERSION: Final = 3
"""2 could name one ended epoch whose reports are to be sent anew, 3 names any number of them; 1 named none."""
# mark, version, reserved, checksum of the MessagePack that follows.
_SESSION: Final = struct.Struct("<4sHHQ")

_BASE_MARK: Final = b"OCBA"
BASE_VERSION: Final = 1
# mark, version, reserved, batch_seq, seq, time_ns, chain; a checksum of 8 bytes follows.
_BASE: Final = struct.Struct("<4sHHQQQ16s")
_CHECKSUM: Final = struct.Struct("<Q")


def encode_session_record(state: SessionState) -> bytes:
    data = encode_session(state)
    return _SESSION.pack(_SESSION_MARK, SESSION_VERSION, 0, xxh3_64_intdigest(data)) + data


def decode_session_record(session_id: int, data: bytes | memoryview) -> SessionState:
    """Raises RecordError: what was expected and what was found."""
    if len(data) < _SESSION.size:
        raise RecordError(f"the state of session {session_id} has {len(data)} bytes, fewer than its header")
    mark, version, _, checksum = _SESSION.unpack_from(data)
    if mark != _SESSION_MARK:
        raise RecordError(f"expected the mark {_SESSION_MARK!r} at the state of session {session_id}, found {mark!r}")
    if not 1 <= version <= SESSION_VERSION:
        raise RecordError(f"expected a session state of format version 1 to {SESSION_VERSION}, found {version}")
    body = data[_SESSION.size :]
    if xxh3_64_intdigest(body) != checksum:
        raise RecordError(f"the checksum does not match the state of session {session_id}")
    return decode_session(body) if version >= SESSION_VERSION else decode_session_before_3(body)


def needed_epochs(states: Iterable[SessionState]) -> dict[int, frozenset[int]]:
    """Return, by session id, the epochs whose messages may still be asked for or sent anew."""
    return {state.session_id: frozenset({state.epoch, *(left.epoch for left in state.anew)}) for state in states}


def encode_base(base: Position) -> bytes:
    body = _BASE.pack(_BASE_MARK, BASE_VERSION, 0, *base)
    return body + _CHECKSUM.pack(xxh3_64_intdigest(body))


def decode_base(data: bytes | memoryview) -> Position:
    """Where the journal begins after retention: the last batch that was deleted. Raises RecordError."""
    if len(data) != _BASE.size + _CHECKSUM.size:
        raise RecordError(
            f"expected {_BASE.size + _CHECKSUM.size} bytes at the begin of the journal, found {len(data)}"
        )
    mark, version, _, batch_seq, seq, time_ns, chain = _BASE.unpack_from(data)
    if mark != _BASE_MARK:
        raise RecordError(f"expected the mark {_BASE_MARK!r} at the begin of the journal, found {mark!r}")
    if not 1 <= version <= BASE_VERSION:
        raise RecordError(f"expected a begin of format version 1 to {BASE_VERSION}, found {version}")
    if (xxh3_64_intdigest(data[: _BASE.size]),) != _CHECKSUM.unpack_from(data, _BASE.size):
        raise RecordError("the checksum does not match the begin of the journal")
    return Position(batch_seq, seq, time_ns, chain)
