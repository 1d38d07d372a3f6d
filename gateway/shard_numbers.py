"""What MsgSeqNum(34) and its epoch say of a message: whether a shard may be given it yet, and whether one may have had
it already. Owner: the matching thread.

A shard remembers by session the epoch and number that it has answered last. So no two messages may ever have the same
epoch and number, and a message that is sent again must have the ones that it had.
"""

from collections.abc import Mapping, Sequence

from gateway.answers import Answers
from gateway.sessions import SessionBook
from gateway.shard_commands import ROUTED_TYPES, Routed
from matching.commands import CancelSessionOrders, Command


class EpochGate:
    """Commands of sessions whose epoch is not in the journal yet, or has no number there; they wait in their order.

    A gateway that is killed before the commit of an epoch begins another one of the same number, and a reset of a
    session that has used no number begins none: had a shard seen messages of the first, it would take those of the
    second for them.
    """

    def __init__(self, sessions: SessionBook, answers: Answers) -> None:
        self._sessions = sessions
        self._answers = answers
        self._waiting: dict[int, list[Command]] = {}
        self._begun: dict[int, int] = {}

    def let_through(self, commands: Sequence[Command]) -> Sequence[Command]:
        """Return what may be given to shards now: of what waited, and of `commands`."""
        if not self._waiting:
            # Every message passes here: a session that is in an epoch that was looked at costs no more than this.
            begun = self._begun
            for command in commands:
                if type(command) in ROUTED_TYPES and begun.get(command.session_id) != command.epoch:  # type: ignore[union-attr]  # these have both
                    break
            else:
                return commands
        if self._waiting:
            released: list[Command] = []
            for session_id in [each for each in self._waiting if self._is_open(each)]:
                released += self._waiting.pop(session_id)
            for command in released:
                if isinstance(command, Routed):
                    self._answers.answered(command.session_id, command.epoch, command.msg_seq_num)
            commands = [*released, *commands]
        return [command for command in commands if not self._holds(command)]

    def _holds(self, command: Command) -> bool:
        """Keep a command whose time has not come; return whether it was kept."""
        if isinstance(command, Routed):
            if command.session_id not in self._waiting and self._is_begun(command.session_id, command.epoch):
                return False
            self._answers.sent(command.session_id, command.epoch, command.msg_seq_num)
        elif not (isinstance(command, CancelSessionOrders) and command.session_id in self._waiting):
            return False
        self._waiting.setdefault(command.session_id, []).append(command)
        return True

    def _is_open(self, session_id: int) -> bool:
        """Whether what waits first may be let through."""
        first = self._waiting[session_id][0]
        assert isinstance(first, Routed), "only what has an epoch begins to wait"
        return self._is_begun(session_id, first.epoch)

    def _is_begun(self, session_id: int, epoch: int) -> bool:
        """Whether the journal holds a number of that epoch, as that of the Logon that began it, or a later epoch."""
        state = self._sessions.by_id[session_id].state
        is_begun = epoch < state.epoch or (epoch == state.epoch and (state.next_sender > 1 or state.next_target > 1))
        if is_begun:
            self._begun[session_id] = epoch
        return is_begun

    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return not self._waiting

    def has_work(self) -> bool:
        """Whether something waits for nothing but the next turn."""
        return any(self._is_open(session_id) for session_id in self._waiting)


class Repeats:
    """Which messages an earlier gateway may have given to a shard, and the shard may have answered.

    They are those of the epoch in which this gateway found a session, below the number of its first Logon: what has a
    higher number was sent to no other gateway. `logon_numbers` has that number by session; admission writes it before
    the Logon is taken.
    """

    def __init__(self, sessions: SessionBook, logon_numbers: Mapping[int, int]) -> None:
        self._logon_numbers = logon_numbers
        self._epochs = {session.session_id: session.state.epoch for session in sessions}
        self._ends: dict[int, int] = {}

    def logged_on(self, session_id: int) -> None:
        """Note a Logon; all but the first say nothing new."""
        if session_id in self._logon_numbers:
            self._ends.setdefault(session_id, self._logon_numbers[session_id])

    def is_possible(self, command: Routed) -> bool:
        """Whether a message may be a repeat; it is where nothing is known of a Logon."""
        if command.epoch != self._epochs.get(command.session_id):
            return False
        end = self._ends.get(command.session_id)
        return end is None or command.msg_seq_num < end
