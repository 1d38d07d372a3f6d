"""Lists of orders over shards: one shard takes the whole of it, or nobody does."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from matching.commands import CancelOrder, NewOrderList, RefuseOrder, RefuseOrderList, SetAcceptance
from matching.events import Event, Execution, MessageUnavailable, OrderListAnswered, OrderRefused
from matching.refusals import MARKET_NOT_AVAILABLE, SHARD_NOT_AVAILABLE
from tests.gateway.test_shard_market import connected
from tests.support.shard_pair import SESSION, ShardSide, order, settle, shard_sides


@pytest.fixture
def shards(tmp_path: Path) -> Iterator[list[ShardSide]]:
    """The shards a and b."""
    with shard_sides(tmp_path, "a", "b") as both:
        yield both


def oco(number: int, *names: str, instrument_id: int = 2, poss_resend: bool = False) -> NewOrderList:
    """A list of legs that end each other, for shard b; message `number` of the session."""
    legs = [
        msgspec.structs.replace(
            order(number, name, instrument_id=instrument_id, price=9_000 - at), poss_resend=poss_resend
        )
        for at, name in enumerate(names)
    ]
    return NewOrderList(SESSION, 1, number, f"L{number}", "oco", tuple(legs), poss_resend)


def refused(number: int, symbol: str, *, poss_resend: bool = False) -> RefuseOrderList:
    """A list that could not be expressed."""
    one = RefuseOrder(SESSION, 1, number, poss_resend, "r", "", symbol, "1", "2", "0", "1", "1", 11, "why", 11102)
    return RefuseOrderList(SESSION, 1, number, poss_resend, "L", "", (one,), "why", 11102)


def kinds(events: list[Event]) -> list[type]:
    return [type(event) for event in events]


def test_a_list_is_taken_by_the_shard_of_its_instrument_and_its_legs_are_found_by_name(
    shards: list[ShardSide],
) -> None:
    gateway = connected(*shards)
    # The cancel comes before the shard has said anything of its order.
    gateway.turn(oco(2, "x", "y"), CancelOrder(SESSION, 1, 3, "c", "y", 0, 0, "1"))
    events = settle(gateway, *shards)
    assert kinds(events) == [Execution, Execution, OrderListAnswered, Execution, Execution]
    assert all(not isinstance(command, NewOrderList) for command in shards[0].commands())
    assert [event.cl_ord_id for event in events if isinstance(event, Execution)] == ["x", "y", "c", "x"]
    gateway.turn(oco(4, "x", "y", poss_resend=True))
    again = settle(gateway, *shards)[-1]
    assert isinstance(again, OrderListAnswered)
    assert again.is_status
    gateway.close()


def test_a_list_for_a_shard_that_is_down_is_refused_here_with_all_its_orders(shards: list[ShardSide]) -> None:
    gateway = connected(*shards)
    gateway.market.links["b"].drop("killed")
    events = gateway.turn(oco(2, "x", "y"))
    assert kinds(events) == [OrderRefused, OrderRefused, OrderListAnswered]
    assert [event.code for event in events if isinstance(event, OrderRefused | OrderListAnswered)] == [
        MARKET_NOT_AVAILABLE
    ] * 3
    assert gateway.relay.is_answered_here(SESSION, 1, 2)
    assert gateway.turn(oco(2, "x", "y")) == []
    gateway.close()


def test_of_a_list_that_may_be_a_repeat_nothing_is_said_while_its_shard_is_down(shards: list[ShardSide]) -> None:
    gateway = connected(*shards)
    gateway.market.links["b"].drop("killed")
    for number, command in ((2, oco(2, "x", "y", poss_resend=True)), (3, refused(3, "MSFT", poss_resend=True))):
        [event] = gateway.turn(command)
        assert isinstance(event, MessageUnavailable)
        assert (event.msg_seq_num, event.ref_msg_type, event.code) == (number, "E", SHARD_NOT_AVAILABLE)
    gateway.close()


def test_a_list_that_could_not_be_expressed_is_refused_by_the_shard_of_its_symbol_or_here(
    shards: list[ShardSide],
) -> None:
    gateway = connected(*shards)
    assert kinds(gateway.turn(refused(2, "NOSUCH"))) == [OrderRefused, OrderListAnswered]
    assert gateway.turn(refused(3, "MSFT")) == []
    assert kinds(settle(gateway, *shards)) == [OrderRefused, OrderListAnswered]
    gateway.market.links["b"].drop("killed")
    assert kinds(gateway.turn(refused(4, "MSFT"))) == [OrderRefused, OrderListAnswered]
    gateway.close()


def test_no_list_is_let_through_while_new_orders_are_not_accepted(shards: list[ShardSide]) -> None:
    gateway = connected(*shards)
    gateway.apply([SetAcceptance(False, "disk")])
    events = gateway.turn(oco(2, "x", "y"))
    assert kinds(events) == [OrderRefused, OrderRefused, OrderListAnswered]
    gateway.close()


def test_an_answered_list_is_not_given_again_by_the_next_gateway(shards: list[ShardSide]) -> None:
    gateway = connected(*shards)
    gateway.turn(oco(2, "x", "y"))
    settle(gateway, *shards)
    gateway = gateway.restarted()
    for shard in shards:
        gateway.connect(shard)
    gateway.turn(oco(2, "x", "y"))
    assert settle(gateway, *shards) == []
    assert sum(isinstance(command, NewOrderList) for command in shards[1].commands()) == 1
    gateway.close()
