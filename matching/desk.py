"""The order desk: takes orders, cancels, replaces and status requests, matches, and says what happened in events.

Owner: the matching thread. This is the hot path: per order it makes one call each of check and reserve, per trade one
of settle. It refuses whatever a peer may get wrong with an event, and asserts what translation guarantees.
"""

from typing import Final, TypeAlias

import msgspec

from matching.book import Book, BookSide
from matching.commands import CancelOrder, NewOrder, RefuseCancel, RefuseOrder, ReplaceOrder, RequestStatus
from matching.events import CancelRejected, Event, Execution, MessageThrottled, OrderRefused
from matching.order import Member, Order, Session
from matching.order_states import AFTER_CANCEL, AFTER_EXPIRE, AFTER_FILL, AFTER_PARTIAL_FILL, AFTER_REPLACE
from matching.risk_seam import Risk
from matching.texts import decimal_text
from matching.types import (
    BUY,
    CANCEL_DUPLICATE_CL_ORD_ID,
    CANCEL_OTHER,
    CANCEL_TOO_LATE,
    CANCEL_UNKNOWN_ORDER,
    DAY,
    E8,
    EXEC_CANCELED,
    EXEC_EXPIRED,
    EXEC_NEW,
    EXEC_REJECTED,
    EXEC_REPLACED,
    EXEC_STATUS,
    EXEC_TRADE,
    FILL_OR_KILL,
    GOOD_TILL_CANCEL,
    LIMIT,
    MARKET,
    REJECT_DUPLICATE_ORDER,
    REJECT_UNKNOWN_ORDER,
    RESPONSE_TO_CANCEL,
    RESPONSE_TO_REPLACE,
    STATUS_NEW,
    STATUS_REJECTED,
    ExecType,
    Response,
    Side,
)
from matching.work import WorkQueue

NO_ACCOUNT: Final = -1
RESTATED_OTHER: Final = 99
"""ExecRestatementReason(378) of a cancel that nobody asked for; the text says why."""

CancelRequest: TypeAlias = CancelOrder | ReplaceOrder | RefuseCancel


class OrderDesk:
    """Books, orders and their members. `orders` holds every order of the trading day by order id, in ascending order.

    `last_*` are the numbers given last; ExecIDs, OrderIDs and trade ids are three sequences without gaps.
    """

    __slots__ = (
        "books",
        "last_exec_id",
        "last_order_id",
        "last_trade_id",
        "members",
        "orders",
        "risk",
        "sessions",
        "works",
    )

    def __init__(self, risk: Risk, works: WorkQueue) -> None:
        self.risk = risk
        self.works = works
        self.books: dict[int, Book] = {}
        self.sessions: dict[int, Session] = {}
        self.members: dict[str, Member] = {}
        self.orders: dict[int, Order] = {}
        self.last_exec_id = 0
        self.last_order_id = 0
        self.last_trade_id = 0

    # -- new orders ---------------------------------------------------------------------------------------------------

    def enter(self, command: NewOrder, time_ns: int, out: list[Event]) -> None:
        """Take a new order: refuse it, or accept it, match it, and let the rest of it stand or expire."""
        session_id = command.session_id
        session = self.sessions[session_id]
        account_id = command.account_id
        instrument_id = command.instrument_id
        book = self.books[instrument_id]
        risk = self.risk
        exposure = book.exposures.get(account_id, NO_ACCOUNT)
        if exposure < 0:
            exposure = book.exposures[account_id] = risk.exposure(account_id, instrument_id)
        cl_ord_id = command.cl_ord_id
        if risk.has_throttles:
            throttled = risk.admit(session_id, exposure, time_ns)
            if throttled:
                out.append(MessageThrottled(session_id, command.msg_seq_num, "D", cl_ord_id, throttled))
                return
        member = session.member
        used = member.used
        if cl_ord_id in used or cl_ord_id in member.refused:
            self._repeat(command, session, out)
            return
        side = command.side
        ord_type = command.ord_type
        price = command.price
        qty = command.qty
        if ord_type == MARKET:
            price = book.instrument.band_high if side == BUY else book.instrument.band_low
        if side == BUY:
            limit_key = price
            opposite = book.asks
            own = book.bids
        else:
            limit_key = -price
            opposite = book.bids
            own = book.asks
        best = opposite.best
        crosses = best is not None and best.key <= limit_key
        taken_price = best.price if crosses and command.post_only and best is not None else 0
        refusal = self.works.blocks(session_id, account_id) if self.works.pending else None
        if refusal is None:
            refusal = risk.check(session_id, exposure, side, price, qty, taken_price)
        if refusal is not None:
            self._refuse(command, member, refusal, out)
            return
        risk.reserve(exposure, side, price, qty)
        order_id = self.last_order_id = self.last_order_id + 1
        exec_id = self.last_exec_id = self.last_exec_id + 1
        time_in_force = command.time_in_force
        order = Order(
            order_id,
            session,
            cl_ord_id,
            account_id,
            instrument_id,
            side,
            ord_type,
            time_in_force,
            price,
            qty,
            exposure,
            exec_id,
        )
        used[cl_ord_id] = order
        self.orders[order_id] = order
        out.append(
            Execution(
                exec_id,
                EXEC_NEW,
                STATUS_NEW,
                order_id,
                session_id,
                cl_ord_id,
                "",
                account_id,
                instrument_id,
                side,
                ord_type,
                time_in_force,
                price,
                qty,
                qty,
                0,
                0,
            )
        )
        if crosses and (time_in_force != FILL_OR_KILL or opposite.has_room_for(limit_key, qty)):
            self._match(order, opposite, limit_key, out)
            if not order.leaves_qty:
                return
        if ord_type == MARKET or (time_in_force != DAY and time_in_force != GOOD_TILL_CANCEL):
            self.expire(order, out)
        else:
            own.append(order)
            session.open[order_id] = order

    def _match(self, order: Order, opposite: BookSide, limit_key: int, out: list[Event]) -> None:
        """Trade `order` against the best of the opposite side as far as its limit reaches, at the resting orders' prices.

        Filled resting orders leave the book; the aggressor is in no book during this. The side must cross, and
        `order` be open.
        """
        append = out.append
        settle = self.risk.settle
        exec_id = self.last_exec_id
        trade_id = self.last_trade_id
        leaves = order.leaves_qty
        cum_qty = order.cum_qty
        cum_value = order.cum_value
        status = order.status
        order_id = order.order_id
        session_id = order.session.session_id
        cl_ord_id = order.cl_ord_id
        account_id = order.account_id
        instrument_id = order.instrument_id
        exposure = order.exposure
        side = order.side
        ord_type = order.ord_type
        time_in_force = order.time_in_force
        order_price = order.price
        order_qty = order.qty
        level = opposite.best
        while leaves and level is not None and level.key <= limit_key:
            price = level.price
            resting = level.head
            while leaves and resting is not None:
                resting_leaves = resting.leaves_qty
                qty = resting_leaves if resting_leaves < leaves else leaves
                resting_leaves -= qty
                leaves -= qty
                cum_qty += qty
                cum_value += price * qty
                status = AFTER_PARTIAL_FILL[status] if leaves else AFTER_FILL[status]
                resting_status = (AFTER_PARTIAL_FILL if resting_leaves else AFTER_FILL)[resting.status]
                resting_cum = resting.cum_qty + qty
                resting_value = resting.cum_value + price * qty
                resting.leaves_qty = resting_leaves
                resting.cum_qty = resting_cum
                resting.cum_value = resting_value
                resting.status = resting_status
                level.qty -= qty
                if side == BUY:
                    settle(exposure, order_price, leaves, resting.exposure, price, resting_leaves, price, qty)
                else:
                    settle(resting.exposure, price, resting_leaves, exposure, order_price, leaves, price, qty)
                trade_id += 1
                exec_id += 2
                resting_session = resting.session
                append(
                    Execution(
                        exec_id - 1,
                        EXEC_TRADE,
                        resting_status,
                        resting.order_id,
                        resting_session.session_id,
                        resting.cl_ord_id,
                        "",
                        resting.account_id,
                        instrument_id,
                        resting.side,
                        resting.ord_type,
                        resting.time_in_force,
                        price,
                        resting.qty,
                        resting_leaves,
                        resting_cum,
                        resting_value,
                        price,
                        qty,
                        trade_id,
                    )
                )
                append(
                    Execution(
                        exec_id,
                        EXEC_TRADE,
                        status,
                        order_id,
                        session_id,
                        cl_ord_id,
                        "",
                        account_id,
                        instrument_id,
                        side,
                        ord_type,
                        time_in_force,
                        order_price,
                        order_qty,
                        leaves,
                        cum_qty,
                        cum_value,
                        price,
                        qty,
                        trade_id,
                        True,
                    )
                )
                if not resting_leaves:
                    # The head leaves its queue; no link of it stays.
                    following = resting.next
                    resting.next = None
                    resting.level = None
                    level.head = following
                    level.order_count -= 1
                    del resting_session.open[resting.order_id]
                    if following is not None:
                        following.previous = None
                    resting = following
            if resting is None:
                level.tail = None
                opposite.remove_level(level)
                level = opposite.best
        order.leaves_qty = leaves
        order.cum_qty = cum_qty
        order.cum_value = cum_value
        order.status = status
        self.last_exec_id = exec_id
        self.last_trade_id = trade_id

    def _refuse(self, command: NewOrder, member: Member, refusal: tuple[int, str], out: list[Event]) -> None:
        """Refuse an order and remember the event by its ClOrdID."""
        event = self._rejection(command, refusal)
        member.refused[command.cl_ord_id] = event
        out.append(event)

    def _rejection(self, command: NewOrder, refusal: tuple[int, str]) -> Execution:
        self.last_exec_id += 1
        reason, text = refusal
        return Execution(
            self.last_exec_id,
            EXEC_REJECTED,
            STATUS_REJECTED,
            0,
            command.session_id,
            command.cl_ord_id,
            "",
            command.account_id,
            command.instrument_id,
            command.side,
            command.ord_type,
            command.time_in_force,
            command.price,
            command.qty,
            0,
            0,
            0,
            reason=reason,
            text=text,
        )

    def _repeat(self, command: NewOrder, session: Session, out: list[Event]) -> None:
        """Answer a ClOrdID that was used before: with the first order's status if resent as possibly known, else refuse."""
        if command.poss_resend:
            self._tell_status(session, command.cl_ord_id, "", out)
        else:
            out.append(self._rejection(command, (REJECT_DUPLICATE_ORDER, _used_before(command.cl_ord_id))))

    def refuse_order(self, command: RefuseOrder, time_ns: int, out: list[Event]) -> None:
        """Refuse an order that translation could not express; its ClOrdID is used all the same."""
        session = self.sessions[command.session_id]
        if self._is_throttled(command.session_id, command.msg_seq_num, "D", command.cl_ord_id, time_ns, out):
            return
        member = session.member
        cl_ord_id = command.cl_ord_id
        known = cl_ord_id in member.used or cl_ord_id in member.refused
        if known and command.poss_resend:
            self._tell_status(session, cl_ord_id, "", out)
            return
        self.last_exec_id += 1
        event = OrderRefused(
            self.last_exec_id,
            command.session_id,
            cl_ord_id,
            command.account,
            command.symbol,
            command.side,
            command.ord_type,
            command.time_in_force,
            command.price,
            command.qty,
            REJECT_DUPLICATE_ORDER if known else command.reason,
            _used_before(cl_ord_id) if known else command.text,
        )
        if not known:
            member.refused[cl_ord_id] = event
        out.append(event)

    # -- cancels and replaces -----------------------------------------------------------------------------------------

    def cancel(self, command: CancelOrder, time_ns: int, out: list[Event]) -> None:
        """Cancel an order of the member, entered by whichever of its sessions."""
        session = self.sessions[command.session_id]
        if self.risk.has_throttles:
            throttled = self.risk.admit_cancel(command.session_id, time_ns)
            if throttled:
                out.append(MessageThrottled(command.session_id, command.msg_seq_num, "F", command.cl_ord_id, throttled))
                return
        cl_ord_id = command.cl_ord_id
        order = self._find(session, command)
        fault = self._request_fault(session, command, order)
        if fault is not None:
            self._reject(command, RESPONSE_TO_CANCEL, order, fault, out)
            return
        assert order is not None, "a request without an order has a fault"
        original = order.cl_ord_id
        order.rename(cl_ord_id)
        session.member.used[cl_ord_id] = order
        self._leave(order)
        order.status = AFTER_CANCEL[order.status]
        self._say(order, EXEC_CANCELED, out, orig_cl_ord_id=original)

    def replace(self, command: ReplaceOrder, time_ns: int, out: list[Event]) -> None:
        """Replace price, quantity or TimeInForce(59) of an order of the member; refused, the order is untouched."""
        session = self.sessions[command.session_id]
        order = self._find(session, command)
        exposure = NO_ACCOUNT if order is None else order.exposure
        if self._is_throttled(
            command.session_id, command.msg_seq_num, "G", command.cl_ord_id, time_ns, out, exposure=exposure
        ):
            return
        fault = self._request_fault(session, command, order)
        if fault is None and order is not None:
            fault = self._replace_fault(command, order)
        if fault is not None:
            self._reject(command, RESPONSE_TO_REPLACE, order, fault, out)
            return
        assert order is not None, "a request without an order has a fault"
        self._replace(command, order, session.member, out)

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
            self._side(order).remove(order)
        original = order.cl_ord_id
        order.rename(command.cl_ord_id)
        member.used[command.cl_ord_id] = order
        order.price = price
        order.qty = command.qty
        order.leaves_qty = leaves
        order.time_in_force = command.time_in_force
        order.status = AFTER_REPLACE[order.status]
        self._say(
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
        order.priority = self.last_exec_id
        opposite, limit_key = self._opposite(order.instrument_id, order.side, order.price)
        best = opposite.best
        if best is not None and best.key <= limit_key:
            self._match(order, opposite, limit_key, out)
        if order.leaves_qty:
            self._side(order).append(order)
        else:
            del order.session.open[order.order_id]

    def refuse_cancel(self, command: RefuseCancel, time_ns: int, out: list[Event]) -> None:
        """Reject a cancel or replace that translation could not express, with the true state of its order."""
        session = self.sessions[command.session_id]
        if command.response_to == RESPONSE_TO_CANCEL:
            throttled = self.risk.admit_cancel(command.session_id, time_ns)
            if throttled:
                out.append(MessageThrottled(command.session_id, command.msg_seq_num, "F", command.cl_ord_id, throttled))
                return
        elif self._is_throttled(command.session_id, command.msg_seq_num, "G", command.cl_ord_id, time_ns, out):
            return
        fault = command.reason, command.text
        self._reject(command, command.response_to, self._find(session, command), fault, out)

    def _find(self, session: Session, command: CancelRequest) -> Order | None:
        """Return the member's order by OrderID(37) where it is given, else by OrigClOrdID(41)."""
        if not command.order_id:
            return session.member.used.get(command.orig_cl_ord_id)
        order = self.orders.get(command.order_id)
        return order if order is not None and order.session.member is session.member else None

    def _request_fault(
        self, session: Session, command: CancelOrder | ReplaceOrder, order: Order | None
    ) -> tuple[int, str] | None:
        """Return CxlRejReason(102) and text where a cancel or replace cannot be obeyed, in order of precedence."""
        cl_ord_id = command.cl_ord_id
        member = session.member
        if cl_ord_id in member.used or cl_ord_id in member.refused:
            return CANCEL_DUPLICATE_CL_ORD_ID, _used_before(cl_ord_id)
        if order is None:
            named = f"OrderID(37) O{command.order_id}" if command.order_id else f"ClOrdID {command.orig_cl_ord_id}"
            return CANCEL_UNKNOWN_ORDER, f"no order of {member.comp_id} on this trading day has {named}"
        if command.side != order.side:
            return CANCEL_OTHER, f"Side(54) {command.side} found, order O{order.order_id} has {order.side}"
        if command.instrument_id != order.instrument_id:
            expected = self.books[order.instrument_id].instrument.symbol
            found = self.books.get(command.instrument_id)
            symbol = "an unknown one" if found is None else found.instrument.symbol
            return CANCEL_OTHER, f"Symbol(55) {symbol} found, order O{order.order_id} has {expected}"
        if not order.is_open():
            return CANCEL_TOO_LATE, f"order O{order.order_id} is closed with OrdStatus(39) {order.status}"
        return None

    def _replace_fault(self, command: ReplaceOrder, order: Order) -> tuple[int, str] | None:
        """Return CxlRejReason(102) and text where an open order cannot take these terms, in order of precedence."""
        time_in_force = command.time_in_force
        if command.ord_type != LIMIT:
            return CANCEL_OTHER, f"OrdType(40) {command.ord_type} found, a resting order stays limit ({LIMIT})"
        if time_in_force != DAY and time_in_force != GOOD_TILL_CANCEL:
            allowed = f"Day ({DAY}) or GTC ({GOOD_TILL_CANCEL})"
            return CANCEL_OTHER, f"TimeInForce(59) {time_in_force} found, a resting order may be replaced to {allowed}"
        if command.qty <= order.cum_qty:
            filled = self._qty_text(order, order.cum_qty)
            found = self._qty_text(order, command.qty)
            return CANCEL_TOO_LATE, f"OrderQty(38) {found} is not above CumQty(14) {filled} of order O{order.order_id}"
        taken_price = 0
        if command.post_only:
            opposite, limit_key = self._opposite(order.instrument_id, order.side, command.price)
            best = opposite.best
            if best is not None and best.key <= limit_key:
                taken_price = best.price
        refusal = self.works.blocks(command.session_id, order.account_id) if self.works.pending else None
        if refusal is None:
            refusal = self.risk.check_replace(
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
        return None if refusal is None else (CANCEL_OTHER, refusal[1])

    def _qty_text(self, order: Order, qty: int) -> str:
        return decimal_text(qty * self.books[order.instrument_id].instrument.lot_e8, E8)

    def _opposite(self, instrument_id: int, side: Side, price: int) -> tuple[BookSide, int]:
        """Return the side an order would take from, and the last key its price reaches there."""
        book = self.books[instrument_id]
        return (book.asks, price) if side == BUY else (book.bids, -price)

    def _reject(
        self,
        command: CancelRequest,
        response_to: Response,
        order: Order | None,
        fault: tuple[int, str],
        out: list[Event],
    ) -> None:
        """Reject a cancel or replace, to the session that asked, with the order's true status."""
        reason, text = fault
        out.append(
            CancelRejected(
                command.session_id,
                0 if order is None else order.order_id,
                command.cl_ord_id,
                command.orig_cl_ord_id,
                STATUS_REJECTED if order is None else order.status,
                response_to,
                reason,
                text,
                0 if order is None else order.account_id,
            )
        )

    # -- status -------------------------------------------------------------------------------------------------------

    def request_status(self, command: RequestStatus, time_ns: int, out: list[Event]) -> None:
        """Tell the asking session how an order of its member stands."""
        session = self.sessions[command.session_id]
        if self._is_throttled(command.session_id, command.msg_seq_num, "H", command.cl_ord_id, time_ns, out):
            return
        order = self.orders.get(command.order_id)
        if order is not None and order.session.member is session.member:
            self._tell_order(order, session, command.cl_ord_id, command.ord_status_req_id, out)
        elif not command.order_id and self._knows(session.member, command.cl_ord_id):
            self._tell_status(session, command.cl_ord_id, command.ord_status_req_id, out)
        else:
            self.last_exec_id += 1
            out.append(
                OrderRefused(
                    self.last_exec_id,
                    command.session_id,
                    command.cl_ord_id,
                    "",
                    command.symbol,
                    command.side,
                    "",
                    "",
                    "",
                    "",
                    REJECT_UNKNOWN_ORDER,
                    "unknown order",
                    EXEC_STATUS,
                    command.ord_status_req_id,
                )
            )

    def _knows(self, member: Member, cl_ord_id: str) -> bool:
        return cl_ord_id in member.used or cl_ord_id in member.refused

    def _tell_status(self, session: Session, cl_ord_id: str, ord_status_req_id: str, out: list[Event]) -> None:
        """Tell how the order stands that a known ClOrdID names; of a refused one, the refusal as its status."""
        order = session.member.used.get(cl_ord_id)
        if order is not None:
            self._tell_order(order, session, cl_ord_id, ord_status_req_id, out)
            return
        self.last_exec_id += 1
        out.append(
            msgspec.structs.replace(
                session.member.refused[cl_ord_id],
                exec_id=self.last_exec_id,
                exec_type=EXEC_STATUS,
                session_id=session.session_id,
                ord_status_req_id=ord_status_req_id,
            )
        )

    def _tell_order(
        self, order: Order, session: Session, cl_ord_id: str, ord_status_req_id: str, out: list[Event]
    ) -> None:
        """Tell an order's state to `session`; a ClOrdID other than its newest is echoed as OrigClOrdID(41)."""
        known_by = cl_ord_id if cl_ord_id in order.prior_cl_ord_ids else ""
        self._say(order, EXEC_STATUS, out, orig_cl_ord_id=known_by, to=session, ord_status_req_id=ord_status_req_id)

    # -- the end of an order ------------------------------------------------------------------------------------------

    def expire(self, order: Order, out: list[Event], text: str = "") -> None:
        """Expire what is left of an open order."""
        self._leave(order)
        order.status = AFTER_EXPIRE[order.status]
        self._say(order, EXEC_EXPIRED, out, text=text)

    def cancel_unsolicited(self, order: Order, text: str, out: list[Event]) -> None:
        """Cancel an open order that its owner did not ask to cancel; the text says why."""
        self._leave(order)
        order.status = AFTER_CANCEL[order.status]
        self._say(order, EXEC_CANCELED, out, text=text, restatement=RESTATED_OTHER)

    def forget(self, order: Order) -> None:
        """Forget a closed order and all its ClOrdIDs, which may be used again."""
        assert not order.is_open(), f"order {order.order_id} is open"
        used = order.session.member.used
        del self.orders[order.order_id]
        del used[order.cl_ord_id]
        for cl_ord_id in order.prior_cl_ord_ids:
            del used[cl_ord_id]

    def _leave(self, order: Order) -> None:
        """Take an open order out of its holds and, if it rests, out of the book."""
        self.risk.release(order.exposure, order.side, order.price, order.leaves_qty)
        if order.level is not None:
            self._side(order).remove(order)
            del order.session.open[order.order_id]
        order.leaves_qty = 0

    def _side(self, order: Order) -> BookSide:
        book = self.books[order.instrument_id]
        return book.bids if order.side == BUY else book.asks

    def _say(
        self,
        order: Order,
        exec_type: ExecType,
        out: list[Event],
        *,
        orig_cl_ord_id: str = "",
        text: str = "",
        prior_price: int = 0,
        prior_leaves: int = 0,
        restatement: int = 0,
        to: Session | None = None,
        ord_status_req_id: str = "",
    ) -> None:
        """Append an Execution of the order's present state, to the session that entered it unless it goes `to` another."""
        exec_id = self.last_exec_id = self.last_exec_id + 1
        session = order.session if to is None else to
        out.append(
            Execution(
                exec_id,
                exec_type,
                order.status,
                order.order_id,
                session.session_id,
                order.cl_ord_id,
                orig_cl_ord_id,
                order.account_id,
                order.instrument_id,
                order.side,
                order.ord_type,
                order.time_in_force,
                order.price,
                order.qty,
                order.leaves_qty,
                order.cum_qty,
                order.cum_value,
                0,
                0,
                0,
                False,
                0,
                text,
                prior_price,
                prior_leaves,
                ord_status_req_id,
                restatement,
            )
        )

    def check_invariants(self) -> None:
        """Assert that books, indexes and orders tell the same story."""
        for book in self.books.values():
            book.check_invariants()
        resting = sum(
            level.order_count
            for book in self.books.values()
            for side in (book.bids, book.asks)
            for level in side.levels.values()
        )
        assert resting == sum(len(session.open) for session in self.sessions.values()), "what rests is open"
        last = 0
        for order_id, order in self.orders.items():
            assert last < order_id == order.order_id <= self.last_order_id, "orders stand under their ids, ascending"
            last = order_id
            assert order.is_open() == (order.leaves_qty > 0), f"order {order_id} of status {order.status} has leaves"
            assert order.is_open() == (order.level is not None), f"order {order_id} rests while it is open"
            assert order.is_open() == (order.session.open.get(order_id) is order), "a session knows its open orders"
            names = (order.cl_ord_id, *order.prior_cl_ord_ids)
            used = order.session.member.used
            assert all(used.get(name) is order for name in names), f"every ClOrdID of order {order_id} leads to it"
        counted = sum(1 + len(order.prior_cl_ord_ids) for order in self.orders.values())
        assert counted == sum(len(member.used) for member in self.members.values()), "every ClOrdID has its order"

    def _is_throttled(
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
        throttled = self.risk.admit(session_id, exposure, time_ns) if self.risk.has_throttles else ""
        if throttled:
            out.append(MessageThrottled(session_id, msg_seq_num, ref_msg_type, cl_ord_id, throttled))
        return bool(throttled)


def _used_before(cl_ord_id: str) -> str:
    return f"ClOrdID(11) {cl_ord_id} was used before on this trading day"
