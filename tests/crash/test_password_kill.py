"""kill -9 around a change of password: afterwards the old or the new one counts, never both and never none."""

from pathlib import Path

import pytest

from tests.support.exchange import ExchangeProcess
from tests.support.fix_peer import FixPeer, PeerError

OLD, NEW = "trader1", "correct-horse-9"


def ask(peer: FixPeer) -> str:
    """Ask for the change; return UserStatus(926), or nothing where the exchange died."""
    try:
        peer.send("BE", [(923, "r"), (924, "3"), (553, "TRADER1"), (554, OLD), (925, NEW)])
        return peer.receive_application()[926]
    except (PeerError, OSError):
        return ""


def answers(exchange: ExchangeProcess, number: int, password: str) -> list[str] | None:
    """Return UserStatus(926) of every answer that the exchange has ever given, by a resend of the whole day; None where
    a Logon with that password is not taken, which changes no number.
    """
    peer = exchange.peer("TRADER1")
    peer.gap_allowed, peer.next_out = True, number
    try:
        peer.logon([(554, password)])
    except PeerError:
        return None
    else:
        return [message[926] for message in peer.recover() if message.msg_type == "BF"]
    finally:
        peer.cut()


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["commit.before:2", "commit.before:3", "commit.after:3"])
def test_a_change_is_whole_or_not_at_all_and_what_was_taken_is_answered(fault: str, tmp_path: Path) -> None:
    """The request is not in the journal; it is, without its answer; both are, and nobody was told."""
    exchange = ExchangeProcess(tmp_path)
    try:
        exchange.start(options=("--fault-point", fault))
        member = exchange.peer("TRADER1")
        member.logon()
        status = ask(member)
        member.cut()
        exchange.kill()
        exchange.start()
        # Where the exchange has not noted the request, 3 is too high, and a Logon is taken all the same.
        new, old = answers(exchange, 3, NEW), answers(exchange, 4, OLD)
        assert (new is None) != (old is None), exchange.errors()
        if new is None:
            assert status == ""
            assert old in ([], ["6"])
        else:
            assert new == ["5"]
    finally:
        exchange.kill()
