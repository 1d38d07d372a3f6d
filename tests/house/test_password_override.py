"""A member sets his password himself; the operator sets another one; what was typed is nowhere to be read."""

import subprocess
from pathlib import Path

import pytest

from tests.support.exchange import ROOT, ExchangeProcess, outcry_command, running_exchange
from tests.support.fix_peer import FixPeer, PeerError

OWN, OPERATORS = "correct-horse-9", "set by the operator"


def is_taken(exchange: ExchangeProcess, member: FixPeer, password: str) -> bool:
    """Tell whether a Logon with that password is taken; the numbers are those of `member`."""
    peer = FixPeer(exchange.address, "FIX.4.4", "TRADER1", next_out=member.next_out, next_in=member.next_in)
    peer.gap_allowed = True
    try:
        peer.logon([(554, password)])
        peer.logout()
    except PeerError:
        return False
    else:
        member.next_out, member.next_in = peer.next_out, peer.next_in
        return True
    finally:
        peer.cut()


@pytest.mark.slow
def test_the_operator_overrides_a_password_and_none_is_written_anywhere(tmp_path: Path) -> None:
    with running_exchange(tmp_path) as exchange:
        assert exchange.run("fix-log", "on", "--data", str(exchange.data_dir)).returncode == 0
        member = exchange.peer("TRADER1")
        member.logon()
        member.send("BE", [(923, "r"), (924, "3"), (553, "TRADER1"), (554, "trader1"), (925, OWN)])
        assert member.receive_application()[926] == "5"
        member.logout()
        assert is_taken(exchange, member, OWN)
        exchange.terminate()
        command = outcry_command("passwd", "TRADER1", "--config", str(exchange.config_dir), "--stdin")
        subprocess.run(command, cwd=ROOT, input=f"{OPERATORS}\n", text=True, check=True, capture_output=True)
        exchange.start()
        assert not is_taken(exchange, member, OWN)
        assert is_taken(exchange, member, OPERATORS)
        exchange.terminate()
        files = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "ballast"]
        assert any(path.name == "fix.log" and b"925=***" in path.read_bytes() for path in files)
        assert [path for path in files for secret in (OWN, OPERATORS) if secret.encode() in path.read_bytes()] == []
        exchange.verify()
