"""The FIX client over a real socket: what it sends, what it answers itself, what its user sees, and how it ends."""

from collections.abc import Iterator

import pytest

from gateway.client import ConnectionClosedError, FixClient, LogonRefusedError, NoAnswerError
from tests.house.acceptor import Acceptor


@pytest.fixture
def acceptor() -> Iterator[Acceptor]:
    """The other side."""
    with Acceptor() as listening:
        yield listening


@pytest.fixture
def client(acceptor: Acceptor) -> Iterator[FixClient]:
    """A client that has connected and not logged on."""
    made = FixClient("127.0.0.1", acceptor.port, sender="TRADER1", password="geheim", account="ACC1", timeout_s=5.0)
    made.connect()
    acceptor.accept()
    yield made
    made.disconnect()


@pytest.fixture
def logged_on(acceptor: Acceptor, client: FixClient) -> FixClient:
    """The same, logged on: the client's next number is 2, and it expects 2."""
    log_on(acceptor, client)
    return client


def log_on(acceptor: Acceptor, client: FixClient, seq: int = 1) -> None:
    """Answer a Logon before it is sent; the kernel keeps it."""
    acceptor.send(seq, "A", (98, 0), (108, 30))
    client.logon()
    assert acceptor.expect().msg_type == "A"


def test_logon_carries_credentials_and_heartbeat(acceptor: Acceptor, client: FixClient) -> None:
    acceptor.send(1, "A", (98, 0), (108, 30))
    client.logon()
    sent = acceptor.expect()
    assert [(tag, sent[tag]) for tag in (35, 34, 49, 56, 98, 108, 553, 554)] == [
        (35, "A"),
        (34, "1"),
        (49, "TRADER1"),
        (56, "OUTCRY"),
        (98, "0"),
        (108, "30"),
        (553, "TRADER1"),
        (554, "geheim"),
    ]
    assert (client.store.next_sender, client.store.next_target) == (2, 2)


def test_fixt_logon_names_the_application_version() -> None:
    with Acceptor(begin_string="FIXT.1.1") as acceptor:
        client = FixClient("127.0.0.1", acceptor.port, sender="TRADER1", begin_string="FIXT.1.1")
        client.connect()
        acceptor.accept()
        acceptor.send(1, "A", (98, 0), (108, 30), (1137, "9"))
        client.logon()
        assert acceptor.expect()[1137] == "9"
        client.disconnect()


def test_refused_logon_uses_no_number(acceptor: Acceptor, client: FixClient) -> None:
    client.store.reset(7, 5)
    acceptor.send(1, "5", (58, "Logon refused"))
    with pytest.raises(LogonRefusedError, match="Logon refused"):
        client.logon()
    assert acceptor.expect().msg_seq_num == 7
    assert (client.store.next_sender, client.store.next_target) == (7, 5)
    acceptor.expect_close()


def test_refused_reset_keeps_the_old_numbers(acceptor: Acceptor, client: FixClient) -> None:
    client.store.reset(7, 5)
    acceptor.send(5, "5", (58, "no"))
    with pytest.raises(LogonRefusedError):
        client.logon(reset=True)
    sent = acceptor.expect()
    assert (sent[141], sent.msg_seq_num) == ("Y", 1)
    assert (client.store.next_sender, client.store.next_target) == (7, 5)


def test_logon_without_an_answer_counts_as_used(acceptor: Acceptor, client: FixClient) -> None:
    acceptor.hang_up()
    with pytest.raises((LogonRefusedError, ConnectionClosedError)):
        client.logon()
    assert client.store.next_sender == 2


def test_accepted_reset_begins_both_numbers_anew(acceptor: Acceptor, client: FixClient) -> None:
    client.store.reset(7, 5)
    acceptor.send(1, "A", (98, 0), (108, 30), (141, "Y"))
    client.logon(reset=True)
    assert (client.store.next_sender, client.store.next_target) == (2, 2)


def test_new_order_and_its_report(acceptor: Acceptor, logged_on: FixClient) -> None:
    order = logged_on.new_order("AAPL", "buy", 100, "585.00")
    sent = acceptor.expect()
    assert [(tag, sent[tag]) for tag in (35, 34, 11, 1, 55, 54, 38, 40, 44, 59)] == [
        (35, "D"),
        (34, "2"),
        (11, order),
        (1, "ACC1"),
        (55, "AAPL"),
        (54, "1"),
        (38, "100"),
        (40, "2"),
        (44, "585.00"),
        (59, "0"),
    ]
    acceptor.send(2, "8", (11, "another"), (150, "0"))
    acceptor.send(3, "8", (11, order), (150, "0"))
    assert logged_on.wait_for_report(order, "0").msg_seq_num == 3
    assert [message[11] for message in logged_on.inbox] == ["another"]


@pytest.mark.parametrize(("begin_string", "hand_instructed"), [("FIX.4.2", True), ("FIX.4.4", False)])
def test_order_of_an_old_version_carries_handl_inst(begin_string: str, hand_instructed: bool) -> None:
    with Acceptor(begin_string=begin_string) as acceptor:
        client = FixClient("127.0.0.1", acceptor.port, sender="TRADER1", begin_string=begin_string)
        client.connect()
        acceptor.accept()
        log_on(acceptor, client)
        client.new_order("AAPL", "sell", 5)
        assert (21 in acceptor.expect()) == hand_instructed
        client.disconnect()


def test_cancel_replace_status_and_market_data_requests(acceptor: Acceptor, logged_on: FixClient) -> None:
    logged_on.replace("A1", "AAPL", "buy", 20, "580.00", cl_ord_id="A2")
    logged_on.cancel("A2", "AAPL", "buy", 20, cl_ord_id="A3")
    logged_on.order_status("A2", "AAPL", "buy")
    logged_on.market_data_request("AAPL", "MSFT", depth=1, request_id="M1")
    sent = [acceptor.expect() for _ in range(4)]
    assert [message.msg_type for message in sent] == ["G", "F", "H", "V"]
    assert [(message.get(41), message.get(11)) for message in sent[:3]] == [("A1", "A2"), ("A2", "A3"), (None, "A2")]
    assert (sent[3][264], sent[3].values(269), sent[3].values(55)) == ("1", ["0", "1", "2"], ["AAPL", "MSFT"])


def test_test_request_is_answered_unseen(acceptor: Acceptor, logged_on: FixClient) -> None:
    acceptor.send(2, "1", (112, "ping"))
    acceptor.send(3, "8", (11, "x"), (150, "0"))
    received = logged_on.receive()
    assert received is not None
    assert received.msg_seq_num == 3
    answer = acceptor.expect()
    assert (answer.msg_type, answer[112]) == ("0", "ping")


def test_gap_is_asked_for_and_delivered_in_order(acceptor: Acceptor, logged_on: FixClient) -> None:
    acceptor.send(4, "8", (11, "third"), (150, "0"))
    acceptor.send(5, "8", (11, "fourth"), (150, "0"))
    acceptor.send(2, "8", (11, "first"), (150, "0"), poss_dup=True)
    acceptor.send(3, "4", (123, "Y"), (36, 4), poss_dup=True)
    acceptor.send(4, "8", (11, "third"), (150, "0"), poss_dup=True)
    acceptor.send(5, "8", (11, "fourth"), (150, "0"), poss_dup=True)
    seen = [logged_on.receive() for _ in range(3)]
    assert [message[11] for message in seen if message is not None] == ["first", "third", "fourth"]
    asked = acceptor.expect()
    assert (asked.msg_type, asked[7], asked[16]) == ("2", "2", "0")
    assert logged_on.store.next_target == 6


def test_resend_request_is_answered_from_what_was_sent(acceptor: Acceptor, logged_on: FixClient) -> None:
    first = logged_on.new_order("AAPL", "buy", 1, "1")
    logged_on.send("0")
    second = logged_on.new_order("AAPL", "buy", 2, "1")
    originals = [acceptor.expect() for _ in range(3)]
    acceptor.send(2, "2", (7, 1), (16, 0))
    assert logged_on.receive(0.05) is None
    again = [acceptor.expect() for _ in range(4)]
    assert [(message.msg_type, message[34], message[43]) for message in again] == [
        ("4", "1", "Y"),
        ("D", "2", "Y"),
        ("4", "3", "Y"),
        ("D", "4", "Y"),
    ]
    assert (again[0][36], again[2][36]) == ("2", "4")
    assert [again[1][11], again[3][11]] == [first, second]
    assert again[1][122] == originals[0][52]
    assert logged_on.store.next_sender == 5


def test_possible_duplicate_of_what_was_seen_is_not_seen_again(acceptor: Acceptor, logged_on: FixClient) -> None:
    acceptor.send(2, "8", (11, "x"), (150, "0"))
    acceptor.send(2, "8", (11, "x"), (150, "0"), poss_dup=True)
    acceptor.send(3, "8", (11, "y"), (150, "0"))
    seen = [logged_on.receive() for _ in range(2)]
    assert [message[11] for message in seen if message is not None] == ["x", "y"]


def test_number_too_low_ends_the_session(acceptor: Acceptor, logged_on: FixClient) -> None:
    acceptor.send(1, "8", (11, "x"), (150, "0"))
    with pytest.raises(ConnectionClosedError, match=r"too low, expected 2, received 1"):
        logged_on.receive()
    assert acceptor.expect().msg_type == "5"
    acceptor.expect_close()


def test_sequence_reset_may_not_lower_the_number(acceptor: Acceptor, logged_on: FixClient) -> None:
    acceptor.send(9, "4", (36, 10))
    acceptor.send(10, "8", (11, "x"), (150, "0"))
    assert logged_on.receive() is not None
    acceptor.send(11, "4", (36, 3))
    with pytest.raises(ConnectionClosedError, match="lowers the number"):
        logged_on.receive()


def test_message_of_another_session_ends_the_session(acceptor: Acceptor, logged_on: FixClient) -> None:
    acceptor.peer = "TRADER2"
    acceptor.send(2, "8", (11, "x"), (150, "0"))
    with pytest.raises(ConnectionClosedError, match="TRADER2"):
        logged_on.receive()


def test_garbage_ends_the_session(acceptor: Acceptor, logged_on: FixClient) -> None:
    acceptor.send_raw(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    with pytest.raises(ConnectionClosedError, match="8=FIX"):
        logged_on.receive()


def test_wrong_checksum_ends_the_session(acceptor: Acceptor, logged_on: FixClient) -> None:
    raw = acceptor.message(2, "8", [(11, "x"), (150, "0")])
    acceptor.send_raw(raw.replace(b"11=x", b"11=y"))
    with pytest.raises(ConnectionClosedError, match=r"CheckSum\(10\)"):
        logged_on.receive()


def test_logout_of_the_exchange_is_answered_and_seen(acceptor: Acceptor, logged_on: FixClient) -> None:
    acceptor.send(2, "5", (58, "Exchange is stopping"))
    received = logged_on.receive()
    assert received is not None
    assert received[58] == "Exchange is stopping"
    assert acceptor.expect().msg_type == "5"
    acceptor.hang_up()
    with pytest.raises(ConnectionClosedError, match="closed by the exchange"):
        logged_on.receive()


def test_logout_waits_for_its_answer(acceptor: Acceptor, logged_on: FixClient) -> None:
    acceptor.send(2, "8", (11, "late"), (150, "0"))
    acceptor.send(3, "5")
    answer = logged_on.logout("good night")
    assert answer is not None
    assert acceptor.expect()[58] == "good night"
    assert [message[11] for message in logged_on.inbox] == ["late"]
    acceptor.expect_close()


def test_waiting_in_vain_shows_what_came_instead(acceptor: Acceptor, logged_on: FixClient) -> None:
    acceptor.send(2, "8", (11, "other"), (150, "0"))
    with pytest.raises(NoAnswerError, match="11=other"):
        logged_on.wait_for_report("mine", timeout_s=0.05)


def test_message_cut_in_two_is_one_message(acceptor: Acceptor, logged_on: FixClient) -> None:
    raw = acceptor.message(2, "8", [(11, "x"), (150, "0")])
    acceptor.send_raw(raw[:40])
    assert logged_on.receive(0.01) is None
    acceptor.send_raw(raw[40:])
    received = logged_on.receive()
    assert received is not None
    assert received.raw == raw


def test_numbers_go_on_after_a_reconnect(acceptor: Acceptor, logged_on: FixClient) -> None:
    logged_on.new_order("AAPL", "buy", 1, "1")
    logged_on.disconnect()
    logged_on.connect()
    acceptor.accept()
    acceptor.send(2, "A", (98, 0), (108, 30))
    logged_on.logon()
    assert acceptor.expect().msg_seq_num == 3


def test_heartbeat_and_test_request_are_sent_when_time_asks_for_them(acceptor: Acceptor) -> None:
    client = FixClient("127.0.0.1", acceptor.port, sender="TRADER1", heartbeat_s=3600)
    client.connect()
    acceptor.accept()
    acceptor.send(1, "A", (98, 0), (108, 3600))
    client.logon()
    acceptor.expect()
    assert client.receive(0.01) is None
    client._sent_at -= 3601
    client._received_at -= 1.3 * 3600
    assert client.receive(0.01) is None
    assert [acceptor.expect().msg_type] == ["1"]
    client._received_at -= 1.2 * 3600
    with pytest.raises(ConnectionClosedError, match="nothing was received"):
        client.receive(0.01)


def test_nothing_is_answered_in_the_manual_mode(acceptor: Acceptor) -> None:
    client = FixClient("127.0.0.1", acceptor.port, sender="TRADER1", automatic=False)
    client.connect()
    acceptor.accept()
    client.send("A", [(98, 0), (108, 30)])
    acceptor.send(1, "A", (98, 0), (108, 30))
    acceptor.send(2, "1", (112, "ping"))
    acceptor.send(9, "2", (7, 1), (16, 0))
    seen = [client.receive() for _ in range(3)]
    assert [message.msg_type for message in seen if message is not None] == ["A", "1", "2"]
    assert acceptor.expect().msg_type == "A"
    client.disconnect()
    acceptor.expect_close()


def test_header_of_a_message_can_be_changed(acceptor: Acceptor, logged_on: FixClient) -> None:
    logged_on.send("D", [(11, "x")], header={97: "Y", 52: None})
    logged_on.send("D", [(11, "y")], header={34: 77})
    first, second = acceptor.expect(), acceptor.expect()
    assert (first[97], 52 in first, first.msg_seq_num) == ("Y", False, 2)
    assert (second.msg_seq_num, logged_on.store.next_sender) == (77, 3)


def test_nobody_listens() -> None:
    with Acceptor() as acceptor:
        port = acceptor.port
    client = FixClient("127.0.0.1", port, sender="TRADER1")
    with pytest.raises(ConnectionClosedError, match=f"no connection to 127.0.0.1:{port}"):
        client.logon()
