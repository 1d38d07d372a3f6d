"""What operators said reaches a shard that was down, whatever was killed; no epoch is used for two things."""

import contextlib
from pathlib import Path

import pytest

from gateway.fault_points import SHARDS_SENT
from tests.crash.steps import ask, wait_for
from tests.crash.test_shard_kill import sharded
from tests.support.exchange import ExchangeProcess
from tests.support.fix_peer import FixPeer, Message
from tests.support.orders import answer_to, order_fields
from tests.support.shards import kill_shards, standing_still


def operate(exchange: ExchangeProcess, *words: str) -> tuple[int, str]:
    """Give an operator's command; return the exit code and what was said."""
    done = exchange.run(*words, "--data", str(exchange.data_dir))
    return done.returncode, done.stdout + done.stderr


def answer(peer: FixPeer, cl_ord_id: str, symbol: str, price: str) -> Message:
    """Send an order and return what it is answered with."""
    peer.send("D", order_fields(cl_ord_id, symbol, price))
    return answer_to(peer, cl_ord_id)


@pytest.mark.slow
def test_a_kill_switch_outlives_the_gateway_while_a_shard_stands_still(tmp_path: Path) -> None:
    with sharded(tmp_path) as exchange, contextlib.closing(exchange.peer("TRADER1")) as peer:
        with standing_still(exchange, "aapl"):
            waiting = "not confirmed yet, told when it answers"
            code, said = operate(exchange, "kill-switch", "engage", "--market", "--reason", "drill")
            assert (code, said) == (0, f"the kill switch is engaged, 0 orders are canceled; {waiting}: shard aapl\n")
            code, said = operate(exchange, "halt", "AAPL")
            assert (code, "told when it answers: shard aapl" in said) == (0, True)
        exchange.kill()
        kill_shards(exchange, "aapl")
        exchange.start()
        wait_for(
            lambda: not any(shard["instructions_unconfirmed"] for shard in ask(exchange, "status")["shards"]),
            "every shard has confirmed",
        )
        peer.logon()
        for cl_ord_id, symbol, price in (("A", "AAPL", "580"), ("M", "MSFT", "29")):
            report = answer(peer, cl_ord_id, symbol, price)
            assert (report[150], "kill switch of the market" in report[58]) == ("8", True)
        assert operate(exchange, "kill-switch", "release", "--market") == (0, "the kill switch is released\n")
        assert "AAPL is halted" in answer(peer, "A2", "AAPL", "580")[58]
        assert answer(peer, "M2", "MSFT", "29")[150] == "0"
        assert exchange.terminate() == 0
        exchange.verify()


@pytest.mark.slow
def test_messages_of_a_new_epoch_are_not_taken_for_those_of_one_that_a_kill_has_ended(tmp_path: Path) -> None:
    """The gateway is killed when it has sent an order of the new epoch to its shard, and the peer begins anew."""
    exchange = ExchangeProcess(tmp_path, configuration="per-instrument")
    peer = exchange.peer("TRADER1")
    try:
        exchange.start(options=("--fault-point", f"{SHARDS_SENT}:2"))
        peer.logon()
        assert answer(peer, "FIRST", "AAPL", "580")[150] == "0"
        peer.logout()
        peer.connect()
        peer.next_out = 1
        logon = peer.encode("A", [*peer.logon_fields(), (141, "Y")])
        peer.next_out = 2
        peer.send_raw(logon + peer.encode("D", order_fields("KILLED", "AAPL", "580")))
        assert exchange.wait() == -9, exchange.errors()
        peer.close()
        exchange.start()
        peer.gap_allowed = True
        peer.logon([(141, "Y")])
        assert answer(peer, "LAST", "AAPL", "580")[150] == "0"
        peer.cut()
        assert exchange.terminate() == 0
        exchange.verify()
    finally:
        exchange.kill()
        kill_shards(exchange)
        peer.cut()
