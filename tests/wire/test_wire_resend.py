"""Resends: slice by slice out of the journal, never a lost report in a gap fill, nobody else made to wait."""

from collections.abc import Callable

import pytest

from tests.wire.peer import LOGOUT, NUMBERS, RESEND, Exchange, Peer

Make = Callable[..., Exchange]
REPORT = "37=O{0}|17=E{0}|150=0|39=0|55=AAPL|54=1|38=10|151=10|14=0|6=0|"


def stage(exchange: Exchange, first: int, count: int, session_id: int = 1) -> None:
    exchange.stage(*[(session_id, "8", REPORT.format(n)) for n in range(first, first + count)])


def drain(peer: Peer, count: int, msg_type: str = "8") -> list[dict[int, str]]:
    return [peer.expect(msg_type) for _ in range(count)]


def test_whole_session_comes_again_in_slices_with_admin_messages_filled(exchanges: Make) -> None:
    exchange = exchanges(options={"resend_slice": 7, "resend_step": 3})
    peer = exchange.logged_on()
    stage(exchange, 1, 20)
    drain(peer, 20)
    peer.send("1", "112=x|")
    peer.expect("0")
    stage(exchange, 21, 2)
    drain(peer, 2)
    peer.send("2", "7=1|16=0|")
    fill = peer.expect("4")
    assert (fill[34], fill[36], fill[123], fill[43]) == ("1", "2", "Y", "Y")
    copies = drain(peer, 20)
    assert [copy[17] for copy in copies] == [f"E{n}" for n in range(1, 21)]
    assert {copy[43] for copy in copies} == {"Y"}
    fill = peer.expect("4")
    assert (fill[34], fill[36]) == ("22", "23")
    assert [copy[17] for copy in drain(peer, 2)] == ["E21", "E22"]
    asked = [item[4:6] for item in exchange.wait_for(RESEND)]
    assert asked == [(1, 7), (8, 14), (15, 21), (22, 24)]
    assert exchange.wait_for(NUMBERS)[-1][3] == 4


def test_one_number_and_a_range_come_again(exchange: Exchange) -> None:
    peer = exchange.logged_on()
    stage(exchange, 1, 5)
    drain(peer, 5)
    peer.send("2", "7=3|16=3|")
    assert peer.expect("8")[34] == "3"
    peer.send("2", "7=4|16=5|")
    assert [copy[34] for copy in drain(peer, 2)] == ["4", "5"]
    assert peer.is_silent()


def test_input_behind_a_resend_waits_and_is_not_lost(exchange: Exchange) -> None:
    peer = exchange.logged_on()
    stage(exchange, 1, 3)
    drain(peer, 3)
    exchange.supplying = False
    peer.send("2", "7=2|16=0|")
    peer.send("1", "112=behind|")
    exchange.wait_for(RESEND)
    assert peer.is_silent()
    exchange.supplying = True
    exchange.wire.wake()
    drain(peer, 3)
    assert peer.expect("0")[112] == "behind"


def test_other_sessions_go_on_while_one_resends(exchanges: Make) -> None:
    exchange = exchanges()
    exchange.add(2, "TRADER2")
    peer, other = exchange.logged_on(), exchange.logged_on("TRADER2")
    exchange.supplying = False
    peer.send("2", "7=1|16=0|")
    exchange.wait_for(RESEND)
    stage(exchange, 1, 1, session_id=2)
    other.expect("8")
    stage(exchange, 1, 1)
    peer.expect("8")


def test_requests_behind_a_running_one_are_answered_in_turn(exchange: Exchange) -> None:
    peer = exchange.logged_on()
    stage(exchange, 1, 3)
    drain(peer, 3)
    peer.raw(peer.encode("2", "7=2|16=0|") + peer.encode("2", "7=2|16=0|") + peer.encode("2", "7=4|16=4|"))
    assert [copy[34] for copy in drain(peer, 7)] == ["2", "3", "4", "2", "3", "4", "4"]


def test_too_many_requests_at_once_are_cut(exchanges: Make) -> None:
    exchange = exchanges(options={"resend_queue_max": 3})
    peer = exchange.logged_on()
    exchange.supplying = False
    for _ in range(6):
        peer.send("2", "7=1|16=0|")
    assert peer.ends()
    assert exchange.wait_for(LOGOUT)[0][4] == "more than 3 ResendRequests at once"


def test_message_that_the_journal_lacks_cuts_the_session_and_is_never_filled(exchange: Exchange) -> None:
    peer = exchange.logged_on()
    stage(exchange, 1, 3)
    drain(peer, 3)
    del exchange.stored[1, 1][3]
    peer.send("2", "7=1|16=0|")
    assert peer.ends()
    assert exchange.wait_for(LOGOUT)[0][4] == "resend: message 3 is missing from the journal"


def test_bytes_that_are_not_the_messages_asked_for_cut_the_session(exchange: Exchange) -> None:
    peer = exchange.logged_on()
    stage(exchange, 1, 3)
    drain(peer, 3)
    exchange.stored[1, 1][3] = exchange.stored[1, 1][2]
    peer.send("2", "7=1|16=0|")
    assert peer.ends()
    assert exchange.wait_for(LOGOUT)[0][4] == "resend: messages from 3 on are not as they were numbered"


def test_answer_to_a_connection_that_has_gone_does_not_reach_the_next(exchange: Exchange) -> None:
    first = exchange.logged_on()
    exchange.supplying = False
    first.send("2", "7=1|16=0|")
    request = exchange.wait_for(RESEND)[0]
    first.close()
    exchange.wait_for(LOGOUT)
    second = exchange.logged_on(num=2)
    exchange.wire.supply(1, request[3], [(1, 1, exchange.stored[1, 1][1])], [])
    assert second.is_silent()


@pytest.mark.parametrize("body", ["7=0|16=0|", "7=9|16=0|", "7=5|16=4|", "7=3|16=2|", "7=99999999999999999999|16=0|"])
def test_range_that_is_none_is_rejected(exchange: Exchange, body: str) -> None:
    peer = exchange.logged_on()
    stage(exchange, 1, 4)
    drain(peer, 4)
    peer.send("2", body)
    reject = peer.expect("3")
    assert (reject[45], reject[371], reject[372]) == ("2", "7", "2")
    peer.send("1", "112=x|")
    peer.expect("0")


def test_request_too_low_logs_out(exchange: Exchange) -> None:
    peer = exchange.logged_on()
    peer.send("2", "7=1|16=0|", num=1)
    assert peer.expect("5")[58] == "MsgSeqNum too low, expecting 2 but received 1"


def test_request_with_a_number_ahead_is_answered_first(exchange: Exchange) -> None:
    peer = exchange.logged_on()
    stage(exchange, 1, 1)
    peer.expect("8")
    peer.send("2", "7=2|16=2|", num=5)
    assert peer.expect("8")[43] == "Y"
    assert exchange.statistics()["next_target"] == 2


def test_all_of_fix42_is_written_as_999999_too(exchanges: Make) -> None:
    exchange = exchanges(begin_string="FIX.4.2")
    peer = exchange.logged_on(begin_string="FIX.4.2")
    exchange.stage((1, "8", "37=1|17=E1|20=0|150=0|39=0|55=AAPL|54=1|38=1|151=1|14=0|6=0|"))
    peer.expect("8")
    peer.send("2", "7=2|16=999999|")
    assert peer.expect("8")[17] == "E1"


def test_number_999999_itself_comes_again(exchanges: Make) -> None:
    exchange = exchanges(begin_string="FIX.4.2", next_sender=999_998)
    peer = exchange.peer(begin_string="FIX.4.2")
    peer.logon()
    peer.expect("A")
    body = "37=1|17=E{}|20=0|150=0|39=0|55=AAPL|54=1|38=1|151=1|14=0|6=0|"
    exchange.stage(*[(1, "8", body.format(n)) for n in range(3)])
    drain(peer, 3)
    peer.send("2", "7=999999|16=1000001|")
    assert [copy[34] for copy in drain(peer, 3)] == ["999999", "1000000", "1000001"]


def test_next_expected_number_of_a_logon_brings_what_is_missing(exchange: Exchange) -> None:
    peer = exchange.logged_on()
    stage(exchange, 1, 3)
    drain(peer, 3)
    peer.close()
    exchange.wait_for(LOGOUT)
    again = exchange.peer()
    again.next_num = 2
    again.logon("789=3|")
    assert again.expect("A")[34] == "5"
    assert [copy[34] for copy in drain(again, 2)] == ["3", "4"]
    again.send("1", "112=x|")
    assert again.expect("0")[34] == "6"


def test_next_expected_number_that_is_too_high_is_refused(exchange: Exchange) -> None:
    peer = exchange.peer()
    peer.logon("789=9|")
    assert peer.expect("5")[58] == "NextExpectedMsgSeqNum too high, expecting 1 but received 9"
    assert peer.ends()


def test_our_next_expected_number_is_sent_where_configured(exchanges: Make) -> None:
    exchange = exchanges(send_next_expected_msg_seq_num=True)
    peer = exchange.peer()
    peer.logon("789=1|")
    assert peer.expect("A")[789] == "2"


def test_fixt_reports_come_again(exchanges: Make) -> None:
    exchange = exchanges(begin_string="FIXT.1.1")
    peer = exchange.logged_on(begin_string="FIXT.1.1")
    stage(exchange, 1, 2)
    drain(peer, 2)
    peer.send("2", "7=2|16=0|")
    assert [copy[17] for copy in drain(peer, 2)] == ["E1", "E2"]


def test_resend_survives_a_slow_reader(exchanges: Make) -> None:
    exchange = exchanges(options={"resend_buffer_bytes": 20_000, "resend_slice": 50, "resend_step": 10})
    peer = exchange.logged_on()
    for batch in range(20):
        stage(exchange, batch * 100, 100)
        drain(peer, 100)
    peer.send("2", "7=2|16=0|")
    assert [copy[17] for copy in drain(peer, 2000)] == [f"E{n}" for n in range(2000)]
