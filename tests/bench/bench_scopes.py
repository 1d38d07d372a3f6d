"""How long one step of the work over a whole scope takes while others have many open orders: the engine alone.

    python -m tests.bench.bench_scopes [--orders 10000] [--others 1000000]

One member has `--orders` open orders, in an account, a firm and an instrument of its own; twenty others have the rest.
For each kind of scope it prints the first step, which finds the orders, and the longest of all steps: so long do others
wait. The last line is the first limit of a firm, which counts what the firm's accounts have open.
"""

import argparse
import gc
import time
from dataclasses import dataclass
from typing import Final

from matching.commands import (
    CancelSessionOrders,
    Command,
    ContinueWork,
    DefineAccount,
    DefineInstrument,
    DefineSession,
    DelistInstrument,
    Deposit,
    MassCancel,
    NewOrder,
    RelistInstrument,
    SetFirmLimits,
    SetKillSwitch,
    SetTradingPhase,
)
from matching.engine import Engine
from matching.events import Event, WorkLeft
from risk.engine import RiskEngine
from tests.bench.machine import machine

OWN: Final = 1
OTHER_SESSIONS: Final = range(2, 22)
OTHER_ACCOUNTS: Final = range(2, 102)
OWN_INSTRUMENT: Final = 3
SCOPES: Final[dict[str, Command]] = {
    "mass cancel": MassCancel(OWN, 1, 1, "q", "7"),
    "session": CancelSessionOrders(OWN, "gone"),
    "accounts": CancelSessionOrders(OWN, "gone", account_ids=(OWN,)),
    "account": SetKillSwitch("account", OWN, True, "ops", ""),
    "firm": SetKillSwitch("firm", 0, True, "ops", "", "FIRM1"),
    "instrument": DelistInstrument(OWN_INSTRUMENT, "ops", ""),
}


@dataclass(frozen=True)
class Result:
    """Milliseconds of the first and the longest step by scope, and how many events each had in all."""

    steps: dict[str, tuple[float, float]]
    events: dict[str, int]


class Bench:
    """An engine with what the others have open."""

    def __init__(self, others: int) -> None:
        self.engine = Engine(RiskEngine())
        self._last = 0
        kinds = ((number, f"I{number}") for number in (1, 2, OWN_INSTRUMENT))
        self.apply(
            *(DefineInstrument(key, name, "spot", "USD", 10**6, 10**8, 10_000, 10_000, 5_000) for key, name in kinds)
        )
        for account in (OWN, *OTHER_ACCOUNTS):
            self.apply(DefineAccount(account, f"A{account}", f"FIRM{account if account == OWN else account % 50 + 2}"))
            self.apply(Deposit(account, "USD", 10**17, f"cash {account}"))
        for session in (OWN, *OTHER_SESSIONS):
            self.apply(DefineSession(session, f"S{session}", f"C{session}", 0, 0, 0, 0))
        for number in range(others):
            account = OTHER_ACCOUNTS[number % len(OTHER_ACCOUNTS)]
            session = OTHER_SESSIONS[number % len(OTHER_SESSIONS)]
            self.rest(session, account, 1 + number // len(OTHER_ACCOUNTS) % 2)

    def rest(self, session_id: int, account_id: int, instrument_id: int) -> None:
        """Let one order rest."""
        self._last += 1
        ids = session_id, 1, self._last, False, f"O{self._last}", account_id, instrument_id
        self.apply(NewOrder(*ids, "1", "2", "1", 9_000 - self._last % 1_000, 1))

    def apply(self, *commands: Command) -> list[Event]:
        """Apply commands, one after the other."""
        out: list[Event] = []
        for command in commands:
            self.engine.apply(self.engine.seq + 1, self.engine.seq + 1, command, out)
        return out

    def timed(self, command: Command) -> tuple[float, list[Event]]:
        """Apply a command; return the milliseconds that it took and its events."""
        began = time.perf_counter()
        events = self.apply(command)
        return (time.perf_counter() - began) * 1_000, events

    def release(self) -> None:
        """Take orders again."""
        self.apply(SetKillSwitch("account", OWN, False, "ops", ""), SetKillSwitch("firm", 0, False, "ops", "", "FIRM1"))
        if self.engine.instruments[OWN_INSTRUMENT].phase == "delisted":
            self.apply(RelistInstrument(OWN_INSTRUMENT, "ops", ""))
            self.apply(SetTradingPhase(OWN_INSTRUMENT, "continuous", "ops", ""))
            while self.engine.has_work:
                self.apply(ContinueWork())


def run(*, orders: int, others: int) -> Result:
    """Measure every scope once."""
    gc.collect()
    gc.disable()
    try:
        bench = Bench(others)
        steps, events = {}, {}
        for name, command in SCOPES.items():
            for _ in range(orders):
                bench.rest(OWN, OWN, OWN_INSTRUMENT)
            first, found = bench.timed(command)
            longest = first
            while bench.engine.has_work:
                took, more = bench.timed(ContinueWork())
                longest, found = max(longest, took), found + more
            steps[name] = first, longest
            events[name] = sum(1 for event in found if not isinstance(event, WorkLeft))
            bench.release()
        first, found = bench.timed(SetFirmLimits("FIRM2", 0, 10**9, 0, 0))
        steps["first limit of a firm"], events["first limit of a firm"] = (first, first), len(found)
    finally:
        gc.enable()
    return Result(steps, events)


def main() -> int:
    """Run with the arguments given and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=10_000)
    parser.add_argument("--others", type=int, default=1_000_000)
    options, _ = parser.parse_known_args()
    result = run(orders=options.orders, others=options.others)
    print(machine())
    print(f"work over a scope of {options.orders:,} orders, {options.others:,} open orders of others, ms:")
    for name, (first, longest) in result.steps.items():
        print(f"{name:>22}  first step {first:.1f}, longest {longest:.1f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
