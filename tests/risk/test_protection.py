"""Windows of a session: how many refused messages cut it; kill switches of firms; and that a snapshot holds them."""

from matching.commands import ContinueWork, DefineAccount, SetKillSwitch, SetProtection
from matching.events import CommandRefused, KillSwitchSet, MessageThrottled, ScopeCanceled, SessionCut, WorkLeft
from risk.protection import REPEATS_PER_SESSION_MAX, Protection
from tests.matching.harness import ACC2, MAKER, TRADER, Harness, brief, buy, cancel, sell, text_of
from tests.matching.test_state_records import reload

SECOND = 1_000_000_000


def protection(*, cut: int = 0, repeat: int = 0) -> Protection:
    """Bounds in windows of one second."""
    return Protection(SetProtection(1, cut, SECOND, repeat, SECOND))


def test_more_than_the_bound_within_the_window_cuts_and_counting_begins_anew() -> None:
    found = protection(cut=2)
    times = (100 * SECOND, 100 * SECOND, 101 * SECOND - 1, 101 * SECOND, 101 * SECOND, 102 * SECOND)
    assert [bool(found.count_overrun(time_ns)) for time_ns in times] == [False, False, True, False, False, False]
    assert protection().count_overrun(5) == ""


def test_executions_are_counted_by_kind_in_windows() -> None:
    found = protection(repeat=2)
    kind, other = (1, 1, "1"), (1, 1, "2")
    assert [bool(found.count_execution(kind, 100 * SECOND)) for _ in range(3)] == [False, False, True]
    assert not found.count_execution(other, 100 * SECOND)
    assert [bool(found.count_execution(kind, 200 * SECOND + n * SECOND)) for n in range(9)] == [False] * 9


def test_kinds_are_bounded() -> None:
    found = protection(repeat=1)
    for number in range(REPEATS_PER_SESSION_MAX + 5):
        found.count_execution((number, 1, "1"), SECOND)
    assert len(found.repeats) == REPEATS_PER_SESSION_MAX


def test_session_that_goes_on_over_its_throttle_is_cut_and_its_orders_are_canceled() -> None:
    exchange = Harness(rate=1, burst=2, cancel_rate=1, cancel_burst=1)
    exchange.apply(SetProtection(TRADER, 1, SECOND, 0, 0), buy("a", 1, 9_900), buy("b", 1, 9_900), cancel("x", "b"))
    assert [type(event) for event in exchange.apply(buy("c", 1, 9_900))] == [MessageThrottled]
    # A cancel over its own bucket counts too.
    events = exchange.apply(cancel("y", "a"))
    text = "more than 1 messages over the throttle within 1 s"
    assert events[1:] == [SessionCut(TRADER, text), WorkLeft(1)]
    exchange.time_ns += SECOND
    assert brief(exchange.apply(buy("d", 1, 9_900))) == [("d", "8", "8", 0, 0, 99)]
    canceled = exchange.apply(ContinueWork())
    assert brief(canceled) == [("a", "4", "4", 0, 0)]
    assert text_of(canceled) == f"Canceled: {text}"


def test_session_without_the_second_level_is_throttled_for_ever() -> None:
    exchange = Harness(rate=1, burst=1)
    events = exchange.apply(*(buy(f"a{n}", 1, 9_900) for n in range(50)))
    assert {type(event) for event in events[1:]} == {MessageThrottled}


def test_bounds_of_an_unknown_session_or_below_zero_are_refused() -> None:
    exchange = Harness()
    for command in (SetProtection(9, 1, 1, 0, 0), SetProtection(TRADER, -1, 1, 0, 0)):
        assert isinstance(exchange.apply(command)[0], CommandRefused)


def test_kill_switch_of_a_firm_is_that_of_all_its_accounts_also_of_those_that_come_later() -> None:
    exchange = Harness()
    exchange.apply(DefineAccount(ACC2, "ACC2", "OTHER"))
    exchange.apply(buy("a", 1, 9_900), buy("b", 1, 9_900, account_id=3), sell("s", 1, 10_100))
    events = exchange.apply(SetKillSwitch("firm", 0, True, "ops", "runaway", "FIRM"))
    assert events[0] == KillSwitchSet("firm", 0, True, "ops", "runaway", "FIRM")
    assert brief(events[1:-1]) == [("a", "4", "4", 0, 0), ("b", "4", "4", 0, 0)]
    assert events[-1] == ScopeCanceled("firm", 0, "FIRM", 2, "kill switch of firm FIRM engaged: runaway")
    refused = exchange.apply(buy("c", 1, 9_900))
    assert text_of(refused) == "kill switch of firm FIRM is engaged: runaway"
    assert brief(exchange.apply(buy("d", 1, 9_900, account_id=ACC2, session_id=MAKER)))[0][1] == "0"
    exchange.apply(DefineAccount(ACC2, "ACC2", "FIRM"), DefineAccount(3, "ACC3", "OTHER"))
    assert brief(exchange.apply(buy("e", 1, 9_900, account_id=ACC2)))[0][1] == "8"
    assert brief(exchange.apply(buy("f", 1, 9_900, account_id=3)))[0][1] == "0"
    exchange.apply(SetKillSwitch("firm", 0, False, "ops", "checked", "FIRM"))
    assert brief(exchange.apply(buy("g", 1, 9_900)))[0][1] == "0"
    assert isinstance(exchange.apply(SetKillSwitch("firm", 0, True, "ops", "", "NOBODY"))[0], CommandRefused)


def test_protection_survives_a_reload() -> None:
    exchange = Harness(rate=1, burst=1)
    exchange.apply(
        SetProtection(TRADER, 2, SECOND, 5, SECOND),
        SetKillSwitch("firm", 0, True, "ops", "runaway", "FIRM"),
        buy("a", 1, 9_900),
        buy("b", 1, 9_900),
    )
    other = reload(exchange)
    assert other.engine.state_hash() == exchange.engine.state_hash()
    for _ in range(2):
        assert exchange.apply(buy("c", 1, 9_900)) == other.apply(buy("c", 1, 9_900))
    assert other.engine.state_hash() == exchange.engine.state_hash()
    exchange.apply(SetProtection(TRADER, 0, 0, 0, 0), SetKillSwitch("firm", 0, False, "ops", "", "FIRM"))
    assert not exchange.risk.protections
