"""Sessions come, change and go under load: others notice nothing; a kill in between leaves what the file says."""

import contextlib
import itertools
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from typer.testing import CliRunner

from gateway.cli.admin_client import AdminCallError, call
from gateway.cli.application import app
from gateway.fault_points import SESSIONS_FAULT_POINTS
from tests.crash.room import Room
from tests.crash.steps import ask, at
from tests.support.exchange import ExchangeProcess, SessionsFile, set_keys
from tests.support.fix_peer import FixPeer, PeerClosedError, unique_id, utc_timestamp

SEED: Final = 5250
ROUNDS: Final = 4
ACCOUNT: Final = '\n[[account]]\nname = "ACC9"\nfirm = "FIRM9"\nopening = { USD = "1000000" }\n'
SECTION: Final = "\n[SESSION]\nBeginString=FIX.4.4\nTargetCompID={}\nUsername=TRADER1\nAccounts=ACC9\n{}"
NAME: Final = "FIX.4.4:OUTCRY->{}"

pytestmark = pytest.mark.slow


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[ExchangeProcess]:
    process = ExchangeProcess(tmp_path)
    set_keys(process.config_dir / "accounts.toml", "", [ACCOUNT])
    yield process
    process.kill()


def sessions(exchange: ExchangeProcess, *words: str) -> dict[str, Any]:
    """Run a command that changes sessions; return its answer."""
    result = CliRunner().invoke(app, ["sessions", *words, "--data", str(exchange.data_dir), "--json"])
    assert result.exit_code == 0, result.output
    answer: dict[str, Any] = json.loads(result.output)["result"]
    return answer


def visit(exchange: ExchangeProcess, comp_id: str, numbers: tuple[int, int]) -> FixPeer:
    """Log on and enter an order that rests; return the peer."""
    peer = FixPeer(exchange.address, "FIX.4.4", comp_id, next_out=numbers[0], next_in=numbers[1], username="TRADER1")
    try:
        peer.logon()
    except PeerClosedError:
        peer.cut()
        raise
    fields = [(11, unique_id()), (55, "MSFT"), (54, "1"), (38, "1"), (40, "2"), (44, "29.00"), (60, utc_timestamp())]
    peer.send("D", fields)
    report = peer.receive_application()
    assert report[39] == "0", report
    return peer


class Operator(threading.Thread):
    """Adds a session, trades in it, changes it and removes it, again and again, while others trade."""

    def __init__(self, exchange: ExchangeProcess) -> None:
        super().__init__()
        self._exchange = exchange
        self.exec_ids: list[str] = []
        self.error: BaseException | None = None

    def run(self) -> None:
        """Do all rounds; what goes wrong is kept for the test."""
        numbers = (1, 1)
        try:
            for _ in range(ROUNDS):
                numbers = self._round(NAME.format("TRADER9"), numbers)
        except BaseException as error:
            self.error = error

    def _round(self, name: str, numbers: tuple[int, int]) -> tuple[int, int]:
        sessions(self._exchange, "add", name, "--set", "Accounts=ACC9", "--set", "Username=TRADER1")
        peer = visit(self._exchange, "TRADER9", numbers)
        leaving = threading.Thread(target=self._leave, args=(peer,))
        try:
            sessions(self._exchange, "change", name, "--set", "MessageRate=500", "--set", "HeartBtIntMax=59")
            leaving.start()
            removed = sessions(self._exchange, "remove", name, "--cancel-orders")
            leaving.join()
        finally:
            peer.cut()
        assert removed["orders_canceled_of"] == [name]
        return peer.next_out, peer.next_in

    def _leave(self, peer: FixPeer) -> None:
        """Take what is told until the Logout, and answer it: the order is canceled, and said to be."""
        try:
            while (message := peer.receive()).msg_type != "5":
                if message.msg_type == "8":
                    assert message[39] == "4", message
                    self.exec_ids.append(message[17])
            peer.send("5")
        except BaseException as error:
            self.error = error


def test_others_trade_undisturbed_while_sessions_come_change_and_go(exchange: ExchangeProcess) -> None:
    exchange.start()
    with contextlib.closing(Room(exchange, SEED)) as room:
        room.connect()
        operator = Operator(exchange)
        operator.start()
        while operator.is_alive():
            room.trade_for(0.2)
        operator.join()
        if operator.error is not None:
            raise operator.error
        assert len(set(operator.exec_ids)) == ROUNDS
        assert all(len(member.reports) > 100 for member in room.members)
        room.kill()
        exchange.verify()
        exchange.start()
        room.check()
        assert NAME.format("TRADER9") in {each["name"] for each in ask(exchange, "status")["sessions"]}
        assert exchange.terminate() == 0
        exchange.verify()


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("sessions.journaled", 1),
        ("sessions.wire", 2),
        *(
            pytest.param(name, count, marks=pytest.mark.soak)
            for name, count in itertools.product(SESSIONS_FAULT_POINTS, (1, 2))
            if (name, count) not in (("sessions.journaled", 1), ("sessions.wire", 2))
        ),
    ],
)
def test_a_kill_while_sessions_are_read_again_leaves_what_the_file_says(
    name: str, count: int, exchange: ExchangeProcess
) -> None:
    file = exchange.config_dir / "sessions.cfg"
    shipped = file.read_text(encoding="utf-8")
    file.write_text(shipped + SECTION.format("GOES", "") + SECTION.format("STAYS", ""), encoding="utf-8")
    exchange.start(options=("--fault-point", f"{name}:{count}"))
    with contextlib.closing(Room(exchange, SEED + count)) as room, at(f"{name}:{count}"):
        room.connect()
        if count == 2 and name != "sessions.wire":
            reload_of(exchange, shipped + SECTION.format("STAYS", "") + SECTION.format("GOES", "MessageRate=9\n"))
        wanted = shipped + SECTION.format("STAYS", "MessageRate=7\n") + SECTION.format("COMES", "")
        operator = threading.Thread(target=reload_of, args=(exchange, wanted))
        operator.start()
        room.trade_until_dead()
        operator.join()
        exchange.verify()
        exchange.start()
        room.check()
        for comp_id in ("STAYS", "COMES"):
            visit(exchange, comp_id, (1, 1)).cut()
        with pytest.raises(PeerClosedError):
            visit(exchange, "GOES", (1, 1))
        assert reload_of(exchange, wanted)["unchanged"] == len(SessionsFile(file).sections) - 2
        assert exchange.terminate() == 0
        exchange.verify()


def reload_of(exchange: ExchangeProcess, text: str) -> dict[str, Any]:
    """Put sessions.cfg in place and have it read; the answer is empty where the exchange dies of it."""
    new = exchange.config_dir / "sessions.cfg.mine"
    new.write_text(text, encoding="utf-8")
    new.replace(exchange.config_dir / "sessions.cfg")
    try:
        answer: dict[str, Any] = call(exchange.data_dir / "admin.sock", "reload_sessions", {"reason": "a test"})
    except AdminCallError:
        return {}
    assert answer["done"], answer
    return answer
