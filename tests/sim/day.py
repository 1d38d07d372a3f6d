"""A day: what happens to the exchange and its members, action by action, and what the judges say of it at the end."""

from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Final

from gateway.start_up import SNAPSHOT_FOLDER, new_engine
from matching.verification import verify
from tests.sim.actions import Action
from tests.sim.checks import (
    Audit,
    check_books_of_members,
    check_market,
    check_member,
    check_received,
    check_said,
)
from tests.sim.copier import Copier, check_ranges
from tests.sim.disk import Killed
from tests.sim.fix import FindingError
from tests.sim.happenings import Happenings
from tests.sim.life import simulated

SETTLE_TURNS: Final = 2_000
QUIET_TURNS: Final = 4


class Day(Happenings):
    """One seed's day."""

    def run(self, actions: Sequence[Action], trace: list[str]) -> None:
        """Do all actions, let everything come to rest, and judge the day; raises FindingError.

        `trace` takes a line for each action before it is done.
        """
        with simulated(self.clock, self.disk):
            try:
                self._start()
                for action in actions:
                    trace.append(f"{action.word} {action.draw}")
                    said = self._act(action)
                    trace[-1] += f": {said}" if said else ""
                trace.append("settle")
                self._settle()
                trace.append("judge")
                self._judge()
            except FindingError:
                raise
            except (Exception, Killed) as error:
                raise FindingError(f"exception {type(error).__name__}", _where(error)) from error
            finally:
                if self._life is not None:
                    self._life.end()

    def _act(self, action: Action) -> str:
        random = Random(action.draw)
        name = action.word.replace(" ", "_")
        act: Callable[[Random], str] = getattr(self, f"_do_{name}")
        said = act(random)
        self._turn(random)
        return said

    def _settle(self) -> None:
        """Everybody logs on and stays; turn until nothing happens any longer."""
        random = self.random
        self.disk.recover()
        quiet, has_beaten = 0, False
        for _ in range(SETTLE_TURNS):
            before = self._progress()
            for member in self.members:
                self._connect(member, reset=False)
            for _ in range(20):
                self.life.wire.step(random)
            self.life.wire.inbound_max = 1 << 30
            try:
                self.life.tick()
                self.life.turn()
            except Killed as end:
                self._die(str(end))
            for member in self.members:
                member.read(1 << 30)
                member.hang_up()
            self.clock.advance(100_000_000)
            quiet = quiet + 1 if self._progress() == before and self._is_quiet() else 0
            if quiet >= QUIET_TURNS and has_beaten:
                return
            if quiet >= QUIET_TURNS:
                # A ResendRequest from beyond a gap leaves a gap of its own, which only the next message shows.
                quiet, has_beaten = 0, True
                for member in self.members:
                    member.beat()
        raise FindingError("no rest", f"after {SETTLE_TURNS} turns: {self._progress()}")

    def _progress(self) -> tuple[int, ...]:
        return (
            self.life.journal.last.batch_seq,
            *(member.expected for member in self.members),
            *(member.next_sender for member in self.members),
        )

    def _is_quiet(self) -> bool:
        life = self.life
        is_online = all(member.connection is not None and member.is_logged_on for member in self.members)
        exchange = life.exchange
        has_work = exchange.resends.has_work() or exchange.drop_copies.has_backlog() or life.engine.has_work
        return is_online and not has_work and life.wire.is_idle() and life.pipeline.is_idle()

    def _judge(self) -> None:
        """Ask every judge."""
        life = self.life
        audit = Audit(life.journal)
        check_market(audit, life.engine)
        states = {state.name: state for state in life.journal.sessions().values()}
        for member in self.members:
            session_id = life.session_id(member.begin_string, member.comp_id)
            state = states[f"{member.begin_string}:OUTCRY->{member.comp_id}"]
            if member is self.watcher:
                self.watcher.check(life.engine)
                continue
            check_said(audit, session_id, is_drop_copy=member.comp_id == "DROP1")
            if isinstance(member, Copier):
                check_ranges(audit, session_id, member)
            check_received(audit.stored, session_id, member, 0)
            check_member(audit, session_id, state.epoch, member)
            if (state.next_sender, state.next_target) != (member.expected, member.next_sender):
                found = f"the journal has {state.next_sender} and {state.next_target}"
                raise FindingError(
                    "numbers", f"{member.name} is at {member.expected} and {member.next_sender}, {found}"
                )
        check_books_of_members(self.members, life.engine, audit.fold.quotes.ids)
        self._verify()

    def _verify(self) -> None:
        """The exchange's own check, with the snapshots; and its invariants, last of all."""
        snapshots = self.data_dir / SNAPSHOT_FOLDER
        if snapshots.is_dir():
            report = verify(self.life.journal, new_engine, snapshots_dir=snapshots)
            if report.faults:
                raise FindingError("verify", "; ".join(report.faults))
        self.life.engine.check_invariants()


def _where(error: BaseException) -> str:
    """Return what was raised and the innermost places it went through."""
    places = []
    traceback = error.__traceback__
    while traceback is not None:
        code = traceback.tb_frame.f_code
        places.append(f"{Path(code.co_filename).name}:{traceback.tb_lineno} {code.co_name}")
        traceback = traceback.tb_next
    return f"{error} at {' < '.join(reversed(places[-4:]))}"
