"""A client made of simplefix and a socket, in every version: logs on, trades, is cut, reconnects, asks for a resend."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import simplefix

from tests.support.exchange import ExchangeProcess, running_exchange
from tests.support.fix_peer import unique_id

pytestmark = pytest.mark.slow

VERSIONS = ("FIX.4.2", "FIX.4.4", "FIXT.1.1")
PATIENCE_SECONDS = 20.0


class Client:
    """The smallest FIX client that a user would write with simplefix."""

    def __init__(self, address: tuple[str, int], version: str, comp_id: str) -> None:
        self._address = address
        self._version = version
        self._comp_id = comp_id
        self.next_out = 1
        self._parser = simplefix.FixParser()
        self._socket: socket.socket | None = None

    def log_on(self) -> None:
        """Connect and send the Logon."""
        self._parser = simplefix.FixParser()
        self._socket = socket.create_connection(self._address, timeout=PATIENCE_SECONDS)
        user = [(553, self._comp_id), (554, self._comp_id.lower())]
        self.send("A", [(98, 0), (108, 30), *user, *([(1137, 9)] if self._version == "FIXT.1.1" else [])])

    def send(self, msg_type: str, fields: list[tuple[int, Any]]) -> None:
        """Send a message with the next number."""
        message = simplefix.FixMessage()
        message.append_pair(8, self._version, header=True)
        message.append_pair(35, msg_type, header=True)
        message.append_pair(49, self._comp_id, header=True)
        message.append_pair(56, "OUTCRY", header=True)
        message.append_pair(34, self.next_out, header=True)
        message.append_utc_timestamp(52, header=True)
        for tag, value in fields:
            message.append_pair(tag, value)
        if msg_type in ("D", "F"):
            message.append_utc_timestamp(60)
        self.next_out += 1
        assert self._socket is not None
        self._socket.sendall(message.encode())

    def receive(self) -> dict[int, str]:
        """Return the next message as tag: value."""
        assert self._socket is not None
        while (message := self._parser.get_message()) is None:
            data = self._socket.recv(65_536)
            assert data, "the exchange closed the connection"
            self._parser.append_buffer(data)
        return {int(tag): value.decode() for tag, value in message.pairs}

    def cut(self) -> None:
        """Close the connection without a Logout."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[ExchangeProcess]:
    """An exchange of its own."""
    with running_exchange(tmp_path) as running:
        yield running


def order(cl_ord_id: str, side: str, qty: int) -> list[tuple[int, Any]]:
    """Return a limit order in AAPL."""
    return [(11, cl_ord_id), (21, 1), (55, "AAPL"), (54, side), (38, qty), (40, 2), (44, "585.00"), (59, 1)]


@pytest.mark.parametrize("version", VERSIONS)
def test_simplefix_client_trades_is_cut_reconnects_and_asks_for_a_resend(
    version: str, exchange: ExchangeProcess
) -> None:
    client, other = Client(exchange.address, version, "TRADER1"), Client(exchange.address, "FIX.4.4", "MAKER1")
    partial = "1" if version == "FIX.4.2" else "F"
    try:
        for each in (client, other):
            each.log_on()
            assert each.receive()[35] == "A"
        entry, exit_ = unique_id(), unique_id()
        client.send("D", order(entry, "1", 100))
        report = client.receive()
        assert (report[35], report[11], report[150], report[151]) == ("8", entry, "0", "100")
        client.cut()
        other.send("D", order(exit_, "2", 40))
        assert [other.receive()[150] for _ in range(2)] == ["0", "F"]
        client.log_on()
        answer = client.receive()
        assert (answer[35], int(answer[34]) > 3) == ("A", True)
        client.send("2", [(7, 2), (16, 0)])
        again, fill = client.receive(), client.receive()
        assert (again[43], again[34], again[17], again[150]) == ("Y", "2", report[17], "0")
        assert (fill[43], fill[11], fill[150], fill[39], fill[32], fill[151]) == ("Y", entry, partial, "1", "40", "60")
        assert client.receive()[35] == "4"
        client.send("F", [(11, unique_id()), (41, entry), (55, "AAPL"), (54, 1), (38, 100)])
        report = client.receive()
        assert (report[35], report[150], report[39], report[41], report[14]) == ("8", "4", "4", entry, "40")
        client.send("5", [])
        assert client.receive()[35] == "5"
    finally:
        client.cut()
        other.cut()
