"""Mass cancel over all shards, and kill -9 in the middle of it: each cancel is told once, and so is the report."""

import contextlib
import select
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

from gateway.fault_points import SHARDS_SENT
from tests.crash.steps import wait_for
from tests.crash.test_shard_kill import SHARDS, sharded
from tests.support.exchange import ExchangeProcess
from tests.support.fix_peer import FixPeer, Message, PeerError, utc_timestamp
from tests.support.orders import again, fill_gap, order_fields
from tests.support.shards import kill_shards, stop_shard

PRICES: Final = {"AAPL": "580", "MSFT": "29", "BTC-PERP": "60000"}
QTYS: Final = {"AAPL": "1", "MSFT": "1", "BTC-PERP": "0.001"}
ORDERS_OF_EACH: Final = 80
ANSWERS_MAX: Final = 5_000
CANCELED: Final = "4"


class Asker:
    """A member with a memory: what it has sent in this session, and what it was told, by number."""

    def __init__(self, exchange: ExchangeProcess, comp_id: str = "TRADER1") -> None:
        self.peer: FixPeer = exchange.peer(comp_id)
        self.sent: dict[int, tuple[str, list[tuple[int, str]]]] = {}
        self.told: dict[int, Message] = {}
        self._by_id: dict[tuple[str, str | None], list[Message]] = {}

    def send(self, msg_type: str, fields: list[tuple[int, str]]) -> None:
        """Send a message, and remember it."""
        self.sent[self.peer.next_out] = (msg_type, fields)
        self.peer.send(msg_type, fields)

    def ask(self, cl_ord_id: str, *extra: tuple[int, str]) -> None:
        """Ask for everything to be canceled."""
        self.send("q", [(11, cl_ord_id), (530, "7"), (60, utc_timestamp()), *extra])

    def take(self, message: Message) -> None:
        """Take one message; a request for a resend is answered."""
        if message.msg_type == "2":
            first = int(message[7])
            for number in range(first, self.peer.next_out):
                if number in self.sent:
                    again(self.peer, number, *self.sent[number])
                else:
                    fill_gap(self.peer, number, number + 1)
        elif message.msg_type in "8rjb" and message.seq not in self.told:
            self.told[message.seq] = message
            name = message.get(11) or message.get(117) or message.get(379)
            self._by_id.setdefault((message.msg_type, name), []).append(message)

    def until(self, *cl_ord_ids: str, msg_type: str = "r") -> None:
        """Listen until there is such an answer to each of these."""
        for cl_ord_id in cl_ord_ids:
            while not self.answers(cl_ord_id, msg_type):
                assert len(self.told) < ANSWERS_MAX, f"no answer to {cl_ord_id}"
                self.take(self.peer.receive_application())

    def answers(self, cl_ord_id: str, msg_type: str) -> list[Message]:
        """Return the answers of a type that have this ClOrdID(11), QuoteID(117) or BusinessRejectRefID(379)."""
        return self._by_id.get((msg_type, cl_ord_id), [])

    def drain(self) -> None:
        """Take what the exchange had handed to the network before it was killed."""
        with contextlib.suppress(PeerError):
            while True:
                for message in self.peer.receive_nowait():
                    self.take(message)
        self.peer.cut()

    def log_on_again(self) -> None:
        """Log on, and ask for what was missed."""
        self.peer.gap_allowed = True
        self.peer.logon()
        self.send("2", [(7, "1"), (16, "0")])

    def rest(self, prefix: str) -> set[str]:
        """Let orders rest in every book; return their ClOrdIDs."""
        names = set()
        for index in range(ORDERS_OF_EACH):
            for symbol, price in PRICES.items():
                name = f"{prefix}-{symbol}-{index}"
                names.add(name)
                self.send("D", order_fields(name, symbol, price, qty=QTYS[symbol]))
        self.until(*names, msg_type="8")
        return names

    def canceled(self, cl_ord_id: str) -> list[str]:
        """Return the orders that a mass cancel has canceled, as often as that was told."""
        return [each[41] for each in self.answers(cl_ord_id, "8") if each[150] == CANCELED]


def kill(exchange: ExchangeProcess, asker: Asker, victims: Sequence[str]) -> None:
    """kill -9 the gateway, shards, or both, and bring back what was killed."""
    shards = [name for name in victims if name != "gateway"]
    if shards:
        kill_shards(exchange, *shards)
    if "gateway" in victims:
        exchange.kill()
        asker.drain()
        exchange.start()
        asker.log_on_again()


@pytest.mark.slow
@pytest.mark.parametrize(
    "victims", [pytest.param(("gateway",), marks=pytest.mark.soak), ("aapl", "msft"), ("gateway", *SHARDS)]
)
def test_a_mass_cancel_over_shards_is_done_and_told_once_whatever_is_killed(
    tmp_path: Path, victims: tuple[str, ...]
) -> None:
    with sharded(tmp_path) as exchange:
        asker = Asker(exchange)
        asker.peer.logon()
        for life in ("at once", "in the middle"):
            names = asker.rest(life)
            asker.ask(f"Q {life}")
            asker.send("D", order_fields(f"behind {life}", "MSFT", "29", qty="1"))
            if life == "in the middle":
                assert select.select([asker.peer], [], [], 10.0)[0], "the first cancel is told"
            kill(exchange, asker, victims)
            asker.until(f"Q {life}")
            asker.until(f"behind {life}", msg_type="8")
            wait_for_cancels(asker, f"Q {life}", len(names))
            assert sorted(asker.canceled(f"Q {life}")) == sorted(names)
            (report,) = asker.answers(f"Q {life}", "r")
            assert report[531] == "7"
            # Only a shard that was not back in time is missing from the sum, and then it is named.
            assert int(report[533]) == len(names) or report[58].startswith("40003: shard ")
            asker.ask(f"Q {life}", (97, "Y"))
            while len(asker.answers(f"Q {life}", "r")) < 2:
                asker.take(asker.peer.receive_application())
            assert {each[533] for each in asker.answers(f"Q {life}", "r")} | {report[533]} == {
                report[533],
                str(len(names)),
            }
            # What was sent behind the request is open, unless it was refused as its shard was down.
            asker.ask(f"R {life}")
            asker.until(f"R {life}")
            behind = [each[150] for each in asker.answers(f"behind {life}", "8")]
            assert asker.canceled(f"R {life}") == ([f"behind {life}"] if behind == ["0"] else [])
        asker.peer.cut()
        assert exchange.terminate() == 0
        exchange.verify()


def wait_for_cancels(asker: Asker, cl_ord_id: str, count: int) -> None:
    """Listen until as many orders are canceled: those of a shard that was not waited for come behind the report."""
    while len(asker.canceled(cl_ord_id)) < count:
        asker.take(asker.peer.receive_application())


@pytest.mark.slow
def test_a_gateway_that_is_killed_when_it_has_told_the_shards_answers_once(tmp_path: Path) -> None:
    exchange = ExchangeProcess(tmp_path, configuration="per-instrument")
    asker = Asker(exchange)
    try:
        exchange.start(options=("--fault-point", f"{SHARDS_SENT}:4"))
        asker.peer.logon()
        for symbol, price in PRICES.items():
            asker.send("D", order_fields(symbol, symbol, price, qty=QTYS[symbol]))
            asker.until(symbol, msg_type="8")
        asker.ask("Q")
        asker.send("AF", [(584, "S"), (585, "7")])
        assert exchange.wait() == -9, exchange.errors()
        asker.drain()
        exchange.start()
        asker.log_on_again()
        asker.until("Q")
        assert sorted(asker.canceled("Q")) == sorted(PRICES)
        assert [(each[531], each[533]) for each in asker.answers("Q", "r")] == [("7", "3")]
        while not (statuses := [each for each in asker.told.values() if each.get(584) == "S"]):
            asker.take(asker.peer.receive_application())
        assert [(each[911], each[912]) for each in statuses] == [("0", "Y")]
        asker.peer.cut()
        assert exchange.terminate() == 0
        exchange.verify()
    finally:
        exchange.kill()
        kill_shards(exchange)
        asker.peer.cut()


@pytest.mark.slow
def test_a_shard_that_stands_still_is_named_and_cancels_when_it_is_back(tmp_path: Path) -> None:
    with sharded(tmp_path) as exchange:
        asker = Asker(exchange)
        asker.peer.logon()
        for symbol, price in PRICES.items():
            asker.send("D", order_fields(symbol, symbol, price, qty=QTYS[symbol]))
        asker.until(*PRICES, msg_type="8")
        stop_shard(exchange, "aapl")
        asker.ask("Q")
        asker.send("AF", [(584, "S"), (585, "7")])
        asker.until("Q")
        (report,) = asker.answers("Q", "r")
        assert (report[531], report[533], report[58]) == (
            "7",
            "2",
            "40003: shard aapl has not answered and cancels when it is back",
        )
        wait_for(lambda: len([each for each in received(asker) if each.get(584) == "S"]) == 1, "the status is told")
        (status,) = [each for each in asker.told.values() if each.get(584) == "S"]
        assert (status[37], status[911], status[912], status[58][:6]) == ("NONE", "1", "Y", "40003:")
        kill_shards(exchange, "aapl")
        wait_for(lambda: bool(received(asker)) and len(asker.canceled("Q")) == 3, "it is back, and has canceled")
        asker.ask("Q", (97, "Y"))
        while len(asker.answers("Q", "r")) < 2:
            asker.take(asker.peer.receive_application())
        last = max(asker.answers("Q", "r"), key=lambda each: each.seq)
        assert (last[531], last[533], 58 in last) == ("7", "3", False)
        asker.peer.cut()
        assert exchange.terminate() == 0
        exchange.verify()


def received(asker: Asker) -> list[Message]:
    """Take what has come, and return all that was told."""
    for message in asker.peer.receive_nowait():
        asker.take(message)
    return list(asker.told.values())
