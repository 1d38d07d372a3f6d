"""Which numbers of a session are answered, where answers come from shards in any order.

A session's expected MsgSeqNum(34) is journaled only as far as everything before it is answered and journaled: a
gateway that is killed asks the peer for the rest again, and knows what a shard has answered already. Owner: the
matching thread.
"""

from collections.abc import Iterable


class _Numbers:
    """One epoch of one session: what has been taken through, and the numbers on their way."""

    __slots__ = ("epoch", "next_target", "open")

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self.next_target = 0
        self.open: dict[int, None] = {}


class Answers:
    """The numbers of all sessions that are on their way to shards."""

    def __init__(self) -> None:
        self._sessions: dict[int, _Numbers] = {}
        self._changed: set[int] = set()

    def _numbers(self, session_id: int, epoch: int) -> _Numbers:
        numbers = self._sessions.get(session_id)
        if numbers is None or numbers.epoch < epoch:
            numbers = self._sessions[session_id] = _Numbers(epoch)
        return numbers

    def taken(self, session_id: int, epoch: int, next_target: int) -> None:
        """Note that everything below `next_target` has been taken from the wire."""
        numbers = self._numbers(session_id, epoch)
        if numbers.epoch == epoch:
            numbers.next_target = next_target
            self._changed.add(session_id)

    def sent(self, session_id: int, epoch: int, msg_seq_num: int) -> None:
        """Note that a message was given to a shard, or waits for it."""
        numbers = self._numbers(session_id, epoch)
        if numbers.epoch == epoch:
            numbers.open[msg_seq_num] = None

    def answered(self, session_id: int, epoch: int, msg_seq_num: int) -> None:
        """Note that the answer is part of the batch that is begun next."""
        numbers = self._sessions.get(session_id)
        if numbers is not None and numbers.epoch == epoch and msg_seq_num in numbers.open:
            del numbers.open[msg_seq_num]
            self._changed.add(session_id)

    def all_answered(self, numbers: Iterable[tuple[int, int, int]]) -> None:
        """Do as `answered` for (session id, epoch, number) of each."""
        sessions, changed = self._sessions, self._changed
        for session_id, epoch, msg_seq_num in numbers:
            known = sessions.get(session_id)
            if known is not None and known.epoch == epoch and msg_seq_num in known.open:
                del known.open[msg_seq_num]
                changed.add(session_id)

    def targets(self) -> dict[int, tuple[int, int]]:
        """Return, for the sessions where it has moved, epoch and first number that is not answered."""
        changed, self._changed = self._changed, set()
        result = {}
        for session_id in sorted(changed):
            numbers = self._sessions[session_id]
            if numbers.next_target:
                result[session_id] = (numbers.epoch, min([*numbers.open, numbers.next_target]))
        return result

    @property
    def open_count(self) -> int:
        """Messages on their way to shards."""
        return sum(len(numbers.open) for numbers in self._sessions.values())
