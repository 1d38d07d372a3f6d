"""Builds batches for the journal's tests: plain commands and events, and FIX messages that a reader can count."""

from collections.abc import Iterable, Sequence

from matching.codec import SessionState, encode_commands, encode_event_counts, encode_events
from matching.commands import Command, NewOrder
from matching.events import Event, Execution
from matching.journal import Batch, JournalReader, Run, StoredBatch


def order(number: int, *, session_id: int = 1) -> NewOrder:
    """A limit order to buy one lot at tick 100 + `number`."""
    return NewOrder(session_id, 1, number, False, f"ORD{number}", 1, 1, "1", "2", "0", 100 + number, 1)


def accepted(number: int) -> Execution:
    """The event that says order `number` is on the book."""
    return Execution(number, "0", "0", number, 1, f"ORD{number}", "", 1, 1, "1", "2", "0", 100 + number, 1, 1, 0, 0)


def fix_message(number: int, *, text: str = "") -> bytes:
    """A FIX message with MsgSeqNum(34) `number`, its BodyLength(9) right."""
    body = f"35=8\x0134={number}\x0158={text or 'report ' * (number % 5)}.\x01".encode()
    return b"8=FIX.4.4\x019=%d\x01" % len(body) + body + b"10=123\x01"


def part(
    first_num: int, count: int, *, session_id: int = 1, epoch: int = 1, text: str = ""
) -> tuple[tuple[Run, ...], bytes]:
    """One part as the wire returns it: one run of `count` messages."""
    blob = b"".join(fix_message(number, text=text) for number in range(first_num, first_num + count))
    return ((session_id, epoch, first_num, count, 0, len(blob), first_num - 1),), blob


def batch(
    batch_seq: int,
    first_seq: int,
    *,
    commands: int = 2,
    outbound: Iterable[tuple[tuple[Run, ...], bytes]] = (),
    time_ns: int | None = None,
    counts: bool = True,
) -> Batch:
    """A batch of `commands` orders, each accepted by one event."""
    ordered: Sequence[Command] = [order(first_seq + offset) for offset in range(commands)]
    events: Sequence[Event] = [accepted(first_seq + offset) for offset in range(commands)]
    return Batch(
        batch_seq,
        first_seq,
        batch_seq * 1_000 if time_ns is None else time_ns,
        encode_commands(ordered) if ordered else b"",
        commands,
        encode_events(events) if events else b"",
        commands,
        list(outbound),
        encode_event_counts([1] * commands) if counts else b"",
    )


def batches(count: int, *, messages: int = 3, text: str = "") -> list[Batch]:
    """`count` batches of two commands and `messages` messages of session 1 each, from the journal's begin."""
    return [
        batch(number, 2 * number - 1, outbound=[part(messages * (number - 1) + 1, messages, text=text)])
        for number in range(1, count + 1)
    ]


def state(session_id: int = 1, *, epoch: int = 1, next_sender: int = 1) -> SessionState:
    """The state of a session that has sent `next_sender` - 1 messages."""
    return SessionState(session_id, f"S{session_id}", f"C{session_id}", epoch, 7, next_sender, epoch, 1, 0, 0, 0)


def content(stored: StoredBatch) -> Batch:
    """A stored batch as the batch it was made of, with all outbound parts in one."""
    outbound = stored.outbound
    parts = [(outbound.runs, bytes(outbound.blob))] if outbound.runs else []
    return Batch(
        stored.batch_seq,
        stored.first_seq,
        stored.time_ns,
        stored.commands,
        stored.command_count,
        stored.events,
        stored.event_count,
        parts,
        stored.event_counts.tobytes(),
    )


def everything(journal: JournalReader) -> list[Batch]:
    """All batches of a journal, from its begin."""
    return [content(stored) for stored in journal.read(journal.base.batch_seq + 1)]
