"""A throw-away exchange: the real one, in a process and folders of its own, configured for a certification."""

import contextlib
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from config.passwords import hash_password
from gateway.inbound import Role
from gateway.sessions import FIX44, VERSION_OF_BEGIN_STRING, Version

MAKER: Final = "CERTMAKER"
TRADER: Final = "CERTTRADER"
"""Sessions of the certification itself: the other side of fills, and a second one of the member's own account."""
TARGET: Final = "OUTCRY"
ACCOUNT: Final = "CERT1"
MAKER_ACCOUNT: Final = "CERT2"
SYMBOL: Final = "AAPL"
HEART_S_MIN: Final = 1
START_S: Final = 60.0
STOP_S: Final = 20.0
BEGIN_STRINGS: Final[Mapping[Version, str]] = {
    version: begin_string for begin_string, version in VERSION_OF_BEGIN_STRING.items()
}
ROLE_SUFFIX: Final[Mapping[Role, str]] = {"order_entry": "", "drop_copy": "-DROP", "market_data": "-DATA"}

_EXCHANGE: Final = """durability = "fsync"
io_threads = 1
[[listener]]
name = "plain"
host = "127.0.0.1"
port = {port}
[[shard]]
name = "main"
core = "none"
[trading_day]
end_time = "00:00:00"
time_zone = "UTC"
[logon]
failures_max = 1000
[journal]
map_gib = 16
ballast_bytes = 1048576
disk_free_bytes_min = 16777216
"""
_INSTRUMENT: Final = """[[instrument]]
symbol = "{symbol}"
kind = "spot"
currency = "USD"
tick = "0.01"
lot = "1"
reference_price = "{price}"
band_percent = "50"
shard = "main"
"""
_ACCOUNT: Final = """[[account]]
name = "{name}"
firm = "{name}"
opening = {{ USD = "10000000000", AAPL = "100000000", MSFT = "100000000" }}
"""
_DEFAULT: Final = """[DEFAULT]
ConnectionType=acceptor
SenderCompID={target}
DefaultApplVerID=FIX.5.0SP2
NonStopSession=Y
Authentication=password
HeartBtIntMin={heart_min}
HeartBtIntMax=60
CheckLatency=Y
MaxLatency=120
"""


class Member(NamedTuple):
    """Who is certified: his CompID, and the password of all his sessions."""

    comp_id: str
    password: str

    def session(self, role: Role) -> str:
        """The CompID of his session of a role."""
        return self.comp_id + ROLE_SUFFIX[role]


class ExchangeFailedError(Exception):
    """The throw-away exchange did not come up; the text is what it said."""


def free_port() -> int:
    """A port of loopback that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class ThrowAwayExchange:
    """`outcry serve` on loopback with empty folders, which are gone after `stop`."""

    def __init__(self, member: Member, port: int, *, keys: Mapping[str, str]) -> None:
        self.address = ("127.0.0.1", port)
        self._folder = Path(tempfile.mkdtemp(prefix="outcry-certify-"))
        self.data = self._folder / "data"
        self._process: subprocess.Popen[str] | None = None
        _write_configuration(self._folder / "config", member, port, keys)

    def start(self) -> None:
        """Start it and wait until it is ready.

        Raises:
            ExchangeFailedError: it ended before, or said nothing in time.
        """
        program = "import sys; from gateway.cli import main; sys.exit(main())"
        arguments = ["serve", "--config", str(self._folder / "config"), "--data", str(self.data)]
        with (self._folder / "errors.log").open("w") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-c", program, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("ready"):
                return
        said = (self._folder / "errors.log").read_text("utf-8", "replace")[-2_000:]
        self.stop()
        raise ExchangeFailedError(f"the exchange for the certification did not start: {said}")

    def stop(self) -> None:
        """End it and remove its folders."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self._folder)


def clear_book(operate: Callable[[str, dict[str, Any]], Any]) -> None:
    """Cancel every open order of the certification, by the kill switch, which is released again."""
    for account in (ACCOUNT, MAKER_ACCOUNT):
        for engaged in (True, False):
            why = {"reason": "a certification begins", "by": "certify", "engaged": engaged}
            operate("kill_switch", {"scope": "account", "target": account, **why})


def _write_configuration(folder: Path, member: Member, port: int, keys: Mapping[str, str]) -> None:
    folder.mkdir(parents=True)
    symbols = ((SYMBOL, "585.00"), ("MSFT", "30.00"))
    files = {
        "exchange.toml": _EXCHANGE.format(port=port),
        "instruments.toml": "".join(_INSTRUMENT.format(symbol=symbol, price=price) for symbol, price in symbols),
        "accounts.toml": "".join(_ACCOUNT.format(name=name) for name in (ACCOUNT, MAKER_ACCOUNT)),
        "sessions.cfg": _sessions(member, keys),
        "passwords": "".join(
            f"{user}:{hash_password(password)}\n"
            for user, password in (
                *((member.session(role), member.password) for role in ROLE_SUFFIX),
                (MAKER, member.password),
                (TRADER, member.password),
            )
        ),
    }
    for name, text in files.items():
        path = folder / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)


def _sessions(member: Member, keys: Mapping[str, str]) -> str:
    parts = [_DEFAULT.format(target=TARGET, heart_min=HEART_S_MIN)]
    more = [f"{key}={value}" for key, value in keys.items()]
    for role in ROLE_SUFFIX:
        for begin_string in BEGIN_STRINGS.values():
            accounts = [] if role == "market_data" else [f"Accounts={ACCOUNT}"]
            parts.append(_session(begin_string, member.session(role), role, [*accounts, *more]))
    parts.append(_session(BEGIN_STRINGS[FIX44], MAKER, "order_entry", [f"Accounts={MAKER_ACCOUNT}"]))
    parts.append(_session(BEGIN_STRINGS[FIX44], TRADER, "order_entry", [f"Accounts={ACCOUNT}"]))
    return "\n".join(parts)


def _session(begin_string: str, comp_id: str, role: Role, more: list[str]) -> str:
    lines = ["[SESSION]", f"BeginString={begin_string}", f"TargetCompID={comp_id}", f"Role={role}", *more, ""]
    return "\n".join(lines)
