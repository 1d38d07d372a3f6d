"""A session that is taken out of the configuration: its orders are canceled at the next start."""

from pathlib import Path

import pytest

from tests.support.exchange import ExchangeProcess
from tests.support.fix_peer import FixPeer, utc_timestamp


def order(peer: FixPeer, cl_ord_id: str, side: str, time_in_force: str) -> None:
    """Send a limit order for 10 AAPL at 585.00."""
    fields = [(11, cl_ord_id), (55, "AAPL"), (54, side), (38, "10"), (40, "2"), (44, "585.00"), (59, time_in_force)]
    peer.send("D", [*fields, (60, utc_timestamp())])


def told(peer: FixPeer, count: int) -> list[tuple[str | None, str | None]]:
    """Return ClOrdID and ExecType of the next reports."""
    reports = [peer.receive_application() for _ in range(count)]
    return [(report.get(11), report.get(150)) for report in reports]


@pytest.mark.slow
def test_orders_of_a_session_that_is_gone_are_canceled_at_the_start(tmp_path: Path) -> None:
    exchange = ExchangeProcess(tmp_path)
    path = exchange.config_dir / "sessions.cfg"
    before = path.read_text(encoding="utf-8")
    file = exchange.sessions()
    file.clone("TRADER1", "FIX.4.4", "GONE1")
    file.write()
    try:
        exchange.start()
        gone = FixPeer(exchange.address, "FIX.4.4", "GONE1", username="TRADER1")
        gone.logon()
        order(gone, "g", "2", "1")
        assert told(gone, 1) == [("g", "0")]
        gone.cut()
        exchange.kill()
        path.write_text(before, encoding="utf-8")
        exchange.start()
        taker, copy = exchange.peer("TRADER2"), exchange.peer("DROP1")
        taker.logon()
        order(taker, "t", "1", "3")
        assert told(taker, 2) == [("t", "0"), ("t", "C")]
        copy.logon()
        assert told(copy, 4) == [("g", "0"), ("g", "4"), ("t", "0"), ("t", "C")]
        taker.cut()
        copy.cut()
        assert exchange.terminate() == 0
        exchange.verify()
    finally:
        exchange.kill()
