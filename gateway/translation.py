"""Translation: one FIX application message in, one command out. Holds no trading state and never refuses silently.

What a command cannot express (unknown symbol, a price between ticks, an order type that is not offered) becomes a
RefuseOrder or RefuseCancel command, so that the refusal is journaled and numbered like any other answer. Owner: the
matching thread.
"""

from collections.abc import Mapping
from typing import Any, Final

from gateway.order_terms import (
    ORD_TYPES,
    POST_ONLY,
    TIMES_IN_FORCE,
    TIMES_OF_ORD_TYPE,
    VALUE_E8_MAX,
    WITH_PRICE,
    DayEnd,
    Refused,
    Wanted,
    read_terms,
    shown,
    values_of,
)
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
from matching.terms import Terms
from matching.types import (
    BUY,
    CL_ORD_ID_CHARS_MAX,
    DAY,
    FILL_OR_KILL,
    GOOD_TILL_CANCEL,
    IMMEDIATE_OR_CANCEL,
    LIMIT,
    MARKET,
    PEGGED,
    RESPONSE_TO_CANCEL,
    RESPONSE_TO_REPLACE,
    SELL,
    Response,
)

SIDES: Final = (BUY, SELL)
PLAIN_TIMES: Final = frozenset({None, DAY, GOOD_TILL_CANCEL, IMMEDIATE_OR_CANCEL, FILL_OR_KILL})
"""TimeInForce(59) of orders that need no look at anything else; None: absent, a day order."""
POST_ONLY_TIMES: Final = frozenset({None, DAY, GOOD_TILL_CANCEL})
ORDER_ID_PREFIX: Final = "O"
NO_ORDER_ID: Final = 0
UNKNOWN_ORDER_ID: Final = -1
UNKNOWN_INSTRUMENT_ID: Final = -1


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

    An order that has no terms beyond the plain ones is read in one pass, without a call; everything else, refusals
    included, goes the long way. `day_end` says when a trading day ends. `instruments` is a view by symbol and is read
    on every message, so that an instrument defined later is found.
    """

    def __init__(self, instruments: Mapping[str, Instrument], day_end: DayEnd) -> None:
        self._instruments = instruments
        self._day_end = day_end

    def new_order(
        self, session: GatewaySession, msg_seq_num: int, poss_resend: bool, values: tuple[Any, ...]
    ) -> Command:
        """Return NewOrder, or RefuseOrder where the order cannot be expressed. `values` as in the table `inbound`."""
        cl_ord_id, account, symbol, side, ord_type, price_e8, qty_e8, tif, exec_inst, given = values
        instrument = self._instruments.get(symbol)
        account_id = session.accounts.get(account)
        if (
            given is None
            and instrument is not None
            and (session.symbols is None or symbol in session.symbols)
            and account_id is not None
            and side in SIDES
            and cl_ord_id
            and len(cl_ord_id) <= CL_ORD_ID_CHARS_MAX
            and type(qty_e8) is int
            and tif in PLAIN_TIMES
            and (exec_inst is None or (exec_inst == POST_ONLY and tif in POST_ONLY_TIMES))
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
                            session.terms,
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
                        False,
                        session.terms,
                    )
        return self._special_order(session, msg_seq_num, poss_resend, values)

    def _special_order(
        self, session: GatewaySession, msg_seq_num: int, poss_resend: bool, values: tuple[Any, ...]
    ) -> Command:
        """Return what is not plain, as NewOrder; or RefuseOrder with its first fault."""
        cl_ord_id, account, symbol, side, ord_type, price_e8, qty_e8, tif, exec_inst, _ = values
        try:
            terms = self._terms(session, (cl_ord_id, account, symbol), values[3:])
        except Refused as refused:
            return refuse_order(session, msg_seq_num, poss_resend, values, refused.refusal)
        instrument = self._instruments[symbol]
        return NewOrder(
            session.session_id,
            session.epoch,
            msg_seq_num,
            poss_resend,
            cl_ord_id,
            session.accounts[account],
            instrument.instrument_id,
            side,
            ord_type,
            tif or DAY,
            price_e8 // instrument.tick_e8 if price_e8 is not None else 0,
            qty_e8 // instrument.lot_e8,
            POST_ONLY in (exec_inst or "").split(),
            terms,
            has_own_link=terms is not None and terms.link_id != "",
        )

    def _terms(
        self, session: GatewaySession, names: tuple[str | None, str | None, str | None], values: tuple[Any, ...]
    ) -> Terms | None:
        """Return the terms of an order that can be expressed. `values`: side to ExecInst(18), and the terms given.

        Raises:
            Refused: with code and text of the first fault, in the order in which this function looks.
        """
        side, ord_type, price, qty, tif, exec_inst, given = values
        fault = self._fault(session, names, (side, ord_type, tif))
        if fault is not None:
            raise Refused(*fault)
        instrument = self._instruments[names[2] or ""]
        wanted = Wanted(
            session,
            instrument,
            side,
            ord_type,
            tif or DAY,
            exec_inst or "",
            qty if isinstance(qty, int) else 0,
            values_of(given),
        )
        fault = _qty_fault(qty, instrument)
        if fault is None:
            terms = read_terms(wanted, self._day_end)
            fault = _price_fault(price, ord_type, instrument)
        if fault is not None:
            raise Refused(*fault)
        return terms

    def _fault(
        self,
        session: GatewaySession,
        names: tuple[str | None, str | None, str | None],
        kind: tuple[str | None, str | None, str | None],
    ) -> Refusal | None:
        """Return code and text of the first fault of names and kind of an order, or None."""
        cl_ord_id, account, symbol = names
        side, ord_type, tif = kind
        if not cl_ord_id:
            return refusals.CL_ORD_ID_ABSENT, "ClOrdID(11) is absent"
        if len(cl_ord_id) > CL_ORD_ID_CHARS_MAX:
            text = f"ClOrdID(11) has {len(cl_ord_id)} characters, allowed: {CL_ORD_ID_CHARS_MAX}"
            return refusals.CL_ORD_ID_TOO_LONG, text
        if symbol not in self._instruments:
            return refusals.UNKNOWN_SYMBOL, f"Symbol(55) {symbol or 'absent'} is not traded here"
        if not session.may_see(symbol):
            return refusals.INSTRUMENT_NOT_PERMITTED, session.not_permitted(symbol)
        if account not in session.accounts:
            return refusals.UNKNOWN_ACCOUNT, f"Account(1) {account} is not one of {session.target_comp_id}"
        if side not in SIDES:
            return refusals.SIDE_NOT_OFFERED, f"Side(54) {side} is not offered, allowed: 1, 2"
        if ord_type not in ORD_TYPES:
            text = f"OrdType(40) {ord_type} is not offered, allowed: {', '.join(ORD_TYPES)}"
            return refusals.ORD_TYPE_NOT_OFFERED, text
        if tif is not None and tif not in TIMES_IN_FORCE:
            text = f"TimeInForce(59) {tif} is not offered, allowed: {', '.join(sorted(TIMES_IN_FORCE))}"
            return refusals.TIME_IN_FORCE_NOT_OFFERED, text
        times = TIMES_OF_ORD_TYPE[ord_type]
        if tif is not None and tif not in times:
            text = f"TimeInForce(59) {tif} with OrdType(40) {ord_type}, allowed: {', '.join(sorted(times))}"
            return refusals.TIME_IN_FORCE_NOT_WITH_ORD_TYPE, text
        return None

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
        (ord_type, price, qty, tif, exec_inst, account, given) = values[5:]
        if len(orig or "") > CL_ORD_ID_CHARS_MAX:
            too_long = _id_length_fault(cl_ord_id or "", orig or "")
            return _refuse_cancel(session, msg_seq_num, values, RESPONSE_TO_REPLACE, too_long)
        try:
            kind = (side, ord_type, price, qty, tif, exec_inst, given)
            terms = self._terms(session, (cl_ord_id, account, symbol), kind)
        except Refused as refused:
            return _refuse_cancel(session, msg_seq_num, values, RESPONSE_TO_REPLACE, refused.refusal)
        if terms is not None and (terms.take_profit or terms.stop_loss):
            text = "TakeProfitPx(5952) and StopLossPx(5953) come with a new order; its legs are replaced by themselves"
            fault = refusals.TERM_NOT_REPLACEABLE, text
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
            POST_ONLY in (exec_inst or "").split(),
            poss_resend,
            terms,
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


def refuse_order(
    session: GatewaySession, msg_seq_num: int, poss_resend: bool, values: tuple[Any, ...], refusal: Refusal
) -> RefuseOrder:
    """Return the refusal of an order that cannot be expressed, or whose list cannot."""
    cl_ord_id, account, symbol, side, ord_type, price, qty, tif = values[:8]
    code, text = refusal
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
        shown(price),
        shown(qty),
        refusals.ord_rej_reason(code),
        text,
        code,
    )


def _qty_fault(qty_e8: int | str | None, instrument: Instrument) -> Refusal | None:
    if qty_e8 is None:
        return refusals.QTY_ABSENT, "OrderQty(38) is absent"
    if isinstance(qty_e8, str) or qty_e8 > VALUE_E8_MAX:
        return refusals.QTY_NO_NUMBER, f"OrderQty(38) {shown(qty_e8)} is not a number that can be traded"
    if qty_e8 <= 0:
        return refusals.QTY_NOT_POSITIVE, f"OrderQty(38) {shown(qty_e8)} is not positive"
    if qty_e8 % instrument.lot_e8:
        return (
            refusals.QTY_OFF_LOT,
            f"OrderQty(38) {shown(qty_e8)} is not a multiple of the lot {shown(instrument.lot_e8)} "
            f"of {instrument.symbol}",
        )
    return None


def _price_fault(price_e8: int | str | None, ord_type: str, instrument: Instrument) -> Refusal | None:
    if price_e8 is None:
        if ord_type in WITH_PRICE:
            return refusals.PRICE_ABSENT, f"Price(44) is absent on OrdType(40) {ord_type}"
        return None
    if ord_type not in WITH_PRICE and ord_type != PEGGED:
        text = f"Price(44) {shown(price_e8)} on OrdType(40) {ord_type}, which has no limit"
        return refusals.PRICE_ON_MARKET_ORDER, text
    if isinstance(price_e8, str) or price_e8 > VALUE_E8_MAX:
        return refusals.PRICE_NO_NUMBER, f"Price(44) {shown(price_e8)} is not a number that can be traded"
    if price_e8 <= 0:
        return refusals.PRICE_NOT_POSITIVE, f"Price(44) {shown(price_e8)} is not positive"
    if price_e8 % instrument.tick_e8:
        return (
            refusals.PRICE_OFF_TICK,
            f"Price(44) {shown(price_e8)} is not a multiple of the tick {shown(instrument.tick_e8)} "
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
