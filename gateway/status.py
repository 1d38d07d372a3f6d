"""Status of instruments and trading sessions: SecurityStatusRequest(e), TradingSessionStatusRequest(g) in; f, h out.

Who asks with SubscriptionRequestType(263)=1 is told of every change until he ends it with 2 or his connection ends; a
session that did not ask is told nothing. A trading session is a calendar of instruments.toml, and ALWAYS for the
instruments that have none; it is as open as the most open of its instruments. Owner: the matching thread.
"""

from collections.abc import Mapping
from typing import Any, Final

from gateway.inbound import SECURITY_STATUS_REQUEST, TRADING_SESSION_STATUS_REQUEST
from gateway.phase_keeper import PhaseKeeper
from gateway.rejects import SOH_FREE, business_reject
from gateway.sessions import FIX42, FIX50SP2, GatewaySession, Version
from matching import refusals
from matching.events import Event, InstrumentDefined, TradingPhaseSet
from matching.instrument import Instrument
from matching.refusals import Refusal
from matching.types import TradingPhase

SECURITY_STATUS: Final = "f"
TRADING_SESSION_STATUS: Final = "h"
BUSINESS_MESSAGE_REJECT: Final = "j"
ALWAYS: Final = "ALWAYS"
"""TradingSessionID(336) of instruments without a calendar."""
SNAPSHOT: Final = "0"
SUBSCRIBE: Final = "1"
UNSUBSCRIBE: Final = "2"
REQUEST_ID_CHARS_MAX: Final = 64
SUBSCRIPTIONS_MAX: Final = 1_000
"""Subscriptions of one session; more are refused."""

UNKNOWN: Final = "20"
"""SecurityTradingStatus(326) of a symbol that is not traded here."""
REQUEST_REJECTED: Final = "6"
UNKNOWN_SESSION: Final = "1"

SECURITY_TRADING_STATUS: Final[dict[TradingPhase, tuple[str, str]]] = {
    "pre-open": ("21", "1"),
    "opening auction": ("22", "5"),
    "continuous": ("17", "17"),
    "volatility halt": ("5", "5"),
    "closing auction": ("5", "5"),
    "closed": ("18", "18"),
    "halted": ("2", "2"),
    "delisted": ("19", "19"),
}
"""SecurityTradingStatus(326) from FIX.4.4 on, and of FIX.4.2, which has neither pre-open nor opening rotation."""
SUB_ID: Final[dict[TradingPhase, str]] = {
    "pre-open": "1",
    "opening auction": "2",
    "continuous": "3",
    "closing auction": "4",
    "volatility halt": "9",
    "closed": "7",
    "halted": "7",
    "delisted": "7",
}
"""TradingSessionSubID(625): pre-trading, opening, continuous, closing, unscheduled auction, quiescent."""
OPENNESS: Final[tuple[TradingPhase, ...]] = (
    "continuous",
    "closing auction",
    "opening auction",
    "pre-open",
    "volatility halt",
    "halted",
    "closed",
    "delisted",
)
TRAD_SES_STATUS: Final[dict[TradingPhase, str]] = {
    "continuous": "2",
    "closing auction": "5",
    "opening auction": "4",
    "pre-open": "4",
    "volatility halt": "1",
    "halted": "1",
    "closed": "3",
    "delisted": "3",
}


class TradingSessions:
    """How many instruments of each trading session are in each phase."""

    def __init__(self, keeper: PhaseKeeper, instruments: Mapping[int, Instrument]) -> None:
        self._keeper = keeper
        self._instruments = instruments
        self._phase_of: dict[int, TradingPhase] = {}
        self._home: dict[int, str] = {}
        self._counts: dict[str, dict[TradingPhase, int]] = {}
        self.renew()

    def renew(self) -> None:
        """Count all anew, after a start or a change of calendars."""
        self._phase_of, self._home, self._counts = {}, {}, {}
        for instrument in self._instruments.values():
            self.note(instrument.instrument_id, instrument.symbol, instrument.phase)

    def names(self) -> list[str]:
        """Return all TradingSessionIDs, in the order in which they came up."""
        return list(self._counts)

    def note(self, instrument_id: int, symbol: str, phase: TradingPhase) -> str:
        """Count an instrument in its phase, no longer in its former one; return its TradingSessionID."""
        calendar = self._keeper.calendar_of(symbol)
        name = self._home.setdefault(instrument_id, ALWAYS if calendar is None else calendar.name)
        counts = self._counts.setdefault(name, {})
        former = self._phase_of.get(instrument_id)
        if former is not None:
            counts[former] -= 1
        counts[phase] = counts.get(phase, 0) + 1
        self._phase_of[instrument_id] = phase
        return name

    def home(self, instrument_id: int) -> str:
        """Return the TradingSessionID of an instrument."""
        return self._home[instrument_id]

    def phase_of_home(self, instrument_id: int) -> TradingPhase:
        """Return the phase of the session that an instrument is in."""
        return self.phase(self._home[instrument_id])

    def phase(self, name: str) -> TradingPhase:
        """Return the most open phase that an instrument of the session is in."""
        counts = self._counts[name]
        return next(phase for phase in OPENNESS if counts.get(phase, 0))


class StatusDesk:
    """Requests for status and their subscriptions. Costs nothing while there is none."""

    def __init__(
        self, keeper: PhaseKeeper, instruments: Mapping[int, Instrument], symbols: Mapping[str, Instrument]
    ) -> None:
        self._symbols = symbols
        self._instruments = instruments
        self._sessions = TradingSessions(keeper, instruments)
        self._of_symbol: dict[str, dict[tuple[int, str], GatewaySession]] = {}
        self._of_session: dict[str, dict[tuple[int, str], GatewaySession]] = {}

    def configured(self) -> None:
        """Take up changed calendars."""
        self._sessions.renew()

    # -- requests -----------------------------------------------------------------------------------------------------

    def request(
        self, session: GatewaySession, msg_seq_num: int, msg_type: str, values: tuple[Any, ...]
    ) -> list[tuple[str, str]]:
        """Answer e or g: the message types and bodies of f or h, or of one j. `values` are id, name, request type; of g
        also the name as FIX.5.0SP2 has it.
        """
        request_id, name, request_type = (values[0] or "", *values[1:3])
        is_security = msg_type == SECURITY_STATUS_REQUEST
        if not is_security and session.version == FIX50SP2:
            name = values[3]
        subscriptions = self._of_symbol if is_security else self._of_session
        key = session.session_id, request_id
        fault = self._fault(key, request_type, subscriptions)
        if fault is not None:
            return [_reject(session.version, msg_seq_num, msg_type, request_id, fault)]
        if request_type == UNSUBSCRIBE:
            for subscribers in subscriptions.values():
                subscribers.pop(key, None)
            return []
        if is_security:
            return self._security(session, key, name or "", request_type)
        return self._trading_session(session, msg_seq_num, key, name, request_type)

    def _fault(
        self,
        key: tuple[int, str],
        request_type: str | None,
        subscriptions: Mapping[str, Mapping[tuple[int, str], GatewaySession]],
    ) -> Refusal | None:
        session_id, request_id = key
        if not 1 <= len(request_id) <= REQUEST_ID_CHARS_MAX:
            text = f"the request's id has {len(request_id)} characters, allowed: 1..{REQUEST_ID_CHARS_MAX}"
            return refusals.STATUS_REQUEST_ID, text
        is_known = any(key in subscribers for subscribers in subscriptions.values())
        if request_type == UNSUBSCRIBE:
            return None if is_known else (refusals.STATUS_REQUEST_ID, f"{request_id} is not subscribed")
        if request_type not in (SNAPSHOT, SUBSCRIBE):
            text = f"SubscriptionRequestType(263) {request_type or 'absent'}, allowed: 0, 1, 2"
            return refusals.STATUS_REQUEST_TYPE, text
        if is_known:
            return refusals.STATUS_REQUEST_ID, f"{request_id} is in use"
        count = sum(1 for subscribers in subscriptions.values() for owner, _ in subscribers if owner == session_id)
        if request_type == SUBSCRIBE and count >= SUBSCRIPTIONS_MAX:
            return refusals.STATUS_SUBSCRIPTIONS_MAX, f"{count} are subscribed, allowed: {SUBSCRIPTIONS_MAX}"
        return None

    def _security(
        self, session: GatewaySession, key: tuple[int, str], symbol: str, request_type: str | None
    ) -> list[tuple[str, str]]:
        instrument = self._symbols.get(symbol)
        if instrument is None or not session.may_see(symbol):
            fault = f"Symbol(55) {symbol} is not traded here" if instrument is None else session.not_permitted(symbol)
            head = f"324={key[1]}\x0155={symbol}\x01"
            text = "" if session.version == FIX42 else f"58={fault}\x01"
            return [(SECURITY_STATUS, f"{head}325=N\x01326={UNKNOWN}\x01{text}")]
        if request_type == SUBSCRIBE:
            self._of_symbol.setdefault(symbol, {})[key] = session
        return [self._security_status(session, key[1], instrument, instrument.phase, unsolicited="N", reason="")]

    def _trading_session(
        self,
        session: GatewaySession,
        msg_seq_num: int,
        key: tuple[int, str],
        name: str | None,
        request_type: str | None,
    ) -> list[tuple[str, str]]:
        known = self._sessions.names()
        if name is not None and name not in known:
            text = f"TradingSessionID(336) {name} is not known, allowed: {', '.join(known)}"
            if session.version == FIX42:
                fault = refusals.UNKNOWN_TRADING_SESSION, text
                return [_reject(session.version, msg_seq_num, TRADING_SESSION_STATUS_REQUEST, key[1], fault)]
            head = f"335={key[1]}\x01{_name(name, session.version)}325=N\x01"
            return [(TRADING_SESSION_STATUS, f"{head}340={REQUEST_REJECTED}\x01567={UNKNOWN_SESSION}\x0158={text}\x01")]
        names = known if name is None else [name]
        if request_type == SUBSCRIBE:
            for each in names:
                self._of_session.setdefault(each, {})[key] = session
        return [self._session_status(session, key[1], each, unsolicited="N") for each in names]

    def forget(self, session: GatewaySession) -> None:
        """End the subscriptions of a session whose connection is gone."""
        for subscribers in (*self._of_symbol.values(), *self._of_session.values()):
            for key in [key for key in subscribers if key[0] == session.session_id]:
                del subscribers[key]

    # -- changes ------------------------------------------------------------------------------------------------------

    def told(self, event: Event, messages: list[tuple[int, str, str]]) -> None:
        """Append what subscribers are told of an event that may change a status."""
        if isinstance(event, InstrumentDefined):
            instrument = self._instruments[event.instrument_id]
            self._sessions.note(event.instrument_id, event.symbol, instrument.phase)
        elif isinstance(event, TradingPhaseSet):
            self._phase_set(event, messages)

    def _phase_set(self, event: TradingPhaseSet, messages: list[tuple[int, str, str]]) -> None:
        instrument = self._instruments[event.instrument_id]
        before = self._sessions.phase_of_home(event.instrument_id)
        name = self._sessions.note(event.instrument_id, instrument.symbol, event.phase)
        for (session_id, request_id), session in self._of_symbol.get(instrument.symbol, {}).items():
            status = self._security_status(
                session, request_id, instrument, event.phase, unsolicited="Y", reason=event.reason
            )
            messages.append((session_id, *status))
        if before != self._sessions.phase(name):
            for (session_id, request_id), session in self._of_session.get(name, {}).items():
                messages.append((session_id, *self._session_status(session, request_id, name, unsolicited="Y")))

    def _security_status(
        self,
        session: GatewaySession,
        request_id: str,
        instrument: Instrument,
        phase: TradingPhase,
        *,
        unsolicited: str,
        reason: str,
    ) -> tuple[str, str]:
        """Return f: the phase as SecurityTradingStatus(326), TradingSessionSubID(625), and why it has changed."""
        status = SECURITY_TRADING_STATUS[phase][session.version == FIX42]
        more = ""
        if session.version != FIX42:
            text = f"{phase}: {reason}" if reason else phase
            more = f"625={SUB_ID[phase]}\x0158={text.translate(SOH_FREE)}\x01"
        home = self._sessions.home(instrument.instrument_id)
        head = f"324={request_id}\x0155={instrument.symbol}\x01{_name(home, session.version)}"
        return SECURITY_STATUS, f"{head}325={unsolicited}\x01326={status}\x01{more}"

    def _session_status(
        self, session: GatewaySession, request_id: str, name: str, *, unsolicited: str
    ) -> tuple[str, str]:
        """Return h: TradSesStatus(340) of a trading session."""
        phase = self._sessions.phase(name)
        head = f"335={request_id}\x01{_name(name, session.version)}"
        body = f"{head}325={unsolicited}\x01340={TRAD_SES_STATUS[phase]}\x0158={phase}\x01"
        return TRADING_SESSION_STATUS, body


def _name(name: str, version: Version) -> str:
    """Return the fields that name a trading session: TradingSessionID(336), whose values FIX.5.0SP2 has closed; there
    it is 1 (day), and MarketSegmentID(1300) has the name.
    """
    return f"336=1\x011300={name}\x01" if version == FIX50SP2 else f"336={name}\x01"


def _reject(version: Version, msg_seq_num: int, msg_type: str, request_id: str, fault: Refusal) -> tuple[str, str]:
    code, text = fault
    body = business_reject(
        version, ref_seq_num=msg_seq_num, ref_msg_type=msg_type, code=code, text=text, ref_id=request_id
    )
    return BUSINESS_MESSAGE_REJECT, body
