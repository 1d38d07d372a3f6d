"""What is told of events: reports to members, copies to drop copies, status to who asked, alerts to the operator.

Owner: the matching thread.
"""

from typing import Final

import msgspec
import structlog

from gateway.drop_copy import DropCopies
from gateway.next_batch import Message, NextBatch
from gateway.quote_reports import is_answered_elsewhere
from gateway.relay import GatewayEngine
from gateway.reports import EXECUTION_REPORT, ReportWriter
from gateway.sessions import SessionBook
from gateway.shard_market import ShardMarket
from gateway.status import StatusDesk
from gateway.stop_notices import StopNotices
from gateway.throttled_sessions import ThrottledSessions
from gateway.user_desk import UserDesk
from matching.commands import InstructShards, SetKillSwitch
from matching.events import (
    Event,
    Execution,
    InstrumentDefined,
    KillSwitchSet,
    LimitOverrideEnded,
    LimitsOverridden,
    MessageThrottled,
    ScopeCanceled,
    SessionCut,
    SessionsChanged,
    ShardsInstructed,
    TradeCorrected,
    TradingPhaseSet,
)
from matching.instrument import Instrument
from matching.quote_events import QuotesFrozen
from matching.user_events import PasswordSet, StopPlanned, UserRequested
from matching.work import REPEATED_EXECUTIONS

ALERTS: Final = (
    KillSwitchSet,
    ScopeCanceled,
    SessionCut,
    LimitsOverridden,
    LimitOverrideEnded,
    TradeCorrected,
    SessionsChanged,
)
"""Events that an operator hears of at once, in the log."""

log = structlog.get_logger("exchange")


class Teller:
    """`symbols` are the instruments by symbol, which it keeps."""

    def __init__(
        self,
        next_batch: NextBatch,
        *,
        engine: GatewayEngine,
        sessions: SessionBook,
        reports: ReportWriter,
        drop_copies: DropCopies,
        status: StatusDesk,
        users: UserDesk,
        notices: StopNotices,
        throttled: ThrottledSessions,
        symbols: dict[str, Instrument],
        market: ShardMarket | None,
    ) -> None:
        self._next = next_batch
        self._engine = engine
        self._sessions = sessions
        self._reports = reports
        self._drop_copies = drop_copies
        self._status = status
        self._users = users
        self._notices = notices
        self._throttled = throttled
        self._time_ns = 0
        self._symbols = symbols
        self._market = market

    def tell(self, events: list[Event], time_ns: int, batch_seq: int, messages: list[Message]) -> dict[int, int]:
        """Append what sessions and live drop copies are told of the events of a batch; return the cursors of the drop
        copies told.
        """
        reports = self._reports
        reports.set_time(time_ns)
        self._time_ns = time_ns
        by_id = self._sessions.by_id
        copies = self._drop_copies.live()
        execution = reports.execution
        cursors: dict[int, int] = {}
        for event in events:
            if type(event) is Execution:
                if event.terms is not None and is_answered_elsewhere(event):
                    continue
                session = by_id[event.session_id]
                version = session.version
                body = execution(event, version)
                messages.append((event.session_id, EXECUTION_REPORT, body))
                if copies:
                    for copy in copies.get(event.account_id, ()):
                        text = body if copy.version == version else execution(event, copy.version)
                        messages.append((copy.session_id, EXECUTION_REPORT, text))
                        cursors[copy.session_id] = batch_seq
            else:
                self._tell_other(event, batch_seq, messages, cursors)
        return cursors

    def _tell_other(self, event: Event, batch_seq: int, messages: list[Message], cursors: dict[int, int]) -> None:
        if isinstance(event, InstrumentDefined | TradingPhaseSet):
            if isinstance(event, InstrumentDefined):
                self._symbols[event.symbol] = self._engine.instruments[event.instrument_id]
                if self._market is not None:
                    self._market.defined(event)
            self._status.told(event, messages)
            return
        if isinstance(event, ALERTS):
            self._alert(event)
            return
        if isinstance(event, ShardsInstructed) and self._market is not None:
            self._market.dispatch.instruct(event.instruction_id, batch_seq)
            return
        if isinstance(event, UserRequested):
            self._users.requested(event)
            return
        if isinstance(event, StopPlanned):
            self._notices.told(event, self._time_ns, messages)
            log.warning("stop planned", at_ns=event.at_ns, text=event.text, by=event.by, again=event.is_reminder)
            return
        if isinstance(event, PasswordSet):
            log.info("password", user=event.username, by=event.by, is_changed=event.is_changed)
            return
        if isinstance(event, QuotesFrozen):
            self._alert(event)
        if isinstance(event, MessageThrottled):
            self._throttled.refused(event.session_id)
        session = self._sessions.by_id.get(getattr(event, "session_id", 0))
        message = None if session is None else self._reports.message(event, session)
        if session is None or message is None:
            return
        messages.append((session.session_id, *message))
        for copy in self._drop_copies.live_for(event):
            copied = self._reports.message(event, copy)
            assert copied is not None, "a report for one session is a report for every session"
            messages.append((copy.session_id, *copied))
            cursors[copy.session_id] = batch_seq

    def _alert(self, event: Event) -> None:
        """Tell the operator; what one shard has stopped is stopped on all."""
        # Within the second, where the operator's log is watched: RTS 6 gives five.
        log.warning("alert", what=type(event).__name__, **msgspec.structs.asdict(event))
        if isinstance(event, SessionCut):
            self._throttled.cut(event)
        elif isinstance(event, KillSwitchSet) and event.by == REPEATED_EXECUTIONS and self._market is not None:
            # One shard has counted; the session is stopped on all. The others say so by another name: once.
            by = f"{REPEATED_EXECUTIONS} of another shard"
            stop = SetKillSwitch(event.scope, event.target_id, True, by, event.reason)
            self._next.commands.append(InstructShards(self._market.routes.concerned(stop), stop))
