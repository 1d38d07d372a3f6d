"""A member who does not read: cut at the bound with a reason, nobody waits for him, and nothing of his is lost."""

from pathlib import Path

import pytest

from tests.fuzz.test_field_values import trade
from tests.support.exchange import ExchangeProcess, replace_in
from tests.support.fix_peer import FixPeer, PeerClosedError, utc_timestamp

SHIPPED_BOUND = "outbound_bytes_per_session_max = 67108864"
SMALL_BOUND = "outbound_bytes_per_session_max = 4194304"
ORDERS_MAX = 120_000
"""Far more than the bound and the buffers of the system between both ends take."""
TRADES_BETWEEN = 2_000


@pytest.mark.slow
def test_a_slow_reader_is_cut_and_gets_everything_when_he_comes_back(tmp_path: Path) -> None:
    exchange = ExchangeProcess(tmp_path)
    replace_in(exchange.config_dir / "exchange.toml", SHIPPED_BOUND, SMALL_BOUND)
    slow, other = exchange.peer("TRADER1", "FIX.4.4"), exchange.peer("TRADER2", "FIX.4.4")
    try:
        exchange.start()
        slow.logon()
        other.logon()
        entered = flood(slow, other)
        slow.cut()
        trade(other)
        slow.gap_allowed = True
        answer = slow.logon()
        reports = [message for message in slow.recover() if message.msg_type == "8"]
        # Reports of orders that waited when he was cut may come behind the gap, and once more in the resend.
        copies = {(report.seq, report[17]) for report in reports}
        assert len({exec_id for _, exec_id in copies}) == len(copies), "an execution has two numbers"
        numbers = sorted(seq for seq, _ in copies if seq < answer.seq)
        assert numbers == list(range(2, answer.seq)), "reports are missing or doubled"
        assert {report[11] for report in reports} <= entered
        assert len(reports) > 2 * TRADES_BETWEEN
        trade(other)
        assert exchange.terminate() == 0
        exchange.verify()
    finally:
        exchange.kill()
        slow.cut()
        other.cut()


def flood(slow: FixPeer, other: FixPeer) -> set[str]:
    """Send orders and never read until the exchange cuts; the other member trades on. Return the ClOrdIDs sent."""
    entered = set()
    terms = [(55, "AAPL"), (54, "1"), (38, "1"), (40, "2"), (44, "300.00"), (59, "3"), (60, utc_timestamp())]
    for number in range(ORDERS_MAX):
        cl_ord_id = f"SLOW{number}"
        entered.add(cl_ord_id)
        try:
            slow.send("D", [(11, cl_ord_id), *terms])
        except (PeerClosedError, TimeoutError):
            return entered
        if number % TRADES_BETWEEN == 0:
            trade(other)
    raise AssertionError("a member who does not read was never cut")
