"""Storms from members who are logged on: every message has its answer, the others trade on, memory is bounded."""

import time
from collections.abc import Iterator
from typing import Final

import pytest

from tests.fuzz.test_field_values import trade
from tests.hostile.bystander import bounded_memory, bystander
from tests.hostile.judge import log_on_anew
from tests.hostile.storms import Line, resend_storm, storming
from tests.support.exchange import ExchangeProcess, running_exchange
from tests.support.fix_peer import utc_timestamp

GROWTH_BYTES_MAX: Final = 64 << 20
RATE: Final = 50
FLOOD: Final = 10_000
TRADES_MIN: Final = 20
REPORTS_MIN: Final = 300
RESENDS_MIN: Final = 200
STORM_SECONDS_MAX: Final = 30.0


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExchangeProcess]:
    """One exchange; MAKER1 may send 50 messages a second."""
    keys = {"MAKER1": {"MessageRate": str(RATE), "MessageBurst": str(RATE)}}
    with running_exchange(tmp_path_factory.mktemp("storms"), session_keys=keys) as running:
        yield running
        assert running.terminate() == 0
        running.verify()


def run_until(line: Line, count: int, *patterns: bytes) -> None:
    """Send and receive until so many of the patterns have come."""
    deadline = time.monotonic() + STORM_SECONDS_MAX
    while sum(line.counts[pattern] for pattern in patterns) < count and time.monotonic() < deadline:
        if line.is_closed:
            return
        line.turn()


@pytest.mark.slow
def test_a_flood_over_the_throttle_is_answered_message_by_message(exchange: ExchangeProcess) -> None:
    peer = exchange.peer("MAKER1")
    taken, throttled, mark = b"\x01150=0\x01", b"\x0135=j\x01", b"\x0135=3\x01"
    with bystander(exchange) as other, bounded_memory(exchange, GROWTH_BYTES_MAX):
        log_on_anew(peer)
        line = Line(peer)
        line.watch(taken, throttled, mark)
        terms = [(55, "AAPL"), (54, "1"), (38, "1"), (40, "2"), (44, "300.00"), (59, "3"), (60, utc_timestamp())]
        try:
            for number in range(FLOOD):
                line.send("D", [(11, f"FLOOD{number}"), *terms])
                if number % 500 == 0:
                    line.turn()
                    trade(other)
            run_until(line, FLOOD, taken, throttled)
        finally:
            line.close()
            peer.cut()
        assert line.counts[taken] + line.counts[throttled] == FLOOD, line.counts
        assert line.counts[throttled] > FLOOD // 2, line.counts
        assert line.counts[mark] == 0
        print(f"flood: {line.counts[taken]} taken, {line.counts[throttled]} throttled")


@pytest.mark.slow
def test_a_flood_of_test_requests_is_answered_one_by_one(exchange: ExchangeProcess) -> None:
    peer = exchange.peer("TRADER1")
    answer = b"\x01112=FLOOD\x01"
    with bystander(exchange) as other, bounded_memory(exchange, GROWTH_BYTES_MAX):
        log_on_anew(peer)
        line = Line(peer)
        line.watch(answer)
        try:
            for number in range(FLOOD):
                line.send("1", [(112, "FLOOD")])
                if number % 500 == 0:
                    line.turn()
                    trade(other)
            run_until(line, FLOOD, answer)
        finally:
            line.close()
            peer.cut()
        assert line.counts[answer] == FLOOD


@pytest.mark.slow
def test_hundreds_of_resends_of_everything_hold_up_nobody(exchange: ExchangeProcess) -> None:
    peer = exchange.peer("TRADER1")
    with bystander(exchange) as other:
        log_on_anew(peer)
        try:
            while peer.next_in < REPORTS_MIN:
                trade(peer)
            with bounded_memory(exchange, GROWTH_BYTES_MAX), storming(resend_storm, peer) as storm:
                trades = 0
                while storm.sent < RESENDS_MIN:
                    assert not storm.is_over, "the exchange cut a session that waits for its resends"
                    trade(other)
                    trades += 1
        finally:
            peer.cut()
    assert trades > TRADES_MIN, f"{trades} trades beside {RESENDS_MIN} resends of {REPORTS_MIN} messages"
    print(f"{trades} trades beside {RESENDS_MIN} resends of {REPORTS_MIN} messages")
