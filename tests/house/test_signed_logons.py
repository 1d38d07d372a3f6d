"""Signed Logons: taken once, young, and with the user's key. What was captured on the way is worth nothing."""

import datetime
import hashlib
import hmac
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.exchange import ExchangeProcess
from tests.support.fix_peer import FixPeer, Message, utc_timestamp

KEY = bytes(range(32))
SESSION = "FIX.4.4:OUTCRY->TRADER1"


def signed_logon(
    *, key: bytes = KEY, number: int = 1, seconds_ago: int = 0, more: Sequence[tuple[int, str]] = ()
) -> list[tuple[int, str]]:
    """Return the fields of a Logon of TRADER1, signed over 52, 35, 34, 49 and 56."""
    sent = utc_timestamp()
    if seconds_ago:
        moment = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=seconds_ago)
        sent = f"{moment:%Y%m%d-%H:%M:%S}.000"
    signature = hmac.new(
        key, "\x01".join((sent, "A", str(number), "TRADER1", "OUTCRY")).encode(), hashlib.sha256
    ).hexdigest()
    body = [(98, "0"), (108, "30"), (95, str(len(signature))), (96, signature)]
    return [(52, sent), (34, str(number)), *body, *more]


def answer(exchange: ExchangeProcess, fields: Sequence[tuple[int, str]], begin_string: str = "FIX.4.4") -> Message:
    """Send a Logon on a connection of its own and return what is said to it; who is let in logs out again."""
    peer = FixPeer(exchange.address, begin_string, "TRADER1")
    peer.check_numbers = False
    peer.connect()
    try:
        peer.send("A", fields)
        said = peer.receive()
        if said.msg_type == "A":
            peer.logout()
        return said
    finally:
        peer.cut()


@pytest.mark.slow
def test_a_logon_is_taken_with_the_key_and_never_again(tmp_path: Path) -> None:
    exchange = ExchangeProcess(tmp_path)
    sessions = exchange.sessions()
    sessions.set("Authentication", "hmac", comp_id="TRADER1")
    sessions.write()
    path = exchange.config_dir / "passwords"
    others = [line for line in path.read_text("utf-8").splitlines() if not line.startswith("TRADER1:")]
    path.write_text("\n".join([*others, f"TRADER1:hmac:{KEY.hex()}", ""]), encoding="utf-8")
    try:
        exchange.start()
        captured = signed_logon()
        assert answer(exchange, captured).msg_type == "A"
        # The same again; with numbers reset by what is not signed; as another version of the same user.
        for replay, version in (
            (captured, "FIX.4.4"),
            ([*captured, (141, "Y")], "FIX.4.4"),
            (captured, "FIX.4.2"),
        ):
            said = answer(exchange, replay, version)
            assert (said.msg_type, said[58]) == ("5", "Logon refused")
        exchange.kill()
        exchange.start()
        reset = exchange.run("sessions", "reset", SESSION, "--data", str(exchange.data_dir))
        assert reset.returncode == 0, reset.stderr
        assert answer(exchange, captured).msg_type == "5"
        assert answer(exchange, signed_logon(key=bytes(32))).msg_type == "5"
        assert answer(exchange, signed_logon(seconds_ago=200)).msg_type == "5"
        refused = answer(exchange, signed_logon(more=[(925, "correct-horse-9")], number=1))
        assert (refused.msg_type, refused[58][:6]) == ("5", "70604:")
        assert answer(exchange, signed_logon(more=[(141, "Y")])).msg_type == "A"
        assert "correct-horse-9" not in exchange.errors(1_000_000)
    finally:
        exchange.kill()
