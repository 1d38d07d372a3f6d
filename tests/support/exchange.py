"""The real exchange as a process under test: configuration of its own, free ports, start, stop, kill and restart.

Owner: one test. Nothing here looks into the exchange; what it says is its sockets, its output and its exit code.
"""

import contextlib
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Final

from tests.support.fix_peer import FixPeer

ROOT: Final = Path(__file__).resolve().parents[2]
SHIPPED_CONFIG: Final = ROOT / "config"
SHIPPED_PORTS: Final = ("9878", "9879")
READY_SECONDS: Final = 60.0
STOP_SECONDS: Final = 30.0
FIRST_PORT: Final = 12_000
FIRST_EPHEMERAL_PORT: Final = 32_000
NumberKey = tuple[str, str]

WORKERS_MAX: Final = 8
"""Processes of one test run, each with ports of its own."""
PORTS_REMEMBERED: Final = 1_000

_PORTS: Final = random.SystemRandom()
_TAKEN: Final[deque[int]] = deque(maxlen=PORTS_REMEMBERED)


def ports_of(worker: str) -> range:
    """Return the ports for the exchanges of one process of a test run: gw0, gw1 and so on; alone it has no name.

    They lie below the range from which the system takes the ports of outgoing connections: one of those, still in its
    time of waiting, would make the listener fail.
    """
    width = (FIRST_EPHEMERAL_PORT - FIRST_PORT) // WORKERS_MAX
    first = FIRST_PORT + int(worker.removeprefix("gw") or 0) % WORKERS_MAX * width
    return range(first, first + width)


def free_ports(count: int) -> list[int]:
    """Return TCP ports of 127.0.0.1 that nobody uses at this moment.

    An exchange that is down between a kill and its next start keeps its ports: no other one is given them.
    """
    ports = ports_of(os.environ.get("PYTEST_XDIST_WORKER", ""))
    chosen: list[int] = []
    while len(chosen) < count:
        port = _PORTS.choice(ports)
        if port in _TAKEN:
            continue
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            chosen.append(port)
            _TAKEN.append(port)
    return chosen


class SessionsFile:
    """sessions.cfg as sections of lines, so that a test can change keys without knowing the rest of the file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.sections: list[list[str]] = [[]]
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.strip().startswith("["):
                self.sections.append([])
            self.sections[-1].append(line)

    def section(self, comp_id: str, begin_string: str) -> list[str]:
        """Return the lines of the session of that TargetCompID and BeginString."""
        for lines in self.sections:
            if value_of(lines, "TargetCompID") == comp_id and value_of(lines, "BeginString") == begin_string:
                return lines
        raise LookupError(f"no session {begin_string} {comp_id} in {self._path}")

    def set(self, key: str, value: str, *, comp_id: str | None = None) -> None:
        """Set a key in [DEFAULT], or in every session of `comp_id`."""
        for lines in self.sections:
            heading = next((line.strip() for line in lines if line.strip().startswith("[")), "")
            chosen = heading == "[DEFAULT]" if comp_id is None else value_of(lines, "TargetCompID") == comp_id
            if chosen:
                lines[:] = [line for line in lines if line.partition("=")[0].strip() != key]
                place = 1 + next(number for number, line in enumerate(lines) if line.strip().startswith("["))
                lines.insert(place, f"{key}={value}")

    def clone(self, comp_id: str, begin_string: str, clone_comp_id: str) -> None:
        """Add a session that differs from an existing one in its TargetCompID alone: same user, same accounts."""
        lines = self.section(comp_id, begin_string)
        copy = [
            f"TargetCompID={clone_comp_id}" if line.partition("=")[0].strip() == "TargetCompID" else line
            for line in lines
        ]
        self.sections.append([*(line for line in copy if not line.strip().startswith("#")), f"Username={comp_id}"])

    def write(self) -> None:
        """Write the file back."""
        self._path.write_text("\n".join(line for lines in self.sections for line in lines) + "\n", encoding="utf-8")


def value_of(lines: Sequence[str], key: str) -> str | None:
    """Return the value of `key` in the lines of one section."""
    for line in lines:
        name, sign, value = line.partition("=")
        if sign and name.strip() == key:
            return value.strip()
    return None


def copy_config(target: Path, source: Path = SHIPPED_CONFIG) -> tuple[int, int]:
    """Copy the shipped configuration with two free ports of its own; return the plain port and the TLS port."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    ports = free_ports(len(SHIPPED_PORTS))
    for path in sorted(target.rglob("*")):
        if path.suffix in {".toml", ".cfg"}:
            path.write_text(with_ports(path.read_text(encoding="utf-8"), ports), encoding="utf-8")
    if not (target / "certs" / "server.crt").exists():
        subprocess.run([sys.executable, "-m", "gateway.certificates", str(target / "certs")], cwd=ROOT, check=True)
    return ports[0], ports[1]


def with_ports(text: str, ports: Sequence[int]) -> str:
    """Return a text with the shipped ports replaced, all at once: a port may have a shipped one's digits in it."""
    chosen = {shipped: str(port) for shipped, port in zip(SHIPPED_PORTS, ports, strict=True)}
    return re.sub("|".join(SHIPPED_PORTS), lambda match: chosen[match[0]], text)


def replace_in(path: Path, old: str, new: str) -> None:
    """Replace text that must stand in the file."""
    text = path.read_text(encoding="utf-8")
    if old not in text:
        raise LookupError(f"{old!r} is not in {path}")
    path.write_text(text.replace(old, new), encoding="utf-8")


def outcry_command(*arguments: str) -> list[str]:
    """Return the command line that runs `outcry`."""
    return [sys.executable, "-c", "import sys; from gateway.cli import main; sys.exit(main())", *arguments]


class ExchangeProcess:
    """`outcry serve` on a directory of its own: `base/config` and `base/data`.

    `configuration` is a folder in the shipped one, as `per-instrument`. `numbers` keeps both sides' MsgSeqNums of
    every session between connections, as the members' own stores would.
    """

    def __init__(
        self, base: Path, *, options: Sequence[str] = (), prefix: Sequence[str] = (), configuration: str = "."
    ) -> None:
        self.base = base
        self.config_dir = base / "config"
        self.data_dir = base / "data"
        self.options = tuple(options)
        self.prefix = tuple(prefix)
        self.environment: dict[str, str] = {}
        self.ready_line = ""
        self.numbers: dict[NumberKey, tuple[int, int]] = {}
        self._peers: list[FixPeer] = []
        self.output: list[str] = []
        self._process: subprocess.Popen[str] | None = None
        self._ready = threading.Event()
        self._reader: threading.Thread | None = None
        if self.config_dir.exists():
            raise FileExistsError(f"{self.config_dir}: a directory of its own was expected")
        self.port, self.tls_port = copy_config(self.config_dir)
        self.config_dir = self.config_dir / configuration

    @property
    def address(self) -> tuple[str, int]:
        """Where the exchange listens without TLS."""
        return ("127.0.0.1", self.port)

    @property
    def pid(self) -> int:
        """Process id of the running exchange."""
        assert self._process is not None, "not started"
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def sessions(self) -> SessionsFile:
        """Return sessions.cfg for changes; call its `write`."""
        return SessionsFile(self.config_dir / "sessions.cfg")

    def spawn(self, *, options: Sequence[str] = ()) -> None:
        """Start the process without waiting for it to be ready."""
        assert not self.is_running, "running already"
        self.output = []
        self.ready_line = ""
        self._ready = threading.Event()
        errors = (self.base / "stderr.log").open("ab")
        arguments = ("serve", "--config", str(self.config_dir), "--data", str(self.data_dir), *self.options, *options)
        self._process = subprocess.Popen(
            [*self.prefix, *outcry_command(*arguments)],
            cwd=ROOT,
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        errors.close()
        assert self._process.stdout is not None
        self._reader = threading.Thread(target=self._read, args=(self._process.stdout, self._ready), daemon=True)
        self._reader.start()

    def _read(self, stream: IO[str], ready: threading.Event) -> None:
        for line in stream:
            self.output.append(line.rstrip("\n"))
            if line.startswith("ready"):
                self.ready_line = line.rstrip("\n")
                ready.set()
        ready.set()

    def start(self, *, options: Sequence[str] = (), seconds: float = READY_SECONDS) -> None:
        """Start the process and wait for the line that begins `ready`."""
        self.spawn(options=options)
        self._ready.wait(seconds)
        if not self.ready_line:
            code = self._process.poll() if self._process is not None else None
            self.kill()
            raise AssertionError(f"no ready line, exit code {code}, output {self.output}, errors:\n{self.errors()}")

    def wait(self, seconds: float = STOP_SECONDS) -> int:
        """Wait for the process to end; return its exit code (negative: the signal that ended it)."""
        assert self._process is not None, "not started"
        code = self._process.wait(seconds)
        if self._reader is not None:
            self._reader.join(seconds)
        if self._process.stdout is not None:
            self._process.stdout.close()
        return code

    def terminate(self) -> int:
        """Send SIGTERM and return the exit code."""
        assert self._process is not None, "not started"
        self._process.send_signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        """kill -9; nothing happens when the process is gone already."""
        if self._process is not None:
            if self._process.poll() is None:
                self._process.kill()
            self.wait()

    def close(self) -> None:
        """kill -9, and cut the peers that `peer` has returned: for the end of a test, whatever state it left."""
        self.kill()
        for peer in self._peers:
            peer.cut()

    def errors(self, characters: int = 8_000) -> str:
        """Return the end of what the process wrote to standard error, over all starts."""
        path = self.base / "stderr.log"
        return path.read_text(encoding="utf-8", errors="replace")[-characters:] if path.exists() else ""

    def run(self, command: str, *arguments: str, seconds: float = 120.0) -> subprocess.CompletedProcess[str]:
        """Run another `outcry` command on the same configuration and data."""
        return subprocess.run(
            outcry_command(command, *arguments),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def verify(self) -> None:
        """Check the journal against a replay; the exchange must not be running."""
        assert not self.is_running, "verify wants the exchange stopped"
        result = self.run("verify", "--data", str(self.data_dir))
        assert result.returncode == 0, f"outcry verify: {result.returncode}\n{result.stdout}\n{result.stderr}"

    def peer(self, comp_id: str, begin_string: str = "FIX.4.4") -> FixPeer:
        """Return a peer for a session that goes on with the numbers that `remember` noted."""
        next_out, next_in = self.numbers.get((comp_id, begin_string), (1, 1))
        peer = FixPeer(self.address, begin_string, comp_id, next_out=next_out, next_in=next_in)
        self._peers.append(peer)
        return peer

    def remember(self, peer: FixPeer) -> None:
        """Note the numbers of a peer for its next connection."""
        self.numbers[peer.comp_id, peer.begin_string] = (peer.next_out, peer.next_in)

    def wipe(self) -> None:
        """Kill the exchange and forget all data; the configuration stays."""
        self.kill()
        shutil.rmtree(self.data_dir, ignore_errors=True)
        self.numbers.clear()


def set_keys(path: Path, head: str, assignments: Sequence[str]) -> None:
    """Set keys of the table that begins with `head`, in place of those that it has; without one, add lines at the end
    of the file.
    """
    text = path.read_text(encoding="utf-8")
    if not head:
        path.write_text(text + "\n".join(("", *assignments, "")), encoding="utf-8")
        return
    before, found, after = text.partition(head)
    if not found:
        raise LookupError(f"{head!r} is not in {path}")
    own, mark, rest = after.partition("\n[") if not after.startswith("[") else ("", "", after)
    keys = {assignment.partition("=")[0].strip() for assignment in assignments}
    kept = [line for line in own.splitlines() if line.partition("=")[0].strip() not in keys]
    path.write_text(before + head + "\n".join((*assignments, *kept, "")) + mark + rest, encoding="utf-8")


@contextlib.contextmanager
def running_exchange(
    base: Path,
    *,
    options: Sequence[str] = (),
    session_keys: Mapping[str, Mapping[str, str]] | None = None,
    instrument_keys: Mapping[str, Sequence[str]] | None = None,
    account_keys: Mapping[str, Sequence[str]] | None = None,
) -> Iterator[ExchangeProcess]:
    """Run an exchange on fresh data and kill it at the end.

    Args:
        base: an empty directory.
        options: more options of `outcry serve`.
        session_keys: keys of sessions.cfg to set, by TargetCompID ("" is [DEFAULT]).
        instrument_keys: keys to set in instruments.toml, by symbol.
        account_keys: keys to set in accounts.toml, by account name; those under "" are lines that follow at its end.
    """
    exchange = ExchangeProcess(base, options=options)
    for symbol, assignments in (instrument_keys or {}).items():
        set_keys(exchange.config_dir / "instruments.toml", f'[[instrument]]\nsymbol = "{symbol}"\n', assignments)
    for name, assignments in (account_keys or {}).items():
        set_keys(exchange.config_dir / "accounts.toml", f'[[account]]\nname = "{name}"\n' if name else "", assignments)
    if session_keys:
        file = exchange.sessions()
        for comp_id, keys in session_keys.items():
            for key, value in keys.items():
                file.set(key, value, comp_id=comp_id or None)
        file.write()
    try:
        exchange.start()
        yield exchange
    finally:
        exchange.close()


def wait_until_listening(address: tuple[str, int], seconds: float) -> float:
    """Connect again and again until somebody listens; return the seconds that took."""
    begun = time.monotonic()
    while time.monotonic() - begun < seconds:
        with contextlib.suppress(OSError), socket.create_connection(address, timeout=1.0):
            return time.monotonic() - begun
    raise AssertionError(f"nobody listens on {address} within {seconds} s")
