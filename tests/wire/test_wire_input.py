"""Input of a session: values as Python sees them, hostile bytes, gaps, and a defined answer to everything."""

from collections.abc import Callable

import pytest

from tests.wire.peer import APP, LOGOUT, NUMBERS, Exchange, Peer, frame, now

Make = Callable[..., Exchange]
ORDER = "11={0}|55=AAPL|54=1|38=10|40=2|44=1.5|60=20240229-12:00:00.123456789|"


def order(peer: Peer, cl_ord_id: str = "a", **how: object) -> None:
    peer.send("D", ORDER.format(cl_ord_id), **how)


def values(exchange: Exchange, count: int = 1) -> list[tuple[object, ...]]:
    return [item[6] for item in exchange.wait_for(APP, count=count)]


def test_fields_arrive_in_schema_order_and_form(exchange: Exchange) -> None:
    peer = exchange.logged_on()
    order(peer, at="")
    item = exchange.wait_for(APP)[0]
    assert item[:6] == (APP, 1, 1, 2, "D", False)
    assert item[6][:6] == ("a", "AAPL", "1", 1_000_000_000, 150_000_000, 1_709_208_000_123_456_789)
    assert item[6][6:9] == (None, None, None)


def test_poss_resend_is_told(exchange: Exchange) -> None:
    order(exchange.logged_on(), head="97=Y|")
    assert exchange.wait_for(APP)[0][5] is True


@pytest.mark.parametrize(
    ("price", "expected"),
    [
        ("0", 0),
        ("-1.5", -150_000_000),
        ("1.50000000000", 150_000_000),
        ("0.00000001", 1),
        ("0.000000001", "0.000000001"),
        ("92233720368.54775807", 2**63 - 1),
        ("92233720368.54775808", "92233720368.54775808"),
        ("9" * 40, "9" * 40),
        ("1." + "0" * 400, 100_000_000),
        (".5", 50_000_000),
    ],
)
def test_decimals_are_exact_or_text(exchange: Exchange, price: str, expected: object) -> None:
    peer = exchange.logged_on()
    peer.send("D", ORDER.format("a").replace("44=1.5", f"44={price}"))
    assert values(exchange)[0][4] == expected


@pytest.mark.parametrize("price", ["1e5", "NaN", "inf", "+1", "1,5", "0x10", " 1", "1 ", "--1", "1.2.3", "-", "."])
def test_what_is_no_decimal_is_rejected_and_the_session_goes_on(exchange: Exchange, price: str) -> None:
    peer = exchange.logged_on()
    peer.send("D", ORDER.format("a").replace("44=1.5", f"44={price}"))
    reject = peer.expect("3")
    assert (reject[45], reject[371], reject[372], reject[373]) == ("2", "44", "D", "6")
    order(peer, "b")
    assert values(exchange)[0][0] == "b"


def test_required_field_that_is_missing_is_rejected(exchange: Exchange) -> None:
    peer = exchange.logged_on()
    peer.send("D", ORDER.format("a").replace("54=1|", ""))
    reject = peer.expect("3")
    assert (reject[371], reject[372], reject[373]) == ("54", "D", "1")


def test_value_that_is_not_in_the_dictionary_is_rejected(exchange: Exchange) -> None:
    peer = exchange.logged_on()
    peer.send("D", ORDER.format("a").replace("54=1", "54=Z"))
    assert peer.expect("3")[373] == "5"


def test_known_type_that_is_not_served_gets_a_business_reject(exchange: Exchange) -> None:
    peer = exchange.logged_on()
    peer.send("R", "131=q|146=1|55=AAPL|")
    reject = peer.expect("j")
    assert (reject[45], reject[372], reject[380]) == ("2", "R", "3")
    assert exchange.wait_for(NUMBERS, count=2)[-1][3] == 3


def test_unknown_type_is_rejected(exchange: Exchange) -> None:
    peer = exchange.logged_on()
    peer.send("ZZ", "")
    reject = peer.expect("3")
    assert (reject[372], reject[373]) == ("ZZ", "11")


@pytest.mark.parametrize("text", ["caf\xe9", "\xff", "a\tb", "a\x00b", "a\nb", "\x7f"])
def test_bytes_that_are_no_text_are_rejected_on_their_tag(exchange: Exchange, text: str) -> None:
    peer = exchange.logged_on()
    peer.send("D", ORDER.format("a") + f"58={text}|")
    reject = peer.expect("3")
    assert (reject[371], reject[373]) == ("58", "6")
    order(peer, "b")
    assert values(exchange)[0][0] == "b"


def test_bytes_that_are_no_text_in_an_admin_message_are_rejected(exchange: Exchange) -> None:
    peer = exchange.logged_on()
    peer.send("1", "112=\xe9|")
    assert peer.expect("3")[371] == "112"
    assert peer.is_silent()


def test_msg_type_with_strange_bytes_is_rejected_without_an_echo(exchange: Exchange) -> None:
    peer = exchange.logged_on()
    peer.send("\xe9", "")
    reject = peer.expect("3")
    assert reject[45] == "2"
    assert 372 not in reject
    order(peer)
    values(exchange)


def test_data_fields_may_hold_any_byte(exchange: Exchange) -> None:
    peer = exchange.logged_on()
    peer.send("D", ORDER.format("a").replace("|", "\x01").encode() + b"354=5\x01355=\xe9=\x01\x00b\x01")
    assert values(exchange)[0][7:9] == (5, "\xe9=\x01\x00b")


@pytest.mark.parametrize("length", ["99999999", "-1", "6", "4", "x", "99999999999"])
def test_data_field_with_a_wrong_length_is_answered_and_harmless(exchange: Exchange, length: str) -> None:
    peer = exchange.logged_on()
    peer.send("D", ORDER.format("a") + f"354={length}|355=abcde|")
    assert peer.expect("3")[45] == "2"
    order(peer, "b")
    assert values(exchange)[0][0] == "b"


@pytest.mark.parametrize("body", ["11|", "x=1|", "=1|", "11=a|999999999999999=1|"])
def test_malformed_fields_are_answered_and_their_number_is_used_up(exchange: Exchange, body: str) -> None:
    peer = exchange.logged_on()
    peer.send("D", body)
    assert peer.expect("3")[45] == "2"
    order(peer, "b")
    assert values(exchange)[0][0] == "b"


@pytest.mark.parametrize(
    "garbage",
    [
        pytest.param(b"garbage", id="noise"),
        pytest.param(
            frame("FIX.4.4", "35=0|34=2|49=TRADER1|52=x|56=OUTCRY|")[:-4] + b"000\x01", id="wrong CheckSum(10)"
        ),
        pytest.param(b"8=FIX.4.4\x019=20\x0135=0\x0110=000\x01", id="BodyLength(9) too long"),
        pytest.param(b"8=FIX.4.4\x019=2\x0135=0\x0134=2\x0110=000\x01", id="BodyLength(9) too short"),
        pytest.param(b"8=FIX.4.4\x019=abc\x0135=0\x0110=000\x01", id="BodyLength(9) is no number"),
        pytest.param(b"8=FIX.4.4\x0135=0\x019=5\x0110=000\x01", id="BodyLength(9) is not second"),
        pytest.param(b"8=8=8=FIX8=FIX.4.4\x018=FIX", id="starts of messages"),
    ],
)
def test_garbled_messages_are_ignored_and_the_next_good_one_is_found(exchange: Exchange, garbage: bytes) -> None:
    peer = exchange.logged_on()
    peer.raw(garbage)
    order(peer)
    assert values(exchange) == [exchange.wait_for(APP)[0][6]]
    assert exchange.statistics()["next_target"] == 3


def test_message_in_pieces_of_one_byte_arrives(exchange: Exchange) -> None:
    peer = exchange.logged_on()
    for byte in peer.encode("D", ORDER.format("slow")):
        peer.raw(bytes([byte]))
    assert values(exchange)[0][0] == "slow"


def test_endless_garbage_is_cut(exchanges: Make) -> None:
    exchange = exchanges(options={"garbage_bytes_max": 10_000})
    peer = exchange.logged_on()
    peer.raw(b"x" * 20_000)
    assert peer.ends()
    assert exchange.wait_for(LOGOUT)[0][3:] == (False, "more than 10000 bytes outside of messages")


def test_wrong_checksum_is_taken_where_the_session_does_not_validate(exchanges: Make) -> None:
    exchange = exchanges(validate_length_and_checksum=False)
    peer = exchange.logged_on()
    peer.raw(peer.encode("D", ORDER.format("a"))[:-4] + b"000\x01")
    assert values(exchange)[0][0] == "a"


def test_too_low_without_poss_dup_logs_out_and_names_both_numbers(exchange: Exchange) -> None:
    peer = exchange.logged_on()
    order(peer)
    order(peer, num=2)
    logout = peer.expect("5")
    assert logout[58] == "MsgSeqNum too low, expecting 3 but received 2"
    assert peer.ends()
    assert exchange.wait_for(LOGOUT)[0][3:] == (False, "MsgSeqNum too low, expecting 3 but received 2")


def test_logon_too_low_names_both_numbers_and_touches_nothing(exchange: Exchange) -> None:
    peer = exchange.logged_on()
    order(peer)
    peer.send("5")
    peer.expect("5")
    again = exchange.peer()
    again.logon(num=1)
    assert again.expect("5")[58] == "MsgSeqNum too low, expecting 4 but received 1"
    assert again.ends()
    assert exchange.statistics()["next_target"] == 4


def test_logon_too_high_is_answered_and_asks_for_the_gap(exchange: Exchange) -> None:
    peer = exchange.peer()
    peer.next_num = 5
    peer.logon()
    peer.expect("A")
    request = peer.expect("2")
    assert (request[7], request[16]) == ("1", "0")
    peer.send("4", "123=Y|36=5|", num=1, head="43=Y|")
    order(peer)
    assert exchange.wait_for(APP)[0][3] == 6


def test_known_number_with_poss_dup_is_ignored(exchange: Exchange) -> None:
    peer = exchange.logged_on()
    order(peer, "a")
    order(peer, "a", num=2, head=f"43=Y|122={now()}|")
    order(peer, "b")
    assert [value[0] for value in values(exchange, 2)] == ["a", "b"]
    assert len(exchange.wait_for(APP)) == 2


def test_messages_ahead_wait_for_the_gap_and_come_in_order(exchange: Exchange) -> None:
    peer = exchange.logged_on()
    order(peer, "c", num=4)
    peer.expect("2")
    order(peer, "b", num=3)
    order(peer, "a", num=2)
    assert [value[0] for value in values(exchange, 3)] == ["a", "b", "c"]
    assert [item[3] for item in exchange.wait_for(APP)] == [2, 3, 4]


def test_heartbeats_far_ahead_are_cut_at_the_bound(exchange: Exchange) -> None:
    peer = exchange.logged_on()
    beats = b"".join(peer.encode("0", num=n) for n in range(3, 2000))
    peer.raw(beats)
    assert exchange.wait_for(LOGOUT)[0][4] == "more than 256 messages ahead of MsgSeqNum(34) 2"


def test_gap_of_256_is_filled_in_one_go(exchange: Exchange) -> None:
    peer = exchange.logged_on()
    peer.raw(b"".join(peer.encode("0", num=n) for n in range(3, 3 + 256)))
    peer.expect("2")
    order(peer, num=2)
    peer.next_num = 259
    order(peer, "after")
    assert [item[3] for item in exchange.wait_for(APP, count=2)] == [2, 259]


@pytest.mark.slow
def test_hundred_thousand_heartbeats_ahead_are_cut_at_the_bound(exchange: Exchange) -> None:
    peer = exchange.logged_on()
    beat = [peer.encode("0", num=n, at=now()) for n in range(3, 100_003)]
    try:
        peer.raw(b"".join(beat))
        order(peer, num=2)
    except (BrokenPipeError, ConnectionResetError):
        pass
    assert exchange.wait_for(LOGOUT)[0][4] == "more than 256 messages ahead of MsgSeqNum(34) 2"


def test_invalid_message_inside_of_a_resend_does_not_loop(exchange: Exchange) -> None:
    peer = exchange.logged_on()
    order(peer, "c", num=4)
    peer.expect("2")
    peer.send("D", "11=a|", num=2, head=f"43=Y|122={now()}|")
    assert peer.expect("3")[45] == "2"
    order(peer, "b", num=3, head=f"43=Y|122={now()}|")
    assert [value[0] for value in values(exchange, 2)] == ["b", "c"]
    assert peer.is_silent()


def test_sequence_reset_that_lowers_is_refused(exchange: Exchange) -> None:
    peer = exchange.logged_on()
    order(peer)
    peer.send("4", "36=2|")
    reject = peer.expect("3")
    assert (reject[372], reject[373]) == ("4", "5")
    assert exchange.statistics()["next_target"] == 3


def test_sequence_reset_that_raises_is_told_to_python(exchange: Exchange) -> None:
    peer = exchange.logged_on()
    peer.send("4", "123=Y|36=50|")
    assert exchange.wait_for(NUMBERS, count=2)[-1] == (NUMBERS, 1, 1, 50)


@pytest.mark.parametrize("number", ["", "x", "-1", "1" * 30])
def test_message_without_a_number_ends_with_a_logout(exchange: Exchange, number: str) -> None:
    peer = exchange.logged_on()
    field = f"34={number}|" if number else ""
    peer.raw(frame("FIX.4.4", f"35=0|{field}49=TRADER1|52={now()}|56=OUTCRY|"))
    assert peer.expect("5")[58] == "MsgSeqNum(34) is missing or not a number"


def test_stale_sending_time_is_rejected_with_a_logout(exchange: Exchange) -> None:
    peer = exchange.logged_on()
    order(peer, at=now(-500))
    assert peer.expect("3")[373] == "10"
    peer.expect("5")


def test_foreign_comp_id_after_logon_is_rejected_with_a_logout(exchange: Exchange) -> None:
    peer = exchange.logged_on()
    peer.comp_id = "OTHER"
    order(peer)
    assert peer.expect("3")[373] == "9"
    peer.expect("5")


def test_another_application_version_after_logon_is_rejected(exchanges: Make) -> None:
    exchange = exchanges(begin_string="FIXT.1.1")
    peer = exchange.logged_on(begin_string="FIXT.1.1")
    peer.send("D", "11=a|99999=x|", head="1128=7|")
    reject = peer.expect("3")
    assert (reject[371], reject[373]) == ("1128", "5")
    peer.send("D", ORDER.format("b").replace("40=2", "40=2"), head="1128=9|")
    assert values(exchange)[0][0] == "b"


def test_groups_arrive_as_tuples(exchange: Exchange) -> None:
    peer = exchange.logged_on()
    peer.send("V", "262=r|263=1|264=0|267=2|269=0|269=1|146=1|55=AAPL|")
    assert values(exchange) == [("r", "1", 0, (("0",), ("1",)), (("AAPL",),))]


def test_group_count_that_lies_is_rejected(exchange: Exchange) -> None:
    peer = exchange.logged_on()
    peer.send("V", "262=r|263=1|264=0|267=3|269=0|269=1|146=1|55=AAPL|")
    assert peer.expect("3")[373] == "16"


def test_peer_that_closes_is_told_with_its_cause(exchange: Exchange) -> None:
    exchange.logged_on().close()
    assert exchange.wait_for(LOGOUT)[0][3:] == (False, "the peer closed the connection")


def test_lost_peer_is_noticed_by_two_and_a_half_heartbeats(exchanges: Make) -> None:
    exchange = exchanges(heart_bt_int_min=1)
    peer = exchange.logged_on(interval=1)
    peer.expect("0")
    while (message := peer.read()) is not None:
        assert message[35] in ("0", "1")
    assert exchange.wait_for(LOGOUT)[0][3:] == (False, "Timed out waiting for heartbeat")


def test_full_inbound_queue_stops_reading_and_loses_nothing(exchanges: Make) -> None:
    exchange = exchanges(options={"in_queue_max": 50, "batch_max": 10})
    peer = exchange.logged_on()
    with exchange.changed:  # the polling thread waits here
        peer.raw(b"".join(peer.encode("D", ORDER.format(i)) for i in range(2000)))
    assert [item[3] for item in exchange.wait_for(APP, count=2000)] == list(range(2, 2002))
