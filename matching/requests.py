"""Requests about orders: cancels, replaces, status, and what translation could not express.

Owner: the matching thread. Each is refused with the true state of its order, or done through the order desk. The
precedence of refusals is the order of the code in `_request_fault` and `_replace_fault`.
"""

from typing import TypeAlias

from matching import list_answers, refusals
from matching.book import BookSide
from matching.commands import (
    CancelOrder,
    CancelQuotes,
    MassCancel,
    RefuseCancel,
    RefuseOrder,
    RefuseOrderList,
    ReplaceOrder,
    RequestStatus,
)
from matching.desk import NO_ACCOUNT, OrderDesk, used_before
from matching.events import CancelRejected, Event, OrderRefused
from matching.order import Member, Order, Session
from matching.order_states import AFTER_CANCEL, AFTER_REPLACE
from matching.refusals import Refusal
from matching.risk_seam import Risk
from matching.texts import decimal_text
from matching.types import (
    BUY,
    CL_ORD_ID_CHARS_MAX,
    DAY,
    E8,
    EXEC_CANCELED,
    EXEC_REPLACED,
    EXEC_STATUS,
    GOOD_TILL_CANCEL,
    GOOD_TILL_DATE,
    LIMIT,
    RESPONSE_TO_CANCEL,
    RESPONSE_TO_REPLACE,
    STATUS_REJECTED,
    Response,
    Side,
)

CancelRequest: TypeAlias = CancelOrder | ReplaceOrder | RefuseCancel


class Requests:
    """Keeps no state of its own; everything stands at the desk."""

    __slots__ = ("desk", "risk")

    def __init__(self, desk: OrderDesk, risk: Risk) -> None:
        self.desk = desk
        self.risk = risk

    # -- cancels and replaces -----------------------------------------------------------------------------------------

    def cancel(self, command: CancelOrder, time_ns: int, out: list[Event]) -> None:
        """Cancel an order of the member, entered by whichever of its sessions."""
        session = self.desk.sessions[command.session_id]
        if self.is_cancel_throttled(command, "F", time_ns, out):
            return
        cl_ord_id = command.cl_ord_id
        if command.poss_resend and self._is_known(session, cl_ord_id, out):
            return
        order = self._find(session, command)
        fault = self._request_fault(session, command, order)
        if fault is not None:
            self._reject(command, RESPONSE_TO_CANCEL, order, fault, out)
            return
        assert order is not None, "a request without an order has a fault"
        original = order.cl_ord_id
        order.rename(cl_ord_id)
        session.member.used[cl_ord_id] = order
        self.desk.leave(order)
        order.status = AFTER_CANCEL[order.status]
        self.desk.say(order, EXEC_CANCELED, out, orig_cl_ord_id=original)

    def replace(self, command: ReplaceOrder, time_ns: int, out: list[Event]) -> None:
        """Replace price, quantity or TimeInForce(59) of an order of the member; refused, the order is untouched."""
        session = self.desk.sessions[command.session_id]
        order = self._find(session, command)
        exposure = NO_ACCOUNT if order is None else order.exposure
        if self.is_throttled(
            command.session_id, command.msg_seq_num, "G", command.cl_ord_id, time_ns, out, exposure=exposure
        ):
            return
        if command.poss_resend and self._is_known(session, command.cl_ord_id, out):
            return
        fault = self._request_fault(session, command, order)
        special = fault is None and order is not None and self._is_special(command, order)
        if fault is None and order is not None:
            if special:
                fault = self.desk.special.replacing.fault(command, order, time_ns)
            else:
                fault = self._replace_fault(command, order)
        if fault is not None:
            self._reject(command, RESPONSE_TO_REPLACE, order, fault, out)
            return
        assert order is not None, "a request without an order has a fault"
        if special:
            self.desk.special.replacing.replace(command, order, out)
        else:
            self._replace(command, order, session.member, out)

    def _is_special(self, command: ReplaceOrder, order: Order) -> bool:
        """Tell whether a replace is the special desk's."""
        if command.terms is not None or order.extra is not None:
            return True
        return command.time_in_force == GOOD_TILL_DATE or not self.desk.books[order.instrument_id].is_plain

    def _replace(self, command: ReplaceOrder, order: Order, member: Member, out: list[Event]) -> None:
        """Put the new terms in place of the old ones, and match again where the order has lost its place."""
        price, leaves = command.price, command.qty - order.cum_qty
        prior_price, prior_leaves = order.price, order.leaves_qty
        level = order.level
        assert level is not None, "an open order that was entered before rests in the book"
        keeps_place = price == prior_price and leaves < prior_leaves and command.time_in_force == order.time_in_force
        self.risk.release(order.exposure, order.side, prior_price, prior_leaves)
        self.risk.reserve(order.exposure, order.side, price, leaves)
        if keeps_place:
            level.qty -= prior_leaves - leaves
        else:
            self.desk.side_of(order).remove(order)
        original = order.cl_ord_id
        order.rename(command.cl_ord_id)
        member.used[command.cl_ord_id] = order
        order.price = price
        order.qty = command.qty
        order.leaves_qty = leaves
        order.time_in_force = command.time_in_force
        order.status = AFTER_REPLACE[order.status]
        self.desk.say(
            order,
            EXEC_REPLACED,
            out,
            orig_cl_ord_id=original,
            prior_price=prior_price,
            prior_leaves=prior_leaves,
        )
        if not keeps_place:
            self._queue_again(order, out)

    def _queue_again(self, order: Order, out: list[Event]) -> None:
        """Match a replaced order as a new aggressor and rest what is left at the end of its queue."""
        order.priority = self.desk.last_exec_id
        opposite, limit_key = self._opposite(order.instrument_id, order.side, order.price)
        best = opposite.best
        is_matching = self.desk.books[order.instrument_id].instrument.is_matching
        if best is not None and best.key <= limit_key and is_matching:
            self.desk.match(order, opposite, limit_key, out)
        if order.leaves_qty:
            self.desk.side_of(order).append(order)
        else:
            del order.session.shelves[order.exposure][order.order_id]

    def refuse_cancel(self, command: RefuseCancel, time_ns: int, out: list[Event]) -> None:
        """Reject a cancel or replace that translation could not express, with the true state of its order."""
        session = self.desk.sessions[command.session_id]
        if command.response_to == RESPONSE_TO_CANCEL:
            if self.is_cancel_throttled(command, "F", time_ns, out):
                return
        elif self.is_throttled(command.session_id, command.msg_seq_num, "G", command.cl_ord_id, time_ns, out):
            return
        fault = command.code, command.text
        self._reject(command, command.response_to, self._find(session, command), fault, out)

    def _find(self, session: Session, command: CancelRequest) -> Order | None:
        """Return the member's order by OrderID(37) where it is given, else by OrigClOrdID(41)."""
        if not command.order_id:
            return session.member.used.get(command.orig_cl_ord_id)
        order = self.desk.orders.get(command.order_id)
        return order if order is not None and order.session.member is session.member else None

    def _is_known(self, session: Session, cl_ord_id: str, out: list[Event]) -> bool:
        """Answer a possible resend of a request that was obeyed before with its order's status; False: it is new."""
        known = cl_ord_id in session.member.used or cl_ord_id in session.member.refused
        if known:
            self.desk.tell_status(session, cl_ord_id, "", out)
        return known

    def _request_fault(
        self, session: Session, command: CancelOrder | ReplaceOrder, order: Order | None
    ) -> Refusal | None:
        """Return code and text where a cancel or replace cannot be obeyed, in order of precedence."""
        cl_ord_id = command.cl_ord_id
        member = session.member
        if cl_ord_id in member.used or cl_ord_id in member.refused:
            return refusals.CANCEL_DUPLICATE_CL_ORD_ID, used_before(cl_ord_id)
        if order is None:
            if not (command.order_id or command.orig_cl_ord_id):
                return refusals.CANCEL_UNKNOWN_ORDER, "neither OrigClOrdID(41) nor OrderID(37) names an order"
            named = f"OrderID(37) O{command.order_id}" if command.order_id else f"ClOrdID {command.orig_cl_ord_id}"
            return refusals.CANCEL_UNKNOWN_ORDER, f"no order of {member.comp_id} on this trading day has {named}"
        if command.side != order.side:
            return refusals.OTHER_SIDE, f"Side(54) {command.side} found, order O{order.order_id} has {order.side}"
        if command.instrument_id and command.instrument_id != order.instrument_id:
            expected = self.desk.books[order.instrument_id].instrument.symbol
            found = self.desk.books.get(command.instrument_id)
            symbol = "an unknown one" if found is None else found.instrument.symbol
            return refusals.OTHER_SYMBOL, f"Symbol(55) {symbol} found, order O{order.order_id} has {expected}"
        if not order.is_open():
            return refusals.CLOSED_ORDER, f"order O{order.order_id} is closed with OrdStatus(39) {order.status}"
        if order.quote is not None:
            text = f"order O{order.order_id} is a side of a quote, which MassQuote(i) and QuoteCancel(Z) change"
            return refusals.ORDER_OF_QUOTE, text
        instrument = self.desk.books[order.instrument_id].instrument
        if instrument.auction is not None:
            return refusals.CANCEL_DURING_AUCTION, f"the auction of {instrument.symbol} is being executed"
        return None

    def _replace_fault(self, command: ReplaceOrder, order: Order) -> Refusal | None:
        """Return code and text where an open order cannot take these terms, in order of precedence."""
        time_in_force = command.time_in_force
        if command.ord_type != LIMIT:
            text = f"OrdType(40) {command.ord_type} found, a resting order stays limit ({LIMIT})"
            return refusals.ORD_TYPE_NOT_REPLACEABLE, text
        if time_in_force != DAY and time_in_force != GOOD_TILL_CANCEL:
            allowed = f"Day ({DAY}), GTC ({GOOD_TILL_CANCEL}) or GTD ({GOOD_TILL_DATE})"
            text = f"TimeInForce(59) {time_in_force} found, a resting order may be replaced to {allowed}"
            return refusals.TIME_IN_FORCE_NOT_REPLACEABLE, text
        if command.qty <= order.cum_qty:
            filled = self._qty_text(order, order.cum_qty)
            found = self._qty_text(order, command.qty)
            text = f"OrderQty(38) {found} is not above CumQty(14) {filled} of order O{order.order_id}"
            return refusals.QTY_NOT_ABOVE_FILLED, text
        taken_price = 0
        if command.post_only:
            opposite, limit_key = self._opposite(order.instrument_id, order.side, command.price)
            best = opposite.best
            if best is not None and best.key <= limit_key:
                taken_price = best.price
        works, instrument = self.desk.works, self.desk.books[order.instrument_id].instrument
        asking = self.desk.sessions[command.session_id]
        refusal = works.blocks(asking, order.account_id, instrument, order.side) if works.pending else None
        if refusal is None:
            return self.risk.check_replace(
                command.session_id,
                order.exposure,
                order.side,
                command.price,
                command.qty,
                taken_price,
                command.qty - order.cum_qty,
                order.price,
                order.leaves_qty,
            )
        return refusal

    def _qty_text(self, order: Order, qty: int) -> str:
        return decimal_text(qty * self.desk.books[order.instrument_id].instrument.lot_e8, E8)

    def _opposite(self, instrument_id: int, side: Side, price: int) -> tuple[BookSide, int]:
        """Return the side an order would take from, and the last key its price reaches there."""
        book = self.desk.books[instrument_id]
        return (book.asks, price) if side == BUY else (book.bids, -price)

    def _reject(
        self,
        command: CancelRequest,
        response_to: Response,
        order: Order | None,
        fault: Refusal,
        out: list[Event],
    ) -> None:
        """Reject a cancel or replace, to the session that asked, with the order's true status."""
        code, text = fault
        out.append(
            CancelRejected(
                command.session_id,
                0 if order is None else order.order_id,
                command.cl_ord_id,
                command.orig_cl_ord_id,
                STATUS_REJECTED if order is None else order.status,
                response_to,
                refusals.cxl_rej_reason(code),
                text,
                0 if order is None else order.account_id,
                code,
            )
        )

    # -- status -------------------------------------------------------------------------------------------------------

    def request_status(self, command: RequestStatus, time_ns: int, out: list[Event]) -> None:
        """Tell the asking session how an order of its member stands."""
        session = self.desk.sessions[command.session_id]
        if self.is_throttled(command.session_id, command.msg_seq_num, "H", command.cl_ord_id, time_ns, out):
            return
        order = self.desk.orders.get(command.order_id)
        if order is not None and order.session.member is session.member:
            self.desk.tell_order(order, session, command.cl_ord_id, command.ord_status_req_id, out)
        elif not command.order_id and self._knows(session.member, command.cl_ord_id):
            self.desk.tell_status(session, command.cl_ord_id, command.ord_status_req_id, out)
        else:
            self.desk.last_exec_id += 1
            out.append(
                OrderRefused(
                    self.desk.last_exec_id,
                    command.session_id,
                    command.cl_ord_id,
                    "",
                    command.symbol,
                    command.side,
                    "",
                    "",
                    "",
                    "",
                    refusals.ord_rej_reason(refusals.UNKNOWN_ORDER),
                    "unknown order",
                    EXEC_STATUS,
                    command.ord_status_req_id,
                    refusals.UNKNOWN_ORDER,
                )
            )

    def _knows(self, member: Member, cl_ord_id: str) -> bool:
        return cl_ord_id in member.used or cl_ord_id in member.refused

    # -- what translation could not express ----------------------------------------------------------------------------

    def refuse_order(self, command: RefuseOrder, time_ns: int, out: list[Event]) -> None:
        """Refuse an order that translation could not express; its ClOrdID is used all the same."""
        session = self.desk.sessions[command.session_id]
        if self.is_throttled(command.session_id, command.msg_seq_num, "D", command.cl_ord_id, time_ns, out):
            return
        self._refuse_one(command, session, out)

    def refuse_list(self, command: RefuseOrderList, time_ns: int, out: list[Event]) -> None:
        """Refuse every order of a list that translation could not express, and the list; sent again, tell how it
        stands.
        """
        session = self.desk.sessions[command.session_id]
        if self.is_throttled(command.session_id, command.msg_seq_num, "E", command.list_id, time_ns, out):
            return
        names = [each.cl_ord_id for each in command.orders]
        if command.poss_resend and list_answers.are_known(session, names):
            list_answers.tell(self.desk, command, names, out)
            return
        # A longer one is not worth the memory of a day, as a longer ClOrdID is not.
        list_id = command.list_id if len(command.list_id) <= CL_ORD_ID_CHARS_MAX else ""
        if list_id:
            session.member.list_ids[list_id] = None
        for order in command.orders:
            self._refuse_one(order, session, out, list_id)
        out.append(list_answers.refusal(command, names, (command.code, command.text)))

    def _refuse_one(self, command: RefuseOrder, session: Session, out: list[Event], list_id: str = "") -> None:
        member = session.member
        cl_ord_id = command.cl_ord_id
        known = cl_ord_id in member.used or cl_ord_id in member.refused
        if known and command.poss_resend:
            self.desk.tell_status(session, cl_ord_id, "", out)
            return
        self.desk.last_exec_id += 1
        code = refusals.DUPLICATE_ORDER if known else command.code
        event = OrderRefused(
            self.desk.last_exec_id,
            command.session_id,
            cl_ord_id,
            command.account,
            command.symbol,
            command.side,
            command.ord_type,
            command.time_in_force,
            command.price,
            command.qty,
            refusals.ord_rej_reason(code) if known else command.reason,
            used_before(cl_ord_id) if known else command.text,
            code=code,
            list_id=list_id,
        )
        if not known and len(cl_ord_id) <= CL_ORD_ID_CHARS_MAX:
            # A longer one is refused each time for its length; it is not worth the memory of a day.
            member.refused[cl_ord_id] = event
        out.append(event)

    def is_throttled(
        self,
        session_id: int,
        msg_seq_num: int,
        ref_msg_type: str,
        cl_ord_id: str,
        time_ns: int,
        out: list[Event],
        *,
        exposure: int = NO_ACCOUNT,
    ) -> bool:
        """Take a token for a message that is no cancel, or say that there is none."""
        throttled = self.risk.admit(session_id, exposure, time_ns) if self.risk.has_throttles else None
        if throttled is not None:
            self.desk.refuse_throttled(session_id, msg_seq_num, ref_msg_type, cl_ord_id, throttled, time_ns, out)
        return throttled is not None

    def is_cancel_throttled(
        self,
        command: CancelOrder | RefuseCancel | MassCancel | CancelQuotes,
        ref_msg_type: str,
        time_ns: int,
        out: list[Event],
    ) -> bool:
        """Take a token for a cancel, or say that there is none."""
        throttled = self.risk.admit_cancel(command.session_id, time_ns) if self.risk.has_throttles else None
        if throttled is not None:
            ids = command.session_id, command.msg_seq_num, ref_msg_type, command.cl_ord_id
            self.desk.refuse_throttled(*ids, throttled, time_ns, out)
        return throttled is not None
