"""Numbers and bytes: nothing numbered leaves before its release, in number order, and never to the next connection."""

from collections.abc import Callable

import pytest

from tests.wire.peer import APP, BYTES, LOGOUT, Exchange, Inbound, split

Make = Callable[..., Exchange]
REPORT = "37=O{0}|17=E{0}|150=0|39=0|55=AAPL|54=1|38=10|151=10|14=0|6=0|"


def reports(session_id: int, first: int, count: int) -> list[tuple[int, str, str]]:
    return [(session_id, "8", REPORT.format(n)) for n in range(first, first + count)]


def test_staged_reports_leave_when_they_are_released(exchange: Exchange) -> None:
    peer = exchange.logged_on()
    exchange.committing = False
    exchange.stage(*reports(1, 1, 3))
    exchange.wait(lambda: len(exchange.stored.get((1, 1), {})) == 4)
    assert peer.is_silent()
    exchange.commit()
    assert [peer.expect("8")[34] for _ in range(3)] == ["2", "3", "4"]


def test_bytes_on_the_wire_are_the_bytes_that_were_journaled(exchange: Exchange) -> None:
    peer = exchange.logged_on()
    exchange.stage(*reports(1, 1, 3))
    sent = [peer.read_bytes() for _ in range(3)]
    assert sent == [exchange.stored[1, 1][n] for n in (2, 3, 4)]


def test_admin_messages_wait_for_their_release_too(exchange: Exchange) -> None:
    peer = exchange.logged_on()
    exchange.committing = False
    peer.send("1", "112=a|")
    exchange.wait(lambda: 2 in exchange.stored[1, 1])
    assert peer.is_silent()
    exchange.commit()
    assert peer.expect("0")[112] == "a"


def test_logon_reply_waits_for_its_release(exchange: Exchange) -> None:
    exchange.committing = False
    peer = exchange.peer()
    peer.logon()
    exchange.wait(lambda: (1, 1) in exchange.stored)
    assert peer.is_silent()
    exchange.commit()
    peer.expect("A")


def test_admin_never_overtakes_staged_reports(exchange: Exchange) -> None:
    peer = exchange.logged_on()
    exchange.committing = False
    exchange.stage(*reports(1, 1, 2))
    exchange.wait(lambda: 3 in exchange.stored[1, 1])
    peer.send("1", "112=a|")
    exchange.wait(lambda: 4 in exchange.stored[1, 1])
    exchange.stage(*reports(1, 3, 1))
    exchange.wait(lambda: 5 in exchange.stored[1, 1])
    assert peer.is_silent()
    exchange.commit()
    assert [peer.read()[k] for k in (35, 35, 35, 35)] == ["8", "8", "0", "8"]  # type: ignore[index]


def test_release_of_an_earlier_item_keeps_the_later_one(exchange: Exchange) -> None:
    peer = exchange.logged_on()
    exchange.committing = False
    exchange.stage(*reports(1, 1, 1))
    exchange.stage(*reports(1, 2, 1))
    exchange.wait(lambda: 3 in exchange.stored[1, 1])
    exchange.wire.release(*exchange.held[0])
    assert peer.expect("8")[34] == "2"
    assert peer.is_silent()
    exchange.commit()
    assert peer.expect("8")[34] == "3"


def test_logout_is_sent_before_the_close_and_both_wait_for_the_commit(exchange: Exchange) -> None:
    peer = exchange.logged_on()
    exchange.committing = False
    exchange.stage(*reports(1, 1, 1))
    peer.send("5")
    exchange.wait(lambda: 3 in exchange.stored[1, 1])
    assert peer.is_silent()
    exchange.commit()
    assert peer.expect("8")[34] == "2"
    assert peer.expect("5")[34] == "3"
    assert peer.ends()
    assert exchange.wait_for(LOGOUT)[0][3:] == (True, "logout")


def test_close_waits_no_longer_than_its_bound_for_the_commit(exchanges: Make) -> None:
    exchange = exchanges(options={"close_timeout_ms": 50})
    peer = exchange.logged_on()
    exchange.committing = False
    peer.send("5")
    assert peer.ends()


def test_held_bytes_never_pass_to_the_next_connection(exchange: Exchange) -> None:
    first = exchange.logged_on()
    exchange.committing = False
    exchange.stage(*reports(1, 1, 2))
    exchange.wait(lambda: 3 in exchange.stored[1, 1])
    first.close()
    exchange.wait_for(LOGOUT)
    second = exchange.peer()
    second.next_num = 2
    second.logon()
    exchange.wait(lambda: 4 in exchange.stored[1, 1])
    exchange.commit()
    assert second.expect("A")[34] == "4"
    second.send("2", "7=2|16=3|")
    assert [second.expect("8")[k] for k in (34, 34)] == ["2", "3"]


def test_reports_of_a_session_that_is_logged_off_are_stored_and_go_out_by_resend(exchange: Exchange) -> None:
    exchange.stage(*reports(1, 1, 2))
    exchange.wait(lambda: 2 in exchange.stored.get((1, 1), {}))
    peer = exchange.peer()
    peer.logon()
    assert peer.expect("A")[34] == "3"
    peer.send("2", "7=1|16=0|")
    first = peer.expect("8")
    assert (first[34], first[43], first[17]) == ("1", "Y", "E1")
    assert 122 in first
    assert peer.expect("8")[17] == "E2"


def test_one_batch_for_many_sessions_is_one_part_per_io_thread_with_a_run_per_session(exchanges: Make) -> None:
    exchange = exchanges(session=False, options={"io_threads": 2})
    for n in (1, 2, 3, 4):
        exchange.add(n, f"T{n}")
    messages = [message for i in range(3) for n in (1, 2, 3, 4) for message in reports(n, i, 1)]
    batch = exchange.stage(*messages)
    exchange.wait(lambda: exchange.parts_missing[batch] == 0)
    parts = [item for item in exchange.outbound if item[0] == BYTES]
    assert {item[1] for item in parts} == {0, 1}
    assert sorted(run[0] for item in parts for run in item[4]) == [1, 2, 3, 4]
    assert {run[2:4] for item in parts for run in item[4]} == {(1, 3)}


def test_empty_batch_needs_no_part(exchange: Exchange) -> None:
    assert exchange.wire.stage(1, []) == 0


def test_messages_for_a_removed_session_are_skipped_and_counted(exchange: Exchange) -> None:
    exchange.add(2, "TRADER2")
    exchange.wire.remove_session(2)
    batch = exchange.stage((2, "8", REPORT.format(1)), (1, "8", REPORT.format(2)))
    exchange.wait(lambda: exchange.parts_missing[batch] == 0)
    assert exchange.wire.statistics()["staged_unknown"] == 1
    assert list(exchange.stored) == [(1, 1)]


@pytest.mark.parametrize("messages", [[(1, "", "1=1\x01")], [(1, "8", "1=1")], [("1", "8", "")], [(1, "8")]])
def test_stage_refuses_what_is_no_message(exchange: Exchange, messages: list[tuple[object, ...]]) -> None:
    with pytest.raises((ValueError, TypeError)):
        exchange.wire.stage(1, messages)  # type: ignore[arg-type]


def test_poss_resend_at_the_start_of_a_body_is_a_header_field(exchange: Exchange) -> None:
    peer = exchange.logged_on()
    exchange.stage((1, "8", "97=Y|" + REPORT.format(1)))
    message = peer.read_bytes()
    assert message is not None
    assert message.index(b"\x0197=Y") < message.index(b"\x0137=")


@pytest.mark.parametrize(("precision", "length"), [(0, 17), (3, 21), (6, 24), (9, 27)])
def test_sending_time_has_the_sessions_precision(exchanges: Make, precision: int, length: int) -> None:
    exchange = exchanges(timestamp_precision=precision)
    peer = exchange.peer()
    peer.logon()
    assert len(peer.expect("A")[52]) == length
    exchange.stage(*reports(1, 1, 1))
    assert len(peer.expect("8")[52]) == length


def test_written_through_is_the_highest_number_that_reached_the_socket(exchange: Exchange) -> None:
    peer = exchange.logged_on()
    exchange.stage(*reports(1, 1, 2))
    for _ in range(2):
        peer.expect("8")
    exchange.committing = False
    exchange.stage(*reports(1, 3, 1))
    exchange.wait(lambda: 4 in exchange.stored[1, 1])
    assert exchange.statistics()["written_through"] == 3
    run = exchange.outbound[-1][4][0]
    assert run[2:4] == (4, 1)
    assert run[6] == 3


def test_slow_consumer_is_cut_and_its_reports_stay_for_a_resend(exchanges: Make) -> None:
    exchange = exchanges(options={"out_bytes_max": 200_000})
    exchange.logged_on()  # never reads again
    bulk = REPORT.format(1) + "58=" + "x" * 50_000 + "|"
    staged = 0
    while not any(item[0] == LOGOUT for item in exchange.inbound):
        batch = exchange.stage((1, "8", bulk), (1, "8", bulk))
        staged += 2
        exchange.wait(lambda batch=batch: exchange.parts_missing[batch] == 0)  # type: ignore[misc]
        assert staged < 1000
    assert exchange.wait_for(LOGOUT)[0][3:] == (False, "slow consumer")
    assert exchange.wire.statistics()["cuts"] == {"slow consumer": 1}
    assert len(exchange.stored[1, 1]) >= staged


def test_many_batches_on_many_threads_keep_order(exchanges: Make) -> None:
    exchange = exchanges(session=False, options={"io_threads": 3})
    peers = []
    for n in range(1, 7):
        exchange.add(n, f"T{n}")
        peers.append(exchange.logged_on(f"T{n}"))
    for i in range(50):
        exchange.stage(*[message for n in range(1, 7) for message in reports(n, i * 2, 2)])
    for peer in peers:
        assert [peer.expect("8")[17] for _ in range(100)] == [f"E{i}" for i in range(100)]


def test_orders_and_reports_cross_without_loss(exchange: Exchange) -> None:
    peer = exchange.logged_on()

    def report(item: Inbound) -> None:
        exchange.stage((1, "8", REPORT.format(item[6][0])))

    exchange.on_app = report
    for i in range(300):
        peer.send("D", f"11={i}|55=AAPL|54=1|38=1|40=1|60=20240101-00:00:00|")
    assert [peer.expect("8")[17] for _ in range(300)] == [f"E{i}" for i in range(300)]
    assert [item[3] for item in exchange.wait_for(APP, count=300)] == list(range(2, 302))


def test_split_of_test_helper_is_whole() -> None:
    assert split(b"8=a\x0110=000\x018=b") == ([b"8=a\x0110=000\x01"], b"8=b")
