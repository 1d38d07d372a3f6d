"""Resets: a new epoch each, told before anything of it, and what the old one had not sent."""

import time
from collections.abc import Callable

import pytest

from tests.wire.peer import APP, BYTES, EPOCH, LOGON, LOGOUT, NUMBERS, RESET, Exchange

Make = Callable[..., Exchange]
REPORT = "37=O1|17=E{0}|150=0|39=0|55=AAPL|54=1|38=10|151=10|14=0|6=0|"
ORDER = "11=a|55=AAPL|54=1|38=10|40=1|60=20240229-12:00:00|"
HOUR = 3600


def state(exchange: Exchange) -> tuple[int, int, int]:
    entry = exchange.statistics()
    return entry["epoch"], entry["next_sender"], entry["next_target"]


def resets(exchange: Exchange) -> list[tuple[object, ...]]:
    return [item for item in exchange.inbound if item[0] == RESET]


def epochs(exchange: Exchange) -> list[tuple[object, ...]]:
    return [item[3:5] + item[6:] for item in exchange.outbound if item[0] == EPOCH]


def test_logon_with_reset_begins_a_new_epoch_before_any_byte_of_it(exchange: Exchange) -> None:
    first = exchange.logged_on()
    exchange.stage((1, "8", REPORT.format(1)))
    first.expect("8")
    first.close()
    exchange.wait_for(LOGOUT)
    exchange.stage((1, "8", REPORT.format(2)))
    exchange.wait(lambda: 3 in exchange.stored[1, 1])
    peer = exchange.peer()
    peer.logon("141=Y|")
    reply = peer.expect("A")
    assert (reply[34], reply[141]) == ("1", "Y")
    assert exchange.wait_for(RESET) == [(RESET, 1, 2, 1, 2)]
    kinds = [(item[0], item[4] if item[0] == EPOCH else item[4][0][1]) for item in exchange.outbound]
    assert kinds[-2:] == [(EPOCH, 2), (BYTES, 2)]
    order = [item[0] for item in exchange.inbound if item[0] in (RESET, LOGON)]
    assert order == [LOGON, RESET, LOGON]


def test_fresh_session_with_reset_stays_in_its_epoch(exchange: Exchange) -> None:
    peer = exchange.peer()
    peer.logon("141=Y|")
    peer.expect("A")
    assert resets(exchange) == []
    assert state(exchange) == (1, 2, 2)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("98=0|108=0|141=Y|", "HeartBtInt(108) is out of bounds"),
        ("98=0|108=100000|141=Y|", "HeartBtInt(108) is out of bounds"),
        ("98=0|108=-10|141=Y|", "HeartBtInt(108) is out of bounds"),
        ("98=0|108=30|925=fresh|141=Y|", "NewPassword(925) is taken with the first Logon of a connection only"),
    ],
)
def test_a_logon_in_a_session_keeps_to_the_terms_of_the_first(exchange: Exchange, body: str, text: str) -> None:
    peer = exchange.logged_on()
    peer.send("A", body, num=1)
    assert peer.expect("5")[58] == text
    assert resets(exchange) == []
    assert exchange.statistics()["epoch"] == 1


def test_a_logon_in_a_session_resets_its_numbers(exchange: Exchange) -> None:
    peer = exchange.logged_on()
    peer.send("A", "98=0|108=30|141=Y|", num=1)
    assert peer.expect("A")[141] == "Y"
    assert [item[2:4] for item in exchange.wait_for(RESET)] == [(2, 1)]


def test_reset_on_logon_resets_each_time(exchanges: Make) -> None:
    exchange = exchanges(reset_on_logon=True)
    for epoch in (1, 2, 3):
        peer = exchange.logged_on()
        assert state(exchange) == (epoch, 2, 2)
        peer.close()
        exchange.wait_for(LOGOUT, count=epoch)
    assert [item[2:4] for item in resets(exchange)] == [(2, 1), (3, 2)]


def test_reset_on_logout_still_sends_the_logout(exchanges: Make) -> None:
    exchange = exchanges(reset_on_logout=True)
    peer = exchange.logged_on()
    peer.send("5")
    assert peer.expect("5")[34] == "2"
    assert peer.ends()
    exchange.wait_for(RESET)
    assert state(exchange) == (2, 1, 1)


def test_reset_on_disconnect(exchanges: Make) -> None:
    exchange = exchanges(reset_on_disconnect=True)
    exchange.logged_on().close()
    assert exchange.wait_for(RESET)[0][:4] == (RESET, 1, 2, 1)
    exchange.logged_on()


def test_reset_inside_of_a_connection_drops_what_was_held_and_says_so(exchange: Exchange) -> None:
    peer = exchange.logged_on()
    exchange.committing = False
    exchange.stage((1, "8", REPORT.format(1)))
    exchange.wait(lambda: 2 in exchange.stored[1, 1])
    peer.send("A", "98=0|108=30|141=Y|", num=1)
    exchange.wait(lambda: (1, 2) in exchange.stored)
    exchange.commit()
    assert peer.expect("A")[34] == "1"
    assert exchange.wait_for(RESET) == [(RESET, 1, 2, 1, 1)]
    peer.next_num = 2
    peer.send("1", "112=x|")
    assert peer.expect("0")[34] == "2"


def test_reports_beyond_a_gap_do_not_hide_the_unsent_ones_from_a_reset(exchange: Exchange) -> None:
    exchange.stage(*[(1, "8", REPORT.format(n)) for n in (1, 2)])
    exchange.wait(lambda: 2 in exchange.stored.get((1, 1), {}))
    peer = exchange.logged_on()  # numbered 3, and nothing before it was ever sent
    exchange.stage((1, "8", REPORT.format(3)))
    peer.expect("8")
    assert exchange.statistics()["written_through"] == 0
    peer.close()
    exchange.wait_for(LOGOUT)
    again = exchange.peer()
    again.logon("141=Y|")
    again.expect("A")
    assert exchange.wait_for(RESET) == [(RESET, 1, 2, 1, 0)]


def test_resend_closes_the_gap_of_what_was_written(exchange: Exchange) -> None:
    exchange.stage(*[(1, "8", REPORT.format(n)) for n in (1, 2)])
    exchange.wait(lambda: 2 in exchange.stored.get((1, 1), {}))
    peer = exchange.logged_on()
    peer.send("2", "7=1|16=2|")
    for _ in range(2):
        peer.expect("8")
    assert exchange.statistics()["written_through"] == 3


def test_staged_anew_after_a_reset_with_poss_resend(exchange: Exchange) -> None:
    exchange.stage((1, "8", REPORT.format(1)))
    exchange.wait(lambda: 1 in exchange.stored.get((1, 1), {}))
    peer = exchange.peer()
    peer.logon("141=Y|")
    peer.expect("A")
    exchange.wait_for(RESET)
    exchange.stage((1, "8", "97=Y|" + REPORT.format(1)))
    report = peer.expect("8")
    assert (report[34], report[97], report[17]) == ("2", "Y", "E1")


def test_operator_resets_a_session_that_is_logged_on(exchange: Exchange) -> None:
    peer = exchange.logged_on()
    exchange.wire.reset(1)
    peer.expect("5")
    assert peer.ends()
    exchange.wait_for(RESET)
    assert exchange.wait_for(LOGOUT)[0][3:] == (False, "session was reset")
    assert state(exchange) == (2, 1, 1)
    exchange.logged_on()


def test_operator_resets_a_session_that_is_logged_off(exchange: Exchange) -> None:
    exchange.logged_on().close()
    exchange.wait_for(LOGOUT)
    exchange.wire.reset(1)
    exchange.wait_for(RESET)
    exchange.wire.reset(1)
    assert state(exchange) == (2, 1, 1)
    assert len(resets(exchange)) == 1


def test_renumber_upwards_stays_in_the_epoch(exchange: Exchange) -> None:
    exchange.logged_on().close()
    exchange.wait_for(LOGOUT)
    exchange.wire.renumber(1, 50, 60)
    assert exchange.wait_for(NUMBERS, count=2)[-1] == (NUMBERS, 1, 1, 60)
    assert epochs(exchange) == [(1, 1, 50, 60)]
    peer = exchange.peer()
    peer.next_num = 60
    peer.logon()
    assert peer.expect("A")[34] == "50"
    assert peer.is_silent()


def test_renumber_downwards_begins_an_epoch(exchange: Exchange) -> None:
    peer = exchange.logged_on()
    exchange.stage((1, "8", REPORT.format(1)))
    peer.expect("8")
    exchange.wire.renumber(1, 2, 2)
    assert peer.ends()
    assert exchange.wait_for(RESET) == [(RESET, 1, 2, 1, 2)]
    assert epochs(exchange) == [(1, 2, 2, 2)]
    again = exchange.peer()
    again.next_num = 2
    again.logon()
    assert again.expect("A")[34] == "2"


def test_renumber_that_lowers_only_what_is_expected_begins_an_epoch(exchange: Exchange) -> None:
    """The peer may use numbers again that it has used: they must not be taken for what they were before."""
    peer = exchange.logged_on()
    peer.send("D", ORDER)
    exchange.wait_for(APP)
    exchange.wire.renumber(1, 60, 2)
    assert peer.ends()
    assert exchange.wait_for(RESET) == [(RESET, 1, 2, 1, 1)]
    assert epochs(exchange) == [(1, 2, 60, 2)]
    again = exchange.peer()
    again.next_num = 2
    again.logon()
    assert again.expect("A")[34] == "60"
    again.send("D", ORDER)
    assert [item[2:4] for item in exchange.wait_for(APP, count=2)] == [(1, 2), (2, 3)]


@pytest.mark.parametrize("numbers", [(0, 1), (1, 0), (-1, 1)])
def test_renumber_refuses_what_is_no_number(exchange: Exchange, numbers: tuple[int, int]) -> None:
    with pytest.raises((ValueError, TypeError)):
        exchange.wire.renumber(1, *numbers)


def test_numbers_of_the_journal_are_taken_up(exchanges: Make) -> None:
    exchange = exchanges(epoch=7, next_sender=30, next_target=40, written_through=29)
    peer = exchange.peer()
    peer.next_num = 40
    peer.logon()
    assert peer.expect("A")[34] == "30"
    assert exchange.wait_for(LOGON)[0][2] == 7
    assert exchange.outbound[0][4][0][:4] == (1, 7, 30, 1)


def test_non_stop_session_that_is_restarted_days_later_keeps_its_numbers(exchanges: Make) -> None:
    exchange = exchanges(created_s=int(time.time()) - 5 * 24 * HOUR, next_sender=30, next_target=40)
    peer = exchange.peer()
    peer.next_num = 40
    peer.logon()
    assert peer.expect("A")[34] == "30"
    assert resets(exchange) == []


def test_session_created_before_its_window_is_reset_once(exchanges: Make) -> None:
    now = int(time.time())
    exchange = exchanges(created_s=now - 2 * HOUR, next_sender=30, next_target=40)
    exchange.wire.set_windows(1, [(now - HOUR, now + HOUR)], [])
    exchange.wait_for(RESET)
    exchange.logged_on()
    assert state(exchange) == (2, 2, 2)
    assert len(resets(exchange)) == 1


def test_session_created_inside_of_its_window_keeps_its_numbers(exchanges: Make) -> None:
    now = int(time.time())
    exchange = exchanges(created_s=now - 2 * HOUR, next_sender=30, next_target=40)
    exchange.wire.set_windows(1, [(now - 3 * HOUR, now + HOUR)], [])
    assert state(exchange) == (1, 30, 40)


def test_end_of_a_window_logs_out_and_resets_once(exchanges: Make) -> None:
    now = int(time.time())
    exchange = exchanges(created_s=now - 10, options={"tick_ms": 10})
    exchange.wire.set_windows(1, [(now - HOUR, now + 1)], [])
    peer = exchange.logged_on()
    peer.expect("5")
    assert peer.ends()
    exchange.wait_for(RESET)
    exchange.wait_for(LOGOUT)
    assert exchange.wait_for(LOGOUT)[0][4] == "the session's time is over"
    assert state(exchange) == (2, 1, 1)
    assert len(resets(exchange)) == 1
    assert len(epochs(exchange)) == 1


def test_outside_of_logon_windows_the_gate_refuses(exchange: Exchange) -> None:
    now = int(time.time())
    exchange.wire.set_windows(1, [], [(now + HOUR, now + 2 * HOUR)])
    peer = exchange.peer()
    peer.logon()
    assert peer.expect("5")[58] == "Logon refused"
    exchange.wire.set_windows(1, [], [(now - HOUR, now + 2 * HOUR)])
    exchange.logged_on()


def test_end_of_a_logon_window_logs_out_without_a_reset(exchange: Exchange) -> None:
    peer = exchange.logged_on()
    now = int(time.time())
    exchange.wire.set_windows(1, [], [(now - HOUR, now - 1)])
    assert peer.expect("5")[58] == "the time for logons is over"
    peer.send("5")
    assert peer.ends()
    assert exchange.wait_for(LOGOUT)[0][3] is True
    assert state(exchange) == (1, 3, 3)


def test_window_that_ends_before_it_begins_is_refused(exchange: Exchange) -> None:
    with pytest.raises(ValueError, match="ends before it begins"):
        exchange.wire.set_windows(1, [(5, 5)], [])


def test_numbers_of_app_messages_follow_the_epoch(exchange: Exchange) -> None:
    peer = exchange.logged_on()
    peer.send("D", ORDER)
    peer.send("A", "98=0|108=30|141=Y|", num=1)
    peer.send("D", ORDER, num=2)
    assert [item[2:4] for item in exchange.wait_for(APP, count=2)] == [(1, 2), (2, 2)]
