"""Intake: what the wire brings, session events and members' messages, becomes commands and answers of the next batch.

Every message gets one: a command, whose events are its answer, or an answer at once. Owner: the matching thread.
"""

from collections.abc import Mapping
from typing import Any

import structlog

from gateway.disconnects import Disconnects
from gateway.drop_copy import DropCopies
from gateway.inbound import (
    ALSO_FOR,
    APPLICATION_MESSAGE_REQUEST,
    FOR_ALL,
    MARKET_DATA_REQUEST,
    MASS_QUOTE,
    NEW_ORDER_LIST,
    NEW_ORDER_SINGLE,
    ORDER_CANCEL_REPLACE_REQUEST,
    ORDER_CANCEL_REQUEST,
    ORDER_MASS_CANCEL_REQUEST,
    ORDER_MASS_STATUS_REQUEST,
    ORDER_STATUS_REQUEST,
    QUOTE_CANCEL,
    ROLE_OF_MESSAGE,
    SECURITY_STATUS_REQUEST,
    TRADING_SESSION_STATUS_REQUEST,
    USER_REQUEST,
)
from gateway.list_translation import new_order_list
from gateway.market_data import MarketData
from gateway.mass_translation import mass_cancel, mass_status
from gateway.next_batch import NextBatch
from gateway.order_terms import DayEnd
from gateway.pipeline import Pipeline
from gateway.quote_translation import mass_quote, quote_cancel
from gateway.rejects import business_reject
from gateway.reports import BUSINESS_MESSAGE_REJECT
from gateway.resends import Resends
from gateway.sessions import GatewaySession, SessionBook
from gateway.shard_market import ShardMarket
from gateway.status import StatusDesk
from gateway.stop_notices import StopNotices
from gateway.throttled_sessions import ThrottledSessions
from gateway.translation import Translator
from gateway.user_desk import UserDesk
from gateway.wire import APP, LOGON, LOGOUT, NUMBERS, RESEND, RESET, Inbound
from matching.clock import Clock
from matching.commands import Command, RefuseMessage
from matching.instrument import Instrument
from matching.refusals import NOT_AUTHORIZED

log = structlog.get_logger("exchange")


class Intake:
    """Fills the next batch. `symbols` is a view by symbol; `market` None: there is no shard but this thread."""

    def __init__(
        self,
        next_batch: NextBatch,
        *,
        sessions: SessionBook,
        symbols: Mapping[str, Instrument],
        day_end: DayEnd,
        clock: Clock,
        pipeline: Pipeline,
        drop_copies: DropCopies,
        market_data: MarketData,
        resends: Resends,
        status: StatusDesk,
        users: UserDesk,
        notices: StopNotices,
        throttled: ThrottledSessions,
        market: ShardMarket | None,
    ) -> None:
        self._next = next_batch
        self._sessions = sessions
        self._symbols = symbols
        self._translator = Translator(symbols, day_end)
        self._clock = clock
        self._pipeline = pipeline
        self._drop_copies = drop_copies
        self._market_data = market_data
        self._resends = resends
        self._status = status
        self._users = users
        self._notices = notices
        self._throttled = throttled
        self._market = market
        self._disconnects = Disconnects()
        self._disconnects.begin((session.disconnecting for session in sessions), clock.now_ns())

    def disconnects_due(self, now_ns: int) -> list[Command]:
        """Return the cancels of sessions that have not come back in time."""
        return self._disconnects.due(now_ns)

    def take(self, item: Inbound) -> None:
        """Take one item of a poll."""
        kind = item[0]
        session = self._sessions.by_id.get(item[1])
        if session is None:
            return
        if kind == APP:
            _, session_id, epoch, msg_seq_num, msg_type, poss_resend, values = item
            self._next.targets[session_id] = (epoch, msg_seq_num + 1)
            self._message(session, msg_seq_num, msg_type, poss_resend, values)
        elif kind == NUMBERS:
            self._next.targets[item[1]] = (item[2], item[3])
        elif kind == LOGON:
            session.logged_on, session.epoch, session.peer = True, item[2], item[3]
            self._drop_copies.logged_on(session)
            if self._market is not None:
                self._market.logged_on(session.session_id)
            self._next.commands += self._disconnects.logged_on(session.disconnecting)
            self._notices.logged_on(session, self._clock.now_ns(), self._next.messages)
            log.info("logon", session=session.name, peer=session.peer, epoch=session.epoch)
        elif kind == LOGOUT:
            log.info("logout", session=session.name, clean=item[3], cause=item[4])
            self._logged_out(session, clean=bool(item[3]))
        elif kind == RESET:
            _, _, session.epoch, old_epoch, old_written_through = item
            self._resends.session_reset(session, old_epoch, old_written_through)
            # Market data that was held and not sent yet went with the old numbers.
            self._market_data.stalled(session)
        elif kind == RESEND:
            self._resends.requested(item)
        else:
            self._market_data.stalled(session)

    def _message(
        self, session: GatewaySession, msg_seq_num: int, msg_type: str, poss_resend: bool, values: tuple[Any, ...]
    ) -> None:
        if session.is_retired:
            self._not_authorized(session, msg_seq_num, msg_type, values[0] or "", "the session is no longer configured")
        elif not (
            session.role == ROLE_OF_MESSAGE[msg_type] or session.role == ALSO_FOR.get(msg_type) or msg_type in FOR_ALL
        ):
            text = f"MsgType(35) {msg_type} is not for a session with Role {session.role}"
            self._not_authorized(session, msg_seq_num, msg_type, values[0] or "", text)
        elif msg_type == NEW_ORDER_SINGLE:
            self._next.commands.append(self._translator.new_order(session, msg_seq_num, poss_resend, values))
        elif msg_type == NEW_ORDER_LIST:
            self._next.commands.append(new_order_list(self._translator, session, msg_seq_num, poss_resend, values))
        elif msg_type == ORDER_CANCEL_REQUEST:
            self._next.commands.append(self._translator.cancel_order(session, msg_seq_num, poss_resend, values))
        elif msg_type == ORDER_CANCEL_REPLACE_REQUEST:
            self._next.commands.append(self._translator.replace_order(session, msg_seq_num, poss_resend, values))
        elif msg_type == ORDER_STATUS_REQUEST:
            self._next.commands.append(self._translator.request_status(session, msg_seq_num, values))
        elif msg_type == ORDER_MASS_CANCEL_REQUEST:
            self._next.commands.append(mass_cancel(session, msg_seq_num, poss_resend, values, self._symbols))
        elif msg_type == ORDER_MASS_STATUS_REQUEST:
            self._next.commands.append(mass_status(session, msg_seq_num, values, self._symbols))
        elif msg_type == MASS_QUOTE:
            self._next.commands.append(mass_quote(session, msg_seq_num, poss_resend, values, self._symbols))
        elif msg_type == QUOTE_CANCEL:
            self._next.commands.append(quote_cancel(session, msg_seq_num, poss_resend, values, self._symbols))
        elif msg_type == USER_REQUEST:
            self._next.commands.append(self._users.request(session, msg_seq_num, values))
        elif msg_type in (SECURITY_STATUS_REQUEST, TRADING_SESSION_STATUS_REQUEST):
            for answer_type, body in self._status.request(session, msg_seq_num, msg_type, values):
                self._next.messages.append((session.session_id, answer_type, body))
        elif msg_type == APPLICATION_MESSAGE_REQUEST:
            self._next.messages += self._drop_copies.ranges.requested(session, msg_seq_num, values)
        else:
            assert msg_type == MARKET_DATA_REQUEST, f"message type {msg_type} has a role but no way"
            answer = self._market_data.request(session, values, self._pipeline.next_batch_seq)
            if answer is not None:
                self._next.messages.append((session.session_id, "Y", answer))

    def _not_authorized(self, session: GatewaySession, msg_seq_num: int, msg_type: str, ref_id: str, text: str) -> None:
        if self._market is not None:
            # What is answered behind a number without an answer is remembered, as every answer there.
            ids = (session.session_id, session.epoch, msg_seq_num)
            self._next.commands.append(RefuseMessage(*ids, msg_type, ref_id, text, NOT_AUTHORIZED))
            return
        body = business_reject(
            session.version,
            ref_seq_num=msg_seq_num,
            ref_msg_type=msg_type,
            code=NOT_AUTHORIZED,
            text=text,
            ref_id=ref_id,
        )
        self._next.messages.append((session.session_id, BUSINESS_MESSAGE_REJECT, body))

    def _logged_out(self, session: GatewaySession, *, clean: bool) -> None:
        session.logged_on = False
        session.peer = ""
        self._throttled.logged_out(session.session_id)
        self._drop_copies.logged_out(session)
        self._market_data.forget(session)
        self._next.commands += self._disconnects.logged_out(session.disconnecting, self._clock.now_ns(), clean=clean)
        self._status.forget(session)
