"""What happens by the clock: the end of the trading day, trading phases, expiry of orders, schedule windows, retention,
watching over the snapshot process.

Owner: the main thread's event loop. A timer never changes the market itself: it submits a journaled command.
"""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

import structlog

from config.exchange import TradingDaySettings
from config.time_zones import zone_of
from gateway.exchange import PHASES_PER_BATCH_MAX, Exchange
from gateway.running_settings import RunningSettings
from gateway.session_setup import set_windows
from gateway.sessions import SessionBook
from gateway.snapshotter import Snapshotter
from gateway.start_up import Started, snapshot_folder
from gateway.wire import Wire
from matching.clock import Clock
from matching.commands import EndTradingDay
from matching.retention import retention_bound

SECOND_NS: Final = 1_000_000_000
WATCH_SECONDS: Final = 1.0
WINDOWS_SECONDS: Final = 3_600
RETENTION_SECONDS: Final = 600

log = structlog.get_logger("timers")


def trading_day_at(settings: TradingDaySettings, now_ns: int) -> int:
    """Return the trading day (YYYYMMDD) of a moment: the local date on which the day that is running ends."""
    local = datetime.fromtimestamp(now_ns // SECOND_NS, UTC).astimezone(zone_of(settings.time_zone))
    into_day = local.hour * 3_600 + local.minute * 60 + local.second
    day = local.date() if into_day < settings.end_time else local.date() + timedelta(days=1)
    return day.year * 10_000 + day.month * 100 + day.day


class Timers:
    """One task that looks at the clock every second."""

    def __init__(
        self,
        running: RunningSettings,
        exchange: Exchange,
        wire: Wire,
        sessions: SessionBook,
        started: Started,
        snapshotter: Snapshotter,
        clock: Clock,
        data_dir: Path,
        stop: Callable[[str], None],
    ) -> None:
        self._settings = running.settings
        self._running = running
        self._exchange = exchange
        self._wire = wire
        self._sessions = sessions
        self._journal = started.journal
        self._recovered_ns = started.recovered_ns
        self._snapshotter = snapshotter
        self._clock = clock
        self._snapshots = snapshot_folder(data_dir)
        self._stop_exchange = stop
        self._task: asyncio.Task[None] | None = None
        self._windows_at = 0
        self._retention_at = 0

    def start(self) -> None:
        """Begin to watch the clock, from the trading day in which the last command of the journal lies."""
        if self._recovered_ns:
            self._exchange.trading_day = trading_day_at(self._settings.exchange.trading_day, self._recovered_ns)
        self._windows_at = self._clock.now_ns() + WINDOWS_SECONDS * SECOND_NS
        self._retention_at = self._clock.now_ns() + RETENTION_SECONDS * SECOND_NS
        self._task = asyncio.get_running_loop().create_task(self._run())

    def stop(self) -> None:
        """End the task."""
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        while True:
            try:
                await self._tick()
            except Exception:
                log.exception("a timer failed")
            await asyncio.sleep(WATCH_SECONDS)

    async def _tick(self) -> None:
        now_ns = self._clock.now_ns()
        self._snapshotter.watch()
        if self._settings.exchange.durability == "async":
            self._exchange.submit(self._journal.flush)
        self._exchange.submit(self._exchange.expire_orders)
        await self._keep_planned_stop()
        await self._end_trading_day(now_ns)
        await self._keep_phases()
        if now_ns >= self._windows_at:
            self._windows_at = now_ns + WINDOWS_SECONDS * SECOND_NS
            self._renew_windows(now_ns // SECOND_NS)
        if now_ns >= self._retention_at:
            self._retention_at = now_ns + RETENTION_SECONDS * SECOND_NS
            await self._retain(now_ns)

    async def _keep_planned_stop(self) -> None:
        text = await asyncio.wrap_future(self._exchange.submit(self._exchange.keep_planned_stop))
        if text is not None:
            log.info("the planned stop is due", text=text)
            self._stop_exchange(text)

    async def _end_trading_day(self, now_ns: int) -> None:
        """Journal the end of the trading day once it is over; after a start on a later day, at once."""
        today = trading_day_at(self._settings.exchange.trading_day, now_ns)
        running = self._exchange.trading_day
        if running and today > running:
            log.info("trading day ends", trading_day=running)
            await asyncio.wrap_future(self._exchange.submit(lambda: self._exchange.command(EndTradingDay(running))))
        if today != running:
            self._exchange.trading_day = today

    async def _keep_phases(self) -> None:
        """Do what is due in the instruments' phases, in batches between which others trade."""
        due = await asyncio.wrap_future(self._exchange.submit(self._exchange.phases_due))
        for begin in range(0, len(due), PHASES_PER_BATCH_MAX):
            commands = due[begin : begin + PHASES_PER_BATCH_MAX]
            await asyncio.wrap_future(self._exchange.submit(partial(self._exchange.obey, commands)))

    def _renew_windows(self, now_s: int) -> None:
        for session in self._running.settings.sessions:
            gateway_session = self._sessions.by_name(session.name)
            if gateway_session is not None:
                # One that is just being added or removed is told by whoever does it.
                with contextlib.suppress(ValueError):
                    set_windows(self._wire, session, gateway_session.session_id, now_s)

    async def _retain(self, now_ns: int) -> None:
        """Delete what is older than the retention, never what a snapshot or a session still needs."""
        before_ns = now_ns - self._settings.exchange.journal.retention_days * 86_400 * SECOND_NS
        bound = await asyncio.to_thread(retention_bound, self._journal, self._snapshots, keep_from_ns=before_ns)
        while await asyncio.wrap_future(self._exchange.submit(lambda: self._journal.retain(bound))):
            await asyncio.sleep(0)
