"""A session of a running wire gets other settings: what counts at once, at the next Logon, what ends a connection."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.wire.peer import DICTIONARIES, LOGOUT, Exchange

Make = Callable[..., Exchange]
REPORT = "37=O1|17=E1|150=0|39=0|55=AAPL|54=1|38=10|151=10|14=0|6=0|"


def spec(**more: Any) -> dict[str, Any]:
    """The settings of session 1 as the test's exchange has it, and others."""
    return {
        "session_id": 1,
        "begin_string": "FIX.4.4",
        "sender_comp_id": "OUTCRY",
        "target_comp_id": "TRADER1",
        "transport_dictionary": str(DICTIONARIES / "FIX44.xml"),
        "app_dictionary": str(DICTIONARIES / "FIX44.xml"),
        **more,
    }


def test_bounds_of_the_logon_count_from_the_next_one_and_leave_the_connection(exchange: Exchange) -> None:
    peer = exchange.logged_on(interval=30)
    exchange.wire.change_session(spec(heart_bt_int_min=40, heart_bt_int_max=50))
    exchange.stage((1, "8", REPORT))
    assert peer.expect("8")[34] == "2"
    peer.send("5")
    peer.expect("5")
    assert peer.ends()
    refused = exchange.peer()
    refused.logon(num=3, interval=30)
    refused.expect("5")
    again = exchange.logged_on(num=3, interval=45)
    exchange.stage((1, "8", REPORT))
    assert again.expect("8")[34] == "5"


def test_what_quickfix_can_set_counts_at_once(exchange: Exchange) -> None:
    peer = exchange.logged_on()
    exchange.wire.change_session(spec(timestamp_precision=0))
    peer.send("1", "112=x|")
    assert "." not in peer.expect("0")[52]


def test_another_dictionary_ends_the_connection_and_keeps_the_numbers(exchange: Exchange) -> None:
    peer = exchange.logged_on()
    exchange.stage((1, "8", REPORT))
    peer.expect("8")
    exchange.wire.change_session(spec(allow_unknown_msg_fields=True))
    assert peer.ends()
    assert exchange.wait_for(LOGOUT)[0][4] == "session was changed"
    exchange.stage((1, "8", REPORT))
    again = exchange.peer()
    again.logon(num=2)
    assert again.expect("A")[34] == "4"
    again.send("D", "11=a|55=AAPL|54=1|38=10|40=1|60=20240229-12:00:00|1724=5|", num=3)
    again.send("1", "112=x|", num=4)
    assert again.expect("0")[112] == "x"


def test_a_session_may_change_again_and_again_while_another_is_told(exchange: Exchange) -> None:
    exchange.add(2, "TRADER2")
    other = exchange.logged_on("TRADER2")
    for round_ in range(20):
        exchange.wire.change_session(spec(allow_unknown_msg_fields=round_ % 2 == 0, max_latency_s=10 + round_))
        exchange.stage((2, "8", REPORT), (1, "8", REPORT))
        assert other.expect("8")[34] == str(round_ + 2)
    assert exchange.wire.statistics()["sessions"][0]["next_sender"] == 21


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"session_id": 9}, "unknown session 9"),
        ({"target_comp_id": "OTHER"}, "session 1 has other names"),
        ({"transport_dictionary": "/none.xml"}, "dictionary /none.xml cannot be read"),
        ({"timestamp_precision": 10}, "timestamp_precision is not 0..9"),
    ],
)
def test_a_change_that_cannot_be_changes_nothing(exchange: Exchange, more: dict[str, Any], message: str) -> None:
    peer = exchange.logged_on()
    with pytest.raises(ValueError, match=message):
        exchange.wire.change_session(spec(**more))
    peer.send("1", "112=x|")
    peer.expect("0")


def test_settings_are_checked_without_a_session(exchange: Exchange) -> None:
    exchange.wire.check_session(spec(session_id=77, target_comp_id="NOBODY"))
    with pytest.raises(ValueError, match=r"is of FIX\.4\.2, the session is of FIX\.4\.4"):
        exchange.wire.check_session(spec(transport_dictionary=str(DICTIONARIES / "FIX42.xml")))
