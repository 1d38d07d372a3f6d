"""What may happen in a day: one method for each word of `actions`."""

import errno
from random import Random
from typing import Final

from gateway.fault_points import BATCH_FAULT_POINTS, RESET_FAULT_POINT, START_FAULT_POINTS, STEP_FAULT_POINTS
from gateway.trade_lookup import find_trade
from matching.commands import CorrectTrade, SetTradingPhase
from matching.journal import JournalError
from matching.types import TradingPhase
from tests.sim.clock import SECOND_NS
from tests.sim.configuration import GENERATIONS
from tests.sim.disk import Killed
from tests.sim.life import Life
from tests.sim.operators import BY, operators_command
from tests.sim.trading import send_request
from tests.sim.world import World

FAULT_POINTS: Final = (*BATCH_FAULT_POINTS, *STEP_FAULT_POINTS, RESET_FAULT_POINT)
TRADES_CORRECTED: Final = 12
"""Of the newest so many trades one is busted or corrected."""
WAITS_S: Final = (1, 40, 3_600, 20_000)
KILL_TURNS: Final = 25
"""A kill at a fault point that is not passed within so many turns comes all the same."""


class Happenings(World):
    """Each is given a generator that decides all that its word leaves open, and returns what it did."""

    def _do_begin(self, random: Random) -> str:
        for member in self.members:
            self._connect(member, reset=False)
        return f"{self.io_threads} IO threads"

    def _do_trade(self, random: Random) -> str:
        online = [member for member in self._online(self.traders) if not member.logout_sent]
        if not online:
            return "nobody is logged on"
        said = []
        for _ in range(random.randrange(1, 4)):
            member = random.choice(online)
            said.append(f"{member.name} {send_request(member, random, self.clock.ns)}")
        return ", ".join(said)

    def _do_burst(self, random: Random) -> str:
        return ", ".join(self._do_trade(random) for _ in range(random.randrange(5, 15)))

    def _do_flood(self, random: Random) -> str:
        """One member sends more at once than a throttle lets through."""
        online = [member for member in self._online(self.traders) if not member.logout_sent]
        if not online:
            return "nobody is logged on"
        member = random.choice(online)
        count = random.randrange(8, 25)
        for _ in range(count):
            send_request(member, random, self.clock.ns)
        return f"{member.name} {count} messages"

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

    def _do_correct(self, random: Random) -> str:
        """An operator busts a trade, of those that the journal has, or corrects its price, its quantity or both."""
        last = self.life.engine.desk.last_trade_id
        trade = (
            find_trade(self.life.journal, f"T{random.randrange(max(last - TRADES_CORRECTED, 0), last) + 1}")
            if last
            else None
        )
        if trade is None:
            return "nothing was traded"
        price, qty = 0, 0
        if random.random() < 0.4:
            price, qty = trade.price + random.randrange(-3, 4), max(trade.qty - random.choice((0, 0, 1, 2)), 1)
        ids = trade.buy_order_id, trade.sell_order_id, trade.buy_exec_id, trade.sell_exec_id
        values = trade.price, trade.qty, price, qty
        standing = trade.standing_trade_id, trade.standing_price, trade.is_newest
        command = CorrectTrade(trade.instrument_id, trade.trade_id, *ids, *values, BY, "simulated", *standing)
        self.life.operate(command)
        return str(command)

    def _do_auction(self, random: Random) -> str:
        """An operator calls for an auction, members send what they want in it, it is executed while they go on."""
        instruments = self.life.engine.instruments
        instrument = random.choice([instruments[1], *instruments.values()])
        instrument_id, phase = instrument.instrument_id, instrument.phase
        call: TradingPhase = "volatility halt" if phase == "continuous" else "opening auction"
        self.life.operate(SetTradingPhase(instrument_id, call, BY, "simulated"))
        for _ in range(random.randrange(4, 12)):
            self._do_trade(random)
            self._turn(random)
        self.life.operate(SetTradingPhase(instrument_id, "continuous", BY, "simulated"))
        return f"{call} of {instrument.symbol}"

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


def _steps(life: Life, random: Random, count: int) -> None:
    for _ in range(count):
        life.wire.step(random)
