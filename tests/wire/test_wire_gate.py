"""Before logon: nobody moves a number, sees a message or costs more than a small buffer before he is known."""

import contextlib
import os
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.wire.peer import LOGON, Exchange, Peer, frame, now, resident_bytes

Make = Callable[..., Exchange]


def numbers(exchange: Exchange, session_id: int = 1) -> tuple[int, int, int]:
    """Epoch and both numbers of a session."""
    entry = exchange.statistics(session_id)
    return entry["epoch"], entry["next_sender"], entry["next_target"]


def refused(exchange: Exchange) -> dict[str, int]:
    return dict(exchange.wire.statistics()["refused_logons"])


def test_unknown_comp_id_is_closed_without_a_byte(exchange: Exchange) -> None:
    peer = exchange.peer("STRANGER")
    peer.logon()
    assert peer.ends()
    assert refused(exchange) == {"unknown session": 1}
    assert exchange.attempts == []


def test_first_message_that_is_no_logon_is_closed_without_a_byte(exchange: Exchange) -> None:
    peer = exchange.peer()
    peer.send("0")
    assert peer.ends()


def test_first_bytes_that_are_not_fix_are_closed_without_a_byte(exchange: Exchange) -> None:
    peer = exchange.peer()
    peer.raw(b"GET / HTTP/1.1\r\n\r\n")
    assert peer.ends()


@pytest.mark.parametrize("extra", ["", "141=Y|"])
def test_wrong_password_gets_one_generic_logout_and_leaves_the_numbers(exchange: Exchange, extra: str) -> None:
    exchange.logged_on().close()
    exchange.wait_for(4)
    before = numbers(exchange)
    peer = exchange.peer()
    peer.next_num = 1 if extra else 2
    peer.send("A", f"98=0|108=30|{extra}553=TRADER1|554=wrong|")
    answer = peer.expect("5")
    assert (answer[34], answer[58]) == ("1", "Logon refused")
    assert peer.ends()
    assert numbers(exchange) == before
    good = exchange.peer()
    good.next_num = 2
    good.logon()
    assert good.expect("A")[34] == str(before[1])


def test_attempt_carries_what_admission_needs(exchange: Exchange) -> None:
    peer = exchange.peer()
    at = now()
    peer.send("A", "98=0|108=30|95=3|96=a=b|553=TRADER1|554=secret|925=newer|", at=at)
    peer.expect("A")
    attempt = exchange.attempts[0]
    assert attempt[1:] == (
        1, "127.0.0.1", "TRADER1", "secret", "a=b", f"{at}\x01A\x011\x01TRADER1\x01OUTCRY", "", "newer",
    )  # fmt: skip


@pytest.mark.parametrize("interval", ["-10", "0", "4", "61", "1e1", "99999999999999999999"])
def test_heart_bt_int_out_of_bounds_is_refused_before_the_password(exchange: Exchange, interval: str) -> None:
    peer = exchange.peer()
    peer.logon(interval=interval)  # type: ignore[arg-type]
    assert peer.expect("5")[58] == "Logon refused"
    assert peer.ends()
    assert exchange.attempts == []
    assert numbers(exchange) == (1, 1, 1)


@pytest.mark.parametrize(
    ("fields", "how"),
    [
        pytest.param("98=0|108=30|", {"offset_s": -130}, id="SendingTime(52) too old"),
        pytest.param("98=0|108=30|", {"offset_s": 130}, id="SendingTime(52) ahead"),
        pytest.param("98=0|108=30|", {"at": "yesterday"}, id="SendingTime(52) is no time"),
        pytest.param("98=0|108=30|141=Y|", {"num": 2}, id="ResetSeqNumFlag(141) without MsgSeqNum(34) 1"),
        pytest.param("98=1|108=30|", {}, id="EncryptMethod(98)"),
        pytest.param("98=0|108=30|44=1|", {}, id="a field that a Logon has not"),
        pytest.param("98=0|", {}, id="HeartBtInt(108) is missing"),
        pytest.param("98=0|108=30|553=\xe9|", {}, id="a byte over 0x7f"),
        pytest.param("98=0|108=30|95=9000|96=x|", {}, id="data that ends outside of the message"),
        pytest.param("98=0|108=30|95=-5|96=x|", {}, id="data of negative length"),
        pytest.param("98=0|108=30|", {"num": 0}, id="MsgSeqNum(34) 0"),
    ],
)
def test_faulty_logon_is_refused_before_the_password(exchange: Exchange, fields: str, how: dict[str, Any]) -> None:
    peer = exchange.peer()
    if "offset_s" in how:
        how = {"at": now(how["offset_s"])}
    peer.send("A", fields, **how)
    assert peer.expect("5")[58] == "Logon refused"
    assert peer.ends()
    assert exchange.attempts == []
    assert numbers(exchange) == (1, 1, 1)


@pytest.mark.parametrize("logon", ["1137=7|", "1137=9|1128=7|"])
def test_another_application_version_is_refused(exchanges: Make, logon: str) -> None:
    exchange = exchanges(begin_string="FIXT.1.1")
    head, _, field = logon.rpartition("1128")
    peer = exchange.peer(begin_string="FIXT.1.1")
    peer.send("A", "98=0|108=30|" + (head or logon), head="1128" + field if head else "")
    assert peer.expect("5")[58] == "Logon refused"
    assert exchange.attempts == []


@pytest.mark.parametrize("begin_string", ["FIX.4.2", "FIX.4.4", "FIXT.1.1"])
def test_each_version_logs_on(exchanges: Make, begin_string: str) -> None:
    exchange = exchanges(begin_string=begin_string)
    exchange.logged_on(begin_string=begin_string)
    assert exchange.wait_for(LOGON)[0][1:3] == (1, 1)


def test_check_latency_off_takes_any_sending_time(exchanges: Make) -> None:
    exchange = exchanges(check_latency=False)
    peer = exchange.peer()
    peer.logon(at=now(-100000))
    peer.expect("A")


def test_second_logon_of_a_live_session_is_closed_and_the_first_untouched(exchange: Exchange) -> None:
    first = exchange.logged_on()
    second = exchange.peer()
    second.logon()
    assert second.ends()
    first.send("1", "112=still here|")
    assert first.expect("0")[112] == "still here"


def test_two_logons_in_admission_let_one_in(exchange: Exchange) -> None:
    exchange.answering = False
    peers = [exchange.peer(), exchange.peer()]
    for peer in peers:
        peer.logon()
    exchange.wait(lambda: len(exchange.attempts) == 2)
    for attempt in exchange.attempts:
        exchange.wire.admit(attempt[0], True, "")
    answers = [peer.read() for peer in peers]
    assert sum(answer is not None for answer in answers) == 1
    assert len(exchange.wait_for(LOGON)) == 1


@pytest.mark.parametrize(("bound", "most"), [("admissions_per_session_max", 2), ("admissions_per_peer_max", 1)])
def test_logons_of_one_session_and_from_one_address_in_admission_are_bounded(
    exchanges: Make, bound: str, most: int
) -> None:
    exchange = exchanges(options={bound: most})
    exchange.answering = False
    for count in range(1, most + 1):
        exchange.peer().logon()
        exchange.wait(lambda count=count: len(exchange.attempts) == count)  # type: ignore[misc]
    one_too_many = exchange.peer()
    one_too_many.logon()
    assert one_too_many.ends()
    assert len(exchange.attempts) == most


def test_refusals_that_are_answered_later_take_no_place_and_are_answered(exchanges: Make) -> None:
    exchange = exchanges(options={"admissions_per_session_max": 1, "admission_timeout_ms": 1_500})
    exchange.answering = False
    strangers = []
    for count in range(1, 4):
        strangers.append(exchange.peer())
        strangers[-1].logon()
        exchange.wait(lambda count=count: len(exchange.attempts) == count)  # type: ignore[misc]
        exchange.wire.admit(exchange.attempts[-1][0], False, "Logon refused", 2_500)
        exchange.wire.statistics()  # the gate has done that before it says anything
    member = exchange.peer()
    member.logon()
    exchange.wait(lambda: len(exchange.attempts) == 4)
    exchange.wire.admit(exchange.attempts[-1][0], True, "")
    member.expect("A")
    for stranger in strangers:
        assert stranger.expect("5")[58] == "Logon refused"
        assert stranger.ends()
    with pytest.raises(ValueError, match="a delay is not negative"):
        exchange.wire.admit(1, False, "", -1)


def test_decision_that_never_comes_is_a_refusal(exchanges: Make) -> None:
    exchange = exchanges(options={"admission_timeout_ms": 50})
    exchange.answering = False
    peer = exchange.peer()
    peer.logon()
    assert peer.ends()
    exchange.wire.admit(exchange.attempts[0][0], True, "")
    assert numbers(exchange) == (1, 1, 1)


def test_admitting_a_peer_that_has_gone_does_nothing(exchange: Exchange) -> None:
    exchange.answering = False
    peer = exchange.peer()
    peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    peer.logon()
    exchange.wait(lambda: len(exchange.attempts) == 1)
    peer.close()
    exchange.wait(lambda: "gone while its logon was decided" in refused(exchange))
    exchange.wire.admit(exchange.attempts[0][0], True, "")
    exchange.answering = True
    exchange.logged_on()


def test_silent_connection_is_closed_in_time(exchanges: Make) -> None:
    exchange = exchanges(options={"logon_timeout_ms": 50})
    assert exchange.peer().ends()
    assert refused(exchange) == {"no logon in time": 1}


def test_logon_that_trickles_is_closed_in_time(exchanges: Make) -> None:
    exchange = exchanges(options={"logon_timeout_ms": 100})
    peer = exchange.peer()
    peer.raw(b"8=FIX.4.4\x019=10")
    assert peer.ends()


def test_first_message_is_bounded(exchange: Exchange) -> None:
    peer = exchange.peer()
    peer.raw(frame("FIX.4.4", f"35=A|34=1|49=TRADER1|52={now()}|56=OUTCRY|98=0|108=30|58={'x' * 5000}|"))
    assert peer.ends()


@pytest.mark.skipif("OUTCRY_WIRE_EXTENSION" in os.environ, reason="a sanitizer keeps freed memory")
def test_flood_of_a_boastful_body_length_is_cut_before_logon(exchange: Exchange) -> None:
    before = resident_bytes()
    peer = exchange.peer()
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        peer.raw(b"8=FIX.4.4\x019=2000000000\x0135=A\x01" + b"x" * (200 << 20))
    assert resident_bytes() - before < 230 << 20  # the test's own 200 MB


def test_flood_of_a_boastful_body_length_is_cut_after_logon(exchange: Exchange) -> None:
    peer = exchange.logged_on()
    peer.raw(b"8=FIX.4.4\x019=2000000000\x0135=D\x01")
    assert peer.ends()
    assert exchange.wait_for(4)[0][4] == "BodyLength(9) is 2000000000, allowed is 65536"


def test_connections_of_one_address_are_bounded_and_the_oldest_silent_goes_first(exchanges: Make) -> None:
    exchange = exchanges(options={"connections_per_address_max": 3})
    silent = [exchange.peer() for _ in range(4)]
    assert silent[0].ends()
    member = exchange.logged_on()
    assert silent[1].ends()
    assert member.is_silent()
    assert refused(exchange) == {"too many connections of its address": 2}


def test_connections_in_all_are_bounded_and_members_still_come_in(exchanges: Make) -> None:
    exchange = exchanges(options={"connections_max": 20, "connections_per_address_max": 1000})
    strangers = [exchange.peer() for _ in range(300)]
    exchange.logged_on()
    assert sum(stranger.ends() for stranger in strangers[:280]) == 280
    assert exchange.wire.statistics()["gate_connections"] <= 20


def test_logged_on_sessions_do_not_count_against_strangers(exchanges: Make) -> None:
    exchange = exchanges(options={"connections_per_address_max": 1})
    exchange.add(2, "TRADER2")
    exchange.logged_on()
    exchange.logged_on("TRADER2")


def test_address_list_is_kept(exchanges: Make) -> None:
    exchange = exchanges(allowed_remote_addresses=["10.0.0.1"])
    peer = exchange.peer()
    peer.logon()
    assert peer.ends()
    assert refused(exchange) == {"address is not allowed": 1}


def test_session_of_another_port_is_closed(exchanges: Make) -> None:
    exchange = exchanges(ports=[1])
    peer = exchange.peer()
    peer.logon()
    assert peer.ends()


def test_disabled_session_is_refused(exchanges: Make) -> None:
    exchange = exchanges(enabled=False)
    peer = exchange.peer()
    peer.logon()
    assert peer.expect("5")[58] == "Logon refused"
    exchange.wire.enable(1, True)
    exchange.logged_on()


def test_stop_accepting_closes_the_listeners_and_keeps_sessions(exchange: Exchange) -> None:
    peer = exchange.logged_on()
    exchange.wire.stop_accepting()
    exchange.wire.statistics()  # the gate has done it when it answers
    with pytest.raises(ConnectionRefusedError):
        Peer(exchange.port)
    peer.send("1", "112=x|")
    peer.expect("0")


def test_many_logons_at_once_all_come_in(exchanges: Make) -> None:
    exchange = exchanges(session=False, options={"io_threads": 3})
    names = [f"T{i}" for i in range(30)]
    for i, name in enumerate(names):
        exchange.add(i + 1, name)
    peers = [exchange.peer(name) for name in names]
    threads = [threading.Thread(target=peer.logon) for peer in peers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for peer in peers:
        peer.expect("A")


@pytest.mark.parametrize("_attempt", range(5))
def test_connections_that_come_while_the_listeners_are_closed_do_no_harm(exchanges: Make, _attempt: int) -> None:
    exchange = exchanges()
    member = exchange.logged_on()
    with contextlib.ExitStack() as strangers:
        for number in range(64):
            stranger = strangers.enter_context(socket.socket())
            stranger.setblocking(False)
            stranger.connect_ex(("127.0.0.1", exchange.port))
            if number == 32:
                exchange.wire.stop_accepting()
        exchange.wire.stop_accepting()
        exchange.wire.statistics()  # the gate has done all that
        with pytest.raises(ConnectionRefusedError):
            exchange.peer()
    member.send("0", "")
    assert exchange.statistics()["logged_on"]
