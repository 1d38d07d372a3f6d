"""A tag is written in one way: what QuickFIX reads as a field is what everybody reads who looks at the text."""

from collections.abc import Callable

from tests.wire.peer import APP, Exchange

ORDER = "11={0}|55=AAPL|54=1|38=10|40=2|{1}|60=20240229-12:00:00|"


def test_a_tag_with_a_leading_zero_is_rejected_and_the_session_goes_on(exchange: Exchange) -> None:
    peer = exchange.logged_on()
    peer.send("D", ORDER.format("a", "044=1.5"))
    reject = peer.expect("3")
    assert (reject[45], reject[372]) == ("2", "D")
    assert "tag is invalid: 044" in reject[58]
    peer.send("D", ORDER.format("b", "44=1.5"))
    assert exchange.wait_for(APP)[0][6][0] == "b"


def test_a_logon_with_a_leading_zero_in_a_tag_moves_no_number(exchanges: Callable[..., Exchange]) -> None:
    exchange = exchanges(next_sender=7, next_target=1)
    with exchange.peer() as peer:
        peer.logon("0141=Y|")
        peer.expect("5")
        assert peer.read() is None
    assert exchange.statistics()["next_sender"] == 7
