"""What becomes of a session's orders when its connection is gone: at once, after a grace time, or nothing."""

from gateway.disconnects import Disconnecting, DisconnectRule, Disconnects
from matching.commands import CancelSessionOrders, NoteConnection

SECOND = 1_000_000_000
OWN = DisconnectRule(cancels=True)
GRACE = DisconnectRule(cancels=True, grace_ns=10 * SECOND)
KEPT_ON_LOGOUT = DisconnectRule(cancels=True, on_logout=False)


def test_without_a_rule_nothing_happens() -> None:
    gone = Disconnects()
    assert gone.logged_out(Disconnecting(1, DisconnectRule()), 0, clean=False) == []
    assert gone.due(10**18) == []


def test_a_lost_connection_and_a_logout_have_reasons_of_their_own() -> None:
    rule = DisconnectRule(cancels=True, account_ids=(4, 5), spares_gtc=True)
    lost = Disconnects().logged_out(Disconnecting(1, rule), 0, clean=False)
    assert lost == [CancelSessionOrders(1, "Canceled on disconnect", (4, 5), True, 12)]
    clean = Disconnects().logged_out(Disconnecting(1, OWN), 0, clean=True)
    assert clean == [CancelSessionOrders(1, "Canceled on logout", (), False, 13)]


def test_orders_wait_for_the_grace_time_and_not_longer() -> None:
    gone, session = Disconnects(), Disconnecting(1, GRACE)
    assert gone.logged_out(session, 5 * SECOND, clean=True) == []
    assert gone.due(15 * SECOND - 1) == []
    assert gone.due(15 * SECOND) == [CancelSessionOrders(1, "Canceled on logout", (), False, 13)]
    assert gone.due(99 * SECOND) == []


def test_a_session_that_comes_back_keeps_its_orders() -> None:
    gone, session = Disconnects(), Disconnecting(1, GRACE)
    gone.logged_out(session, 0, clean=False)
    assert gone.logged_on(session) == []
    assert gone.due(99 * SECOND) == []


def test_a_start_begins_the_grace_time_of_those_that_had_not_logged_out() -> None:
    kept = DisconnectRule(cancels=True, on_logout=False, grace_ns=SECOND)
    sessions = [
        Disconnecting(1, GRACE),
        Disconnecting(2, OWN),
        Disconnecting(3, kept, was_connected=False),
        Disconnecting(4, kept),
    ]
    gone = Disconnects()
    gone.begin(sessions, 0)
    due = gone.due(99 * SECOND)
    assert [command.session_id for command in due if isinstance(command, CancelSessionOrders)] == [1, 4]


def test_a_logout_in_order_is_journaled_where_it_spares_the_orders() -> None:
    gone, session = Disconnects(), Disconnecting(1, KEPT_ON_LOGOUT)
    assert gone.logged_on(session) == []
    assert gone.logged_out(session, 0, clean=True) == [NoteConnection(1, False)]
    assert not session.counts_at_start()
    assert gone.logged_on(session) == [NoteConnection(1, True)]
    assert gone.logged_out(session, 0, clean=False) == [CancelSessionOrders(1, "Canceled on disconnect")]
    assert session.counts_at_start()
