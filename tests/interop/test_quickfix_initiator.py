"""The QuickFIX initiator of the package index, with its stock dictionaries and validation on, in every version."""

import importlib.util
import json
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import pytest

from tests.interop.proxy import Proxy
from tests.support.exchange import ROOT, ExchangeProcess, running_exchange
from tests.support.fix_peer import FixPeer, unique_id, utc_timestamp

pytestmark = [pytest.mark.interop, pytest.mark.slow]

SPECIFICATIONS = ROOT / ".cache" / "quickfix" / "quickfix-1.16.0" / "spec"
OWN_ENVIRONMENT = ROOT / ".cache" / "interop-venv" / "bin" / "python"
VERSIONS = ("FIX.4.2", "FIX.4.4", "FIXT.1.1")
PATIENCE_SECONDS = 20.0
DICTIONARIES = {
    "FIX.4.2": "DataDictionary=FIX42.xml",
    "FIX.4.4": "DataDictionary=FIX44.xml",
    "FIXT.1.1": "TransportDataDictionary=FIXT11.xml\nAppDataDictionary=FIX50SP2.xml\nDefaultApplVerID=FIX.5.0SP2",
}
SETTINGS = """[DEFAULT]
ConnectionType=initiator
ReconnectInterval=1
StartTime=00:00:00
EndTime=00:00:00
HeartBtInt={heart}
UseDataDictionary=Y
ValidateUserDefinedFields=Y
ValidateFieldsHaveValues=Y
ValidateFieldsOutOfOrder=Y
FileStorePath={base}/store
SocketConnectHost=127.0.0.1
SocketConnectPort={port}
[SESSION]
BeginString={version}
SenderCompID={comp_id}
TargetCompID=OUTCRY
{dictionaries}
"""


def interpreter() -> str | None:
    """Return an interpreter that has the quickfix package."""
    if importlib.util.find_spec("quickfix") is not None:
        return sys.executable
    return str(OWN_ENVIRONMENT) if OWN_ENVIRONMENT.exists() else None


class Initiator:
    """The initiator's process: commands in, events out."""

    def __init__(
        self,
        base: Path,
        port: int,
        version: str,
        comp_id: str,
        *,
        specifications: Path = SPECIFICATIONS,
        heart: int = 30,
    ) -> None:
        python = interpreter()
        assert python is not None
        dictionaries = "\n".join(
            line if "xml" not in line else line.replace("=", f"={specifications}/", 1)
            for line in DICTIONARIES[version].splitlines()
        )
        config = base / "initiator.cfg"
        text = SETTINGS.format(
            base=base, port=port, version=version, comp_id=comp_id, dictionaries=dictionaries, heart=heart
        )
        config.write_text(text, encoding="utf-8")
        self.seen: list[dict[str, str]] = []
        self._events: queue.Queue[dict[str, str]] = queue.Queue()
        with (base / "initiator.err").open("w") as errors:
            self._process = subprocess.Popen(
                [python, str(Path(__file__).with_name("initiator.py")), str(config), comp_id],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        assert self._process.stdout is not None
        self._thread = threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True)
        self._thread.start()

    def _read(self, stream: IO[str]) -> None:
        for line in stream:
            self._events.put(json.loads(line))

    def send(self, msg_type: str, fields: Sequence[tuple[int | str, str]]) -> None:
        """Have the initiator send a message."""
        text = "|".join(f"{tag}={value}" for tag, value in [(35, msg_type), *fields])
        self.command(f"send {text}")

    def command(self, text: str) -> None:
        """Give the initiator a command."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{text}\n")
        self._process.stdin.flush()

    def next_event(self, seconds: float = PATIENCE_SECONDS) -> dict[str, str] | None:
        """Return the next event; None: none came in time."""
        try:
            found = self._events.get(timeout=seconds)
        except queue.Empty:
            return None
        self.seen.append(found)
        return found

    def wait_for(self, event: str, *texts: str) -> str:
        """Take events until one of that kind has every text in it; return its text."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                found = self._events.get(timeout=max(deadline - time.monotonic(), 0.0))
            except queue.Empty:
                shown = "\n".join(str(one) for one in self.seen)
                raise AssertionError(f"no {event} with {texts} among\n{shown}") from None
            self.seen.append(found)
            if found["event"] == event and all(f"|{text}|" in found["text"] for text in texts):
                return found["text"]

    def stop(self) -> None:
        """Log out and end; the process must end by itself and in order."""
        assert self._process.stdin is not None
        self._process.stdin.write("quit\n")
        self._process.stdin.flush()
        self.wait_for("stopped")
        assert self._process.wait(PATIENCE_SECONDS) == 0

    def kill(self) -> None:
        """End the process, if it is still there."""
        self._process.kill()
        self._process.wait()
        self._thread.join()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    def refusals(self) -> list[str]:
        """Return what the initiator refused of what it was sent, and what went wrong in it."""
        refused = [one["text"] for one in self.seen if one["event"] == "to_admin" and "|35=3|" in one["text"]]
        refused += [one["text"] for one in self.seen if one["event"] == "to_app" and "|35=j|" in one["text"]]
        return refused + [one["text"] for one in self.seen if one["event"] == "error"]


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[ExchangeProcess]:
    """An exchange of its own."""
    if interpreter() is None:
        pytest.skip("the quickfix package is not installed: `make interop` builds it")
    if not SPECIFICATIONS.exists():
        pytest.skip(f"{SPECIFICATIONS} is not here: `make setup` unpacks it")
    (tmp_path / "exchange").mkdir()
    with running_exchange(tmp_path / "exchange") as running:
        yield running


def terms(version: str, side: str, qty: str, price: str) -> list[tuple[int, str]]:
    """Return the terms of a limit order in AAPL."""
    hand_inst = [(21, "1")] if version == "FIX.4.2" else []
    return [*hand_inst, (55, "AAPL"), (54, side), (60, utc_timestamp()), (38, qty), (40, "2"), (44, price), (59, "1")]


def sell(maker: FixPeer, qty: str) -> None:
    """Have the other member sell into the initiator's order."""
    maker.send("D", [(11, unique_id()), *terms(maker.begin_string, "2", qty, "585.00")])
    assert [maker.receive_application()[150] for _ in range(2)] == ["0", "F"]


def ask_for_many(initiator: Initiator, version: str) -> None:
    """Let two orders rest, ask for all of them, cancel all of them, and ask again."""
    for price in ("500.00", "501.00"):
        initiator.send("D", [(11, unique_id()), *terms(version, "1", "10", price)])
        initiator.wait_for("message", "150=0", f"44={price}")
    asked, canceled, refused, again = (unique_id() for _ in range(4))
    initiator.send("AF", [(584, asked), (585, "7")])
    initiator.wait_for("message", "35=8", f"584={asked}", "911=2", "912=N")
    initiator.wait_for("message", "35=8", f"584={asked}", "911=2", "912=Y")
    initiator.send("q", [(11, canceled), (530, "7"), (60, utc_timestamp())])
    initiator.wait_for("message", "35=8", "150=4", f"11={canceled}")
    initiator.wait_for("message", "35=r", f"11={canceled}", "531=7", "533=2")
    initiator.send("q", [(11, refused), (530, "1"), (55, "NOSUCH"), (60, utc_timestamp())])
    initiator.wait_for("message", "35=r", f"11={refused}", "531=0", "532=1")
    initiator.send("AF", [(584, again), (585, "7")])
    initiator.wait_for("message", "35=8", f"584={again}", "911=0", "912=Y", "37=NONE")


@pytest.mark.parametrize("version", VERSIONS)
def test_initiator_trades_is_cut_reconnects_and_recovers(
    version: str, exchange: ExchangeProcess, tmp_path: Path
) -> None:
    proxy = Proxy(exchange.address)
    initiator = Initiator(tmp_path, proxy.port, version, "TRADER1")
    maker = exchange.peer("MAKER1", "FIX.4.4")
    partial, full = ("1", "2") if version == "FIX.4.2" else ("F", "F")
    try:
        maker.logon()
        initiator.wait_for("logon")
        entry = unique_id()
        initiator.send("D", [(11, entry), *terms(version, "1", "100", "585.00")])
        initiator.wait_for("message", f"11={entry}", "150=0", "39=0", "151=100")
        sell(maker, "40")
        initiator.wait_for("message", f"11={entry}", f"150={partial}", "39=1", "32=40", "151=60")
        proxy.cut()
        initiator.wait_for("logout")
        sell(maker, "60")
        proxy.mend()
        initiator.wait_for("logon")
        initiator.wait_for("message", "43=Y", f"11={entry}", f"150={full}", "39=2", "32=60", "151=0")
        second, replaced, canceled = unique_id(), unique_id(), unique_id()
        initiator.send("D", [(11, second), *terms(version, "1", "50", "500.00")])
        initiator.wait_for("message", f"11={second}", "150=0")
        initiator.send("G", [(11, replaced), (41, second), *terms(version, "1", "40", "500.00")])
        initiator.wait_for("message", f"11={replaced}", f"41={second}", "150=5")
        initiator.send("F", [(11, canceled), (41, replaced), *terms(version, "1", "40", "500.00")[-7:-3]])
        initiator.wait_for("message", f"11={canceled}", "150=4", "39=4")
        initiator.send("D", [(11, second), *terms(version, "1", "50", "500.00")])
        initiator.wait_for("message", f"11={second}", "150=8", "103=6")
        if version != "FIX.4.2":
            ask_for_many(initiator, version)
        for wrong in ("500.001", "5000.00"):
            refused = unique_id()
            initiator.send("D", [(11, refused), *terms(version, "1", "50", wrong)])
            initiator.wait_for("message", f"11={refused}", "150=8")
        initiator.stop()
    finally:
        initiator.kill()
        proxy.close()
        maker.cut()
    assert initiator.refusals() == []


@pytest.mark.parametrize("version", VERSIONS[1:])
def test_initiator_takes_every_drop_copy(version: str, exchange: ExchangeProcess, tmp_path: Path) -> None:
    initiator = Initiator(tmp_path, exchange.port, version, "DROP1")
    trader, maker = exchange.peer("TRADER1", "FIX.4.2"), exchange.peer("MAKER1", "FIX.4.4")
    try:
        initiator.wait_for("logon")
        trader.logon()
        maker.logon()
        entry, refused = unique_id(), unique_id()
        trader.send("D", [(11, entry), *terms("FIX.4.2", "1", "100", "585.00")])
        initiator.wait_for("message", f"11={entry}", "150=0")
        sell(maker, "30")
        initiator.wait_for("message", f"11={entry}", "150=F", "32=30")
        trader.send("D", [(11, refused), *terms("FIX.4.2", "1", "1", "9999.00")])
        initiator.wait_for("message", f"11={refused}", "150=8")
        initiator.stop()
    finally:
        initiator.kill()
        trader.cut()
        maker.cut()
    assert initiator.refusals() == []


@pytest.mark.parametrize("version", VERSIONS[1:])
def test_initiator_takes_market_data(version: str, exchange: ExchangeProcess, tmp_path: Path) -> None:
    trader, seller = exchange.peer("TRADER1", "FIX.4.4"), exchange.peer("MAKER1", "FIX.4.4")
    initiator = Initiator(tmp_path, exchange.port, version, "MD1")
    try:
        initiator.wait_for("logon")
        trader.logon()
        seller.logon()
        trader.send("D", [(11, unique_id()), *terms("FIX.4.4", "1", "100", "585.00")])
        assert trader.receive_application()[150] == "0"
        kinds: list[tuple[int | str, str]] = [("267/269", "0"), ("267/269", "1"), ("267/269", "2")]
        request = [(262, "R1"), (263, "1"), (264, "0"), (265, "1"), *kinds, ("146/55", "AAPL")]
        initiator.send("V", request)
        initiator.wait_for("message", "35=W", "262=R1", "55=AAPL", "270=585.00", "271=100")
        sell(seller, "30")
        initiator.wait_for("message", "35=X", "269=2", "270=585.00", "271=30")
        unknown: list[tuple[int | str, str]] = [(262, "R2"), (263, "0"), (264, "1"), *kinds, ("146/55", "NOSUCH")]
        initiator.send("V", unknown)
        initiator.wait_for("message", "35=Y", "262=R2", "281=0")
        initiator.stop()
    finally:
        initiator.kill()
        trader.cut()
        seller.cut()
    assert initiator.refusals() == []


@pytest.mark.parametrize("version", VERSIONS)
def test_initiator_quotes(version: str, exchange: ExchangeProcess, tmp_path: Path) -> None:
    initiator = Initiator(tmp_path, exchange.port, version, "TRADER1")
    maker = exchange.peer("MAKER1", "FIX.4.4")
    first, second, pulled = unique_id(), unique_id(), unique_id()
    underlying = "311=AAPL;" if version == "FIX.4.2" else ""
    both = "299=1&55=AAPL&132=585.00&133=586.00&134=20&135=20"
    wrong = "299=2&55=NOSUCH&132=1.00&134=1"
    partial = "1" if version == "FIX.4.2" else "F"
    try:
        maker.logon()
        initiator.wait_for("logon")
        initiator.send("i", [(117, first), (301, "2"), ("296/302", f"S;{underlying}304=2;295/{both};295/{wrong}")])
        initiator.wait_for("message", "35=b", f"117={first}", "297=0", "296=1", "295=2", "299=1", "299=2", "368=1")
        sell(maker, "5")
        initiator.wait_for("message", "35=8", f"11={first}", f"150={partial}", "32=5", "151=15")
        initiator.send("i", [(117, second), ("296/302", f"S;{underlying}304=1;295/{wrong}")])
        initiator.wait_for("message", "35=b", f"117={second}", "297=5", "300=1")
        initiator.send("Z", [(117, pulled), (298, "1"), ("295/55", "AAPL")])
        initiator.wait_for("message", "35=b", f"117={pulled}", "297=1")
        initiator.stop()
    finally:
        initiator.kill()
        maker.cut()
    assert initiator.refusals() == []


@pytest.mark.parametrize("version", VERSIONS)
def test_initiator_takes_news_and_changes_its_password_and_is_told_its_orders_anew(
    version: str, exchange: ExchangeProcess, tmp_path: Path
) -> None:
    """FIX.4.2 has News(B) alone."""
    initiator = Initiator(tmp_path, exchange.port, version, "TRADER1")
    try:
        initiator.wait_for("logon")
        assert (
            exchange.run("stop", "--in", "30m", "--text", "release", "--data", str(exchange.data_dir)).returncode == 0
        )
        initiator.wait_for("message", "35=B", "33=2", "58=release")
        assert exchange.run("stop", "--call-off", "--data", str(exchange.data_dir)).returncode == 0
        initiator.wait_for("message", "35=B", "148=The planned stop of the exchange is called off")
        if version != "FIX.4.2":
            initiator.send("BE", [(923, "u"), (924, "4"), (553, "TRADER1")])
            initiator.wait_for("message", "35=BF", "923=u", "926=1")
            change = [(924, "3"), (553, "TRADER1"), (554, "trader1")]
            initiator.send("BE", [(923, "v"), *change, (925, "short")])
            initiator.wait_for("message", "35=BF", "923=v", "926=6")
            initiator.send("BE", [(923, "w"), *change, (925, "correct-horse-9")])
            initiator.wait_for("message", "35=BF", "923=w", "926=5")
            initiator.send("D", [(11, unique_id()), *terms(version, "1", "10", "500.00")])
            initiator.wait_for("message", "150=0")
            initiator.send("AF", [(584, "r"), (585, "8")])
            initiator.wait_for("message", "150=I", "584=r", "911=1", "912=N", "37=NONE")
            initiator.wait_for("message", "150=D", "584=r", "151=10", "14=0", "378=99")
            initiator.wait_for("message", "150=I", "584=r", "911=1", "912=Y", "37=NONE")
        initiator.stop()
    finally:
        initiator.kill()
    assert initiator.refusals() == []
