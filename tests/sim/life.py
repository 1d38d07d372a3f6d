"""One life of the exchange: from a start with recovery to its end, in order or not. All parts but the wire are real."""

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final, cast

import pytest
import structlog

from config.settings import Settings
from gateway import drop_copy as drop_copy_module
from gateway import pace as pace_module
from gateway import report_ranges as report_ranges_module
from gateway import resends as resends_module
from gateway import storage as storage_module
from gateway.exchange import Exchange
from gateway.phase_keeper import PhaseKeeper
from gateway.pipeline import Pipeline
from gateway.session_setup import add_to_wire, build_sessions, orders_without_owner
from gateway.sessions import SessionBook
from gateway.start_up import SNAPSHOT_FOLDER, Started, start_up
from gateway.storage import Storage
from gateway.trading_days import trading_day_end
from gateway.wire import Wire
from matching import fault_points as fault_points_module
from matching import work as work_module
from matching.commands import Command
from matching.engine import Engine
from matching.journal import Ballast
from matching.journal import ballast as ballast_module
from matching.snapshot_files import write_snapshot
from tests.sim.checks import ReleaseWatch
from tests.sim.clock import SECOND_NS, SimClock
from tests.sim.configuration import CANCELED_ON_DISCONNECT
from tests.sim.disk import SimDisk
from tests.sim.fix import FindingError
from tests.sim.wire import SimWire

BALLAST_BYTES: Final = 4096
GIVE_UP_S: Final = 30.0
LOGOUT_TURNS: Final = 400
NO_LOGS: Final = 50
SMALL_BOUNDS: Final = (
    (resends_module, "ANEW_PER_TURN_MAX", 5),
    (resends_module, "ANEW_BYTES_MAX", 500),
    (resends_module, "SLICE_BYTES_MAX", 700),
    (resends_module, "ENDED_EPOCHS_MAX", 4),
    (drop_copy_module, "SLICE_REPORTS_MAX", 3),
    (drop_copy_module, "SLICE_BATCHES_MAX", 24),
    (drop_copy_module, "REPORTS_BESIDE_ORDERS_MAX", 2),
    (report_ranges_module, "EVENTS_PER_TURN_MAX", 120),
    (work_module, "ORDERS_PER_STEP_MAX", 2),
)
"""Bounds of the product that a simulated day would never reach otherwise."""


@contextlib.contextmanager
def simulated(clock: SimClock, disk: SimDisk) -> Iterator[None]:
    """Let the exchange's modules wait by the simulated clock, see the simulated disk's room, and say nothing."""
    logs = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(NO_LOGS))
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(storage_module, "time", clock)
            patch.setattr(pace_module, "time", clock)
            patch.setattr(fault_points_module, "_armed", [disk.pass_point])
            for module, bound, value in SMALL_BOUNDS:
                patch.setattr(module, bound, value)
            patch.setattr(ballast_module, "disk_free_bytes", disk.disk_free_bytes)
            yield
    finally:
        structlog.configure(**logs)


class Life:
    """The parts as gateway.server builds them, turned by the day."""

    def __init__(self, data_dir: Path, settings: Settings, clock: SimClock, disk: SimDisk) -> None:
        self.data_dir = data_dir
        self.clock = clock
        self.started: Started = start_up(settings, data_dir, clock)
        assert isinstance(self.started.engine, Engine), "the only shard is in this process"
        self.engine = self.started.engine
        self.journal = self.started.journal
        self.sessions: SessionBook = build_sessions(settings, self.started)
        self.wire = SimWire(clock, settings.exchange.io_threads, ReleaseWatch(self.journal))
        wire = cast("Wire", self.wire)
        add_to_wire(wire, settings, self.sessions, clock.now_ns() // 1_000_000_000)
        self.journal.faults = disk.pass_commit_step
        journal = settings.exchange.journal
        self.storage = Storage(
            self.journal,
            Ballast(data_dir / "ballast", BALLAST_BYTES),
            free_bytes_min=journal.disk_free_bytes_min,
            alarm_percent=journal.disk_alarm_percent,
            give_up_s=GIVE_UP_S,
        )
        self.pipeline = Pipeline(self.journal, self.sessions, settings.exchange.io_threads, disk.pass_point)
        self.exchange = Exchange(
            wire=wire,
            engine=self.engine,
            storage=self.storage,
            pipeline=self.pipeline,
            sessions=self.sessions,
            clock=clock,
            fault_point=disk.pass_point,
            bounds=settings.exchange.bounds,
            keeper=PhaseKeeper(settings.instruments),
            day_end=partial(trading_day_end, settings.exchange.trading_day),
        )
        self.exchange.begin_with(orders_without_owner(settings, self.started, self.sessions))
        self._futures: list[Future[Any]] = []
        self._has_turned = False
        self._ticked = 0

    def session_id(self, begin_string: str, comp_id: str) -> int:
        """Return the id of a configured session."""
        return self.wire.by_name[begin_string, comp_id].session_id

    def submit(self, operation: Callable[[], Any]) -> None:
        """Hand an operation to the matching thread; that it fails is a finding."""
        self._futures.append(self.exchange.submit(operation))

    def operate(self, command: Command) -> None:
        """Submit an operator's command."""
        self.submit(lambda: self.exchange.command(command))

    def tick(self) -> None:
        """Do what the clock makes due, as the exchange's timers do, at most once a second of the simulated time."""
        second = self.clock.now_ns() // SECOND_NS
        if second != self._ticked:
            self._ticked = second
            self.submit(self.exchange.expire_orders)
            self.submit(lambda: self.exchange.obey(self.exchange.phases_due()))

    def turn(self) -> None:
        """One turn of the exchange."""
        self.exchange.turn(0)
        if not self._has_turned:
            self._has_turned = True
            self._check_orders_of_the_disconnected()
        waiting, self._futures = self._futures, []
        for future in waiting:
            if not future.done():
                self._futures.append(future)
            elif (error := future.exception()) is not None:
                raise FindingError("operation", f"an operation failed: {error!r}")

    def _check_orders_of_the_disconnected(self) -> None:
        """After the first turn nothing is open of a session with CancelOnDisconnect but what is being canceled."""
        session = self.engine.sessions[self.session_id(*CANCELED_ON_DISCONNECT)]
        if session.open_count() and not self.engine.has_work:
            raise FindingError(
                "orders without owner",
                f"{session.name} is not connected and has {[each.order_id for each in session.open_orders()]}",
            )

    def stop(self, random: Random, read: Callable[[], None]) -> None:
        """Stop in order, as the server does: no new orders, Logout to all, all committed and sent."""
        self.wire.stop_accepting()
        self.submit(lambda: self.exchange.close_acceptance("Exchange is stopping"))
        for session in self.sessions:
            if session.logged_on:
                self.wire.logout(session.session_id, "Exchange is stopping")
        for _ in range(LOGOUT_TURNS):
            self._work(random, read)
            if not any(session.logged_on for session in self.sessions):
                break
        self.submit(self.exchange.stop)
        for _ in range(LOGOUT_TURNS):
            self._work(random, read)
            if self.pipeline.is_idle():
                break
        while self.wire.step(random):
            read()
        self.end()

    def _work(self, random: Random, read: Callable[[], None]) -> None:
        for _ in range(6):
            self.wire.step(random)
        self.wire.inbound_max = 1 << 30
        self.turn()
        read()
        self.clock.advance(1_000_000)

    def take_snapshot(self) -> None:
        """Write a snapshot of the state as it is, which nothing waits for: what the snapshot process comes to."""
        if not self.pipeline.pending:
            engine = self.engine
            folder = self.data_dir / SNAPSHOT_FOLDER
            write_snapshot(folder, self.journal.last, state_hash=engine.state_hash(), engine=engine.snapshot())

    def end(self) -> None:
        """The process is over: connections are cut, the journal's file is let go."""
        self.wire.die()
        self.journal.close()
