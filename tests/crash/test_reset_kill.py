"""kill -9 while reports of ended epochs are sent anew: after two resets every report arrives exactly once."""

from pathlib import Path

import pytest

from gateway.fault_points import RESET_FAULT_POINT
from tests.support.exchange import ExchangeProcess
from tests.support.fix_peer import FixPeer, Message, utc_timestamp

MAKER = "FIX.4.4:OUTCRY->MAKER1"
FILL = "F"


def order(peer: FixPeer, cl_ord_id: str, side: str, qty: int) -> None:
    """Send a limit order for AAPL at 585.00."""
    fields = [(11, cl_ord_id), (55, "AAPL"), (54, side), (38, str(qty)), (40, "2"), (44, "585.00"), (59, "1")]
    peer.send("D", [*fields, (60, utc_timestamp())])


def trade(taker: FixPeer, cl_ord_ids: str) -> None:
    """Take 10 of what the maker offers for each letter; when this returns, the fills are committed."""
    for cl_ord_id in cl_ord_ids:
        order(taker, cl_ord_id, "1", 10)
        assert [taker.receive_application().get(150) for _ in range(2)] == ["0", FILL]


def reset(exchange: ExchangeProcess) -> None:
    """Begin the maker's numbers anew. The exchange may die of it before it has answered."""
    exchange.run("sessions", "reset", MAKER, "--data", str(exchange.data_dir))


def die_twice(exchange: ExchangeProcess, taker: FixPeer) -> None:
    """Wait for the fault point; meet it again with the list as the journal has it; then start for good."""
    assert exchange.wait() == -9, exchange.errors()
    taker.close()
    exchange.spawn(options=("--fault-point", f"{RESET_FAULT_POINT}:1"))
    assert exchange.wait() == -9, exchange.errors()
    exchange.verify()
    exchange.start()
    taker.logon()


def fills_of_the_maker(exchange: ExchangeProcess, count: int) -> list[str]:
    """Return the ExecIDs of the maker's fills as the drop copy has them: the cursor knows no epochs of the maker."""
    copy = exchange.peer("DROP1")
    copy.logon()
    exec_ids: list[str] = []
    while len(exec_ids) < count:
        report = copy.receive_application()
        if (report.get(150), report.get(11)) == (FILL, "m"):
            exec_ids.append(report[17])
    copy.cut()
    return exec_ids


def everything_since_1(exchange: ExchangeProcess) -> list[Message]:
    """Log the maker on with numbers that begin at 1 and return the reports that it is sent."""
    maker = exchange.peer("MAKER1")
    maker.gap_allowed = True
    maker.logon()
    reports = [message for message in maker.recover() if message.msg_type == "8"]
    maker.cut()
    return reports


@pytest.mark.slow
@pytest.mark.parametrize(
    "count", [1, pytest.param(2, marks=pytest.mark.soak), pytest.param(3, marks=pytest.mark.soak), 4]
)
def test_unsent_reports_outlive_two_resets_and_a_kill(count: int, tmp_path: Path) -> None:
    """The first reset passes the fault point twice, for what was repeated and what was not, and so does the second."""
    exchange = ExchangeProcess(tmp_path)
    try:
        exchange.start(options=("--fault-point", f"{RESET_FAULT_POINT}:{count}"))
        maker, taker = exchange.peer("MAKER1"), exchange.peer("TRADER1")
        maker.logon()
        order(maker, "m", "2", 1_000)
        assert maker.receive_application().get(150) == "0"
        maker.logout()
        taker.logon()
        trade(taker, "abc")
        reset(exchange)
        if count <= 2:
            die_twice(exchange, taker)
        trade(taker, "de")
        reset(exchange)
        if count > 2:
            die_twice(exchange, taker)
        trade(taker, "f")
        fills = fills_of_the_maker(exchange, 6)
        reports = everything_since_1(exchange)
        assert sorted(report[17] for report in reports) == sorted(fills)
        assert [report[17] for report in reports if report.get(97) == "Y"] == fills[:5]
        taker.cut()
        assert exchange.terminate() == 0
        exchange.verify()
    finally:
        exchange.kill()
