"""A session that sends more than is polled: it waits itself, the others do not, and nothing of it is lost."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.wire.peer import APP, LOGOUT, PATIENCE_S, RESEND, SOH, Exchange, Peer

Make = Callable[..., Exchange]
ORDER = "11={0}|55=AAPL|54=1|38=10|40=2|44=1.5|60=20240229-12:00:00|"
BATCH, BOUND, SLICE = 64, 512, 8
SMALL = {"batch_max": BATCH, "session_queue_max": BOUND, "session_slice": SLICE}


def orders(peer: Peer, count: int) -> bytes:
    """So many orders of a peer, numbered one after the other."""
    return b"".join(peer.encode("D", ORDER.format(number)) for number in range(count))


def read_until(exchange: Exchange, condition: Callable[[], bool]) -> None:
    """Asks the IO threads again and again until they have read what is waited for."""
    for _ in range(100_000):
        if condition():
            return
    raise AssertionError(f"waited in vain: {exchange.wire.statistics()}")


def in_queue(exchange: Exchange) -> int:
    """Inbound items that nobody has polled yet."""
    return int(exchange.wire.statistics()["in_queue"])


def app_numbers(exchange: Exchange, session_id: int, count: int) -> list[int]:
    """The numbers of a session's messages, once there are so many."""
    return [item[3] for item in exchange.wait_for(APP, session_id, count=count)]


@pytest.mark.parametrize("io_threads", [1, 2])
def test_an_order_of_another_session_passes_a_flood(exchanges: Make, io_threads: int) -> None:
    exchange = exchanges(options={**SMALL, "io_threads": io_threads})
    exchange.add(2, "TRADER2")
    flood, other = exchange.logged_on(), exchange.logged_on("TRADER2")
    with exchange.changed:  # the polling thread waits here, with at most one batch in its hands
        flood.raw(orders(flood, 1_000))
        read_until(exchange, lambda: in_queue(exchange) >= BOUND - BATCH)
        other.send("D", ORDER.format("other"))
        read_until(exchange, lambda: bool(exchange.statistics(2)["next_target"] == 3))
    assert app_numbers(exchange, 1, 1_000) == list(range(2, 1_002))
    assert app_numbers(exchange, 2, 1) == [2]
    before = [item[1] for item in exchange.inbound if item[0] == APP].index(2)
    assert before <= BATCH + 2 * SLICE


def test_a_session_over_its_bound_is_not_read_and_loses_nothing(exchanges: Make) -> None:
    exchange = exchanges(options=SMALL)
    exchange.add(2, "TRADER2")
    flood, other = exchange.logged_on(), exchange.logged_on("TRADER2")
    with exchange.changed:
        flood.raw(orders(flood, 3_000))
        read_until(exchange, lambda: in_queue(exchange) >= BOUND - BATCH)
        # He is read although the flood is not.
        other.raw(orders(other, 100))
        read_until(exchange, lambda: bool(exchange.statistics(2)["next_target"] == 102))
        assert in_queue(exchange) <= BOUND + SLICE + 100
    assert app_numbers(exchange, 1, 3_000) == list(range(2, 3_002))
    assert app_numbers(exchange, 2, 100) == list(range(2, 102))


def test_when_all_is_full_a_session_still_has_a_slice_of_its_own(exchanges: Make) -> None:
    exchange = exchanges(options={**SMALL, "in_queue_max": 100})
    exchange.add(2, "TRADER2")
    flood, other = exchange.logged_on(), exchange.logged_on("TRADER2")
    with exchange.changed:
        flood.raw(orders(flood, 1_000))
        read_until(exchange, lambda: in_queue(exchange) >= 100 - BATCH)
        other.raw(orders(other, 100))
        read_until(exchange, lambda: bool(exchange.statistics(2)["next_target"] >= 2 + SLICE))
        assert in_queue(exchange) <= 100 + 2 * SLICE
    assert app_numbers(exchange, 1, 1_000) == list(range(2, 1_002))
    assert app_numbers(exchange, 2, 100) == list(range(2, 102))


def test_floods_share_what_is_polled(exchanges: Make) -> None:
    exchange = exchanges(options=SMALL)
    for session_id in (2, 3):
        exchange.add(session_id, f"TRADER{session_id}")
    peers = [exchange.logged_on(f"TRADER{number}") for number in (1, 2, 3)]
    with exchange.changed:
        for number, peer in enumerate(peers, 1):
            peer.raw(orders(peer, 400))
            read_until(exchange, lambda number=number: exchange.statistics(number)["next_target"] == 402)  # type: ignore[misc]
    for number in (1, 2, 3):
        assert app_numbers(exchange, number, 400) == list(range(2, 402))
    # The one who came last is served long before the first is done.
    session_ids = [item[1] for item in exchange.inbound if item[0] == APP]
    assert session_ids.index(3) <= 2 * BATCH
    last_of_first = len(session_ids) - 1 - session_ids[::-1].index(1)
    assert session_ids[:last_of_first].count(3) >= 400 - 2 * BATCH


def test_the_end_of_a_flood_comes_behind_all_of_it(exchanges: Make) -> None:
    exchange = exchanges(options=SMALL)
    flood = exchange.logged_on()
    with exchange.changed:
        flood.raw(orders(flood, 2_000))
        flood.close()
    exchange.wait_for(LOGOUT)
    items = [item for item in exchange.inbound if item[0] in (APP, LOGOUT)]
    assert [item[3] for item in items[:-1]] == list(range(2, 2_002))
    assert items[-1][0] == LOGOUT


def test_what_waited_behind_a_resend_comes_in_turns_too(exchanges: Make) -> None:
    exchange = exchanges(options={**SMALL, "session_queue_max": 16})
    exchange.supplying = False
    peer = exchange.logged_on()
    exchange.stage((1, "8", "37=a|17=b|150=0|39=0|55=AAPL|54=1|151=1|14=0|6=0|"))
    peer.expect("8")
    peer.send("2", "7=1|16=0|")
    exchange.wait_for(RESEND)
    peer.raw(orders(peer, 300))
    exchange.supplying = True
    exchange.wire.wake()
    assert app_numbers(exchange, 1, 300) == list(range(3, 303))


@pytest.mark.slow
def test_a_peer_whose_messages_wait_is_not_taken_for_silent(exchanges: Make) -> None:
    exchange = exchanges(options={**SMALL, "session_queue_max": 8}, heart_bt_int_min=1)
    polling_goes_on = threading.Event()

    def take(_item: tuple[Any, ...]) -> None:
        polling_goes_on.wait(PATIENCE_S)

    exchange.on_app = take
    peer = exchange.logged_on(interval=1)
    exchange.wire.release(0, 1_000)  # Heartbeats leave although nobody polls
    peer.raw(orders(peer, 1_000))
    # It says nothing for four of its intervals: the exchange has its messages, and only has not read them.
    for _ in range(4):
        peer.expect("0")
    polling_goes_on.set()
    assert app_numbers(exchange, 1, 1_000) == list(range(2, 1_002))


def test_an_order_without_checksum_is_ignored_and_its_number_stays_due(exchange: Exchange) -> None:
    peer = exchange.logged_on()
    message = peer.encode("D", ORDER.format("a"))
    peer.raw(message[: message.rindex(b"10=")])
    peer.send("D", ORDER.format("b"))
    request = peer.expect("2")
    assert (request[7], request[16]) == ("2", "0")
    peer.send("D", ORDER.format("a"), num=2)
    assert [item[6][0] for item in exchange.wait_for(APP, count=2)] == ["a", "b"]


def test_a_logon_without_checksum_is_no_message_and_ends_at_the_time_limit(exchange: Exchange) -> None:
    peer = exchange.peer()
    logon = peer.encode("A", f"98=0{SOH}108=30{SOH}553=TRADER1{SOH}554=secret{SOH}")
    peer.raw(logon[: logon.rindex(b"10=")])
    assert peer.ends()
    assert exchange.attempts == []
    # He has no number used up by it.
    assert exchange.logged_on().next_num == 2


def test_a_logon_without_checksum_is_not_mended_by_the_next_one(exchange: Exchange) -> None:
    peer = exchange.peer()
    logon = peer.encode("A", f"98=0{SOH}108=30{SOH}553=TRADER1{SOH}554=secret{SOH}", num=1)
    peer.raw(logon[: logon.rindex(b"10=")] + logon)
    assert peer.ends()
    assert exchange.attempts == []


def test_a_session_that_is_paced_is_read_after_its_pause_and_loses_nothing(exchanges: Make) -> None:
    exchange = exchanges(options=SMALL)
    exchange.add(2, "TRADER2")
    flood, other = exchange.logged_on(), exchange.logged_on("TRADER2")
    exchange.wire.pace(1, 1_000_000)
    exchange.statistics(1)  # the pause was taken up
    flood.raw(orders(flood, 3 * SLICE))
    other.send("D", ORDER.format("other"))
    assert app_numbers(exchange, 2, 1) == [2]
    assert exchange.statistics(1)["next_target"] == 2
    assert app_numbers(exchange, 1, 3 * SLICE) == list(range(2, 2 + 3 * SLICE))
    for microseconds in (-1, 1_000_001):
        with pytest.raises(ValueError, match="a pause is of 0 to 1000000 microseconds"):
            exchange.wire.pace(1, microseconds)


def test_pauses_of_a_session_add_up(exchanges: Make) -> None:
    exchange = exchanges(options=SMALL)
    exchange.add(2, "TRADER2")
    flood, other = exchange.logged_on(), exchange.logged_on("TRADER2")
    exchange.wire.pace(1, 450_000)
    exchange.wire.pace(1, 450_000)
    exchange.wire.pace(2, 500_000)
    exchange.statistics(1)  # the pauses were taken up
    flood.send("D", ORDER.format("flood"))
    other.send("D", ORDER.format("other"))
    assert app_numbers(exchange, 1, 1) == app_numbers(exchange, 2, 1) == [2]
    assert [item[1] for item in exchange.inbound if item[0] == APP] == [2, 1]
