"""Market data: numbered in reserved blocks, never stored, gap-filled when asked for again, dropped for the slow."""

from collections.abc import Callable

from tests.wire.peer import RESERVE, SLOW, SOH, Exchange

Make = Callable[..., Exchange]
BODY = "55=AAPL|268=0|"
REPORT = "37=O1|17=E1|150=0|39=0|55=AAPL|54=1|38=10|151=10|14=0|6=0|"


def publish(exchange: Exchange, *session_ids: int, body: str = BODY) -> None:
    exchange.wire.publish(session_ids, "W", body.replace("|", SOH))


def test_published_messages_are_numbered_per_session_and_not_stored(exchanges: Make) -> None:
    exchange = exchanges(options={"reserve_block": 3})
    exchange.add(2, "TRADER2")
    peer, other = exchange.logged_on(), exchange.logged_on("TRADER2")
    for _ in range(4):
        publish(exchange, 1, 2)
    assert [peer.expect("W")[34] for _ in range(4)] == ["2", "3", "4", "5"]
    assert [other.expect("W")[34] for _ in range(4)] == ["2", "3", "4", "5"]
    assert list(exchange.stored[1, 1]) == [1]
    blocks = [item[3:] for item in exchange.outbound if item[0] == RESERVE and item[3] == 1]
    assert blocks == [(1, 1, 4), (1, 1, 7)]


def test_published_message_waits_for_the_commit_of_its_block(exchange: Exchange) -> None:
    peer = exchange.logged_on()
    exchange.committing = False
    publish(exchange, 1)
    exchange.wait(lambda: any(item[0] == RESERVE for item in exchange.outbound))
    assert peer.is_silent()
    exchange.commit()
    peer.expect("W")
    exchange.committing = False
    publish(exchange, 1)
    assert peer.expect("W")[34] == "3"


def test_nothing_is_published_to_who_is_logged_off(exchange: Exchange) -> None:
    publish(exchange, 1)
    exchange.logged_on()
    assert exchange.statistics()["next_sender"] == 2


def test_resend_fills_what_was_published_and_brings_the_reports_between(exchange: Exchange) -> None:
    peer = exchange.logged_on()
    publish(exchange, 1)
    publish(exchange, 1)
    assert [peer.expect("W")[34] for _ in range(2)] == ["2", "3"]
    exchange.stage((1, "8", REPORT))
    assert peer.expect("8")[34] == "4"
    publish(exchange, 1)
    peer.expect("W")
    peer.send("2", "7=2|16=0|")
    fill = peer.expect("4")
    assert (fill[34], fill[36]) == ("2", "4")
    assert peer.expect("8")[34] == "4"
    fill = peer.expect("4")
    assert (fill[34], fill[36]) == ("5", "6")
    assert exchange.wait_for(SLOW) == [(SLOW, 1, 1)]
    assert peer.is_silent()


def test_range_that_ends_in_published_messages_after_admin_is_filled_as_a_whole(exchange: Exchange) -> None:
    peer = exchange.logged_on()
    peer.send("1", "112=x|")
    peer.expect("0")
    publish(exchange, 1)
    publish(exchange, 1)
    for _ in range(2):
        peer.expect("W")
    peer.send("2", "7=1|16=0|")
    fill = peer.expect("4")
    assert (fill[34], fill[36]) == ("1", "5")
    assert peer.is_silent()


def test_slow_subscriber_loses_messages_until_it_has_caught_up_and_reports_go_on(exchanges: Make) -> None:
    exchange = exchanges(options={"md_bytes_max": 100_000})
    peer = exchange.logged_on()
    exchange.committing = False
    bulk = "55=AAPL|58=" + "x" * 30_000 + "|268=0|"
    for _ in range(10):
        publish(exchange, 1, body=bulk)
    exchange.stage((1, "8", REPORT))
    exchange.wait(lambda: len(exchange.stored[1, 1]) == 2)
    assert exchange.wire.statistics()["md_dropped"] == 6
    exchange.commit()
    assert [peer.expect("W")[34] for _ in range(4)] == ["2", "3", "4", "5"]
    assert peer.expect("8")[34] == "6"
    assert exchange.wait_for(SLOW) == [(SLOW, 1, 1)]
    publish(exchange, 1)
    assert peer.expect("W")[34] == "7"
