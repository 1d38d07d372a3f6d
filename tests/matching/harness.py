"""A small exchange to say sentences with: two members, three accounts, a share and a perpetual."""

from typing import Any, Final

from gateway.depth_view import BID, OFFER, DepthView
from matching.commands import (
    CancelOrder,
    Command,
    ContinueWork,
    DefineAccount,
    DefineInstrument,
    DefineSession,
    Deposit,
    NewOrder,
    ReplaceOrder,
    RequestStatus,
    SetLimits,
)
from matching.engine import Engine
from matching.events import CancelRejected, Event, Execution, WorkLeft
from matching.types import BUY, DAY, LIMIT, SELL, Side, TimeInForce
from risk.engine import RiskEngine
from tests.matching.standing import standing

AAPL: Final = DefineInstrument(1, "AAPL", "spot", "USD", 1_000_000, 100_000_000, 10_000, 10_000, 1_000)
"""Tick 0.01, lot 1, reference 100.00, band 10 %: 90.00 to 110.00; a lot at a tick is 0.01 USD."""
PERP: Final = DefineInstrument(2, "BTC-PERP", "perpetual", "USD", 50_000_000, 100_000, 500, 10_000, 5_000)
"""Tick 0.5, lot 0.001, reference 5000; a lot at a tick is 0.0005 USD."""
CASH: Final = 1_000_000 * 1_000_000
"""Deposited per account: 1,000,000 USD."""
SHARES: Final = 10_000
TRADER, TRADER_FIX42, MAKER = 1, 2, 3
"""Sessions: the first two belong to the member TRADER1."""
ACC1, ACC2, ACC3 = 1, 2, 3


class Harness:
    """An engine with its definitions made. Every step is followed by a check of all invariants."""

    def __init__(self, *, rate: int = 0, burst: int = 0, cancel_rate: int = 0, cancel_burst: int = 0) -> None:
        self.risk = RiskEngine()
        self.engine = Engine(self.risk)
        self.time_ns = 1_000_000_000_000
        self.setup = self.apply(
            AAPL,
            PERP,
            *(DefineAccount(number, f"ACC{number}", "FIRM") for number in (ACC1, ACC2, ACC3)),
            DefineSession(TRADER, "FIX.4.4:TRADER1", "TRADER1", rate, burst, cancel_rate, cancel_burst),
            DefineSession(TRADER_FIX42, "FIX.4.2:TRADER1", "TRADER1", 0, 0, 0, 0),
            DefineSession(MAKER, "FIX.4.4:MAKER1", "MAKER1", 0, 0, 0, 0),
            *(Deposit(number, "USD", CASH, f"cash {number}") for number in (ACC1, ACC2, ACC3)),
            *(Deposit(number, "AAPL", SHARES, f"shares {number}") for number in (ACC1, ACC2, ACC3)),
        )

    def apply(self, *commands: Command) -> list[Event]:
        """Apply commands one after the other and return all their events."""
        out: list[Event] = []
        for command in commands:
            self.engine.apply(self.engine.seq + 1, self.time_ns, command, out)
            self.engine.check_invariants()
        return out

    def finish(self, *commands: Command) -> list[Event]:
        """Apply commands and the work that they leave, to its end; return all events but WorkLeft."""
        out = self.apply(*commands)
        while self.engine.has_work:
            out += self.apply(ContinueWork())
        return [event for event in out if not isinstance(event, WorkLeft)]

    def limits(self, account_id: int = ACC1, instrument_id: int = 1, **values: int) -> list[Event]:
        """Set the named limits of an account and no others."""
        names = ("order_qty_max", "order_value_max", "open_orders_max", "position_max", "rate", "burst")
        return self.apply(SetLimits(account_id, instrument_id, *(values.get(name, 0) for name in names)))

    def book(self) -> tuple[list[tuple[int, int, int]], list[tuple[int, int, int]]]:
        """Bids and asks of AAPL as (price, quantity, orders)."""
        return self.engine.depth(1, 0)

    def cash(self, account_id: int) -> tuple[int, int]:
        """Amount and held part of an account's USD, less the deposit."""
        amount, held = self.risk.balance_of(account_id, "USD")
        return amount - CASH, held


class RestartingHarness(Harness):
    """A harness whose engine is replaced by one out of its snapshot after each command, and that folds the depth of
    AAPL and BTC-PERP out of events alone: both have to be as the engine has them.
    """

    def __init__(self, *, rate: int = 0, burst: int = 0, cancel_rate: int = 0, cancel_burst: int = 0) -> None:
        self.views = {1: DepthView(0, [], []), 2: DepthView(0, [], [])}
        super().__init__(rate=rate, burst=burst, cancel_rate=cancel_rate, cancel_burst=cancel_burst)

    def apply(self, *commands: Command) -> list[Event]:
        out: list[Event] = []
        for command in commands:
            events = super().apply(command)
            for event in events:
                if isinstance(event, Execution):
                    self.views[event.instrument_id].fold(event)
            out += events
            self._compare_depth()
            self._restart()
        return out

    def _compare_depth(self) -> None:
        for instrument_id, view in self.views.items():
            if instrument_id in self.engine.instruments:
                bids, asks = self.engine.depth(instrument_id, 0)
                folded = [view.top(kind, 0) for kind in (BID, OFFER)]
                assert folded == [
                    {-price: (qty, count) for price, qty, count in bids},
                    {price: (qty, count) for price, qty, count in asks},
                ], "depth folded from events is the book's"

    def _restart(self) -> None:
        data, before = self.engine.snapshot(), standing(self.engine)
        self.risk = RiskEngine()
        self.engine = Engine(self.risk)
        self.engine.load(data)
        assert self.engine.snapshot() == data, "a loaded engine has the state of the one before"
        assert standing(self.engine) == before, "everything stands in the same order"
        self.engine.check_invariants()


def order(
    cl_ord_id: str,
    side: Side,
    qty: int,
    price: int,
    *,
    session_id: int = TRADER,
    account_id: int = ACC1,
    instrument_id: int = 1,
    time_in_force: TimeInForce = DAY,
    poss_resend: bool = False,
    **more: Any,
) -> NewOrder:
    """A limit order of TRADER1 for ACC1 unless said otherwise."""
    return NewOrder(
        session_id=session_id,
        epoch=1,
        msg_seq_num=7,
        poss_resend=poss_resend,
        cl_ord_id=cl_ord_id,
        account_id=account_id,
        instrument_id=instrument_id,
        side=side,
        ord_type=more.pop("ord_type", LIMIT),
        time_in_force=time_in_force,
        price=price,
        qty=qty,
        **more,
    )


def buy(cl_ord_id: str, qty: int, price: int, **more: Any) -> NewOrder:
    """A buy of TRADER1 for ACC1."""
    return order(cl_ord_id, BUY, qty, price, **more)


def sell(cl_ord_id: str, qty: int, price: int, **more: Any) -> NewOrder:
    """A sell of MAKER1 for ACC2, so that a buy and a sell meet as strangers."""
    return order(cl_ord_id, SELL, qty, price, **({"session_id": MAKER, "account_id": ACC2} | more))


def cancel(
    cl_ord_id: str, orig: str, side: Side = BUY, *, order_id: int = 0, poss_resend: bool = False, **more: int
) -> CancelOrder:
    """A cancel from TRADER1, of a buy of AAPL."""
    session_id, instrument_id = more.get("session_id", TRADER), more.get("instrument_id", 1)
    return CancelOrder(session_id, 1, 7, cl_ord_id, orig, order_id, instrument_id, side, poss_resend)


def replace(cl_ord_id: str, orig: str, qty: int, price: int, side: Side = BUY, **more: Any) -> ReplaceOrder:
    """A replace from TRADER1, of a buy of AAPL."""
    return ReplaceOrder(
        session_id=more.pop("session_id", TRADER),
        epoch=1,
        msg_seq_num=7,
        cl_ord_id=cl_ord_id,
        orig_cl_ord_id=orig,
        order_id=more.pop("order_id", 0),
        instrument_id=more.pop("instrument_id", 1),
        side=side,
        ord_type=more.pop("ord_type", LIMIT),
        time_in_force=more.pop("time_in_force", DAY),
        price=price,
        qty=qty,
        **more,
    )


def status(cl_ord_id: str, *, order_id: int = 0, session_id: int = TRADER) -> RequestStatus:
    """A status request with OrdStatusReqID(790)=REQ."""
    return RequestStatus(session_id, 1, 7, cl_ord_id, order_id, "REQ", "AAPL", "1")


def brief(events: list[Event]) -> list[tuple[Any, ...]]:
    """Events as short rows.

    An Execution: ClOrdID, ExecType, OrdStatus, LeavesQty, CumQty, then (LastQty, LastPx) or the reason of a refusal.
    A CancelRejected: ClOrdID, "9", OrdStatus, response, reason. Anything else: the name of its type.
    """
    rows: list[tuple[Any, ...]] = []
    for event in events:
        if isinstance(event, Execution):
            row: tuple[Any, ...] = (
                event.cl_ord_id,
                event.exec_type,
                event.ord_status,
                event.leaves_qty,
                event.cum_qty,
            )
            if event.exec_type == "F":
                row += ((event.last_qty, event.last_price),)
            elif event.exec_type == "8":
                row += (event.reason,)
            rows.append(row)
        elif isinstance(event, CancelRejected):
            rows.append((event.cl_ord_id, "9", event.ord_status, event.response_to, event.reason))
        else:
            rows.append((type(event).__name__,))
    return rows


def text_of(events: list[Event]) -> str:
    """The text of the last event, which has one."""
    text = getattr(events[-1], "text", "")
    assert text, f"{events[-1]} says why"
    return str(text)
