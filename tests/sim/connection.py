"""One simulated TCP connection: what is on its way in both directions, and what the wire holds for it."""

from collections import deque
from typing import Any, NamedTuple


class Sent(NamedTuple):
    """A message of a member on its way.

    `values` are what translation is given; `begin`, `end` and `new_seq_no` belong to ResendRequest(2) and
    SequenceReset(4).
    """

    msg_type: str
    num: int
    poss_dup: bool = False
    poss_resend: bool = False
    values: tuple[Any, ...] = ()
    begin: int = 0
    end: int = 0
    new_seq_no: int = 0
    reset: bool = False
    """ResetSeqNumFlag(141)=Y of a Logon."""


class Segment(NamedTuple):
    """One numbered message in a hold buffer; `serial` 0: a retransmission, which waits for nothing but its turn."""

    serial: int
    epoch: int
    first: int
    last: int
    message: bytes


class Connection:
    """Both directions. `hold` is the wire's; what is in `to_member` has been written to the socket."""

    def __init__(self) -> None:
        self.to_exchange: deque[Sent] = deque()
        self.to_member: deque[tuple[int, bytes]] = deque()
        self.hold: deque[Segment] = deque()
        self.closing = False
        """The exchange closes once all that it holds is out."""
        self.closed_by_exchange = False
        self.closed_by_member = False

    @property
    def is_over(self) -> bool:
        """Whether nothing more can arrive at the exchange."""
        return self.closed_by_exchange or self.closed_by_member
