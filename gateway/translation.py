"""Translation: one FIX application message in, one command out. Holds no trading state and never refuses silently.

What a command cannot express (unknown symbol, a price between ticks, an order type that is not offered) becomes a
RefuseOrder or RefuseCancel command, so that the refusal is journaled and numbered like any other answer. Owner: the
matching thread.
"""

from collections.abc import Mapping
from typing import Any, Final

from gateway.decimals import e8_text
from gateway.inbound import NONE_OF_THEM, NOT_OFFERED_NAMES
from gateway.sessions import GatewaySession
from matching import refusals
from matching.commands import (
    CancelOrder,
    Command,
    NewOrder,
    RefuseCancel,
    RefuseOrder,
    ReplaceOrder,
    RequestStatus,
)
from matching.instrument import Instrument
from matching.refusals import Refusal
from matching.types import (
    BUY,
    CL_ORD_ID_CHARS_MAX,
    DAY,
    LIMIT,
    MARKET,
    RESPONSE_TO_CANCEL,
    RESPONSE_TO_REPLACE,
    SELL,
    Response,
)

SIDES: Final = (BUY, SELL)
TIMES_IN_FORCE: Final = frozenset("0134")
POST_ONLY: Final = "6"
ORDER_ID_PREFIX: Final = "O"
NO_ORDER_ID: Final = 0
UNKNOWN_ORDER_ID: Final = -1
UNKNOWN_INSTRUMENT_ID: Final = -1
CURRENCY: Final = NOT_OFFERED_NAMES[-1]
VALUE_E8_MAX: Final = (1 << 62) - 1


def order_id_of(text: str | None) -> int:
    """Return the order id that OrderID(37) names: 0 where it names none, -1 where no order can have it."""
    if text is None or text == "NONE" or text == "":
        return NO_ORDER_ID
    digits = text[1:]
    if text[0] != ORDER_ID_PREFIX or not digits.isascii() or not digits.isdigit() or len(digits) > 18:
        return UNKNOWN_ORDER_ID
    return int(digits) or UNKNOWN_ORDER_ID


class Translator:
    """Turns the wire's values into commands, by the instruments that the exchange knows.

    `instruments` is a view by symbol and is read on every message, so that an instrument defined later is found.
    """

    def __init__(self, instruments: Mapping[str, Instrument]) -> None:
        self._instruments = instruments

    def new_order(
        self, session: GatewaySession, msg_seq_num: int, poss_resend: bool, values: tuple[Any, ...]
    ) -> Command:
        """Return NewOrder, or RefuseOrder where the order cannot be expressed. `values` as in the table `inbound`."""
        cl_ord_id, account, symbol, side, ord_type, price_e8, qty_e8, tif, exec_inst = values[:9]
        instrument = self._instruments.get(symbol)
        account_id = session.accounts.get(account)
        if (
            instrument is not None
            and account_id is not None
            and side in SIDES
            and cl_ord_id
            and len(cl_ord_id) <= CL_ORD_ID_CHARS_MAX
            and type(qty_e8) is int
            and (tif is None or tif in TIMES_IN_FORCE)
            and (exec_inst is None or exec_inst == POST_ONLY)
            and (values[9:] == NONE_OF_THEM or _unoffered(values[9:], instrument) is None)
        ):
            qty, odd = divmod(qty_e8, instrument.lot_e8)
            if not odd and qty > 0:
                if ord_type == LIMIT and type(price_e8) is int:
                    price, odd = divmod(price_e8, instrument.tick_e8)
                    if not odd and price > 0:
                        return NewOrder(
                            session.session_id,
                            session.epoch,
                            msg_seq_num,
                            poss_resend,
                            cl_ord_id,
                            account_id,
                            instrument.instrument_id,
                            side,
                            LIMIT,
                            tif or DAY,
                            price,
                            qty,
                            exec_inst is not None,
                        )
                elif ord_type == MARKET and price_e8 is None and exec_inst is None:
                    return NewOrder(
                        session.session_id,
                        session.epoch,
                        msg_seq_num,
                        poss_resend,
                        cl_ord_id,
                        account_id,
                        instrument.instrument_id,
                        side,
                        MARKET,
                        tif or DAY,
                        0,
                        qty,
                    )
        return self._refuse_order(session, msg_seq_num, poss_resend, values)

    def _refuse_order(
        self, session: GatewaySession, msg_seq_num: int, poss_resend: bool, values: tuple[Any, ...]
    ) -> RefuseOrder:
        cl_ord_id, account, symbol, side, ord_type, price, qty, tif, exec_inst = values[:9]
        terms = (side, ord_type, price, qty, tif, exec_inst, values[9:])
        fault = self._fault(session, symbol, account, cl_ord_id or "", terms)
        code, text = fault or (refusals.NOT_EXPRESSIBLE, "the order cannot be expressed in ticks and lots")
        return RefuseOrder(
            session.session_id,
            session.epoch,
            msg_seq_num,
            poss_resend,
            cl_ord_id or "",
            account or "",
            symbol or "",
            side or "",
            ord_type or "",
            tif or "",
            _text(price),
            _text(qty),
            refusals.ord_rej_reason(code),
            text,
            code,
        )

    def _fault(
        self,
        session: GatewaySession,
        symbol: str | None,
        account: str | None,
        cl_ord_id: str,
        terms: tuple[Any, ...],
    ) -> Refusal | None:
        """Return code and text of the first fault, in the order in which this function looks, or None."""
        side, ord_type, price, qty, tif, exec_inst, extras = terms
        instrument = self._instruments.get(symbol or "")
        if not cl_ord_id:
            return refusals.CL_ORD_ID_ABSENT, "ClOrdID(11) is absent"
        if len(cl_ord_id) > CL_ORD_ID_CHARS_MAX:
            text = f"ClOrdID(11) has {len(cl_ord_id)} characters, allowed: {CL_ORD_ID_CHARS_MAX}"
            return refusals.CL_ORD_ID_TOO_LONG, text
        if instrument is None:
            return refusals.UNKNOWN_SYMBOL, f"Symbol(55) {symbol or 'absent'} is not traded here"
        if account not in session.accounts:
            return refusals.UNKNOWN_ACCOUNT, f"Account(1) {account} is not one of {session.target_comp_id}"
        if side not in (BUY, SELL):
            return refusals.SIDE_NOT_OFFERED, f"Side(54) {side} is not offered, allowed: 1, 2"
        if ord_type not in (MARKET, LIMIT):
            return refusals.ORD_TYPE_NOT_OFFERED, f"OrdType(40) {ord_type} is not offered, allowed: 1, 2"
        if tif is not None and tif not in TIMES_IN_FORCE:
            text = f"TimeInForce(59) {tif} is not offered, allowed: 0, 1, 3, 4"
            return refusals.TIME_IN_FORCE_NOT_OFFERED, text
        if exec_inst is not None and (exec_inst != POST_ONLY or ord_type == MARKET):
            return (
                refusals.EXEC_INST_NOT_OFFERED,
                f"ExecInst(18) {exec_inst} with OrdType(40) {ord_type} is not offered, allowed: 6 on a limit order",
            )
        unoffered = _unoffered(extras, instrument)
        if unoffered is not None:
            return refusals.TERM_NOT_OFFERED, unoffered
        return _qty_fault(qty, instrument) or _price_fault(price, ord_type, instrument)

    def cancel_order(
        self, session: GatewaySession, msg_seq_num: int, poss_resend: bool, values: tuple[Any, ...]
    ) -> Command:
        """Return CancelOrder, or RefuseCancel where ids are too long."""
        cl_ord_id, orig, order_id, symbol, side = values
        if not cl_ord_id or len(cl_ord_id) > CL_ORD_ID_CHARS_MAX or len(orig or "") > CL_ORD_ID_CHARS_MAX:
            fault = _id_length_fault(cl_ord_id or "", orig or "")
            return _refuse_cancel(session, msg_seq_num, values, RESPONSE_TO_CANCEL, fault)
        if side not in SIDES:
            fault = refusals.SIDE_NOT_OFFERED, f"Side(54) {side or 'absent'} is not offered, allowed: 1, 2"
            return _refuse_cancel(session, msg_seq_num, values, RESPONSE_TO_CANCEL, fault)
        return CancelOrder(
            session.session_id,
            session.epoch,
            msg_seq_num,
            cl_ord_id,
            orig or "",
            order_id_of(order_id),
            self._instrument_id(symbol),
            side,
            poss_resend,
        )

    def _instrument_id(self, symbol: str | None) -> int:
        """Return the instrument that Symbol(55) names; 0 where it is absent, -1 where no instrument has it."""
        if symbol is None:
            return 0
        instrument = self._instruments.get(symbol)
        return UNKNOWN_INSTRUMENT_ID if instrument is None else instrument.instrument_id

    def replace_order(
        self, session: GatewaySession, msg_seq_num: int, poss_resend: bool, values: tuple[Any, ...]
    ) -> Command:
        """Return ReplaceOrder, or RefuseCancel with the fault's text where the new terms cannot be expressed."""
        (cl_ord_id, orig, order_id, symbol, side) = values[:5]
        (ord_type, price, qty, tif, exec_inst, account) = values[5:11]
        if len(orig or "") > CL_ORD_ID_CHARS_MAX:
            too_long = _id_length_fault(cl_ord_id or "", orig or "")
            return _refuse_cancel(session, msg_seq_num, values, RESPONSE_TO_REPLACE, too_long)
        terms = (side, ord_type, price, qty, tif, exec_inst, values[11:])
        fault = self._fault(session, symbol, account, cl_ord_id or "", terms)
        if fault is not None:
            return _refuse_cancel(session, msg_seq_num, values, RESPONSE_TO_REPLACE, fault)
        instrument = self._instruments[symbol]
        return ReplaceOrder(
            session.session_id,
            session.epoch,
            msg_seq_num,
            cl_ord_id,
            orig or "",
            order_id_of(order_id),
            instrument.instrument_id,
            side,
            ord_type,
            tif or DAY,
            price // instrument.tick_e8 if price is not None else 0,
            qty // instrument.lot_e8,
            exec_inst is not None,
            poss_resend,
        )

    def request_status(self, session: GatewaySession, msg_seq_num: int, values: tuple[Any, ...]) -> Command:
        """Return RequestStatus; an id that is too long names no order and is answered so."""
        cl_ord_id, order_id, symbol, side, request_id = values
        return RequestStatus(
            session.session_id,
            session.epoch,
            msg_seq_num,
            cl_ord_id or "",
            order_id_of(order_id),
            request_id or "",
            symbol or "",
            side or "",
        )


def _unoffered(extras: tuple[str | None, ...], instrument: Instrument) -> str | None:
    """Return the text of the first term that is not offered; Currency(15) may be the instrument's own."""
    for name, value in zip(NOT_OFFERED_NAMES, extras, strict=True):
        if value is not None and not (name == CURRENCY and value == instrument.currency):
            allowed = f", allowed: {instrument.currency}" if name == CURRENCY else ""
            return f"{name} {value} is not offered{allowed}"
    return None


def _qty_fault(qty_e8: int | str | None, instrument: Instrument) -> Refusal | None:
    if qty_e8 is None:
        return refusals.QTY_ABSENT, "OrderQty(38) is absent"
    if isinstance(qty_e8, str) or qty_e8 > VALUE_E8_MAX:
        return refusals.QTY_NO_NUMBER, f"OrderQty(38) {_text(qty_e8)} is not a number that can be traded"
    if qty_e8 <= 0:
        return refusals.QTY_NOT_POSITIVE, f"OrderQty(38) {_text(qty_e8)} is not positive"
    if qty_e8 % instrument.lot_e8:
        return (
            refusals.QTY_OFF_LOT,
            f"OrderQty(38) {_text(qty_e8)} is not a multiple of the lot {_text(instrument.lot_e8)} "
            f"of {instrument.symbol}",
        )
    return None


def _price_fault(price_e8: int | str | None, ord_type: str, instrument: Instrument) -> Refusal | None:
    if ord_type == MARKET:
        if price_e8 is None:
            return None
        return refusals.PRICE_ON_MARKET_ORDER, f"Price(44) {_text(price_e8)} on a market order"
    if price_e8 is None:
        return refusals.PRICE_ABSENT, "Price(44) is absent on a limit order"
    if isinstance(price_e8, str) or price_e8 > VALUE_E8_MAX:
        return refusals.PRICE_NO_NUMBER, f"Price(44) {_text(price_e8)} is not a number that can be traded"
    if price_e8 <= 0:
        return refusals.PRICE_NOT_POSITIVE, f"Price(44) {_text(price_e8)} is not positive"
    if price_e8 % instrument.tick_e8:
        return (
            refusals.PRICE_OFF_TICK,
            f"Price(44) {_text(price_e8)} is not a multiple of the tick {_text(instrument.tick_e8)} "
            f"of {instrument.symbol}",
        )
    return None


def _refuse_cancel(
    session: GatewaySession, msg_seq_num: int, values: tuple[Any, ...], response_to: Response, fault: Refusal
) -> RefuseCancel:
    code, text = fault
    return RefuseCancel(
        session.session_id,
        session.epoch,
        msg_seq_num,
        values[0] or "",
        values[1] or "",
        order_id_of(values[2]),
        response_to,
        refusals.cxl_rej_reason(code),
        text,
        values[3] or "",
        code,
    )


def _id_length_fault(cl_ord_id: str, orig_cl_ord_id: str) -> Refusal:
    if not cl_ord_id:
        return refusals.CL_ORD_ID_ABSENT, "ClOrdID(11) is absent"
    longest = max(len(cl_ord_id), len(orig_cl_ord_id))
    text = f"ClOrdID(11) or OrigClOrdID(41) has {longest} characters, allowed: {CL_ORD_ID_CHARS_MAX}"
    return refusals.CL_ORD_ID_TOO_LONG, text


def _text(value: int | str | None) -> str:
    if value is None:
        return ""
    return value[:64] if isinstance(value, str) else e8_text(value)
