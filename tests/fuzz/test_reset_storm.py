"""A member who resets its numbers again and again is cut with a reason, and the others trade on."""

import time
from pathlib import Path
from typing import Final

import pytest

from tests.fuzz.test_field_values import trade
from tests.support.exchange import ExchangeProcess
from tests.support.fix_peer import FixPeer, PeerClosedError

RESETS: Final = 3_000
LOGON_SECONDS_MAX: Final = 30.0


def _logon_when_allowed(peer: FixPeer) -> None:
    """Log on with a reset; refused for as long as the ended epochs are still being worked off."""
    deadline = time.monotonic() + LOGON_SECONDS_MAX
    while True:
        try:
            peer.logon([(141, "Y")])
            return
        except PeerClosedError:
            assert time.monotonic() < deadline, "no Logon was taken"
            time.sleep(0.1)


@pytest.mark.slow
def test_a_storm_of_resets_is_cut_and_leaves_a_bounded_list(tmp_path: Path) -> None:
    exchange = ExchangeProcess(tmp_path)
    storming, other = exchange.peer("TRADER1", "FIX.4.4"), exchange.peer("TRADER2", "FIX.4.4")
    try:
        exchange.start()
        storming.logon()
        other.logon()
        storming.check_numbers = False
        again = storming.encode("A", [*storming.logon_fields(), (141, "Y"), (34, "1")])
        storming.send_raw(again * RESETS)
        trade(other)
        storming.expect_closed()
        trade(other)
        _logon_when_allowed(storming)
        trade(storming)
        assert exchange.terminate() == 0
        assert "numbers were reset more than" in (tmp_path / "stderr.log").read_text(encoding="utf-8")
        exchange.verify()
    finally:
        exchange.kill()
        storming.cut()
        other.cut()
