"""A shard that is broken or stands still: members are let in and told, and what it may have had is not refused."""

import contextlib
import os
import signal
from pathlib import Path

import pytest

from tests.crash.steps import ask, wait_for
from tests.crash.test_shard_kill import sharded
from tests.support.exchange import ExchangeProcess
from tests.support.fix_peer import FixPeer, utc_timestamp
from tests.support.orders import again, answer_to, fill_gap, order_fields, reports
from tests.support.shards import kill_shards, shard_pids, standing_still, stop_shard, without_journal

READY_SECONDS = 40.0
"""Below the minute that shards have where none of them is up."""


def shard_status(exchange: ExchangeProcess, name: str) -> dict[str, object]:
    """Return what `status` shows of a shard."""
    shards: list[dict[str, object]] = ask(exchange, "status")["shards"]
    return next(shard for shard in shards if shard["name"] == name)


def pass_through(peer: FixPeer, first: int, orders: list[tuple[str, list[tuple[int, str]]]]) -> None:
    """Answer the ResendRequest after a logon: the orders again, and nothing after them."""
    request = peer.receive_application()
    assert (request.msg_type, request[7]) == ("2", str(first)), request
    for number, (msg_type, fields) in enumerate(orders, start=first):
        again(peer, number, msg_type, fields)
    fill_gap(peer, first + len(orders), peer.next_out)


@pytest.mark.slow
def test_a_broken_shard_keeps_nobody_out_and_what_it_may_have_is_not_refused(tmp_path: Path) -> None:
    """What waits for it keeps its order: the cancel on disconnect comes after the orders that came before it."""
    exchange = ExchangeProcess(tmp_path, configuration="per-instrument")
    file = exchange.sessions()
    file.set("CancelOnDisconnect", "Y", comp_id="TRADER1")
    file.write()
    peer = exchange.peer("TRADER1")
    try:
        exchange.start()
        peer.logon()
        stop_shard(exchange, "aapl")
        first = peer.next_out
        orders = [("D", order_fields("A1", "AAPL", "580")), ("D", order_fields("M1", "MSFT", "29"))]
        for order in orders:
            peer.send(*order)
        assert answer_to(peer, "M1")[150] == "0"
        exchange.kill()
        kill_shards(exchange)
        peer.cut()
        with without_journal(exchange, "aapl"):
            exchange.start(seconds=READY_SECONDS)
            assert shard_status(exchange, "aapl")["is_up"] is False
            peer.gap_allowed = True
            peer.logon()
            pass_through(peer, first, orders)
            peer.send("D", order_fields("A2", "AAPL", "580"))
            assert "shard aapl is down" in answer_to(peer, "A2")[58]
            peer.cut()
        wait_for(lambda: bool(shard_status(exchange, "aapl")["is_up"]), "the shard is back")
        peer.logon()
        peer.send("2", [(7, "1"), (16, "0")])
        last: dict[str, str] = {}
        for report in reports(peer):
            last[report[11]] = report[150]
            if last == {"A1": "4", "M1": "4", "A2": "8"}:
                break
        peer.cut()
        assert exchange.terminate() == 0
        exchange.verify()
    finally:
        exchange.kill()
        kill_shards(exchange)
        peer.cut()


@pytest.mark.slow
def test_a_shard_that_stands_still_is_not_waited_for_and_what_it_was_given_stays_its_own(tmp_path: Path) -> None:
    with sharded(tmp_path) as exchange, contextlib.closing(exchange.peer("TRADER1")) as peer:
        peer.logon()
        # Shards are configured by what the gateway has read: a file that is being edited is not looked at.
        (exchange.config_dir / "accounts.toml").write_text("[[account", encoding="utf-8")
        with standing_still(exchange, "aapl") as stopped:
            peer.send("D", order_fields("GIVEN", "AAPL", "580"))
            wait_for(lambda: bool(shard_status(exchange, "aapl")["is_silent"]), "the silence is noticed")
            peer.send("D", order_fields("REFUSED", "AAPL", "580"))
            answer = answer_to(peer, "REFUSED")
            assert answer[150] == "8"
            # By now it may have been ended by force.
            assert any(f"shard aapl {cause}" in answer[58] for cause in ("does not answer", "is down"))
            # An order is found by its ClOrdID alone, also one that has no answer yet.
            peer.send("F", [(11, "CANCEL"), (41, "GIVEN"), (54, "1"), (60, utc_timestamp())])
            assert answer_to(peer, "CANCEL").msg_type == "j"
        # It is ended by force and started again; then what it was given is answered, once.
        wait_for(lambda: shard_status(exchange, "aapl")["pid"] not in (None, stopped), "the shard is back")
        assert answer_to(peer, "GIVEN")[150] == "0"
        for cl_ord_id, status in (("GIVEN", "0"), ("REFUSED", "8")):
            peer.send("H", [(11, cl_ord_id), (54, "1")])
            assert answer_to(peer, cl_ord_id)[39] == status
        assert exchange.terminate() == 0
        exchange.verify()


@pytest.mark.slow
def test_a_stop_is_looked_at_while_shards_come_up(tmp_path: Path) -> None:
    exchange = ExchangeProcess(tmp_path, configuration="per-instrument")
    try:
        exchange.spawn()
        wait_for(lambda: len(shard_pids(exchange)) == 3, "the shards are started")
        stop_shard(exchange, "aapl")
        os.kill(exchange.pid, signal.SIGTERM)
        wait_for(lambda: set(shard_pids(exchange)) <= {"aapl"}, "the others are ended")
        os.kill(shard_pids(exchange)["aapl"], signal.SIGCONT)
        assert (exchange.wait(), exchange.ready_line, shard_pids(exchange)) == (0, "", {})
    finally:
        exchange.kill()
        kill_shards(exchange)
