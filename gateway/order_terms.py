"""Terms of an order, read from the fields of a D or G: every one is taken, or refused with a code of its own.

The rules of what goes with what stand here, as far as the message alone decides them; what depends on book, clock and
account is the engine's. Nothing here is on the way of a plain order. Owner: the matching thread.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import msgspec

from gateway import inbound
from gateway.decimals import e8_text
from gateway.sessions import GatewaySession
from matching import refusals
from matching.instrument import Instrument
from matching.refusals import Refusal
from matching.terms import Peg, SelfMatchMode, Terms, TriggerPrice
from matching.types import (
    AT_THE_CLOSE,
    AT_THE_OPENING,
    BUY,
    CL_ORD_ID_CHARS_MAX,
    DAY,
    FILL_OR_KILL,
    GOOD_TILL_CANCEL,
    GOOD_TILL_DATE,
    IMMEDIATE_OR_CANCEL,
    LIMIT,
    MARKET,
    MARKET_IF_TOUCHED,
    PEGGED,
    SELF_MATCH_ID_CHARS_MAX,
    STOP,
    STOP_LIMIT,
)

Values: TypeAlias = Mapping[int, Any]
"""Values of the terms that a message has, by tag."""
DayEnd: TypeAlias = Callable[[str], int | None]
"""The end of the trading day of a LocalMktDate, in nanoseconds since the epoch; None: the text is no date."""

POST_ONLY: Final = "6"
REDUCE_ONLY: Final = "E"
PEG_OF_EXEC_INST: Final[Mapping[str, Peg]] = {"R": "best", "M": "mid", "P": "opposite", "a": "trail"}
PEG_OF_PRICE_TYPE: Final[Mapping[str, Peg]] = {"5": "best", "2": "mid", "4": "opposite", "8": "trail"}
TRIGGER_OF_PRICE_TYPE: Final[Mapping[str, TriggerPrice]] = {"2": "last"}
TRIGGER_OF_BASIS: Final[Mapping[str, TriggerPrice]] = {"L": "last", "M": "mark"}
SELF_MATCH_MODES: Final[Mapping[str, SelfMatchMode]] = {"1": "newest", "2": "oldest", "3": "both", "4": "decrement"}
PRICE_MOVES_ON: Final = "4"
"""TriggerType(1100): the price is what triggers."""
STAYING: Final = (DAY, GOOD_TILL_CANCEL, GOOD_TILL_DATE)
"""Times in force with which an order may rest, or wait for its trigger."""
TIMES_OF_ORD_TYPE: Final[Mapping[str, tuple[str, ...]]] = {
    MARKET: (DAY, GOOD_TILL_CANCEL, AT_THE_OPENING, IMMEDIATE_OR_CANCEL, FILL_OR_KILL, AT_THE_CLOSE),
    LIMIT: (*STAYING, AT_THE_OPENING, IMMEDIATE_OR_CANCEL, FILL_OR_KILL, AT_THE_CLOSE),
    STOP: STAYING,
    STOP_LIMIT: STAYING,
    MARKET_IF_TOUCHED: STAYING,
    PEGGED: STAYING,
}
ORD_TYPES: Final = tuple(TIMES_OF_ORD_TYPE)
TIMES_IN_FORCE: Final = TIMES_OF_ORD_TYPE[LIMIT]
TRIGGERED: Final = (STOP, STOP_LIMIT, MARKET_IF_TOUCHED)
WITH_PRICE: Final = (LIMIT, STOP_LIMIT)
RESTING_TYPES: Final = (LIMIT, STOP_LIMIT, PEGGED)
POST_ONLY_TYPES: Final = (LIMIT, PEGGED)
VALUE_E8_MAX: Final = (1 << 62) - 1
ECHO_CHARS_MAX: Final = 64

_DISPLAY: Final = (inbound.MAX_FLOOR, inbound.DISPLAY_QTY)
_STOP_PRICES: Final = (inbound.STOP_PX, inbound.TRIGGER_PRICE)
_STOP_PRICE_CODES: Final = (
    refusals.STOP_PRICE_NO_NUMBER,
    refusals.STOP_PRICE_NOT_POSITIVE,
    refusals.STOP_PRICE_OFF_TICK,
)
_BRACKET_PRICE_CODES: Final = (
    refusals.BRACKET_PRICE_NO_NUMBER,
    refusals.BRACKET_PRICE_NOT_POSITIVE,
    refusals.BRACKET_PRICE_OFF_TICK,
)
_TRIGGERS: Final = (inbound.TRIGGER_TYPE, inbound.TRIGGER_PRICE_TYPE, inbound.TRIGGER_BASIS)
_NAMES: Final = {term.tag: f"{term.name}({term.tag})" for term in inbound.TERMS}


class Refused(Exception):  # noqa: N818 - an answer to the member, not an error of ours
    """A term that is refused. Stays in this package's parsing; callers get a Refusal."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.refusal: Refusal = (code, text)


class Wanted(msgspec.Struct, frozen=True):
    """What a D or G asks for, in the peer's own values; `values` are its terms by tag."""

    session: GatewaySession
    instrument: Instrument
    side: str
    ord_type: str
    time_in_force: str
    exec_inst: str
    qty_e8: int
    values: Values


def values_of(given: tuple[Any, ...] | None) -> Values:
    """Return the terms that are present, by tag, of what the wire gave for them."""
    if given is None:
        return {}
    return {tag: value for tag, value in zip(inbound.TERM_TAGS, given, strict=True) if value is not None}


def read_terms(wanted: Wanted, day_end: DayEnd) -> Terms | None:
    """Return what the order has beyond a plain one, the session's own defaults included, or None.

    Raises:
        Refused: a field is not offered, is absent, contradicts another, or makes no sense on this order.
    """
    _refuse_unoffered(wanted)
    instructions = _exec_inst(wanted)
    peg, offset = _peg(wanted, instructions)
    stop_price, trigger = _trigger(wanted, peg)
    self_match_id, self_match_mode = _self_match(wanted)
    terms = Terms(
        stop_price=stop_price,
        trigger=trigger,
        peg=peg,
        offset=offset,
        display_qty=_display_qty(wanted),
        expire_ns=_expire_ns(wanted, day_end),
        reduce_only=REDUCE_ONLY in instructions,
        self_match_id=self_match_id,
        self_match_mode=self_match_mode,
        take_profit=_bracket_price(wanted, inbound.TAKE_PROFIT_PX),
        stop_loss=_bracket_price(wanted, inbound.STOP_LOSS_PX),
        link_id=_link_id(wanted),
    )
    return None if terms == Terms() else terms


def _refuse_unoffered(wanted: Wanted) -> None:
    currency = wanted.instrument.currency
    for tag, value in wanted.values.items():
        term = inbound.NOT_OFFERED.get(tag)
        if term is None:
            continue
        harmless = currency if tag in (inbound.CURRENCY, 120) else term.harmless
        if value != harmless:
            allowed = f", allowed: {harmless}" if harmless else ""
            raise Refused(refusals.TERM_NOT_OFFERED, f"{_NAMES[tag]} {shown(value)} is not offered{allowed}")


def _exec_inst(wanted: Wanted) -> tuple[str, ...]:
    """Return the instructions of ExecInst(18), every one of which the order may have."""
    instructions = tuple(wanted.exec_inst.split())
    ord_type = wanted.ord_type
    for instruction in instructions:
        if instruction in PEG_OF_EXEC_INST:
            continue
        if instruction not in (POST_ONLY, REDUCE_ONLY) or (
            instruction == POST_ONLY and ord_type not in POST_ONLY_TYPES
        ):
            text = (
                f"ExecInst(18) {wanted.exec_inst} with OrdType(40) {ord_type} is not offered, allowed: 6 on a limit or "
                "pegged order, E, R, M, P on a pegged order, a on a stop order"
            )
            raise Refused(refusals.EXEC_INST_NOT_OFFERED, text)
    if POST_ONLY in instructions and wanted.time_in_force not in STAYING:
        text = f"ExecInst(18)=6 (post-only) with TimeInForce(59) {wanted.time_in_force}, allowed: {', '.join(STAYING)}"
        raise Refused(refusals.POST_ONLY_ON_TAKING_ORDER, text)
    if REDUCE_ONLY in instructions and wanted.instrument.is_spot:
        text = f"ExecInst(18)=E (reduce-only) on {wanted.instrument.symbol}, which has no positions"
        raise Refused(refusals.REDUCE_ONLY_NOT_OFFERED, text)
    return instructions


def _trigger(wanted: Wanted, peg: Peg) -> tuple[int, TriggerPrice]:
    """Return stop price in ticks and the price that triggers it or the order's stop-loss; (0, "last") without either.

    A trailing stop without a stop price begins at its distance from the price that triggers.
    """
    values = wanted.values
    if wanted.ord_type not in TRIGGERED:
        has_stop_loss = inbound.STOP_LOSS_PX in values
        for tag in (*_STOP_PRICES, inbound.TRIGGER_PRICE_DIRECTION, *(() if has_stop_loss else _TRIGGERS)):
            if tag in values:
                text = f"{_NAMES[tag]} {shown(values[tag])} on OrdType(40) {wanted.ord_type}, which has no trigger"
                raise Refused(refusals.STOP_PRICE_WITHOUT_STOP, text)
        return 0, _trigger_price(wanted) if has_stop_loss else "last"
    given = [tag for tag in _STOP_PRICES if tag in values]
    if not given:
        if peg == "trail":
            return 0, _trigger_price(wanted)
        text = f"StopPx(99) or TriggerPrice(1102) is absent on OrdType(40) {wanted.ord_type}"
        raise Refused(refusals.STOP_PRICE_ABSENT, text)
    if len(given) == 2 and values[given[0]] != values[given[1]]:
        text = f"StopPx(99) {shown(values[given[0]])} and TriggerPrice(1102) {shown(values[given[1]])} differ"
        raise Refused(refusals.STOP_PRICES_DIFFER, text)
    return _ticks(wanted, given[0], _STOP_PRICE_CODES), _trigger_price(wanted)


def _ticks(wanted: Wanted, tag: int, codes: tuple[int, int, int]) -> int:
    """Return a price in ticks. `codes` are of one that is no number, not positive, and off the tick."""
    value, instrument = wanted.values[tag], wanted.instrument
    name = f"{_NAMES[tag]} {shown(value)}"
    no_number, not_positive, off_tick = codes
    if isinstance(value, str) or value > VALUE_E8_MAX:
        raise Refused(no_number, f"{name} is not a number that can be traded")
    if value <= 0:
        raise Refused(not_positive, f"{name} is not positive")
    if value % instrument.tick_e8:
        raise Refused(off_tick, f"{name} is not a multiple of {_tick(instrument)}")
    return int(value // instrument.tick_e8)


def _trigger_price(wanted: Wanted) -> TriggerPrice:
    """Return which price triggers: what the order says, else what the session's default is."""
    values = wanted.values
    trigger_type = values.get(inbound.TRIGGER_TYPE, PRICE_MOVES_ON)
    if trigger_type != PRICE_MOVES_ON:
        text = f"TriggerType(1100) {trigger_type} is not offered, allowed: {PRICE_MOVES_ON}"
        raise Refused(refusals.TRIGGER_NOT_OFFERED, text)
    upward = (wanted.side == BUY) != (wanted.ord_type == MARKET_IF_TOUCHED)
    direction = values.get(inbound.TRIGGER_PRICE_DIRECTION)
    if direction is not None and direction != ("U" if upward else "D"):
        text = (
            f"TriggerPriceDirection(1109) {direction} on OrdType(40) {wanted.ord_type} of Side(54) {wanted.side}, "
            f"allowed: {'U' if upward else 'D'}"
        )
        raise Refused(refusals.TRIGGER_NOT_OFFERED, text)
    said: set[TriggerPrice] = set()
    for tag, known in ((inbound.TRIGGER_PRICE_TYPE, TRIGGER_OF_PRICE_TYPE), (inbound.TRIGGER_BASIS, TRIGGER_OF_BASIS)):
        value = values.get(tag)
        if value is None:
            continue
        if value not in known or said - {known[value]}:
            text = f"{_NAMES[tag]} {value} is not offered, allowed: {', '.join(known)}, and one of them"
            raise Refused(refusals.TRIGGER_NOT_OFFERED, text)
        said.add(known[value])
    return said.pop() if said else wanted.session.trigger


def _peg(wanted: Wanted, instructions: tuple[str, ...]) -> tuple[Peg, int]:
    """Return what a pegged order follows and at which distance in ticks; ("", 0) of an order that is not pegged."""
    values = wanted.values
    asked = [f"ExecInst(18) {one}" for one in instructions if one in PEG_OF_EXEC_INST]
    pegs: set[Peg] = {PEG_OF_EXEC_INST[one] for one in instructions if one in PEG_OF_EXEC_INST}
    price_type = values.get(inbound.PEG_PRICE_TYPE)
    if price_type is not None:
        asked.append(f"PegPriceType(1094) {price_type}")
        if price_type not in PEG_OF_PRICE_TYPE:
            text = f"PegPriceType(1094) {price_type} is not offered, allowed: {', '.join(PEG_OF_PRICE_TYPE)}"
            raise Refused(refusals.PEG_NOT_EXPRESSIBLE, text)
        pegs.add(PEG_OF_PRICE_TYPE[price_type])
    if len(pegs) > 1:
        raise Refused(refusals.PEG_CONTRADICTS, f"{' and '.join(asked)} peg one order to several prices")
    if not pegs:
        _refuse_half_a_peg(wanted)
        return "", 0
    peg = pegs.pop()
    if wanted.ord_type != (STOP if peg == "trail" else PEGGED):
        kind = f"a trailing stop, which has OrdType(40) {STOP}" if peg == "trail" else "pegged"
        raise Refused(refusals.PEG_NOT_EXPRESSIBLE, f"{asked[0]} on OrdType(40) {wanted.ord_type}, which is not {kind}")
    return peg, _offset(wanted, peg)


def _refuse_half_a_peg(wanted: Wanted) -> None:
    if wanted.ord_type == PEGGED:
        text = "ExecInst(18) R, M or P, or PegPriceType(1094) 5, 2 or 4, is absent on a pegged order"
        raise Refused(refusals.PEG_NOT_EXPRESSIBLE, text)
    offset = wanted.values.get(inbound.PEG_OFFSET_VALUE)
    if offset is not None:
        text = f"PegOffsetValue(211) {shown(offset)} on OrdType(40) {wanted.ord_type}, which is not pegged"
        raise Refused(refusals.PEG_NOT_EXPRESSIBLE, text)


def _offset(wanted: Wanted, peg: Peg) -> int:
    value, instrument = wanted.values.get(inbound.PEG_OFFSET_VALUE), wanted.instrument
    if value is None:
        if peg == "trail":
            raise Refused(refusals.TRAIL_OFFSET_ABSENT, "PegOffsetValue(211) is absent on a trailing stop")
        return 0
    name = f"PegOffsetValue(211) {shown(value)}"
    if isinstance(value, str) or abs(value) > VALUE_E8_MAX:
        raise Refused(refusals.PEG_OFFSET_NO_NUMBER, f"{name} is not a number that can be traded")
    if peg == "trail" and value <= 0:
        raise Refused(refusals.TRAIL_OFFSET_NOT_POSITIVE, f"{name} is not a positive distance")
    if value % instrument.tick_e8:
        raise Refused(refusals.PEG_OFFSET_OFF_TICK, f"{name} is not a multiple of {_tick(instrument)}")
    return int(value // instrument.tick_e8)


def _display_qty(wanted: Wanted) -> int:
    """Return the lots of an iceberg that are shown; 0 of an order that is shown whole."""
    values, instrument = wanted.values, wanted.instrument
    given = [tag for tag in _DISPLAY if tag in values]
    if not given:
        return 0
    value = values[given[0]]
    name = f"{_NAMES[given[0]]} {shown(value)}"
    if len(given) == 2 and values[given[1]] != value:
        raise Refused(refusals.DISPLAY_QTYS_DIFFER, f"{name} and DisplayQty(1138) {shown(values[given[1]])} differ")
    if wanted.ord_type not in RESTING_TYPES or wanted.time_in_force not in STAYING:
        text = (
            f"{name} with OrdType(40) {wanted.ord_type} and TimeInForce(59) {wanted.time_in_force} is not offered, "
            f"allowed: OrdType(40) {', '.join(RESTING_TYPES)} with TimeInForce(59) {', '.join(STAYING)}"
        )
        raise Refused(refusals.DISPLAY_QTY_NOT_OFFERED, text)
    if isinstance(value, str) or value > VALUE_E8_MAX:
        raise Refused(refusals.DISPLAY_QTY_NO_NUMBER, f"{name} is not a number that can be traded")
    if value <= 0:
        raise Refused(refusals.DISPLAY_QTY_NOT_POSITIVE, f"{name} is not positive: part of an order is always shown")
    if value % instrument.lot_e8:
        text = f"{name} is not a multiple of the lot {e8_text(instrument.lot_e8)} of {instrument.symbol}"
        raise Refused(refusals.DISPLAY_QTY_OFF_LOT, text)
    if value > wanted.qty_e8:
        raise Refused(refusals.DISPLAY_QTY_OVER_QTY, f"{name} is above OrderQty(38) {e8_text(wanted.qty_e8)}")
    return int(value // instrument.lot_e8)


def _expire_ns(wanted: Wanted, day_end: DayEnd) -> int:
    """Return when a GTD order expires; 0 of any other. Whether that is past is for the engine to say."""
    time, date = wanted.values.get(inbound.EXPIRE_TIME), wanted.values.get(inbound.EXPIRE_DATE)
    if wanted.time_in_force != GOOD_TILL_DATE:
        if time is not None or date is not None:
            name = "ExpireTime(126)" if time is not None else "ExpireDate(432)"
            text = f"{name} with TimeInForce(59) {wanted.time_in_force}, allowed: with {GOOD_TILL_DATE}"
            raise Refused(refusals.EXPIRE_TIME_WITHOUT_GTD, text)
        return 0
    if time is not None and date is not None:
        text = "both ExpireTime(126) and ExpireDate(432) are given, allowed: one of them"
        raise Refused(refusals.EXPIRE_TIME_TWICE, text)
    if time is not None:
        if isinstance(time, str) or time <= 0:
            raise Refused(refusals.EXPIRE_TIME_NO_TIME, f"ExpireTime(126) {shown(time)} is no time")
        return int(time)
    if date is None:
        text = "ExpireTime(126) or ExpireDate(432) is absent with TimeInForce(59) 6"
        raise Refused(refusals.EXPIRE_TIME_ABSENT, text)
    end = day_end(date)
    if end is None:
        raise Refused(refusals.EXPIRE_TIME_NO_TIME, f"ExpireDate(432) {shown(date)} is no date")
    return end


def _bracket_price(wanted: Wanted, tag: int) -> int:
    return _ticks(wanted, tag, _BRACKET_PRICE_CODES) if tag in wanted.values else 0


def _link_id(wanted: Wanted) -> str:
    """Return the id that links the order with another one."""
    link_id: str = wanted.values.get(inbound.CL_ORD_LINK_ID, "")
    if len(link_id) > CL_ORD_ID_CHARS_MAX:
        text = f"ClOrdLinkID(583) has {len(link_id)} characters, allowed: {CL_ORD_ID_CHARS_MAX}"
        raise Refused(refusals.CL_ORD_ID_TOO_LONG, text)
    if link_id and (inbound.TAKE_PROFIT_PX in wanted.values or inbound.STOP_LOSS_PX in wanted.values):
        text = f"ClOrdLinkID(583) {link_id} on an order with TakeProfitPx(5952) or StopLossPx(5953), which links itself"
        raise Refused(refusals.LIST_NOT_EXPRESSIBLE, text)
    return link_id


def _self_match(wanted: Wanted) -> tuple[str, SelfMatchMode]:
    values = wanted.values
    return self_match_of(
        wanted.session,
        values.get(inbound.SELF_MATCH_PREVENTION_ID),
        values.get(inbound.SELF_MATCH_PREVENTION_INSTRUCTION),
    )


def self_match_of(session: GatewaySession, own_id: str | None, instruction: str | None) -> tuple[str, SelfMatchMode]:
    """Return id and mode of self-match prevention: the message's own, else the session's; ("", "") where it is off.

    Raises:
        Refused: the message asks for what is not offered.
    """
    self_match_id = own_id if own_id is not None else session.self_match_id
    if own_id is not None and len(own_id) > SELF_MATCH_ID_CHARS_MAX:
        text = f"SelfMatchPreventionID(2362) has {len(own_id)} characters, allowed: {SELF_MATCH_ID_CHARS_MAX}"
        raise Refused(refusals.SELF_MATCH_ID_TOO_LONG, text)
    if instruction is None:
        return (self_match_id, session.self_match_mode) if self_match_id else ("", "")
    if instruction not in SELF_MATCH_MODES:
        allowed = ", ".join(SELF_MATCH_MODES)
        text = f"SelfMatchPreventionInstruction(2964) {instruction} is not offered, allowed: {allowed}"
        raise Refused(refusals.SELF_MATCH_INSTRUCTION_NOT_OFFERED, text)
    if not self_match_id:
        text = "SelfMatchPreventionInstruction(2964) without SelfMatchPreventionID(2362) of the order or the session"
        raise Refused(refusals.SELF_MATCH_ID_ABSENT, text)
    return self_match_id, SELF_MATCH_MODES[instruction]


def _tick(instrument: Instrument) -> str:
    return f"the tick {e8_text(instrument.tick_e8)} of {instrument.symbol}"


def shown(value: int | str | None) -> str:
    """Return a value as the peer wrote it, as far as it is known; a long text is cut."""
    if value is None:
        return ""
    return value[:ECHO_CHARS_MAX] if isinstance(value, str) else e8_text(value)
