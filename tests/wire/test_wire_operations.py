"""Operators' acts while everything runs: add, remove, disable, log out, cut, statistics, stop."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from gateway.wire import Wire
from tests.wire.peer import APP, LOGON, LOGOUT, SCHEMA, Exchange

Make = Callable[..., Exchange]
REPORT = "37=O1|17=E1|150=0|39=0|55=AAPL|54=1|38=10|151=10|14=0|6=0|"


def test_logout_by_us_waits_for_the_answer(exchange: Exchange) -> None:
    peer = exchange.logged_on()
    exchange.wire.logout(1, "closing time")
    assert peer.expect("5")[58] == "closing time"
    peer.send("5")
    assert peer.ends()
    assert exchange.wait_for(LOGOUT)[0][3:] == (True, "closing time")
    exchange.logged_on(num=3)


def test_logout_without_an_answer_ends_in_time(exchanges: Make) -> None:
    exchange = exchanges(logout_timeout_s=1)
    peer = exchange.logged_on()
    exchange.wire.logout(1, "closing time")
    peer.expect("5")
    assert peer.ends()
    assert exchange.wait_for(LOGOUT)[0][3:] == (False, "closing time")


def test_orders_after_our_logout_still_arrive(exchange: Exchange) -> None:
    peer = exchange.logged_on()
    exchange.wire.logout(1, "closing time")
    peer.expect("5")
    peer.send("D", "11=a|55=AAPL|54=1|38=10|40=1|60=20240229-12:00:00|")
    exchange.wait_for(APP)


def test_disconnect_ends_the_connection_at_once_with_its_cause(exchange: Exchange) -> None:
    peer = exchange.logged_on()
    exchange.wire.disconnect(1, "kill switch")
    assert peer.ends()
    assert exchange.wait_for(LOGOUT)[0][3:] == (False, "kill switch")


def test_disabled_session_is_logged_out_and_stays_out_until_enabled(exchange: Exchange) -> None:
    peer = exchange.logged_on()
    exchange.wire.enable(1, False)
    assert peer.expect("5")[58] == "session is disabled"
    peer.send("5")
    assert peer.ends()
    refused = exchange.peer()
    refused.logon(num=3)
    refused.expect("5")
    exchange.wire.enable(1, True)
    exchange.logged_on(num=3)


def test_removed_session_is_cut_forgotten_and_may_be_added_again(exchange: Exchange) -> None:
    peer = exchange.logged_on()
    exchange.wire.remove_session(1)
    assert peer.ends()
    assert exchange.wait_for(LOGOUT)[0][4] == "session was removed"
    stranger = exchange.peer()
    stranger.logon()
    assert stranger.ends()
    exchange.add(1, epoch=2)
    exchange.logged_on()
    assert exchange.wait_for(LOGON, count=2)[-1][2] == 2


def test_session_added_while_running_logs_on(exchange: Exchange) -> None:
    exchange.logged_on()
    exchange.add(2, "TRADER2")
    exchange.logged_on("TRADER2")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"session_id": 1, "comp_id": "OTHER"}, "exist already"),
        ({"session_id": 2}, "exist already"),
        ({"session_id": 2, "comp_id": ""}, "both CompIDs"),
        ({"session_id": 2, "comp_id": "X", "unknown": 1}, "unknown key unknown"),
        ({"session_id": 2, "comp_id": "X", "epoch": 0}, "numbers begin with 1"),
        ({"session_id": 2, "comp_id": "X", "epoch": "x"}, "value of epoch has the wrong type"),
        ({"session_id": 2, "comp_id": "X", "timestamp_precision": 10}, "timestamp_precision is not 0..9"),
        ({"session_id": 2, "comp_id": "X", "transport_dictionary": "/none.xml"}, "dictionary /none.xml cannot be read"),
    ],
)
def test_session_that_cannot_be_is_refused_with_a_reason(
    exchange: Exchange, more: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        exchange.add(**more)
    exchange.logged_on()


def test_dictionary_of_another_version_is_refused(exchange: Exchange) -> None:
    from tests.wire.peer import DICTIONARIES

    with pytest.raises(ValueError, match=r"is of FIX\.4\.2, the session is of FIX\.4\.4"):
        exchange.add(2, "X", transport_dictionary=str(DICTIONARIES / "FIX42.xml"))


@pytest.mark.parametrize("act", ["remove_session", "reset"])
def test_acts_on_unknown_sessions_are_refused(exchange: Exchange, act: str) -> None:
    with pytest.raises(ValueError, match="unknown session 99"):
        getattr(exchange.wire, act)(99)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"unknown": 1}, "unknown option"), ({"batch_max": 0}, "batch_max is 0"), ({"io_threads": 65}, "over 64")],
)
def test_options_that_cannot_be_are_refused(options: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Wire(SCHEMA, options)


@pytest.mark.parametrize("schema", [{"D": [(11, "x")]}, {"D": [(11,)]}, {"D": [(i, "t") for i in range(300)]}])
def test_schemas_that_cannot_be_are_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="schema"):
        Wire(schema, {})


def test_port_that_is_taken_is_an_error_and_not_the_end(exchange: Exchange) -> None:
    with pytest.raises(RuntimeError, match="listen"):
        exchange.wire.listen("127.0.0.1", exchange.port, None)
    exchange.logged_on()


def test_second_listener_serves_too(exchange: Exchange) -> None:
    other = exchange.wire.listen("127.0.0.1", 0, None)
    peer = exchange.peer(port=other)
    peer.logon()
    peer.expect("A")


def test_statistics_tell_of_each_session(exchange: Exchange) -> None:
    peer = exchange.logged_on()
    entry = exchange.statistics()
    host, port = peer.sock.getsockname()
    assert entry == {
        "session_id": 1, "name": "FIX.4.4:OUTCRY->TRADER1", "connected": True, "logged_on": True, "enabled": True,
        "resending": False, "epoch": 1, "next_sender": 2, "next_target": 2, "written_through": 1, "held_bytes": 0,
        "queued": 0, "peer": f"{host}:{port}",
    }  # fmt: skip


def test_wake_ends_a_poll_early(exchanges: Make) -> None:
    wire = Wire(SCHEMA, {})
    timer = threading.Timer(0.05, wire.wake)
    timer.start()
    assert wire.poll(60_000) == ([], [], 0)
    timer.join()
    wire.stop(0)


def test_poll_gives_at_most_the_batch_bound_and_nothing_is_lost(exchanges: Make) -> None:
    exchange = exchanges(options={"batch_max": 7})
    peer = exchange.logged_on()
    order = "11=a|55=AAPL|54=1|38=10|40=1|60=20240229-12:00:00|"
    peer.raw(b"".join(peer.encode("D", order) for _ in range(100)))
    assert [item[3] for item in exchange.wait_for(APP, count=100)] == list(range(2, 102))


def test_stop_flushes_what_is_released_and_ends_all(exchange: Exchange) -> None:
    peer = exchange.logged_on()
    exchange.committing = False
    exchange.stage((1, "8", REPORT))
    exchange.wait(lambda: 2 in exchange.stored[1, 1])
    exchange.commit()
    exchange.wire.stop(1000)
    peer.expect("8")
    assert peer.ends()
    assert exchange.wait_for(LOGOUT)[0][4] == "the exchange stopped"
    with pytest.raises(RuntimeError, match="stopped"):
        exchange.add(2, "TRADER2")
    assert exchange.wire.stage(99, [(1, "8", "")]) == 0


def test_wire_that_was_never_started_leaves_nothing() -> None:
    wire = Wire(SCHEMA, {"io_threads": 4})
    wire.listen("127.0.0.1", 0, None)
    del wire
    assert Wire.live_objects() == 0


def test_sessions_spread_over_io_threads_and_go_on_while_others_come_and_go(exchanges: Make) -> None:
    exchange = exchanges(options={"io_threads": 2})
    peer = exchange.logged_on()
    for round_ in range(5):
        for n in range(2, 8):
            exchange.add(n, f"T{n}", epoch=round_ + 1)
        others = [exchange.logged_on(f"T{n}") for n in range(2, 8)]
        exchange.stage(*[(n, "8", REPORT) for n in range(1, 8)])
        for other in [peer, *others]:
            other.expect("8")
        for n in range(2, 8):
            exchange.wire.remove_session(n)
        for other in others:
            assert other.ends()
    peer.send("1", "112=x|")
    peer.expect("0")
