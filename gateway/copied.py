"""What of the events a drop copy is told: the reports of orders, of every kind, by the account whose orders they are.

An answer that is about a request and not about an order is its sender's alone: every order that it speaks of has
reports of its own. Owner: the matching thread.
"""

from collections.abc import Iterable

from gateway.next_batch import Message
from gateway.quote_reports import is_answered_elsewhere
from gateway.reports import ReportWriter
from gateway.sessions import GatewaySession, SessionBook
from matching.events import CancelRejected, Event, Execution, OrderRefused


class CopiedReports:
    """Draws from events what a drop copy session is told of them."""

    def __init__(self, sessions: SessionBook, reports: ReportWriter) -> None:
        self._sessions = sessions
        self._reports = reports

    def account_id(self, event: Event) -> int:
        """Return whose report an event is; 0 for nobody's. A refusal without a known account is of the session's first
        account.
        """
        if isinstance(event, Execution):
            return 0 if event.terms is not None and is_answered_elsewhere(event) else event.account_id
        if isinstance(event, CancelRejected):
            return event.account_id or self._default_account(event.session_id, None)
        if isinstance(event, OrderRefused):
            return self._default_account(event.session_id, event.account or None)
        return 0

    def messages(self, session: GatewaySession, events: Iterable[Event], time_ns: int) -> list[Message]:
        """Return what `session` is told of the events of a batch with that time, in their order."""
        self._reports.set_time(time_ns)
        session_id, accounts = session.session_id, session.watched
        account_id, message_of = self.account_id, self._reports.message
        messages: list[Message] = []
        for event in events:
            if account_id(event) in accounts:
                message = message_of(event, session)
                assert message is not None, "what is of an account is a report"
                messages.append((session_id, *message))
        return messages

    def _default_account(self, session_id: int, account: str | None) -> int:
        session = self._sessions.by_id.get(session_id)
        if session is None or not session.account_ids:
            return 0
        return session.accounts.get(account) or session.account_ids[0]


def exec_id_of(event: Event) -> int:
    """Return the number in the ExecID(17) of a report that may be copied; 0 where it has none. They ascend in the
    journal, by shard: what says an older state once more, in an answer to a mass request, does not count.
    """
    return event.exec_id if isinstance(event, Execution | OrderRefused) else 0
