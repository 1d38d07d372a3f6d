"""The composition root: reads the configuration, brings back the state, builds the parts, starts and stops them. Holds
no logic.

Threads of the process: the main thread (event loop: signals, operator's socket, timers), the matching thread, two
admission threads, and the wire's own native threads. A second process follows the journal and writes snapshots.
"""

import asyncio
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import msgspec
import structlog
import uvloop

from config.faults import ConfigFaults
from config.settings import Settings, load
from gateway.admin import AdminError, AdminServer
from gateway.admission import Admission
from gateway.banner import print_banner
from gateway.credentials import Credentials
from gateway.descriptors import raise_descriptor_limit
from gateway.durable import DurableCommands
from gateway.exchange import Exchange, ExchangeEndedError
from gateway.fault_points import JOURNAL_PREFIX, FaultPointError, fault_point, no_fault
from gateway.logs import configure_logs
from gateway.operations import Operations
from gateway.phase_keeper import PhaseKeeper
from gateway.pipeline import Pipeline
from gateway.relay import RelayEngine
from gateway.running_settings import RunningSettings
from gateway.session_setup import add_to_wire, admission_accounts, build_sessions, left_over, orders_without_owner
from gateway.sessions import SessionBook
from gateway.shard_keeper import ShardKeeper
from gateway.shard_market import ShardMarket
from gateway.shard_watch import ShardWatch
from gateway.snapshotter import Snapshotter
from gateway.start_up import (
    ENGINE_FACTORY,
    RELAY_FACTORY,
    Started,
    StartUpError,
    end_collections,
    is_sharded,
    start_up,
)
from gateway.stop_notices import STOP_TEXT, stop_text
from gateway.storage import COMMIT_GIVE_UP_S, Storage
from gateway.timers import Timers
from gateway.trading_days import trading_day_end
from gateway.wire import Wire
from gateway.wire_setup import build_wire, start_message_log, tls_arguments
from matching.clock import SystemClock
from matching.journal import Ballast, JournalError
from matching.recovery import RecoveryError
from matching.shard import ShardPinError, ShardThread, start_shard

EXIT_OK: Final = 0
EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2
LOGOUT_WAIT_S: Final = 3.0

log = structlog.get_logger("server")


def serve(config_dir: Path, data_dir: Path, *, fault: str = "") -> int:
    """Run the exchange until SIGTERM or SIGINT; return the exit code.

    0: stopped in order. 1: it could not start or had to end. 2: the configuration has faults; they stand on standard
    error.
    """
    if not __debug__:
        print("outcry: refuses to run with assertions switched off (python -O)", file=sys.stderr)
        return EXIT_USAGE
    try:
        settings = load(config_dir)
        shard_fault = fault if "/" in fault else ""
        passes = fault_point("" if shard_fault else fault)
    except ConfigFaults as error:
        for found in error.faults:
            print(found, file=sys.stderr)
        return EXIT_USAGE
    except FaultPointError as error:
        print(f"outcry: {error}", file=sys.stderr)
        return EXIT_USAGE
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        print(f"outcry: the data folder: {error}", file=sys.stderr)
        return EXIT_FAILED
    configure_logs(settings.exchange.logs, data_dir)
    for note in settings.notes:
        log.info("configuration", note=str(note))
    try:
        raise_descriptor_limit(settings)
        return uvloop.run(Server(settings, data_dir, passes, shard_fault).run())
    except ConfigFaults as error:
        for found in error.faults:
            print(found, file=sys.stderr)
        return EXIT_USAGE
    except (JournalError, RecoveryError, StartUpError, ShardPinError, AdminError, OSError) as error:
        log.error("exchange ended", error=str(error))
        print(f"outcry: {error}", file=sys.stderr)
        return EXIT_FAILED


class Server:
    """All parts of one exchange process, and the order in which they start and stop. Owner: the main thread."""

    def __init__(
        self, settings: Settings, data_dir: Path, passes: Callable[[str], None], shard_fault: str = ""
    ) -> None:
        self._settings = settings
        self._running = RunningSettings(settings)
        self._data_dir = data_dir
        self._passes = passes
        self._shard_fault = shard_fault
        self._clock = SystemClock()
        self._failure: BaseException | None = None
        self._stop = asyncio.Event()
        self._stop_text = STOP_TEXT
        self._watch: ShardWatch | None = None
        self._logon_numbers: dict[int, int] = {}

    async def run(self) -> int:
        """Start, serve, stop; return the exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        started = start_up(self._settings, self._data_dir, self._clock)
        end_collections()
        settings = self._settings.exchange
        sessions = build_sessions(self._settings, started)
        wire = build_wire(settings)
        ports = self._listen(wire)
        add_to_wire(wire, self._settings, sessions, self._clock.now_ns() // 1_000_000_000)
        exchange = self._build_exchange(wire, started, sessions)
        self._begin(exchange, started, sessions)
        admission = self._build_admission(wire, exchange, sessions, started)
        factory = RELAY_FACTORY if is_sharded(self._settings) else ENGINE_FACTORY
        snapshotter = Snapshotter(self._data_dir, settings.snapshot, factory)
        shard = self._start_matching(exchange, started, loop)
        timers = Timers(
            *(self._running, exchange, wire, sessions, started, snapshotter, self._clock, self._data_dir),
            self._stop_as_planned,
        )
        operations = Operations(
            running=self._running,
            admission=admission,
            fault_point=self._passes,
            data_dir=self._data_dir,
            exchange=exchange,
            wire=wire,
            sessions=sessions,
            shard=shard,
            snapshotter=snapshotter,
            started=started,
            stop=self._stop,
            clock=self._clock,
        )
        admin = AdminServer(self._data_dir / settings.admin.socket, operations.table())
        keeper = self._build_keeper(exchange)
        try:
            await admin.start()
            if keeper is not None:
                await self._start_shards(keeper)
            if not self._stop.is_set():
                admission.start()
                wire.start()
                snapshotter.start()
                timers.start()
                print_banner(self._settings, ports, started)
                print("ready", flush=True)
            await self._stop.wait()
        finally:
            timers.stop()
            await admin.stop()
            await self._stop_in_order(wire, exchange, sessions, shard)
            if keeper is not None:
                await keeper.stop()
            if self._watch is not None:
                self._watch.stop()
            admission.stop()
            snapshotter.stop()
            wire.stop(int(LOGOUT_WAIT_S * 1_000))
            started.journal.hand_over()
            started.journal.close()
        if self._failure is not None:
            log.error("matching thread ended", error=repr(self._failure))
            print(f"outcry: the matching thread ended: {self._failure!r}", file=sys.stderr)
            return EXIT_FAILED
        return EXIT_OK

    def _listen(self, wire: Wire) -> list[int]:
        """Open the listeners, and the log of messages where there is one; return their ports."""
        settings = self._settings.exchange
        if settings.logs.fix_messages:
            start_message_log(wire, self._data_dir, settings.logs)
        try:
            return [wire.listen(each.host, each.port, tls_arguments(each.tls)) for each in settings.listeners]
        except RuntimeError as error:
            # The wire names the address and what the system says of it: another program has the port, as a rule.
            raise StartUpError(str(error)) from error

    def _begin(self, exchange: Exchange, started: Started, sessions: SessionBook) -> None:
        """Have the first turn do what is due at a start."""
        now_ns = self._clock.now_ns()
        if not is_sharded(self._settings):
            phases = exchange.keeper.due(started.engine.instruments, now_ns)
            exchange.begin_with([*phases, *orders_without_owner(self._settings, started, sessions)])
        exchange.begin_with(left_over(started.engine, now_ns))

    def _build_admission(self, wire: Wire, exchange: Exchange, sessions: SessionBook, started: Started) -> Admission:
        return Admission(
            wire,
            admission_accounts(self._settings, sessions),
            self._settings.exchange.logon,
            self._logon_numbers,
            credentials=Credentials(started.engine.users.passwords, DurableCommands(exchange)),
            proofs=exchange.users.proofs,
        )

    def _build_keeper(self, exchange: Exchange) -> ShardKeeper | None:
        if not is_sharded(self._settings):
            return None
        return ShardKeeper(self._settings, self._data_dir, exchange, self._shard_fault)

    async def _start_shards(self, keeper: ShardKeeper) -> None:
        """Start the shards' processes and let those that can come up; the others are tried again for ever.

        Returns at once when the exchange is to stop; its end is looked at by `run` alone.
        """
        assert self._watch is not None, "a market of shards has a watch"
        self._watch.start()
        await keeper.start()
        up = asyncio.ensure_future(keeper.are_up())
        stop = asyncio.ensure_future(self._stop.wait())
        await asyncio.wait((up, stop), return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if not up.done():
            up.cancel()
        elif up.exception() is not None:
            if not isinstance(up.exception(), ExchangeEndedError):
                up.result()
            # The matching thread has ended, and has said why, or is about to.
            await self._stop.wait()
        else:
            for name in up.result():
                log.error("a shard is not up; orders for it are refused until it is", shard=name)

    def _build_market(self, wire: Wire, started: Started, sessions: SessionBook) -> ShardMarket | None:
        if not isinstance(started.engine, RelayEngine):
            return None
        self._watch = ShardWatch(wire.wake)
        shard_of_symbol = {instrument.symbol: instrument.shard for instrument in self._settings.instruments}
        return ShardMarket(
            started.engine,
            sessions,
            shard_of_symbol,
            self._watch,
            logon_numbers=self._logon_numbers,
            clock=self._clock,
            fault_point=self._passes,
        )

    def _build_exchange(self, wire: Wire, started: Started, sessions: SessionBook) -> Exchange:
        settings = self._settings.exchange
        ballast = Ballast(self._data_dir / "ballast", settings.journal.ballast_bytes)
        storage = Storage(
            started.journal,
            ballast,
            free_bytes_min=settings.journal.disk_free_bytes_min,
            alarm_percent=settings.journal.disk_alarm_percent,
            give_up_s=COMMIT_GIVE_UP_S,
        )
        if self._passes is not no_fault:
            started.journal.faults = lambda name: self._passes(JOURNAL_PREFIX + name)
        pipeline = Pipeline(started.journal, sessions, settings.io_threads, self._passes)
        return Exchange(
            wire=wire,
            engine=started.engine,
            storage=storage,
            pipeline=pipeline,
            sessions=sessions,
            clock=self._clock,
            fault_point=self._passes,
            bounds=settings.bounds,
            keeper=PhaseKeeper(self._settings.instruments),
            day_end=partial(trading_day_end, settings.trading_day),
            market=self._build_market(wire, started, sessions),
        )

    def _start_matching(self, exchange: Exchange, started: Started, loop: asyncio.AbstractEventLoop) -> ShardThread:
        shard = self._settings.exchange.shards[0]
        if is_sharded(self._settings):
            # The cores are the shards'.
            shard = msgspec.structs.replace(shard, name="gateway", core=None)
        started.journal.hand_over()

        def failed(error: BaseException) -> None:
            self._failure = error
            loop.call_soon_threadsafe(self._stop.set)

        return start_shard(shard.name, shard.core, exchange.run, failed)

    async def _close_acceptance(self, exchange: Exchange) -> None:
        closing = asyncio.wrap_future(exchange.submit(lambda: exchange.close_acceptance(STOP_TEXT)))
        try:
            await asyncio.wait_for(closing, LOGOUT_WAIT_S)
        except (TimeoutError, ExchangeEndedError) as error:
            log.error("new orders could not be refused before the stop", error=repr(error))

    def _stop_as_planned(self, text: str) -> None:
        self._stop_text = stop_text(text)
        self._stop.set()

    async def _stop_in_order(self, wire: Wire, exchange: Exchange, sessions: SessionBook, shard: ShardThread) -> None:
        """No new orders, Logout to all, everything committed and sent, then the matching thread ends."""
        wire.stop_accepting()
        if self._failure is None and shard.is_alive():
            await self._close_acceptance(exchange)
            for session in sessions:
                if session.logged_on:
                    wire.logout(session.session_id, self._stop_text)
            until = time.monotonic() + LOGOUT_WAIT_S
            while any(session.logged_on for session in sessions) and time.monotonic() < until:
                await asyncio.sleep(0.02)
            exchange.submit(exchange.stop)
        await asyncio.to_thread(shard.join)
