"""Starts the shards' processes, connects to them, and starts them again when they end. Owner: the main thread's event
loop.

A shard that outlived an earlier gateway is taken over as it is: its socket answers.
"""

import asyncio
import contextlib
import os
import select
import signal
import socket
import struct
import subprocess
import sys
from pathlib import Path
from typing import Final

import structlog

from config.settings import Settings
from config.shards import leave_settings
from gateway.exchange import Exchange, ExchangeEndedError
from gateway.shard_process import SOCKET_NAME

SHARDS_FOLDER: Final = "shards"
LOOK_SECONDS: Final = 0.1
SETTINGS_NAME: Final = ".settings.json"
"""No shard can have this name, which begins with neither letter nor digit."""
START_SECONDS: Final = 60.0
START_GRACE_SECONDS: Final = 5.0
BROKEN_ENDS: Final = 2
"""One end is not enough: an earlier gateway's process may still be recovering, and has the journal to itself."""
CONNECT_SECONDS_MAX: Final = 5.0
CONNECT_AGAIN_SECONDS: Final = 0.5
START_AGAIN_SECONDS: Final = 1.0
STOP_SECONDS: Final = 10.0
_CREDENTIALS: Final = struct.Struct("3i")
"""Process, user and group of the other end of a local socket."""

log = structlog.get_logger("shards")


class ShardKeeper:
    """One process and one connection for each shard."""

    def __init__(self, settings: Settings, data_dir: Path, exchange: Exchange, fault: str = "") -> None:
        self._settings = settings
        self._folder = data_dir / SHARDS_FOLDER
        self._exchange = exchange
        self._names = names = [shard.name for shard in settings.exchange.shards]
        self._fault_shard, _, self._fault = fault.partition("/")
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._pids: dict[str, int] = {}
        self._started_at: dict[str, float] = {}
        self._connected_at: dict[str, float] = {}
        self._task: asyncio.Task[None] | None = None
        self.restarts = dict.fromkeys(names, 0)

    async def start(self) -> None:
        """Begin to keep the shards."""
        for name in self._names:
            (self._folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        leave_settings(self._settings, self._folder / SETTINGS_NAME)
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def are_up(self) -> list[str]:
        """Return when every shard is up, or when those that are not must not keep members out any longer; return those.

        A shard whose process has ended BROKEN_ENDS times is not waited for, nor is one that is not up
        START_GRACE_SECONDS after the last of the others. While none is up there is nobody to keep out: then they have
        START_SECONDS.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + START_SECONDS
        known = len(self._names)
        while True:
            down = [name for name, _ in await self._down()]
            if len(down) < known:
                known = len(down)
                until = loop.time() + START_GRACE_SECONDS
            if loop.time() > until or all(self.restarts[name] >= BROKEN_ENDS for name in down):
                return down
            await asyncio.sleep(LOOK_SECONDS)

    async def stop(self) -> None:
        """End all shards in order."""
        if self._task is not None:
            self._task.cancel()
            # A process that is being started at this moment is there, and known, when the task has ended.
            await asyncio.wait([self._task])
        await asyncio.gather(*(asyncio.to_thread(self._end, name) for name in self._names))

    def _kill(self, name: str) -> None:
        """End a shard that says nothing any more; it is started again as any that has ended."""
        pid = self._pid(name)
        if pid:
            log.error("shard is silent and is killed", shard=name, pid=pid)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _pid(self, name: str) -> int:
        """Return the process id of a shard that we started and is there, or that we have connected to; 0 for none."""
        process = self._processes.get(name)
        if process is not None and process.poll() is None:
            return process.pid
        return self._pids.get(name, 0)

    def _end(self, name: str) -> None:
        """End one shard, whoever started it; by force where it does not end in time."""
        process = self._processes.get(name)
        pid = self._pid(name)
        try:
            ended = os.pidfd_open(pid) if pid else -1
        except ProcessLookupError:
            return
        if ended < 0:
            return
        try:
            signal.pidfd_send_signal(ended, signal.SIGTERM)
            if not select.select([ended], [], [], STOP_SECONDS)[0]:
                log.error("shard did not end in time", shard=name)
                signal.pidfd_send_signal(ended, signal.SIGKILL)
                select.select([ended], [], [])
            if process is not None:
                process.wait()
        except ProcessLookupError:
            return
        finally:
            os.close(ended)

    async def _down(self) -> list[tuple[str, bool]]:
        down = await asyncio.wrap_future(self._exchange.submit(self._exchange.shards_down))
        return [(name, is_connected) for name, is_connected in down if name in self._names]

    async def _run(self) -> None:
        while True:
            try:
                for name, is_connected in await self._down():
                    if not is_connected:
                        await self._bring_back(name)
                for name in await asyncio.wrap_future(self._exchange.submit(self._exchange.shards_hung)):
                    self._kill(name)
            except ExchangeEndedError:
                return
            except Exception:
                log.exception("looking after the shards failed")
            await asyncio.sleep(LOOK_SECONDS)

    async def _bring_back(self, name: str) -> None:
        """Connect to a shard; start its process where there is none."""
        now = asyncio.get_running_loop().time()
        if now - self._connected_at.get(name, -CONNECT_AGAIN_SECONDS) < CONNECT_AGAIN_SECONDS:
            return
        connection = await self._connected(name)
        if connection is not None:
            self._connected_at[name] = now
            await asyncio.wrap_future(self._exchange.submit(lambda: self._exchange.connect_shard(name, connection)))
            return
        process = self._processes.get(name)
        if process is not None:
            if process.poll() is None:
                return
            if now - self._started_at[name] < START_AGAIN_SECONDS:
                return
            log.error("shard ended", shard=name, exit_code=process.returncode)
            self.restarts[name] += 1
        self._started_at[name] = now
        self._processes[name] = self._spawn(name)

    async def _connected(self, name: str) -> socket.socket | None:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.setblocking(False)
        try:
            path = os.fspath(self._folder / name / SOCKET_NAME)
            await asyncio.wait_for(asyncio.get_running_loop().sock_connect(connection, path), CONNECT_SECONDS_MAX)
        except (OSError, TimeoutError) as error:
            connection.close()
            if isinstance(error, ConnectionRefusedError | FileNotFoundError):
                # Nobody listens: the process that did has ended, and its number may be another's by now.
                self._pids.pop(name, None)
            return None
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        self._pids[name] = _CREDENTIALS.unpack(credentials)[0]
        return connection

    def _spawn(self, name: str) -> subprocess.Popen[bytes]:
        folder = self._folder / name
        arguments = [
            "--settings",
            os.fspath(self._folder / SETTINGS_NAME),
            "--data",
            os.fspath(folder),
            "--shard",
            name,
        ]
        if name == self._fault_shard and not self.restarts[name]:
            arguments += ["--fault-point", self._fault]
        log.info("shard starts", shard=name)
        with (folder / "output.log").open("ab") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "gateway.shard_process", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
