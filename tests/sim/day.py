"""A day: the exchange in one life after the other, its members, and what happens to them, action by action."""

import errno
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Final

from gateway.fault_points import BATCH_FAULT_POINTS, RESET_FAULT_POINT, START_FAULT_POINTS, STEP_FAULT_POINTS
from gateway.start_up import SNAPSHOT_FOLDER, new_engine
from matching.journal import JournalError
from matching.verification import verify
from tests.sim.actions import Action
from tests.sim.checks import (
    Audit,
    check_books_of_members,
    check_market,
    check_member,
    check_received,
    check_recovered,
    check_said,
)
from tests.sim.clock import SECOND_NS, SimClock
from tests.sim.configuration import DROP_COPIES, GENERATIONS, MARKET_DATA, TRADING, settings_of
from tests.sim.disk import Killed, SimDisk
from tests.sim.fix import FindingError
from tests.sim.life import Life, simulated
from tests.sim.member import Member
from tests.sim.operators import operators_command
from tests.sim.trading import send_request
from tests.sim.watcher import Watcher

SETTLE_TURNS: Final = 2_000
FAULT_POINTS: Final = (*BATCH_FAULT_POINTS, *STEP_FAULT_POINTS, RESET_FAULT_POINT)
QUIET_TURNS: Final = 4
RECONNECT: Final = 0.3
RESET_AT_LOGON: Final = 0.06
WAITS_S: Final = (1, 40, 3_600, 20_000)
KILL_TURNS: Final = 25
"""A kill at a fault point that is not passed within so many turns comes all the same."""


class Day:
    """One seed's world. Owner: the one thread there is."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.random = Random(seed)
        self.clock = SimClock()
        self.data_dir = folder / "data"
        self.disk = SimDisk(self.data_dir / "journal", self.clock)
        self.generation = 0
        self.io_threads = self.random.choice((1, 2))
        self.members = [Member(*name, keeps_numbers=False) for name in TRADING]
        self.members += [Member(*name, keeps_numbers=place == 0) for place, name in enumerate(DROP_COPIES)]
        self.traders = self.members[: len(TRADING)]
        self.watcher = Watcher(*MARKET_DATA)
        self.members.append(self.watcher)
        self.trading_day = 20260102
        self._checked: dict[str, int] = {}
        self._life: Life | None = None

    @property
    def life(self) -> Life:
        """The life that is running."""
        assert self._life is not None, "the exchange has been started"
        return self._life

    # -- the course of the day ----------------------------------------------------------------------------------------

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

    def _start(self) -> None:
        settings = settings_of(self.generation, self.io_threads)
        while self._life is None:
            try:
                self._life = Life(self.data_dir, settings, self.clock, self.disk)
            except Killed:
                self.disk.come_back()
        for member in self.members:
            begin = self._checked.get(member.name, 0)
            session_id = self._life.session_id(member.begin_string, member.comp_id)
            check_recovered(self._life.journal, session_id, member, begin)
            self._checked[member.name] = len(member.reports)

    def _act(self, action: Action) -> str:
        random = Random(action.draw)
        name = action.word.replace(" ", "_")
        act: Callable[[Random], str] = getattr(self, f"_do_{name}")
        said = act(random)
        self._turn(random)
        return said

    def _turn(self, random: Random) -> None:
        """Let the wire, the exchange and the members go on a little; restart what has ended."""
        try:
            for _ in range(random.randrange(14)):
                self.life.wire.step(random)
            self.life.wire.inbound_max = random.choice((1 << 30, 1 << 30, 4, 0))
            self.life.turn()
        except Killed as end:
            self._die(str(end))
        except JournalError:
            self._die("the exchange gave up")
        for member in self.members:
            member.read(random.randrange(8))
            if member.connection is None and random.random() < RECONNECT:
                self._connect(member, reset=random.random() < RESET_AT_LOGON)
        self.clock.advance(random.randrange(20_000_000))

    def _die(self, how: str, *, again_at: str = "") -> str:
        """Everything in memory is gone; what the disk has is what the next life begins with.

        `again_at` is a fault point of the start at which the next life ends before it has begun.
        """
        life = self.life
        life.end()
        for member in self.members:
            if member.connection is not None:
                arriving, leaving = self.random.randrange(4), 0
                member.cut(arriving, leaving)
        left = self.disk.come_back()
        self.disk.kill_at = (again_at, 1) if again_at else None
        self.clock.advance(self.random.randrange(5 * SECOND_NS))
        self._life = None
        self._start()
        return f"{how}, {left}"

    # -- actions ------------------------------------------------------------------------------------------------------

    def _do_begin(self, random: Random) -> str:
        for member in self.members:
            self._connect(member, reset=False)
        return f"{self.io_threads} IO threads"

    def _connect(self, member: Member, *, reset: bool) -> bool:
        if member.connection is not None:
            return False
        connection = member.log_on(reset=reset and not member.keeps_numbers)
        if self.life.wire.connect(member.begin_string, member.comp_id, connection):
            return True
        member.refused()
        return False

    def _online(self, among: Sequence[Member]) -> list[Member]:
        return [member for member in among if member.connection is not None and member.is_logged_on]

    def _do_trade(self, random: Random) -> str:
        online = [member for member in self._online(self.traders) if not member.logout_sent]
        if not online:
            return "nobody is logged on"
        said = []
        for _ in range(random.randrange(1, 4)):
            member = random.choice(online)
            said.append(f"{member.name} {send_request(member, random)}")
        return ", ".join(said)

    def _do_burst(self, random: Random) -> str:
        return ", ".join(self._do_trade(random) for _ in range(random.randrange(5, 15)))

    def _do_idle(self, random: Random) -> str:
        for _ in range(random.randrange(1, 6)):
            self._turn(random)
        return ""

    def _do_cut(self, random: Random) -> str:
        connected = [member for member in self.members if member.connection is not None]
        if not connected:
            return ""
        member = random.choice(connected)
        member.cut(random.randrange(6), random.randrange(6))
        return member.name

    def _do_log_out(self, random: Random) -> str:
        online = [member for member in self._online(self.members) if not member.logout_sent]
        if not online:
            return ""
        member = random.choice(online)
        member.log_out()
        return member.name

    def _do_reset(self, random: Random) -> str:
        online = [
            each
            for each in self._online(self.members)
            if not (each.logout_sent or each.keeps_numbers or each.awaiting_reset)
        ]
        if not online:
            return ""
        member = random.choice(online)
        member.reset()
        return member.name

    def _do_ask_resend(self, random: Random) -> str:
        online = [each for each in self._online(self.members) if each.expected > 1 and not each.awaiting_reset]
        if not online:
            return ""
        member = random.choice(online)
        begin = random.randrange(1, member.expected)
        end = random.choice((0, random.randrange(begin, member.expected)))
        member.ask_resend(begin, end)
        return f"{member.name} {begin} to {end}"

    def _do_operate(self, random: Random) -> str:
        command = operators_command(random, self.life.engine, self)
        self.life.operate(command)
        return str(command)

    def _do_wait(self, random: Random) -> str:
        seconds = random.choice(WAITS_S)
        self.clock.advance(seconds * SECOND_NS)
        return f"{seconds} s"

    def _do_step_clock(self, random: Random) -> str:
        seconds = random.choice((0, -1, -600, 7))
        self.clock.set_wrong(seconds * SECOND_NS)
        return f"{seconds} s off"

    def _do_throw_out(self, random: Random) -> str:
        member = random.choice(self.members)
        session_id = self.life.session_id(member.begin_string, member.comp_id)
        if random.random() < 0.5:
            self.life.wire.logout(session_id, "Logged out by the operator")
        else:
            self.life.wire.disconnect(session_id, "cut by the operator")
        return member.name

    def _do_fail_commit(self, random: Random) -> str:
        code = random.choice((errno.ENOSPC, errno.EIO))
        count = random.choice((1, 2, 5, 20, 2_000))
        self.disk.fail(code, count)
        if code == errno.ENOSPC:
            for _ in range(random.randrange(1, 5)):
                self._do_trade(random)
                self._turn(random)
            self.disk.free_bytes = 1 << 40
        return f"{errno.errorcode[code]} {count} times"

    def _do_slow_commit(self, random: Random) -> str:
        seconds = random.randrange(1, 10)
        steps = random.randrange(40)
        self.disk.slow(seconds)
        self.disk.meanwhile = lambda: _steps(self.life, random, steps)
        return f"{seconds} s"

    def _do_kill(self, random: Random) -> str:
        return self._die("killed")

    def _do_kill_at(self, random: Random) -> str:
        point = random.choice((*FAULT_POINTS, *START_FAULT_POINTS))
        if point in START_FAULT_POINTS:
            return f"{self._die('killed', again_at=point)}, and again at {point}"
        self.disk.kill_at = (point, random.randrange(1, 4))
        return f"{point}: {self._until_killed(random)}"

    def _do_lose_power(self, random: Random) -> str:
        for _ in range(random.randrange(3)):
            self._do_trade(random)
        self.disk.power_random = Random(random.randrange(1 << 30))
        return self._until_killed(random)

    def _until_killed(self, random: Random) -> str:
        life = self.life
        for _ in range(KILL_TURNS):
            self._do_trade(random)
            self._turn(random)
            if self._life is not life:
                return "killed"
        return self._die("killed in quiet")

    def _do_restart(self, random: Random) -> str:
        def read() -> None:
            for member in self.members:
                member.read(4)

        try:
            self.life.stop(random, read)
            for member in self.members:
                member.read(1 << 30)
        except Killed as end:
            return self._die(str(end))
        except JournalError:
            return self._die("the exchange gave up")
        for member in self.members:
            if member.connection is not None:
                member.cut(0, 0)
        self.disk.come_back()
        self.clock.advance(random.randrange(30) * SECOND_NS)
        self._life = None
        self._start()
        return ""

    def _do_reconfigure(self, random: Random) -> str:
        self.generation = random.randrange(GENERATIONS)
        self._do_restart(random)
        return f"generation {self.generation}"

    def _do_snapshot(self, random: Random) -> str:
        self.life.take_snapshot()
        return f"batch {self.life.journal.last.batch_seq}"

    # -- the end of the day -------------------------------------------------------------------------------------------

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
                self.life.turn()
            except Killed as end:
                self._die(str(end))
            for member in self.members:
                member.read(1 << 30)
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
            check_received(audit.stored, session_id, member, 0)
            check_member(audit, session_id, state.epoch, member)
            if (state.next_sender, state.next_target) != (member.expected, member.next_sender):
                found = f"the journal has {state.next_sender} and {state.next_target}"
                raise FindingError(
                    "numbers", f"{member.name} is at {member.expected} and {member.next_sender}, {found}"
                )
        check_books_of_members(self.members, life.engine)
        self._verify()

    def _verify(self) -> None:
        """The exchange's own check, with the snapshots; and its invariants, last of all."""
        snapshots = self.data_dir / SNAPSHOT_FOLDER
        if snapshots.is_dir():
            report = verify(self.life.journal, new_engine, snapshots_dir=snapshots)
            if report.faults:
                raise FindingError("verify", "; ".join(report.faults))
        self.life.engine.check_invariants()


def _steps(life: Life, random: Random, count: int) -> None:
    for _ in range(count):
        life.wire.step(random)


def _where(error: BaseException) -> str:
    """Return what was raised and the innermost places it went through."""
    places = []
    traceback = error.__traceback__
    while traceback is not None:
        code = traceback.tb_frame.f_code
        places.append(f"{Path(code.co_filename).name}:{traceback.tb_lineno} {code.co_name}")
        traceback = traceback.tb_next
    return f"{error} at {' < '.join(reversed(places[-4:]))}"
