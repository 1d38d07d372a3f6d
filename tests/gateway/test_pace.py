"""What is late goes at the pace that orders leave, by a clock that the test moves."""

import pytest

from gateway import pace
from gateway.pace import REST, Pace


class Clock:
    """The `time` of the module."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(pace, "time", made)
    return made


def live(clock: Clock, seconds: float, *, orders_of_ten: int, is_late: bool = False) -> tuple[float, float]:
    """Turn every millisecond, so many turns of ten with orders; work for a millisecond whenever it may be done. Return
    the share of the time that was worked, and the longest time without work.
    """
    following, worked, turns, last, longest = Pace(), 0.0, 0, clock.now, 0.0
    end = clock.now + seconds
    following.begin()
    while clock.now < end:
        clock.now += 0.001
        turns += 1
        following.turned(had_orders=turns % 10 < orders_of_ten, is_late=is_late)
        if following.may_work():
            longest = max(longest, clock.now - last)
            clock.now += 0.001
            worked += 0.001
            following.worked()
            last = clock.now
    return worked / seconds, longest


def test_while_orders_keep_the_thread_busy_a_tenth_of_it_is_taken(clock: Clock) -> None:
    share, longest = live(clock, 10.0, orders_of_ten=10)
    assert share == pytest.approx(1 / (1 + REST), rel=0.15)
    assert longest < 0.02


def test_what_was_never_sent_gets_more_the_longer_it_waits(clock: Clock) -> None:
    shares = [live(clock, seconds, orders_of_ten=10, is_late=True)[0] for seconds in (1.0, 10.0, 60.0)]
    assert shares == sorted(shares)
    assert shares[0] < 0.12
    assert shares[2] > 0.25


def test_while_nobody_trades_it_never_rests(clock: Clock) -> None:
    assert live(clock, 1.0, orders_of_ten=0)[0] == pytest.approx(0.5, rel=0.02)


def test_between_the_two_it_rests_as_much_as_orders_ask_for(clock: Clock) -> None:
    shares = [live(clock, 10.0, orders_of_ten=orders)[0] for orders in (1, 3, 5, 8)]
    assert shares == sorted(shares, reverse=True)
    assert all(0.1 < share < 0.51 for share in shares)


def test_a_rest_ends_by_the_clock_and_quiet_is_said(clock: Clock) -> None:
    following = Pace()
    following.begin()
    assert following.is_quiet()
    clock.now += 0.01
    following.turned(had_orders=True)
    assert not following.is_quiet()
    assert following.may_work()
    clock.now += 0.002
    following.worked()
    assert following.is_resting()
    clock.now += 0.002 * REST * 0.2 + 1e-9
    assert not following.is_resting()
    for _ in range(50):
        clock.now += 0.01
        following.turned(had_orders=False)
    assert following.is_quiet()
