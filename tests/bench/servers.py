"""The two servers that are measured against each other: the prototype of the experiments, and the exchange."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from tests.bench.machine import ROOT
from tests.support.exchange import ExchangeProcess, replace_in, wait_until_listening
from tests.support.shards import kill_shards

EXPERIMENTS: Final = ROOT.parent / "shared" / "experiments"
CACHE: Final = ROOT / ".cache"
QUICKFIX: Final = CACHE / "quickfix" / "quickfix-1.16.0"
PROTOTYPE_PORT: Final = 5001
START_SECONDS: Final = 120.0
LOAD_SECONDS: Final = 600.0


def cpu_seconds(pid: int) -> float:
    """Return the time that all threads of a process have had on a core."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class PrototypeUnavailableError(Exception):
    """The prototype cannot be run here; says why."""


def run_load(port: int, kind: str, *options: str) -> dict[str, Any]:
    """Run the load generator in a process of its own and return its result."""
    command = [sys.executable, "-m", "tests.bench.load", kind, "--port", str(port), *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LOAD_SECONDS, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}\n{done.stderr}")
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def build_prototype(given: str | None) -> Path:
    """Return the folder of the prototype's extension, built once into .cache.

    Raises:
        PrototypeUnavailableError: neither the experiments nor a build of them is here.
    """
    if given:
        return Path(given)
    if not (EXPERIMENTS / "server_prototype.py").exists():
        raise PrototypeUnavailableError(f"{EXPERIMENTS} is not here")
    build = CACHE / "prototype" / "build"
    if not list(build.glob("wire*.so")):
        if not (QUICKFIX / "C++").exists():
            raise PrototypeUnavailableError(f"{QUICKFIX} is not here: run `make setup` first")
        print("building the prototype of the experiments (about two minutes, once)", flush=True)
        arguments = [f"-DQUICKFIX={QUICKFIX}", f"-DPython_EXECUTABLE={sys.executable}", "-DCMAKE_BUILD_TYPE=Release"]
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        for command in (
            ["cmake", "-S", str(EXPERIMENTS), "-B", str(build), "-G", "Ninja", *arguments],
            ["ninja", "-C", str(build)],
        ):
            environment = {**os.environ, "PATH": path}
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise PrototypeUnavailableError(f"{' '.join(command)}\n{done.stdout[-2_000:]}{done.stderr[-2_000:]}")
    return build


class Prototype:
    """The experiments' server: one session, trivial risk, staged commits. One at a time: its port is fixed."""

    name: Final = "prototype"

    def __init__(self, build: Path, work: Path) -> None:
        self._build = build
        self._work = work
        self._process: subprocess.Popen[str] | None = None
        self._log = work / "prototype.log"
        self.port = PROTOTYPE_PORT
        work.mkdir(parents=True, exist_ok=True)
        shutil.copy(QUICKFIX / "spec" / "FIX44.xml", work / "FIX44.xml")
        text = (EXPERIMENTS / "acceptor.cfg").read_text(encoding="utf-8")
        text = text.replace("SenderCompID=EXCH", "SenderCompID=OUTCRY").replace("CLIENT1", "TRADER1")
        (work / "acceptor.cfg").write_text(text, encoding="utf-8")

    @contextlib.contextmanager
    def running(self, durability: str) -> Iterator["Prototype"]:
        """Run it with fsync or async commits."""
        mode = {"fsync": "sync", "async": "nosync"}[durability]
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [sys.executable, str(EXPERIMENTS / "server_prototype.py"), "acceptor.cfg", mode],
                cwd=self._work,
                env={**os.environ, "PYTHONPATH": str(self._build)},
                stdout=log,
                stderr=log,
                text=True,
            )
        try:
            wait_until_listening(("127.0.0.1", PROTOTYPE_PORT), START_SECONDS)
            yield self
        finally:
            self._process.kill()
            self._process.wait()

    def python_us_per_order(self, orders: int) -> float:
        """Return the Python time per order after `orders` orders, as the prototype prints it every two seconds."""
        pattern = re.compile(r"orders (\d+) .* per order ([\d.]+)us")
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            found = pattern.findall(self._log.read_text(encoding="utf-8"))
            if found and int(found[-1][0]) >= orders:
                return float(found[-1][1])
            time.sleep(0.2)
        return float("nan")


class Ours:
    """The exchange on its shipped configuration, on fresh data for every run."""

    name: Final = "outcry"

    def __init__(self, work: Path) -> None:
        self._work = work
        self._count = 0
        self.exchange: ExchangeProcess

    @contextlib.contextmanager
    def running(
        self,
        durability: str,
        *,
        sessions: int = 0,
        drop_copies: int = 0,
        replacements: Sequence[tuple[str, str]] = (),
        configuration: str = ".",
    ) -> Iterator["Ours"]:
        """Run it on fresh data; `sessions` adds LOAD000 ..., `drop_copies` COPY000 ..., `replacements` change
        exchange.toml, `configuration` is a folder in the shipped one.
        """
        self._count += 1
        base = self._work / f"exchange{self._count}"
        base.mkdir(parents=True)
        self.exchange = ExchangeProcess(base, configuration=configuration)
        path = self.exchange.config_dir / "exchange.toml"
        if durability != "fsync":
            replace_in(path, 'durability = "fsync"', f'durability = "{durability}"')
        for old, new in replacements:
            replace_in(path, old, new)
        file = self.exchange.sessions()
        for number in range(sessions):
            file.clone("TRADER1", "FIX.4.4", f"LOAD{number:03d}")
        for number in range(drop_copies):
            file.clone("DROP1", "FIX.4.4", f"COPY{number:03d}")
        file.write()
        try:
            self.exchange.start(seconds=START_SECONDS)
            yield self
        finally:
            self.exchange.kill()
            kill_shards(self.exchange)
            shutil.rmtree(base, ignore_errors=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return self.exchange.port

    def status(self) -> dict[str, Any]:
        """Return what `outcry status --json` says."""
        done = self.exchange.run("status", "--data", str(self.exchange.data_dir), "--json")
        if done.returncode != 0:
            raise RuntimeError(f"outcry status: {done.stderr}")
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def python_us_per_order(self, _orders: int) -> float:
        """Return the time of the matching thread per order, as the exchange itself measures it."""
        found = _find(self.status(), "busy_ns_per_order")
        return float("nan") if found is None else float(found) / 1_000


def _find(value: object, key: str) -> Any:
    """Return the first value of `key` at any depth."""
    if isinstance(value, dict):
        if key in value:
            return value[key]
        value = list(value.values())
    if isinstance(value, list):
        return next((found for one in value if (found := _find(one, key)) is not None), None)
    return None
