"""A stop that an operator has planned: told to members, kept over a kill, and done in order when its time has come."""

import json
import time
from pathlib import Path

import pytest

from tests.support.exchange import ExchangeProcess, running_exchange
from tests.support.fix_peer import FixPeer, Message

SECONDS = 8


def outcry(exchange: ExchangeProcess, *arguments: str) -> tuple[int, str]:
    """Run a command as the operator; return exit code and output."""
    result = exchange.run(*arguments, "--data", str(exchange.data_dir), "--json")
    return result.returncode, result.stdout + result.stderr


def planned(exchange: ExchangeProcess) -> object:
    """Return what `outcry status` says of a planned stop."""
    code, said = outcry(exchange, "status")
    assert code == 0, said
    return json.loads(said)["planned_stop"]


def next_of(peer: FixPeer, msg_type: str) -> Message:
    """Return the next message of that type; only heartbeats may come before it."""
    while (message := peer.receive(SECONDS + 20.0)).msg_type in "01":
        pass
    assert message.msg_type == msg_type, message
    return message


@pytest.mark.slow
def test_a_planned_stop_survives_a_kill_and_is_done_in_order(tmp_path: Path) -> None:
    with running_exchange(tmp_path) as exchange:
        begun = time.monotonic()
        assert outcry(exchange, "stop", "--in", f"{SECONDS + 20}s", "--text", "release")[0] == 0
        exchange.kill()
        exchange.start()
        left = SECONDS + 20 - (time.monotonic() - begun)
        peer = exchange.peer("TRADER1")
        peer.logon()
        assert "The exchange stops at" in next_of(peer, "B")[148]
        if left > SECONDS:
            # Sooner, so that nobody waits for it.
            assert outcry(exchange, "stop", "--in", "2s", "--text", "release")[0] == 0
            assert next_of(peer, "B").values(58)[1] == "release"
        assert next_of(peer, "5")[58] == "Exchange is stopping: release"
        peer.cut()
        assert exchange.wait() == 0
        exchange.verify()
        exchange.start()
        assert planned(exchange) is None


@pytest.mark.slow
def test_a_start_after_the_time_of_a_stop_that_never_was_calls_it_off(tmp_path: Path) -> None:
    with running_exchange(tmp_path) as exchange:
        for arguments in (("--in", "soon"), ("--in", "8d"), ("--in", "5m", "--call-off"), ("--text", "x")):
            assert outcry(exchange, "stop", *arguments)[0] != 0
        code, said = outcry(exchange, "stop", "--call-off")
        assert (code, "no stop is planned" in said) == (1, True)
        assert outcry(exchange, "stop", "--in", "30m")[0] == 0
        assert planned(exchange) is not None
        assert outcry(exchange, "stop", "--in", "3s")[0] == 0
        exchange.kill()
        time.sleep(3.0)
        exchange.start()
        assert planned(exchange) is None
