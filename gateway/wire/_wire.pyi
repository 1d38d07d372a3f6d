"""The wire: QuickFIX sessions, sockets and TLS, behind one class. Knows FIX and nothing of trading."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

# How one field of an application message reaches Python: (tag, kind) with kind
#   "t" text          -> str
#   "i" integer       -> int, or str as sent where it does not fit 63 bits
#   "d" decimal       -> int scaled by 10^8, or str as sent where it is not finite, exact and within 63 bits
#   "u" UTCTimestamp  -> int nanoseconds since 1970, or str as sent
# or (tag, (fields...)) for a repeating group -> tuple of tuples. A field that is absent is None.
# (0, (fields...)) is no field but the options of a message, in ascending order of tag -> None where it has none of
# them, else a tuple of their values: many seldom fields cost a message without them one comparison.
FieldSpec: TypeAlias = tuple[int, str] | tuple[int, tuple[Any, ...]]

# poll() -> (inbound, outbound, oldest_ns)
# inbound, in order per session:
#   (APP, session_id, epoch, msg_seq_num, msg_type, poss_resend, values)      values as the schema of msg_type says
#   (NUMBERS, session_id, epoch, next_target)        an admin message (or one answered here) moved the expected number
#   (LOGON, session_id, epoch, peer)
#   (LOGOUT, session_id, epoch, clean, cause)        the connection is gone; clean: a Logout was exchanged
#   (RESET, session_id, epoch, old_epoch, old_written_through)    numbers began anew
#   (RESEND, session_id, epoch, request_id, begin, end, io, serial)   wants runs of [begin, end]; `serial` must be
#         committed first
#   (SLOW, session_id, epoch)                        published messages were dropped for it and it has caught up
#         since, or a resend has filled over unstored ones: its picture is to be sent anew
# outbound, in order per IO thread `io`:
#   (BYTES, io, serial, batch_id, runs, blob)        staged (batch_id > 0) or admin (0) messages, numbered and encoded;
#         runs: tuple of (session_id, epoch, first_num, count, offset, length, written_through)
#   (EPOCH, io, serial, session_id, epoch, created_s, next_sender, next_target)   the session begins a new epoch, or was
#         renumbered or dated anew in the one it has
#   (RESERVE, io, serial, session_id, epoch, through)       numbers up to `through` may be of unstored messages (market
#         data)
# oldest_ns: CLOCK_MONOTONIC time at which the oldest inbound item was read from its socket; 0 without inbound.
Inbound: TypeAlias = tuple[Any, ...]
Outbound: TypeAlias = tuple[Any, ...]

APP: int
NUMBERS: int
LOGON: int
LOGOUT: int
RESET: int
RESEND: int
SLOW: int
BYTES: int
EPOCH: int
RESERVE: int

class Wire:
    def __init__(self, schema: Mapping[str, Sequence[FieldSpec]], options: Mapping[str, int]) -> None: ...
    def listen(self, host: str, port: int, tls: Mapping[str, str] | None) -> int: ...
    def add_session(self, spec: Mapping[str, Any]) -> None: ...
    def remove_session(self, session_id: int) -> None: ...
    def change_session(self, spec: Mapping[str, Any]) -> None: ...  # not its numbers nor `enabled`
    def check_session(self, spec: Mapping[str, Any]) -> None: ...  # raises ValueError where the others would
    def set_windows(
        self,
        session_id: int,
        session: Sequence[tuple[int, int]],
        logon: Sequence[tuple[int, int]],
    ) -> None: ...
    def start(self) -> None: ...
    def poll(self, timeout_ms: int) -> tuple[list[Inbound], list[Outbound], int]: ...
    def wake(self) -> None: ...
    def stage(self, batch_id: int, messages: Sequence[tuple[int, str, str]]) -> int: ...
    def publish(self, session_ids: Sequence[int], msg_type: str, body: str) -> None: ...
    def release(self, io: int, serial: int) -> None: ...
    def supply(
        self,
        session_id: int,
        request_id: int,
        runs: Sequence[tuple[int, int, bytes]],  # (first number, count, messages)
        gaps: Sequence[tuple[int, int]] = ...,  # ranges that were never stored and may be filled
    ) -> None: ...
    def poll_logon(self, timeout_ms: int) -> list[tuple[int, int, str, str, str, str, str, str, str]]: ...
    def admit(self, attempt_id: int, accepted: bool, text: str, delay_ms: int = 0) -> None: ...
    def logout(self, session_id: int, text: str) -> None: ...
    def disconnect(self, session_id: int, cause: str) -> None: ...
    def pace(self, session_id: int, microseconds: int) -> None: ...
    def enable(self, session_id: int, enabled: bool) -> None: ...
    def reset(self, session_id: int) -> None: ...
    def renumber(self, session_id: int, next_sender: int, next_target: int) -> None: ...
    def set_message_log(self, path: str, bytes_max: int, files_max: int) -> None: ...
    def stop_accepting(self) -> None: ...
    def stop(self, timeout_ms: int) -> None: ...
    def statistics(self) -> dict[str, Any]: ...
    @staticmethod
    def live_objects() -> int: ...
