"""The initiator's side of the FIX session layer: messages in, bytes out. Has no socket and no clock of its own.

It numbers what goes out, asks for what is missing, answers ResendRequest(2) and TestRequest(1), and says what the user
is to see. It never delivers a number twice, and never out of order.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from gateway.client.message import ADMIN_TYPES, Message, Value, encode, parse
from gateway.client.store import MemoryStore

HEADER_TAGS: Final = (34, 49, 52, 56)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who speaks to whom, in which version."""

    begin_string: str
    sender: str
    target: str


@dataclass(frozen=True, slots=True)
class Reaction:
    """What one message that came in asks for."""

    answers: list[bytes] = field(default_factory=list)
    """Messages to send at once, numbered and encoded."""
    deliver: bool = False
    """Whether the user is to see the message."""
    close_cause: str = ""
    """Not empty: the connection cannot go on."""


def utc_timestamp(moment: datetime) -> str:
    """UTCTimestamp with milliseconds."""
    return moment.strftime("%Y%m%d-%H:%M:%S.%f")[:-3]


def utc_now() -> datetime:
    """The present, in UTC."""
    return datetime.now(UTC)


class Session:
    """Numbers and answers of one FIX session. Owner: the thread of the client."""

    def __init__(self, identity: Identity, store: MemoryStore, *, now: Callable[[], datetime] = utc_now) -> None:
        self.identity = identity
        self.store = store
        self._now = now
        self._gap_end = 0
        self._reset_logon: bytes | None = None
        self._numbers_before_logon = (1, 1)

    def connected(self) -> None:
        """A new connection: what was asked for on the old one will not come."""
        self._gap_end = 0
        self._reset_logon = None

    def logon(self, fields: Sequence[tuple[int, Value]], *, reset: bool) -> bytes:
        """Encode a Logon(A). With `reset` it is number 1, and our numbers begin anew only when it is accepted."""
        self._numbers_before_logon = (self.store.next_sender, self.store.next_target)
        if not reset:
            return self.write("A", fields, header={})
        self._reset_logon = self.compose("A", fields, header={34: 1})
        return self._reset_logon

    def logon_refused(self) -> None:
        """The exchange refused the Logon(A) and has not counted it, so neither do we."""
        if self._reset_logon is None or self.store.next_target != self._numbers_before_logon[1]:
            self.store.reset(*self._numbers_before_logon)
        self._reset_logon = None

    def write(self, msg_type: str, fields: Sequence[tuple[int, Value]], *, header: Mapping[int, Value | None]) -> bytes:
        """Number, encode and remember a message.

        `header` adds header fields, replaces them, or with None leaves them out. A message whose 34 is given is
        neither remembered nor counted: that is for those who know what they do.
        """
        raw = self.compose(msg_type, fields, header={34: self.store.next_sender, **header})
        if 34 not in header:
            self.store.sent(self.store.next_sender, raw)
        return raw

    def compose(
        self, msg_type: str, fields: Sequence[tuple[int, Value]], *, header: Mapping[int, Value | None]
    ) -> bytes:
        """Encode a message with the header given, remembering nothing."""
        values: dict[int, Value | None] = {
            34: 0,
            49: self.identity.sender,
            52: utc_timestamp(self._now()),
            56: self.identity.target,
        }
        values.update(header)
        head = [(tag, value) for tag, value in values.items() if value is not None]
        return encode(self.identity.begin_string, msg_type, [*head, *fields])

    def read(self, message: Message) -> Reaction:
        """Take in a message that has just come; the numbers move as the specification says."""
        if message[49] != self.identity.target or message[56] != self.identity.sender:
            return Reaction(close_cause=f"CompIDs {message[49]} to {message[56]} are not of this session")
        msg_type, seq, expected = message.msg_type, message.msg_seq_num, self.store.next_target
        if msg_type == "4" and message.get(123) != "Y":
            return self._sequence_reset(int(message[36]))
        if msg_type == "A" and (self._reset_logon is not None or message.get(141) == "Y"):
            expected = 1
            self._begin_anew()
        if seq > expected:
            return self._ahead(message)
        if seq < expected:
            if msg_type == "5":
                return Reaction(deliver=True)
            if message.is_poss_dup:
                return Reaction()
            return Reaction(close_cause=f"MsgSeqNum(34) too low, expected {expected}, received {seq}")
        self.store.received(int(message[36]) if msg_type == "4" else seq + 1)
        return self._in_sequence(message)

    def _begin_anew(self) -> None:
        """The exchange begins at 1; so do we when it was our wish, or else our number is the next as before."""
        if self._reset_logon is not None:
            self.store.reset()
            self.store.sent(1, self._reset_logon)
            self._reset_logon = None
        self.store.received(1)

    def _in_sequence(self, message: Message) -> Reaction:
        match message.msg_type:
            case "0" | "4":
                return Reaction()
            case "1":
                return Reaction(answers=[self.write("0", [(112, message[112])], header={})])
            case "2":
                return Reaction(answers=self._resend(int(message[7]), int(message[16])))
            case _:
                return Reaction(deliver=True)

    def _sequence_reset(self, new_number: int) -> Reaction:
        if new_number < self.store.next_target:
            text = f"SequenceReset(4) lowers the number expected from {self.store.next_target} to {new_number}"
            return Reaction(close_cause=text)
        self.store.received(new_number)
        return Reaction()

    def _ahead(self, message: Message) -> Reaction:
        """Ask for what is missing; the message itself comes again with it, unless it cannot wait."""
        answers: list[bytes] = []
        if message.msg_type == "2":
            # Both sides may miss something at once: whoever is asked answers first, or both would wait for ever.
            answers += self._resend(int(message[7]), int(message[16]))
        if self.store.next_target > self._gap_end:
            answers.append(self.write("2", [(7, self.store.next_target), (16, 0)], header={}))
        self._gap_end = max(self._gap_end, message.msg_seq_num)
        return Reaction(answers=answers, deliver=message.msg_type in ("A", "5"))

    def _resend(self, begin: int, end: int) -> list[bytes]:
        """Answer a ResendRequest(2): application messages again, a gap fill for the rest."""
        last = self.store.next_sender - 1
        last = last if end == 0 else min(end, last)
        answers: list[bytes] = []
        gap_start = 0
        for seq in range(begin, last + 1):
            raw = self.store.find(seq)
            old = parse(raw) if raw is not None else None
            if old is None or old.msg_type in ADMIN_TYPES:
                gap_start = gap_start or seq
                continue
            if gap_start:
                answers.append(self._gap_fill(gap_start, seq))
                gap_start = 0
            answers.append(self._again(old))
        if gap_start:
            answers.append(self._gap_fill(gap_start, last + 1))
        return answers

    def _gap_fill(self, seq: int, new_number: int) -> bytes:
        header: dict[int, Value | None] = {34: seq, 43: "Y", 122: utc_timestamp(self._now())}
        return self.compose("4", [(123, "Y"), (36, new_number)], header=header)

    def _again(self, old: Message) -> bytes:
        header: dict[int, Value | None] = {34: old[34], 43: "Y", 122: old[52]}
        left_out = {8, 9, 10, 35, 43, 122, *HEADER_TAGS}
        return self.compose(old.msg_type, [pair for pair in old.fields if pair[0] not in left_out], header=header)
