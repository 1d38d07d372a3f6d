"""A range that retention has deleted is refused with the first ExecID that is left, and from there on it is sent."""

import re
from pathlib import Path

import pytest

from tests.crash.steps import ask, take_snapshot, wait_for
from tests.crash.test_retention_kill import QUICK_RETENTION
from tests.support.exchange import ExchangeProcess
from tests.support.fix_peer import FixPeer, Message
from tests.support.orders import answer_to, order_fields

ORDERS = 4


def enter(member: FixPeer, prefix: str) -> None:
    """Enter orders, each in a batch of its own."""
    for number in range(ORDERS):
        member.send("D", order_fields(f"{prefix}{number}", "AAPL", "580.00"))
        assert answer_to(member, f"{prefix}{number}")[150] == "0"


def range_from(copy: FixPeer, begin: int) -> list[Message]:
    """Ask for a range up to the last; return what comes."""
    ids = [(1346, f"from{begin}"), (1347, "0"), (1351, "1"), (1355, "DROPCOPY")]
    copy.send("BW", [*ids, (1182, str(begin)), (1183, "0")])
    messages = [copy.receive_application()]
    while messages[-1].msg_type != "BX":
        messages.append(copy.receive_application())
    return messages


@pytest.mark.slow
def test_a_range_before_what_is_kept_names_the_first_that_is(tmp_path: Path) -> None:
    exchange = ExchangeProcess(tmp_path, prefix=QUICK_RETENTION)
    try:
        exchange.start()
        member, copy = exchange.peer("TRADER1"), exchange.peer("DROP1")
        member.logon()
        copy.logon()
        enter(member, "old")
        take_snapshot(exchange)
        enter(member, "new")
        for _ in range(2 * ORDERS):
            assert copy.receive_application().msg_type == "8"
        wait_for(lambda: ask(exchange, "status")["journal"]["base_batch_seq"] > 0, "batches deleted")
        (refused,) = range_from(copy, 1)
        assert (refused[1348], refused[1354]) == ("2", "1")
        left = re.fullmatch(r"60102: E1 is not kept any more, the first that is: E(\d+)", refused[58])
        assert left is not None, refused
        first = int(left[1])
        assert 1 < first <= ORDERS + 1
        *reports, end = range_from(copy, first)
        assert [report[17] for report in reports] == [f"E{n}" for n in range(first, 2 * ORDERS + 1)]
        assert end[1349] == str(len(reports))
        member.cut()
        copy.cut()
    finally:
        exchange.kill()
