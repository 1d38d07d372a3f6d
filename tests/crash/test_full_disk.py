"""A full disk and a failing sync under load: orders are refused with a reason, nothing is lost, and trading returns."""

import contextlib
import os
from pathlib import Path

import pytest

from tests.crash.full_disk import CannotProvokeError, failing_sync, small_disk
from tests.crash.member import Member, Order
from tests.crash.room import Room
from tests.crash.steps import wait_for
from tests.support.exchange import ExchangeProcess, replace_in
from tests.support.fix_peer import unique_id, utc_timestamp

SEED = 20110823
ROUNDS_MAX = 40
ACCEPTED, CANCELED, REJECTED = "0", "4", "8"


def told(member: Member, exec_type: str, text: str = "") -> int:
    """How many reports of that ExecType(150) a member has, with that in their Text(58)."""
    contents = [dict(content) for content in member.reports.values()]
    return sum(1 for content in contents if content.get(150) == exec_type and text in content.get(58, ""))


def told_all(room: Room, exec_type: str, text: str = "") -> int:
    """The same of all members together."""
    return sum(told(member, exec_type, text) for member in room.members)


def trade_until(room: Room, exec_type: str, text: str, what: str) -> None:
    """Trade until there are more reports of that kind than now."""
    before = told_all(room, exec_type, text)
    for _ in range(ROUNDS_MAX):
        room.trade_for(0.1)
        if told_all(room, exec_type, text) > before:
            return
    raise AssertionError(f"{what}: not within {ROUNDS_MAX} rounds")


def rest_one(member: Member) -> Order:
    """Enter an order to buy below all others, which rests."""
    cl_ord_id = unique_id()
    terms = [(38, "10"), (40, "2"), (44, "584.00"), (59, "1")]
    fields = [(11, cl_ord_id), (21, "1"), (55, "AAPL"), (54, "1"), *terms, (60, utc_timestamp())]
    # Not among the orders that the member itself goes on to replace and cancel.
    member.owner[cl_ord_id] = order = Order(fields)
    member.asked.append(cl_ord_id)
    member.send_application("D", fields)
    member.settle()
    return order


def cancel(member: Member, order: Order) -> None:
    """Cancel an order that rests; the cancel has to be accepted."""
    assert order.report is not None
    assert order.is_open, order.report
    cl_ord_id = unique_id()
    ids = [(11, cl_ord_id), (41, order.report[11]), (55, "AAPL"), (54, order.report[54]), (60, utc_timestamp())]
    member.owner[cl_ord_id] = order
    member.asked.append(cl_ord_id)
    member.send_application("F", [*ids, (38, order.report[38])])
    member.settle()
    assert order.report[150] == CANCELED, order.report


@pytest.mark.slow
def test_a_full_disk_refuses_orders_and_nothing_else(tmp_path: Path) -> None:
    exchange = ExchangeProcess(tmp_path)
    settings = exchange.config_dir / "exchange.toml"
    replace_in(settings, "disk_free_bytes_min = 1073741824", "disk_free_bytes_min = 16777216")
    replace_in(settings, "ballast_bytes = 67108864", "ballast_bytes = 8388608")
    with contextlib.ExitStack() as stack:
        try:
            disk = stack.enter_context(small_disk(exchange.data_dir))
        except CannotProvokeError as error:
            pytest.skip(f"no file system of its own: {error}")
        room = stack.enter_context(contextlib.closing(Room(exchange, SEED)))
        stack.callback(exchange.kill)
        exchange.start()
        room.trade_for(0.2)
        resting = rest_one(room.members[0])
        disk.fill()
        trade_until(room, REJECTED, "disk", "orders refused because of the disk")
        cancel(room.members[0], resting)
        trade_until(room, REJECTED, "disk", "orders refused still")
        assert "disk full: ballast given up" in exchange.errors() or "is below" in exchange.errors()
        disk.empty()
        trade_until(room, ACCEPTED, "", "orders accepted when there is room again")
        room.kill()
        exchange.verify()
        exchange.start()
        room.check()
        assert exchange.terminate() == 0
        exchange.verify()


@pytest.mark.slow
def test_while_syncing_fails_nothing_is_told_and_then_everything(tmp_path: Path) -> None:
    """What cannot be made durable has no answer, a refusal neither; it comes when the disk takes it."""
    with contextlib.ExitStack() as stack:
        exchange, flag = _with_failing_sync(tmp_path)
        room = stack.enter_context(contextlib.closing(Room(exchange, SEED + 1)))
        stack.callback(exchange.kill)
        exchange.start()
        room.trade_for(0.2)
        flag.touch()
        room.trade_for(0.1)
        wait_for(lambda: "journal cannot be written" in exchange.errors(), "a commit that failed")
        before = [len(member.reports) for member in room.members]
        room.trade_for(0.3)
        assert [len(member.reports) for member in room.members] == before
        flag.unlink()
        for member in room.members:
            member.settle()
        room.trade_until_killed_after(0.1)
        exchange.verify()
        exchange.start()
        room.check()
        assert exchange.terminate() == 0


@pytest.mark.soak
def test_an_exchange_whose_disk_never_syncs_again_ends_in_order(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        exchange, flag = _with_failing_sync(tmp_path)
        room = stack.enter_context(contextlib.closing(Room(exchange, SEED + 2)))
        stack.callback(exchange.kill)
        exchange.start()
        room.trade_for(0.2)
        flag.touch()
        assert exchange.wait(120) == 1
        assert "outcry:" in exchange.errors()
        room.kill()
        os.unlink(flag)
        exchange.verify()
        exchange.start()
        room.check()
        assert exchange.terminate() == 0


def _with_failing_sync(base: Path) -> tuple[ExchangeProcess, Path]:
    exchange = ExchangeProcess(base)
    try:
        exchange.environment, flag = failing_sync(base)
    except CannotProvokeError as error:
        pytest.skip(str(error))
    return exchange, flag
