"""Sessions from the configuration: as the matching thread sees them, and as the wire is told of them."""

from collections.abc import Mapping
from typing import Any, Final

from config.sessions import SessionSettings, wire_spec
from config.settings import Settings
from gateway.credentials import Account
from gateway.disconnects import DisconnectRule, cancel_command
from gateway.relay import GatewayEngine
from gateway.sessions import GatewaySession, SessionBook
from gateway.start_up import Started
from gateway.user_desk import unanswered_requests
from gateway.wire import Wire
from matching.codec import SessionState
from matching.commands import CancelSessionOrders, Command, PlanStop
from matching.order import Account as MatchingAccount

SECOND_NS: Final = 1_000_000_000
NOT_CONFIGURED: Final = "Canceled: the session is no longer configured"
WINDOW_DAYS_AHEAD: Final = 8
"""How far schedule windows are computed ahead; timers give the wire new ones every hour, a week is the longest
schedule.
"""


class AccountNames:
    """Account ids by name, and which accounts a session reaches: its own, and those of its firms."""

    def __init__(self, accounts: Mapping[int, MatchingAccount]) -> None:
        self.ids = {account.name: account_id for account_id, account in accounts.items()}
        self._of_firms: dict[str, list[str]] = {}
        for account in accounts.values():
            self._of_firms.setdefault(account.firm, []).append(account.name)

    def watched(self, session: SessionSettings) -> dict[str, int]:
        """Return the accounts of a session by name."""
        of_firms = (name for firm in session.firms for name in self._of_firms.get(firm, ()))
        return {name: self.ids[name] for name in (*session.accounts, *of_firms)}


def build_sessions(settings: Settings, started: Started) -> SessionBook:
    """Return the book of all configured sessions, and of those that the journal knows from earlier configurations.

    The wire is not told of the latter: nobody can log on, and what is said of their orders goes to drop copies alone.
    """
    names = AccountNames(started.engine.accounts)
    book = SessionBook(())
    for session in settings.sessions:
        state = started.states[session.name]
        known = started.engine.sessions.get(state.session_id)
        book.add(gateway_session(session, state, names, was_connected=known is None or known.is_connected))
    configured = {session.name for session in settings.sessions}
    for state in started.states.values():
        if state.name not in configured:
            book.add(_retired_session(state))
    return book


def orders_without_owner(settings: Settings, started: Started, sessions: SessionBook) -> list[Command]:
    """Return the cancels of what must not stay open after a start.

    These are orders of sessions that are no longer configured, and of sessions with CancelOnDisconnect: when the
    exchange was killed, every connection was cut, and nobody has said so yet.
    """
    configured = {session.name for session in settings.sessions}
    commands: list[Command] = []
    for session in sessions:
        known = started.engine.sessions.get(session.session_id)
        if known is None:
            continue
        if session.name not in configured:
            if known.open_count():
                commands.append(CancelSessionOrders(session.session_id, NOT_CONFIGURED))
        elif known.open_count() or session.disconnecting.rule.account_ids:
            commands += canceled_at_start(session)
    return commands


def left_over(engine: GatewayEngine, now_ns: int) -> list[Command]:
    """Return what ends that a former process has left: requests of users without their passwords, and a planned stop
    whose time is over, so that the exchange may start again.
    """
    is_over = engine.planned_stop.is_due(now_ns)
    return [
        *unanswered_requests(engine.users),
        *([PlanStop(0, "", "start", is_done=True)] if is_over else []),
    ]


def canceled_at_start(session: GatewaySession) -> list[Command]:
    """Return the cancel of a session's orders at a start; none where it is given time to come back."""
    disconnecting = session.disconnecting
    if not disconnecting.counts_at_start() or disconnecting.rule.grace_ns:
        return []
    return [cancel_command(session.session_id, disconnecting.rule)]


def _retired_session(state: SessionState) -> GatewaySession:
    begin_string, _, comp_ids = state.name.partition(":")
    sender, _, target = comp_ids.partition("->")
    session = GatewaySession(
        state=state,
        begin_string=begin_string,
        sender_comp_id=sender,
        target_comp_id=target,
        role="order_entry",
        accounts={},
        strict=True,
    )
    session.is_retired = True
    return session


def gateway_session(
    session: SessionSettings, state: SessionState, names: AccountNames, *, was_connected: bool
) -> GatewaySession:
    """Return a session as the configuration has it, with what the journal holds of it."""
    return GatewaySession(
        state=state,
        begin_string=session.begin_string,
        sender_comp_id=session.sender_comp_id,
        target_comp_id=session.target_comp_id,
        role=session.role,
        accounts=names.watched(session),
        strict=session.strict_fix44,
        self_match_id=session.self_match_id,
        self_match_mode=session.self_match_mode,
        trigger=session.trigger,
        disconnect=_disconnect_rule(session, names.ids),
        was_connected=was_connected,
        username=session.username,
        symbols=session.instruments,
        authentication=session.authentication,
    )


def _disconnect_rule(session: SessionSettings, account_ids: Mapping[str, int]) -> DisconnectRule:
    of_accounts = session.accounts if session.cancel_on_disconnect_accounts else ()
    return DisconnectRule(
        cancels=session.cancel_on_disconnect,
        account_ids=tuple(account_ids[name] for name in of_accounts),
        spares_gtc=session.cancel_on_disconnect_spares_gtc,
        on_logout=session.cancel_on_logout,
        grace_ns=session.cancel_on_disconnect_grace_s * SECOND_NS,
    )


def add_to_wire(wire: Wire, settings: Settings, sessions: SessionBook, now_s: int) -> None:
    """Tell the wire of every session, with the numbers that the journal holds and its schedule's windows."""
    for session in settings.sessions:
        known = sessions.by_name(session.name)
        assert known is not None, "every configured session is in the book"
        add_one_to_wire(wire, session, known.state, now_s)


def add_one_to_wire(wire: Wire, session: SessionSettings, state: SessionState, now_s: int) -> None:
    """Tell the wire of one session, with the numbers that the journal holds and its schedule's windows."""
    wire.add_session({**wire_spec(session), **_numbers(state)})
    set_windows(wire, session, state.session_id, now_s)


def set_windows(wire: Wire, session: SessionSettings, session_id: int, now_s: int) -> None:
    """Tell the wire when the session may be logged on and when its numbers begin anew."""
    session_windows, logon_windows = session.windows(now_s=now_s, days_ahead=WINDOW_DAYS_AHEAD)
    wire.set_windows(session_id, session_windows, logon_windows)


def _numbers(state: SessionState) -> dict[str, Any]:
    """Return the journaled numbers. An expected number of an older epoch means: nothing of this one was committed
    yet.
    """
    return {
        "session_id": state.session_id,
        "epoch": state.epoch,
        "created_s": state.created_s,
        "next_sender": max(state.next_sender, state.reserved_through + 1),
        "next_target": state.next_target if state.target_epoch == state.epoch else 1,
        "written_through": state.written_through,
        "reserved_through": state.reserved_through,
    }


def admission_accounts(settings: Settings, sessions: SessionBook) -> dict[int, Account]:
    """Return what admission has to know of each session, by session id."""
    accounts = {}
    ids = sessions.ids_by_name()
    for session in settings.sessions:
        accounts[ids[session.name]] = Account(
            session.name,
            session.authentication,
            session.username,
            settings.passwords.get(session.username),
            comp_id=session.target_comp_id,
            max_latency_s=session.max_latency_s,
        )
    return accounts
