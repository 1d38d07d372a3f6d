"""Throttles at the desk: too much is refused before anything else is looked at, and nothing else changes."""

from matching import refusals
from matching.commands import RefuseCancel, RefuseOrder
from matching.events import MessageThrottled
from tests.matching.harness import ACC2, MAKER, TRADER, Harness, brief, buy, cancel, replace, status

SECOND = 1_000_000_000


def test_message_over_the_burst_is_refused_and_its_cl_ord_id_stays_free() -> None:
    exchange = Harness(rate=10, burst=2)
    events = exchange.apply(buy("a", 1, 9_900), buy("b", 1, 9_900), buy("c", 1, 9_900))
    assert [row[0] for row in brief(events)] == ["a", "b", "MessageThrottled"]
    text = "more than 10 messages a second, burst 2, from this session"
    assert events[-1] == MessageThrottled(TRADER, 7, "D", "c", text, refusals.THROTTLED_SESSION)
    exchange.time_ns += SECOND // 10
    assert brief(exchange.apply(buy("c", 1, 9_900))) == [("c", "0", "0", 1, 0)]
    assert brief(exchange.apply(buy("d", 1, 9_900))) == [("MessageThrottled",)]


def test_every_message_but_cancels_takes_from_the_sessions_bucket() -> None:
    exchange = Harness(rate=1, burst=1)
    exchange.apply(buy("a", 1, 9_900))
    refused = RefuseOrder(TRADER, 1, 7, False, "x", "A", "S", "1", "2", "0", "1", "1", 1, "bad")
    events = exchange.apply(
        buy("b", 1, 9_900),
        replace("r", "a", 2, 9_900),
        status("a"),
        refused,
        RefuseCancel(TRADER, 1, 7, "q", "a", 0, "2", 99, "bad"),
    )
    kinds = [(event.ref_msg_type, event.ref_id) for event in events if isinstance(event, MessageThrottled)]
    assert kinds == [("D", "b"), ("G", "r"), ("H", "a"), ("D", "x"), ("G", "q")]
    assert exchange.book() == ([(9_900, 1, 1)], [])


def test_cancels_have_a_bucket_of_their_own() -> None:
    exchange = Harness(rate=2, burst=2, cancel_rate=1, cancel_burst=1)
    exchange.apply(buy("a", 1, 9_900), buy("b", 1, 9_900), buy("c", 1, 9_900))
    events = exchange.apply(cancel("x", "a"), cancel("y", "b"), RefuseCancel(TRADER, 1, 7, "z", "b", 0, "1", 99, "bad"))
    assert brief(events) == [("x", "4", "4", 0, 0), ("MessageThrottled",), ("MessageThrottled",)]
    assert events[1] == MessageThrottled(
        TRADER, 7, "F", "y", "more than 1 cancels a second, burst 1, from this session", refusals.THROTTLED_CANCELS
    )


def test_account_is_throttled_over_all_its_sessions(exchange: Harness) -> None:
    exchange.limits(ACC2, 0, rate=1, burst=2)
    orders = [
        buy(f"a{n}", 1, 9_900, account_id=ACC2, session_id=each) for n, each in enumerate((TRADER, MAKER, TRADER))
    ]
    events = exchange.apply(*orders, buy("other", 1, 9_900))
    assert [row[0] for row in brief(events)] == ["a0", "a1", "MessageThrottled", "other"]
    assert isinstance(events[2], MessageThrottled)
    assert events[2].text == "more than 1 messages a second, burst 2, for account ACC2"
    assert brief(exchange.apply(replace("r", "a0", 2, 9_900))) == [("MessageThrottled",)]


def test_message_refused_for_the_account_takes_nothing_from_the_session() -> None:
    exchange = Harness(rate=1, burst=2)
    exchange.limits(ACC2, 0, rate=1, burst=1)
    events = exchange.apply(
        buy("a", 1, 9_900, account_id=ACC2), buy("b", 1, 9_900, account_id=ACC2), buy("c", 1, 9_900)
    )
    assert [row[0] for row in brief(events)] == ["a", "MessageThrottled", "c"]


def test_throttle_of_zero_is_none() -> None:
    exchange = Harness()
    assert not exchange.risk.has_throttles
    assert len(exchange.apply(*(buy(f"a{n}", 1, 9_900) for n in range(100)))) == 100
