"""The order desk: enters orders, matches them, and ends them, and says what happened in events.

Owner: the matching thread. This is the hot path: per order one call each of check and reserve, per trade one of
settle; records are built by position and written in rows, because a helper call for each costs a tenth of it. What a
peer may get wrong is refused with an event, what translation guarantees is asserted. Cancels, replaces and questions
stand in `requests`.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from matching import breaker
from matching.book import KEY_MAX, Book, BookSide
from matching.commands import NewOrder
from matching.events import Event, Execution, MessageThrottled, SessionCut, WorkLeft
from matching.order import Member, Order, Session
from matching.order_states import AFTER_CANCEL, AFTER_EXPIRE, AFTER_FILL, AFTER_PARTIAL_FILL
from matching.refusals import DUPLICATE_ORDER, Refusal, ord_rej_reason
from matching.risk_seam import OpenOrder, Risk
from matching.scope_ids import ids_of
from matching.special import SpecialDesk
from matching.term_checks import missing_terms
from matching.types import (
    BUY,
    DAY,
    EXEC_CANCELED,
    EXEC_EXPIRED,
    EXEC_NEW,
    EXEC_REJECTED,
    EXEC_STATUS,
    EXEC_TRADE,
    FILL_OR_KILL,
    GOOD_TILL_CANCEL,
    IMMEDIATE_OR_CANCEL,
    LIMIT,
    MARKET,
    STATUS_NEW,
    STATUS_REJECTED,
    ExecType,
)
from matching.work import Work, WorkQueue

NO_ACCOUNT: Final = -1
"""In place of an exposure: a message that is of no account."""
AT_ONCE: Final = (DAY, GOOD_TILL_CANCEL, IMMEDIATE_OR_CANCEL, FILL_OR_KILL)
"""TimeInForce(59) of orders that need no terms."""


class OrderDesk:
    """Books, orders and their members. `orders` holds every order of the trading day by order id, in ascending order.

    `last_*` are the numbers given last; ExecIDs, OrderIDs and trade ids are three sequences without gaps.
    """

    __slots__ = (
        "accounts",
        "books",
        "last_exec_id",
        "last_order_id",
        "last_trade_id",
        "members",
        "orders",
        "risk",
        "sessions",
        "special",
        "time_ns",
        "works",
    )

    def __init__(self, risk: Risk, works: WorkQueue) -> None:
        self.risk = risk
        self.works = works
        self.accounts = works.accounts
        self.books: dict[int, Book] = {}
        self.sessions: dict[int, Session] = {}
        self.members: dict[str, Member] = {}
        self.orders: dict[int, Order] = {}
        self.last_exec_id = 0
        self.last_order_id = 0
        self.last_trade_id = 0
        self.time_ns = 0
        self.special = SpecialDesk(self)

    # -- new orders ---------------------------------------------------------------------------------------------------

    def begin_ids_after(self, last: int) -> None:
        """Begin the ids of orders, executions and trades after `last`; nothing has been entered yet."""
        assert not self.orders, "ids begin before the first order"
        self.last_order_id = self.last_exec_id = self.last_trade_id = last

    def enter(self, command: NewOrder, time_ns: int, out: list[Event]) -> None:
        """Take a new order: refuse it, or accept it, match it, and let the rest of it stand or expire."""
        book = self.books[command.instrument_id]
        if command.terms is not None or not book.is_plain or command.time_in_force not in AT_ONCE:
            self.special.enter(command, book, time_ns, out)
            return
        session = self.sessions[session_id := command.session_id]
        account_id = command.account_id
        risk = self.risk
        exposure = book.exposures.get(account_id, NO_ACCOUNT)
        if exposure < 0:
            exposure = book.exposures[account_id] = risk.exposure(account_id, command.instrument_id)
        cl_ord_id = command.cl_ord_id
        if risk.has_throttles:
            throttled = risk.admit(session_id, exposure, time_ns)
            if throttled:
                self.refuse_throttled(session_id, command.msg_seq_num, "D", cl_ord_id, throttled, time_ns, out)
                return
        if cl_ord_id in (member := session.member).used or cl_ord_id in member.refused:
            self._repeat(command, session, out)
            return
        side = command.side
        price = command.price
        qty = command.qty
        ord_type = command.ord_type
        time_in_force = command.time_in_force
        if ord_type == MARKET:
            price = book.instrument.band_high if side == BUY else book.instrument.band_low
        elif ord_type != LIMIT:
            self.reject(command, session, missing_terms(ord_type), out)
            return
        if side == BUY:
            own, opposite, limit_key = book.bids, book.asks, price
        else:
            own, opposite, limit_key = book.asks, book.bids, -price
        best, is_swept = opposite.best, False
        taken_price = best.price if command.post_only and best is not None and best.key <= limit_key else 0
        refusal = self.works.blocks(session, account_id, book.instrument, side) if self.works.pending else None
        if refusal is None:
            refusal = risk.check(session_id, exposure, side, price, qty, taken_price)
        if refusal is not None:
            self.reject(command, session, refusal, out)
            return
        risk.reserve(exposure, side, price, qty)
        order_id = self.last_order_id = self.last_order_id + 1
        exec_id = self.last_exec_id = self.last_exec_id + 1
        order = Order(
            order_id, session, cl_ord_id, account_id, command.instrument_id, side, ord_type, time_in_force, price, qty,
            exposure, exec_id,
        )  # fmt: skip
        self.orders[order_id] = member.used[cl_ord_id] = order
        out.append(Execution(
            exec_id, EXEC_NEW, STATUS_NEW, order_id, session_id, cl_ord_id, "", account_id, command.instrument_id, side,
            ord_type, time_in_force, price, qty, qty, 0, 0,
        ))  # fmt: skip
        if best is not None and best.key <= limit_key:
            if time_in_force != FILL_OR_KILL or opposite.has_room_for(opposite.last_key(limit_key), qty):
                is_swept = self.match(order, opposite, limit_key, out)
                if not order.leaves_qty:
                    if is_swept:
                        self.special.after.run(out)
                    return
        if ord_type == MARKET or (time_in_force != DAY and time_in_force != GOOD_TILL_CANCEL):
            assert time_in_force in AT_ONCE, f"an order of TimeInForce(59) {time_in_force} has terms"
            self.expire(order, out)
        else:
            own.append(order)
            session.shelves[exposure][order_id] = order
        if is_swept:
            self.special.after.run(out)

    def match(self, order: Order, opposite: BookSide, limit_key: int, out: list[Event]) -> bool:
        """Trade an open order against the best of the opposite side as far as its limit reaches, at the resting prices.
        Return whether a price was reached that something waits for.

        Resting orders that are filled leave the book; the aggressor is in no book meanwhile.
        """
        append = out.append
        settle = self.risk.settle
        exec_id, trade_id = self.last_exec_id, self.last_trade_id
        leaves, status = order.leaves_qty, order.status
        cum_qty, cum_value = order.cum_qty, order.cum_value
        order_id, session_id, cl_ord_id = order.order_id, order.session.session_id, order.cl_ord_id
        account_id, instrument_id, exposure = order.account_id, order.instrument_id, order.exposure
        side, ord_type, time_in_force = order.side, order.ord_type, order.time_in_force
        order_price, order_qty = order.price, order.qty
        level = opposite.best
        first = level.price  # type: ignore[union-attr]  # the caller has seen that there is something to take
        reach, limit_key = limit_key, limit_key if opposite.stop_key == KEY_MAX else opposite.last_key(limit_key)
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
                resting.leaves_qty = resting_leaves
                resting.cum_qty = resting_cum = resting.cum_qty + qty
                resting.cum_value = resting_value = resting.cum_value + price * qty
                resting.status = resting_status
                level.qty -= qty
                if side == BUY:
                    settle(exposure, order_price, leaves, resting.exposure, price, resting_leaves, price, qty)
                else:
                    settle(resting.exposure, price, resting_leaves, exposure, order_price, leaves, price, qty)
                trade_id += 1
                exec_id += 2
                resting_session = resting.session
                append(Execution(
                    exec_id - 1, EXEC_TRADE, resting_status, resting.order_id, resting_session.session_id,
                    resting.cl_ord_id, "", resting.account_id, instrument_id, resting.side, resting.ord_type,
                    resting.time_in_force, price, resting.qty, resting_leaves, resting_cum, resting_value, price, qty,
                    trade_id,
                ))  # fmt: skip
                append(Execution(
                    exec_id, EXEC_TRADE, status, order_id, session_id, cl_ord_id, "", account_id, instrument_id, side,
                    ord_type, time_in_force, order_price, order_qty, leaves, cum_qty, cum_value, price, qty, trade_id,
                    True,
                ))  # fmt: skip
                if not resting_leaves:
                    resting = opposite.remove_filled_head(level, resting)
            if resting is None:
                opposite.remove_level(level)
                level = opposite.best
        order.leaves_qty, order.status = leaves, status
        order.cum_qty, order.cum_value = cum_qty, cum_value
        has_traded = trade_id != self.last_trade_id
        self.last_exec_id, self.last_trade_id = exec_id, trade_id
        if opposite.stop_key < KEY_MAX:
            breaker.look(self.books[instrument_id], order, opposite, reach, self.time_ns, out)
        if not has_traded:
            return False
        watch = opposite.on_last
        watch.price, watch.trade_id = price, trade_id
        is_swept = not (watch.low < price < watch.high and (first == price or watch.low < first < watch.high))
        if is_swept:
            self.special.after.sweep(watch, first, price)
        if opposite.stop_key < KEY_MAX:
            self.books[instrument_id].renew_stops()
        return is_swept

    def exposure_of(self, book: Book, account_id: int) -> int:
        """Return the risk engine's handle of an account in the book's instrument."""
        exposure = book.exposures.get(account_id, NO_ACCOUNT)
        if exposure < 0:
            exposure = book.exposures[account_id] = self.risk.exposure(account_id, book.instrument.instrument_id)
        return exposure

    def is_stopped_at_door(
        self, command: NewOrder, session: Session, exposure: int, time_ns: int, out: list[Event]
    ) -> bool:
        """Answer an order that a throttle stops or whose ClOrdID is known; `enter` does the same, written out."""
        throttled = self.risk.admit(session.session_id, exposure, time_ns) if self.risk.has_throttles else None
        if throttled is not None:
            ids = session.session_id, command.msg_seq_num
            self.refuse_throttled(*ids, "D", command.cl_ord_id, throttled, time_ns, out)
            return True
        if command.cl_ord_id in session.member.used or command.cl_ord_id in session.member.refused:
            self._repeat(command, session, out)
            return True
        return False

    def reject(self, command: NewOrder, session: Session, refusal: Refusal, out: list[Event]) -> None:
        """Refuse a new order; its ClOrdID is used."""
        event = self.rejection(command, refusal)
        session.member.refused[command.cl_ord_id] = event
        out.append(event)

    def refuse_throttled(
        self,
        session_id: int,
        msg_seq_num: int,
        ref_msg_type: str,
        ref_id: str,
        throttled: Refusal,
        time_ns: int,
        out: list[Event],
    ) -> None:
        """Refuse a message over a throttle; a session that does not stop is cut, and its orders are canceled."""
        code, text = throttled
        out.append(MessageThrottled(session_id, msg_seq_num, ref_msg_type, ref_id, text, code))
        why = self.risk.overrun(session_id, time_ns)
        if not why:
            return
        out.append(SessionCut(session_id, why))
        open_ids = ids_of(self.sessions[session_id].shelves.values())
        if len(open_ids):
            # Its first step is that of the next ContinueWork: this is the path of orders.
            text = f"Canceled: {why}"
            self.works.pending.append(Work(kind="cancel session", target_id=session_id, text=text, order_ids=open_ids))
            out.append(WorkLeft(self.works.left()))

    def rejection(self, command: NewOrder, refusal: Refusal) -> Execution:
        """Return the report of a refused order, numbered."""
        self.last_exec_id += 1
        code, text = refusal
        return Execution(
            self.last_exec_id, EXEC_REJECTED, STATUS_REJECTED, 0, command.session_id, command.cl_ord_id, "",
            command.account_id, command.instrument_id, command.side, command.ord_type, command.time_in_force,
            command.price, command.qty, 0, 0, 0, reason=ord_rej_reason(code), text=text, code=code,
            terms=command.terms,
        )  # fmt: skip

    def _repeat(self, command: NewOrder, session: Session, out: list[Event]) -> None:
        """Answer a ClOrdID that was used before: PossResend(97) gets the first order's status, else it is refused."""
        if command.poss_resend:
            self.tell_status(session, command.cl_ord_id, "", out)
        else:
            out.append(self.rejection(command, (DUPLICATE_ORDER, used_before(command.cl_ord_id))))

    # -- status -------------------------------------------------------------------------------------------------------

    def tell_status(self, session: Session, cl_ord_id: str, ord_status_req_id: str, out: list[Event]) -> None:
        """Tell how the order stands that a known ClOrdID names; of a refused one, the refusal as its status."""
        order = session.member.used.get(cl_ord_id)
        if order is not None:
            self.tell_order(order, session, cl_ord_id, ord_status_req_id, out)
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

    def tell_order(
        self, order: Order, session: Session, cl_ord_id: str, ord_status_req_id: str, out: list[Event]
    ) -> None:
        """Tell an order's state to `session`; a ClOrdID other than its newest is echoed as OrigClOrdID(41)."""
        known_by = cl_ord_id if cl_ord_id in order.prior_cl_ord_ids else ""
        self.say(order, EXEC_STATUS, out, orig_cl_ord_id=known_by, to=session, ord_status_req_id=ord_status_req_id)

    # -- the end of an order ------------------------------------------------------------------------------------------

    def expire(self, order: Order, out: list[Event], text: str = "") -> None:
        """Expire what is left of an open order."""
        self.leave(order)
        order.status = AFTER_EXPIRE[order.status]
        self.say(order, EXEC_EXPIRED, out, text=text)

    def cancel_unsolicited(self, order: Order, text: str, out: list[Event], *, restatement: int) -> None:
        """Cancel an open order that its owner did not ask to cancel; the text says why."""
        self.leave(order)
        order.status = AFTER_CANCEL[order.status]
        self.say(order, EXEC_CANCELED, out, text=text, restatement=restatement)

    def forget(self, order: Order) -> None:
        """Forget a closed order and all its ClOrdIDs, which may be used again."""
        assert not order.is_open(), f"order {order.order_id} is open"
        used = order.session.member.used
        del self.orders[order.order_id]
        if order.quote is not None:
            return
        del used[order.cl_ord_id]
        for cl_ord_id in order.prior_cl_ord_ids:
            del used[cl_ord_id]

    def leave(self, order: Order) -> None:
        """Take an open order out of its holds and, if it rests, out of the book."""
        if order.extra is not None:
            self.special.leave(order)
            return
        self.risk.release(order.exposure, order.side, order.price, order.leaves_qty)
        if order.level is not None:
            book = self.books[order.instrument_id]
            book.side_of(order).remove(order)
            del order.session.shelves[order.exposure][order.order_id]
            if book.pegs:
                self.special.after.stir(book)
        order.leaves_qty = 0

    def side_of(self, order: Order) -> BookSide:
        book = self.books[order.instrument_id]
        return book.bids if order.side == BUY else book.asks

    def say(
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
        """Append an Execution of the order's present state, for the session that entered it or the one it goes `to`."""
        if order.extra is not None:
            self.special.say(
                order, exec_type, out, orig_cl_ord_id=orig_cl_ord_id, text=text, restatement=restatement, to=to,
                ord_status_req_id=ord_status_req_id,
            )  # fmt: skip
            return
        exec_id = self.last_exec_id = self.last_exec_id + 1
        session = order.session if to is None else to
        out.append(Execution(
            exec_id, exec_type, order.status, order.order_id, session.session_id, order.cl_ord_id, orig_cl_ord_id,
            order.account_id, order.instrument_id, order.side, order.ord_type, order.time_in_force, order.price,
            order.qty, order.leaves_qty, order.cum_qty, order.cum_value, 0, 0, 0, False, 0, text, prior_price,
            prior_leaves, ord_status_req_id, restatement,
        ))  # fmt: skip

    def open_orders(self) -> Iterator[OpenOrder]:
        """Yield what every open order is to the risk engine."""
        for session in self.sessions.values():
            for order in session.open_orders():
                held = order.leaves_qty if order.extra is None or order.extra.is_held else 0
                yield order.account_id, order.instrument_id, order.side, order.price, held

    def check_invariants(self) -> None:
        """Assert that books, indexes and orders tell the same story."""
        for book in self.books.values():
            book.check_invariants()
        resting = sum(
            level.order_count
            for book in self.books.values()
            for side in (book.bids, book.asks)
            for level in side.all_levels()
        )
        waiting = self.special.check_invariants()
        assert resting + waiting == sum(session.open_count() for session in self.sessions.values()), (
            "what rests is open"
        )
        for session in self.sessions.values():
            for shelf in session.shelves.values():
                assert list(shelf) == sorted(shelf), f"open orders of {session.name} stand in the order of their ids"
        last = 0
        for order_id, order in self.orders.items():
            assert last < order_id == order.order_id <= self.last_order_id, "orders stand under their ids, ascending"
            last = order_id
            assert order.is_open() == (order.leaves_qty > 0), f"order {order_id} of status {order.status} has leaves"
            stands = order.level is not None or (order.extra is not None and order.extra.waiting)
            assert order.is_open() == stands, f"order {order_id} rests or waits while it is open"
            shelf = order.session.shelves.get(order.exposure, {})
            assert order.is_open() == (shelf.get(order_id) is order), "a session knows its open orders"
            names = _names(order)
            used = order.session.member.used
            assert all(used.get(name) is order for name in names), f"every ClOrdID of order {order_id} leads to it"
        counted = sum(len(_names(order)) for order in self.orders.values())
        assert counted == sum(len(member.used) for member in self.members.values()), "every ClOrdID has its order"


def _names(order: Order) -> tuple[str, ...]:
    """Return the ClOrdIDs that lead to an order: none to a quote."""
    return () if order.quote is not None else (order.cl_ord_id, *order.prior_cl_ord_ids)


def used_before(cl_ord_id: str) -> str:
    return f"ClOrdID(11) {cl_ord_id} was used before on this trading day"
